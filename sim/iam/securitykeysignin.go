package iam

import (
	"bytes"
	"cmp"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// beginSignIn asks for a signature of one of the user's security keys: WebAuthn, Section 7.2, step 1.
func (o *operating) beginSignIn() (any, error) {
	u, _, err := o.asked()
	if err != nil {
		return nil, err
	}
	p, err := o.party(u)
	if err != nil {
		return nil, err
	}
	options, session, err := o.askToSign(p)
	if err != nil {
		return nil, err
	}
	return o.begin(&ceremony{UserID: u.ID, Session: *session}, options)
}

// asked returns who signs in: the user of the sign-in that the call names, or, for who does not ask for passwords, the user
// that it names.
func (o *operating) asked() (*User, *signIn, error) {
	if o.param("SignInId") == "" {
		u, err := o.subject()
		o.signing = u
		return u, nil, err
	}
	s, u, err := o.underWay()
	return u, s, err
}

// finishSignIn judges a signature and begins a session with MFA: WebAuthn, Section 7.2. Where the call names a sign-in, that
// goes on.
func (o *operating) finishSignIn() (any, error) {
	u, s, err := o.asked()
	if err != nil {
		return nil, err
	}
	c, err := o.ceremony(u, false)
	if err != nil {
		return nil, err
	}
	d, err := o.judgeAsserted(u, c)
	if err != nil {
		return nil, o.keyRefusal(err, assertionSteps)
	}
	if err := o.putDevice(d); err != nil {
		return nil, err
	}
	if s != nil {
		s.Serial = d.Serial
		return o.goOn(u, s)
	}
	length := defaultSession * time.Second
	if u.ID == Root {
		length = rootSession * time.Second
	}
	x, token, err := o.newSession(u.ID, d.Serial, length)
	if err != nil {
		return nil, err
	}
	return &ConsoleSession{x.AccessKeyID, x.Secret, token, d.Serial, x.Expires}, nil
}

// judgeAsserted lets the library judge the call's assertion, and the signature count after it. It returns the device with
// what is known of it from now on.
func (o *operating) judgeAsserted(u *User, c *ceremony) (*device, error) {
	given := o.prepared.(presented)
	if given.err != nil {
		return nil, broken("form")
	}
	p, err := o.party(u)
	if err != nil {
		return nil, err
	}
	d, err := o.deviceWithCredential(u, given.asserted.RawID)
	if err != nil {
		return nil, err
	}
	credential, err := o.signature(p, c.Session, given.asserted, d.Serial, d.Key.Credential.Authenticator.SignCount)
	if err == error(broken("count-regress")) {
		d.Key.regressed(given.asserted.Response.AuthenticatorData.Counter, o.Now)
		return nil, cmp.Or(o.putDevice(d), err)
	}
	if err != nil {
		return nil, err
	}
	d.Key.Credential = *credential
	return d, nil
}

// signature lets the library judge an assertion of one of p's credentials, whose signature count was known. It returns the
// credential as it is from now on.
func (o *operating) signature(p party, session webauthn.SessionData, a *protocol.ParsedCredentialAssertionData, serial string, known uint32) (*webauthn.Credential, error) {
	rp, err := o.relyingParty(nil)
	if err != nil {
		return nil, err
	}
	session = o.blind(&a.Response.CollectedClientData, &a.Response.AuthenticatorData, session)
	said := a.Response.AuthenticatorData.Counter
	credential, err := rp.ValidateLogin(p, session, a)
	if err != nil {
		return nil, unbelieved{err}
	}
	o.decision.Facts = []Fact{{"serial", serial}, {"count", int64(said)}, {"known", int64(known)}}
	if credential.Authenticator.CloneWarning {
		if !o.settings.CountRegress {
			return nil, broken("count-regress")
		}
		credential.Authenticator.CloneWarning, credential.Authenticator.SignCount = false, said
	}
	return credential, nil
}

// deviceWithCredential returns u's device with that credential ID.
func (o *operating) deviceWithCredential(u *User, id []byte) (*device, error) {
	for _, serial := range u.Devices {
		d, err := o.deviceNumbered(serial)
		if err != nil {
			return nil, err
		}
		if d.Key != nil && bytes.Equal(d.Key.Credential.ID, id) {
			return d, nil
		}
	}
	return nil, broken("credential")
}

var _ webauthn.User = party{}
