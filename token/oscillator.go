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
// one nanosecond. Only a change of climate, and a clock that is set, move the anchor.
type oscillator struct {
	tolerance, ageing, parabola int64 // ppb, ppb in the first year, ppb/°C²
	turnover                    int64 // m°C

	born    time.Time // when the crystal was new and its clock right
	forced  bool      // the lab has set the drift: what had gathered says nothing about the age
	anchor  time.Time // the last change of climate
	drift   drift     // what had gathered at the anchor
	climate Climate   // since the anchor

	// These follow from the others, by settle.
	zero    drift                   // drift, less what the closed forms give at the anchor
	cycle   int64                   // ns that one turn of the climate adds
	sums    [maxPieces / pace]int32 // ppb of all pieces before each that is numbered by a multiple of pace
	coldest int64                   // m°C in one turn
}

// pace is how many pieces of a climate are added up one by one. Our choice: the sums take
// 112 bytes of a fob, and a bench has 10,000 of them.
const pace = 4

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

// ageAt returns what ageing adds to the rate at an instant, in ppb, and when that changes.
func (o *oscillator) ageAt(at time.Time) (ppb int64, until time.Time) {
	seconds, _ := elapsed(o.born, at)
	for _, part := range ageing[:len(ageing)-1] {
		if seconds < part.until {
			return o.ageing * part.permille / 1000, time.Unix(o.born.Unix()+part.until, int64(o.born.Nanosecond())).UTC()
		}
	}
	return o.ageing * ageing[len(ageing)-1].permille / 1000, horizon
}

// rate returns by how many ppb the crystal is off at a temperature, its age aside.
func (o *oscillator) rate(milliC int64) int64 {
	off := milliC - o.turnover
	return o.tolerance - o.parabola*off*off/1_000_000
}

// weathered returns the drift that tolerance and temperature cause between 1970 and an
// instant, if the present climate held all the time: whole turns, whole pieces, the rest.
func (o *oscillator) weathered(at time.Time) drift {
	seconds, nanos := elapsed(unixEpoch, at)
	length, n := o.climate.pieces()
	turns := floorDiv(seconds, length*n)
	seconds -= turns * length * n
	last := seconds / length
	ppb := int64(o.sums[last/pace])
	for i := last / pace * pace; i < last; i++ {
		ppb += o.rate(o.climate.piece(i))
	}
	return drift{ns: turns*o.cycle + ppb*length}.plus(
		gathered(seconds-last*length, nanos, o.rate(o.climate.piece(last))))
}

// driftAt returns how far the clock is ahead of the world.
func (o *oscillator) driftAt(now time.Time) drift {
	return o.zero.plus(o.weathered(now)).plus(o.aged(now))
}

// settle works out what follows from the anchor and the climate.
func (o *oscillator) settle() {
	length, n := o.climate.pieces()
	o.coldest = maxMilliC
	var ppb int64
	for i := range n {
		if i%pace == 0 {
			o.sums[i/pace] = int32(ppb) // at most 112 pieces of 5 million
		}
		milliC := o.climate.piece(i)
		ppb += o.rate(milliC)
		o.coldest = min(o.coldest, milliC)
	}
	o.cycle = ppb * length
	o.zero = o.drift.minus(o.weathered(o.anchor)).minus(o.aged(o.anchor))
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

// setClimate moves the anchor to now.
func (o *oscillator) setClimate(now time.Time, c Climate) {
	if c == o.climate {
		return
	}
	o.drift, o.anchor, o.climate = o.driftAt(now), now, c
	o.settle()
}

// set makes the clock show local from now on.
func (o *oscillator) set(now, local time.Time) {
	o.drift, o.anchor = drift{ns: int64(local.Sub(now))}, now
	o.settle()
}

// rebase moves the anchor to the instant from, and calls it to.
func (o *oscillator) rebase(from, to time.Time) {
	o.drift, o.anchor = o.driftAt(from), to
	o.born = shifted(o.born, from, to)
	o.settle()
}

// shifted returns the instant that lies to t as the instant to lies to from.
func shifted(t, from, to time.Time) time.Time {
	return time.Unix(t.Unix()+to.Unix()-from.Unix(), int64(t.Nanosecond()+to.Nanosecond()-from.Nanosecond())).UTC()
}
