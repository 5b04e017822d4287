package live

import (
	"context"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/portal"
)

// PortalUser is who every lab's portal knows, once somebody has asked for the portal.
const PortalUser = "pat"

// PlanPortal is what a plan says of the portal.
type PlanPortal struct {
	Set   []string         `json:"set,omitempty"` // rules: "mode=context-aware"
	Users []portal.NewUser `json:"users,omitempty"`
}

// A Portal is how people get into the portal: where it is, its rules, and who can sign in.
type Portal struct {
	URL   string       `json:"url"` // empty while no `mfalab up` serves it
	Rules portal.Rules `json:"rules"`
	Users []PortalDoor `json:"users"`
}

// A PortalDoor is who can sign in at the portal.
type PortalDoor struct {
	portal.User
	// Password is the one that the lab gave; empty where somebody chose another.
	Password string `json:"password,omitempty"`
}

// Portal is the portal beside the account.
func (l *Lab) Portal() *portal.Directory { return l.portal }

// portalAt is when the lab itself asks.
func (l *Lab) portalAt() portal.At {
	now, wall := l.clock.Now()
	return portal.At{Now: now, Wall: wall, IP: "127.0.0.1", Agent: "mfalab", RequestID: l.RequestID()}
}

// portalPassword is what a user of the portal has for a password where nobody chose one: the same seed gives the same.
func (l *Lab) portalPassword(ctx context.Context, name string) (password string, err error) {
	err = l.Do(ctx, func(*sim.World) error {
		password = l.doorPassword("portal " + name)
		return nil
	})
	return password, err
}

// AddPortalUser makes a user of the portal, with a password of the lab's where none is given.
func (l *Lab) AddPortalUser(ctx context.Context, in portal.NewUser) (PortalDoor, error) {
	var err error
	if in.Password == "" {
		if in.Password, err = l.portalPassword(ctx, in.Name); err != nil {
			return PortalDoor{}, err
		}
	}
	u, err := l.portal.AddUser(ctx, l.portalAt(), in)
	return PortalDoor{u, in.Password}, err
}

// SetPortalRules changes rules of the portal.
func (l *Lab) SetPortalRules(ctx context.Context, changes []string) (portal.Rules, error) {
	return l.portal.SetRules(ctx, l.portalAt(), changes)
}

// OpenPortal says how to get into the portal. Where nobody can, it makes a user.
func (l *Lab) OpenPortal(ctx context.Context) (p Portal, err error) {
	if l.url != "" {
		p.URL = l.url + "/portal"
	}
	if p.Rules, err = l.portal.Rules(ctx); err != nil {
		return p, err
	}
	users, err := l.portal.Users(ctx)
	if err == nil && len(users) == 0 {
		if _, err = l.AddPortalUser(ctx, portal.NewUser{Name: PortalUser, Email: PortalUser + "@example.com", Phone: "+1 555 0101"}); err == nil {
			users, err = l.portal.Users(ctx)
		}
	}
	for _, u := range users {
		password, failed := l.portalPassword(ctx, u.Name)
		if failed != nil {
			return p, failed
		}
		if !l.portal.Knows(ctx, u.Name, password) {
			password = ""
		}
		p.Users = append(p.Users, PortalDoor{u, password})
	}
	return p, err
}
