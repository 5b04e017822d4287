package token

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Climate is the temperature around a fob over the world's time. It is made of pieces of
// whole hours (UTC) in which the temperature stands still, and repeats for ever, so that
// what it does to a crystal adds up in whole numbers, from any instant to any other.
//
// Climates are values: they compare with ==, and cost nothing to copy. The zero Climate is
// 0 °C for ever. The text forms are those of [ParseClimate].
type Climate struct {
	name      string // a place in the table; "" where the numbers say it
	kind      climateKind
	low, high int32 // m°C; low alone where it is constant, neither where it is random
	seed      uint64
}

type climateKind uint8

const (
	constant climateKind = iota
	daily
	random
)

// Our choice.
const (
	dayPieces    = 24     // a daily cycle changes every hour
	randomPieces = 28 * 4 // a random climate changes four times a day and repeats after four weeks
	maxPieces    = randomPieces
	randomMemory = 4 // each piece is the mean of so many draws, so that it resembles the one before

	// From a coat in winter to a window-sill in summer.
	randomLow, randomHigh = -10_000, 40_000
)

// places are climates with a name. Our choice: a drawer and a pocket are what watchmakers
// regulate for (a watch on the wrist has 28 to 32 °C); cars are a January night and a July
// noon in a continental climate.
var places = [...]Climate{
	{name: "drawer", low: 21_000},
	{name: "pocket", low: 31_000},
	{name: "cold-car", kind: daily, low: -20_000, high: 0},
	{name: "hot-car", kind: daily, low: 15_000, high: 60_000},
}

// dayShape is how much of the way from night to day the temperature has come in each hour
// (UTC), in thousandths: half a turn of a cosine from 4 o'clock to 16 o'clock, and back.
var dayShape = [dayPieces]int64{
	250, 146, 67, 17, 0, 17, 67, 146, 250, 371, 500, 629, 750, 854, 933, 983, 1000, 983, 933, 854, 750, 629, 500, 371,
}

// Constant returns the climate of one temperature, in thousandths of a degree Celsius.
// Outside -40 °C to 85 °C the nearest end counts.
func Constant(milliC int64) Climate {
	return Climate{low: int32(max(minMilliC, min(milliC, maxMilliC)))}
}

// ParseClimate reads a climate: the name of a place ("drawer", "pocket", "cold-car",
// "hot-car"), a temperature in degrees Celsius ("21.5"), a daily cycle between a night and
// a day ("daily:-5..30"), or a fob that is carried about as a number says ("random:7").
// Temperatures have at most three decimals and lie between -40 and 85.
func ParseClimate(text string) (Climate, error) {
	for _, place := range places {
		if place.name == text {
			return place, nil
		}
	}
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "daily":
		night, day, _ := strings.Cut(rest, "..")
		low, err := parseCelsius(night)
		if err != nil {
			return Climate{}, fmt.Errorf("token: climate %.40q: %w; write a night and a day, as in daily:-5..30", text, err)
		}
		high, err := parseCelsius(day)
		if err != nil {
			return Climate{}, fmt.Errorf("token: climate %.40q: %w; write a night and a day, as in daily:-5..30", text, err)
		}
		return Climate{kind: daily, low: low, high: high}, nil
	case "random":
		seed, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return Climate{}, fmt.Errorf("token: climate %.40q needs a number of up to 64 bits, as in random:7", text)
		}
		return Climate{kind: random, seed: seed}, nil
	}
	milliC, err := parseCelsius(text)
	if err != nil {
		return Climate{}, fmt.Errorf("token: climate %.40q is not known: %w; use drawer, pocket, cold-car, hot-car, "+
			"daily:-5..30, random:7 or a temperature", text, err)
	}
	return Climate{low: milliC}, nil
}

// parseCelsius reads degrees with at most three decimals as thousandths of a degree.
func parseCelsius(text string) (int32, error) {
	number, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(number, ".")
	if len(whole) > 2 || len(fraction) > 3 {
		return 0, fmt.Errorf("%.20q is not a temperature from -40 to 85", text)
	}
	milliC, err := strconv.ParseUint(whole+(fraction + "000")[:3], 10, 31)
	if err != nil || whole == "" {
		return 0, fmt.Errorf("%.20q is not a temperature from -40 to 85", text)
	}
	signed := int32(milliC)
	if negative {
		signed = -signed
	}
	if signed < minMilliC || signed > maxMilliC {
		return 0, fmt.Errorf("%.20q is not a temperature from -40 to 85", text)
	}
	return signed, nil
}

func celsius(milliC int32) string { return strconv.FormatFloat(float64(milliC)/1000, 'f', -1, 64) }

// String returns the climate as [ParseClimate] reads it.
func (c Climate) String() string {
	switch {
	case c.name != "":
		return c.name
	case c.kind == daily:
		return "daily:" + celsius(c.low) + ".." + celsius(c.high)
	case c.kind == random:
		return "random:" + strconv.FormatUint(c.seed, 10)
	}
	return celsius(c.low)
}

// MarshalText returns what String does.
func (c Climate) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText sets c to the climate that text describes, as [ParseClimate] does.
func (c *Climate) UnmarshalText(text []byte) error {
	parsed, err := ParseClimate(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// pieces returns how long a piece is, in seconds, and how many there are before the
// climate repeats.
func (c Climate) pieces() (length, n int64) {
	switch c.kind {
	case daily:
		return day / dayPieces, dayPieces
	case random:
		return day / 4, randomPieces
	}
	return day, 1
}

// piece returns the temperature of the ith piece, in m°C.
func (c Climate) piece(i int64) int64 {
	switch c.kind {
	case daily:
		return int64(c.low) + int64(c.high-c.low)*dayShape[i]/1000
	case random:
		var sum int64
		for j := range int64(randomMemory) {
			sum += int64(c.draw(uint64((i+j)%randomPieces)) >> 48)
		}
		return randomLow + (randomHigh-randomLow)*sum/(randomMemory<<16)
	}
	return int64(c.low)
}

// draw hashes the seed and a number: SplitMix64, which is enough for the weather.
func (c Climate) draw(i uint64) uint64 {
	z := c.seed + (i+1)*0x9e37_79b9_7f4a_7c15
	z = (z ^ z>>30) * 0xbf58_476d_1ce4_e5b9
	z = (z ^ z>>27) * 0x94d0_49bb_1331_11eb
	return z ^ z>>31
}

// At returns the temperature at an instant, in thousandths of a degree Celsius, and when
// the next piece begins; zero: never.
func (c Climate) At(t time.Time) (milliC int64, until time.Time) {
	if c.kind == constant {
		return int64(c.low), time.Time{}
	}
	length, n := c.pieces()
	i := floorDiv(t.Unix(), length)
	return c.piece(i - floorDiv(i, n)*n), time.Unix((i+1)*length, 0).UTC()
}
