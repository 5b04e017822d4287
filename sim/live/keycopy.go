package live

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// keyFileVersion is that of KeyFile.
const keyFileVersion = 1

// A KeyFile is a key with all its secrets, as `mfalab key export` writes it.
type KeyFile struct {
	Version int         `json:"mfalab_key"` // 1
	Key     SecurityKey `json:"key"`
}

// A KeyCopy says what a copy of a key is called.
type KeyCopy struct {
	Serial    string `json:"serial,omitempty"` // eight digits that nobody has where empty
	Unplugged bool   `json:"unplugged,omitempty"`
}

// CloneKey makes a second key with the same secrets, as who takes a key apart and copies its memory: credentials, PIN,
// counters and attestation are the same, and from then on each counts for itself.
func (l *Lab) CloneKey(ctx context.Context, serial string, c KeyCopy) (shown KeyShown, err error) {
	return l.addKey(ctx, c, func() (SecurityKey, error) {
		k, err := l.bench.key(serial)
		if err != nil {
			return SecurityKey{}, err
		}
		s, err := k.copied()
		s.Earlier, s.KeyElement = nil, k.element // what was before is the first one's
		return s, err
	})
}

// ExportKey returns a key with all its secrets.
func (l *Lab) ExportKey(ctx context.Context, serial string) (f KeyFile, err error) {
	_, err = l.onKey(ctx, serial, func(_ *sim.World, k *key) (err error) {
		f.Version = keyFileVersion
		f.Key, err = k.copied()
		return err
	})
	return f, err
}

// ImportKey puts a key on the bench that was exported, under its own serial or another one.
func (l *Lab) ImportKey(ctx context.Context, f KeyFile, c KeyCopy) (KeyShown, error) {
	if f.Version != keyFileVersion {
		return KeyShown{}, fmt.Errorf("this is no exported key of version %d (\"mfalab_key\": %d)", keyFileVersion, f.Version)
	}
	f.Key.KeyElement = f.Key.portable()
	if f.Key.Flash == nil {
		return KeyShown{}, errors.New("this exported key has no flash: it is cut short")
	}
	if err := f.Key.check(); err != nil {
		return KeyShown{}, fmt.Errorf("this is no exported key: %w", err)
	}
	if c.Serial == "" {
		c.Serial = f.Key.Serial
	}
	return l.addKey(ctx, c, func() (SecurityKey, error) { return f.Key, nil })
}

// addKey puts what of returns on the bench, with a serial and an image of its own.
func (l *Lab) addKey(ctx context.Context, c KeyCopy, of func() (SecurityKey, error)) (shown KeyShown, err error) {
	var k *key
	err = l.Do(ctx, func(w *sim.World) error {
		s, err := of()
		if err != nil {
			return err
		}
		l.state.Made++
		l.unsaved = true
		if s.Serial, err = l.newKeySerial(c.Serial); err != nil {
			return err
		}
		s.Image, s.Plugged, s.Via = l.state.Made, false, ""
		if k, err = l.startKey(w, s, c.Unplugged); err != nil {
			return err
		}
		shown = k.shown()
		return nil
	})
	if err != nil {
		return shown, err
	}
	if err := l.Save(ctx); err != nil {
		return KeyShown{}, errors.Join(err, l.Do(context.WithoutCancel(ctx), func(*sim.World) error { return l.bench.drop(k) }))
	}
	return shown, nil
}

// SnapshotKey remembers what is in a key's flash, for RollbackKey. A later one takes its place.
func (l *Lab) SnapshotKey(ctx context.Context, serial string) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		s, err := k.copied()
		if err != nil {
			return err
		}
		k.earlier = s.Flash
		l.bench.unsavedKeys[k] = true
		w.Record("key.snapshot", sim.String("serial", k.serial))
		return nil
	})
}

// RollbackKey takes a key back to its snapshot, which stays: credentials that were made since are gone, and its counter
// falls. It is pulled out and plugged in again.
func (l *Lab) RollbackKey(ctx context.Context, serial string) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		if k.earlier == nil {
			return fmt.Errorf("there is no earlier state of the key %q: `mfalab key snapshot %s` keeps one", k.serial, k.serial)
		}
		s := k.saved()
		l.state.Made++
		l.unsaved = true
		s.Image, s.Flash = l.state.Made, k.earlier
		if err := l.forgetFlash(s); err != nil {
			return err
		}
		store, closing, err := l.openFlash(s)
		if err != nil {
			return err
		}
		core, err := l.newCore(k, s.Profile.Key, store)
		if err != nil {
			return errors.Join(err, closing())
		}
		k.unplug(w)
		err = k.close()
		k.flash, k.close, k.core, k.image, k.trouble = store, closing, core, s.Image, nil
		k.core.SetPresence(w.Now(), k.presence)
		l.bench.unsavedKeys[k] = true
		w.Record("key.rolled-back", sim.String("serial", k.serial))
		if s.Plugged {
			k.trouble = k.plug(w, s.Via)
		}
		return errors.Join(err, k.trouble)
	})
}

// newCore returns the firmware of k over a flash.
func (l *Lab) newCore(k *key, p u2f.Profile, store u2f.Flash) (*u2f.Key, error) {
	root, err := l.root()
	if err != nil {
		return nil, err
	}
	if at := l.state.Publishing; at.Points {
		root = root.PublishedAt(at.PointedAt[len(at.PointedAt)-1])
	}
	if k.inside, err = k.element.open(); err != nil {
		return nil, err
	}
	return u2f.New(u2f.Config{Profile: p, Flash: store, Element: k.inside, Root: root, Observe: k.observe, Serial: k.serial})
}

// earlierCopy returns the snapshot for a file.
func (k *key) earlierCopy() map[string][]byte { return maps.Clone(k.earlier) }
