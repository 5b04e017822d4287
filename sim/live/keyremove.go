package live

import (
	"context"
	"errors"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// RemoveKey takes a key off the bench for good: what lay in its flash is gone, and whoever watched it is told. What a secure
// element holds stays there.
func (l *Lab) RemoveKey(ctx context.Context, serial string) (gone KeyShown, err error) {
	l.saving.Lock()
	defer l.saving.Unlock()
	var s SecurityKey
	err = l.Do(ctx, func(w *sim.World) error {
		k, err := l.bench.key(serial)
		if err != nil {
			return err
		}
		gone, s = k.shown(), k.saved()
		w.Record("key.removed", sim.String("serial", k.serial))
		l.unsaved = true
		return l.bench.drop(k)
	})
	if err != nil || l.opt.Ephemeral {
		return gone, err
	}
	// The key's own file goes first: a flash that no key has is swept away when the lab is opened.
	if err := errors.Join(l.files.remove(keyFile(s.Serial)), l.forgetFlash(s)); err != nil {
		return gone, unstored(err)
	}
	return gone, l.save(ctx, false)
}

// KeyCredentials returns what there is to see of the credentials that lie in a key: all of them, but none of their secrets. The
// key must have power.
func (l *Lab) KeyCredentials(ctx context.Context, serial string) (list []u2f.CredentialSummary, err error) {
	_, err = l.onKey(ctx, serial, func(_ *sim.World, k *key) error {
		if k.port == nil {
			return errUnplugged(k.serial)
		}
		list = k.core.Credentials()
		return nil
	})
	return list, err
}
