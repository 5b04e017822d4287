package portal

import (
	"context"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// Our choices about codes that are sent.
const (
	sentTime  = 5 * time.Minute // that a code is good for
	sentTries = 5               // wrong ones end it
	sentGap   = 30 * time.Second
	sentMost  = 5 // to one number or address in sentSpan, whoever asks
	sentSpan  = 15 * time.Minute
)

// Our choices about recovery codes: 50 bits each.
const (
	recoveryCodes  = 10
	recoveryLength = 10
)

// The ways of sending a code.
const (
	viaSMS   = "sms"
	viaEmail = "email"
)

// sent is a code that was sent for a sign-in. It is good there and nowhere else.
type sent struct {
	Via     string    `json:"via"`
	To      string    `json:"to"`
	Hash    string    `json:"hash"`
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries,omitempty"`
}

// sentTypes are the CredentialTypes of sent codes.
var sentTypes = map[string]string{viaSMS: smsType, viaEmail: emailType}

// errCode is refused for a code that is wrong, whatever is wrong with it.
func errCode(rule, section string) *iam.Error {
	return refused(rule, section, "That code is not right. Try again.")
}

// Code judges a code of an authenticator app or a fob. The person does not say of which: one that is nobody's counts against
// each. A device that has refused several asks for two in a row.
func (d *Directory) Code(ctx context.Context, at At, id, code string, trust bool) (*SignIn, error) {
	return d.step(ctx, at, "Code", id, trust, func(t *turn, u *user, s *signIn) error {
		code := strings.TrimSpace(code)
		return t.judge(u, s, totpType, func(v *iam.Verifier) iam.Verdict { return v.Login(code, at.Now, t.Settings()) })
	})
}

// TwoCodes judges two codes in a row, which find a device again whose clock has drifted, and sign in with it: the resync of the
// real portal, and the next-token mode of RSA fobs.
func (d *Directory) TwoCodes(ctx context.Context, at At, id, code1, code2 string, trust bool) (*SignIn, error) {
	return d.step(ctx, at, "TwoCodes", id, trust, func(t *turn, u *user, s *signIn) error {
		one, two := strings.TrimSpace(code1), strings.TrimSpace(code2)
		return t.judge(u, s, resyncType, func(v *iam.Verifier) iam.Verdict { return v.Sync(one, two, at.Now, t.Settings()) })
	})
}

// judge lets the devices that show codes judge what was given. Each refusal is counted for the device, whichever sign-in it
// comes from.
func (t *turn) judge(u *user, s *signIn, kind string, codes func(*iam.Verifier) iam.Verdict) error {
	e := errCode("code", "RFC 6238, Section 4.2")
	asked, next, err := t.askedFor(u, kind, codes)
	if err != nil {
		return err
	}
	if next {
		e = refused("next-code", "Lab notes", "The fob asks for two codes in a row: enter the one that it shows, and the next.")
	}
	for _, d := range asked {
		v, err := t.verifier(u, d)
		if err != nil {
			return err
		}
		verdict := codes(v)
		if err := t.putVerifier(u, d, v); err != nil {
			return err
		}
		if verdict.Accepted {
			return t.passed(u, s, kind)
		}
		t.Say("failures", v.Failures)
		if verdict.Known || e.Rule == "code" {
			e = errCode(verdict.Rule, verdict.Section)
		}
	}
	return t.failed(u, s, kind, e)
}

// askedFor returns the devices that have to judge: the one that accepts, or all. next says that there is a fob besides that
// takes two codes in a row only.
func (t *turn) askedFor(u *user, kind string, codes func(*iam.Verifier) iam.Verdict) (asked []*device, next bool, err error) {
	for _, d := range t.usable(u) {
		v, err := t.verifier(u, d)
		switch {
		case err != nil:
			return nil, false, err
		case v == nil:
		case d.Kind == Fob && kind == totpType && v.Failures >= t.Settings().ResyncPrompt:
			next = true
		default:
			if x := *v; codes(&x).Accepted {
				return []*device{d}, false, nil
			}
			asked = append(asked, d)
		}
	}
	return asked, next, nil
}

// SendCode sends a code by "sms" or "email" where that is a way to sign in. What was sent before is void. So many go to one
// number or address and no more.
func (d *Directory) SendCode(ctx context.Context, at At, id, via string) (*SignIn, error) {
	return d.step(ctx, at, "SendCode", id, false, func(t *turn, u *user, s *signIn) error {
		out, err := t.left(u, s)
		if err != nil {
			return err
		}
		if out == nil || via == viaSMS && !out.SMS || via == viaEmail && !out.Email || sentTypes[via] == "" {
			return refused("factor", section, "No code can be sent that way here.")
		}
		to := u.Email
		if via == viaSMS {
			to = u.Phone
		}
		if err := t.mayStillSend(via + " " + to); err != nil {
			return err
		}
		code := t.Draw("portal sent").Text(6, "0123456789")
		s.Sent = &sent{Via: via, To: to, Hash: hashed(s.ID + code), Expires: at.Now.Round(0).UTC().Add(sentTime)}
		if err := t.Send(iam.Message{Via: via, To: to, Subject: "Your sign-in code",
			Text: "The code for " + u.Name + " is " + code + ". It is good for five minutes. Nobody will ask you for it but the sign-in page."}); err != nil {
			return err
		}
		return t.leave(u, s, "CredentialChallenge", sentTypes[via], true, false)
	})
}

// mayStillSend counts a message to an address, and refuses one too many.
func (t *turn) mayStillSend(address string) error {
	var times []time.Time
	if _, err := t.load(kindSent, address, &times); err != nil {
		return err
	}
	times = slices.DeleteFunc(times, func(x time.Time) bool { return !t.at.Now.Before(x.Add(sentSpan)) })
	if n := len(times); n >= sentMost || n > 0 && t.at.Now.Before(times[n-1].Add(sentGap)) {
		return refused("send-limit", "Lab notes", "A code was sent just now, or too many were. Wait before you ask for another.")
	}
	return t.store(kindSent, address, append(times, t.at.Now.Round(0).UTC()))
}

// SentCode judges a code that was sent for this sign-in.
func (d *Directory) SentCode(ctx context.Context, at At, id, code string, trust bool) (*SignIn, error) {
	return d.step(ctx, at, "SentCode", id, trust, func(t *turn, u *user, s *signIn) error {
		x := s.Sent
		if x == nil {
			return refused("sent-code", section, "No code was sent, or it is void. Ask for one.")
		}
		kind := sentTypes[x.Via]
		if !at.Now.Before(x.Expires) {
			s.Sent = nil
			return t.refusedSent(u, s, kind, refused("sent-expired", "Lab notes", "That code is too old. Ask for another."))
		}
		given := hashed(s.ID + strings.TrimSpace(code))
		if subtle.ConstantTimeCompare([]byte(given), []byte(x.Hash)) == 1 {
			return t.passed(u, s, kind)
		}
		if x.Tries++; x.Tries >= sentTries {
			s.Sent = nil
		}
		return t.refusedSent(u, s, kind, errCode("sent-code", section))
	})
}

// refusedSent keeps what is left of a code that was sent.
func (t *turn) refusedSent(u *user, s *signIn, kind string, e error) error {
	if err := t.store(kindSignIn, s.ID, s); err != nil {
		return err
	}
	return t.failed(u, s, kind, e)
}

// RecoveryCode judges a recovery code: each is good once.
func (d *Directory) RecoveryCode(ctx context.Context, at At, id, code string, trust bool) (*SignIn, error) {
	return d.step(ctx, at, "RecoveryCode", id, trust, func(t *turn, u *user, s *signIn) error {
		given := hashed(strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code)))
		i := -1
		for k, hash := range u.Recovery {
			if subtle.ConstantTimeCompare([]byte(hash), []byte(given)) == 1 {
				i = k
			}
		}
		if i < 0 || t.Locked(&u.Guessed) || t.rules.Theme != Tenant {
			if !t.Locked(&u.Guessed) {
				t.Refuse(&u.Guessed)
			}
			if err := t.putUser(u); err != nil {
				return err
			}
			t.Say("failures", u.Guessed.Failures)
			return t.failed(u, s, recoveryType, errCode("recovery-code", "Lab notes"))
		}
		u.Guessed, u.Recovery = iam.Throttle{}, slices.Delete(u.Recovery, i, i+1)
		if err := t.putUser(u); err != nil {
			return err
		}
		return t.passed(u, s, recoveryType)
	})
}

// masked is an address of which the page shows no more than who knows it needs.
func masked(s string) string {
	if at := strings.IndexByte(s, '@'); at > 0 {
		return s[:1] + strings.Repeat("•", 3) + s[at:]
	}
	return "•••" + s[max(0, len(s)-2):]
}
