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
	return l.travel(ctx, func(w *sim.World) error {
		if err := l.jump(w, w.Now().Add(d)); err != nil {
			return err
		}
		w.Record("clock.advanced", sim.Duration("by", d))
		return nil
	})
}

// SetRate makes rate seconds pass in the lab for one of the wall's, at most 86400; 0 stands still. Whoever waits then
// waits until somebody moves the clock.
func (l *Lab) SetRate(ctx context.Context, rate float64) error {
	return l.travel(ctx, func(w *sim.World) error {
		if err := (reading{Lab: w.Now(), Rate: rate}).check(); err != nil {
			return err
		}
		l.clock.forward(w.Now(), rate)
		w.Record("clock.rate", sim.String("rate", fmt.Sprint(rate)))
		return nil
	})
}

// ResetClock puts the lab's clock to the wall's, at rate 1: the one way back. The devices keep the drift that they have
// gathered, their battery and their age; what has been used stays used. Whoever waits for a press gets the next code of
// the new time. Keys that are plugged in are pulled out and plugged in again.
func (l *Lab) ResetClock(ctx context.Context) error {
	return l.travel(ctx, func(w *sim.World) error {
		from, to := w.Now(), strip(l.opt.Wall())
		if err := (reading{Lab: to, Rate: 1}).check(); err != nil {
			return err
		}
		for _, d := range l.bench.all() {
			d.rebase(from, to)
			l.bench.unsaved[d] = true
		}
		// What a key has begun, and when it was plugged in, are of the other time.
		plugged := l.bench.pull(w)
		l.rebased = true
		w.Set(to)
		l.clock.set(to, 1)
		w.Record("clock.reset", sim.Duration("by", to.Sub(from)))
		return plugIn(w, plugged)
	})
}

// travel runs f, which moves the clock, and stores the lab.
func (l *Lab) travel(ctx context.Context, f func(w *sim.World) error) error {
	if l.opt.WallOnly {
		return ErrTravel
	}
	err := l.Do(ctx, func(w *sim.World) error {
		err := f(w)
		l.unsaved = l.unsaved || err == nil
		return err
	})
	if err != nil {
		return err
	}
	return l.Save(ctx)
}

// jump moves world and clock forward to t.
func (l *Lab) jump(w *sim.World, t time.Time) error {
	if err := (reading{Lab: t, Rate: 1}).check(); err != nil {
		return err
	}
	w.AdvanceTo(t)
	l.clock.forward(t, l.clock.Rate())
	l.unsaved = true
	return nil
}

// Wait returns when d has passed in the lab: at once in a lab that stands still, whose clock it moves.
func (l *Lab) Wait(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("nobody can wait for %s", d)
	}
	passed := make(chan struct{})
	err := l.Do(ctx, func(w *sim.World) error {
		if l.clock.Rate() != 0 {
			w.In(d, "waited", func(time.Time) { close(passed) })
			return nil
		}
		if err := l.jump(w, w.Now().Add(d)); err != nil {
			return err
		}
		w.Record("clock.waited", sim.Duration("for", d))
		close(passed)
		return nil
	})
	if err == nil {
		err = l.until(ctx, passed)
	}
	if err != nil {
		return err
	}
	return l.Save(ctx)
}

// until waits for an event in the world.
func (l *Lab) until(ctx context.Context, event <-chan struct{}) error {
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return ErrClosed
	}
}
