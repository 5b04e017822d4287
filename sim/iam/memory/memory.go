// Package memory keeps an account's records in memory, for labs that keep nothing and for tests.
//
// The records are an immutable tree: a transaction works on a root of its own, an Update publishes its root when it
// commits. So a View is a snapshot for nothing, Views wait for nobody, and undoing an Update is forgetting its root.
package memory

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"strings"
	"sync/atomic"

	"github.com/mfalab/mfalab/sim/iam"
)

// The errors for a Tx in the wrong hands.
var (
	errClosed   = fmt.Errorf("memory: the store is closed: %w", fs.ErrClosed)
	errOver     = errors.New("memory: the transaction is over: use a Tx only inside its function")
	errReadOnly = errors.New("memory: a View cannot write: use Update")
	errNoName   = errors.New("memory: a record needs a kind and a key: neither may be empty")
)

// store implements iam.Store.
type store struct {
	seed   maphash.Seed
	root   atomic.Pointer[node]
	writer chan struct{} // holds a token while an Update runs
	closed atomic.Bool
}

var _ iam.Store = (*store)(nil)

// New returns an empty store. It may be used by many goroutines at once; the Tx it hands out may not. After Close its
// calls give an error that is fs.ErrClosed. An Update must not be called inside an Update: it would wait for itself.
func New() iam.Store {
	return &store{seed: maphash.MakeSeed(), writer: make(chan struct{}, 1)}
}

// View implements iam.Store.
func (s *store) View(ctx context.Context, f func(iam.Tx) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	t := &tx{ctx: ctx, root: s.root.Load()}
	defer t.end()
	return f(t)
}

// Update implements iam.Store. A context that ends before f returns undoes what f wrote.
func (s *store) Update(ctx context.Context, f func(iam.Tx) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writer }()
	if err := s.usable(ctx); err != nil {
		return err
	}
	t := &tx{ctx: ctx, seed: s.seed, root: s.root.Load(), writes: true}
	defer t.end()
	if err := f(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.root.Store(t.root)
	return nil
}

// Note implements iam.Store: there is no disk to wait for.
func (s *store) Note(ctx context.Context, f func(iam.Tx) error) error { return s.Update(ctx, f) }

// Close implements iam.Store. A transaction that runs already comes to its own end.
func (s *store) Close() error {
	if s.closed.Swap(true) {
		return errClosed
	}
	return nil
}

func (s *store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed
	}
	return ctx.Err()
}

// tx implements iam.Tx on a root of its own.
type tx struct {
	ctx    context.Context
	seed   maphash.Seed
	root   *node
	writes bool
	over   bool
}

func (t *tx) end() { t.over = true }

func (t *tx) readable() error {
	if t.over {
		return errOver
	}
	return t.ctx.Err()
}

func (t *tx) writable() error {
	if err := t.readable(); err != nil {
		return err
	}
	if !t.writes {
		return errReadOnly
	}
	return nil
}

// Get implements iam.Tx.
func (t *tx) Get(kind, key string) ([]byte, error) {
	if err := t.readable(); err != nil {
		return nil, err
	}
	n := t.root.find(name{kind, key})
	if n == nil {
		return nil, nil
	}
	return clone(n.value), nil
}

// Put implements iam.Tx.
func (t *tx) Put(kind, key string, value []byte) error {
	if err := t.writable(); err != nil {
		return err
	}
	if kind == "" || key == "" {
		return errNoName
	}
	at := name{kind, key}
	t.root = t.root.put(node{name: at, value: clone(value), priority: maphash.Comparable(t.seed, at)})
	return nil
}

// Delete implements iam.Tx.
func (t *tx) Delete(kind, key string) error {
	if err := t.writable(); err != nil {
		return err
	}
	t.root = t.root.remove(name{kind, key})
	return nil
}

// Scan implements iam.Tx.
func (t *tx) Scan(kind, prefix, after string, limit int) ([]iam.Record, error) {
	if err := t.readable(); err != nil {
		return nil, err
	}
	var found []iam.Record
	// The least key greater than after is after and one zero byte.
	from := name{kind, max(prefix, after+"\x00")}
	t.root.ascend(from, func(n *node) bool {
		if n.kind != kind || !strings.HasPrefix(n.key, prefix) {
			return false
		}
		found = append(found, iam.Record{Key: n.key, Value: clone(n.value)})
		return len(found) != limit
	})
	return found, nil
}

// clone never gives nil, which stands for a record that is not there.
func clone(b []byte) []byte { return append([]byte{}, b...) }
