package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

// tpmClients are what the test of keys in a TPM runs, and the Debian package that each comes in.
var tpmClients = map[string]string{
	"/usr/bin/swtpm": "swtpm", "/usr/bin/tpm2_getcap": "tpm2-tools", "/usr/bin/fido2-cred": "fido2-tools", "/usr/bin/ssh-keygen": "openssh-client",
}

// withFIDOTools makes a credential, an assertion and a signature of OpenSSH's, and checks each with the same tools.
const withFIDOTools = `set -e
key=$(fido2-token -L | sed 's/: vendor.*//')
fido2-token -I $key | grep '^algorithms: es256 (public-key), es384 (public-key), rs256 (public-key)'
printf '%s\n' n7vbSmxCJfHSnVbm3hIWTCVcPyUQHBIN6sk6WMlHc4A= relying.example alice AAECAwQFBgcICQoLDA0ODw== > making
for type in es256 rs256; do
	fido2-cred -M -i making -o made $key $type
	fido2-cred -V -i made -o $type $type
	{ head -n 2 making; head -n 1 $type; } > asking.$type
	tail -n +2 $type > $type.pem
	fido2-assert -G -i asking.$type -o asserted $key
	fido2-assert -V -i asserted $type.pem $type
	echo $type is good
done
! fido2-assert -V -i asserted es256.pem es256
ssh-keygen -q -t ecdsa-sk -N '' -C alice -f ssh
echo "alice $(cat ssh.pub)" > signers
echo hello > message
ssh-keygen -q -Y sign -f ssh -n file message
ssh-keygen -Y verify -f signers -I alice -n file -s message.sig < message
`

// askAgain asks with the credential and the SSH key that withFIDOTools made.
const askAgain = `set -e
key=$(fido2-token -L | sed 's/: vendor.*//')
fido2-assert -G -i asking.es256 -o asserted $key
fido2-assert -V -i asserted es256.pem es256
rm -f message.sig
ssh-keygen -q -Y sign -f ssh -n file message
ssh-keygen -Y verify -f signers -I alice -n file -s message.sig < message
`

// TestKeysInATPMWithRealClients has libfido2 and OpenSSH use a key whose secrets are in a swtpm, takes the TPM away, and shows
// that no other one will do.
func TestKeysInATPMWithRealClients(t *testing.T) {
	requireClients(t, tpmClients)
	_, err := sock.Shim(t.Context())
	require.NoError(t, err)
	p, dir := tpmtest.Start(t), t.TempDir()
	do := func(args ...string) string {
		t.Helper()
		status, out, errs := output(t, program(t, dir, args...))
		require.Zero(t, status, "%q: %s", args, errs)
		return out
	}
	refuse := func(say string, args ...string) {
		t.Helper()
		status, out, errs := output(t, program(t, dir, args...))
		require.Equal(t, 1, status, out)
		require.Contains(t, errs, say)
	}
	require.Equal(t, "TPM001\n", do("key", "new", "--serial", "TPM001", "--touch", "auto", "--element", p.URL("?counter=nv")))
	said := do("exec", "--", "sh", "-c", withFIDOTools)
	for _, line := range []string{"es256 is good", "rs256 is good", `Good "file" signature for alice with ECDSA-SK key`} {
		require.Contains(t, said, line)
	}
	shown := do("key", "show")
	require.Contains(t, shown, "element      "+p.URL("?counter=nv"))
	require.Contains(t, shown, "made by IBM, 0 of 3 wrong PINs\n")
	require.Contains(t, shown, "counter      4\n")
	require.Regexp(t, `maxCredentialIdLength +528`, shown)

	// The TPM says itself what is in it.
	require.Equal(t, "- 0x1800000\n", p.Run("tpm2_getcap", "handles-nv-index"))
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x05", p.Run("tpm2_nvread", "-C", "o", "-s", "8", "0x1800000"))
	require.Empty(t, p.Run("tpm2_getcap", "handles-transient"))

	t.Run("the TPM counts wrong PINs", func(t *testing.T) {
		do("key", "pin", "--new", "1234")
		for range 3 {
			refuse("CTAP2_ERR_PIN_", "key", "pin", "--old", "0000", "--new", "5678")
		}
		refuse("CTAP2_ERR_PIN_AUTH_BLOCKED", "key", "pin", "--old", "1234", "--new", "5678")
		require.Contains(t, do("key", "show"), "3 of 3 wrong PINs, locked out")
		p.Run("tpm2_dictionarylockout", "--clear-lockout")
		do("key", "pin", "--old", "1234", "--new", "5678")
		require.Contains(t, do("key", "show"), "set, 8 tries")
	})
	t.Run("it goes on where the TPM was started anew, and waits where that is off", func(t *testing.T) {
		p.Stop()
		require.Regexp(t, `does not start +auto +unknown +unknown +unknown`, do("key", "list"))
		require.Contains(t, do("key", "show"), "out of reach")
		status, _, errs := output(t, program(t, dir, "exec", "--", "true"))
		require.Zero(t, status)
		require.Regexp(t, `^mfalab: warning: the key "TPM001" does not start: .*out of reach.*start it, and try again\n$`, errs)
		p.On()
		require.Contains(t, do("exec", "--", "sh", "-c", askAgain), "Good")
	})
	t.Run("a copy needs the same TPM, and says which", func(t *testing.T) { copiesOfATPMKey(t, p, dir, do, refuse) })
}

// copiesOfATPMKey exports, saves and loads the key.
func copiesOfATPMKey(t *testing.T, p *tpmtest.TPM, dir string, do func(...string) string, refuse func(string, ...string)) {
	refuse("neither leave it nor come from elsewhere", "key", "export", "TPM001", "credentials.json", "--credentials")
	do("key", "export", "TPM001", "key.json")
	exported, err := os.ReadFile(filepath.Join(dir, "key.json"))
	require.NoError(t, err)
	do("save", "lab.json")
	other := tpmtest.Start(t)
	elsewhere := strings.ReplaceAll(string(exported), p.Socket, other.Socket)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "elsewhere.json"), []byte(elsewhere), 0o600))
	refuse("another one", "key", "import", "elsewhere.json", "--serial", "TPM002")
	inSoftware := strings.ReplaceAll(string(exported), fmt.Sprintf("%q", p.URL("?counter=nv")), `""`)
	require.NotEqual(t, string(exported), inSoftware)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "software.json"), []byte(inSoftware), 0o600))
	refuse(`the key's secrets are in "TPM 000b`, "key", "import", "software.json", "--serial", "TPM002")

	do("load", "lab.json")
	require.Contains(t, do("exec", "--", "sh", "-c", askAgain), "Good")
	do("key", "clone", "TPM001", "--serial", "TPM003", "--unplugged")
	do("key", "unplug", "TPM001")
	do("key", "plug", "TPM003")
	require.Contains(t, do("exec", "--", "sh", "-c", askAgain), "Good")

	p.Run("tpm2_clear")
	refuse("it was cleared, or is another one", "key", "plug", "TPM001")
	require.Regexp(t, `does not start +auto +unknown +unknown +unknown`, do("key", "list"))
}
