package token

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestClimatesAreWhatTheirNamesSay(t *testing.T) {
	for _, test := range []struct {
		text              string
		at4, at10, at16   int64
		mean, coldest, hi int64 // over a turn
	}{
		{"drawer", 21_000, 21_000, 21_000, 21_000, 21_000, 21_000},
		{"pocket", 31_000, 31_000, 31_000, 31_000, 31_000, 31_000},
		{"cold-car", -20_000, -10_000, 0, -10_000, -20_000, 0},
		{"hot-car", 15_000, 37_500, 60_000, 37_500, 15_000, 60_000},
		{"21.5", 21_500, 21_500, 21_500, 21_500, 21_500, 21_500},
		{"-0.001", -1, -1, -1, -1, -1, -1},
		{"85", 85_000, 85_000, 85_000, 85_000, 85_000, 85_000},
		{"daily:-5..30", -5_000, 12_500, 30_000, 12_500, -5_000, 30_000},
		{"daily:20.125..-3", 20_125, 8_563, -3_000, 8_563, -3_000, 20_125},
		{"random:7", 11_487, 21_553, 25_606, 0, 0, 0},
	} {
		t.Run(test.text, func(t *testing.T) {
			c, err := ParseClimate(test.text)
			require.NoError(t, err)
			require.Equal(t, test.text, c.String())
			for hour, want := range map[int]int64{4: test.at4, 10: test.at10, 16: test.at16} {
				got, _ := c.At(time.Date(2026, 2, 23, hour, 59, 59, 999_999_999, time.UTC))
				require.Equal(t, want, got, hour)
			}
			if c.kind == random {
				return
			}
			_, n := c.pieces()
			var sum, coldest, hottest int64 = 0, maxMilliC, minMilliC
			for i := range n {
				sum, coldest, hottest = sum+c.piece(i), min(coldest, c.piece(i)), max(hottest, c.piece(i))
			}
			require.InDelta(t, test.mean, sum/n, 1)
			require.Equal(t, test.coldest, coldest)
			require.Equal(t, test.hi, hottest)
		})
	}
}

func TestARandomClimateIsLikeWeather(t *testing.T) {
	var sum, jumps, n int64
	for seed := range uint64(50) {
		c := Climate{kind: random, seed: seed}
		for i := range int64(randomPieces) {
			was, is := c.piece((i+randomPieces-1)%randomPieces), c.piece(i)
			require.GreaterOrEqual(t, is, int64(randomLow))
			require.Less(t, is, int64(randomHigh))
			sum, n, jumps = sum+is, n+1, jumps+max(is-was, was-is)
		}
	}
	require.InDelta(t, (randomLow+randomHigh)/2, sum/n, 500, "its mean")
	require.InDelta(t, 4_150, jumps/n, 300, "a third of the range of four draws, from one piece to the next")
	a, b := Climate{kind: random, seed: 1}, Climate{kind: random, seed: 2}
	require.NotEqual(t, a.piece(0), b.piece(0))
}

func TestClimateRefuses(t *testing.T) {
	for _, text := range []string{
		"", "Drawer", "moon", "25°", "86", "-40.001", "85.001", "1e1", "+5", "21,5", ".5", "-", "0x10", "100", "20.0001", "--5", "2.-5", "2 ", "021",
		"daily:", "daily:5", "daily:5..", "daily:..5", "daily:-41..5", "daily:1..2..3", "random:", "random:-1", "random:18446744073709551616",
	} {
		_, err := ParseClimate(text)
		require.ErrorContains(t, err, "climate", text)
		c := Constant(1)
		require.Error(t, c.UnmarshalText([]byte(text)))
		require.Equal(t, Constant(1), c, "after an error it is what it was")
	}
}

// The temperature holds until the next piece and not a nanosecond longer, before and after
// 1970; and what was written is read again.
func TestClimateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClimate(t)
		text, err := json.Marshal(c)
		require.NoError(t, err)
		var again Climate
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, c.String(), again.String())
		require.Equal(t, c.piece(0), again.piece(0))

		at := drawTime(t, "at").Add(-50 * year)
		milliC, until := c.At(at)
		if until.IsZero() {
			require.Equal(t, constant, c.kind)
			return
		}
		length, n := c.pieces()
		require.True(t, until.After(at))
		require.LessOrEqual(t, until.Sub(at), time.Duration(length)*time.Second)
		last, next := c.At(until.Add(-1))
		require.Equal(t, milliC, last)
		require.Equal(t, until, next)
		turn, _ := c.At(at.Add(time.Duration(length*n) * time.Second))
		require.Equal(t, milliC, turn, "a turn later")
	})
}

func BenchmarkDriftOneYearOn(b *testing.B) {
	for _, text := range []string{"drawer", "daily:-5..30", "random:7"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			climate, err := ParseClimate(text)
			require.NoError(b, err)
			f := newFob(b, func(c *Config) { c.TolerancePPB = 4_000 })
			f.SetClimate(birth, climate)
			var sum time.Duration
			now := birth.Add(year)
			for b.Loop() {
				now = now.Add(time.Minute)
				sum += f.Drift(now)
			}
			if sum == 0 {
				b.Fatal("no drift")
			}
		})
	}
}
