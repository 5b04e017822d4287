package token

import (
	"fmt"
	"time"
)

// Local returns what the fob's own clock shows at now, to the nanosecond. It never runs
// backwards; only [Fob.SetClock] and [Fob.SetDrift] put it back. It is the zero Time when the fob is dead by
// then: without a battery there is no clock.
func (f *Fob) Local(now time.Time) time.Time {
	if f.lost(now) {
		return time.Time{}
	}
	return f.crystal.local(f.later(now))
}

// Drift returns how far the fob's clock is ahead at now: Local - now; 0 when it is dead
// by then.
func (f *Fob) Drift(now time.Time) time.Duration {
	if f.lost(now) {
		return 0
	}
	return time.Duration(f.crystal.driftAt(f.later(now)).ns)
}

// StepAt returns the step that the fob's clock is in at now; 0 when it is dead by then.
// A fob whose clock shows a time before T0, which only Rebase and SetClock can bring about,
// stays in step 0. For fobs that count something else than time it is what they count: the
// counter that the next press shows, the number of the next answer.
func (f *Fob) StepAt(now time.Time) int64 {
	if f.lost(now) {
		return 0
	}
	return f.stepAt(f.later(now))
}

func (f *Fob) stepAt(now time.Time) int64 {
	if f.profile.Factor != TimeBased {
		return f.counter
	}
	return max(0, Step(f.crystal.local(now), f.profile.T0, f.profile.Step))
}

// StepBegins returns the first instant of the world at which the fob's clock has reached
// step: the inverse of Local, to the nanosecond. It reckons from the last change of
// climate, into the future and into the past, as if the present climate held all the time.
// The zero Time means never: the fob is dead or counts no time, or the instant is not
// between 1970 and 9999.
func (f *Fob) StepBegins(step int64) time.Time {
	if f.lcd.phase == dead || f.profile.Factor != TimeBased {
		return time.Time{}
	}
	local, ok := begins(step, f.profile.T0, f.profile.Step)
	if !ok {
		return time.Time{}
	}
	now := f.crystal.reaches(local)
	if now.Before(unixEpoch) || now.After(horizon) {
		return time.Time{}
	}
	return now
}

// SetTemperature puts the fob into another temperature, in thousandths of a degree
// Celsius, from now on. The crystal takes it on at once. Outside -40 °C to 85 °C the
// nearest end counts.
func (f *Fob) SetTemperature(now time.Time, milliC int64) { f.SetClimate(now, Constant(milliC)) }

// SetClimate puts the fob into another climate from now on. Crystal and battery take its
// temperatures on at once; a battery that is nearly empty may not bear the cold.
func (f *Fob) SetClimate(now time.Time, c Climate) {
	f.Step(now)
	if f.lcd.phase != dead {
		f.crystal.setClimate(f.now, c)
		f.settle()
	}
}

// Climate returns where the fob is.
func (f *Fob) Climate() Climate { return f.crystal.climate }

// Temperature returns the temperature at the last event, in thousandths of a degree
// Celsius.
func (f *Fob) Temperature() int64 {
	milliC, _ := f.crystal.climate.At(f.now)
	return milliC
}

// Rebase tells the fob that the world's clock was set: what was the instant from is now
// called to, and no time has passed. The fob keeps its drift, its age and its charge, and
// the highest step that it has shown. The LCD goes dark; one that is always lit, and one
// whose button is down, shows the new step.
func (f *Fob) Rebase(from, to time.Time) {
	f.Step(from)
	from, f.now = f.now, inWorld(to)
	f.crystal.rebase(from, f.now)
	f.battery.born = shifted(f.battery.born, from, f.now)
	if f.Held() {
		f.battery.held = shifted(f.battery.held, from, f.now)
	}
	f.pressed = time.Time{}
	if f.lcd.phase == dead {
		return
	}
	f.settle()
	f.reshow()
}

// reshow is for an LCD whose code is no longer that of the clock.
func (f *Fob) reshow() {
	switch {
	case f.lcd.phase != lit && f.lcd.phase != dark:
	case f.profile.LitFor > 0 && !f.Held():
		f.lcd.blank(dark)
	case f.profile.Factor == TimeBased:
		f.lcd.show(f.stepAt(f.now))
	}
}

// maxSet is how far a clock can be set from the world's. Our choice: clocks of programmable
// fobs count Unix seconds in 32 bits, which end in 2106.
const maxSet = 100 * 365 * 24 * time.Hour

// SetClock sets the clock of a programmable fob to another time, as anybody with a reader
// can who gets near it: codes of the future can be read, and the clock set back. On a fob
// whose profile wipes the seed then, it is gone. The LCD goes dark. An error means that the
// clock of this fob cannot be set, or not so far: at most 100 years from now, and not
// before T0. Then nothing has changed but the time.
func (f *Fob) SetClock(now, to time.Time) error {
	f.Step(now)
	off := to.Sub(f.now)
	switch {
	case f.lcd.phase == dead:
		return fmt.Errorf("token: fob %q is dead and has no clock to set; take another", f.Serial())
	case f.profile.Setting == Sealed:
		return fmt.Errorf("token: the clock of fob %q cannot be set; use one of a programmable profile", f.Serial())
	case off > maxSet || off < -maxSet || to.Before(f.profile.T0):
		return fmt.Errorf("token: the clock of fob %q cannot be set to %s; use a time within 100 years", f.Serial(), to)
	}
	f.crystal.set(f.now, to.Round(0).UTC())
	if f.profile.Setting == Restricted {
		f.wipe()
	}
	f.reshow()
	return nil
}
