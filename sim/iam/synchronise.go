package iam

import (
	"crypto/subtle"
	"time"
)

// Two adjacent steps share a code once in a million: codes are compared by the steps that they are of, and two equal ones
// are as good as any.

// lateWindow is how far on either side of the expected step two codes are looked for that came too late. Our choice: an
// hour of 30-second steps, after which somebody has rather read the wrong device.
const lateWindow = 120

// Sync judges two codes that a person read one after the other, to enrol a device or to resynchronise it, at now. They
// must be the codes of two consecutive steps in that order, both in the sync window around the server's step plus the
// stored offset, both above Last, and there must be one such place only. Both steps are burnt, the offset is what the
// two say, and the drift learned later is held against it. RFC 4226, Section 7.4; RFC 6238, Section 6.
func (v *Verifier) Sync(code1, code2 string, now time.Time, s *Settings) Verdict {
	d := Verdict{Expected: v.step(now) + v.Offset}
	if v.locked(now, s) {
		return d.refused(lockout)
	}
	below := v.below(now, d.Expected, s)
	if s.OldResync {
		below = noStep
	}
	well := v.wellFormed(code1) & v.wellFormed(code2)
	found := v.places(code1, code2, d.Expected, s.SyncWindow)
	pairs := found.pairs(s.UnorderedResync)
	hits := above(pairs, below)
	switch {
	case well == 0:
		d = d.refused(digits)
	case len(hits) == 1 || len(hits) > 1 && s.UnorderedResync:
		return v.synced(d, hits[len(hits)-1], now, s)
	case len(hits) > 1:
		d = d.refused(ambiguous)
	case len(pairs) > 0:
		d.Known, d.Step = true, pairs[0][1]
		d = d.refused(replay)
	default:
		var late *[2]int64
		if d, late = v.whencePair(code1, code2, d, below, s); late != nil {
			return v.synced(d, *late, now, s)
		}
	}
	v.refuse(now, s)
	return d
}

// synced burns the steps of a hit and stores the offset. A hit beyond the sync window, which only the setting
// late-resync=accept lets through, leaves the offset at the window's edge: the device looks synchronised and is not.
func (v *Verifier) synced(d Verdict, hit [2]int64, now time.Time, s *Settings) Verdict {
	d.Accepted, d.Known, d.Step = true, true, hit[1]
	if !s.EnrolReuse {
		v.Last = max(v.Last, hit[0], hit[1])
	}
	v.At = later(v.At, now)
	d.Learned = min(max(d.Distance(), -s.SyncWindow), s.SyncWindow)
	v.Offset += d.Learned
	v.Anchor, v.AnchorOffset = v.At, v.Offset
	v.Throttle = Throttle{}
	return d
}

// whencePair explains two codes that were refused in the sync window, by what they are in a wider one. It returns the
// place of a fresh pair there if such are to be accepted.
func (v *Verifier) whencePair(code1, code2 string, d Verdict, below int64, s *Settings) (Verdict, *[2]int64) {
	found := v.places(code1, code2, d.Expected, max(lateWindow, s.SyncWindow))
	if pairs := found.pairs(false); len(pairs) > 0 {
		d.Known, d.Step = true, pairs[0][1]
		hits := above(pairs, below)
		if len(hits) == 0 {
			return d.refused(replay), nil
		}
		if s.LateResync && len(hits) == 1 {
			return d, &hits[0]
		}
		return d.refused(syncWindow), nil
	}
	swapped := places{found.second, found.first}
	switch {
	case len(swapped.pairs(false)) > 0:
		return d.refused(order), nil
	case len(found.first) > 0 && len(found.second) > 0:
		return d.refused(consecutive), nil
	}
	return d.refused(wrongCode), nil
}

// places are the steps whose codes two given ones are, in ascending order.
type places struct{ first, second []int64 }

// places looks at every step within reach of expected, whatever it has found already.
func (v *Verifier) places(code1, code2 string, expected, reach int64) places {
	var p places
	for step := expected - reach; step <= expected+reach; step++ {
		code := []byte(v.code(step))
		if subtle.ConstantTimeCompare(code, []byte(code1)) == 1 {
			p.first = append(p.first, step)
		}
		if subtle.ConstantTimeCompare(code, []byte(code2)) == 1 {
			p.second = append(p.second, step)
		}
	}
	return p
}

// pairs returns the places of a first code with a second in the step after it; with any, in whatever other step.
func (p places) pairs(anyOther bool) [][2]int64 {
	var out [][2]int64
	for _, a := range p.first {
		for _, b := range p.second {
			if b == a+1 || anyOther && a != b {
				out = append(out, [2]int64{a, b})
			}
		}
	}
	return out
}

// above returns the pairs of which both steps are greater than below.
func above(pairs [][2]int64, below int64) [][2]int64 {
	var out [][2]int64
	for _, p := range pairs {
		if p[0] > below && p[1] > below {
			out = append(out, p)
		}
	}
	return out
}
