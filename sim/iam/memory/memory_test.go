package memory_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/iam/storetest"
)

func TestStore(t *testing.T) {
	storetest.TestStore(t, func(t *testing.T) iam.Store {
		s := memory.New()
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}

func ExampleNew() {
	ctx := context.Background()
	s := memory.New()
	defer s.Close()
	err := s.Update(ctx, func(tx iam.Tx) error { return tx.Put("user", "alice", []byte(`{"name":"alice"}`)) })
	if err != nil {
		fmt.Println(err)
	}
	err = s.View(ctx, func(tx iam.Tx) error {
		value, err := tx.Get("user", "alice")
		fmt.Printf("%s\n", value)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: {"name":"alice"}
}

// fill puts n records of the usual size, in ascending order: the worst for a tree that does not balance.
func fill(b testing.TB, s iam.Store, n int) {
	require.NoError(b, s.Update(b.Context(), func(tx iam.Tx) error {
		for i := range n {
			if err := tx.Put("user", strconv.Itoa(1e6+i), make([]byte, 300)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func BenchmarkViewThreeGets(b *testing.B) {
	s := memory.New()
	fill(b, s, 10000)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.View(b.Context(), func(tx iam.Tx) error {
			for _, key := range []string{"1000001", "1005000", "1009999"} {
				if value, err := tx.Get("user", key); err != nil || value == nil {
					return fmt.Errorf("get %q: %v", key, err)
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdateOnePut(b *testing.B) {
	s := memory.New()
	fill(b, s, 10000)
	value := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Update(b.Context(), func(tx iam.Tx) error { return tx.Put("user", "1005000", value) }); err != nil {
			b.Fatal(err)
		}
	}
}
