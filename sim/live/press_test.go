package live

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
)

func press(t *testing.T, l *Lab, fob string, opt PressOptions) Shown {
	t.Helper()
	s, err := l.Press(t.Context(), Fobs, fob, opt)
	require.NoError(t, err)
	require.True(t, s.Lit)
	code, err := l.Peek(t.Context(), Fobs, fob, s.Step, false)
	require.NoError(t, err)
	require.Equal(t, code.Code, s.Code)
	return s
}

func TestABarePressShowsThePresentCode(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{PPM: ppm(20)})
	first := press(t, l, fob, PressOptions{})
	require.NoError(t, l.Wait(t.Context(), 10*time.Second))
	again := press(t, l, fob, PressOptions{})
	require.Equal(t, first.Step, again.Step)
	require.Equal(t, first.Code, again.Code)
	shown, err := l.Show(t.Context(), Fobs, fob)
	require.NoError(t, err)
	require.Equal(t, again, shown)
	require.NoError(t, l.Wait(t.Context(), 20*time.Second))
	shown, err = l.Show(t.Context(), Fobs, fob)
	require.NoError(t, err)
	require.False(t, shown.Lit)
	require.Empty(t, shown.Code)
	require.Equal(t, first.Step+1, shown.Step)
}

func TestNextMovesTheClockNoFurtherThanItMust(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
	first := press(t, l, fob, PressOptions{Next: true})
	require.Equal(t, start, first.Time, "nobody has got the present code")
	second := press(t, l, fob, PressOptions{Next: true})
	require.Equal(t, first.Step+1, second.Step)
	require.InDelta(t, 30, second.Time.Sub(first.Time).Seconds(), young)
	require.Equal(t, second.Time, labTime(l.Clock()))
}

func TestACodeThatIsAboutToEndIsNotGivenOut(t *testing.T) {
	for name, opt := range map[string]PressOptions{
		"to a bare press": {MinLeft: Span(10 * time.Second)},
		"by the next":     {MinLeft: Span(10 * time.Second), Next: true},
		"after a wait":    {MinLeft: Span(10 * time.Second), Wait: true},
		"the most":        {MinLeft: Span(27 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, off := range []float64{-1000, 0, 1000} {
				l := opened(t, still())
				fob := fobOf(t, l, FobSpec{PPM: ppm(off)})
				for range 300 {
					require.NoError(t, l.Wait(t.Context(), 7*time.Second))
					require.GreaterOrEqual(t, press(t, l, fob, opt).Left, opt.MinLeft)
				}
				require.NoError(t, l.Close())
			}
		})
	}
}

func TestPressesThatMakeNoSenseAreRefused(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	before := saved(t, l)
	for want, opt := range map[string]PressOptions{
		"next or wait, not both": {Next: true, Wait: true},
		"ask for 0s to 27s":      {MinLeft: Span(27*time.Second + 1)},
		"good for -1ns":          {MinLeft: -1},
	} {
		_, err := l.Press(t.Context(), Fobs, fob, opt)
		require.ErrorContains(t, err, want)
	}
	_, err := l.Press(t.Context(), Fobs, "GAHT00000000", PressOptions{})
	require.ErrorIs(t, err, ErrNoDevice)
	_, err = l.Press(t.Context(), Apps, fob, PressOptions{})
	require.ErrorIs(t, err, ErrNoDevice)
	same(t, before, saved(t, l))
}

// together presses n times at once and returns the steps that came out, each of them once.
func together(t *testing.T, l *Lab, fob string, n int, opt func(i int) PressOptions) map[int64]bool {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	steps := map[int64]bool{}
	for i := range n {
		all.Go(func() {
			s, err := l.Press(context.Background(), Fobs, fob, opt(i))
			mu.Lock()
			defer mu.Unlock()
			if err != nil || steps[s.Step] {
				t.Errorf("step %d: %v", s.Step, err)
			}
			steps[s.Step] = true
		})
	}
	all.Wait()
	return steps
}

