package portal

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// sessionTime is how long a session of the real portal lasts unless it is told otherwise: IAM Identity Center User Guide,
// configure-user-session.
const sessionTime = 8 * time.Hour

// Our choices about trusted devices.
const (
	trustTime = 30 * 24 * time.Hour
	trustMost = 10 // of one user
)

// A Session is who has signed in.
type Session struct {
	Token  string // the cookie; only where it begins
	Device string // the cookie of a device that is trusted from now on, "" for none
	Name   string
	MFA    bool
	How    string // CredentialTypes: "PASSWORD,TOTP"
	Since  time.Time
	Until  time.Time
}

// String leaves the token out.
func (s *Session) String() string { return s.Name }

// session is the record of a session, under the hash of its token.
type session struct {
	User  string    `json:"user"`
	Hash  string    `json:"hash"` // of the password
	MFA   bool      `json:"mfa,omitempty"`
	How   string    `json:"how"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	pending
}

// trusted is a device that somebody said is trusted: context is cookie, browser and address together (AWS MFA, Section 6.3).
type trusted struct {
	Hash  string    `json:"hash"` // of the cookie
	Agent string    `json:"agent"`
	IP    string    `json:"ip"`
	Until time.Time `json:"until"`
}

// trusted reports whether who asks sits at a trusted device of u's.
func (t *turn) trusted(u *user) bool {
	return t.at.Device != "" && slices.ContainsFunc(u.Trusted, func(x trusted) bool {
		return x.Hash == hashed(t.at.Device) && x.Agent == t.at.Agent && x.IP == t.at.IP && t.at.Now.Before(x.Until)
	})
}

// trust remembers the device that somebody signs in from, and returns its cookie: a new one, so that one that somebody else
// planted is worth nothing.
func (t *turn) trust(u *user) (string, error) {
	cookie := t.draw("device", idLength)
	u.Trusted = slices.DeleteFunc(u.Trusted, func(x trusted) bool {
		return !t.at.Now.Before(x.Until) || x.Hash == hashed(t.at.Device)
	})
	u.Trusted = append([]trusted{{hashed(cookie), t.at.Agent, t.at.IP, t.at.Now.Round(0).UTC().Add(trustTime)}}, u.Trusted...)
	u.Trusted = u.Trusted[:min(len(u.Trusted), trustMost)]
	return cookie, t.putUser(u)
}

// begin begins the session for which somebody signed in.
func (t *turn) begin(u *user, s *signIn) (*Session, error) {
	out := &Session{Token: t.draw("session", 2*idLength), Name: u.Name, MFA: s.MFA, Since: t.at.Now.Round(0).UTC()}
	for i, kind := range s.Passed {
		if i > 0 {
			out.How += ","
		}
		out.How += kind
	}
	out.Until = out.Since.Add(sessionTime)
	err := t.sweep(kindSession, func(b []byte) (bool, error) {
		var old session
		err := json.Unmarshal(b, &old)
		return !t.at.Now.Before(old.Until), err
	})
	if err != nil {
		return nil, err
	}
	if s.Trust && s.MFA && t.rules.Mode == ContextAware {
		if out.Device, err = t.trust(u); err != nil {
			return nil, err
		}
	}
	return out, t.store(kindSession, hashed(out.Token), &session{User: u.key(), Hash: u.Hash, MFA: out.MFA, How: out.How,
		Since: out.Since, Until: out.Until})
}

// errNoSession is refused where a session is over.
var errNoSession = refused("session", section, "Your session has ended. Sign in again.")

func findSession(tx iam.Tx, token string, now time.Time) (*session, *user, error) {
	s, u := &session{}, &user{}
	found, err := load(tx, kindSession, hashed(token), s)
	if err == nil && found && now.Before(s.Until) {
		found, err = load(tx, kindUser, s.User, u)
	} else {
		found = false
	}
	if err == nil && (!found || u.Hash != s.Hash) {
		err = errNoSession
	}
	return s, u, err
}

// Session returns whose session that token is, and the user as the portal shows it.
func (d *Directory) Session(ctx context.Context, at At, token string) (*Session, User, error) {
	var out *Session
	var shown User
	err := d.view(ctx, func(tx iam.Tx) error {
		s, u, err := findSession(tx, token, at.Now)
		if err != nil {
			return err
		}
		out = &Session{Name: u.Name, MFA: s.MFA, How: s.How, Since: s.Since, Until: s.Until}
		shown = u.shown()
		return nil
	})
	return out, shown, err
}

// SignOut ends a session.
func (d *Directory) SignOut(ctx context.Context, at At, token string) error {
	return d.update(ctx, at, "SignOut", nil, func(t *turn) error { return t.Delete(kindSession, hashed(token)) })
}
