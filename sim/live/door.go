package live

import (
	"context"
	"errors"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

// A Door is how people get into the console: where it is, and the passwords of the two whom every lab has.
type Door struct {
	URL     string `json:"url"` // empty while no `mfalab up` serves it
	Account string `json:"account"`
	// Users are root, whose name is an e-mail address, and the administrator.
	Users []DoorUser `json:"users"`
}

// A DoorUser is who may come in.
type DoorUser struct {
	Name     string `json:"name"`
	Root     bool   `json:"root,omitempty"`
	Password string `json:"password"`
}

// doorAlphabet leaves out what people mistake for something else when they read it aloud.
const doorAlphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// doorPassword is what root or a user has for a password until somebody changes it: the same seed gives the same.
func (l *Lab) doorPassword(name string) string {
	c := l.chance.Derive("console password", name)
	return c.Derive("1").Text(5, doorAlphabet) + "-" + c.Derive("2").Text(5, doorAlphabet) + "-" + c.Derive("3").Text(5, "ABCDEFGHJKMNPQRSTUVWXYZ")
}

// OpenDoor gives root and the administrator passwords for the console where they have none, and with again in any case. A
// password that somebody has changed since it cannot know.
func (l *Lab) OpenDoor(ctx context.Context, again bool) (Door, error) {
	d := Door{Account: l.service.Account()}
	if l.url != "" {
		d.URL = l.url + "/console"
	}
	d.Users = []DoorUser{{Name: iam.DefaultRootEmail, Root: true}, {Name: Administrator}}
	err := l.Do(ctx, func(*sim.World) error {
		for i := range d.Users {
			d.Users[i].Password = l.doorPassword(d.Users[i].Name)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	has, err := l.service.HasRootPassword(ctx)
	if err == nil && (again || !has) {
		_, err = l.call(ctx, "signin", "SetRootPassword", "Email", d.Users[0].Name, "Password", d.Users[0].Password)
	}
	if err != nil {
		return d, err
	}
	return d, l.letIn(ctx, d.Users[1], again)
}

// letIn gives an IAM user that password.
func (l *Lab) letIn(ctx context.Context, u DoorUser, again bool) error {
	_, err := l.asRoot(ctx, "CreateLoginProfile", "UserName", u.Name, "Password", u.Password)
	var e *iam.Error
	if !errors.As(err, &e) || e.Code != "EntityAlreadyExists" {
		return err
	}
	if !again {
		return nil
	}
	_, err = l.asRoot(ctx, "UpdateLoginProfile", "UserName", u.Name, "Password", u.Password)
	return err
}
