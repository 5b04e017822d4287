package iam

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// The two documents of the verifier are RFC 4226 (HOTP, December 2005) and RFC 6238 (TOTP, May 2011).

// From the specifications.
const (
	// defaultPeriod is X in seconds: RFC 6238, Section 5.2.
	defaultPeriod = 30
	// minDigits and maxDigits bound the length of a code: RFC 4226, Section 5.3.
	minDigits, maxDigits = 6, 8
)

// noStep is the last accepted step of a device that never had one: lower than every step, so that steps before 1970,
// which RFC 6238 does not know, are never accepted.
const noStep = -1

// A Seed is the secret that a device and its verifier share: standard base32 with its padding, as pquerna/otp reads it
// fastest. Text made from it by fmt says nothing; in JSON, which is how stores keep it, it stands in full.
type Seed string

// NewSeed returns the Seed made of these bytes.
func NewSeed(b []byte) Seed { return Seed(base32.StdEncoding.EncodeToString(b)) }

// String says nothing.
func (s Seed) String() string { return "[seed]" }

// GoString says nothing.
func (s Seed) GoString() string { return s.String() }

// Format says nothing, whatever the verb.
func (s Seed) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// A Verifier is what the relying party knows of one TOTP device: the seed, the step it accepted last, the drift that it
// has learned, and how often it refused. Its methods have no clock: they are told the time, and change nothing else.
type Verifier struct {
	Seed      Seed          `json:"seed"`
	Algorithm otp.Algorithm `json:"algorithm,omitempty"` // pquerna/otp's number; 0 is SHA-1
	Digits    int           `json:"digits"`
	Period    int64         `json:"period"` // seconds a step
	// Last is the highest step that was ever accepted, -1 before the first. It never decreases, and it belongs to the
	// device: whoever has it next and whichever service asks, a code is good once.
	Last int64 `json:"last"`
	// At is the highest time at which a code was accepted. It never decreases.
	At time.Time `json:"at,omitzero"`
	// Offset is how many steps the device is ahead of the server, as far as is known.
	Offset int64 `json:"offset,omitempty"`
	// Anchor and AnchorOffset are when two codes in order last said what the offset is, and what they said.
	Anchor       time.Time `json:"anchor,omitzero"`
	AnchorOffset int64     `json:"anchorOffset,omitempty"`
	Throttle
}

// A Throttle counts refusals: RFC 4226, Section 7.3.
type Throttle struct {
	// Failures is how many codes, or passwords, were refused since the last one that was accepted.
	Failures int64 `json:"failures,omitempty"`
	// LockedUntil is when the next code, or password, will be looked at; only with the setting lockout.
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
}

// NewVerifier returns the verifier of a device that has never shown a code. Zero values mean SHA-1, 6 digits and 30
// seconds; the error says which value no device has: an empty seed, digits other than 6 to 8, a period that is not of
// whole, positive seconds.
func NewVerifier(seed []byte, algorithm otp.Algorithm, digits int, period time.Duration) (Verifier, error) {
	v := Verifier{Seed: NewSeed(seed), Algorithm: algorithm, Digits: digits, Period: int64(period / time.Second), Last: noStep}
	if digits == 0 {
		v.Digits = minDigits
	}
	if period == 0 {
		v.Period = defaultPeriod
	}
	switch {
	case len(seed) == 0:
		return v, fmt.Errorf("the seed is empty: give at least one byte, RFC 4226 asks for 16")
	case algorithm < otp.AlgorithmSHA1 || algorithm > otp.AlgorithmSHA512:
		return v, fmt.Errorf("the algorithm %d is not one of SHA-1, SHA-256 and SHA-512", algorithm)
	case v.Digits < minDigits || v.Digits > maxDigits:
		return v, fmt.Errorf("a code has %d to %d digits, not %d", minDigits, maxDigits, digits)
	case v.Period <= 0 || period%time.Second != 0:
		return v, fmt.Errorf("a step lasts whole seconds, at least one, not %v", period)
	}
	return v, nil
}

// A Verdict is what a Verifier decided, and why.
type Verdict struct {
	Accepted bool
	// Rule and Section name the rule that refused and where it is written; empty where the code was accepted.
	Rule, Section string
	// Expected is the step in which the device should have been.
	Expected int64
	// Known says that the code, or the second of two, is the device's for Step; a code that was simply wrong has no step.
	Known bool
	Step  int64
	// Learned is by how many steps the offset changed.
	Learned int64
}

// Distance is how many steps the code was ahead of the expected one.
func (v Verdict) Distance() int64 { return v.Step - v.Expected }

// Login judges one code at now. The window reaches from n-Window to n+Window, n being the server's step plus the stored
// offset (RFC 6238, Sections 5.2 and 6). Every step in it is computed and compared whatever the others gave, so that
// the time taken tells nothing. A step at or below Last is never accepted (Section 5.2).
//
// Of two hits the nearer to n counts, and of two as near the later one: to take the earlier would leave the same digits
// good for another login.
func (v *Verifier) Login(code string, now time.Time, s *Settings) Verdict {
	d := Verdict{Expected: v.step(now) + v.Offset}
	if v.locked(now, s) {
		return d.refused(lockout)
	}
	below := v.below(now, d.Expected, s)
	wellFormed := v.wellFormed(code)
	stale, hit := false, false
	for i := -s.Window; i <= s.Window; i++ {
		step := d.Expected + i
		if v.matches(code, step)&wellFormed == 0 {
			continue
		}
		fresh := s.record(d.Expected, step) > below
		if better := !hit || abs(i) <= abs(d.Distance()); fresh && better {
			d.Known, d.Step, hit = true, step, true
		} else if !fresh && !hit {
			d.Known, d.Step, stale = true, step, true
		}
	}
	switch {
	case hit:
		v.accept(&d, now, s)
		return d
	case stale:
		d = d.refused(replay)
	case wellFormed == 0:
		d = d.refused(digits)
	default:
		d = v.whence(code, d, s)
	}
	v.refuse(now, s)
	return d
}

