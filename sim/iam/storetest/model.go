package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mfalab/mfalab/sim/iam"
)

// errUndo is what a modelled update ends with when its writes must vanish.
var errUndo = errors.New("undo")

// name is where a record lies.
type name struct{ kind, key string }

// model runs random transactions against the store and against a plain map, and compares everything after each.
func model(t *testing.T, s iam.Store) {
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		// The store is not emptied between runs: each has kinds of its own.
		m := &machine{store: s, kinds: []string{"a" + strconv.Itoa(run), "b" + strconv.Itoa(run)}, want: map[name]string{}}
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) { m.update(t, nil) },
			"undo":   func(t *rapid.T) { m.update(t, errUndo) },
			"":       m.compare,
		})
	})
}

type machine struct {
	store iam.Store
	kinds []string
	want  map[name]string
}

// key draws from few short keys, so that they collide and are prefixes of each other.
func key(t *rapid.T, label string, least int) string {
	part := rapid.SampledFrom([]string{"a", "b", "\x00", "%", "é", "\xff"})
	return strings.Join(rapid.SliceOfN(part, least, 3).Draw(t, label), "")
}

// update makes a few changes and reads in one transaction that ends with end.
func (m *machine) update(t *rapid.T, end error) {
	now := maps.Clone(m.want)
	err := m.store.Update(context.Background(), func(tx iam.Tx) error {
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			at := name{rapid.SampledFrom(m.kinds).Draw(t, "kind"), key(t, "key", 1)}
			switch rapid.SampledFrom([]string{"put", "delete", "get", "scan"}).Draw(t, "step") {
			case "put":
				value := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "value")
				require.NoError(t, tx.Put(at.kind, at.key, value))
				now[at] = string(value)
			case "delete":
				require.NoError(t, tx.Delete(at.kind, at.key))
				delete(now, at)
			case "get":
				requireGet(t, tx, at, now)
			case "scan":
				requireScan(t, tx, at.kind, now)
			}
		}
		return end
	})
	require.Equal(t, end, err)
	if end == nil {
		m.want = now
	}
}

// compare is rapid's invariant: it runs after each transaction.
func (m *machine) compare(t *rapid.T) {
	require.NoError(t, m.store.View(context.Background(), func(tx iam.Tx) error {
		for at := range m.want {
			requireGet(t, tx, at, m.want)
		}
		for _, kind := range m.kinds {
			requireScan(t, tx, kind, m.want)
			found, err := tx.Scan(kind, "", "", 0)
			require.NoError(t, err)
			require.Equal(t, keysOf(m.want, kind), keys(found))
		}
		return nil
	}))
}

func requireGet(t *rapid.T, tx iam.Tx, at name, want map[name]string) {
	value, err := tx.Get(at.kind, at.key)
	require.NoError(t, err)
	expected, ok := want[at]
	require.Equal(t, ok, value != nil)
	require.Equal(t, expected, string(value))
}

func requireScan(t *rapid.T, tx iam.Tx, kind string, want map[name]string) {
	prefix, after, limit := key(t, "prefix", 0), key(t, "after", 0), rapid.IntRange(-1, 3).Draw(t, "limit")
	found, err := tx.Scan(kind, prefix, after, limit)
	require.NoError(t, err)
	require.Equal(t, choose(keysOf(want, kind), prefix, after, limit), keys(found))
	for _, r := range found {
		require.Equal(t, want[name{kind, r.Key}], string(r.Value))
	}
}

func keysOf(want map[name]string, kind string) []string {
	keys := []string{}
	for at := range want {
		if at.kind == kind {
			keys = append(keys, at.key)
		}
	}
	slices.Sort(keys)
	return keys
}
