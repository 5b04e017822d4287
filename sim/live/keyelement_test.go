package live

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

func TestKeyElementsThatCannotBe(t *testing.T) {
	for say, e := range map[string]KeyElement{
		"no address of a TPM": {Element: "/dev/tpmrm0"},
		"give both":           {ElementAuthFile: "/password"},
		"no absolute path":    {Element: "tpm:///dev/tpmrm0", ElementAuthFile: "password"},
	} {
		l := opened(t, Options{Ephemeral: true})
		_, err := l.NewKey(t.Context(), KeySpec{KeyElement: e})
		require.ErrorContains(t, err, say)
		shown, err := l.Keys(t.Context())
		require.NoError(t, err)
		require.Empty(t, shown)
	}
}

// TestKeyInATPM is about who has the owner's password, and where it is told.
func TestKeyInATPM(t *testing.T) {
	const password = "the owner's own"
	p, ctx := tpmtest.Start(t), t.Context()
	p.Run("tpm2_changeauth", "-c", "owner", password)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))

	l := opened(t, Options{Ephemeral: true})
	_, err := l.NewKey(ctx, KeySpec{KeyElement: KeyElement{Element: p.URL("")}})
	require.ErrorContains(t, err, "--element-auth-file")
	shown, err := l.NewKey(ctx, KeySpec{Serial: "TPM001", KeyElement: KeyElement{p.URL(""), file}})
	require.NoError(t, err)
	require.Nil(t, shown.Element.State)
	shown, err = l.ShowKey(ctx, "TPM001")
	require.NoError(t, err)
	require.True(t, shown.Element.Owned)
	require.True(t, strings.HasPrefix(shown.Element.Identity, "TPM 000b"))

	exported, err := l.ExportKey(ctx, "TPM001")
	require.NoError(t, err)
	saved, err := l.Snapshot(ctx)
	require.NoError(t, err)
	for _, v := range []any{exported, saved, shown} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(text), file)
		require.NotContains(t, string(text)+fmt.Sprintf("%+v %#v", v, v), password)
	}

	exported.Key.ElementAuthFile = file
	_, err = l.ImportKey(ctx, exported, KeyCopy{Serial: "TPM002"})
	require.NoError(t, err, "the storage key is there already")
	require.NoError(t, l.Load(ctx, saved))
	shown, err = l.ShowKey(ctx, "TPM001")
	require.NoError(t, err)
	require.Contains(t, shown.Trouble, "--element-auth-file")
	again, err := l.Snapshot(ctx)
	require.NoError(t, err, "its flash is there all the same")
	require.Equal(t, saved.SecurityKeys[0].Flash, again.SecurityKeys[0].Flash)

	require.ErrorContains(t, l.SetElementAuthFile(ctx, "TPM001", "password"), "no absolute path")
	require.NoError(t, l.SetElementAuthFile(ctx, "TPM001", file))
	shown, err = l.PlugKey(ctx, "TPM001", "")
	require.NoError(t, err)
	require.Empty(t, shown.Trouble)
	require.ErrorContains(t, l.SetElementAuthFile(ctx, "TPM001", file), "pull it out first")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("x", 200)), 0o600))
	_, err = l.UnplugKey(ctx, "TPM001")
	require.NoError(t, err)
	_, err = l.PlugKey(ctx, "TPM001", "")
	require.ErrorContains(t, err, "more than 128 bytes")
}