func TestFiftyCallersNeverGetTheSameStep(t *testing.T) {
	for name, c := range map[string]struct {
		rate float64
		opt  func(i int) PressOptions
	}{
		"by the next":    {1, func(int) PressOptions { return PressOptions{Next: true} }},
		"after a wait":   {maxRate, func(int) PressOptions { return PressOptions{Wait: true} }},
		"standing still": {0, func(int) PressOptions { return PressOptions{Wait: true} }},
		"in either way":  {maxRate, func(i int) PressOptions { return PressOptions{Next: i%2 == 0, Wait: i%2 == 1} }},
		"with time to spare": {maxRate, func(i int) PressOptions {
			return PressOptions{Next: i%3 == 0, Wait: i%3 != 0, MinLeft: Span(20 * time.Second)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := opened(t, Options{Ephemeral: true, Seed: "test"})
			fob := fobOf(t, l, FobSpec{})
			require.NoError(t, l.SetRate(t.Context(), c.rate))
			require.Len(t, together(t, l, fob, 50, c.opt), 50)
			require.Equal(t, 50, events(l, "fob.pressed"))
		})
	}
}

func TestAWaitNeedsNobodyElsesStep(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	d := l.bench.shelves[Fobs][fob]
	require.NoError(t, l.Do(t.Context(), func(w *sim.World) error {
		now := d.StepAt(w.Now())
		d.got = now
		for _, step := range []int64{now + 1, now + 3} {
			l.wait(d, PressOptions{Wait: true}, step)
		}
		for opt, want := range map[PressOptions]int64{{}: now, {Next: true}: now + 2, {Wait: true}: now + 2, {MinLeft: 1}: now} {
			got, err := d.choose(w.Now(), opt)
			require.NoError(t, err)
			require.Equal(t, want, got, "%+v", opt)
		}
		return nil
	}))
}

func TestADeadFobIsPressedInVain(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	require.NoError(t, l.Advance(t.Context(), 6*365*24*time.Hour))
	require.Equal(t, 1, events(l, "fob.died"))
	for _, opt := range []PressOptions{{}, {Next: true}, {Wait: true}, {MinLeft: 1}} {
		_, err := l.Press(t.Context(), Fobs, fob, opt)
		require.ErrorContains(t, err, "is dead")
	}
	_, err := l.Peek(t.Context(), Fobs, fob, 0, true)
	require.ErrorContains(t, err, "is dead")
	shown, err := l.Show(t.Context(), Fobs, fob)
	require.NoError(t, err)
	require.True(t, shown.Dead)
	require.Equal(t, 1, events(l, "fob.died"))
}

func TestThePressThatDrainsTheBatteryIsTheLast(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	for range 20_000 {
		if _, err := l.Press(t.Context(), Fobs, fob, PressOptions{Next: true}); err != nil {
			require.ErrorContains(t, err, "is dead")
			require.Equal(t, 1, events(l, "fob.died"))
			return
		}
	}
	t.Fatal("it lives for ever")
}

func TestAResetOfTheClockMakesStepsNew(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	l := opened(t, opt)
	fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
	first := press(t, l, fob, PressOptions{Next: true})
	for range 3 {
		press(t, l, fob, PressOptions{Next: true})
	}
	require.NoError(t, l.ResetClock(t.Context()))
	again := press(t, l, fob, PressOptions{Next: true})
	require.Equal(t, first.Step, again.Step)
	crash(t, l)
	l = opened(t, opt)
	require.Equal(t, first.Step+1, press(t, l, fob, PressOptions{Next: true}).Step, "what was handed out since then is remembered")
}

func TestPeekTellsAnyStep(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	now, err := l.Show(t.Context(), Fobs, fob)
	require.NoError(t, err)
	for _, c := range []struct {
		step     int64
		relative bool
		want     int64
	}{{0, true, now.Step}, {1, true, now.Step + 1}, {-3, true, now.Step - 3}, {0, false, 0}, {7, false, 7}, {1 << 62, false, 1 << 62}} {
		s, err := l.Peek(t.Context(), Fobs, fob, c.step, c.relative)
		require.NoError(t, err)
		require.Equal(t, c.want, s.Step)
		require.Len(t, s.Code, 6)
	}
	for _, step := range []int64{-1, -1 << 63} {
		_, err := l.Peek(t.Context(), Fobs, fob, step, false)
		require.ErrorContains(t, err, "before the first")
	}
	_, err = l.Peek(t.Context(), Fobs, fob, 1<<63-1, true)
	require.Error(t, err)
	require.Zero(t, events(l, "fob.pressed"))
}

func TestTemperaturesThatNoFobBearsAreRefused(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	for _, c := range []float64{-40, -0.5, 85} {
		require.NoError(t, l.Heat(t.Context(), fob, c))
		s, err := l.Show(t.Context(), Fobs, fob)
		require.NoError(t, err)
		require.Equal(t, c, s.Celsius)
	}
	for _, c := range []float64{-40.1, 85.1, 1e300} {
		require.ErrorContains(t, l.Heat(t.Context(), fob, c), "give -40 to 85")
	}
	require.ErrorIs(t, l.Heat(t.Context(), "GAHT00000000", 20), ErrNoDevice)
}
