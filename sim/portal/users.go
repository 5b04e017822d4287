package portal

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/mfalab/mfalab/sim/iam"
)

// From AWS MFA, Section 6.3: up to eight devices.
const (
	mostApps = 2
	mostKeys = 6
)

// mostFobs is how many tokens a user of RSA Authentication Manager can have.
const mostFobs = 3

// The kinds of devices.
const (
	App = "app" // an authenticator app
	Key = "key" // a security key or built-in authenticator
	Fob = "fob" // a 60-second fob, in the theme tenant
)

// most is how many devices of a kind one user may have.
var most = map[string]int{App: mostApps, Key: mostKeys, Fob: mostFobs}

// A NewUser says who is to be able to sign in.
type NewUser struct {
	Name     string `json:"name"`
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"` // for SMS codes, in the theme tenant
	Password string `json:"password"`
}

// A User is who can sign in, without secrets.
type User struct {
	Name    string    `json:"name"`
	Email   string    `json:"email,omitempty"`
	Phone   string    `json:"phone,omitempty"`
	Created time.Time `json:"created"`
	Devices []Device  `json:"devices"`
	// RecoveryCodes is how many are left, Trusted how many devices are trusted.
	RecoveryCodes int `json:"recoveryCodes"`
	Trusted       int `json:"trusted"`
	// Failures is how many passwords were refused since the last one that was accepted.
	Failures int64 `json:"failures,omitempty"`
}

// A Device is one that somebody has enrolled.
type Device struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"` // App, Key or Fob
	Name   string    `json:"name"`
	Serial string    `json:"serial,omitempty"` // of a fob
	Since  time.Time `json:"since"`
	// Failures is how many of its codes were refused since the last one that was accepted.
	Failures int64 `json:"failures,omitempty"`
}

// user is the record of a user.
type user struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Email    string       `json:"email,omitempty"`
	Phone    string       `json:"phone,omitempty"`
	Hash     string       `json:"hash"` // of the password
	Created  time.Time    `json:"created"`
	Tried    iam.Throttle `json:"tried,omitzero"` // passwords
	Devices  []device     `json:"devices,omitempty"`
	Recovery []string     `json:"recovery,omitempty"` // hashes of the codes that are left
	Guessed  iam.Throttle `json:"guessed,omitzero"`   // recovery codes
	Trusted  []trusted    `json:"trusted,omitempty"`
}

// device is one of a user's. What is known of a fob stands in the account's inventory: it is judged by one verifier wherever
// it is used.
type device struct {
	ID       string               `json:"id"`
	Kind     string               `json:"kind"`
	Name     string               `json:"name"`
	Since    time.Time            `json:"since"`
	Serial   string               `json:"serial,omitempty"`
	Verifier *iam.Verifier        `json:"verifier,omitempty"`
	Key      *webauthn.Credential `json:"key,omitempty"`
}

func (u *user) key() string { return strings.ToLower(u.Name) }

// holder is whose a fob is in the account's inventory.
func (u *user) holder() string { return "portal/" + u.ID }

// party is u as the judge of security keys wants it.
func (u *user) party() iam.KeyHolder {
	h := iam.KeyHolder{Handle: u.ID, Name: u.Name}
	for _, d := range u.Devices {
		if d.Key != nil {
			h.Keys = append(h.Keys, *d.Key)
		}
	}
	return h
}

func (t *turn) user(name string) (*user, error) {
	u := &user{}
	found, err := t.load(kindUser, strings.ToLower(name), u)
	if err != nil || !found {
		return nil, err
	}
	return u, nil
}

func (t *turn) putUser(u *user) error { return t.store(kindUser, u.key(), u) }

