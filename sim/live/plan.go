package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pquerna/otp"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/token"
)

// A Plan says what a new lab holds: the file of `mfalab up --init`.
type Plan struct {
	Account string   `json:"account,omitempty"` // 12 digits
	Alias   string   `json:"alias,omitempty"`
	Set     []string `json:"set,omitempty"`    // settings: "devices-per-user=1"
	Weaken  []string `json:"weaken,omitempty"` // weaknesses: "replay"
	// Texts replaces answers' texts by their name.
	Texts map[string]string `json:"texts,omitempty"`
	// Start and Rate set the clock; without them it is the wall's.
	Start time.Time  `json:"start,omitzero"`
	Rate  *float64   `json:"rate,omitempty"`
	Fobs  []PlanFob  `json:"fobs,omitempty"`
	Users []PlanUser `json:"users,omitempty"`
}

// A PlanFob is one fob of a plan, or Count alike but for serial and seed.
type PlanFob struct {
	FobSpec
	Count int `json:"count,omitempty"`
}

// A PlanUser is one user of a plan.
type PlanUser struct {
	Name     string            `json:"name"`
	Path     string            `json:"path,omitempty"`
	Password string            `json:"password,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	// AccessKey makes an access key, which `mfalab env --user NAME` gives out.
	AccessKey bool `json:"accessKey,omitempty"`
	// Fobs are the serials of fobs of this plan that are enrolled for the user.
	Fobs []string `json:"fobs,omitempty"`
}

// maxPlanFobs bounds what one entry of a plan makes.
const maxPlanFobs = 100_000

// ParsePlan reads a plan; a field that there is not is refused, so that a slip of the pen is not silently nothing.
func ParsePlan(b []byte) (*Plan, error) {
	p := &Plan{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("this is no plan of a lab: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("this is no plan of a lab: something follows its closing brace")
	}
	for i, f := range p.Fobs {
		if f.Count < 0 || f.Count > maxPlanFobs || f.Count > 1 && (f.Serial != "" || len(f.Seed) > 0) {
			return nil, fmt.Errorf("fobs[%d] of the plan: a count is 1 to %d, and only fobs without serial and seed can be counted",
				i, maxPlanFobs)
		}
	}
	_, err := p.settings()
	return p, err
}

func readPlan(path string) (*Plan, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := ParsePlan(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// settings returns the rules of the plan.
func (p *Plan) settings() (iam.Settings, error) { return Settings(p.Set, p.Weaken) }

// Settings returns the default rules changed by settings such as "window=2" and weakened by names such as "replay".
func Settings(set, weaken []string) (iam.Settings, error) {
	s := iam.Defaults()
	for _, nameValue := range set {
		if err := s.Set(nameValue); err != nil {
			return s, err
		}
	}
	for _, names := range weaken {
		if err := s.Weaken(names); err != nil {
			return s, err
		}
	}
	return s, nil
}

// found furnishes a new lab: the administrator, and what the plan says.
func (l *Lab) found(ctx context.Context) error {
	if !l.opt.Ephemeral {
		if err := errors.Join(l.folders(), l.keepPlan()); err != nil {
			return err
		}
	}
	err := l.Do(ctx, func(w *sim.World) error {
		l.unsaved = true
		w.Record("lab.made", sim.String("account", l.service.Account()))
		return nil
	})
	if err != nil {
		return err
	}
	keys := Credentials{Account: l.service.Account(), Region: Region}
	if err := l.enter(ctx, PlanUser{Name: Administrator, AccessKey: true}, &keys); err != nil {
		return err
	}
	if l.opt.Plan != nil {
		if err := l.follow(ctx, l.opt.Plan, &keys); err != nil {
			return fmt.Errorf("the plan cannot be followed: %w", err)
		}
	}
	err = l.Do(ctx, func(*sim.World) error { l.credents = keys; return nil })
	return errors.Join(err, l.storeCredentials(), l.Save(ctx))
}

func (l *Lab) follow(ctx context.Context, p *Plan, keys *Credentials) error {
	if p.Alias != "" {
		if _, err := l.asRoot(ctx, "CreateAccountAlias", "AccountAlias", p.Alias); err != nil {
			return err
		}
	}
	for _, f := range p.Fobs {
		for range max(f.Count, 1) {
			if _, err := l.NewFob(ctx, f.FobSpec); err != nil {
				return err
			}
		}
	}
	for _, u := range p.Users {
		if err := l.enter(ctx, u, keys); err != nil {
			return fmt.Errorf("user %q: %w", u.Name, err)
		}
	}
	return nil
}

// enter makes one user with what the plan gives it.
func (l *Lab) enter(ctx context.Context, u PlanUser, keys *Credentials) error {
	params := []string{"UserName", u.Name}
	if u.Path != "" {
		params = append(params, "Path", u.Path)
	}
	n := 0
	for _, k := range sortedKeys(u.Tags) {
		n++
		at := fmt.Sprintf("Tags.member.%d.", n)
		params = append(params, at+"Key", k, at+"Value", u.Tags[k])
	}
	if _, err := l.asRoot(ctx, "CreateUser", params...); err != nil {
		return err
	}
	if u.Password != "" {
		if _, err := l.asRoot(ctx, "CreateLoginProfile", "UserName", u.Name, "Password", u.Password); err != nil {
			return err
		}
	}
	if u.AccessKey {
		made, err := l.asRoot(ctx, "CreateAccessKey", "UserName", u.Name)
		if err != nil {
			return err
		}
		keys.add(u.Name, made)
	}
	for _, serial := range u.Fobs {
		if err := l.enrol(ctx, u.Name, serial); err != nil {
			return err
		}
	}
	return nil
}

// enrol enables a fob for a user with the code that it shows now and the one that it would have shown a step ago.
func (l *Lab) enrol(ctx context.Context, user, serial string) error {
	var codes [2]string
	err := l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(Fobs, serial)
		if err != nil {
			return err
		}
		// Pressed, because the account burns the code: nobody may be given it afterwards.
		now, err := l.pressed(w, d)
		if err != nil {
			return err
		}
		codes[1] = now.Code
		codes[0], err = d.Peek(now.Step - 1)
		return err
	})
	if err != nil {
		return err
	}
	_, err = l.asRoot(ctx, "EnableMFADevice", "UserName", user, "SerialNumber", serial,
		"AuthenticationCode1", codes[0], "AuthenticationCode2", codes[1])
	return err
}

// stock writes a fob into the factory's inventory of the relying party.
func (l *Lab) stock(ctx context.Context, f *token.Fob, seed []byte) error {
	p := f.Profile()
	algorithm := map[token.Algorithm]otp.Algorithm{
		token.SHA1: otp.AlgorithmSHA1, token.SHA256: otp.AlgorithmSHA256, token.SHA512: otp.AlgorithmSHA512,
	}[p.Algorithm]
	return l.service.Stock(ctx, []iam.HardwareDevice{{Serial: f.Serial(), Seed: seed, Digits: p.Digits,
		Algorithm: algorithm, Period: p.Step}})
}
