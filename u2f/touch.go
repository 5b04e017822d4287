package u2f

import (
	"fmt"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Request is what the key waits for a touch for.
type Request struct {
	Command string `json:"command"` // as the specification calls it: "authenticatorMakeCredential", "U2F_REGISTER"
	// RP is the relying party's ID, or "" where the command concerns none. U2F knows its hash only: then RP is
	// the application parameter in hexadecimal.
	RP string `json:"rp,omitempty"`
	// Wants is "fingerprint" where the key compares the finger with those that are enrolled, "sample" where it enrols one,
	// and "" where any touch will do.
	Wants    string    `json:"wants,omitempty"`
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline"` // when the key stops waiting
	// Hold is how long the finger must rest on the key; 0 is a touch. See 2.3 Section 6.6.
	Hold Duration `json:"hold,omitempty"`
}

// A touch is what a command leaves behind when it needs the user.
type touch struct {
	Request
	then    func(now time.Time) ([]byte, error) // what follows consent
	refusal error                               // if not nil, the answer to denial and time-out alike
	polled  bool                                // a CTAP1 host asks again instead of waiting; then is nil
	touched bool                                // polled, and the touch has come
	scan    scan                                // instead of then: which finger it is matters
	held    time.Time                           // when the finger will have rested long enough; zero if there is none
}

// await leaves behind what happens once the user has touched the key. The error says that the command waits; where the
// presence policy touches or denies at once, await returns what comes of it. Nothing that cannot be taken back may
// happen outside then.
func (k *Key) await(now time.Time, what Request, then func(now time.Time) ([]byte, error)) ([]byte, error) {
	return k.awaitOr(now, what, nil, then)
}

// awaitOr is like await with refusal as the answer to denial and time-out, where it is not nil.
func (k *Key) awaitOr(now time.Time, what Request, refusal error,
	then func(now time.Time) ([]byte, error)) ([]byte, error) {
	what.Since, what.Deadline = now, now.Add(time.Duration(k.profile.TouchTimeout))
	return k.begun(now, &touch{Request: what, then: then, refusal: refusal})
}

// begun begins to wait, or ends at once where the user acts at once.
func (k *Key) begun(now time.Time, t *touch) ([]byte, error) {
	k.tell(Waiting, now, t)
	if due, act := k.due(t); act && !due.After(now) {
		return k.end(now, t, k.consents())
	}
	k.waiting = t
	return nil, errWaiting
}

// end finishes a touch by consent or denial.
func (k *Key) end(now time.Time, t *touch, consent bool) ([]byte, error) {
	switch {
	case consent && t.scan != nil:
		f := k.takeFinger()
		k.tell(Touched, now, t)
		return t.scan(now, f, nil)
	case consent:
		k.takeFinger()
		k.tell(Touched, now, t)
		return t.then(now)
	case t.scan != nil:
		k.tell(Denied, now, t)
		return t.scan(now, Finger{}, ctap.ErrOperationDenied)
	case t.refusal != nil:
		k.tell(Denied, now, t)
		return nil, t.refusal
	}
	k.tell(Denied, now, t)
	return nil, ctap.ErrOperationDenied
}

// expire finishes a touch that did not come. See Section 6.1.2, step 14; 2.0 answers CTAP2_ERR_OPERATION_DENIED.
func (k *Key) expire(now time.Time, t *touch) {
	if k.nobody() {
		k.takeFinger()
	}
	k.tell(TimedOut, now, t)
	switch {
	case t.polled:
	case t.scan != nil:
		body, err := t.scan(now, Finger{}, k.profile.TouchTimeoutError)
		k.answer(now, body, err)
	case t.refusal != nil:
		k.answer(now, nil, t.refusal)
	default:
		k.answer(now, nil, k.profile.TouchTimeoutError)
	}
}

func (k *Key) tell(name string, now time.Time, t *touch) {
	k.observe(Event{Name: name, At: now, Command: t.Command, RP: t.RP})
}

// take removes and returns what waits, nil if nothing does.
func (k *Key) take() *touch {
	t := k.waiting
	k.waiting = nil
	return t
}

// Touch is a finger on the key. It reports whether something waited for it; with the policy [Never] the contact is
// dead and nothing does.
func (k *Key) Touch(now time.Time) bool { return k.Hold(now, 0) }

// Hold is a finger that rests on the key for d. It reports whether something waited for that: where a request wants the
// finger to rest, a shorter touch is none, and a longer one is taken when it has lasted long enough; while one rests there,
// another is none.
func (k *Key) Hold(now time.Time, d time.Duration) bool {
	k.Step(now)
	if _, blinks := k.Waiting(); !blinks || k.presence.Mode == Never {
		return false
	}
	if need := time.Duration(k.waiting.Hold); need > 0 {
		if d < need || !k.waiting.held.IsZero() {
			return false
		}
		k.waiting.held = now.Add(need)
		return true
	}
	if k.waiting.polled {
		k.pressed(now)
		return true
	}
	body, err := k.end(now, k.take(), true)
	k.answer(now, body, err)
	return true
}

// Deny is a user who declines. It reports whether something waited.
func (k *Key) Deny(now time.Time) bool {
	k.Step(now)
	if _, blinks := k.Waiting(); !blinks {
		return false
	}
	k.refuse(now)
	return true
}

// refuse ends what waits by denial.
func (k *Key) refuse(now time.Time) {
	t := k.take()
	if t.polled {
		k.tell(Denied, now, t)
		return
	}
	body, err := k.end(now, t, false)
	k.answer(now, body, err)
}

// Cancel ends a CTAP2 request that waits for the user with CTAP2_ERR_KEEPALIVE_CANCEL; otherwise it does nothing. See
// Section 11.2.9.1.5.
func (k *Key) Cancel(now time.Time) {
	k.Step(now)
	if k.waiting == nil || k.waiting.polled {
		return
	}
	k.tell(Cancelled, now, k.take())
	k.answer(now, nil, ctap.ErrKeepaliveCancel)
}

// Waiting returns what the key blinks for, and whether it does.
func (k *Key) Waiting() (Request, bool) {
	if k.waiting == nil || k.waiting.touched {
		return Request{}, false
	}
	return k.waiting.Request, true
}

// Step lets time pass until now: the presence policy acts, a touch that did not come times out. What was due between
// the last step and now happens at now, the earlier of the two alone.
func (k *Key) Step(now time.Time) {
	t := k.waiting
	if t == nil {
		return
	}
	due, act := k.due(t)
	switch {
	case act && !due.After(now) && due.Before(t.Deadline) && !k.consents() && t.held.IsZero():
		k.refuse(now)
	case act && !due.After(now) && due.Before(t.Deadline) && t.polled:
		k.pressed(now)
	case act && !due.After(now) && due.Before(t.Deadline):
		body, err := k.end(now, k.take(), true)
		k.answer(now, body, err)
	case !now.Before(t.Deadline):
		k.expire(now, k.take())
	}
}

// Wake returns when the key wants [Key.Step] although nothing happened; the zero time is never.
func (k *Key) Wake() time.Time {
	t := k.waiting
	if t == nil {
		return time.Time{}
	}
	if due, act := k.due(t); act && due.Before(t.Deadline) {
		return due
	}
	return t.Deadline
}

// consents reports whether the user who acts by himself touches the key, rather than declines.
func (k *Key) consents() bool { return len(k.fingers) > 0 || k.presence.Mode == Auto }

// due returns when the user acts on t by himself, and whether he does: first as [Key.SetFingers] says, then by the presence
// policy.
func (k *Key) due(t *touch) (time.Time, bool) {
	if !t.held.IsZero() {
		return t.held, true
	}
	if len(k.fingers) > 0 && k.presence.Mode != Never {
		return t.Since, !t.touched && !k.nobody()
	}
	if t.touched || k.presence.Mode != Auto && k.presence.Mode != Deny {
		return time.Time{}, false
	}
	since := t.Since
	if k.set.After(since) {
		since = k.set
	}
	if k.presence.Mode == Auto {
		since = since.Add(time.Duration(t.Hold))
	}
	return since.Add(k.presence.Delay), true
}

// A Mode is what the user does when the key blinks.
type Mode byte

// The presence policies.
const (
	Manual Mode = iota // somebody calls [Key.Touch] or [Key.Deny]
	Auto               // touches after the delay
	Never              // the contact is dead: requests time out
	Deny               // declines after the delay
)

var modes = [...]string{Manual: "manual", Auto: "auto", Never: "never", Deny: "deny"}

// String returns the word for m that UnmarshalText takes.
func (m Mode) String() string {
	if int(m) < len(modes) {
		return modes[m]
	}
	return fmt.Sprintf("Mode(%d)", byte(m))
}

// MarshalText returns the word for m; a Mode that is none is an error.
func (m Mode) MarshalText() ([]byte, error) {
	if int(m) >= len(modes) {
		return nil, fmt.Errorf("u2f: no presence policy %d; use manual, auto, never or deny", byte(m))
	}
	return []byte(modes[m]), nil
}

// UnmarshalText reads manual, auto, never or deny.
func (m *Mode) UnmarshalText(text []byte) error {
	for i, name := range modes {
		if name == string(text) {
			*m = Mode(i)
			return nil
		}
	}
	return fmt.Errorf("u2f: no presence policy %q; use manual, auto, never or deny", text)
}

// A Presence is a policy for touches. The zero Presence is a user who acts through [Key.Touch].
type Presence struct {
	Mode  Mode          `json:"mode"`
	Delay time.Duration `json:"delay,omitempty"` // from the request, or from the change of policy, until Auto or Deny acts
}

// SetPresence changes the policy at once, also for a request that waits already.
func (k *Key) SetPresence(now time.Time, p Presence) {
	k.Step(now)
	k.presence, k.set = p, now
	k.Step(now)
}
