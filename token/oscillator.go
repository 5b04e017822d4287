package token

import "time"

// The range in which the parabola describes a tuning-fork crystal: the operating range
// of CTS TF20 and its like. Temperatures outside are taken as the nearest inside.
const (
	minMilliC = -40_000
	maxMilliC = 85_000
)

// Our choice.
const roomMilliC = 25_000 // where a fob comes from the factory, and where crystals are specified

// horizon is the last instant of the world, a day (maxLitFor) before the last one that
// files can hold (RFC 3339).
var horizon = time.Date(9999, time.December, 30, 23, 59, 59, 999_999_999, time.UTC)

// An oscillator is the 32.768 kHz crystal that a fob's clock counts. Its rate is off by
//
//	tolerance + ageing(age) - parabola × (temperature - turnover)²
//
// parts per billion. What it drifted since the anchor follows in closed form, in whole
// numbers, so that it does not matter how often anybody asks: one ppb over one second is
// one nanosecond. Only a change of temperature moves the anchor.
type oscillator struct {
	tolerance, ageing, parabola int64 // ppb, ppb in the first year, ppb/°C²
	turnover                    int64 // m°C

	born   time.Time // when the crystal was new and its clock right
	anchor time.Time // the last change of temperature
	drift  drift     // what had gathered at the anchor
	milliC int64     // the temperature since
}

// A drift is how far a clock is ahead: nanoseconds, rounded down, and 0 to 999999999
// attoseconds (10⁻¹⁸ s). Keeping the fraction makes the sum over any history exact.
type drift struct{ ns, as int64 }

func (d drift) plus(e drift) drift {
	sum := drift{d.ns + e.ns, d.as + e.as}
	sum.ns += floorDiv(sum.as, 1e9)
	sum.as -= floorDiv(sum.as, 1e9) * 1e9
	return sum
}

func (d drift) minus(e drift) drift { return d.plus(drift{-e.ns, -e.as}) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// gathered returns what a rate of ppb adds up to.
func gathered(seconds, nanos, ppb int64) drift {
	return drift{ns: seconds * ppb}.plus(drift{as: nanos * ppb})
}

const day = 24 * 60 * 60 // seconds

// ageing says how many thousandths of the first year's ageing the rate has gained, on
// average, in each part of a crystal's life. Our choice: the logarithmic law of
// MIL-PRF-55310 with a time constant of 30 days, ln(1 + t/30) / ln(1 + 365/30), averaged
// over each part, so that whole numbers are enough and every machine gets the same.
var ageing = [...]struct{ until, permille int64 }{
	{10 * day, 58}, {30 * day, 196}, {60 * day, 353}, {120 * day, 534}, {180 * day, 693}, {365 * day, 890},
	{2 * 365 * day, 1141}, {3 * 365 * day, 1335}, {1826 * day, 1511}, {2557 * day, 1668}, {3652 * day, 1802},
	{1<<63 - 1, 2015},
}

// aged returns the drift that ageing alone causes between birth and an instant. Before
// birth, where only [Fob.StepBegins] ever looks, the youngest rate goes on backwards.
func (o *oscillator) aged(at time.Time) drift {
	seconds, nanos := elapsed(o.born, at)
	var whole, from int64
	for _, part := range ageing {
		ppb := o.ageing * part.permille / 1000
		if seconds < part.until {
			return drift{ns: whole}.plus(gathered(seconds-from, nanos, ppb))
		}
		whole += (part.until - from) * ppb
		from = part.until
	}
	panic("token: internal error: a crystal older than time")
}

// driftAt returns how far the clock is ahead of the world.
func (o *oscillator) driftAt(now time.Time) drift {
	off := o.milliC - o.turnover
	ppb := o.tolerance - o.parabola*off*off/1_000_000
	seconds, nanos := elapsed(o.anchor, now)
	return o.drift.plus(gathered(seconds, nanos, ppb)).plus(o.aged(now).minus(o.aged(o.anchor)))
}

// local returns what the clock shows.
func (o *oscillator) local(now time.Time) time.Time {
	return now.Add(time.Duration(o.driftAt(now).ns))
}

// reaches returns the first instant at which the clock shows local or more. A rate is
// within a few per mille of true, so each guess is at least 100 times better than the one
// before; what the rounding to nanoseconds leaves is walked.
func (o *oscillator) reaches(local time.Time) time.Time {
	now := local
	for range 16 {
		off := local.Sub(o.local(now))
		if off == 0 {
			break
		}
		now = now.Add(off)
	}
	for o.local(now).Before(local) {
		now = now.Add(1)
	}
	for !o.local(now.Add(-1)).Before(local) {
		now = now.Add(-1)
	}
	return now
}

// setTemperature moves the anchor to now.
func (o *oscillator) setTemperature(now time.Time, milliC int64) {
	milliC = max(minMilliC, min(milliC, maxMilliC))
	if milliC == o.milliC {
		return
	}
	o.drift, o.anchor, o.milliC = o.driftAt(now), now, milliC
}
