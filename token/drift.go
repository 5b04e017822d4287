package token

import (
	"fmt"
	"time"
)

// A Rate is by how much a fob's clock is too fast, in parts per billion (one ppb is 86.4 µs a day), and what makes it so.
type Rate struct {
	Tolerance   int64 // the error of this one crystal at its turnover
	Ageing      int64 // what it has gained by its age
	Temperature int64 // what the temperature takes away; never more than 0
}

// Total returns the rate itself.
func (r Rate) Total() int64 { return r.Tolerance + r.Ageing + r.Temperature }

// Rate returns how fast the fob's clock goes at now; zero when the fob is dead by then.
func (f *Fob) Rate(now time.Time) Rate {
	if f.lost(now) {
		return Rate{}
	}
	now = f.later(now)
	milliC, _ := f.crystal.climate.At(now)
	aged, _ := f.crystal.ageAt(now)
	return Rate{Tolerance: f.crystal.tolerance, Ageing: aged, Temperature: f.crystal.rate(milliC) - f.crystal.tolerance}
}

// Strays returns the first instant, not before now, at which the fob's clock is more than by
// ahead of the world's or behind it: to the nanosecond, and as if the present climate held for
// ever. The zero Time means never: the battery ends before, or the world does in 9999, or the
// fob counts no time. A by below 0 is taken as 0.
func (f *Fob) Strays(now time.Time, by time.Duration) time.Time {
	if f.lost(now) || f.profile.Factor != TimeBased {
		return time.Time{}
	}
	end := horizon
	if !f.ends.IsZero() && f.ends.Before(end) {
		end = f.ends
	}
	return f.crystal.strays(f.later(now), end, max(by, 0))
}

// strays goes from one straight piece of the drift to the next, and over as many at once as
// the fastest rate that there is allows. On a straight piece that begins inside, the drift
// leaves at most once, so that halving finds where.
func (o *oscillator) strays(at, end time.Time, by time.Duration) time.Time {
	out := func(t time.Time) bool { return time.Duration(o.driftAt(t).ns).Abs() > by }
	fastest := o.fastest()
	for at.Before(end) {
		if out(at) {
			return at
		}
		_, until := o.climate.At(at)
		if _, older := o.ageAt(at); until.IsZero() || older.Before(until) {
			until = older
		}
		if room := by - time.Duration(o.driftAt(at).ns).Abs(); fastest > 0 && room < maxSet {
			if far := at.Add(leap(room, fastest)); far.After(until) {
				until = far
			}
		}
		if until.After(end) {
			until = end
		}
		if out(until) {
			return firstBetween(at, until, out)
		}
		at = until
	}
	return time.Time{}
}

// fastest returns the most by which the clock's rate can be off in this climate, in ppb.
func (o *oscillator) fastest() (ppb int64) {
	_, n := o.climate.pieces()
	for i := range n {
		rate := o.rate(o.climate.piece(i))
		for _, part := range ageing {
			total := rate + o.ageing*part.permille/1000
			ppb = max(ppb, total, -total)
		}
	}
	return ppb
}

// leap returns how long a clock that is off by at most so many ppb stays within room, at most
// 100 years. It ends where a rate that never changed would just not be out, so that what is
// over leaps is inside at both ends and between.
func leap(room time.Duration, ppb int64) time.Duration {
	seconds := int64(room) / ppb
	return time.Duration(min(seconds, int64(maxSet/time.Second))) * time.Second
}

// firstBetween returns the first instant after from, where out does not hold, up to to, where
// it does.
func firstBetween(from, to time.Time, out func(time.Time) bool) time.Time {
	for {
		half := from.Add(to.Sub(from) / 2)
		switch {
		case !half.After(from):
			return to
		case out(half):
			to = half
		default:
			from = half
		}
	}
}

// SetDrift puts the clock so far ahead of the world's, or behind it: the lab's hand, which
// reaches into every fob that has a clock, sealed ones too. The seed stays, also
// where [Fob.SetClock] wipes it. The LCD goes dark. An error means that the fob is dead or
// counts no time, or that the drift is not possible: at most 100 years either way, and not
// before T0. Then nothing has changed but the time.
func (f *Fob) SetDrift(now time.Time, by time.Duration) error {
	f.Step(now)
	if err := f.ticks(); err != nil {
		return err
	}
	to := f.now.Add(by)
	if by > maxSet || by < -maxSet || to.Before(f.profile.T0) {
		return fmt.Errorf("token: the clock of fob %q cannot be off by %s; use at most 100 years, and nothing before T0", f.Serial(), by)
	}
	f.crystal.set(f.now, to)
	f.crystal.forced = true
	f.reshow()
	return nil
}

// SetTolerance gives the fob another crystal, whose own error is so many parts per billion:
// positive runs fast, at most 1000000 either way. What the clock has drifted stays. An error
// means that the fob is dead or counts no time, or that no crystal is so wrong. Then nothing
// has changed but the time.
func (f *Fob) SetTolerance(now time.Time, ppb int64) error {
	f.Step(now)
	if err := f.ticks(); err != nil {
		return err
	}
	if ppb < -maxTolerancePPB || ppb > maxTolerancePPB {
		return fmt.Errorf("token: the crystal of fob %q cannot be off by %d ppb; use at most %d either way", f.Serial(), ppb, maxTolerancePPB)
	}
	f.crystal.trim(f.now, ppb)
	return nil
}

// ticks returns an error where the fob has no clock that could be right or wrong.
func (f *Fob) ticks() error {
	switch {
	case f.lcd.phase == dead:
		return fmt.Errorf("token: fob %q is dead and has no clock; take another", f.Serial())
	case f.profile.Factor != TimeBased:
		return fmt.Errorf("token: fob %q is %s-based and its codes come from no clock; use a time-based one", f.Serial(), f.profile.Factor)
	}
	return nil
}

// trim moves the anchor to now, with another crystal from there on.
func (o *oscillator) trim(now time.Time, ppb int64) {
	o.drift, o.anchor, o.tolerance = o.driftAt(now), now, ppb
	o.settle()
}
