package portal

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"

	"github.com/mfalab/mfalab/sim/iam"
)

// From RFC 4226, Section 4, R6, in bytes: what it recommends for a seed.
const seedLength = 20

// draftTime is how long an app, or a key, may take to be enrolled. Our choice.
const draftTime = 15 * time.Minute

// A Who enrols: somebody who signs in and has to, by SignIn, or who has signed in, by Token.
type Who struct{ SignIn, Token string }

// String says neither.
func (Who) String() string { return "[who]" }

// draft is an authenticator app that has not shown a code yet.
type draft struct {
	Name     string       `json:"name"`
	Verifier iam.Verifier `json:"verifier"`
	Expires  time.Time    `json:"expires"`
}

// An AppSetup is what an authenticator app is set up with: it is shown to nobody but who enrols it.
type AppSetup struct {
	Name string
	Seed string // base32
	QR   []byte // PNG
}

// String leaves the seed out.
func (a *AppSetup) String() string { return a.Name }

// An enrolling is who enrols, in a transaction.
type enrolling struct {
	*turn
	user    *user
	signIn  *signIn  // nil for somebody who has signed in
	session *session // nil for somebody who signs in
	token   string
}

// pending is what has begun in that sign-in or session.
func (e *enrolling) pending() *pending {
	if e.signIn != nil {
		return &e.signIn.pending
	}
	return &e.session.pending
}

// keep writes what is pending.
func (e *enrolling) keep() error {
	if e.signIn != nil {
		return e.store(kindSignIn, e.signIn.ID, e.signIn)
	}
	return e.store(kindSession, hashed(e.token), e.session)
}

// enrol runs f for who enrols. At a sign-in that has to be due: nobody adds a device with the password alone who has one.
func (d *Directory) enrol(ctx context.Context, at At, who Who, action string, f func(*enrolling) error) error {
	return d.update(ctx, at, action, nil, func(t *turn) (err error) {
		e := &enrolling{turn: t, token: who.Token}
		if t.rules.IDP == External {
			return refused("idp", section, "An external identity provider signs people in here: it has their devices.")
		}
		if who.SignIn == "" {
			if e.session, e.user, err = findSession(t.Tx, who.Token, at.Now); err != nil {
				return err
			}
			return f(e)
		}
		if e.signIn, e.user, err = t.underWay(who.SignIn); err != nil {
			return err
		}
		out, err := t.left(e.user, e.signIn)
		if err == nil && (out == nil || !out.Enrol) {
			err = errNoSignIn
		}
		if err != nil {
			return err
		}
		return f(e)
	})
}

// room refuses a device too many, and a name that is taken or none.
func (e *enrolling) room(kind, name string) error {
	n := 0
	for _, d := range e.user.Devices {
		if d.Kind == kind {
			n++
		}
	}
	if n >= most[kind] {
		return refused("devices", section, "You have %d of these already: remove one first.", n)
	}
	return e.freeName(name, "")
}

// freeName refuses a name that another device than except has, or that cannot be shown.
func (e *enrolling) freeName(name, except string) error {
	if !tidy(name, 64) {
		return wrong("Enter a name of 1 to 64 characters for the device.")
	}
	for _, d := range e.user.Devices {
		if d.ID != except && strings.EqualFold(d.Name, name) {
			return wrong("You have a device of that name already.")
		}
	}
	return nil
}

// add gives the user a device. Somebody who signs in has used it with that, and goes on.
func (e *enrolling) add(x device, kind string) (*SignIn, error) {
	x.ID, x.Since = e.draw("device ID", idLength), e.at.Now.UTC().Truncate(time.Second)
	e.user.Devices = append(e.user.Devices, x)
	*e.pending() = pending{}
	if err := e.putUser(e.user); err != nil {
		return nil, err
	}
	e.kept = false
	if e.signIn == nil {
		return nil, e.keep()
	}
	if err := e.passed(e.user, e.signIn, kind); err != nil {
		return nil, err
	}
	return e.goOn(e.user, e.signIn)
}

// BeginApp draws the seed of a new authenticator app.
func (d *Directory) BeginApp(ctx context.Context, at At, who Who, name string) error {
	return d.enrol(ctx, at, who, "BeginApp", func(e *enrolling) error {
		if err := e.room(App, name); err != nil {
			return err
		}
		v, err := iam.NewVerifier(e.Draw("portal seed").Bytes(seedLength), otp.AlgorithmSHA1, 0, 0)
		if err != nil {
			return err
		}
		e.pending().Draft = &draft{name, v, at.Now.Round(0).UTC().Add(draftTime)}
		return e.keep()
	})
}

// errNoDraft is refused where no enrolment is under way.
var errNoDraft = refused("enrolment", section, "This enrolment is over. Begin again.")

