package live

import (
	"context"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// PressOptions say which code a press is to get. The zero value is a bare press: whatever the LCD shows now.
type PressOptions struct {
	// Next moves the lab's clock to the first moment at which a code is shown that nobody has got yet.
	Next bool `json:"next,omitempty"`
	// Wait waits for that moment instead. In a lab that stands still it moves the clock, because nothing else would.
	Wait bool `json:"wait,omitempty"`
	// MinLeft asks for a code that the fob's clock still has for so long; without Next it waits for one.
	MinLeft Span `json:"minLeft,omitempty"`
}

// Shown is a device and what its LCD shows.
type Shown struct {
	Serial  string `json:"serial"`
	Profile string `json:"profile"`
	Lit     bool   `json:"lit"`
	Code    string `json:"code,omitempty"`
	Step    int64  `json:"step"` // the step of the code, or while dark that of the fob's clock
	// Left is how long the fob's clock stays in Step.
	Left       Span      `json:"left"`
	Time       time.Time `json:"time"` // the lab's
	Drift      Span      `json:"drift"`
	Celsius    float64   `json:"celsius"`
	Battery    float64   `json:"battery"` // from 1 down to 0
	LowBattery bool      `json:"lowBattery,omitempty"`
	Dead       bool      `json:"dead,omitempty"`
	// Art is the LCD as three lines of text.
	Art string `json:"art"`
}

func (d *device) shown(now time.Time) Shown {
	lcd := d.Display()
	s := Shown{Serial: d.Serial(), Profile: d.Profile().Name, Lit: lcd.Lit, Code: lcd.Code, Step: lcd.Step, Time: now,
		Drift: Span(d.Drift(now)), Celsius: float64(d.Temperature()) / 1000, LowBattery: lcd.LowBattery, Art: lcd.Art()}
	if s.Battery, s.Dead = d.Battery(now); s.Dead {
		return s
	}
	if !lcd.Lit {
		s.Step = d.StepAt(now)
	}
	s.Left = Span(max(d.StepBegins(s.Step+1).Sub(now), 0))
	return s
}

// errDead words the refusal of a fob whose battery is gone.
func errDead(d *device) error {
	return fmt.Errorf("the %s %q is dead: its battery is gone, and its clock and seed with it; take another", d.shelf, d.Serial())
}

// Press pushes the button of a device and returns what its LCD then shows. Two callers that ask for a Next code, or Wait
// for one, never get the same step.
func (l *Lab) Press(ctx context.Context, shelf Shelf, serial string, opt PressOptions) (Shown, error) {
	var shown Shown
	var late chan struct{}
	var failed error
	err := l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(shelf, serial)
		if err != nil {
			return err
		}
		step, err := d.choose(w.Now(), opt)
		if err != nil {
			return err
		}
		at := d.StepBegins(step)
		switch {
		case !at.After(w.Now()):
		case l.opt.WallOnly && !opt.Wait && opt.Next:
			return ErrTravel
		case opt.Next || l.clock.Rate() == 0:
			l.jump(w, at)
			w.Record("clock.advanced", sim.String("to", at.Format(time.RFC3339Nano)), sim.String("for", serial))
		default:
			late, d.taken = make(chan struct{}), step
			l.later(w, ctx, d, step, func(now time.Time) { shown, failed = l.pressed(w, d); close(late) })
			return nil
		}
		shown, err = l.pressed(w, d)
		return err
	})
	if err == nil && late != nil {
		if err = l.until(ctx, late); err == nil {
			err = failed
		}
	}
	if err != nil {
		return Shown{}, err
	}
	return shown, l.Save(ctx)
}

// later runs then when the fob's clock has reached step. The moment is worked out anew when it comes, because the fob may
// have been moved into the cold in between. A caller that went away presses nothing.
func (l *Lab) later(w *sim.World, ctx context.Context, d *device, step int64, then func(now time.Time)) {
	w.In(d.StepBegins(step).Sub(w.Now()), "press of "+d.Serial(), func(now time.Time) {
		switch at := d.StepBegins(step); {
		case ctx.Err() != nil:
		case !at.IsZero() && at.After(now):
			l.later(w, ctx, d, step, then)
		default:
			then(now)
		}
	})
}

