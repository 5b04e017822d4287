package portal

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// Our choices about signing in.
const (
	// signInTime is how long somebody may take from the password to the end of the sign-in.
	signInTime = 15 * time.Minute
	// signInsKept is how many sign-ins of one user can be under way at a time.
	signInsKept = 16
	// idLength is the length of what names a sign-in, or is a token: 130 bits and more.
	idLength = 26
)

// A SignIn is how far somebody has come.
type SignIn struct {
	ID   string // names the sign-in in the next step; "" where Session is there
	Name string // of the user
	// What the user can answer with. Resync says that a device asks for two codes in a row.
	Codes, Keys, Resync, SMS, Email, Recovery bool
	// Enrol says that the user has to enrol a device now.
	Enrol bool
	// Context says that the device can be trusted from then on.
	Context bool
	// Sent is where a code went, and how: "sms" or "email"; "" before it was sent.
	Sent, SentTo string
	Session      *Session // nil while something is left
}

// signIn is the record of a sign-in under way.
type signIn struct {
	ID       string    `json:"id"`
	Workflow string    `json:"workflow"` // AuthWorkflowID of its events
	User     string    `json:"user,omitempty"`
	Hash     string    `json:"hash,omitempty"` // of the password that was given: another one ends the sign-in
	Expires  time.Time `json:"expires"`
	Passed   []string  `json:"passed,omitempty"` // CredentialTypes
	MFA      bool      `json:"mfa,omitempty"`    // a second factor was there
	Trust    bool      `json:"trust,omitempty"`  // the box was ticked
	Sent     *sent     `json:"sent,omitempty"`
	Request  string    `json:"request,omitempty"` // to the external identity provider
	pending
}

// pending is what has begun and waits for an answer.
type pending struct {
	Draft    *draft    `json:"draft,omitempty"`
	Ceremony *ceremony `json:"ceremony,omitempty"`
}

// errSignIn is refused for a name or a password that is wrong: nobody learns which.
var errSignIn = refused("password", section, "Your username or password is incorrect.")

// errNoSignIn is refused where a sign-in is over.
var errNoSignIn = refused("sign-in", section, "This sign-in is over. Start again.")

// Begin judges name and password. The time it takes is that of the comparison, whoever is there or not.
func (d *Directory) Begin(ctx context.Context, at At, name, password string) (*SignIn, error) {
	right, hash, err := d.compare(ctx, name, password)
	if err != nil {
		return nil, err
	}
	var out *SignIn
	err = d.update(ctx, at, "Begin", nil, func(t *turn) error {
		if t.rules.IDP == External {
			return refused("idp", section, "An external identity provider signs people in here.")
		}
		s := &signIn{Workflow: t.workflow()}
		u, err := t.password(s, name, hash, right)
		if err != nil {
			return err
		}
		s.User, s.Hash = u.key(), u.Hash
		if err := t.beginning(s); err != nil {
			return err
		}
		out, err = t.goOn(u, s)
		return err
	})
	return out, err
}

// matches is where every comparison of passwords goes through, so that a test can count them.
var matches = iam.PasswordMatches

// compare looks at a password outside of any transaction, because it is slow. hash is what it was compared with.
func (d *Directory) compare(ctx context.Context, name, password string) (right bool, hash string, err error) {
	u := &user{}
	err = d.view(ctx, func(tx iam.Tx) error {
		if name == "" {
			return nil
		}
		_, err := load(tx, kindUser, strings.ToLower(name), u)
		return err
	})
	return matches(u.Hash, password) && len(password) <= 256, u.Hash, err
}

// password judges what compare found. Refusals are counted for the user, whichever browser they come from.
func (t *turn) password(s *signIn, name, hash string, right bool) (*user, error) {
	t.kept = true
	var u *user
	var err error
	if name != "" {
		if u, err = t.user(name); err != nil {
			return nil, err
		}
	}
	known := u != nil && u.Hash == hash
	if err := t.leave(u, s, "CredentialChallenge", passwordType, true, false); err != nil {
		return nil, err
	}
	if known && right && !t.Locked(&u.Tried) {
		u.Tried = iam.Throttle{}
		s.Passed = append(s.Passed, passwordType)
		if err := t.leave(u, s, "CredentialVerification", passwordType, true, false); err != nil {
			return nil, err
		}
		return u, t.putUser(u)
	}
	if err := t.leave(u, s, "CredentialVerification", passwordType, false, false); err != nil {
		return nil, err
	}
	if known && !t.Locked(&u.Tried) {
		t.Refuse(&u.Tried)
		t.Say("failures", u.Tried.Failures)
		if err := t.putUser(u); err != nil {
			return nil, err
		}
	}
	return nil, errSignIn
}

