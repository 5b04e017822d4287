package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// PressOptions say which code a press is to get. The zero value is a bare press: whatever the LCD shows now.
type PressOptions struct {
	// Next moves the lab's clock to the first moment at which a code is shown that nobody has got yet.
	Next bool `json:"next,omitempty"`
	// Wait waits for that moment instead. In a lab that stands still it moves the clock, because nothing else would.
	Wait bool `json:"wait,omitempty"`
	// MinLeft asks for a code that the fob's clock still has for so long, at most nine tenths of a step; without Next it
	// waits for one.
	MinLeft Span `json:"minLeft,omitempty"`
}

// Press pushes the button of a device and returns what its LCD then shows. Two callers that ask for a Next code, or Wait
// for one, never get the same step.
func (l *Lab) Press(ctx context.Context, shelf Shelf, serial string, opt PressOptions) (Shown, error) {
	if opt.Next && opt.Wait {
		return Shown{}, errors.New("a press moves the clock or waits: give next or wait, not both")
	}
	var shown Shown
	var wait *waiting
	err := l.Do(ctx, func(w *sim.World) (err error) {
		shown, wait, err = l.press(w, shelf, serial, opt)
		return err
	})
	if err == nil && wait != nil {
		shown, err = l.attend(ctx, wait)
	}
	if err == nil {
		err = l.Save(ctx)
	}
	if err != nil {
		return Shown{}, err
	}
	return shown, nil
}

// press pushes the button now, or returns who waits until it is time to.
func (l *Lab) press(w *sim.World, shelf Shelf, serial string, opt PressOptions) (Shown, *waiting, error) {
	d, err := l.bench.get(shelf, serial)
	if err != nil {
		return Shown{}, nil, err
	}
	step, err := d.choose(w.Now(), opt)
	if err != nil {
		return Shown{}, nil, err
	}
	if at := d.StepBegins(step); at.After(w.Now()) {
		switch {
		case l.opt.WallOnly && opt.Next:
			return Shown{}, nil, ErrTravel
		case !opt.Next && l.clock.Rate() != 0:
			return Shown{}, l.wait(d, opt, step), nil
		}
		if err := l.jump(w, at); err != nil {
			return Shown{}, nil, err
		}
		w.Record("clock.advanced", sim.String("to", at.Format(time.RFC3339Nano)), sim.String("for", serial))
	}
	shown, err := l.pressed(d)
	return shown, nil, err
}

// choose returns the step that a press with opt is to show.
func (d *device) choose(now time.Time, opt PressOptions) (int64, error) {
	if d.dead(now) {
		return 0, errDead(d)
	}
	if most := d.Profile().Step / 10 * 9; opt.MinLeft < 0 || time.Duration(opt.MinLeft) > most {
		return 0, fmt.Errorf("no code of %q is sure to be good for %s: ask for 0s to %s", d.Serial(), opt.MinLeft, most)
	}
	step := d.StepAt(now)
	fresh := opt.Next || opt.Wait
	for fresh && !d.free(step) || d.left(step, later(now, d.StepBegins(step))) < opt.MinLeft {
		// A step that has to be waited for is the waiting one's own.
		step, fresh = step+1, true
		if d.StepBegins(step).IsZero() {
			return 0, fmt.Errorf("the clock of %q never comes to another step: the calendar ends", d.Serial())
		}
	}
	return step, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// free reports whether nobody has got the code of step, or waits for it.
func (d *device) free(step int64) bool {
	return step > d.got && !slices.ContainsFunc(d.waiting, func(p *waiting) bool { return p.step == step })
}

// pressed pushes the button and says so in the journal: the step, never the code.
func (l *Lab) pressed(d *device) (Shown, error) {
	now := l.world.Now()
	if d.dead(now) {
		return Shown{}, errDead(d)
	}
	d.Press(now)
	l.bench.changed(d)
	s := d.shown(now)
	if s.Dead {
		d.perish()
		return Shown{}, errDead(d)
	}
	d.got = max(d.got, s.Step)
	l.world.Record(string(d.shelf)+".pressed", sim.String("serial", d.Serial()), sim.Int("step", s.Step))
	return s, nil
}

// waiting is somebody with a finger on the button of a device, waiting for a step of its clock. The world wakes it when
// that comes, also when temperature or a reset of the clock moves the moment.
type waiting struct {
	lab   *Lab
	on    *device
	opt   PressOptions
	step  int64
	over  chan struct{} // closed when shown and err are there
	shown Shown
	err   error
}

func (l *Lab) wait(d *device, opt PressOptions, step int64) *waiting {
	p := &waiting{lab: l, on: d, opt: opt, step: step, over: make(chan struct{})}
	d.waiting = append(d.waiting, p)
	slices.SortFunc(d.waiting, func(a, b *waiting) int { return cmp.Compare(a.step, b.step) })
	l.world.Add(p)
	return p
}

// Wake implements sim.Machine.
func (p *waiting) Wake() time.Time { return p.on.StepBegins(p.step) }

// Step implements sim.Machine.
func (p *waiting) Step(now time.Time) {
	if p.on.StepAt(now) < p.step {
		return
	}
	p.leave()
	p.end(p.lab.pressed(p.on))
}

// leave takes p out of the world and gives its step back.
func (p *waiting) leave() {
	p.lab.world.Remove(p)
	p.on.waiting = slices.DeleteFunc(p.on.waiting, func(q *waiting) bool { return q == p })
}

// end hands over what came of it.
func (p *waiting) end(shown Shown, err error) {
	p.lab.world.Remove(p)
	p.shown, p.err = shown, err
	close(p.over)
}

// dismiss sends everybody away who waits.
func (d *device) dismiss(err error) {
	queue := d.waiting
	d.waiting = nil
	for _, p := range queue {
		p.end(Shown{}, err)
	}
}

// attend waits for the press. A caller that goes away presses nothing, and its step is free again.
func (l *Lab) attend(ctx context.Context, p *waiting) (Shown, error) {
	if err := l.until(ctx, p.over); err != nil {
		gone := l.Do(context.WithoutCancel(ctx), func(*sim.World) error {
			select {
			case <-p.over:
			default:
				p.leave()
			}
			return nil
		})
		return Shown{}, errors.Join(err, onlyUnexpected(gone))
	}
	return p.shown, p.err
}

// onlyUnexpected drops the error of a lab that has ended meanwhile.
func onlyUnexpected(err error) error {
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}
