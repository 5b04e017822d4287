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

// What keys are told to attest with while they run, the metadata of their model say.
func TestMetadataAgreeWithKeysThatChange(t *testing.T) {
	l, err := Open(t.Context(), Options{Dir: t.TempDir()})
	require.NoError(t, err)
	key, err := l.NewKey(t.Context(), KeySpec{})
	require.NoError(t, err)
	said := func() (types []string, formats any) {
		m, err := l.Metadata(t.Context())
		require.NoError(t, err)
		s := m.Statements["ctap2.3"]
		return s.Attestations, s.GetInfo["attestationFormats"]
	}
	types, formats := said()
	require.Equal(t, []string{"basic_full"}, types)
	require.Equal(t, []any{"packed"}, formats)
	for _, change := range []struct {
		set     map[string]string
		types   []string
		formats []any
	}{
		{map[string]string{"attestation": "apple"}, []string{"basic_full", "anonca", "basic_surrogate"}, []any{"packed", "apple"}},
		{map[string]string{"attestation": "packed", "attestation_formats": "packed,tpm"}, []string{"basic_full", "attca", "basic_surrogate"}, []any{"packed", "tpm"}},
		{map[string]string{"forged_attestation": "fido-u2f:sig"}, []string{"basic_full", "attca", "basic_surrogate"}, []any{"packed", "tpm"}},
		{map[string]string{"forged_attestation": "", "attestation_formats": "packed"}, []string{"basic_full"}, []any{"packed"}},
	} {
		_, err := l.SetKeyQuirks(t.Context(), key.Serial, change.set)
		require.NoError(t, err)
		types, formats := said()
		require.Equal(t, change.types, types)
		require.Equal(t, change.formats, formats)
	}
	_, err = l.SetKeyQuirks(t.Context(), key.Serial, map[string]string{"forged_attestation": "tpm:nothing"})
	require.ErrorContains(t, err, "no mutation")
	require.NoError(t, l.Close())
}
