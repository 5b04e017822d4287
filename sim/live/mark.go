package live

import (
	"context"
	"strconv"

	"github.com/mfalab/mfalab/sim/iam"
)

// markKey is the context key under which a replacement's number goes to the store.
type markKey struct{}

// marked makes the one Update that Restore is write the number of the replacement as well, in the same transaction.
func marked(ctx context.Context, number uint64) context.Context {
	return context.WithValue(ctx, markKey{}, number)
}

// A markingStore is a store that remembers which replacement it was filled by.
type markingStore struct{ iam.Store }

// The record of the mark. The relying party has no such kind.
const (
	markKind   = "lab"
	markRecord = "replaced"
)

// Update implements iam.Store.
func (s markingStore) Update(ctx context.Context, f func(iam.Tx) error) error {
	number, ok := ctx.Value(markKey{}).(uint64)
	if !ok {
		return s.Store.Update(ctx, f)
	}
	return s.Store.Update(ctx, func(tx iam.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return tx.Put(markKind, markRecord, strconv.AppendUint(nil, number, 10))
	})
}

// mark returns the number of the replacement that filled the store, 0 where none did.
func mark(ctx context.Context, s iam.Store) (number uint64, err error) {
	err = s.View(ctx, func(tx iam.Tx) error {
		b, err := tx.Get(markKind, markRecord)
		if err != nil || b == nil {
			return err
		}
		number, err = strconv.ParseUint(string(b), 10, 64)
		return err
	})
	return number, err
}
