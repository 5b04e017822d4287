package token

import (
	"math/bits"
	"time"
)

// Our choice: the low-battery sign comes on when a twentieth is left, which is three
// months of a five-year battery: time enough to get another fob.
const lowBattery = 20

// A battery is sealed in: full at birth, drained by time and by every press, and never
// replaced. It needs no state but the presses, because it always follows from them when
// it will be empty.
type battery struct {
	life    time.Duration // 0: never empty
	inLife  int64         // presses that drain it alone; 0: presses cost nothing
	presses int64         // 0 where presses cost nothing
	born    time.Time
}

func (b *battery) press() {
	if b.life > 0 && b.presses < b.inLife {
		b.presses++
	}
}

// ends returns when the battery is empty if nobody presses again; zero: never.
func (b *battery) ends() time.Time {
	if b.life == 0 {
		return time.Time{}
	}
	return b.born.Add(b.life - b.pressed())
}

// pressed returns how much life the presses took: life × presses / inLife.
func (b *battery) pressed() time.Duration {
	if b.inLife == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(b.life), uint64(b.presses))
	q, _ := bits.Div64(hi, lo, uint64(b.inLife)) // presses <= inLife, so the result fits
	return time.Duration(q)
}

// low returns when the low-battery sign comes on; zero: never.
func (b *battery) low() time.Time {
	if b.life == 0 {
		return time.Time{}
	}
	return b.ends().Add(-b.life / lowBattery)
}

// left returns the charge, 0 to 1.
func (b *battery) left(now time.Time) float64 {
	if b.life == 0 {
		return 1
	}
	return max(0, float64(b.ends().Sub(now))/float64(b.life))
}
