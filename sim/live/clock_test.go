package live

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func clockAt(w *wall, rate float64) *Clock {
	return &Clock{wall: w.now, at: reading{Lab: start, Wall: w.now(), Rate: rate}}
}

func labTime(c *Clock) time.Time {
	lab, _ := c.Now()
	return lab
}

func TestTheClockMapsWallToLab(t *testing.T) {
	for name, c := range map[string]struct {
		rate float64
		pass time.Duration
		want time.Duration
	}{
		"at rate 1 to the nanosecond":      {1, 3*time.Hour + 7, 3*time.Hour + 7},
		"a minute in a second":             {60, 90 * time.Second, 90 * time.Minute},
		"half as fast":                     {0.5, time.Hour, 30 * time.Minute},
		"not at all":                       {0, 1000 * time.Hour, 0},
		"a day in a second, for 100 years": {maxRate, 36525 * time.Second, 36525 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWall()
			k := clockAt(w, c.rate)
			w.pass(c.pass)
			lab, wall := k.Now()
			require.Equal(t, start.Add(c.want), lab)
			require.Equal(t, start.Add(c.pass), wall)
		})
	}
}

func TestTheClockEndsWhereTheCalendarDoes(t *testing.T) {
	for _, rate := range []float64{1, 3, maxRate} {
		w := newWall()
		k := clockAt(w, rate)
		for range 40 {
			w.pass(250 * 365 * 24 * time.Hour)
			require.False(t, labTime(k).After(latest))
		}
		if rate == maxRate {
			require.Equal(t, latest, labTime(k), "rate %v", rate)
		}
	}
}

func TestAWallClockThatIsSetBackDoesNotTakeTheLabBack(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 1, 60} {
		w := newWall()
		k := clockAt(w, rate)
		w.pass(time.Hour)
		before := labTime(k)
		w.pass(-30 * time.Minute)
		require.Equal(t, before, labTime(k), "the lab goes on from what it showed")
		w.pass(time.Second)
		require.Equal(t, before.Add(time.Duration(rate*1e9)), labTime(k), "and at its rate")
	}
}

// The clock against its two promises, under any treatment: it never goes back, and nothing that forward does undoes that.
func TestTheClockNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWall()
		k := clockAt(w, 1)
		last := labTime(k)
		t.Repeat(map[string]func(*rapid.T){
			"the wall goes on":   func(t *rapid.T) { w.pass(time.Duration(rapid.Int64Range(0, int64(1e15)).Draw(t, "d"))) },
			"the wall goes back": func(t *rapid.T) { w.pass(-time.Duration(rapid.Int64Range(0, int64(1e15)).Draw(t, "d"))) },
			"forward": func(t *rapid.T) {
				d := time.Duration(rapid.Int64Range(-int64(1e12), int64(1e15)).Draw(t, "d"))
				k.forward(last.Add(d), rapid.Float64Range(0, maxRate).Draw(t, "rate"))
			},
			"": func(t *rapid.T) {
				now := labTime(k)
				require.False(t, now.Before(last), "%s after %s", now, last)
				require.False(t, now.After(latest))
				require.NoError(t, k.reading().check())
				last = now
			},
		})
	})
}

func TestTheClockSaysHowLongToSleep(t *testing.T) {
	for name, c := range map[string]struct {
		rate float64
		in   time.Duration
		want time.Duration
		ever bool
	}{
		"by the wall":                {1, time.Second, time.Second, true},
		"hurried":                    {60, time.Minute, time.Second, true},
		"never later than it is":     {3, 1, 1, true},
		"past":                       {1, -time.Second, 0, true},
		"past and standing":          {0, -time.Second, 0, true},
		"ahead and standing":         {0, time.Second, 0, false},
		"far off: look now and then": {1, 1000 * time.Hour, longest, true},
		"hardly moving":              {5e-324, math.MaxInt64, longest, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, ever := clockAt(newWall(), c.rate).until(start.Add(c.in))
			require.Equal(t, c.ever, ever)
			require.Equal(t, c.want, d)
		})
	}
}

func TestTheClocksBounds(t *testing.T) {
	for _, rate := range []float64{0, 1, 0.001, maxRate} {
		require.NoError(t, reading{Lab: start, Rate: rate}.check())
	}
	for _, rate := range []float64{-1, -0.001, maxRate + 1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.ErrorContains(t, reading{Lab: start, Rate: rate}.check(), "out of range", "%v", rate)
	}
	for _, at := range []time.Time{{}, time.Unix(-1, 0), latest.Add(1)} {
		require.ErrorContains(t, reading{Lab: at, Rate: 1}.check(), "cannot show")
	}
}

func TestTheClockIsReadByManyWhileItIsMoved(t *testing.T) {
	k := &Clock{wall: time.Now, at: reading{Lab: start, Wall: time.Now(), Rate: 1}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			last := labTime(k)
			for range 2000 {
				now := labTime(k)
				require.False(t, now.Before(last))
				last = now
				k.Rate()
			}
		})
	}
	for i := range 500 {
		k.forward(labTime(k).Add(time.Duration(i)), float64(i%7))
	}
	all.Wait()
}
