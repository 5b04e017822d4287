package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/flash"
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

// ParseKeyFile reads what `mfalab key export` wrote, and nothing else.
func ParseKeyFile(b []byte) (f KeyFile, err error) {
	if err := json.Unmarshal(b, &f); err != nil {
		return KeyFile{}, fmt.Errorf("this is no exported key: %w", err)
	}
	if f.Version == keyFileVersion {
		if err := strict(b, &KeyFile{}); err != nil {
			return KeyFile{}, fmt.Errorf("this exported key has something that this mfalab does not know: %w", err)
		}
	}
	return f, f.check()
}

// check reports what makes f unfit to be imported, but for what is in its flash.
func (f KeyFile) check() error {
	if f.Version != keyFileVersion {
		return fmt.Errorf("this is no exported key of version %d (\"mfalab_key\": %d)", keyFileVersion, f.Version)
	}
	if f.Key.Flash == nil {
		return errors.New("this exported key has no flash: it is cut short")
	}
	if err := f.Key.check(); err != nil {
		return fmt.Errorf("this is no exported key: %w", err)
	}
	return nil
}

// ImportKey puts a key on the bench that was exported, under its own serial or another one. A key that would not start, now
// or after it was taken back to its snapshot, is refused.
func (l *Lab) ImportKey(ctx context.Context, f KeyFile, c KeyCopy) (KeyShown, error) {
	f.Key.KeyElement = f.Key.portable()
	if err := f.check(); err != nil {
		return KeyShown{}, err
	}
	if c.Serial == "" {
		c.Serial = f.Key.Serial
	}
	return l.addKey(ctx, c, func() (SecurityKey, error) {
		err := l.starts(f.Key, f.Key.Flash)
		if err == nil && f.Key.Earlier != nil {
			if err = l.starts(f.Key, f.Key.Earlier); err != nil {
				err = fmt.Errorf("its snapshot: %w", err)
			}
		}
		return f.Key, err
	})
}

// starts reports why a key does not start with these records in its flash, without touching it. Of a key with a secure element
// only that could tell.
func (l *Lab) starts(s SecurityKey, records map[string][]byte) error {
	if s.Element != "" {
		return nil
	}
	store := &flash.Memory{}
	if err := fill(store, records); err != nil {
		return err
	}
	core, err := l.firmware(u2f.Config{Profile: s.Profile.Key, Flash: store, Serial: s.Serial})
	if err != nil {
		return err
	}
	now, _ := l.clock.Now()
	if err := core.SetFingers(now, s.Fingers); err != nil {
		return err
	}
	return core.PowerUp(now, make([]byte, entropySize))
}

// addKey puts what of returns on the bench, with a serial and an image of its own.
func (l *Lab) addKey(ctx context.Context, c KeyCopy, of func() (SecurityKey, error)) (shown KeyShown, err error) {
	var k *key
	err = l.Do(ctx, func(w *sim.World) error {
		s, err := of()
		if err != nil {
			return err
		}
		if err := l.bench.checkSerial(c.Serial); err != nil {
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
		if err := l.starts(s, k.earlier); err != nil {
			return fmt.Errorf("the earlier state of the key %q is none: %w", k.serial, err)
		}
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
func (l *Lab) newCore(k *key, p u2f.Profile, store u2f.Flash) (core *u2f.Key, err error) {
	if k.inside, err = k.element.open(); err != nil {
		return nil, err
	}
	return l.firmware(u2f.Config{Profile: p, Flash: store, Element: k.inside, Observe: k.observe, Serial: k.serial})
}

// firmware returns a core that attests under the lab's root.
func (l *Lab) firmware(c u2f.Config) (*u2f.Key, error) {
	root, err := l.root()
	if err != nil {
		return nil, err
	}
	if at := l.state.Publishing; at.Points {
		root = root.PublishedAt(at.PointedAt[len(at.PointedAt)-1])
	}
	c.Root = root
	return u2f.New(c)
}

// earlierCopy returns the snapshot for a file.
func (k *key) earlierCopy() map[string][]byte { return maps.Clone(k.earlier) }
