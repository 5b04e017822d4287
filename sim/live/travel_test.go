package live

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
)

// young is what a crystal without an error gains in a step by ageing, and more, in seconds.
const young = 1e-4

// running returns a lab in memory that is driven by the bubble's clock.
func running(t *testing.T, opt Options) *Lab {
	opt.Ephemeral, opt.Seed = true, "test"
	return opened(t, opt)
}

func TestWakesHappenByTheWall(t *testing.T) {
	for _, rate := range []float64{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			l := running(t, Options{})
			fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
			require.NoError(t, l.SetRate(t.Context(), rate))
			_, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
			require.NoError(t, err)
			lit := time.Duration(20 * float64(time.Second) / rate)
			time.Sleep(lit - 1)
			synctest.Wait()
			require.Zero(t, events(l, "fob.dark"))
			time.Sleep(2 * time.Nanosecond) // a third of one takes one
			synctest.Wait()
			require.Equal(t, 1, events(l, "fob.dark"))
			require.NoError(t, l.Close())
		})
	}
}

func TestAPressWaitsForItsMoment(t *testing.T) {
	for _, rate := range []float64{1, 60, 0.5} {
		synctest.Test(t, func(t *testing.T) {
			l := running(t, Options{})
			fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
			require.NoError(t, l.SetRate(t.Context(), rate))
			first, err := l.Press(t.Context(), Fobs, fob, PressOptions{Wait: true})
			require.NoError(t, err)
			began := time.Now()
			second, err := l.Press(t.Context(), Fobs, fob, PressOptions{Wait: true})
			require.NoError(t, err)
			require.Equal(t, first.Step+1, second.Step)
			require.InDelta(t, 30/rate, time.Since(began).Seconds(), young)
			require.InDelta(t, 30, time.Duration(second.Left).Seconds(), young)
			require.NoError(t, l.Close())
		})
	}
}

// pressing starts presses that wait, one after the other, and returns where their steps come out.
func pressing(ctx context.Context, l *Lab, fob string, n int) []chan result {
	out := make([]chan result, n)
	for i := range out {
		out[i] = make(chan result, 1)
		go func() {
			s, err := l.Press(ctx, Fobs, fob, PressOptions{Wait: true})
			out[i] <- result{s, err, time.Now()}
		}()
		synctest.Wait()
	}
	return out
}

type result struct {
	shown Shown
	err   error
	at    time.Time
}

func TestAdvancingPressesForAllWhoWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		fob := fobOf(t, l, FobSpec{})
		first, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
		require.NoError(t, err)
		waits := pressing(t.Context(), l, fob, 4)
		began := time.Now()
		require.NoError(t, l.Advance(t.Context(), 10*time.Minute))
		for i, w := range waits {
			r := <-w
			require.NoError(t, r.err)
			require.Equal(t, first.Step+1+int64(i), r.shown.Step)
			require.Equal(t, began, r.at, "no wall time passes")
		}
		require.NoError(t, l.Close())
	})
}

func TestAChangeOfRateReachesWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
		_, err := l.Press(t.Context(), Fobs, fob, PressOptions{Wait: true})
		require.NoError(t, err)
		_, err = l.Press(t.Context(), Fobs, fob, PressOptions{Wait: true})
		require.NoError(t, err) // the bubble now stands on a step's first instant
		w := pressing(t.Context(), l, fob, 1)[0]

		time.Sleep(10 * time.Second)
		require.NoError(t, l.SetRate(t.Context(), 0))
		time.Sleep(time.Hour)
		require.Empty(t, w, "a clock that stands brings nobody on")
		require.NoError(t, l.SetRate(t.Context(), 20))
		began := time.Now()
		r := <-w
		require.NoError(t, r.err)
		require.InDelta(t, 1, r.at.Sub(began).Seconds(), young, "twenty seconds are left")
		require.NoError(t, l.Close())
	})
}

func TestWaitingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(l *Lab, cancel func()) error
		want error
	}{
		"when the lab is closed": {func(l *Lab, _ func()) error { return l.Close() }, ErrClosed},
		"when the caller goes":   {func(_ *Lab, cancel func()) error { cancel(); return nil }, context.Canceled},
		"when the lab is reset":  {func(l *Lab, _ func()) error { return l.Reset(context.Background()) }, ErrNoDevice},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := running(t, Options{})
				fob := fobOf(t, l, FobSpec{})
				_, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w := pressing(ctx, l, fob, 1)[0]
				require.NoError(t, c.end(l, cancel))
				synctest.Wait()
				r := <-w
				require.ErrorIs(t, r.err, c.want)
				require.Empty(t, r.shown)
				if err := l.Close(); err != nil {
					require.ErrorIs(t, err, ErrClosed)
				}
			})
		})
	}
}

func TestACallerThatGoesAwayPressesNothingAndGivesItsStepBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
		first, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		gone := pressing(ctx, l, fob, 1)[0]
		stays := pressing(t.Context(), l, fob, 1)[0]
		cancel()
		require.ErrorIs(t, (<-gone).err, context.Canceled)
		again := pressing(t.Context(), l, fob, 1)[0]
		require.Equal(t, first.Step+1, (<-again).shown.Step)
		require.Equal(t, first.Step+2, (<-stays).shown.Step)
		require.Equal(t, 3, events(l, "fob.pressed"))
		require.NoError(t, l.Close())
	})
}

func TestAResetOfTheClockMovesWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		fob := fobOf(t, l, FobSpec{PPM: ppm(0)})
		require.NoError(t, l.Advance(t.Context(), 2000*time.Hour))
		_, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
		require.NoError(t, err)
		waits := pressing(t.Context(), l, fob, 3)
		require.NoError(t, l.ResetClock(t.Context()))
		lab, wall := l.Clock().Now()
		require.Equal(t, wall, lab)
		began := time.Now()
		var steps []int64
		for _, w := range waits {
			r := <-w
			require.NoError(t, r.err)
			steps = append(steps, r.shown.Step)
			require.Less(t, r.at.Sub(began), 100*time.Second)
		}
		require.Equal(t, []int64{steps[0], steps[0] + 1, steps[0] + 2}, steps)
		require.NoError(t, l.Close())
	})
}

func TestTemperatureMovesTheMomentThatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		fob := fobOf(t, l, FobSpec{PPM: ppm(1000)})
		require.NoError(t, l.Advance(t.Context(), time.Hour))
		_, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
		require.NoError(t, err)
		w := pressing(t.Context(), l, fob, 1)[0]
		var warm, cold time.Time
		moment := func(at *time.Time) {
			require.NoError(t, l.Do(t.Context(), func(*sim.World) error { *at = l.bench.shelves[Fobs][fob].waiting[0].Wake(); return nil }))
		}
		moment(&warm)
		require.NoError(t, l.Heat(t.Context(), fob, -40))
		moment(&cold)
		require.True(t, cold.After(warm), "the cold fob is slower")
		r := <-w
		require.NoError(t, r.err)
		require.Equal(t, cold, r.shown.Time)
		require.NoError(t, l.Close())
	})
}

func TestAFobThatDiesSendsItsWaitersAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		fob := fobOf(t, l, FobSpec{})
		_, err := l.Press(t.Context(), Fobs, fob, PressOptions{})
		require.NoError(t, err)
		waits := pressing(t.Context(), l, fob, 2)
		require.NoError(t, l.Do(t.Context(), func(w *sim.World) error {
			d := l.bench.shelves[Fobs][fob]
			d.Kill(w.Now())
			d.perish()
			return nil
		}))
		for _, w := range waits {
			require.ErrorContains(t, (<-w).err, "is dead")
		}
		require.NoError(t, l.Close())
	})
}

func TestAWallClockThatJumpsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		offset := time.Duration(0)
		l := running(t, Options{Wall: func() time.Time { return time.Now().Add(offset) }})
		done := make(chan error, 1)
		go func() { done <- l.Wait(t.Context(), time.Hour) }()
		synctest.Wait()
		require.NoError(t, l.Do(t.Context(), func(*sim.World) error { offset = time.Hour; return nil }))
		began := time.Now()
		require.NoError(t, <-done)
		require.LessOrEqual(t, time.Since(began), longest)
		require.NoError(t, l.Close())
	})
}

func TestWaitTakesLabTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		require.NoError(t, l.SetRate(t.Context(), 60))
		began := time.Now()
		require.NoError(t, l.Wait(t.Context(), time.Minute))
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorContains(t, l.Wait(t.Context(), -1), "nobody can wait")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.Wait(ctx, time.Hour), context.DeadlineExceeded)
		require.NoError(t, l.Close())
		require.ErrorIs(t, l.Wait(t.Context(), time.Hour), ErrClosed)
	})
}

func TestALabThatStandsStillMovesOnlyWhenItIsTold(t *testing.T) {
	l := opened(t, still())
	require.Equal(t, start, labTime(l.Clock()))
	require.NoError(t, l.Wait(t.Context(), 30*time.Second))
	require.NoError(t, l.Advance(t.Context(), time.Minute))
	require.Equal(t, start.Add(90*time.Second), labTime(l.Clock()))

	require.ErrorContains(t, l.Advance(t.Context(), -1), "only `mfalab clock reset` goes back")
	for range 40 {
		if err := l.Advance(t.Context(), 1<<63-1); err != nil {
			require.ErrorContains(t, err, "cannot show")
			require.ErrorContains(t, l.Wait(t.Context(), 1<<63-1), "cannot show")
			require.False(t, labTime(l.Clock()).After(latest))
			return
		}
	}
	t.Fatal("the calendar has no end")
}

func TestALabOnTheWallsClockRefusesTravel(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	opt.WallOnly = true
	l := opened(t, opt)
	fob := fobOf(t, l, FobSpec{})
	before := saved(t, l)
	snapshot, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	_, err = l.Press(t.Context(), Fobs, fob, PressOptions{})
	require.NoError(t, err)
	_, next := l.Press(t.Context(), Fobs, fob, PressOptions{Next: true})
	for _, err := range []error{next, l.Advance(t.Context(), 1), l.SetRate(t.Context(), 2), l.ResetClock(t.Context()), l.Load(t.Context(), snapshot)} {
		require.ErrorIs(t, err, ErrTravel)
	}
	require.NotEqual(t, before, saved(t, l), "a press is none")
	require.NoError(t, l.Close())

	opt.WallOnly = false
	l = opened(t, opt)
	require.NoError(t, l.Advance(t.Context(), time.Hour))
	require.NoError(t, l.Close())
	opt.WallOnly = true
	_, err = Open(t.Context(), opt)
	require.ErrorContains(t, err, "`mfalab clock reset` puts it right")
}

func TestTheClockGoesOnWhereItWas(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	l := opened(t, opt)
	require.NoError(t, l.Advance(t.Context(), 100*time.Hour))
	require.NoError(t, l.SetRate(t.Context(), 10))
	w.pass(time.Second)
	require.NoError(t, l.Close())
	w.pass(time.Second)
	l = opened(t, opt)
	require.Equal(t, start.Add(100*time.Hour+20*time.Second), labTime(l.Clock()))
	_, err := l.NewFob(t.Context(), FobSpec{}) // writes an event with the lab's time
	require.NoError(t, err)
	crash(t, l)

	w.pass(-time.Hour)
	l = opened(t, opt)
	require.Equal(t, start.Add(100*time.Hour+20*time.Second), labTime(l.Clock()), "not even where the wall was set back meanwhile")
	require.NoError(t, l.Close())

	opt.Virtual = true
	l = opened(t, opt)
	now := labTime(l.Clock())
	w.pass(time.Hour)
	require.Equal(t, now, labTime(l.Clock()), "asked to stand still it stands")
	require.NoError(t, l.Close())
	opt.Virtual = false
	require.Equal(t, now, labTime(opened(t, opt).Clock()), "and has stood since")
}

func TestErrorsOfTheContextComeThrough(t *testing.T) {
	l := opened(t, still())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	failed := 0
	for range 50 {
		if err := l.Do(ctx, func(*sim.World) error { return nil }); err != nil {
			require.True(t, errors.Is(err, context.Canceled))
			failed++
		}
	}
	require.NotZero(t, failed)
}