// choose returns the step that a press with opt is to show.
func (d *device) choose(now time.Time, opt PressOptions) (int64, error) {
	if _, dead := d.Battery(now); dead {
		return 0, errDead(d)
	}
	step := d.StepAt(now)
	if opt.Next || opt.Wait {
		step = max(step, d.taken+1)
	}
	if opt.MinLeft == 0 {
		return step, nil
	}
	if p := d.Profile(); opt.MinLeft < 0 || time.Duration(opt.MinLeft) > p.Step {
		return 0, fmt.Errorf("no code of %q is good for %s: ask for 0s to %s", d.Serial(), opt.MinLeft, p.Step)
	}
	begins := d.StepBegins(step)
	if begins.Before(now) {
		begins = now
	}
	if d.StepBegins(step+1).Sub(begins) < time.Duration(opt.MinLeft) {
		step++
	}
	return step, nil
}

// pressed pushes the button and says so in the journal: the step, never the code.
func (l *Lab) pressed(w *sim.World, d *device) (Shown, error) {
	d.Press(w.Now())
	l.bench.changed(d)
	s := d.shown(w.Now())
	if s.Dead {
		w.Record(string(d.shelf)+".died", sim.String("serial", d.Serial()))
		return s, errDead(d)
	}
	d.taken = max(d.taken, s.Step)
	w.Record(string(d.shelf)+".pressed", sim.String("serial", d.Serial()), sim.Int("step", s.Step))
	return s, nil
}

// Show returns a device as it lies there, without touching it.
func (l *Lab) Show(ctx context.Context, shelf Shelf, serial string) (Shown, error) {
	var shown Shown
	return shown, l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(shelf, serial)
		if err == nil {
			shown = d.shown(w.Now())
		}
		return err
	})
}

// List returns the devices of a shelf in the order of their serials.
func (l *Lab) List(ctx context.Context, shelf Shelf) ([]Shown, error) {
	list := []Shown{}
	return list, l.Do(ctx, func(w *sim.World) error {
		for _, d := range l.bench.on(shelf) {
			list = append(list, d.shown(w.Now()))
		}
		return nil
	})
}

// Peek returns the code of a step without a press: relative to the present step of the fob's clock where relative is
// true, counted from T0 otherwise.
func (l *Lab) Peek(ctx context.Context, shelf Shelf, serial string, step int64, relative bool) (Shown, error) {
	var shown Shown
	return shown, l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(shelf, serial)
		if err != nil {
			return err
		}
		shown = d.shown(w.Now())
		if shown.Dead {
			return errDead(d)
		}
		if relative {
			step += d.StepAt(w.Now())
		}
		shown.Code, err = d.Peek(step)
		shown.Step, shown.Left = step, Span(max(d.StepBegins(step+1).Sub(w.Now()), 0))
		return err
	})
}

// Heat puts a fob into another temperature, in degrees Celsius, from now on.
func (l *Lab) Heat(ctx context.Context, serial string, celsius float64) error {
	err := l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(Fobs, serial)
		if err != nil {
			return err
		}
		if !(celsius >= -40 && celsius <= 85) {
			return fmt.Errorf("a fob cannot be kept at %v degrees: give -40 to 85", celsius)
		}
		d.SetTemperature(w.Now(), int64(celsius*1000))
		l.bench.changed(d)
		w.Record("fob.temperature", sim.String("serial", serial), sim.Int("celsius", int64(celsius)))
		return nil
	})
	if err != nil {
		return err
	}
	return l.Save(ctx)
}

// Devices returns how many fobs and app accounts lie on the bench. It belongs inside Do.
func (l *Lab) Devices() (fobs, apps int) {
	return len(l.bench.shelves[Fobs]), len(l.bench.shelves[Apps])
}
