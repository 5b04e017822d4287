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
	Counter      int64     // what an event-based fob shows first, at most 2^53; 0 for others
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
	profile *Profile // shared with all fobs of the model: never written to; nil in the zero Fob
	serial  string
	secret  *secret // nil where the seed is gone
	crystal oscillator
	battery battery
	lcd     lcd
	counter int64     // what is counted instead of time: the next counter, the number of the next answer
	pressed time.Time // when the button was last pressed; zero: never
	faults  Faults
	opened  bool
	now     time.Time

	ends time.Time // when the battery will be empty; follows from the others, by reckon; zero: never
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
	p.T0 = inWorld(p.T0)
	secret, err := newSecret(cfg.Seed, p)
	if err != nil {
		return nil, err
	}
	born := inWorld(cfg.Born)
	f := &Fob{profile: p.shared(), serial: cfg.Serial, secret: secret, counter: cfg.Counter, now: born,
		lcd: lcd{phase: dark, last: -1}}
	f.build(cfg.TolerancePPB, born)
	f.crystal.anchor, f.crystal.climate = born, Constant(roomMilliC)
	f.crystal.settle()
	f.settle()
	f.reshow()
	return f, nil
}

// build puts the parts in that follow from the profile.
func (f *Fob) build(tolerance int64, born time.Time) {
	p := f.profile
	f.crystal = oscillator{tolerance: tolerance, ageing: p.AgeingPPB, parabola: p.ParabolaPPBPerC2,
		turnover: p.TurnoverMilliC, born: born}
	f.battery = battery{life: p.Life, inLife: p.PressesInLife, born: born}
}

// maxCounter is the most that an event-based fob can begin with. Our choice: what every
// seed file and every JSON reader can hold.
const maxCounter = 1 << 53

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
	if cfg.Counter < 0 || cfg.Counter > maxCounter || cfg.Counter > 0 && cfg.Profile.Factor != EventBased {
		return fmt.Errorf("token: fob %q begins with counter %d; use 0 to %d, and 0 where it counts no events",
			cfg.Serial, cfg.Counter, int64(maxCounter))
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
func (f *Fob) Profile() Profile {
	if f.profile == nil {
		return Profile{}
	}
	return *f.profile
}

// Wake returns when the fob next changes by itself: the LCD redraws, a time bar or the
// low-battery sign changes, it gets dim or goes dark, or the battery dies. It is later than
// the last event; zero means never.
func (f *Fob) Wake() time.Time {
	if f.lcd.phase == dead {
		return time.Time{}
	}
	next := f.ends
	sooner := func(t time.Time) {
		if t.After(f.now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if f.lcd.phase == lit {
		sooner(f.lcd.until)
		if f.redraws() {
			sooner(f.StepBegins(f.lcd.step + 1))
		}
		_, bar := f.bars()
		sooner(bar)
		sooner(f.signsChange(next))
	}
	if next.After(horizon) {
		return time.Time{}
	}
	return next
}

// Step lets time pass until now.
func (f *Fob) Step(now time.Time) {
	now = f.later(now)
	until := f.lcd.until
	switch {
	case f.lcd.phase == dead:
	case f.empty(now):
		if until.IsZero() || f.ends.Before(until) {
			until = f.ends
		}
		f.redraw(until.Add(-1))
		f.die()
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
	if f.lcd.phase == lit && f.redraws() {
		f.lcd.show(f.stepAt(now))
	}
}

func (f *Fob) redraws() bool { return f.profile.Redraw && f.profile.Factor == TimeBased }

// later returns the instant that now is taken as.
func (f *Fob) later(now time.Time) time.Time {
	if now = inWorld(now); now.Before(f.now) {
		return f.now
	}
	return now
}

// Peek returns the code of any step or counter from 0 on, without a press, as the lab's way
// to know what a fob will show or has shown. A fob that is dead, or wiped, has lost its seed
// and gives an error; so does a card that answers challenges.
func (f *Fob) Peek(step int64) (string, error) {
	switch {
	case f.lcd.phase == dead:
		return "", fmt.Errorf("token: fob %q is dead and makes no more codes; take another", f.serial)
	case f.secret == nil:
		return "", fmt.Errorf("token: fob %q has lost its seed and makes no more codes; take another or burn a seed", f.serial)
	case f.profile.Factor == ChallengeResponse:
		return "", fmt.Errorf("token: fob %q answers challenges and has no code of a step; give it a challenge", f.serial)
	case step < 0:
		return "", fmt.Errorf("token: step %d is before the first; use 0 or more", step)
	}
	return f.secret.gen.Code(uint64(step)), nil
}

// LastShown returns the highest step, counter or number of an answer whose code was ever on
// the LCD; ok is false where none was. It outlives the battery, and a world that goes back.
func (f *Fob) LastShown() (step int64, ok bool) {
	if f.profile == nil || f.lcd.last < 0 {
		return 0, false
	}
	return f.lcd.last, true
}