// beginning stores a new sign-in. Those that are over go, and the oldest of a user who begins too many.
func (t *turn) beginning(s *signIn) error {
	var own []signIn
	err := t.sweep(kindSignIn, func(b []byte) (bool, error) {
		var old signIn
		err := json.Unmarshal(b, &old)
		if old.User == s.User {
			own = append(own, old)
		}
		return !t.at.Now.Before(old.Expires), err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(own, func(a, b signIn) int { return b.Expires.Compare(a.Expires) })
	if s.User != "" && len(own) >= signInsKept {
		for _, old := range own[signInsKept-1:] {
			if err := t.Delete(kindSignIn, old.ID); err != nil {
				return err
			}
		}
	}
	s.ID, s.Expires = t.draw("sign-in", idLength), t.at.Now.Round(0).UTC().Add(signInTime)
	return t.store(kindSignIn, s.ID, s)
}

// underWay returns a sign-in and whose it is.
func (t *turn) underWay(id string) (*signIn, *user, error) {
	s := &signIn{}
	if id == "" {
		return nil, nil, errNoSignIn
	}
	found, err := t.load(kindSignIn, id, s)
	if err != nil {
		return nil, nil, err
	}
	if !found || !t.at.Now.Before(s.Expires) || s.User == "" || t.rules.IDP == External {
		return nil, nil, errNoSignIn
	}
	u, err := t.user(s.User)
	if err == nil && (u == nil || u.Hash != s.Hash) {
		err = errNoSignIn
	}
	return s, u, err
}

// left says what is left of a sign-in; nil where nothing is.
func (t *turn) left(u *user, s *signIn) (*SignIn, error) {
	out := &SignIn{ID: s.ID, Name: u.Name, Context: t.rules.Mode == ContextAware}
	if s.Sent != nil {
		out.Sent, out.SentTo = s.Sent.Via, masked(s.Sent.To)
	}
	if s.MFA || t.rules.Mode == Never || t.rules.Mode == ContextAware && t.trusted(u) {
		return nil, nil
	}
	for _, d := range t.usable(u) {
		out.Codes, out.Keys = out.Codes || d.Kind != Key, out.Keys || d.Kind == Key
		v, err := t.verifier(u, d)
		if err != nil {
			return nil, err
		}
		out.Resync = out.Resync || v != nil && v.Failures >= t.Settings().ResyncPrompt
	}
	if t.rules.Theme == Tenant {
		out.SMS, out.Recovery = u.Phone != "", len(u.Recovery) > 0
	}
	if out.Codes || out.Keys || out.SMS || out.Recovery {
		return out, nil
	}
	switch t.rules.Unenrolled {
	case Allow:
		return nil, nil
	case Email:
		out.Email = true
		if u.Email == "" {
			return nil, refused("unenrolled", section, "No code can be sent: you have no e-mail address. Ask your administrator.")
		}
	case Block:
		return nil, refused("unenrolled", section, "You have no MFA device and cannot sign in. Ask your administrator.")
	default:
		out.Enrol = true
	}
	return out, nil
}

// goOn says what is left, and begins the session where nothing is.
func (t *turn) goOn(u *user, s *signIn) (*SignIn, error) {
	out, err := t.left(u, s)
	if err != nil {
		return nil, err
	}
	if out != nil {
		if err := t.challenge(u, s, out); err != nil {
			return nil, err
		}
		return out, t.store(kindSignIn, s.ID, s)
	}
	if err := t.Delete(kindSignIn, s.ID); err != nil {
		return nil, err
	}
	x, err := t.begin(u, s)
	if err != nil {
		return nil, err
	}
	return &SignIn{Name: u.Name, Session: x}, t.leave(u, s, "UserAuthentication", strings.Join(s.Passed, ","), true, false)
}

// LookAt says how a sign-in stands.
func (d *Directory) LookAt(ctx context.Context, at At, id string) (*SignIn, error) {
	var out *SignIn
	err := d.update(ctx, at, "LookAt", nil, func(t *turn) error {
		s, u, err := t.underWay(id)
		if err == nil {
			out, err = t.left(u, s)
		}
		if err == nil && out == nil {
			err = errNoSignIn // the rules have changed: the next sign-in is let through
		}
		return err
	})
	return out, err
}

// step takes a sign-in one step further. f judges what is given; trust says that the box is ticked.
func (d *Directory) step(ctx context.Context, at At, action, id string, trust bool, f func(*turn, *user, *signIn) error) (*SignIn, error) {
	var out *SignIn
	err := d.update(ctx, at, action, nil, func(t *turn) error {
		s, u, err := t.underWay(id)
		if err != nil {
			return err
		}
		s.Trust = s.Trust || trust
		if err := f(t, u, s); err != nil {
			return err
		}
		t.kept = false
		out, err = t.goOn(u, s)
		return err
	})
	return out, err
}

// passed notes a second factor that was right.
func (t *turn) passed(u *user, s *signIn, kind string) error {
	s.MFA, s.Sent, s.Passed = true, nil, append(s.Passed, kind)
	return t.leave(u, s, "CredentialVerification", kind, true, false)
}

// failed notes one that was wrong, and returns e. What was counted stays.
func (t *turn) failed(u *user, s *signIn, kind string, e error) error {
	t.kept = true
	if err := t.leave(u, s, "CredentialVerification", kind, false, false); err != nil {
		return err
	}
	return e
}
