package u2f

import "time"

// pollGap is how long a CTAP1 host may pause between two attempts before the key takes it for gone. Our choice, for no
// section gives the times of CTAP1's polling: hosts poll every 200 ms to 500 ms, a browser under load more slowly.
const pollGap = 3 * time.Second

// present reports whether the user has touched the key for what, and starts to blink if not. A CTAP1 host asks again
// until it is so: one touch is good for one answer, within the time that the profile keeps it, and for this request alone. See Section 10 and
// U2F Raw Message Formats, Section 3.3.
func (k *Key) present(now time.Time, what Request) bool {
	k.Step(now)
	t := k.waiting
	if t == nil || !t.polled || t.Command != what.Command || t.RP != what.RP {
		what.Since = now
		t = &touch{Request: what, polled: true}
		k.waiting = t
		k.tell(Waiting, now, t)
	}
	if !t.touched {
		t.Deadline = now.Add(pollGap)
		k.Step(now)
	}
	if !t.touched {
		return false
	}
	k.waiting = nil
	return true
}

// pressed remembers a touch for the next attempt.
func (k *Key) pressed(now time.Time) {
	t := k.waiting
	k.takeFinger()
	t.touched, t.Deadline = true, now.Add(time.Duration(k.profile.TouchKept))
	k.tell(Touched, now, t)
}
