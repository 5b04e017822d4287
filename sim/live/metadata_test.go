package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/metadata"
)

func TestModelsKeepTheirStatus(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	custom := KeyProfiles()[0]
	custom.Key.Name, custom.Key.AAGUID[0] = "mine", 0xff
	_, err = l.NewKey(t.Context(), KeySpec{Custom: &custom})
	require.NoError(t, err)
	before, err := l.Metadata(t.Context())
	require.NoError(t, err)
	require.Contains(t, before.Statements, "mine")
	require.Contains(t, before.Statements, "u2f")
	m, err := l.SetModelStatus(t.Context(), "mine", metadata.Report{Status: "revoked"}, 0)
	require.NoError(t, err)
	require.Equal(t, metadata.Status("REVOKED"), m.Status)
	_, err = l.SetModelStatus(t.Context(), custom.Key.AAGUID.String(), metadata.Report{Status: "retired"}, 0)
	require.NoError(t, err)
	_, err = l.SetModelStatus(t.Context(), "u2f", metadata.Report{Status: "attestation-key-compromise"}, 0)
	require.NoError(t, err)
	saved, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())

	l, err = Open(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	statuses := func() map[string][]metadata.Report {
		models, err := l.Models(t.Context())
		require.NoError(t, err)
		list := map[string][]metadata.Report{}
		for _, m := range models {
			list[m.Profile] = m.Reports
		}
		return list
	}
	kept := statuses()
	require.Len(t, kept["mine"], 3)
	require.Len(t, kept["u2f"], 2)
	require.Len(t, kept["ctap2.3"], 1)
	after, err := l.Metadata(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, before.BLOB, after.BLOB)
	require.NoError(t, l.Reset(t.Context()))
	require.Len(t, statuses()["u2f"], 1, "a new lab's models are as they came")
	require.NoError(t, l.Load(t.Context(), saved))
	require.Equal(t, kept, statuses())
	require.NoError(t, l.Close())
}
