package iam

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
)

// partyName is what people see when their key is enrolled.
const partyName = "mfalab"

// relyingParty returns the library's relying party under the settings. What is known of models may be nil. Its time-outs are not enforced: it would read the
// machine's clock, and the lab's decides.
func (o *operating) relyingParty(known *models) (*webauthn.WebAuthn, error) {
	timeout := webauthn.TimeoutConfig{Timeout: o.settings.ChallengeTime, TimeoutUVD: o.settings.ChallengeTime}
	cfg := &webauthn.Config{RPID: o.settings.RPID, RPDisplayName: partyName, RPOrigins: []string{o.settings.RPOrigin},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout}}
	cfg.AuthenticatorSelection = protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementDiscouraged,
		UserVerification: protocol.UserVerificationRequirement(o.settings.UserVerification)}
	if o.settings.Attestation {
		cfg.AttestationPreference = protocol.PreferDirectAttestation
		if o.settings.AnyAttestation {
			return webauthn.New(cfg) // which then knows no models to hold it against
		}
		if known != nil {
			cfg.MDS = known.provider
			return webauthn.New(cfg)
		}
		if o.metadata != nil {
			return webauthn.New(cfg) // a ceremony begins, or somebody signs in: no model is judged
		}
		root, err := o.attestationRoot()
		if err != nil {
			return nil, err
		}
		cfg.MDS = trust{root}
	}
	return webauthn.New(cfg)
}

