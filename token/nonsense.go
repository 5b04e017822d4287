package token

import "time"

// nonsense returns what in the state of f could not have come about, or "".
func (f *Fob) nonsense() string {
	for _, part := range []func(*Fob) string{
		(*Fob).nonsenseInClock, (*Fob).nonsenseInBody, (*Fob).nonsenseInButton, (*Fob).nonsenseOnLCD,
	} {
		if wrong := part(f); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (f *Fob) nonsenseInClock() string {
	c := f.crystal
	age, _ := elapsed(c.born, c.anchor)
	most := (age + 1) * (maxTolerancePPB + maxAgeingPPB*3 + maxParabolaPPB*125*125)
	fresh := c.anchor.Equal(c.born)
	if f.profile.Setting != Sealed || c.forced {
		most, fresh = most+int64(maxSet), false
	}
	switch {
	case f.now != inWorld(f.now):
		return "its time is not between 1970 and 9999"
	case c.anchor.Before(c.born) || f.now.Before(c.anchor):
		return "the order in time must be born, anchor, now"
	case c.drift.as < 0 || c.drift.as >= 1e9:
		return "drift_as must be 0 to 999999999"
	case c.drift.ns < -most || c.drift.ns > most || fresh && c.drift != drift{}:
		return "no crystal drifts so far in its age"
	}
	return ""
}

func (f *Fob) nonsenseInBody() string {
	p, b := f.profile, f.battery
	switch {
	case b.presses < 0 || b.presses > p.PressesInLife || b.presses > 0 && p.Life == 0:
		return "the battery does not allow this number of presses"
	case b.spent < 0 || b.spent > p.Life:
		return "the battery never had what was spent"
	case f.lcd.phase != dead && b.life > 0 && !f.now.Before(b.falls(0)):
		return "the battery is empty and the fob is not dead"
	case f.counter < 0 || f.counter > 2*maxCounter || f.counter > 0 && p.Factor == TimeBased:
		return "no fob has counted so far"
	case f.canHave(f.faults) != nil:
		return "a part is broken that the fob does not have"
	}
	return ""
}

func (f *Fob) nonsenseInButton() string {
	held := f.Held()
	outside := func(t time.Time) bool { return !t.IsZero() && (f.profile.LitFor == 0 || t.After(f.now)) }
	switch {
	case outside(f.battery.held) || outside(f.pressed):
		return "the button was not pushed when it says"
	case held && f.lcd.phase == dead:
		return "nobody holds the button of a dead fob"
	case f.faults.Stuck && !held && f.lcd.phase != dead:
		return "the button is stuck and not down"
	}
	return ""
}

func (f *Fob) nonsenseOnLCD() string {
	l, p := f.lcd, f.profile
	left, stays := l.until.Sub(f.now), p.LitFor == 0 || f.Held()
	switch {
	case l.last < -1 || l.phase == lit && l.last < l.step:
		return "last_shown is below a step that was shown"
	case p.Factor == EventBased && l.last >= f.counter:
		return "last_shown is a counter that was not reached"
	case l.phase != lit && (l.step != 0 || !l.until.IsZero() || l.challenge != ""):
		return "an LCD that is not lit shows nothing"
	case l.phase == dark && p.LitFor == 0:
		return "an LCD that is always lit is dark"
	case l.phase != lit:
		return ""
	case l.until.IsZero() != stays:
		return "until must be there where the LCD goes dark, and only there"
	case !stays && (left <= 0 || left > p.LitFor):
		return "the LCD goes dark in the past or too late"
	}
	return f.nonsenseInCode()
}

func (f *Fob) nonsenseInCode() string {
	l, p := f.lcd, f.profile
	suite, _ := ParseSuite(p.Suite)
	switch {
	case (p.Factor == ChallengeResponse) != (l.challenge != "") || l.challenge != "" && suite.checkTyped(l.challenge) != nil:
		return "the LCD answers no challenge that was typed"
	case p.Factor == ChallengeResponse && suite.step > 0:
		return ""
	case p.Factor != TimeBased && (l.step < 0 || l.step >= f.counter):
		return "the LCD shows a counter that was not reached"
	case p.Factor == TimeBased && (l.step < 0 || l.step > f.stepAt(f.now) || p.Redraw && l.step != f.stepAt(f.now)):
		return "the LCD shows a step that the clock is not in"
	}
	return ""
}
