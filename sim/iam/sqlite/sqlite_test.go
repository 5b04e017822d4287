package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	lib "modernc.org/sqlite/lib"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/storetest"
)

func TestStore(t *testing.T) {
	storetest.TestStore(t, func(t *testing.T) iam.Store { return openAt(t, newPath(t), options{}) })
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "iam.db") }

// openAt opens a store that is closed at the end of the test, and has no patience unless o says so.
func openAt(t testing.TB, path string, o options) *store {
	if o.patience == 0 {
		o.patience = 10 * time.Millisecond
	}
	s, err := open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t testing.TB, s iam.Store, key, value string) {
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error { return tx.Put("user", key, []byte(value)) }))
}

// all returns the store's users; of a long value, its length.
func all(t testing.TB, s iam.Store) map[string]string {
	found := map[string]string{}
	require.NoError(t, s.View(t.Context(), func(tx iam.Tx) error {
		records, err := tx.Scan("user", "", "", 0)
		for _, r := range records {
			found[r.Key] = string(r.Value)
			if len(r.Value) > 100 {
				found[r.Key] = strconv.Itoa(len(r.Value)) + " bytes"
			}
		}
		return err
	}))
	return found
}

func TestRecordsAreThereAfterReopening(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, options{})
	put(t, s, "alice", "1")
	put(t, s, "\x00%\xff", "2")
	put(t, s, "empty", "")
	require.NoError(t, s.Close())
	require.Equal(t, map[string]string{"alice": "1", "\x00%\xff": "2", "empty": ""}, all(t, openAt(t, path, options{})))
}

func TestTwoOpenStoresTakeTurns(t *testing.T) {
	path := newPath(t)
	a, b := openAt(t, path, options{}), openAt(t, path, options{})
	put(t, a, "alice", "from a")
	put(t, b, "bob", "from b")
	want := map[string]string{"alice": "from a", "bob": "from b"}
	require.Equal(t, want, all(t, a))

	require.NoError(t, a.Update(t.Context(), func(tx iam.Tx) error {
		require.NoError(t, tx.Put("user", "alice", []byte("changed")))
		err := b.Update(t.Context(), func(iam.Tx) error {
			t.Error("two updates ran at once")
			return nil
		})
		require.ErrorContains(t, err, "another program is writing to it")
		require.Equal(t, want, all(t, b))
		return nil
	}))
	put(t, b, "bob", "again")
	require.Equal(t, map[string]string{"alice": "changed", "bob": "again"}, all(t, a))
}

func TestOneConnectionWaitsForAnotherProgramsUpdate(t *testing.T) {
	path := newPath(t)
	a, b := openAt(t, path, options{}), openAt(t, path, options{patience: time.Minute})
	second := make(chan error)
	require.NoError(t, a.Update(t.Context(), func(tx iam.Tx) error {
		go func() {
			second <- b.Update(t.Context(), func(tx iam.Tx) error { return tx.Put("user", "bob", nil) })
		}()
		return tx.Put("user", "alice", nil)
	}))
	require.NoError(t, <-second)
	require.Len(t, all(t, a), 2)
}

func TestAFullDiskLeavesTheOldState(t *testing.T) {
	s := openAt(t, newPath(t), options{maxPages: 20})
	put(t, s, "alice", "old")
	put(t, s, "ballast", strings.Repeat("b", 40000))
	before := all(t, s)

	fill := func(tx iam.Tx) error {
		return errors.Join(tx.Put("user", "alice", []byte("new")), tx.Put("user", "large", make([]byte, 1<<20)))
	}
	err := s.Update(t.Context(), fill)
	require.ErrorContains(t, err, "the disk is full: free some space")
	require.Equal(t, before, all(t, s))

	// A function that goes on as if nothing had happened must not commit what is left.
	err = s.Update(t.Context(), func(tx iam.Tx) error {
		require.Error(t, fill(tx))
		_ = tx.Put("user", "bob", []byte("new"))
		return nil
	})
	require.ErrorContains(t, err, "the disk is full")
	require.Equal(t, before, all(t, s))

	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error { return tx.Delete("user", "ballast") }))
	put(t, s, "alice", "new")
	require.Equal(t, map[string]string{"alice": "new"}, all(t, s))
}

func TestATransactionThatWillNotEndCostsOnlyItsConnection(t *testing.T) {
	s := openAt(t, newPath(t), options{})
	put(t, s, "alice", "old")
	refused := errors.New("refused")
	err := s.Update(t.Context(), func(x iam.Tx) error {
		require.NoError(t, x.Put("user", "alice", []byte("new")))
		// As SQLite itself does after some faults; a second ROLLBACK then fails.
		require.NoError(t, execute(x.(*tx).conn, "ROLLBACK"))
		return refused
	})
	require.Same(t, refused, err)
	require.Zero(t, s.writer.Stats().OpenConnections)
	require.Equal(t, map[string]string{"alice": "old"}, all(t, s))
	put(t, s, "alice", "next")
	require.Equal(t, map[string]string{"alice": "next"}, all(t, s))
}

func TestCloseWaitsForARunningUpdate(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, options{})
	began, ended := make(chan struct{}), make(chan error, 1)
	var finished atomic.Bool
	go func() {
		ended <- s.Update(context.Background(), func(tx iam.Tx) error {
			close(began)
			for s.View(context.Background(), func(iam.Tx) error { return nil }) == nil {
				runtime.Gosched() // until Close has shut the door
			}
			for i := range 100 {
				if err := tx.Put("user", strconv.Itoa(i), make([]byte, 4096)); err != nil {
					return err
				}
			}
			finished.Store(true)
			return nil
		})
	}()
	<-began
	require.NoError(t, s.Close())
	require.True(t, finished.Load(), "Close went before the update")
	require.NoError(t, <-ended)
	_, err := os.Stat(path + "-wal")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Len(t, all(t, openAt(t, path, options{})), 100)
}

func TestEachConnectionHasItsSettings(t *testing.T) {
	s := openAt(t, newPath(t), options{patience: 1234 * time.Millisecond})
	for query, want := range map[string][2]any{ // of the writer, of a reader
		"PRAGMA journal_mode":   {"wal", "wal"},
		"PRAGMA synchronous":    {int64(2), nil}, // FULL
		"PRAGMA fullfsync":      {int64(1), nil},
		"PRAGMA cache_size":     {int64(-writerKiB), int64(-readerKiB)},
		"PRAGMA query_only":     {int64(0), int64(1)},
		"PRAGMA busy_timeout":   {int64(1234), int64(1234)},
		"PRAGMA user_version":   {int64(schemaVersion), int64(schemaVersion)},
		"PRAGMA application_id": {int64(applicationID), int64(applicationID)},
	} {
		var got any
		require.NoError(t, s.writer.QueryRow(query).Scan(&got))
		require.Equal(t, want[0], got, query)
		if want[1] != nil {
			require.NoError(t, s.reads.QueryRow(query).Scan(&got))
			require.Equal(t, want[1], got, query)
		}
	}
}

func TestEveryAdviceEndsWithSomethingToDo(t *testing.T) {
	for code, hint := range advice {
		require.Contains(t, hint, ":", "code %d", code)
		require.Equal(t, hint, strings.ToLower(hint))
	}
	require.Contains(t, advice, lib.SQLITE_FULL)
}
