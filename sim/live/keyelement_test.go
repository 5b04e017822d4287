package live

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/attest"
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
	require.NoError(t, os.Remove(file))
	_, err = l.PlugKey(ctx, "TPM001", "")
	require.ErrorContains(t, err, "name another file: --element-auth-file, empty for no password")
	p.Run("tpm2_changeauth", "-c", "owner", "-p", password)
	require.NoError(t, l.SetElementAuthFile(ctx, "TPM001", ""))
	_, err = l.PlugKey(ctx, "TPM001", "")
	require.NoError(t, err)
}

// TestNoSecretOfAKeyInATPMLiesInTheDirectory looks for all that a key has to keep to itself in every file of the lab's directory:
// for the private keys that attest, whose root everybody knows here, the PIN, and what the lab's seed would have drawn. What
// it looks for is there where the key has no TPM.
func TestNoSecretOfAKeyInATPMLiesInTheDirectory(t *testing.T) {
	found := map[bool][]string{}
	for _, inside := range []bool{false, true} {
		dir, spec := filepath.Join(t.TempDir(), "lab"), KeySpec{Serial: "KEY001"}
		if inside {
			spec.Element = tpmtest.Start(t).URL("?counter=nv")
		}
		l := opened(t, Options{Dir: dir, Seed: "everybody knows it"})
		_, err := l.NewKey(t.Context(), spec)
		require.NoError(t, err)
		_, err = l.SetKeyPIN(t.Context(), "KEY001", "", "2468")
		require.NoError(t, err)
		secrets := keySecrets(t, l, "KEY001", "2468")
		require.Equal(t, inside, l.state.Powered == 0, "a seed gives a TPM's key nothing")
		require.NoError(t, l.Close())
		for name, secret := range secrets {
			if liesIn(t, dir, secret) {
				found[inside] = append(found[inside], name)
			}
		}
	}
	require.ElementsMatch(t, []string{"batch", "u2f batch", "enterprise", "PIN", "master"}, found[false])
	require.Empty(t, found[true])
}

// keySecrets are a key's, as its firmware makes them where there is no chip.
func keySecrets(t *testing.T, l *Lab, serial, pin string) map[string][]byte {
	root, err := attest.NewRoot(l.attestationRoot())
	require.NoError(t, err)
	k, err := l.bench.key(serial)
	require.NoError(t, err)
	model := attest.Model{Name: k.profile.Key.Name, AAGUID: k.profile.Key.AAGUID}
	hash := sha256.Sum256([]byte(pin))
	secrets := map[string][]byte{"PIN": hash[:16]}
	batch, err := root.NewBatch(model)
	require.NoError(t, err)
	u2fBatch, err := root.NewU2FBatch(model)
	require.NoError(t, err)
	enterprise, err := root.NewEnterprise(model, []byte(serial))
	require.NoError(t, err)
	for name, b := range map[string]*attest.Batch{"batch": batch, "u2f batch": u2fBatch, "enterprise": enterprise} {
		const secretAt, size = 1, 32
		secrets[name] = b.Append(nil)[secretAt : secretAt+size]
		der, err := b.Key().MarshalPKCS8()
		require.NoError(t, err)
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		require.NoError(t, err)
		secrets[name+"'s scalar"], err = parsed.(*ecdsa.PrivateKey).Bytes()
		require.NoError(t, err)
	}
	// The first that a key draws is its master secret: see u2f's drbg.
	entropy := hmac.New(sha256.New, []byte("mfalab key entropy"))
	entropy.Write(l.chance.Derive("security key", serial, "power", "1").Bytes(entropySize))
	block := hmac.New(sha256.New, entropy.Sum(nil))
	block.Write(make([]byte, 8))
	secrets["master"] = block.Sum(nil)
	return secrets
}

// liesIn reports whether a file of a directory has a secret, as it is, in hexadecimal or in base64.
func liesIn(t *testing.T, dir string, secret []byte) (found bool) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, form := range []string{string(secret), hex.EncodeToString(secret), base64.RawStdEncoding.EncodeToString(secret),
			base64.RawURLEncoding.EncodeToString(secret)} {
			found = found || bytes.Contains(content, []byte(form))
		}
		return err
	}))
	return found
}