// AddUser makes a user. A name that is taken, in whatever case, is refused.
func (d *Directory) AddUser(ctx context.Context, at At, in NewUser) (User, error) {
	if err := in.check(); err != nil {
		return User{}, err
	}
	hash, err := iam.HashPassword(in.Password)
	if err != nil {
		return User{}, err
	}
	u := &user{Name: in.Name, Email: in.Email, Phone: in.Phone, Hash: hash}
	err = d.update(ctx, at, "AddUser", []iam.Fact{{Name: "name", Value: in.Name}}, func(t *turn) error {
		old, err := t.user(in.Name)
		if err != nil {
			return err
		}
		if old != nil {
			return wrong("the portal has a user %q already", old.Name)
		}
		u.ID, u.Created = t.draw("user", 26), at.Now.UTC().Truncate(time.Second)
		return t.putUser(u)
	})
	return u.shown(), err
}

// check reports what no user can have.
func (in NewUser) check() error {
	switch {
	case !tidy(in.Name, 128) || strings.ContainsAny(in.Name, " /"):
		return wrong("a user name has 1 to 128 characters without spaces and slashes, not %q", in.Name)
	case in.Email != "" && (!tidy(in.Email, 254) || !strings.Contains(in.Email, "@")):
		return wrong("%q is no e-mail address", in.Email)
	case in.Phone != "" && (!tidy(in.Phone, 32) || strings.Trim(in.Phone, "+0123456789 -()") != ""):
		return wrong("%q is no phone number", in.Phone)
	case in.Password == "" || len(in.Password) > 256:
		return wrong("a password has 1 to 256 bytes")
	}
	return nil
}

// tidy reports whether s can stand on a page, with 1 to limit characters.
func tidy(s string, limit int) bool {
	return s != "" && len([]rune(s)) <= limit && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.IsPrint(r)
	})
}

// Users returns everybody, by name.
func (d *Directory) Users(ctx context.Context) (list []User, err error) {
	err = d.view(ctx, func(tx iam.Tx) error {
		list = []User{}
		records, err := tx.Scan(kindUser, "", "", 0)
		for _, r := range records {
			u := &user{}
			if err := json.Unmarshal(r.Value, u); err != nil {
				return err
			}
			list = append(list, u.shown())
		}
		return err
	})
	return list, err
}

// shown is u without secrets.
func (u *user) shown() User {
	x := User{Name: u.Name, Email: u.Email, Phone: u.Phone, Created: u.Created, Devices: []Device{}, RecoveryCodes: len(u.Recovery),
		Trusted: len(u.Trusted), Failures: u.Tried.Failures}
	for _, d := range u.Devices {
		shown := Device{ID: d.ID, Kind: d.Kind, Name: d.Name, Serial: d.Serial, Since: d.Since}
		if d.Verifier != nil {
			shown.Failures = d.Verifier.Failures
		}
		x.Devices = append(x.Devices, shown)
	}
	return x
}

// usable lists the devices that the theme knows.
func (t *turn) usable(u *user) []*device {
	var out []*device
	for i := range u.Devices {
		if d := &u.Devices[i]; d.Kind != Fob || t.rules.Theme == Tenant {
			out = append(out, d)
		}
	}
	return out
}

// verifier returns what judges the codes of a device, nil where it shows none or has left the inventory.
func (t *turn) verifier(u *user, d *device) (*iam.Verifier, error) {
	if d.Kind != Fob {
		return d.Verifier, nil
	}
	v, holder, err := t.Hardware(d.Serial)
	if err != nil || holder != u.holder() {
		return nil, err
	}
	return v, nil
}

// putVerifier keeps what was learned of a device.
func (t *turn) putVerifier(u *user, d *device, v *iam.Verifier) error {
	if d.Kind == Fob {
		return t.PutHardware(d.Serial, u.holder(), *v)
	}
	d.Verifier = v
	return t.putUser(u)
}

// Knows reports whether that is the user's password, for who gave it: nothing is counted.
func (d *Directory) Knows(ctx context.Context, name, password string) bool {
	right, _, err := d.compare(ctx, name, password)
	return right && err == nil
}
