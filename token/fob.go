package token

import (
	"fmt"
	"time"
)

// A Config says what a new fob is.
type Config struct {
	Profile      Profile   // one of [Profiles], numbers changed at will
	Serial       string    // 1 to 256 letters, digits and _+=/:,.@-
	Seed         Seed      // at least one byte
	TolerancePPB int64     // the error of this one crystal at its turnover; positive runs fast; at most 1000000 either way
	Born         time.Time // from T0 to the year 9999
}

// A Fob is one device. Its clock was right, its battery full and its temperature 25 °C
// when it was born; from then on it lives by itself.
//
// Times handed to a fob are the world's. The world goes forward: an instant earlier than
// the last one is taken as the last one, and only [Fob.Rebase] goes back. Instants before
// 1970 and after 9999 are taken as the nearest inside. How often a fob is stepped makes
// no difference to what it is at a given instant.
//
// The zero Fob is dead, without a seed, and good for UnmarshalJSON only.
type Fob struct {
	profile Profile
	serial  string
	secret  *secret // nil in the zero Fob
	crystal oscillator
	battery battery
	lcd     lcd
	now     time.Time
}

type secret struct {
	seed Seed
	gen  *Generator
}

func newSecret(seed Seed, p Profile) (*secret, error) {
	gen, err := NewGenerator(seed, p.Algorithm, p.Digits)
	if err != nil {
		return nil, err
	}
	return &secret{seed: append(Seed(nil), seed...), gen: gen}, nil
}

// NewFob makes a fob. It keeps its own copy of everything in cfg. An error says which
// value no fob can have; it does not show the seed.
func NewFob(cfg Config) (*Fob, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	p := cfg.Profile
	known, err := ProfileNamed(p.Name)
	if err != nil {
		return nil, err
	}
	// A saved fob holds the numbers of its profile; the words come from the table.
	p.Title, p.SerialFormat, p.Source, p.T0 = known.Title, known.SerialFormat, known.Source, inWorld(p.T0)
	secret, err := newSecret(cfg.Seed, p)
	if err != nil {
		return nil, err
	}
	born := inWorld(cfg.Born)
	f := &Fob{profile: p, serial: cfg.Serial, secret: secret, now: born, lcd: lcd{phase: dark, last: -1}}
	f.build(cfg.TolerancePPB, born)
	f.crystal.anchor, f.crystal.milliC = born, roomMilliC
	if p.LitFor == 0 {
		f.lcd.show(f.StepAt(born))
	}
	return f, nil
}

// build puts the parts in that follow from the profile.
func (f *Fob) build(tolerance int64, born time.Time) {
	p := f.profile
	f.crystal = oscillator{tolerance: tolerance, ageing: p.AgeingPPB, parabola: p.ParabolaPPBPerC2,
		turnover: p.TurnoverMilliC, born: born}
	f.battery = battery{life: p.Life, inLife: p.PressesInLife, born: born}
}

func (cfg Config) check() error {
	if err := cfg.Profile.check(); err != nil {
		return err
	}
	if err := checkSerial(cfg.Serial); err != nil {
		return err
	}
	if cfg.TolerancePPB < -maxTolerancePPB || cfg.TolerancePPB > maxTolerancePPB {
		return fmt.Errorf("token: fob %q is off by %d ppb; use at most %d either way", cfg.Serial, cfg.TolerancePPB, maxTolerancePPB)
	}
	if cfg.Born.Before(cfg.Profile.T0) || cfg.Born.After(horizon) {
		return fmt.Errorf("token: fob %q is born at %s; use an instant from %s to 9999", cfg.Serial, cfg.Born, cfg.Profile.T0)
	}
	return nil
}

// inWorld returns the nearest instant from 1970 to 9999, in UTC and without a monotonic
// reading, so that equal instants are equal values.
func inWorld(t time.Time) time.Time {
	switch {
	case t.Before(unixEpoch):
		return unixEpoch
	case t.After(horizon):
		return horizon
	}
	return t.Round(0).UTC()
}

// Format writes the serial number, whatever the verb, and nothing of the seed. The
// receiver is a value, so that it holds for *f as well.
func (f Fob) Format(state fmt.State, _ rune) { fmt.Fprintf(state, "fob %s", f.serial) }

// Serial returns the number on the back.
func (f *Fob) Serial() string { return f.serial }

