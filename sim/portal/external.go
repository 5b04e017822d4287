package portal

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"time"
)

// assertionTime is how long an assertion is good for. Our choice, and what many identity providers say in NotOnOrAfter.
const assertionTime = 5 * time.Minute

// assertion is a request to the external identity provider, and its answer.
type assertion struct {
	SignIn  string    `json:"signIn"`
	User    string    `json:"user,omitempty"` // who was signed in there
	Hash    string    `json:"hash,omitempty"` // of what the browser carries back
	Expires time.Time `json:"expires"`
}

// Request begins a sign-in at the external identity provider. id stays with the portal's cookie, request goes to the provider:
// an assertion is good in the browser that asked for it and in no other.
func (d *Directory) Request(ctx context.Context, at At) (id, request string, err error) {
	err = d.update(ctx, at, "Request", nil, func(t *turn) error {
		if t.rules.IDP != External {
			return refused("idp", section, "The portal signs people in itself.")
		}
		err := t.sweep(kindAssertion, func(b []byte) (bool, error) {
			var old assertion
			err := json.Unmarshal(b, &old)
			return !at.Now.Before(old.Expires), err
		})
		if err != nil {
			return err
		}
		s := &signIn{Workflow: t.workflow(), Request: t.draw("request", idLength)}
		if err := t.beginning(s); err != nil {
			return err
		}
		id, request = s.ID, s.Request
		return t.store(kindAssertion, request, &assertion{SignIn: s.ID, Expires: s.Expires})
	})
	return id, request, err
}

// Assert is the external identity provider: it judges name and password, which it has in common with the portal, asks for no
// second factor, and returns what the browser carries back.
func (d *Directory) Assert(ctx context.Context, at At, request, name, password string) (code string, err error) {
	right, hash, err := d.compare(ctx, name, password)
	if err != nil {
		return "", err
	}
	err = d.update(ctx, at, "Assert", nil, func(t *turn) error {
		a := &assertion{}
		found, err := t.load(kindAssertion, request, a)
		switch {
		case err != nil:
			return err
		case !found || !at.Now.Before(a.Expires) || t.rules.IDP != External:
			return errNoSignIn
		}
		u, err := t.user(name)
		if err != nil {
			return err
		}
		if u == nil || u.Hash != hash || !right || t.Locked(&u.Tried) {
			if t.kept = true; u != nil && u.Hash == hash && !t.Locked(&u.Tried) {
				t.Refuse(&u.Tried)
				if err := t.putUser(u); err != nil {
					return err
				}
			}
			return errSignIn
		}
		code = t.draw("assertion", 2*idLength)
		a.User, a.Hash, a.Expires = u.key(), hashed(code), at.Now.Round(0).UTC().Add(assertionTime)
		return t.store(kindAssertion, request, a)
	})
	return code, err
}

// Redeem ends the sign-in with the assertion that the browser brought back: good once, and for the sign-in that asked for it.
func (d *Directory) Redeem(ctx context.Context, at At, id, request, code string) (*SignIn, error) {
	var out *SignIn
	err := d.update(ctx, at, "Redeem", nil, func(t *turn) error {
		s, a := &signIn{}, &assertion{}
		asked, err := t.load(kindSignIn, id, s)
		if err != nil {
			return err
		}
		found, err := t.load(kindAssertion, request, a)
		switch {
		case err != nil:
			return err
		case !asked || !found || s.Request != request || a.SignIn != id || a.User == "" || !at.Now.Before(a.Expires) || t.rules.IDP != External,
			subtle.ConstantTimeCompare([]byte(hashed(code)), []byte(a.Hash)) != 1:
			return refused("assertion", section, "The identity provider's answer is not one to this sign-in. Start again.")
		}
		u, err := t.user(a.User)
		if err != nil || u == nil {
			return errNoSignIn
		}
		if err := t.Delete(kindAssertion, request); err != nil {
			return err
		}
		s.Passed = []string{externalType}
		if err := t.Delete(kindSignIn, id); err != nil {
			return err
		}
		x, err := t.begin(u, s)
		if err != nil {
			return err
		}
		out = &SignIn{Name: u.Name, Session: x}
		return t.leave(u, s, "UserAuthentication", externalType, true, false)
	})
	return out, err
}
