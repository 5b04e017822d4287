package iam

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// The document of this part is Web Authentication Level 2 (W3C Recommendation, 2021-04-08): "WebAuthn" in a citation.

// Our choices about security keys.
const (
	// challengeLength is twice what WebAuthn, Section 13.4.3, asks for at least.
	challengeLength = 32
	// ceremoniesKept is how many challenges one user can have open at a time: more than tabs that anybody fills in.
	ceremoniesKept = 16
)

// From the service's documentation: the part of a security key's ARN that is drawn, after its name.
const keySuffix = 26

// securityKeyOperations are what the console does with security keys. They belong to no service with a version: AWS has
// no API for them (aws-cli #3607), and so there is none on the wire. What others call MFA devices' operations, listing
// and deactivating, takes security keys as well.
var securityKeyOperations = []*operation{
	{service: "signin", name: "BeginSecurityKeyEnrolment", needs: "iam:EnableMFADevice", on: onKeyBegun, writes: true, run: (*operating).beginEnrolment, params: []param{
		{"UserName", existingUserNameShape, false}, {"SecurityKeyName", securityKeyNameShape, true}}},
	{service: "signin", name: "FinishSecurityKeyEnrolment", needs: "iam:EnableMFADevice", on: onKeyMade, writes: true,
		look: (*Service).lookAtCreated, run: (*operating).finishEnrolment, params: []param{
			{"UserName", existingUserNameShape, false}, {"CeremonyId", ceremonyIDShape, true}, {"Response", ceremonyResponseShape, true}}},
	{service: "signin", name: "BeginSecurityKeySignIn", writes: true, run: (*operating).beginSignIn, params: []param{
		{"UserName", existingUserNameShape, false}, {"SignInId", ceremonyIDShape, false}}},
	{service: "signin", name: "FinishSecurityKeySignIn", writes: true, prepare: parseAsserted, run: (*operating).finishSignIn,
		params: []param{{"UserName", existingUserNameShape, false}, {"SignInId", ceremonyIDShape, false},
			{"CeremonyId", ceremonyIDShape, true}, {"Response", ceremonyResponseShape, true}}},
}

