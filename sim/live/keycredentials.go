package live

import (
	"context"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// ImportCredentials gives a key credentials that were made elsewhere, and returns what can be seen of it then. See
// u2f.Key.ImportCredentials.
func (l *Lab) ImportCredentials(ctx context.Context, serial string, list []u2f.VirtualCredential) (KeyShown, error) {
	return l.whenIdle(ctx, serial, func(w *sim.World, k *key) error {
		if err := k.core.ImportCredentials(list); err != nil {
			return err
		}
		w.Record("key.imported", sim.String("serial", k.serial), sim.Int("credentials", int64(len(list))))
		return nil
	})
}

// ExportCredentials returns credentials of a key with their secrets: all that lie in it, or, with an id, that one of the
// relying party rpID, which need not be discoverable.
func (l *Lab) ExportCredentials(ctx context.Context, serial, rpID string, id []byte) (list []u2f.VirtualCredential, err error) {
	_, err = l.whenIdle(ctx, serial, func(_ *sim.World, k *key) error {
		if id == nil {
			list, err = k.core.ExportCredentials()
			return err
		}
		one, err := k.core.ExportCredential(rpID, id)
		list = []u2f.VirtualCredential{one}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
