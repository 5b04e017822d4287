package storetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/iam/storetest"
)

// transact is View or Update of a store.
type transact func(s iam.Store, ctx context.Context, f func(iam.Tx) error) error

// broken is a store with one fault: in each of its transactions, in its View or in its Update.
type broken struct {
	iam.Store
	tx           func(iam.Tx) iam.Tx
	view, update transact
}

func (b broken) View(ctx context.Context, f func(iam.Tx) error) error {
	wrapped := func(tx iam.Tx) error { return f(b.wrap(tx)) }
	if b.view != nil {
		return b.view(b.Store, ctx, wrapped)
	}
	return b.Store.View(ctx, wrapped)
}

func (b broken) Update(ctx context.Context, f func(iam.Tx) error) error {
	wrapped := func(tx iam.Tx) error { return f(b.wrap(tx)) }
	if b.update != nil {
		return b.update(b.Store, ctx, wrapped)
	}
	return b.Store.Update(ctx, wrapped)
}

func (b broken) wrap(tx iam.Tx) iam.Tx {
	if b.tx == nil {
		return tx
	}
	return b.tx(tx)
}

// momentary reads each record in a View of its own.
type momentary struct {
	iam.Tx
	store iam.Store
}

func (m momentary) Get(kind, key string) (value []byte, err error) {
	failed := m.store.View(context.Background(), func(tx iam.Tx) error {
		value, err = tx.Get(kind, key)
		return nil
	})
	return value, errors.Join(err, failed)
}

// faulty overrides the methods that are set.
type faulty struct {
	iam.Tx
	get  func(iam.Tx, string, string) ([]byte, error)
	put  func(iam.Tx, string, string, []byte) error
	scan func(tx iam.Tx, kind, prefix, after string, limit int) ([]iam.Record, error)
}

func (f faulty) Get(kind, key string) ([]byte, error) {
	if f.get == nil {
		return f.Tx.Get(kind, key)
	}
	return f.get(f.Tx, kind, key)
}

func (f faulty) Put(kind, key string, value []byte) error {
	if f.put == nil {
		return f.Tx.Put(kind, key, value)
	}
	return f.put(f.Tx, kind, key, value)
}

func (f faulty) Scan(kind, prefix, after string, limit int) ([]iam.Record, error) {
	if f.scan == nil {
		return f.Tx.Scan(kind, prefix, after, limit)
	}
	return f.scan(f.Tx, kind, prefix, after, limit)
}

func with(f faulty) func(iam.Tx) iam.Tx {
	return func(tx iam.Tx) iam.Tx {
		f.Tx = tx
		return f
	}
}

// faults are mistakes that stores make.
var faults = map[string]broken{
	"gives nil for an empty value": {tx: with(faulty{get: func(tx iam.Tx, kind, key string) ([]byte, error) {
		value, err := tx.Get(kind, key)
		return append([]byte(nil), value...), err
	}})},
	"ends keys at a zero byte": {tx: with(faulty{put: func(tx iam.Tx, kind, key string, value []byte) error {
		key, _, _ = strings.Cut(key, "\x00")
		return tx.Put(kind, key, value)
	}})},
	"sorts without regard to case": {tx: with(faulty{scan: func(tx iam.Tx, k, p, a string, n int) ([]iam.Record, error) {
		found, err := tx.Scan(k, p, a, n)
		slices.SortStableFunc(found, func(a, b iam.Record) int {
			return strings.Compare(strings.ToLower(a.Key), strings.ToLower(b.Key))
		})
		return found, err
	}})},
	"takes a limit of zero for none": {tx: with(faulty{scan: func(tx iam.Tx, k, p, a string, n int) ([]iam.Record, error) {
		if n == 0 {
			return nil, nil
		}
		return tx.Scan(k, p, a, n)
	}})},
	"includes after": {tx: with(faulty{scan: func(tx iam.Tx, k, p, a string, n int) ([]iam.Record, error) {
		found, err := tx.Scan(k, p, a, n)
		value, _ := tx.Get(k, a)
		if value != nil && strings.HasPrefix(a, p) {
			found = slices.Insert(found, 0, iam.Record{Key: a, Value: value})
		}
		return found, err
	}})},
	"commits in spite of an error": {update: func(s iam.Store, ctx context.Context, f func(iam.Tx) error) (failed error) {
		err := s.Update(ctx, func(tx iam.Tx) error {
			failed = f(tx)
			return nil
		})
		if failed == nil {
			failed = err
		}
		return failed
	}},
	"commits in spite of a panic": {update: func(s iam.Store, ctx context.Context, f func(iam.Tx) error) error {
		var broken any
		err := s.Update(ctx, func(tx iam.Tx) error {
			defer func() { broken = recover() }()
			return f(tx)
		})
		if broken != nil {
			panic(broken)
		}
		return err
	}},
	"hides the function's error": {update: func(s iam.Store, ctx context.Context, f func(iam.Tx) error) error {
		if err := s.Update(ctx, f); err != nil {
			return &iam.Error{Code: "ServiceFailure", Message: err.Error()}
		}
		return nil
	}},
	"reads under a context that has ended": {view: func(s iam.Store, _ context.Context, f func(iam.Tx) error) error {
		return s.View(context.Background(), f)
	}},
	"reads what the moment gives": {view: func(s iam.Store, ctx context.Context, f func(iam.Tx) error) error {
		return s.View(ctx, func(tx iam.Tx) error { return f(momentary{tx, s}) })
	}},
	"loses large values": {tx: with(faulty{put: func(tx iam.Tx, kind, key string, value []byte) error {
		return tx.Put(kind, key, value[:min(len(value), 1<<16)])
	}})},
}

const faultVariable = "MFALAB_STORETEST_FAULT"

// TestBrokenStore is for TestTheSuiteFindsFaults only: it runs the suite on the broken store that the environment names.
func TestBrokenStore(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		fault = "none"
	}
	storetest.TestStore(t, func(*testing.T) iam.Store {
		b := faults[fault]
		b.Store = memory.New()
		return b
	})
}

func TestTheSuiteFindsFaults(t *testing.T) {
	for fault := range faults {
		t.Run(fault, func(t *testing.T) {
			c := exec.Command(os.Args[0], "-test.run", "^TestBrokenStore$", "-test.timeout=2m",
				"-rapid.nofailfile", "-rapid.shrinktime=10ms")
			c.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := c.CombinedOutput()
			require.Error(t, err, "the suite passes a store that %s", fault)
			require.Contains(t, string(out), "--- FAIL: TestBrokenStore/")
			require.NotContains(t, string(out), "panic: ", "the suite panics")
		})
	}
}