// The shapes of these parameters. Our choice, but for the characters of a name, which stands in an ARN.
var (
	securityKeyNameShape  = newShape(1, 64, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	ceremonyIDShape       = newShape(26, 26, `[A-Z2-7]+`, `[A-Z2-7]+`)
	ceremonyResponseShape = hidden(shape{min: 2, max: 65536})
)

// A Ceremony is one that has begun: what the page hands to navigator.credentials. The result of BeginSecurityKeyEnrolment
// and BeginSecurityKeySignIn.
type Ceremony struct {
	ID      string          // CeremonyId, to finish it
	Options json.RawMessage // PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON
}

// An EnrolledKey is the result of FinishSecurityKeyEnrolment.
type EnrolledKey struct {
	SerialNumber string // the key's ARN
}

// enrolled is a security key in the record of its device.
type enrolled struct {
	Name       string              `json:"name"`
	Credential webauthn.Credential `json:"credential"` // the credential record: WebAuthn, Section 4
	// Certifications are those of the model when it was enrolled; nil where nothing was looked up.
	Certifications map[string]string `json:"certifications,omitempty"`
	// How often the count had not grown, what it was the last time, and when (lab time).
	Regressions int       `json:"regressions,omitempty"`
	RegressedTo uint32    `json:"regressedTo,omitempty"`
	RegressedAt time.Time `json:"regressedAt,omitzero"`
}

// ceremony is the record of a challenge that has not been answered.
type ceremony struct {
	ID      string               `json:"id"`
	UserID  string               `json:"userId"`
	Name    string               `json:"name,omitempty"` // of the key to be; "" where somebody signs in
	Expires time.Time            `json:"expires"`        // lab time
	Session webauthn.SessionData `json:"session"`
}

func (c *ceremony) key() string { return c.UserID + " " + c.ID }

// party is a user as the WebAuthn library wants it. The user handle is the user's unique ID: it says nothing of the
// person (WebAuthn, Section 14.6.1).
type party struct {
	user *User
	keys []webauthn.Credential
}

// WebAuthnID implements webauthn.User.
func (p party) WebAuthnID() []byte { return []byte(p.user.ID) }

// WebAuthnName implements webauthn.User.
func (p party) WebAuthnName() string {
	if p.user.ID == Root {
		return Root
	}
	return p.user.Name
}

// WebAuthnDisplayName implements webauthn.User.
func (p party) WebAuthnDisplayName() string { return p.WebAuthnName() }

// WebAuthnCredentials implements webauthn.User.
func (p party) WebAuthnCredentials() []webauthn.Credential { return p.keys }

// party returns u with the security keys that are u's.
func (o *operating) party(u *User) (party, error) {
	p := party{user: u}
	for _, serial := range u.Devices {
		d, err := o.deviceNumbered(serial)
		if err != nil {
			return p, err
		}
		if d.Key != nil {
			p.keys = append(p.keys, d.Key.Credential)
		}
	}
	return p, nil
}

// algorithms are what this relying party verifies, the most wanted one first.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES384},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// beginEnrolment begins the enrolment of a security key: WebAuthn, Section 7.1, step 1.
func (o *operating) beginEnrolment() (any, error) {
	u, err := o.enrolling()
	if err != nil {
		return nil, err
	}
	p, err := o.party(u)
	if err != nil {
		return nil, err
	}
	options, session, err := o.askToCreate(p)
	if err != nil {
		return nil, err
	}
	return o.begin(&ceremony{UserID: u.ID, Name: o.param("SecurityKeyName"), Session: *session}, options)
}

// askToCreate returns what the page of a new key hands to its browser: WebAuthn, Section 7.1, step 1.
func (o *operating) askToCreate(p party) (options any, session *webauthn.SessionData, err error) {
	rp, err := o.relyingParty(nil)
	if err != nil {
		return nil, nil, err
	}
	creation, session, err := rp.BeginRegistration(p, func(c *protocol.PublicKeyCredentialCreationOptions) error {
		c.Challenge, c.Parameters = o.draw("challenge").Bytes(challengeLength), algorithms
		for _, k := range p.keys {
			c.CredentialExcludeList = append(c.CredentialExcludeList, k.Descriptor())
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return creation.Response, session, nil
}

// askToSign returns what the page hands to the browser of who has keys: WebAuthn, Section 7.2, step 1.
func (o *operating) askToSign(p party) (options any, session *webauthn.SessionData, err error) {
	if len(p.keys) == 0 {
		return nil, nil, o.refuse("NoSecurityKey")
	}
	rp, err := o.relyingParty(nil)
	if err != nil {
		return nil, nil, err
	}
	assertion, session, err := rp.BeginLogin(p, func(r *protocol.PublicKeyCredentialRequestOptions) error {
		r.Challenge = o.draw("challenge").Bytes(challengeLength)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return assertion.Response, session, nil
}

// enrolling returns the user who is to get a security key, and refuses one who may get none.
func (o *operating) enrolling() (*User, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	if err := o.checkSettled(u); err != nil {
		return nil, err
	}
	if int64(len(u.Devices)) >= o.settings.DevicesPerUser {
		return nil, o.refuse("DeviceLimit", o.settings.DevicesPerUser)
	}
	return u, nil
}

// begin stores a ceremony. The oldest ones of a user who begins too many are forgotten.
func (o *operating) begin(c *ceremony, options any) (any, error) {
	var open []ceremony
	records, err := o.Scan(kindCeremony, c.UserID+" ", "", 0)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		var old ceremony
		if err := json.Unmarshal(r.Value, &old); err != nil {
			return nil, damaged(kindCeremony, r.Key, err)
		}
		open = append(open, old)
	}
	slices.SortStableFunc(open, func(a, b ceremony) int { return b.Expires.Compare(a.Expires) })
	for i, old := range open {
		if i < ceremoniesKept-1 && o.Now.Before(old.Expires) {
			continue
		}
		if err := o.Delete(kindCeremony, old.key()); err != nil {
			return nil, err
		}
	}
	c.ID, c.Expires = o.drawID("", 26), o.Now.Round(0).UTC().Add(o.settings.ChallengeTime)
	b, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	return &Ceremony{ID: c.ID, Options: b}, put(o.Tx, kindCeremony, c.key(), c)
}

// ceremony takes the user's ceremony that the call names, of an enrolment or of a sign-in. It is good for one answer,
// whatever comes of that, and for the user for whom it was begun. See WebAuthn, Section 13.4.3.
func (o *operating) ceremony(u *User, enrolment bool) (*ceremony, error) {
	c := &ceremony{ID: o.param("CeremonyId"), UserID: u.ID}
	found, err := get(o.Tx, kindCeremony, c.key(), c)
	switch {
	case err != nil:
		return nil, err
	case !found || enrolment != (c.Name != ""):
		return nil, o.refuse("NoCeremony")
	case !o.Now.Before(c.Expires):
		e := o.refuse("NoCeremony")
		e.Rule = "challenge-time"
		return nil, e
	case o.settings.ChallengeReuse:
		return c, nil
	}
	return c, o.Delete(kindCeremony, c.key())
}

// finishEnrolment judges a new credential and gives the key to the user: WebAuthn, Section 7.1.
func (o *operating) finishEnrolment() (any, error) {
	u, err := o.enrolling()
	if err != nil {
		return nil, err
	}
	c, err := o.ceremony(u, true)
	if err != nil {
		return nil, err
	}
	k, err := o.judgeCreated(u, c)
	if err != nil {
		return nil, o.keyRefusal(err, creationSteps)
	}
	d := &device{UserID: u.ID, Enabled: o.today(), Key: o.enrolled(c.Name, k), Verifier: Verifier{Last: noStep}}
	d.Serial = o.keyARN(u, c.Name)
	u.Devices = append(u.Devices, d.Serial)
	if err := o.Put(kindCredential, credentialKey(k.ID), []byte(d.Serial)); err != nil {
		return nil, err
	}
	if err := putUser(o.Tx, u); err != nil {
		return nil, err
	}
	o.decision.Facts = []Fact{{"serial", d.Serial}, {"count", int64(k.Authenticator.SignCount)}, {"attestation", k.AttestationFormat}}
	return &EnrolledKey{SerialNumber: d.Serial}, o.putDevice(d)
}

// enrolled is a new key as its device's record has it.
func (o *operating) enrolled(name string, k *webauthn.Credential) *enrolled {
	e := &enrolled{Name: name, Credential: *k}
	if k.AttestationType == string(metadata.BasicFull) {
		e.Certifications = o.prepared.(presented).models.certifications(k.Authenticator.AAGUID)
	}
	return e
}

// keyARN returns the ARN of a new security key: IAM User Guide, reference_identifiers. A user's path is not in it.
func (o *operating) keyARN(u *User, name string) string {
	owner := "user/" + u.Name
	if u.ID == Root {
		owner = Root
	}
	return fmt.Sprintf("arn:aws:iam::%s:u2f/%s/%s", o.account.ID, owner, o.drawID(name+"-", keySuffix))
}

func credentialKey(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// dropKey forgets a security key that is taken from its user: unlike a fob it cannot be given to another.
func (o *operating) dropKey(d *device) error {
	if err := o.Delete(kindCredential, credentialKey(d.Key.Credential.ID)); err != nil {
		return err
	}
	return o.Delete(kindDevice, d.Serial)
}