// accept burns the step and learns the drift: at most one step each time, and never further from the anchor than a bad
// crystal could have gone since, plus the step that rounding hides. Without that bound an attacker with a copy of the
// seed and a fast clock could lead the server away from the device.
func (v *Verifier) accept(d *Verdict, now time.Time, s *Settings) {
	d.Accepted = true
	v.Last = max(v.Last, s.record(d.Expected, d.Step))
	v.At = later(v.At, now)
	old := v.Offset
	v.Offset += min(max(d.Distance(), -1), 1)
	if !s.Walk {
		since := max(0, v.At.Sub(v.Anchor).Milliseconds()) // times ppm this is nanoseconds
		reach := 1 + since*s.DriftPPM/(v.Period*int64(time.Second))
		v.Offset = min(max(v.Offset, v.AnchorOffset-reach), v.AnchorOffset+reach)
	}
	d.Learned = v.Offset - old
	v.Throttle = Throttle{}
}

// refuse counts a refusal; with the setting lockout each one from there on locks for longer, as RFC 4226, Section 7.3
// proposes.
func (t *Throttle) refuse(now time.Time, s *Settings) {
	t.Failures++
	if over := t.Failures - s.Lockout + 1; s.Lockout > 0 && over > 0 {
		t.LockedUntil = now.Add(time.Duration(min(over, maxLockouts)) * s.LockoutTime)
	}
}

// locked reports whether the lock that refusals have earned is not over yet.
func (t *Throttle) locked(now time.Time, s *Settings) bool {
	return s.Lockout > 0 && now.Before(t.LockedUntil)
}

// whence explains a refused code: it looks for it outside the window, as far as a resync would. Whatever it finds the
// code stays refused.
func (v *Verifier) whence(code string, d Verdict, s *Settings) Verdict {
	for i := s.Window + 1; i <= s.SyncWindow; i++ {
		for _, step := range [2]int64{d.Expected - i, d.Expected + i} {
			if v.matches(code, step) == 1 && !d.Known {
				d.Known, d.Step = true, step
			}
		}
	}
	switch {
	case d.Known && d.Step <= v.Last:
		return d.refused(replay)
	case d.Known:
		return d.refused(window)
	}
	return d.refused(wrongCode)
}

// below returns the step that a code has to be above.
func (v *Verifier) below(now time.Time, expected int64, s *Settings) int64 {
	forgotten := s.Forget > 0 && !now.Before(v.At.Add(s.Forget))
	rewound := s.Rewind && v.Last > expected+s.Window
	if s.Replay || forgotten || rewound {
		return noStep
	}
	return v.Last
}

// step returns the server's step at t: RFC 6238, Section 4.2 with T0 = 0, rounded down before 1970, too.
func (v *Verifier) step(t time.Time) int64 {
	u := t.Unix()
	n := u / v.Period
	if u%v.Period < 0 {
		n--
	}
	return n
}

// wellFormed returns 1 where code has the right number of ASCII digits and nothing else, otherwise 0.
func (v *Verifier) wellFormed(code string) int {
	if len(code) != v.Digits {
		return 0
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return 0
		}
	}
	return 1
}

// matches returns 1 where code is the device's for step, otherwise 0.
func (v *Verifier) matches(code string, step int64) int {
	return subtle.ConstantTimeCompare([]byte(v.code(step)), []byte(code))
}

func (v *Verifier) code(step int64) string {
	c, err := hotp.GenerateCodeCustom(string(v.Seed), uint64(step),
		hotp.ValidateOpts{Digits: otp.Digits(v.Digits), Algorithm: v.Algorithm})
	if err != nil {
		return "" // a damaged seed matches nothing: no code is empty
	}
	return c
}

func abs(n int64) int64 { return max(n, -n) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rules that refuse codes, as Decisions name them.
var (
	digits      = [2]string{"digits", "RFC 4226, Section 5.3"}
	wrongCode   = [2]string{"code", "RFC 6238, Section 4.2"}
	window      = [2]string{"window", "RFC 6238, Section 5.2"}
	replay      = [2]string{"replay", "RFC 6238, Section 5.2"}
	lockout     = [2]string{"lockout", "RFC 4226, Section 7.3"}
	order       = [2]string{"order", "RFC 4226, Section 7.4"}
	consecutive = [2]string{"consecutive", "RFC 4226, Section 7.4"}
	ambiguous   = [2]string{"ambiguous", "Lab notes"}
	syncWindow  = [2]string{"sync-window", "RFC 6238, Section 6"}
)

func (d Verdict) refused(rule [2]string) Verdict {
	d.Accepted, d.Rule, d.Section = false, rule[0], rule[1]
	return d
}
