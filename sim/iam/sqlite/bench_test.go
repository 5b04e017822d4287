package sqlite

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// filled returns a store of n records of the usual size.
func filled(b *testing.B, n int) *store {
	s := openAt(b, newPath(b), options{})
	require.NoError(b, s.Update(b.Context(), func(tx iam.Tx) error {
		for i := range n {
			if err := tx.Put("user", strconv.Itoa(1e6+i), make([]byte, 300)); err != nil {
				return err
			}
		}
		return nil
	}))
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

// changing returns a value that differs each time: SQLite does not write what is there already.
func changing(n int) []byte { return fmt.Appendf(make([]byte, 0, 300), "%0300d", n) }

// threeGets reads what a checked request reads: a key, a user, a device.
func threeGets(tx iam.Tx) error {
	for _, key := range []string{"1000001", "1000500", "1000999"} {
		if value, err := tx.Get("user", key); err != nil || value == nil {
			return fmt.Errorf("get %q: %v", key, err)
		}
	}
	return nil
}

// against times Updates and, in turn with them because a disk is quick and slow by the minute, the limit: one durable
// row by database/sql on the same connection and settings. It reports the medians.
func against(b *testing.B, f func(tx iam.Tx, n int) error) {
	s := filled(b, 1000)
	var bare, update []time.Duration
	for n := 0; b.Loop(); n += 2 {
		began := time.Now()
		_, err := s.writer.Exec("UPDATE record SET value = ?1 WHERE kind = 'user' AND key = ?2", changing(n), []byte("1000500"))
		require.NoError(b, err)
		bare = append(bare, time.Since(began))

		began = time.Now()
		require.NoError(b, s.Update(b.Context(), func(tx iam.Tx) error { return f(tx, n+1) }))
		update = append(update, time.Since(began))
	}
	slices.Sort(bare)
	slices.Sort(update)
	limit, took := bare[len(bare)/2], update[len(update)/2]
	b.ReportMetric(float64(limit.Microseconds()), "bare-µs")
	b.ReportMetric(float64(took.Microseconds()), "update-µs")
	b.ReportMetric(float64(took)/float64(limit), "times-bare")
}

func BenchmarkUpdateOnePut(b *testing.B) {
	against(b, func(tx iam.Tx, n int) error { return tx.Put("user", "1000500", changing(n)) })
}

func BenchmarkUpdateThreeGetsTwoPuts(b *testing.B) {
	against(b, func(tx iam.Tx, n int) error {
		if err := threeGets(tx); err != nil {
			return err
		}
		if err := tx.Put("user", "1000500", changing(n)); err != nil {
			return err
		}
		return tx.Put("user", "1000999", changing(n))
	})
}

func BenchmarkViewThreeGets(b *testing.B) {
	s := filled(b, 1000)
	for b.Loop() {
		if err := s.View(b.Context(), threeGets); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkViewThreeGetsParallel(b *testing.B) {
	s := filled(b, 1000)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.View(b.Context(), threeGets); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkViewScanHundred(b *testing.B) {
	s := filled(b, 1000)
	for b.Loop() {
		if err := s.View(b.Context(), func(tx iam.Tx) error {
			found, err := tx.Scan("user", "", "1000500", 100)
			if len(found) != 100 {
				return fmt.Errorf("%d records: %v", len(found), err)
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}