// draft returns the app that is being enrolled.
func (e *enrolling) draft() (*draft, error) {
	x := e.pending().Draft
	if x == nil || !e.at.Now.Before(x.Expires) {
		return nil, errNoDraft
	}
	return x, nil
}

// Setup returns what the app that is being enrolled is set up with.
func (d *Directory) Setup(ctx context.Context, at At, who Who) (*AppSetup, error) {
	out := &AppSetup{}
	var name string
	err := d.enrol(ctx, at, who, "Setup", func(e *enrolling) error {
		x, err := e.draft()
		if err != nil {
			return err
		}
		seed, err := base32.StdEncoding.DecodeString(string(x.Verifier.Seed))
		out.Name, out.Seed, name = x.Name, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed), e.user.Name
		return err
	})
	if err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "otpauth", Host: "totp", Path: "/mfalab portal:" + name,
		RawQuery: "secret=" + out.Seed + "&issuer=mfalab%20portal"}
	out.QR, err = iam.QRCode(uri.String())
	return out, err
}

// FinishApp judges the first code of a new app, and enrols it. That code is used up.
func (d *Directory) FinishApp(ctx context.Context, at At, who Who, code string) (*SignIn, error) {
	var out *SignIn
	err := d.enrol(ctx, at, who, "FinishApp", func(e *enrolling) error {
		x, err := e.draft()
		if err != nil {
			return err
		}
		if err := e.room(App, x.Name); err != nil {
			return err
		}
		v := x.Verifier.Login(strings.TrimSpace(code), at.Now, e.Settings())
		if !v.Accepted {
			e.kept = true
			if err := e.keep(); err != nil {
				return err
			}
			return errCode(v.Rule, v.Section)
		}
		out, err = e.add(device{Kind: App, Name: x.Name, Verifier: &x.Verifier}, totpType)
		return err
	})
	return out, err
}

// EnrolFob enrols a fob by its serial number with one code, or where its clock has drifted with two in a row. Only the theme
// tenant knows fobs, and only those whose seeds have come to the account's inventory.
func (d *Directory) EnrolFob(ctx context.Context, at At, who Who, name, serial, code, next string) (*SignIn, error) {
	var out *SignIn
	err := d.enrol(ctx, at, who, "EnrolFob", func(e *enrolling) error {
		if e.rules.Theme != Tenant {
			return refused("factor", section, "There is no enrolment by serial number here.")
		}
		if err := e.room(Fob, name); err != nil {
			return err
		}
		v, holder, err := e.Hardware(serial)
		switch {
		case err != nil:
			return err
		case v == nil:
			return refused("serial", "AWS MFA, Section 5", "No fob has that serial number. Look at its back.")
		case holder != "":
			return refused("serial", "AWS MFA, Section 3", "That fob belongs to somebody already.")
		}
		code, next := strings.TrimSpace(code), strings.TrimSpace(next)
		verdict := v.Login
		if next != "" {
			verdict = func(code string, now time.Time, s *iam.Settings) iam.Verdict { return v.Sync(code, next, now, s) }
		}
		x := verdict(code, at.Now, e.Settings())
		if !x.Accepted {
			e.kept = true
			if err := e.PutHardware(serial, "", *v); err != nil {
				return err
			}
			return errCode(x.Rule, x.Section)
		}
		if err := e.PutHardware(serial, e.user.holder(), *v); err != nil {
			return err
		}
		out, err = e.add(device{Kind: Fob, Name: name, Serial: serial}, totpType)
		return err
	})
	return out, err
}

// NewRecoveryCodes gives somebody who has signed in recovery codes in the place of those that were left. This is the only time
// that they are shown.
func (d *Directory) NewRecoveryCodes(ctx context.Context, at At, token string) ([]string, error) {
	var codes []string
	err := d.enrol(ctx, at, Who{Token: token}, "NewRecoveryCodes", func(e *enrolling) error {
		if e.rules.Theme != Tenant {
			return refused("factor", section, "There are no recovery codes here.")
		}
		codes, e.user.Recovery = nil, nil
		for range recoveryCodes {
			code := e.draw("recovery", recoveryLength)
			codes = append(codes, code[:recoveryLength/2]+"-"+code[recoveryLength/2:])
			e.user.Recovery = append(e.user.Recovery, hashed(code))
		}
		return e.putUser(e.user)
	})
	return codes, err
}

// ceremony is a challenge that a security key has not answered.
type ceremony struct {
	Name    string          `json:"name,omitempty"` // of the key to be; "" where somebody signs in
	Expires time.Time       `json:"expires"`
	Session json.RawMessage `json:"session"`
}
