package live

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
)

func TestAClosedLabRefusesEverything(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, press := l.Press(t.Context(), Fobs, fob, PressOptions{})
	_, show := l.Show(t.Context(), Fobs, fob)
	_, list := l.List(t.Context(), Fobs)
	_, make := l.NewFob(t.Context(), FobSpec{})
	_, scan := l.AddApp(t.Context(), totp("alice"), "")
	_, snapshot := l.Snapshot(t.Context())
	_, keys := l.Credentials(t.Context())
	for _, err := range []error{press, show, list, make, scan, snapshot, keys, l.Advance(t.Context(), 1), l.SetRate(t.Context(), 1),
		l.ResetClock(t.Context()), l.Heat(t.Context(), fob, 0), l.Close(), l.Do(t.Context(), func(*sim.World) error { return nil })} {
		require.ErrorIs(t, err, ErrClosed)
	}
	require.Error(t, l.Load(t.Context(), s))
	require.Error(t, l.Reset(t.Context()))
}

func TestALabThatWasLeftAloneIsNotWritten(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	fobOf(t, l, FobSpec{})
	require.NoError(t, l.Close())
	before := tree(t, opt.Dir)
	l = opened(t, opt)
	_, err := l.List(t.Context(), Fobs)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, before, tree(t, opt.Dir))
}

func TestWhatWasToldIsNotToldAgain(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	l := opened(t, opt)
	fob := fobOf(t, l, FobSpec{})
	press(t, l, fob, PressOptions{})
	w.pass(time.Minute)
	_, err := l.Show(t.Context(), Fobs, fob)
	require.NoError(t, err)
	require.Equal(t, 1, events(l, "fob.dark"))
	crash(t, l) // the fob's file still says that it is lit
	w.pass(time.Minute)
	l = opened(t, opt)
	_, err = l.Show(t.Context(), Fobs, fob)
	require.NoError(t, err)
	require.Equal(t, 1, events(l, "fob.dark"))
}

// Everything that a lab does, by many at once: for the race detector, and for what must hold at any time.
func TestManyUseOneLab(t *testing.T) {
	l := opened(t, Options{Ephemeral: true, Seed: "test"})
	fob := fobOf(t, l, FobSpec{})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	each := func(f func(i int) error) {
		for range 2 {
			all.Go(func() {
				for i := range 40 {
					if err := f(i); err != nil && !errors.Is(err, ErrNoDevice) && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
	}
	each(func(int) error { _, err := l.Press(ctx, Fobs, fob, PressOptions{Next: true}); return err })
	each(func(int) error {
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		_, err := l.Press(short, Fobs, fob, PressOptions{Wait: true})
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	})
	each(func(i int) error { return l.Advance(ctx, time.Duration(i)*time.Second) })
	each(func(i int) error { return l.SetRate(ctx, float64(1+i%3*100)) })
	each(func(int) error { return l.ResetClock(ctx) })
	each(func(i int) error { return l.Heat(ctx, fob, float64(i)) })
	each(func(int) error { _, err := l.Snapshot(ctx); return err })
	each(func(int) error { _, err := l.NewFob(ctx, FobSpec{}); return err })
	each(func(int) error { _, err := l.AddApp(ctx, totp("alice"), ""); return err })
	each(func(int) error { _, err := l.Press(ctx, Apps, "alice", PressOptions{}); return err })
	each(func(int) error { _, err := l.List(ctx, Fobs); return err })
	each(func(int) error { l.RequestID(); l.Clock().Now(); l.Journal().After(0, 10); return nil })
	each(func(int) error {
		_, err := l.As(ctx, l.IAM().RootCaller(), "iam", "ListUsers", url.Values{})
		return err
	})
	all.Wait()
	cancel()
	var last uint64
	for _, e := range l.Journal().After(0, 0) {
		require.Equal(t, last+1, e.Seq)
		last = e.Seq
	}
}

func TestResettingALabThatIsUsed(t *testing.T) {
	l := opened(t, Options{Ephemeral: true, Seed: "test"})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				_, _ = l.NewFob(bg(), FobSpec{}) // the lab may be new by the time that it is laid on the bench
				_, _ = l.Credentials(bg())
				l.RequestID()
				_, _ = l.As(bg(), l.IAM().RootCaller(), "iam", "ListUsers", url.Values{})
			}
		})
	}
	for range 20 {
		require.NoError(t, l.Reset(bg()))
	}
	all.Wait()
	require.NoError(t, l.Reset(bg()))
	keys, err := l.Credentials(bg())
	require.NoError(t, err)
	require.Len(t, keys.Users, 1)
}

// withUsers returns a lab of 100 users in a directory, each with an access key and an enrolled fob.
func withUsers(b *testing.B) (*Lab, *Snapshot) {
	plan := &Plan{}
	for i := range 100 {
		serial := "GAHT" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + "000000"
		plan.Fobs = append(plan.Fobs, PlanFob{FobSpec: FobSpec{Serial: serial}})
		plan.Users = append(plan.Users, PlanUser{Name: "user-" + serial, AccessKey: true, Fobs: []string{serial}})
	}
	s, err := opened(b, Options{Ephemeral: true, Seed: "bench", Plan: plan}).Snapshot(b.Context())
	require.NoError(b, err)
	s.Plan = nil
	l := opened(b, Options{Dir: filepath.Join(b.TempDir(), "lab"), Seed: "bench"})
	require.NoError(b, l.Load(b.Context(), s))
	return l, s
}

func BenchmarkResetOf100Users(b *testing.B) {
	l, s := withUsers(b)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, l.Reset(b.Context()))
		b.StopTimer()
		require.NoError(b, l.Load(b.Context(), s))
		b.StartTimer()
	}
}

func BenchmarkOpen(b *testing.B) {
	l, _ := withUsers(b)
	require.NoError(b, l.Close())
	b.ReportAllocs()
	for b.Loop() {
		l, err := Open(b.Context(), Options{Dir: l.Dir()})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, l.Close())
		b.StartTimer()
	}
}
