package portal

import (
	"context"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// device returns the user's device with that ID.
func (e *enrolling) device(id string) (*device, error) {
	i := slices.IndexFunc(e.user.Devices, func(d device) bool { return d.ID == id })
	if i < 0 {
		return nil, refused("device", section, "You have no such device any more.")
	}
	return &e.user.Devices[i], nil
}

// Rename gives a device another name.
func (d *Directory) Rename(ctx context.Context, at At, token, id, name string) error {
	return d.enrol(ctx, at, Who{Token: token}, "Rename", func(e *enrolling) error {
		x, err := e.device(id)
		if err != nil {
			return err
		}
		if err := e.freeName(name, id); err != nil {
			return err
		}
		x.Name = name
		return e.putUser(e.user)
	})
}

// Remove takes a device away. A fob is nobody's again: somebody else can enrol it, and its old codes stay used.
func (d *Directory) Remove(ctx context.Context, at At, token, id string) error {
	return d.enrol(ctx, at, Who{Token: token}, "Remove", func(e *enrolling) error {
		x, err := e.device(id)
		if err != nil {
			return err
		}
		switch x.Kind {
		case Key:
			err = e.Delete(kindKey, credentialKey(x.Key.ID))
		case Fob:
			var v *iam.Verifier
			if v, err = e.verifier(e.user, x); err == nil && v != nil {
				err = e.PutHardware(x.Serial, "", *v)
			}
		}
		if err != nil {
			return err
		}
		e.user.Devices = slices.DeleteFunc(e.user.Devices, func(d device) bool { return d.ID == id })
		return e.putUser(e.user)
	})
}

// Resync finds an app or a fob again whose clock has drifted, by two codes in a row.
func (d *Directory) Resync(ctx context.Context, at At, token, id, code1, code2 string) error {
	return d.enrol(ctx, at, Who{Token: token}, "Resync", func(e *enrolling) error {
		x, err := e.device(id)
		if err != nil {
			return err
		}
		v, err := e.verifier(e.user, x)
		if err != nil {
			return err
		}
		if v == nil {
			return wrong("A security key shows no codes and cannot be resynchronised.")
		}
		s := &signIn{Workflow: e.workflow()}
		verdict := v.Sync(strings.TrimSpace(code1), strings.TrimSpace(code2), at.Now, e.Settings())
		if err := e.putVerifier(e.user, x, v); err != nil {
			return err
		}
		if !verdict.Accepted {
			return e.failed(e.user, s, resyncType, errCode(verdict.Rule, verdict.Section))
		}
		return e.leave(e.user, s, "CredentialVerification", resyncType, true, false)
	})
}
