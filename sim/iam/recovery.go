package iam

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Our choices about the way back in of a root user who lost the device.
const (
	// DefaultRootPhone is root's phone. The number is one of those that are nobody's.
	DefaultRootPhone = "+1 555 0100"
	recoveryCodeSize = 6
	// recoveryTries is how many wrong codes end the sign-in.
	recoveryTries = 5
	// messagesKept is how many messages the simulated inboxes keep.
	messagesKept = 200
)

// recoveryOperations are the way back in for a root user whose device is lost or broken: a code that comes by e-mail, then a
// call, in which the number that the page shows is typed on the phone (IAM User Guide, id_credentials_mfa_lost-or-broken).
//
//	password ── BeginRootRecovery ──▶ e-mail ── ConfirmRootEmail ──▶ call ── AnswerRootCall ──▶ FinishRootRecovery ──▶ session
var recoveryOperations = []*operation{
	{service: "signin", name: "BeginRootRecovery", writes: true, run: (*operating).beginRecovery, params: []param{{"SignInId", ceremonyIDShape, true}}},
	{service: "signin", name: "ConfirmRootEmail", writes: true, run: (*operating).confirmEmail, params: []param{
		{"SignInId", ceremonyIDShape, true}, {"Code", signInCodeShape, true}}},
	{service: "signin", name: "AnswerRootCall", writes: true, run: (*operating).answerCall, params: []param{{"Code", signInCodeShape, true}}},
	{service: "signin", name: "FinishRootRecovery", writes: true, run: (*operating).finishRecovery, params: []param{{"SignInId", ceremonyIDShape, true}}},
}

// recovery is how far the way back has been gone.
type recovery struct {
	Mail     string `json:"mail"`            // the code that went by e-mail
	Phone    string `json:"phone,omitempty"` // the number that the page shows, once the e-mail was confirmed
	Answered bool   `json:"answered,omitempty"`
	Tries    int    `json:"tries,omitempty"`
}

// A Recovery is what the page shows of the way back in.
type Recovery struct {
	Email    string // where the e-mail went
	Phone    string // who is called
	Number   string // to be typed on the phone; "" before the e-mail is confirmed
	Answered bool
}

// A Message is what came to a simulated inbox or phone.
type Message struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`  // lab time
	Via     string    `json:"via"` // "email", "call" or "sms"
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

// send puts a message into an inbox. The oldest ones go.
func (o *operating) send(m Message) error {
	m.At = o.Now.Round(0).UTC()
	m.ID = fmt.Sprintf("%019d-%s", m.At.UnixNano(), o.drawID("", 8))
	records, err := o.Scan(kindMessage, "", "", 0)
	if err != nil {
		return err
	}
	for i := 0; i <= len(records)-messagesKept; i++ {
		if err := o.Delete(kindMessage, records[i].Key); err != nil {
			return err
		}
	}
	return put(o.Tx, kindMessage, m.ID, m)
}

// Messages returns what came to the simulated inboxes and phones, the newest first.
func (s *Service) Messages(ctx context.Context) (out []Message, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		records, err := tx.Scan(kindMessage, "", "", 0)
		for _, r := range records {
			var m Message
			if err := json.Unmarshal(r.Value, &m); err != nil {
				return damaged(kindMessage, r.Key, err)
			}
			out = append([]Message{m}, out...)
		}
		return err
	})
	return out, err
}

// recovering returns root's sign-in that the call names.
func (o *operating) recovering() (*signIn, *User, error) {
	s, u, err := o.underWay()
	if err == nil && u.ID != Root {
		err = o.refuse("NoSignIn")
	}
	return s, u, err
}

func (o *operating) shown(r *recovery) *Recovery {
	return &Recovery{Email: o.account.email(), Phone: DefaultRootPhone, Number: r.Phone, Answered: r.Answered}
}

// code draws a code of six digits.
func (o *operating) sixDigits() string {
	return o.draw("recovery").Text(recoveryCodeSize, "0123456789")
}

// beginRecovery sends the e-mail. Asking again sends another, and the code of the one before is void; wrong tries stay counted.
func (o *operating) beginRecovery() (any, error) {
	s, _, err := o.recovering()
	if err != nil {
		return nil, err
	}
	r := &recovery{Mail: o.sixDigits()}
	if s.Recovery != nil {
		r.Tries = s.Recovery.Tries
	}
	s.Recovery = r
	if err := o.send(Message{Via: "email", To: o.account.email(), Subject: "Sign in with another factor",
		Text: "Somebody who knows the password of the root user wants to sign in without its MFA device. The code is " + r.Mail + "."}); err != nil {
		return nil, err
	}
	return o.shown(r), put(o.Tx, kindSignIn, s.ID, s)
}

// confirmEmail judges the code of the e-mail and places the call.
func (o *operating) confirmEmail() (any, error) {
	s, _, err := o.recovering()
	if err != nil {
		return nil, err
	}
	r := s.Recovery
	if r == nil {
		return nil, o.refuse("NoSignIn")
	}
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(o.param("Code"))), []byte(r.Mail)) != 1 {
		return nil, o.triedRecovery(s)
	}
	r.Phone = o.sixDigits()
	if err := o.send(Message{Via: "call", To: DefaultRootPhone, Subject: "A call",
		Text: "“To confirm that you want to sign in, type the number that the page shows.”"}); err != nil {
		return nil, err
	}
	return o.shown(r), put(o.Tx, kindSignIn, s.ID, s)
}

// triedRecovery counts a wrong code; too many end the sign-in.
func (o *operating) triedRecovery(s *signIn) error {
	s.Recovery.Tries++
	var err error
	if s.Recovery.Tries >= recoveryTries {
		err = o.Delete(kindSignIn, s.ID)
	} else {
		err = put(o.Tx, kindSignIn, s.ID, s)
	}
	if err != nil {
		return err
	}
	e := o.refuse("SignInCodeFailed")
	e.counted = true
	return e
}

// answerCall is what root types on the phone. A wrong number counts for every call that waits.
func (o *operating) answerCall() (any, error) {
	records, err := o.Scan(kindSignIn, "", "", 0)
	if err != nil {
		return nil, err
	}
	var refusal error
	for _, record := range records {
		s := &signIn{}
		if err := json.Unmarshal(record.Value, s); err != nil {
			return nil, damaged(kindSignIn, record.Key, err)
		}
		if s.UserID != Root || s.Recovery == nil || s.Recovery.Phone == "" || s.Recovery.Answered || !o.Now.Before(s.Expires) {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(o.param("Code"))), []byte(s.Recovery.Phone)) == 1 {
			s.Recovery.Answered = true
			return nil, put(o.Tx, kindSignIn, s.ID, s)
		}
		refusal = o.triedRecovery(s)
	}
	if refusal == nil {
		refusal = o.refuse("NoCall")
	}
	return nil, refusal
}

// finishRecovery begins root's session without MFA, once the call was answered; before that it says how it stands.
func (o *operating) finishRecovery() (any, error) {
	s, u, err := o.recovering()
	if err != nil {
		return nil, err
	}
	switch {
	case s.Recovery == nil:
		return nil, o.refuse("NoSignIn")
	case !s.Recovery.Answered:
		return o.shown(s.Recovery), nil
	}
	return o.goOn(u, s)
}
