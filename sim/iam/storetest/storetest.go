// Package storetest checks that an iam.Store keeps its promises. Every store of the lab passes it, and so must one that
// somebody else brings:
//
//	func TestStore(t *testing.T) { storetest.TestStore(t, open) }
//
// Beyond what iam.Store says in words, it asks for the following, which the account relies on:
//
//   - A View and an Update may be open at the same time, and so may two Views. A store that locks them out hangs.
//   - An empty value is a record: Get returns an empty slice that is not nil. Putting nil puts an empty value.
//   - A record with an empty kind or key is refused, because Scan could not return it.
//   - A context that has ended before or while f runs fails an Update, which then has written nothing; the error is the
//     context's.
//   - Calls after Close give an error that is fs.ErrClosed.
package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// TestStore runs the whole suite as subtests of t. Each begins with an empty store from open, which must close it by
// t.Cleanup; some have closed it by then.
func TestStore(t *testing.T, open func(t *testing.T) iam.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s iam.Store)
	}{
		{"a record comes back as it was put", roundTrip},
		{"a record that is not there is nil and no error", absent},
		{"kinds do not see each other's records", kindsApart},
		{"keys are any bytes and come in their order", scanOrder},
		{"scan obeys prefix, after and limit", scanBounds},
		{"a record without a kind or a key is refused", nameless},
		{"values are copied both ways", copies},
		{"a value of a mebibyte comes back", large},
		{"an update sees what it wrote, and nobody else does before it commits", ownWrites},
		{"a note is an update", notes},
		{"records under numbers come in their order", numbered},
		{"an error undoes the update and is returned as it is", errorUndoes},
		{"a panic undoes the update and goes on", panicUndoes},
		{"a goroutine that ends inside an update undoes it", goexitUndoes},
		{"a view sees one snapshot while updates commit", snapshot},
		{"a view refuses writes", viewRefusesWrites},
		{"a transaction is of no use after its function", overIsOver},
		{"a context that has ended begins nothing", endedContext},
		{"a context that ends inside an update undoes it", contextEndsInside},
		{"a context that ends while an update waits for another gives up", contextEndsWaiting},
		{"two views are open at once", viewsTogether},
		{"64 goroutines that count lose nothing", counting},
		{"readers never see half an update", neverHalf},
		{"a closed store gives errors", closed},
		{"close lets a running update finish", closeWhileRunning},
		{"the store behaves as a map does", model},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func put(t require.TestingT, s iam.Store, kind, key, value string) {
	require.NoError(t, s.Update(context.Background(), func(tx iam.Tx) error {
		return tx.Put(kind, key, []byte(value))
	}))
}

// get returns what a new View sees; ok is false where there is no record.
func get(t require.TestingT, s iam.Store, kind, key string) (value string, ok bool) {
	require.NoError(t, s.View(context.Background(), func(tx iam.Tx) error {
		b, err := tx.Get(kind, key)
		value, ok = string(b), b != nil
		return err
	}))
	return value, ok
}

func requireValue(t require.TestingT, s iam.Store, kind, key, want string) {
	value, ok := get(t, s, kind, key)
	require.True(t, ok, "no record %q %q", kind, key)
	require.Equal(t, want, value)
}

func requireAbsent(t require.TestingT, s iam.Store, kind, key string) {
	value, ok := get(t, s, kind, key)
	require.False(t, ok, "record %q %q is %q", kind, key, value)
}

func scan(t require.TestingT, s iam.Store, kind, prefix, after string, limit int) (found []iam.Record) {
	require.NoError(t, s.View(context.Background(), func(tx iam.Tx) (err error) {
		found, err = tx.Scan(kind, prefix, after, limit)
		return err
	}))
	return found
}

func keys(records []iam.Record) []string {
	keys := []string{}
	for _, r := range records {
		keys = append(keys, r.Key)
	}
	return keys
}
