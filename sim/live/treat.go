package live

import (
	"context"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/token"
)

// treat does something to a fob, says so in the journal, and stores it. What do refuses has changed nothing.
func (l *Lab) treat(ctx context.Context, serial, event string, do func(f *token.Fob, now time.Time) ([]sim.Attr, error)) (Shown, error) {
	var shown Shown
	err := l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(Fobs, serial)
		if err != nil {
			return err
		}
		if d.dead(w.Now()) {
			return errDead(d)
		}
		attrs, err := do(d.Fob, w.Now())
		if err != nil {
			return err
		}
		w.Record("fob."+event, append([]sim.Attr{sim.String("serial", serial)}, attrs...)...)
		l.bench.changed(d)
		if d.dead(w.Now()) {
			d.perish()
		}
		shown = d.shown(w.Now())
		return nil
	})
	if err != nil {
		return Shown{}, err
	}
	return shown, l.Save(ctx)
}

// Leave puts a fob into a climate from now on, as token.ParseClimate reads it: "drawer", "cold-car", "-20", "daily:-5..30".
func (l *Lab) Leave(ctx context.Context, serial, climate string) (Shown, error) {
	c, err := token.ParseClimate(climate)
	if err != nil {
		return Shown{}, err
	}
	return l.treat(ctx, serial, "left", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		f.SetClimate(now, c)
		return []sim.Attr{sim.String("climate", c.String())}, nil
	})
}

// Drain takes charge out of a fob's battery until no more than left, from 0 to 1, is in it.
func (l *Lab) Drain(ctx context.Context, serial string, left float64) (Shown, error) {
	if !(left >= 0 && left <= 1) {
		return Shown{}, fmt.Errorf("a battery cannot have %v of its charge left: give 0 to 1", left)
	}
	return l.treat(ctx, serial, "drained", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		f.Drain(now, left)
		return []sim.Attr{sim.String("left", fmt.Sprint(left))}, nil
	})
}

// Break gives a fob the faults that token.ParseFaults reads, such as "stuck,weak,3g", and mends all others; "" mends it.
func (l *Lab) Break(ctx context.Context, serial, faults string) (Shown, error) {
	broken, err := token.ParseFaults(faults)
	if err != nil {
		return Shown{}, err
	}
	return l.treat(ctx, serial, "broken", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		return []sim.Attr{sim.String("faults", broken.String())}, f.Break(now, broken)
	})
}

// Tamper breaks a fob's case open: it forgets its seed.
func (l *Lab) Tamper(ctx context.Context, serial string) (Shown, error) {
	return l.treat(ctx, serial, "opened", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		f.Open(now)
		return nil, nil
	})
}

// Kill takes a fob's battery out, for ever.
func (l *Lab) Kill(ctx context.Context, serial string) (Shown, error) {
	return l.treat(ctx, serial, "killed", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		f.Kill(now)
		return nil, nil
	})
}

// SetFobClock sets the clock of a programmable fob as far away from the lab's as by says.
func (l *Lab) SetFobClock(ctx context.Context, serial string, by time.Duration) (Shown, error) {
	return l.treat(ctx, serial, "clock", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		return []sim.Attr{sim.Duration("by", by)}, f.SetClock(now, now.Add(by))
	})
}

// Challenge types a challenge into the keypad of a card and returns what its LCD answers.
func (l *Lab) Challenge(ctx context.Context, serial, challenge string) (Shown, error) {
	return l.treat(ctx, serial, "challenged", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		return nil, f.Challenge(now, challenge)
	})
}
