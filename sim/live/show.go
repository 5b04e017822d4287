package live

import (
	"context"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/token"
)

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
	s.Left = d.left(s.Step, now)
	return s
}

// left returns how long after now the fob's clock leaves step.
func (d *device) left(step int64, now time.Time) Span {
	return Span(max(d.StepBegins(step+1).Sub(now), 0))
}

// errDead words the refusal of a fob whose battery is gone.
func errDead(d *device) error {
	return fmt.Errorf("the %s %q is dead: its battery is gone, and its clock and seed with it; take another", d.shelf, d.Serial())
}

// Show returns a device as it lies there, without touching it.
func (l *Lab) Show(ctx context.Context, shelf Shelf, serial string) (shown Shown, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(shelf, serial)
		if err == nil {
			shown = d.shown(w.Now())
		}
		return err
	})
	return shown, err
}

// List returns the devices of a shelf in the order of their serials.
func (l *Lab) List(ctx context.Context, shelf Shelf) ([]Shown, error) {
	list := []Shown{}
	err := l.Do(ctx, func(w *sim.World) error {
		for _, d := range l.bench.on(shelf) {
			list = append(list, d.shown(w.Now()))
		}
		return nil
	})
	return list, err
}

// Peek returns the code of a step without a press: relative to the present step of the fob's clock where relative is
// true, counted from T0 otherwise.
func (l *Lab) Peek(ctx context.Context, shelf Shelf, serial string, step int64, relative bool) (shown Shown, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(shelf, serial)
		if err != nil {
			return err
		}
		s := d.shown(w.Now())
		if s.Dead {
			return errDead(d)
		}
		if relative {
			step += d.StepAt(w.Now())
		}
		if s.Code, err = d.Peek(step); err != nil {
			return err
		}
		s.Step, s.Left = step, d.left(step, w.Now())
		shown = s
		return nil
	})
	return shown, err
}

// Heat puts a fob into another temperature, in degrees Celsius from -40 to 85, from now on.
func (l *Lab) Heat(ctx context.Context, serial string, celsius float64) error {
	if !(celsius >= -40 && celsius <= 85) {
		return fmt.Errorf("a fob cannot be kept at %v degrees: give -40 to 85", celsius)
	}
	_, err := l.treat(ctx, serial, "temperature", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		f.SetTemperature(now, int64(celsius*1000))
		return []sim.Attr{sim.String("celsius", fmt.Sprint(celsius))}, nil
	})
	return err
}

// Devices returns how many fobs, app accounts and keys lie on the bench. It belongs inside Do.
func (l *Lab) Devices() (fobs, apps, keys int) {
	return len(l.bench.shelves[Fobs]), len(l.bench.shelves[Apps]), len(l.bench.keys)
}

// Picture is what a fob looks like, as SVG.
type Picture struct {
	Front string `json:"front"` // case, button and LCD with what it shows
	Back  string `json:"back"`  // serial number and bar code
}

// Picture draws a fob as it lies there.
func (l *Lab) Picture(ctx context.Context, serial string) (p Picture, err error) {
	err = l.Do(ctx, func(*sim.World) error {
		d, err := l.bench.get(Fobs, serial)
		if err == nil {
			p = Picture{Front: d.FrontSVG(), Back: d.BackSVG()}
		}
		return err
	})
	return p, err
}
