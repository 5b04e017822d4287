package main

import (
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

//go:embed testdata/browser/page.html
var partyPage []byte

// A party is a relying party for one user, whom a page lets register keys and log in. What it believes go-webauthn has
// verified: challenge, origin, signatures and counters, and attestations down to the lab's root.
type party struct {
	*webauthn.WebAuthn
	server *httptest.Server
	port   string

	mu          sync.Mutex
	credentials []webauthn.Credential
	session     *webauthn.SessionData
}

// A wish is what a page asks the party to begin with.
type wish struct {
	Attestation protocol.ConveyancePreference        `json:"attestation,omitempty"`
	Resident    protocol.ResidentKeyRequirement      `json:"resident,omitempty"`
	Verified    protocol.UserVerificationRequirement `json:"verified,omitempty"`
	Exclude     bool                                 `json:"exclude,omitempty"` // the keys that are registered
	Anyone      bool                                 `json:"anyone,omitempty"`  // a login without a name: the key says whose it is
	RPID        string                               `json:"rpId,omitempty"`    // what the page puts in place of the party's
	User        map[string]string                    `json:"user,omitempty"`    // likewise, of the account
	Only        bool                                 `json:"only,omitempty"`    // the page asks for the newest credential alone
	Extensions  map[string]any                       `json:"extensions,omitempty"`
}

// extend asks for the extensions of the wish.
func (w wish) extend(in *protocol.AuthenticationExtensions) error {
	b, err := json.Marshal(w.Extensions)
	if err != nil || w.Extensions == nil {
		return err
	}
	return json.Unmarshal(b, in)
}

// openParty starts a relying party on http://localhost, which trusts the keys of the lab with that root.
func openParty(t *testing.T, root *x509.Certificate) *party {
	p := &party{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(partyPage) // a browser that has gone is no concern of the party's
	})
	mux.HandleFunc("POST /register/begin", answering(p.beginRegistration))
	mux.HandleFunc("POST /register/finish", answering(p.finishRegistration))
	mux.HandleFunc("POST /login/begin", answering(p.beginLogin))
	mux.HandleFunc("POST /login/finish", answering(p.finishLogin))
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	_, port, err := net.SplitHostPort(p.server.Listener.Addr().String())
	require.NoError(t, err)
	p.port = port
	p.WebAuthn, err = webauthn.New(&webauthn.Config{RPID: "localhost", RPDisplayName: "A relying party",
		RPOrigins: []string{"http://localhost:" + port}, MDS: trusting(t, root)})
	require.NoError(t, err)
	return p
}

// answering serves an operation of the party's: JSON where it is done, what is wrong where it is not.
func answering(f func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			var detailed *protocol.Error
			if errors.As(err, &detailed) {
				err = fmt.Errorf("%w: %s: %s", err, detailed.Details, detailed.DevInfo)
			}
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(v) // likewise
	}
}

// trusting is the metadata of the lab's products: attestations are full, or those of TPMs, and end at that root.
func trusting(t *testing.T, root *x509.Certificate) metadata.Provider {
	entries := map[uuid.UUID]*metadata.Entry{}
	for _, profile := range live.KeyProfiles() {
		entries[uuid.UUID(profile.Key.AAGUID)] = &metadata.Entry{AaGUID: uuid.UUID(profile.Key.AAGUID), MetadataStatement: metadata.Statement{
			AttestationTypes: metadata.AuthenticatorAttestationTypes{metadata.BasicFull, metadata.AttCA}, AttestationRootCertificates: []*x509.Certificate{root}}}
	}
	provider, err := memory.New(memory.WithMetadata(entries), memory.WithValidateEntry(true), memory.WithValidateTrustAnchor(true),
		memory.WithValidateAttestationTypes(true), memory.WithValidateEntryPermitZeroAAGUID(false), memory.WithValidateStatus(false))
	require.NoError(t, err)
	return provider
}

// WebAuthnID implements webauthn.User.
func (p *party) WebAuthnID() []byte { return []byte("user 1") }

// WebAuthnName implements webauthn.User.
func (p *party) WebAuthnName() string { return "alice" }

// WebAuthnDisplayName implements webauthn.User.
func (p *party) WebAuthnDisplayName() string { return "Alice" }

// WebAuthnCredentials implements webauthn.User.
func (p *party) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// last returns the credential that was registered last.
func (p *party) last(t *testing.T) webauthn.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NotEmpty(t, p.credentials)
	return p.credentials[len(p.credentials)-1]
}

// forget takes every credential off the party's books.
func (p *party) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credentials = nil
}

func (p *party) beginRegistration(r *http.Request) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var w wish
	if err := json.NewDecoder(r.Body).Decode(&w); err != nil {
		return nil, err
	}
	options := []webauthn.RegistrationOption{webauthn.WithConveyancePreference(w.Attestation),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: w.Resident, UserVerification: w.Verified})}
	if w.Exclude {
		options = append(options, webauthn.WithExclusions(webauthn.Credentials(p.credentials).CredentialDescriptors()))
	}
	options = append(options, func(o *protocol.PublicKeyCredentialCreationOptions) error { return w.extend(&o.Extensions) })
	creation, session, err := p.BeginRegistration(p, options...)
	p.session = session
	return creation, err
}

func (p *party) finishRegistration(r *http.Request) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.FinishRegistration(p, *p.session, r)
	if err != nil {
		return nil, err
	}
	p.credentials = append(p.credentials, *c)
	return fmt.Sprintf("registered with %s attestation", c.AttestationFormat), nil
}

func (p *party) beginLogin(r *http.Request) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var w wish
	if err := json.NewDecoder(r.Body).Decode(&w); err != nil {
		return nil, err
	}
	var assertion *protocol.CredentialAssertion
	var err error
	options := []webauthn.LoginOption{webauthn.WithUserVerification(w.Verified),
		func(o *protocol.PublicKeyCredentialRequestOptions) error { return w.extend(&o.Extensions) }}
	if w.Anyone {
		assertion, p.session, err = p.BeginDiscoverableLogin(options...)
	} else {
		assertion, p.session, err = p.BeginLogin(p, options...)
	}
	return assertion, err
}

func (p *party) finishLogin(r *http.Request) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var c *webauthn.Credential
	var err error
	if len(p.session.UserID) == 0 {
		c, err = p.FinishDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return p, nil }, *p.session, r)
	} else {
		c, err = p.FinishLogin(p, *p.session, r)
	}
	if err != nil {
		return nil, err
	}
	if c.Authenticator.CloneWarning {
		return nil, fmt.Errorf("the counter %d did not grow", c.Authenticator.SignCount)
	}
	for i := range p.credentials {
		if string(p.credentials[i].ID) == string(c.ID) {
			p.credentials[i] = *c
		}
	}
	return "logged in", nil
}

// rootOf returns what `mfalab key root` prints.
func rootOf(t *testing.T, dir string) *x509.Certificate {
	status, out, errs := mfalab(t, dir, "key", "root")
	require.Zero(t, status, errs)
	block, rest := pem.Decode([]byte(out))
	require.NotNil(t, block, out)
	require.Empty(t, rest)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return certificate
}
