// Package token is an OATH token of the kind that hangs on a key ring: the codes
// that it computes, and the fob that computes them, with its button, its LCD, its
// drifting quartz clock and its battery, and with what breaks on it.
//
// The codes are HOTP (RFC 4226, December 2005; cited as "HOTP Section"), TOTP (RFC 6238,
// May 2011, seeds of the test vectors as corrected by erratum 2866; cited as "TOTP
// Section") and OCRA (RFC 6287, June 2011; cited as "OCRA Section"). The side that checks
// codes is elsewhere and shares nothing with this package.
//
// The package is a model: it has no clock of its own, and no chance. Every method that
// depends on time takes the world's time as an argument, and [Fob.Wake] says when the
// fob wants to be called although nobody touched it. Nothing here may be used by two
// goroutines at once.
//
// Not implemented: cards whose OCRA suite asks for a PIN or session information (a [Suite]
// computes them), the AES codes of RSA SecurID, fobs that speak over a wire.
package token

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// From the specification.
const (
	minDigits = 6 // HOTP Section 5.3: "at least 6 digits"
	maxDigits = 8 // HOTP Section 5.3: "and possibly 7 and 8-digit code"
)

// modulus is 10^Digit of HOTP Section 5.3, indexed by the number of digits.
var modulus = [maxDigits + 1]uint32{6: 1_000_000, 7: 10_000_000, 8: 100_000_000}

// A Generator computes the codes of one seed. It holds the prepared HMAC key and the
// buffers, so that a code costs two blocks of the hash and no allocation; for the
// same reason it serves one caller at a time.
type Generator struct {
	mac    *mac
	digits int
}

// NewGenerator prepares seed for use with HMAC and alg. Codes have 6 to 8 digits. A seed
// of any length from one byte up is taken, because devices in the field have them; HOTP
// Section 4, R6 asks for 16 bytes and recommends 20. The Generator keeps no reference to
// seed.
func NewGenerator(seed Seed, alg Algorithm, digits int) (*Generator, error) {
	if len(seed) == 0 {
		return nil, fmt.Errorf("token: the seed is empty; give at least one byte, 20 are usual")
	}
	if err := alg.check(); err != nil {
		return nil, err
	}
	if digits < minDigits || digits > maxDigits {
		return nil, fmt.Errorf("token: a code of %d digits is not possible; use %d to %d", digits, minDigits, maxDigits)
	}
	return &Generator{mac: newMAC(seed, alg.hash()), digits: digits}, nil
}

// AppendCode appends the code for counter to b, with leading zeros, and returns the
// longer slice. For TOTP the counter is the step. See HOTP Section 5.3, TOTP Section 4.2.
func (g *Generator) AppendCode(b []byte, counter uint64) []byte {
	sum := g.mac.sum(counter)
	// The offset is in the last byte, whatever the length of the hash: TOTP Appendix A.
	offset := sum[len(sum)-1] & 0x0f
	code := binary.BigEndian.Uint32(sum[offset:]) & 0x7fff_ffff % modulus[g.digits]
	start := len(b)
	b = append(b, "00000000"[:g.digits]...)
	for i := len(b) - 1; i >= start; i-- {
		b[i] = byte('0' + code%10)
		code /= 10
	}
	return b
}

// Format writes what kind of codes g makes, whatever the verb: the state of its HMAC is as
// good as the seed. The receiver is a value, so that it holds for *g as well.
func (g Generator) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "generator of %d-digit codes", g.digits)
}

// Code returns the code for counter. See [Generator.AppendCode].
func (g *Generator) Code(counter uint64) string {
	return string(g.AppendCode(make([]byte, 0, maxDigits), counter))
}

// Step returns the number of the time step that t lies in, counted from t0 in steps of
// the given length: floor((t - t0) / step), negative before t0. It is exact for steps
// beyond 32 bits (TOTP Section 4.2) and for times centuries apart. A result that 64 bits
// cannot hold is the nearest that they can; a step that is not positive counts nothing
// and gives 0.
func Step(t, t0 time.Time, step time.Duration) int64 {
	if step <= 0 {
		return 0
	}
	seconds, nanos := elapsed(t0, t)
	if seconds >= 0 {
		return int64(quotient(uint64(seconds), nanos, step, math.MaxInt64))
	}
	// Before t0: -(s, n) is (-s-1, 1e9-n), and floor(-x) is -ceil(x).
	hi, lo := nanoseconds(uint64(-(seconds + 1)), int64(time.Second)-nanos)
	lo, carry := bits.Add64(lo, uint64(step)-1, 0)
	if hi += carry; hi >= uint64(step) {
		return math.MinInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(step))
	return -int64(min(q, math.MaxInt64))
}

// begins returns the instant at which step n, counted from t0, begins; ok is false where
// that is beyond the times of this world.
func begins(n int64, t0 time.Time, step time.Duration) (t time.Time, ok bool) {
	size := uint64(n)
	if n < 0 {
		size = -size
	}
	hi, lo := bits.Mul64(size, uint64(step))
	if hi >= uint64(time.Second) {
		return time.Time{}, false
	}
	q, nanos := bits.Div64(hi, lo, uint64(time.Second))
	if q > uint64(horizon.Unix()) {
		return time.Time{}, false
	}
	if n < 0 {
		t = time.Unix(t0.Unix()-int64(q), int64(t0.Nanosecond())-int64(nanos))
	} else {
		t = time.Unix(t0.Unix()+int64(q), int64(t0.Nanosecond())+int64(nanos))
	}
	return t.UTC(), !t.After(horizon)
}

// elapsed returns the time from one instant to another as whole seconds, rounded down,
// and 0 to 999999999 nanoseconds. A time.Duration would end after 292 years.
func elapsed(from, to time.Time) (seconds, nanos int64) {
	seconds = to.Unix() - from.Unix()
	nanos = int64(to.Nanosecond() - from.Nanosecond())
	if nanos < 0 {
		return seconds - 1, nanos + int64(time.Second)
	}
	return seconds, nanos
}

// nanoseconds returns seconds and nanos as one 128-bit number of nanoseconds.
func nanoseconds(seconds uint64, nanos int64) (hi, lo uint64) {
	hi, lo = bits.Mul64(seconds, uint64(time.Second))
	lo, carry := bits.Add64(lo, uint64(nanos), 0)
	return hi + carry, lo
}

// quotient divides a span by step, and gives most where the result would be larger.
func quotient(seconds uint64, nanos int64, step time.Duration, most uint64) uint64 {
	hi, lo := nanoseconds(seconds, nanos)
	if hi >= uint64(step) {
		return most
	}
	q, _ := bits.Div64(hi, lo, uint64(step))
	return min(q, most)
}
