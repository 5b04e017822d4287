package sqlite

import (
	"context"
	"database/sql/driver"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// An Update waits for the disk whatever came before it; a Note does not.
func TestWhatWaitsForTheDisk(t *testing.T) {
	s, err := open(filepath.Join(t.TempDir(), "iam.db"), options{patience: patience})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	level := func(write func(context.Context, func(iam.Tx) error) error) (n int64) {
		require.NoError(t, write(t.Context(), func(x iam.Tx) error {
			p, err := x.(*tx).conn.Prepare("PRAGMA synchronous")
			require.NoError(t, err)
			rows, err := p.(statement).QueryContext(t.Context(), nil)
			require.NoError(t, err)
			row := make([]driver.Value, 1)
			require.NoError(t, rows.Next(row))
			n = row[0].(int64)
			require.NoError(t, rows.Close())
			return p.Close()
		}))
		return n
	}
	const full, normal = 2, 1
	for range 2 {
		require.EqualValues(t, full, level(s.Update))
		require.EqualValues(t, normal, level(s.Note))
		require.EqualValues(t, normal, level(s.Note))
	}
	require.EqualValues(t, full, level(s.Update))
}
