package u2f

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Finger is what somebody puts on a key. Where a touch is all that is wanted, every finger will do; where the key
// compares it with those that are enrolled, or takes a sample of it, it matters which finger it is and how it was put
// there.
type Finger struct {
	// Name says whose finger it is, or which: 1 to 32 lower-case letters, digits and hyphens. Fingers are the same if their
	// names are. Where Sample is NoFinger it may be empty.
	Name string `json:"finger,omitempty"`
	// Sample is what the sensor makes of it.
	Sample Sample `json:"sample,omitzero"`
}

// UsualFinger is the finger that [Key.Touch] and the policy [Auto] touch with.
const UsualFinger = "right-index"

// A Sample is how good a finger lies on the sensor; the zero value is a good sample.
type Sample ctap.SampleStatus

// NoFinger is the Sample of somebody who does not touch the key until it stops waiting.
const NoFinger = Sample(ctap.SampleNoActivity)

// samples are the words for what a user can do. That a finger is enrolled already the key finds out by itself.
var samples = map[ctap.SampleStatus]string{
	ctap.SampleGood:         "good",
	ctap.SampleTooHigh:      "too-high",
	ctap.SampleTooLow:       "too-low",
	ctap.SampleTooLeft:      "too-left",
	ctap.SampleTooRight:     "too-right",
	ctap.SampleTooFast:      "too-fast",
	ctap.SampleTooSlow:      "too-slow",
	ctap.SamplePoorQuality:  "poor-quality",
	ctap.SampleTooSkewed:    "too-skewed",
	ctap.SampleTooShort:     "too-short",
	ctap.SampleMergeFailure: "merge-failure",
	ctap.SampleNoActivity:   "none",
	ctap.SampleNotLifted:    "not-lifted",
}

// Samples returns the words for samples, in the order of their numbers in Section 6.7.4.
func Samples() []string {
	var list []string
	for s := ctap.SampleGood; s <= ctap.SampleNotLifted; s++ {
		if word := samples[s]; word != "" {
			list = append(list, word)
		}
	}
	return list
}

// String returns the word for s that UnmarshalText takes, or "exists" for a finger that is enrolled already.
func (s Sample) String() string {
	if s == Sample(ctap.SampleExists) {
		return "exists"
	}
	if word := samples[ctap.SampleStatus(s)]; word != "" {
		return word
	}
	return fmt.Sprintf("Sample(%d)", uint64(s))
}

// MarshalText returns the word for s; a Sample that is none is an error.
func (s Sample) MarshalText() ([]byte, error) {
	word := samples[ctap.SampleStatus(s)]
	if word == "" {
		return nil, fmt.Errorf("u2f: no sample %d; use %s", uint64(s), strings.Join(Samples(), ", "))
	}
	return []byte(word), nil
}

// UnmarshalText reads one of [Samples].
func (s *Sample) UnmarshalText(text []byte) error {
	for status, word := range samples {
		if word == string(text) {
			*s = Sample(status)
			return nil
		}
	}
	return fmt.Errorf("u2f: no sample %q; use %s", text, strings.Join(Samples(), ", "))
}

// Our choice: more would be a mistake in a script.
const (
	longestFinger = 32
	mostFingers   = 1000
)

// Check reports what is wrong with f.
func (f Finger) Check() error {
	if f.Name == "" && f.Sample == NoFinger {
		return nil
	}
	if f.Name == "" || len(f.Name) > longestFinger || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("u2f: a finger is called %.40q; use 1 to %d lower-case letters, digits and hyphens, as in %q",
			f.Name, longestFinger, UsualFinger)
	}
	_, err := f.Sample.MarshalText()
	return err
}

// SetFingers says what the user does the next times that the key blinks, one after the other; then the presence policy
// holds again. Fingers of before are forgotten. They stay with the user when the key loses power.
func (k *Key) SetFingers(now time.Time, list []Finger) error {
	k.Step(now)
	if len(list) > mostFingers {
		return fmt.Errorf("u2f: %d fingers; give up to %d", len(list), mostFingers)
	}
	for _, f := range list {
		if err := f.Check(); err != nil {
			return err
		}
	}
	k.fingers = slices.Clone(list)
	k.Step(now)
	return nil
}

// Fingers returns what is left of what [Key.SetFingers] has said.
func (k *Key) Fingers() []Finger { return slices.Clone(k.fingers) }

// takeFinger returns the finger that touches the key: the next that [Key.SetFingers] has, or the usual one.
func (k *Key) takeFinger() Finger {
	if len(k.fingers) == 0 {
		return Finger{Name: UsualFinger}
	}
	f := k.fingers[0]
	k.fingers = k.fingers[1:]
	if f.Sample == NoFinger { // somebody has touched it by hand
		return Finger{Name: UsualFinger}
	}
	return f
}

// nobody reports whether the user leaves this wait alone.
func (k *Key) nobody() bool { return len(k.fingers) > 0 && k.fingers[0].Sample == NoFinger }

// A scan is what a command leaves behind that needs a fingerprint: it gets the finger, or why there is none,
// CTAP2_ERR_OPERATION_DENIED or what the profile says of a touch that did not come.
type scan func(now time.Time, f Finger, err error) ([]byte, error)

// awaitFinger is like await for a finger on the sensor, for as long as patience. What wants says is shown to the user.
func (k *Key) awaitFinger(now time.Time, what Request, wants string, patience time.Duration, then scan) ([]byte, error) {
	what.Wants = wants
	what.Since, what.Deadline = now, now.Add(patience)
	return k.begun(now, &touch{Request: what, scan: then})
}
