package iam

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/crypto/bcrypt"

	"github.com/mfalab/mfalab/sim/trail"
)

// Settings returns the rules by which codes and keys are judged.
func (r *Records) Settings() *Settings { return &r.o.settings }

// Send puts a message into the simulated inboxes; its ID and time are made here.
func (r *Records) Send(m Message) error { return r.o.send(m) }

// Leave writes an event of the call into the trail, in the same transaction. Its ID and the request's are made here.
func (r *Records) Leave(e *trail.Event) error { return r.o.note(r.Tx, e, r.o.Now) }

// Say adds a fact to the journal's record of the call; it holds no secret.
func (r *Records) Say(name string, value any) {
	r.o.decision.Facts = append(r.o.decision.Facts, Fact{name, value})
}

// Hardware returns what is known of the hardware device with that serial number, and whose it is: "" for nobody's, for a
// user of IAM the unique ID. Nil where the factory's inventory has none.
func (r *Records) Hardware(serial string) (v *Verifier, holder string, err error) {
	d := &device{}
	found, err := get(r.Tx, kindDevice, serial, d)
	if err != nil || !found || d.Virtual || d.Key != nil {
		return nil, "", err
	}
	return &d.Verifier, d.UserID, nil
}

// PutHardware writes down what is known of a device that Hardware returned, and whose it is from now on. A holder that is no
// user of IAM keeps the device from being enabled there: it belongs to one at a time (IAM User Guide,
// id_credentials_mfa_enable_physical).
func (r *Records) PutHardware(serial, holder string, v Verifier) error {
	d := &device{}
	found, err := get(r.Tx, kindDevice, serial, d)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("the inventory has no device with the serial number %q", serial)
	}
	d.Verifier = v
	if d.UserID != holder {
		d.UserID, d.Enabled = holder, r.o.today()
	}
	return r.o.putDevice(d)
}

// A KeyHolder is who has security keys at a service beside IAM. The handle says nothing of the person (WebAuthn, Section
// 14.6.1).
type KeyHolder struct {
	Handle, Name string
	Keys         []webauthn.Credential
}

func (h KeyHolder) party() party { return party{user: &User{ID: h.Handle, Name: h.Name}, keys: h.Keys} }

// AskToCreate begins the enrolment of a security key: options are for navigator.credentials.create, session is for
// JudgeCreated.
func (r *Records) AskToCreate(h KeyHolder) (options json.RawMessage, session *webauthn.SessionData, err error) {
	return asked(r.o.askToCreate(h.party()))
}

// AskToSign asks for a signature of one of the holder's keys: options are for navigator.credentials.get, session is for
// JudgeSigned.
func (r *Records) AskToSign(h KeyHolder) (options json.RawMessage, session *webauthn.SessionData, err error) {
	return asked(r.o.askToSign(h.party()))
}

func asked(options any, session *webauthn.SessionData, err error) (json.RawMessage, *webauthn.SessionData, error) {
	if err != nil {
		return nil, nil, err
	}
	b, err := json.Marshal(options)
	return b, session, err
}

// JudgeCreated judges a RegistrationResponseJSON by the account's rules, weakened ones included: WebAuthn, Section 7.1. That
// the credential is nobody's yet the caller sees to.
func (r *Records) JudgeCreated(h KeyHolder, session webauthn.SessionData, response []byte) (*webauthn.Credential, error) {
	p := presented{}
	p.created, p.err = protocol.ParseCredentialCreationResponseBytes(response)
	k, err := r.o.newCredential(h.party(), session, p)
	if err != nil {
		return nil, r.o.keyRefusal(err, creationSteps)
	}
	return k, nil
}

// JudgeSigned judges an AuthenticationResponseJSON by the account's rules: WebAuthn, Section 7.2. It returns the credential as
// it is from now on, with its new signature count.
func (r *Records) JudgeSigned(h KeyHolder, session webauthn.SessionData, response []byte) (*webauthn.Credential, error) {
	a, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, r.o.keyRefusal(broken("form"), assertionSteps)
	}
	for _, k := range h.Keys {
		if string(k.ID) != string(a.RawID) {
			continue
		}
		c, err := r.o.signature(h.party(), session, a, h.Handle, k.Authenticator.SignCount)
		if err != nil {
			return nil, r.o.keyRefusal(err, assertionSteps)
		}
		return c, nil
	}
	return nil, r.o.keyRefusal(broken("credential"), assertionSteps)
}

// Refuse counts a refused code or password. Locked reports whether the next one is looked at.
func (r *Records) Refuse(t *Throttle) { t.refuse(r.o.Now, &r.o.settings) }

// Locked reports whether codes or passwords are not looked at now: with the setting lockout alone.
func (r *Records) Locked(t *Throttle) bool { return t.locked(r.o.Now, &r.o.settings) }

// HashPassword returns what is stored of a password.
func HashPassword(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword(digested(password), passwordCost)
	return string(hash), err
}

// PasswordMatches compares a password with what is stored; with "" for a user who is not there it takes as long, and is false.
func PasswordMatches(hash, password string) bool {
	against := []byte(hash)
	if hash == "" {
		against = absentHash()
	}
	return compare(against, digested(password)) == nil && hash != ""
}

// Look runs f on one consistent snapshot, for services beside IAM that read records of their own.
func (s *Service) Look(ctx context.Context, f func(Tx) error) error { return s.store.View(ctx, f) }
