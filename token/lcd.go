package token

import "time"

// A phase is what the LCD of a fob is doing.
//
//	        ┌── LitFor is over ──┐
//	        ▼                    │
//	birth ▶ dark ── Press ────▶ lit ◀── birth, where it is always lit
//	        ▲ │                  │  └── Press: lit again, for LitFor; held: until LitFor after
//	   Burn │ └── seed wiped ────┤
//	        └──── wiped ◀────────┤
//	                │            │
//	                └─ battery empty, Kill ─▶ dead, for ever
type phase uint8

const (
	dead phase = iota // also the zero Fob
	dark
	lit
	wiped // the seed is gone, the clock runs on
)

// An lcd is the display and what it has shown.
type lcd struct {
	phase     phase
	step      int64     // the step, counter or number of the answer shown, while lit
	until     time.Time // when it goes dark, while lit; zero: never, or not while the button is down
	last      int64     // the highest step ever shown; -1: none
	challenge string    // what the answer shown answers, while lit
}

// show puts a step on the LCD.
func (l *lcd) show(step int64) {
	l.phase, l.step = lit, step
	l.last = max(l.last, step)
}

// blank leaves nothing on the LCD, and remembers what was there.
func (l *lcd) blank(to phase) { *l = lcd{phase: to, last: l.last} }

// A Display is what the user sees on the LCD. What a faulty one seems to say is
// [Display.Read].
type Display struct {
	Lit        bool
	Code       string    // what the fob means to show, with leading zeros; "" when dark or dead
	Step       int64     // what Code belongs to: the step, the counter, or the number of the answer
	LowBattery bool      // the low-battery sign; never when dark
	Until      time.Time // when the LCD goes dark; zero: never, while the button is down, or it is

	Dim     bool                // the segments are hard to see: in the cold, at the end of the battery, by a fault
	Bars    int                 // how many time bars are left of the step, of MaxBars
	MaxBars int                 // 0: this LCD has none, or is dark
	Missing [maxDigits]Segments // segments that stay dark, by digit from the left
}

// Our choice: nematic LCDs of key-ring fobs are specified down to -10 °C.
const dimBelow = -10_000 // m°C

// Display returns what is on the LCD, as of the last event.
func (f *Fob) Display() Display {
	if f.lcd.phase != lit {
		return Display{}
	}
	d := Display{Lit: true, Code: f.code(), Step: f.lcd.step, Until: f.lcd.until,
		MaxBars: f.profile.Bars, Missing: f.faults.Missing}
	d.LowBattery, d.Dim = f.signs(f.now)
	d.Bars, _ = f.bars()
	return d
}

// code returns the code of what is on the LCD.
func (f *Fob) code() string {
	if f.profile.Factor == ChallengeResponse {
		return f.answer(f.lcd.challenge, f.lcd.step)
	}
	return f.secret.gen.Code(uint64(f.lcd.step))
}

// signs returns whether the low-battery sign is on and whether the segments are dim, at an
// instant not before the last event.
func (f *Fob) signs(now time.Time) (low, dim bool) {
	milliC, _ := f.crystal.climate.At(now)
	low = f.battery.life > 0 && !now.Before(f.battery.falls(lowBattery+withheld(milliC)))
	return low, low || milliC < dimBelow || f.faults.Weak
}

// signsChange returns when the signs are next not what they are now, if before end; zero:
// not before it. A zero end is the end of time. If the next turn of the climate brings no
// change, only the battery can.
func (f *Fob) signsChange(end time.Time) time.Time {
	at := f.changeWithin(f.now, end)
	if !at.IsZero() || f.battery.life == 0 {
		return at
	}
	worst := f.battery.falls(lowBattery + withheld(f.crystal.coldest))
	if worst.Before(f.now) {
		worst = f.now
	}
	return f.changeWithin(worst, end)
}

// changeWithin looks for the change in one turn of the climate from an instant on.
func (f *Fob) changeWithin(from, end time.Time) time.Time {
	low, dim := f.signs(f.now)
	differ := func(at time.Time) bool {
		l, d := f.signs(at)
		return at.After(f.now) && (end.IsZero() || at.Before(end)) && (l != low || d != dim)
	}
	_, n := f.crystal.climate.pieces()
	for range n + 1 {
		milliC, until := f.crystal.climate.At(from)
		falls := f.battery.falls(lowBattery + withheld(milliC))
		switch {
		case differ(from):
			return from
		case f.battery.life > 0 && (until.IsZero() || falls.Before(until)) && differ(falls):
			return falls
		case until.IsZero() || !end.IsZero() && !until.Before(end):
			return time.Time{}
		}
		from = until
	}
	return time.Time{}
}

// bars returns how many time bars are lit, as of the last event, and when the next goes
// out; zero: none will. A frozen code whose step is over has none.
func (f *Fob) bars() (n int, next time.Time) {
	p := f.profile
	if p.Bars == 0 || f.stepAt(f.now) != f.lcd.step {
		return 0, time.Time{}
	}
	begin, ok := begins(f.lcd.step, p.T0, p.Step)
	if !ok {
		return 0, time.Time{}
	}
	slice := (p.Step + time.Duration(p.Bars) - 1) / time.Duration(p.Bars)
	gone := max(0, f.crystal.local(f.now).Sub(begin)/slice)
	next = f.crystal.reaches(begin.Add(min(slice*(gone+1), p.Step)))
	return p.Bars - int(gone), next
}
