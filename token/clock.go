package token

import "time"

// Local returns what the fob's own clock shows at now, to the nanosecond. It never runs
// backwards. It is the zero Time when the fob is dead by then: without a battery there is
// no clock.
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
// A fob whose clock shows a time before T0, which only Rebase can bring about, stays in
// step 0.
func (f *Fob) StepAt(now time.Time) int64 {
	if f.lost(now) {
		return 0
	}
	return f.stepAt(f.later(now))
}

func (f *Fob) stepAt(now time.Time) int64 {
	return max(0, Step(f.crystal.local(now), f.profile.T0, f.profile.Step))
}

// StepBegins returns the first instant of the world at which the fob's clock has reached
// step: the inverse of Local, to the nanosecond. It reckons from the last change of
// temperature, into the future and into the past, as if the present temperature held all
// the time. The zero Time means never: the fob is dead, or the instant is not between
// 1970 and 9999.
func (f *Fob) StepBegins(step int64) time.Time {
	if f.lcd.phase == dead {
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
func (f *Fob) SetTemperature(now time.Time, milliC int64) {
	f.Step(now)
	if f.lcd.phase != dead {
		f.crystal.setTemperature(f.now, milliC)
	}
}

// Temperature returns the present temperature in thousandths of a degree Celsius.
func (f *Fob) Temperature() int64 { return f.crystal.milliC }

// Rebase tells the fob that the world's clock was set: what was the instant from is now
// called to, and no time has passed. The fob keeps its drift, its age and its charge, and
// the highest step that it has shown. The LCD goes dark; one that is always lit shows the
// new step.
func (f *Fob) Rebase(from, to time.Time) {
	f.Step(from)
	from, f.now = f.now, inWorld(to)
	for _, t := range []*time.Time{&f.crystal.born, &f.crystal.anchor, &f.battery.born} {
		*t = time.Unix(t.Unix()+f.now.Unix()-from.Unix(), int64(t.Nanosecond()+f.now.Nanosecond()-from.Nanosecond())).UTC()
	}
	if f.lcd.phase == dead {
		return
	}
	f.lcd.blank(dark)
	if f.profile.LitFor == 0 {
		f.lcd.show(f.StepAt(f.now))
	}
}

// lost reports whether the fob is dead by now.
func (f *Fob) lost(now time.Time) bool {
	return f.lcd.phase == dead || f.empty(f.later(now))
}
