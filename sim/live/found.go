package live

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// draft makes a new lab in memory, of this one's seed and plan and at a standing clock, and returns it with its journal.
// So a plan that cannot be followed has changed nothing, and a new lab needs one transaction of the store.
func (l *Lab) draft(ctx context.Context, account string, at reading) (*Snapshot, []sim.Event, error) {
	opt := l.opt
	opt.Ephemeral, opt.Wall = true, func() time.Time { return at.Wall }
	d := newLab(opt)
	d.plan, d.chance, d.store = l.plan, l.chance, memory.New()
	still := reading{Lab: at.Lab, Wall: at.Wall}
	d.state = labState{Chance: l.chance.AppendKey(nil), Clock: still, Now: at.Lab}
	var err error
	if d.journal, err = openJournal("", 0); err != nil {
		return nil, nil, err
	}
	if err := d.assemble(ctx, account); err != nil {
		return nil, nil, err
	}
	go d.run()
	defer d.stop()
	if err := d.found(ctx); err != nil {
		return nil, nil, err
	}
	s, err := d.Snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.Rate = at.Rate
	return s, d.journal.After(0, 0), nil
}

// found furnishes a new lab: the administrator, and what the plan says.
func (l *Lab) found(ctx context.Context) error {
	err := l.Do(ctx, func(w *sim.World) error {
		l.credents = Credentials{Account: l.service.Account(), Region: Region, Users: map[string]Key{}}
		w.Record("lab.made", sim.String("account", l.service.Account()))
		return nil
	})
	if err != nil {
		return err
	}
	if err := l.enter(ctx, PlanUser{Name: Administrator, AccessKey: true, Policies: []string{"AdministratorAccess"}}); err != nil {
		return err
	}
	if l.plan == nil {
		return nil
	}
	if err := l.follow(ctx, l.plan); err != nil {
		return fmt.Errorf("the plan cannot be followed: %w", err)
	}
	return nil
}

func (l *Lab) follow(ctx context.Context, p *Plan) error {
	if p.Alias != "" {
		if _, err := l.asRoot(ctx, "CreateAccountAlias", "AccountAlias", p.Alias); err != nil {
			return err
		}
	}
	var specs []FobSpec
	for _, f := range p.Fobs {
		for range max(f.Count, 1) {
			specs = append(specs, f.FobSpec)
		}
	}
	if len(specs) > 0 {
		if _, err := l.newFobs(ctx, specs); err != nil {
			return err
		}
	}
	for _, u := range p.Users {
		if err := l.enter(ctx, u); err != nil {
			return fmt.Errorf("user %q: %w", u.Name, err)
		}
	}
	if p.Portal == nil {
		return nil
	}
	for _, u := range p.Portal.Users {
		if _, err := l.AddPortalUser(ctx, u); err != nil {
			return fmt.Errorf("user %q of the portal: %w", u.Name, err)
		}
	}
	if len(p.Portal.Set) > 0 {
		if _, err := l.SetPortalRules(ctx, p.Portal.Set); err != nil {
			return err
		}
	}
	return nil
}

// enter makes one user with what the plan gives it.
func (l *Lab) enter(ctx context.Context, u PlanUser) error {
	params := []string{"UserName", u.Name}
	if u.Path != "" {
		params = append(params, "Path", u.Path)
	}
	for i, k := range slices.Sorted(maps.Keys(u.Tags)) {
		at := fmt.Sprintf("Tags.member.%d.", i+1)
		params = append(params, at+"Key", k, at+"Value", u.Tags[k])
	}
	if _, err := l.asRoot(ctx, "CreateUser", params...); err != nil {
		return err
	}
	for _, p := range u.Policies {
		if _, err := l.asRoot(ctx, "AttachUserPolicy", "UserName", u.Name, "PolicyArn", "arn:aws:iam::aws:policy/"+p); err != nil {
			return err
		}
	}
	if u.Password != "" {
		if _, err := l.asRoot(ctx, "CreateLoginProfile", "UserName", u.Name, "Password", u.Password); err != nil {
			return err
		}
	}
	if u.AccessKey {
		if err := l.handOut(ctx, u.Name); err != nil {
			return err
		}
	}
	for _, serial := range u.Fobs {
		if err := l.enrol(ctx, u.Name, serial); err != nil {
			return err
		}
	}
	return nil
}

// enrol enables a fob for a user with the codes that it would show now and would have shown a step ago.
func (l *Lab) enrol(ctx context.Context, user, serial string) error {
	return l.enrolAs(ctx, "iam", serial, "UserName", user)
}

// enrolAs enrols a fob by the API of a service, or by the console, which is root's way.
func (l *Lab) enrolAs(ctx context.Context, service, serial string, params ...string) error {
	var codes [2]string
	err := l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(Fobs, serial)
		if err != nil {
			return err
		}
		// Pressed, because the account burns the code: nobody may be given it afterwards.
		now, err := l.pressed(d)
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
	form := url.Values{}
	params = append(params, "SerialNumber", serial, "AuthenticationCode1", codes[0], "AuthenticationCode2", codes[1])
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	_, err = l.As(ctx, l.service.RootCaller(), service, "EnableMFADevice", form)
	return err
}