// attestationRoot returns the certificate that attestation has to lead to.
func (s *Service) attestationRoot() (*x509.Certificate, error) {
	if s.root == nil {
		return nil, errors.New("attestation is asked for, and this account trusts no root: set it to none")
	}
	der, err := s.root(s.chance())
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// trust is metadata in which every model's attestation leads to one root.
type trust struct{ root *x509.Certificate }

var _ metadata.Provider = trust{}

// GetEntry implements metadata.Provider.
func (t trust) GetEntry(context.Context, uuid.UUID) (*metadata.Entry, error) {
	return &metadata.Entry{MetadataStatement: metadata.Statement{AttestationRootCertificates: []*x509.Certificate{t.root},
		AttestationTypes: metadata.AuthenticatorAttestationTypes{metadata.BasicFull}}}, nil
}

// GetValidateEntry implements metadata.Provider.
func (trust) GetValidateEntry(context.Context) bool { return true }

// GetValidateEntryPermitZeroAAGUID implements metadata.Provider.
func (trust) GetValidateEntryPermitZeroAAGUID(context.Context) bool { return false }

// GetValidateTrustAnchor implements metadata.Provider.
func (trust) GetValidateTrustAnchor(context.Context) bool { return true }

// GetValidateStatus implements metadata.Provider.
func (trust) GetValidateStatus(context.Context) bool { return false }

// GetValidateAttestationTypes implements metadata.Provider.
func (trust) GetValidateAttestationTypes(context.Context) bool { return true }

// ValidateStatusReports implements metadata.Provider.
func (trust) ValidateStatusReports(context.Context, []metadata.StatusReport) error { return nil }

// presented is what a client presents, or why it cannot be read.
type presented struct {
	created  *protocol.ParsedCredentialCreationData
	asserted *protocol.ParsedCredentialAssertionData
	models   *models // nil where nothing is published
	err      error
}

// parseCreated reads a RegistrationResponseJSON: WebAuthn, Section 7.1, steps 3 to 6 and 12.
func parseCreated(call Call) (any, error) {
	p := presented{}
	p.created, p.err = protocol.ParseCredentialCreationResponseBytes([]byte(call.Params.Get("Response")))
	return p, nil
}

// parseAsserted reads an AuthenticationResponseJSON: WebAuthn, Section 7.2, steps 3, 4 and 8 to 10.
func parseAsserted(call Call) (any, error) {
	p := presented{}
	p.asserted, p.err = protocol.ParseCredentialRequestResponseBytes([]byte(call.Params.Get("Response")))
	return p, nil
}

// judgeCreated lets the library judge the call's new credential.
func (o *operating) judgeCreated(u *User, c *ceremony) (*webauthn.Credential, error) {
	credential, err := o.newCredential(party{user: u}, c.Session, o.prepared.(presented))
	if err != nil {
		return nil, err
	}
	taken, err := o.Get(kindCredential, credentialKey(credential.ID))
	if err == nil && taken != nil {
		err = broken("credential-id")
	}
	return credential, err
}

// newCredential lets the library judge a new credential of p's.
func (o *operating) newCredential(p party, session webauthn.SessionData, given presented) (*webauthn.Credential, error) {
	if given.err != nil {
		return nil, broken("form")
	}
	judged := !o.settings.AnyAttestation // what the key proves of itself
	if judged && given.models != nil && given.models.trouble != nil {
		return nil, broken("metadata")
	}
	rp, err := o.relyingParty(given.models)
	if err != nil {
		return nil, err
	}
	response := &given.created.Response
	credential, err := rp.CreateCredential(p, o.blind(&response.CollectedClientData, &response.AttestationObject.AuthData, session), given.created)
	switch {
	case err != nil:
		return nil, unbelieved{err}
	case judged && o.settings.Attestation && credential.AttestationType != string(metadata.BasicFull):
		return nil, broken("attestation-trust")
	case judged && given.models != nil && given.models.revoked.attests(given.created):
		return nil, broken("attestation-revoked")
	}
	return credential, nil
}

// blind makes the library see what it expects where a check is weakened on purpose. The signature is checked over what
// really came. It returns the session as it is to be judged.
func (o *operating) blind(data *protocol.CollectedClientData, auth *protocol.AuthenticatorData, session webauthn.SessionData) webauthn.SessionData {
	if o.settings.AnyOrigin {
		data.Origin, data.TopOrigin, data.CrossOrigin = o.settings.RPOrigin, "", false
	}
	if o.settings.AnyChallenge {
		data.Challenge = session.Challenge
	}
	if o.settings.AnyRPIDHash {
		hash := sha256.Sum256([]byte(session.RelyingPartyID))
		auth.RPIDHash = hash[:]
	}
	if o.settings.AnyVerification {
		session.UserVerification = protocol.VerificationDiscouraged
	}
	return session
}

// unbelieved is the library's error about what a client presents.
type unbelieved struct{ error }

// rule returns the rule that was broken.
func (u unbelieved) rule() broken {
	var said *protocol.Error
	if errors.As(u.error, &said) {
		for _, v := range verdicts {
			if strings.Contains(said.Details+"\n"+said.DevInfo, v.words) {
				return broken(v.rule)
			}
		}
	}
	return "form"
}

// broken is a rule that this package itself found broken.
type broken string

// Error returns the rule's name.
func (b broken) Error() string { return string(b) }

// steps say in which step of a section a rule is written, by the rule's name.
type steps struct {
	section string
	answer  string // the ID of the text
	step    map[string]string
}

var creationSteps = steps{"WebAuthn, Section 7.1", "InvalidSecurityKey", map[string]string{
	"type": "7", "challenge": "8", "origin": "9", "rp-id-hash": "13", "user-presence": "14", "user-verification": "15",
	"algorithm": "16", "extensions": "17", "attestation": "19", "attestation-trust": "21", "attestation-status": "21", "attestation-revoked": "21",
	"metadata": "20", "credential-id": "22"}}

var assertionSteps = steps{"WebAuthn, Section 7.2", "SecurityKeyFailed", map[string]string{
	"credential": "5", "user-handle": "6", "type": "11", "challenge": "12", "origin": "13", "rp-id-hash": "15",
	"user-presence": "16", "user-verification": "17", "extensions": "18", "signature": "20", "count-regress": "21"}}

// verdicts say which rule the library found broken, by words of its error. What is not here broke the form.
var verdicts = []struct{ words, rule string }{
	{"validating ceremony type", "type"},
	{"validating challenge", "challenge"},
	{"validating origin", "origin"},
	{"validating cross origin", "origin"},
	{"validating top", "origin"},
	{"RP Hash mismatch", "rp-id-hash"},
	{"User presence required", "user-presence"},
	{"User verification required", "user-verification"},
	{"public key algorithm not supported", "algorithm"},
	{"validating the authenticator status", "attestation-status"},
	{"has no registered metadata", "attestation-trust"},
	{"extension", "extensions"},
	{"User handle", "user-handle"},
	{"assertion signature", "signature"},
	{"assertion public key", "signature"},
	{"ttestation", "attestation"},
	{"ertificate", "attestation"},
	{"signature", "attestation"},
}

// keyRefusal turns what was wrong with a client's answer into the refusal of the call. Errors of the store stay what they
// are. The challenge is used up although the call fails.
func (o *operating) keyRefusal(err error, s steps) error {
	var rule broken
	var said unbelieved
	switch {
	case errors.As(err, &said):
		rule = said.rule()
	case !errors.As(err, &rule):
		return err
	}
	e := o.refuse(s.answer)
	e.Rule, e.Section, e.counted = string(rule), s.section, true
	if step := s.step[e.Rule]; step != "" {
		e.Section += ", step " + step
	}
	return e
}
