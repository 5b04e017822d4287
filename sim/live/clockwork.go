package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// ErrTravel is returned where the lab's clock is the wall's and may not be moved.
var ErrTravel = errors.New("this lab runs by the wall clock (--clock wall): its clock cannot be moved")

// Advance moves the lab's clock forward by d, through every wake on the way.
func (l *Lab) Advance(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("the clock cannot be advanced by %s: only `mfalab clock reset` goes back", d)
	}
	return l.clockwork(ctx, func(w *sim.World) error {
		to := w.Now().Add(d)
		if err := (reading{Lab: to, Rate: 1}).check(); err != nil {
			return err
		}
		l.jump(w, to)
		w.Record("clock.advanced", sim.Duration("by", d))
		return nil
	})
}

// SetRate makes rate seconds pass in the lab for one of the wall's; 0 stands still.
func (l *Lab) SetRate(ctx context.Context, rate float64) error {
	return l.clockwork(ctx, func(w *sim.World) error {
		if err := (reading{Lab: w.Now(), Rate: rate}).check(); err != nil {
			return err
		}
		l.clock.set(w.Now(), rate)
		w.Record("clock.rate", sim.String("rate", fmt.Sprint(rate)))
		return nil
	})
}

// ResetClock puts the lab's clock to the wall's, the one way back. The devices keep the drift that they have gathered,
// their battery and their age; what has been used stays used.
func (l *Lab) ResetClock(ctx context.Context) error {
	return l.clockwork(ctx, func(w *sim.World) error {
		from, to := w.Now(), strip(l.opt.Wall())
		for _, d := range l.bench.all() {
			d.Rebase(from, to)
			d.taken = -1
			l.bench.changed(d)
		}
		w.Set(to)
		l.clock.set(to, 1)
		w.Record("clock.reset", sim.Duration("by", to.Sub(from)))
		return nil
	})
}

// clockwork runs f, which moves the clock, and stores the lab.
func (l *Lab) clockwork(ctx context.Context, f func(w *sim.World) error) error {
	if l.opt.WallOnly {
		return ErrTravel
	}
	if err := l.Do(ctx, func(w *sim.World) error { l.unsaved = true; return f(w) }); err != nil {
		return err
	}
	return l.Save(ctx)
}

// jump moves world and clock to t.
func (l *Lab) jump(w *sim.World, t time.Time) {
	w.AdvanceTo(t)
	l.clock.set(t, l.clock.Rate())
	l.unsaved = true
}

// Wait returns when d has passed in the lab: at once in a lab that stands still, whose clock it moves.
func (l *Lab) Wait(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("nobody can wait for %s", d)
	}
	if l.clock.Rate() == 0 {
		return l.clockwork(ctx, func(w *sim.World) error {
			l.jump(w, w.Now().Add(d))
			w.Record("clock.waited", sim.Duration("for", d))
			return nil
		})
	}
	done := make(chan struct{})
	err := l.Do(ctx, func(w *sim.World) error {
		w.In(d, "waited", func(time.Time) { close(done) })
		return nil
	})
	if err != nil {
		return err
	}
	return l.until(ctx, done)
}

// until waits for an event in the world.
func (l *Lab) until(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return ErrClosed
	}
}