// Profile returns the product, with the numbers that this fob was made with.
func (f *Fob) Profile() Profile { return f.profile }

// Press pushes the button: the LCD shows the code of the step that the fob's clock is in,
// for LitFor from now. A press while it is lit begins anew, so that within one step it
// shows the same code for longer. Every press drains the battery a little, the last one
// for good. A dead fob stays dark.
func (f *Fob) Press(now time.Time) {
	f.Step(now)
	if f.lcd.phase == dead {
		return
	}
	f.battery.press()
	if f.empty(f.now) {
		f.lcd.blank(dead)
		return
	}
	f.lcd.show(f.StepAt(f.now))
	if f.profile.LitFor > 0 {
		f.lcd.until = f.now.Add(f.profile.LitFor)
	}
}

// Display returns what is on the LCD, as of the last event.
func (f *Fob) Display() Display {
	if f.lcd.phase != lit {
		return Display{}
	}
	low := f.battery.low()
	return Display{
		Lit:        true,
		Code:       f.secret.gen.Code(uint64(f.lcd.step)),
		Step:       f.lcd.step,
		LowBattery: !low.IsZero() && !f.now.Before(low),
		Until:      f.lcd.until,
	}
}

// Wake returns when the fob next changes by itself: the LCD redraws, shows the
// low-battery sign or goes dark, or the battery dies. It is later than the last event;
// zero means never.
func (f *Fob) Wake() time.Time {
	if f.lcd.phase == dead {
		return time.Time{}
	}
	next := f.battery.ends()
	sooner := func(t time.Time) {
		if t.After(f.now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if f.lcd.phase == lit {
		sooner(f.lcd.until)
		sooner(f.battery.low())
		if f.profile.Redraw {
			sooner(f.StepBegins(f.lcd.step + 1))
		}
	}
	if next.After(horizon) {
		return time.Time{}
	}
	return next
}

// Step lets time pass until now.
func (f *Fob) Step(now time.Time) {
	now = f.later(now)
	ends, until := f.battery.ends(), f.lcd.until
	switch {
	case f.lcd.phase == dead:
	case f.empty(now):
		if until.IsZero() || ends.Before(until) {
			until = ends
		}
		f.redraw(until.Add(-1))
		f.lcd.blank(dead)
	case !until.IsZero() && !now.Before(until):
		f.redraw(until.Add(-1)) // the last moment at which anything was seen
		f.lcd.blank(dark)
	default:
		f.redraw(now)
	}
	f.now = now
}

// redraw brings the LCD up to date. The steps that it showed on the way need no visit,
// since the last one is the highest.
func (f *Fob) redraw(now time.Time) {
	if f.lcd.phase == lit && f.profile.Redraw {
		f.lcd.show(f.stepAt(now))
	}
}

// later returns the instant that now is taken as.
func (f *Fob) later(now time.Time) time.Time {
	if now = inWorld(now); now.Before(f.now) {
		return f.now
	}
	return now
}

// empty reports whether the battery is at its end.
func (f *Fob) empty(now time.Time) bool {
	ends := f.battery.ends()
	return !ends.IsZero() && !now.Before(ends)
}

// Peek returns the code of any step from 0 on, without a press, as the lab's way to know
// what a fob will show or has shown. A dead fob has lost its seed and gives an error.
func (f *Fob) Peek(step int64) (string, error) {
	if f.lcd.phase == dead {
		return "", fmt.Errorf("token: fob %q is dead and makes no more codes; take another", f.serial)
	}
	if step < 0 {
		return "", fmt.Errorf("token: step %d is before the first; use 0 or more", step)
	}
	return f.secret.gen.Code(uint64(step)), nil
}

// LastShown returns the highest step whose code was ever on the LCD; ok is false where
// none was. It outlives the battery, and a world that goes back.
func (f *Fob) LastShown() (step int64, ok bool) {
	if f.secret == nil || f.lcd.last < 0 {
		return 0, false
	}
	return f.lcd.last, true
}

// Battery returns the charge that is left at now, from 1 down to 0, and whether the fob
// is dead by then.
func (f *Fob) Battery(now time.Time) (left float64, dead bool) {
	if f.lost(now) {
		return 0, true
	}
	return f.battery.left(f.later(now)), false
}

// Kill takes the battery out. The LCD goes blank and the clock is lost, for ever.
func (f *Fob) Kill(now time.Time) {
	f.Step(now)
	f.lcd.blank(dead)
}
