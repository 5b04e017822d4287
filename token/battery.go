package token

import (
	"math/bits"
	"time"
)

// Our choice.
const (
	// lowBattery is the charge, in thousandths, at which the low-battery sign comes on: three
	// months of a five-year battery, time enough to get another fob.
	lowBattery = 50
	// heldDrain is how many times faster a battery empties while the button is down, with the
	// LCD lit and current through the contact: a stuck button ends five years in ten weeks.
	heldDrain = 25
	// coldLoss is how many thousandths of the capacity each degree of frost withholds: a
	// coin cell at -20 °C gives about four fifths of what it gives at 20 °C.
	coldLoss = 10
)

// A battery is sealed in: full at birth, drained by time, by every press and faster while
// the button is down, and never replaced. In the cold a part of the charge cannot be drawn;
// who needs it then, is dead. Its state changes at events only, because it always follows
// when it will be empty.
type battery struct {
	life    time.Duration // 0: never empty
	inLife  int64         // presses that drain it alone; 0: presses cost nothing
	presses int64         // 0 where presses cost nothing
	spent   time.Duration // life that went otherwise: a button that was held, a drain
	held    time.Time     // since when the button is down; zero: it is up
	born    time.Time
}

func (b *battery) press() {
	if b.life > 0 && b.presses < b.inLife {
		b.presses++
	}
}

// pressed returns how much life the presses took: life × presses / inLife.
func (b *battery) pressed() time.Duration {
	if b.inLife == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(b.life), uint64(b.presses))
	q, _ := bits.Div64(hi, lo, uint64(b.inLife)) // presses <= inLife, so the result fits
	return time.Duration(q)
}

// release lets the button go.
func (b *battery) release(now time.Time) {
	if b.life > 0 && !b.held.IsZero() {
		b.spent = min(b.life, b.spent+(heldDrain-1)*now.Sub(b.held))
	}
	b.held = time.Time{}
}

// drain takes charge away until so many thousandths are left. It adds none.
func (b *battery) drain(now time.Time, permille int64) {
	if left := b.charge(now) - b.life/1000*time.Duration(permille); b.life > 0 && left > 0 {
		b.spent += left
	}
}

// up returns when the battery would be empty if the button stayed up.
func (b *battery) up() time.Time {
	return b.born.Add(b.life).Add(-b.pressed()).Add(-b.spent)
}

// falls returns when the charge has fallen to so many thousandths if nothing happens.
func (b *battery) falls(permille int64) time.Time {
	at := b.up().Add(-b.life / 1000 * time.Duration(permille))
	if b.held.IsZero() || !at.After(b.held) {
		return at
	}
	return b.held.Add((at.Sub(b.held) + heldDrain - 1) / heldDrain)
}

// charge returns the life that is left; it may be less than nothing.
func (b *battery) charge(now time.Time) time.Duration {
	left := b.up().Sub(now)
	if !b.held.IsZero() && now.After(b.held) {
		left -= (heldDrain - 1) * now.Sub(b.held)
	}
	return left
}

// withheld returns how many thousandths of the capacity a temperature keeps back.
func withheld(milliC int64) int64 { return max(0, -milliC*coldLoss/1000) }

// reckon works out when the battery will be empty if nothing happens: when the charge has
// fallen to what the cold of the hour withholds. After any event that has to do with
// battery or climate it must be called.
func (f *Fob) reckon() {
	b, c := &f.battery, &f.crystal
	f.ends = time.Time{}
	if b.life == 0 {
		return
	}
	f.ends = f.bears(b.falls(withheld(c.coldest)))
	if last := b.falls(0); last.Before(f.ends) {
		f.ends = last
	}
}

// bears returns the first instant, not before the present and from, at which the cold of the
// hour withholds all that is left. From is when the coldest hour does, so that one turn of
// the climate finds it.
func (f *Fob) bears(from time.Time) time.Time {
	if from.Before(f.now) {
		from = f.now
	}
	for {
		milliC, until := f.crystal.climate.At(from)
		at := f.battery.falls(withheld(milliC))
		switch {
		case !at.After(from):
			return from
		case until.IsZero() || at.Before(until):
			return at
		}
		from = until
	}
}

// empty reports whether the battery is at its end by an instant.
func (f *Fob) empty(now time.Time) bool { return !f.ends.IsZero() && !now.Before(f.ends) }

// lost reports whether the fob is dead by now.
func (f *Fob) lost(now time.Time) bool {
	return f.lcd.phase == dead || f.empty(f.later(now))
}

// Battery returns the charge that can be drawn at now, from 1 down to 0, and whether the
// fob is dead by then. In the cold it is less, and comes back with the warmth.
func (f *Fob) Battery(now time.Time) (left float64, dead bool) {
	if f.lost(now) {
		return 0, true
	}
	if f.battery.life == 0 {
		return 1, false
	}
	now = f.later(now)
	milliC, _ := f.crystal.climate.At(now)
	left = float64(f.battery.charge(now))/float64(f.battery.life) - float64(withheld(milliC))/1000
	return max(0, left), false
}

// Drain takes charge out of the battery until no more than left of a full one, 0 to 1 and
// counted in thousandths, is in it; in the cold a part of that cannot be drawn. A battery
// that never ends stays full. Draining it to nothing kills the fob.
func (f *Fob) Drain(now time.Time, left float64) {
	f.Step(now)
	if f.lcd.phase == dead || !(left < 1) {
		return
	}
	f.battery.drain(f.now, int64(max(0, left)*1000+0.5))
	f.settle()
}

// settle is what follows an event that has to do with the battery: the end, or a new one
// in sight.
func (f *Fob) settle() {
	f.reckon()
	if f.empty(f.now) {
		f.die()
	}
}

// Kill takes the battery out. The LCD goes blank and the clock is lost, for ever.
func (f *Fob) Kill(now time.Time) {
	f.Step(now)
	f.die()
}

func (f *Fob) die() {
	f.lcd.blank(dead)
	f.battery.held = time.Time{}
}
