package token

import "time"

// Our choice: contacts of push buttons bounce for 5 to 20 ms, and no finger presses twice
// in 50 ms.
const debounce = 50 * time.Millisecond

// Press pushes the button and lets it go: the LCD shows the code of the step that the
// fob's clock is in, or of the next counter, for LitFor from now. A press while it is lit
// begins anew, so that within one step it shows the same code for longer; an event-based
// fob shows a new code every time. Every press drains the battery a little, the last one
// for good. Presses closer than 50 ms are one: they cost nothing and count nothing.
//
// Nothing happens on a fob that is dead, wiped, held down or without a button, which is one
// that is always lit. On a card with a keypad a press alone shows nothing: see
// [Fob.Challenge].
func (f *Fob) Press(now time.Time) {
	f.Step(now)
	if f.push() {
		f.relight()
	}
}

// Hold pushes the button and keeps it down: the LCD stays lit and the battery drains
// faster, until [Fob.Release].
func (f *Fob) Hold(now time.Time) {
	f.Step(now)
	if !f.idle() {
		return
	}
	f.push()
	if f.lcd.phase == dead {
		return
	}
	f.battery.held = f.now
	f.relight()
	f.settle()
}

// Release lets the button go. The LCD stays lit for LitFor from now. A stuck button does
// not come back.
func (f *Fob) Release(now time.Time) {
	f.Step(now)
	if !f.faults.Stuck {
		f.release()
	}
}

func (f *Fob) release() {
	if f.battery.held.IsZero() {
		return
	}
	f.battery.release(f.now)
	f.relight()
	f.settle()
}

// relight lets the time-out of an LCD that is lit begin now, or never while the button is
// down.
func (f *Fob) relight() {
	if f.lcd.phase != lit {
		return
	}
	f.lcd.until = time.Time{}
	if f.profile.LitFor > 0 && !f.Held() {
		f.lcd.until = f.now.Add(f.profile.LitFor)
	}
}

// Held reports whether the button is down.
func (f *Fob) Held() bool { return !f.battery.held.IsZero() }

// idle reports whether there is a button that can be pushed.
func (f *Fob) idle() bool {
	return f.lcd.phase != dead && f.profile.LitFor > 0 && !f.Held()
}

// push closes the contact, and reports whether the LCD is on after it.
func (f *Fob) push() bool {
	if !f.idle() {
		return false
	}
	bounce := !f.pressed.IsZero() && f.now.Sub(f.pressed) < debounce
	if !bounce {
		f.pressed = f.now
		f.battery.press()
		f.settle()
	}
	switch {
	case f.lcd.phase == dead || f.lcd.phase == wiped || f.profile.Factor == ChallengeResponse:
		return false
	case f.profile.Factor == TimeBased:
		f.lcd.show(f.stepAt(f.now))
	case !bounce:
		f.lcd.show(f.counter)
		f.counter++
	}
	return f.lcd.phase == lit
}
