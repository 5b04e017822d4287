package portal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/mfalab/mfalab/sim/iam"
)

// took takes the ceremony: it is good for one answer, whatever comes of that (WebAuthn, Section 13.4.3).
func (t *turn) took(p *pending, enrolment bool) (c *ceremony, session webauthn.SessionData, err error) {
	c = p.Ceremony
	if c == nil || enrolment != (c.Name != "") || !t.at.Now.Before(c.Expires) {
		return nil, session, refused("challenge", "WebAuthn, Section 13.4.3", "The security key took too long, or was asked elsewhere since. Try again.")
	}
	if !t.Settings().ChallengeReuse {
		p.Ceremony = nil
	}
	return c, session, json.Unmarshal(c.Session, &session)
}

// asks makes a challenge pending.
func (t *turn) asks(p *pending, name string, session *webauthn.SessionData) error {
	b, err := json.Marshal(session)
	p.Ceremony = &ceremony{name, t.at.Now.Round(0).UTC().Add(t.Settings().ChallengeTime), b}
	return err
}

// BeginKey asks for a signature of one of the user's security keys: what it returns is for navigator.credentials.get.
func (d *Directory) BeginKey(ctx context.Context, at At, id string) (options json.RawMessage, err error) {
	err = d.update(ctx, at, "BeginKey", nil, func(t *turn) error {
		s, u, err := t.underWay(id)
		if err != nil {
			return err
		}
		var session *webauthn.SessionData
		if options, session, err = t.AskToSign(u.party()); err != nil {
			return err
		}
		if err := t.asks(&s.pending, "", session); err != nil {
			return err
		}
		return t.store(kindSignIn, s.ID, s)
	})
	return options, err
}

// FinishKey judges the signature.
func (d *Directory) FinishKey(ctx context.Context, at At, id string, response []byte, trust bool) (*SignIn, error) {
	return d.step(ctx, at, "FinishKey", id, trust, func(t *turn, u *user, s *signIn) error {
		_, session, err := t.took(&s.pending, false)
		if err != nil {
			return err
		}
		k, err := t.JudgeSigned(u.party(), session, response)
		if err != nil {
			if !errors.As(err, new(*iam.Error)) {
				return err
			}
			if err := t.store(kindSignIn, s.ID, s); err != nil { // the challenge is used up
				return err
			}
			return t.failed(u, s, keyType, err)
		}
		for i := range u.Devices {
			if x := u.Devices[i].Key; x != nil && string(x.ID) == string(k.ID) {
				u.Devices[i].Key = k
			}
		}
		if err := t.putUser(u); err != nil {
			return err
		}
		return t.passed(u, s, keyType)
	})
}

// BeginNewKey begins the enrolment of a security key: what it returns is for navigator.credentials.create.
func (d *Directory) BeginNewKey(ctx context.Context, at At, who Who, name string) (options json.RawMessage, err error) {
	err = d.enrol(ctx, at, who, "BeginNewKey", func(e *enrolling) error {
		if err := e.room(Key, name); err != nil {
			return err
		}
		var session *webauthn.SessionData
		var err error
		if options, session, err = e.AskToCreate(e.user.party()); err != nil {
			return err
		}
		if err := e.asks(e.pending(), name, session); err != nil {
			return err
		}
		return e.keep()
	})
	return options, err
}

// FinishNewKey judges the new credential and gives the key to the user.
func (d *Directory) FinishNewKey(ctx context.Context, at At, who Who, response []byte) (*SignIn, error) {
	var out *SignIn
	err := d.enrol(ctx, at, who, "FinishNewKey", func(e *enrolling) error {
		c, session, err := e.took(e.pending(), true)
		if err != nil {
			return err
		}
		if err := e.room(Key, c.Name); err != nil {
			return err
		}
		k, err := e.JudgeCreated(e.user.party(), session, response)
		if err == nil {
			var taken []byte
			if taken, err = e.Get(kindKey, credentialKey(k.ID)); err == nil && taken != nil {
				err = refused("credential-id", "WebAuthn, Section 7.1, step 22", "That security key is registered already.")
			}
		}
		if err != nil {
			e.kept = true
			return errors.Join(err, e.keep())
		}
		if err := e.Put(kindKey, credentialKey(k.ID), []byte(e.user.key())); err != nil {
			return err
		}
		out, err = e.add(device{Kind: Key, Name: c.Name, Key: k}, keyType)
		return err
	})
	return out, err
}

func credentialKey(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }
