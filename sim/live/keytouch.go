package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// A Touch is one that was given, and what for.
type Touch struct {
	Serial string `json:"serial"`
	u2f.Request
}

// ErrNothingWaits says that no key blinks.
var ErrNothingWaits = errors.New("no key waits for a touch")

// touching is somebody with a finger over a key, or over all of them.
type touching struct {
	serial string        // "" is whichever blinks
	hold   time.Duration // how long the finger rests
	done   chan outcome
}

// An outcome is what came of a touch.
type outcome struct {
	Touch
	err error
}

// nextTouch returns whose turn it is to touch k, as the index in b.touching; -1 is nobody.
func (b *bench) nextTouch(k *key) int {
	return slices.IndexFunc(b.touching, func(t *touching) bool { return t.serial == "" || t.serial == k.serial })
}

// TouchKey touches a key that blinks, and lets the finger rest there for hold of the lab's time, 0 for a touch; an empty
// serial means whichever does. Where none does it waits for one to begin, for as long as patience of the wall's time, and
// gives ErrNothingWaits then. A key that wants the finger to rest longer stays as it is, and the error says how long.
func (l *Lab) TouchKey(ctx context.Context, serial string, hold, patience time.Duration) (Touch, error) {
	t := &touching{serial: serial, hold: hold, done: make(chan outcome, 1)}
	err := l.Do(ctx, func(w *sim.World) error {
		keys := l.bench.allKeys()
		if serial != "" {
			k, err := l.bench.key(serial)
			if err != nil {
				return err
			}
			keys = []*key{k}
		}
		l.bench.touching = append(l.bench.touching, t)
		for _, k := range keys {
			k.settle(w)
		}
		return nil
	})
	if err != nil {
		return Touch{}, err
	}
	return l.touched(ctx, t, patience)
}

// touched waits until t has touched a key.
func (l *Lab) touched(ctx context.Context, t *touching, patience time.Duration) (Touch, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	err := ErrNothingWaits
	select {
	case given := <-t.done:
		return given.Touch, given.err
	case <-limit.C:
	case <-ctx.Done():
		err = ctx.Err()
	case <-l.quit:
		err = ErrClosed
	}
	// It may have happened while the patience ended.
	dead := ""
	_ = l.Do(context.Background(), func(*sim.World) error {
		l.bench.touching = slices.DeleteFunc(l.bench.touching, func(other *touching) bool { return other == t })
		dead = l.bench.deadContact(t.serial)
		return nil
	})
	select {
	case given := <-t.done:
		return given.Touch, given.err
	default:
	}
	switch {
	case !errors.Is(err, ErrNothingWaits):
	case dead != "":
		return Touch{}, fmt.Errorf("%w: the key %q blinks, and feels no finger: `mfalab key presence %s --touch manual` mends its contact",
			err, dead, dead)
	case t.serial != "":
		return Touch{}, fmt.Errorf("%w: the key %q does not blink", err, t.serial)
	}
	return Touch{}, err
}

// deadContact returns the serial of a key that blinks and cannot be touched, "" where there is none; serial is which key it
// is about, "" is any.
func (b *bench) deadContact(serial string) string {
	for _, k := range b.allKeys() {
		if _, blinks := k.core.Waiting(); blinks && k.presence.Mode == u2f.Never && (serial == "" || serial == k.serial) {
			return k.serial
		}
	}
	return ""
}

// DenyKey declines what a key blinks for; an empty serial means whichever does.
func (l *Lab) DenyKey(ctx context.Context, serial string) (denied Touch, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		for _, k := range l.bench.allKeys() {
			if serial != "" && serial != k.serial {
				continue
			}
			if r, blinks := k.core.Waiting(); blinks && k.core.Deny(w.Now()) {
				denied = Touch{Serial: k.serial, Request: r}
				k.settle(w)
				return nil
			}
		}
		if serial != "" && l.bench.keys[serial] == nil {
			_, err := l.bench.key(serial)
			return err
		}
		return ErrNothingWaits
	})
	return denied, err
}
