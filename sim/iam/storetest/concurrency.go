package storetest

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// Sizes of the concurrent tests: our choice, small enough for a store that waits for a disk at each commit.
const (
	counters      = 64
	countsEach    = 8
	watchers      = 2
	updatesSeen   = 100
	accountsMoved = 5
)

func snapshot(t *testing.T, s iam.Store) {
	prepare(t, s)
	require.NoError(t, s.View(t.Context(), func(tx iam.Tx) error {
		before, err := tx.Scan("user", "", "", 0)
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
			changeAll(t, tx)
			return nil
		}))
		requireValue(t, s, "user", "old", "changed")

		after, err := tx.Scan("user", "", "", 0)
		require.NoError(t, err)
		require.Equal(t, before, after)
		value, err := tx.Get("user", "old")
		require.NoError(t, err)
		require.Equal(t, "as it was", string(value))
		value, err = tx.Get("user", "new")
		require.NoError(t, err)
		require.Nil(t, value)
		return nil
	}))
	require.Equal(t, []string{"new", "old"}, keys(scan(t, s, "user", "", "", 0)))
}

func contextEndsWaiting(t *testing.T, s iam.Store) {
	prepare(t, s)
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error)
		go func() {
			second <- s.Update(ctx, func(iam.Tx) error {
				t.Error("two updates ran at once")
				return nil
			})
		}()
		cancel()
		require.ErrorIs(t, <-second, context.Canceled)
		return nil
	}))
	requireUnchanged(t, s)
}

func viewsTogether(t *testing.T, s iam.Store) {
	put(t, s, "user", "alice", "value")
	var inside, ended sync.WaitGroup
	inside.Add(2)
	for range 2 {
		ended.Go(func() {
			_ = s.View(context.Background(), func(tx iam.Tx) error {
				_, err := tx.Get("user", "alice")
				inside.Done()
				inside.Wait()
				return err
			})
		})
	}
	ended.Wait()
}

// increment adds one to a counter in decimal and returns its new value.
func increment(tx iam.Tx, kind, key string) (int, error) {
	value, err := tx.Get(kind, key)
	if err != nil {
		return 0, err
	}
	n := 0
	if value != nil {
		if n, err = strconv.Atoi(string(value)); err != nil {
			return 0, err
		}
	}
	return n + 1, tx.Put(kind, key, []byte(strconv.Itoa(n+1)))
}

func counting(t *testing.T, s iam.Store) {
	var all sync.WaitGroup
	for range counters {
		all.Go(func() {
			for range countsEach {
				if err := s.Update(context.Background(), func(tx iam.Tx) error {
					_, err := increment(tx, "counter", "shared")
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	requireValue(t, s, "counter", "shared", strconv.Itoa(counters*countsEach))
}

func neverHalf(t *testing.T, s iam.Store) {
	step := func(tx iam.Tx) error {
		for i := range accountsMoved {
			if _, err := increment(tx, "account", strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	}
	require.NoError(t, s.Update(t.Context(), step))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range watchers {
		readers.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				if !allEqual(t, s) {
					return
				}
			}
		})
	}
	for range updatesSeen {
		require.NoError(t, s.Update(t.Context(), step))
	}
	close(done)
	readers.Wait()
}

// allEqual reads the accounts one by one, so that a store whose View is no snapshot has its chance to show it.
func allEqual(t *testing.T, s iam.Store) bool {
	err := s.View(context.Background(), func(tx iam.Tx) error {
		first, err := tx.Get("account", "0")
		for i := range accountsMoved {
			if err != nil {
				return err
			}
			var value []byte
			value, err = tx.Get("account", strconv.Itoa(i))
			if string(value) != string(first) {
				t.Errorf("a view sees account %d at %s and account 0 at %s", i, value, first)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return !t.Failed()
}

func closeWhileRunning(t *testing.T, s iam.Store) {
	began, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- s.Update(context.Background(), func(tx iam.Tx) error {
			close(began)
			// As soon as others are turned away, Close is under way.
			for s.View(context.Background(), func(iam.Tx) error { return nil }) == nil {
			}
			return tx.Put("user", "alice", []byte("value"))
		})
	}()
	<-began
	require.NoError(t, s.Close())
	require.NoError(t, <-ended)
}
