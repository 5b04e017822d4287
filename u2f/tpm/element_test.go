package tpm_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/tpm"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

func element(t testing.TB, url string, password ...string) *tpm.Element {
	a, err := tpm.ParseAddress(url)
	require.NoError(t, err)
	e := tpm.New(a, func() ([]byte, error) { return []byte(fmt.Sprint(toAny(password)...)), nil })
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func toAny(list []string) (out []any) {
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// opened returns an element that is in use.
func opened(t testing.TB, url string, password ...string) *tpm.Element {
	e := element(t, url, password...)
	_, err := e.Identity()
	require.NoError(t, err)
	return e
}

// between lets go of the TPM while others speak to it: a swtpm serves one program at a time.
func between(t testing.TB, e *tpm.Element, f func()) {
	require.NoError(t, e.Close())
	f()
	_, err := e.Identity()
	require.NoError(t, err)
}

// refused wants an error of the element that says so and tells the host that status.
func refused(t testing.TB, err error, status ctap.Status, say string) {
	t.Helper()
	require.ErrorContains(t, err, say)
	e, is := errors.AsType[*u2f.ElementError](err)
	require.True(t, is, "%T", err)
	require.Equal(t, status, e.Status)
}

var (
	seed    = bytes.Repeat([]byte{7}, 32)
	message = []byte("what is signed")
)

func signs(t testing.TB, e *tpm.Element, a cose.Algorithm, wrapped []byte) error {
	key, err := e.OpenKey(a, seed, wrapped)
	require.NoError(t, err)
	signature, err := key.Sign(message)
	if err == nil {
		require.True(t, cose.Verify(a, key.Public(), message, signature))
	}
	return err
}

func TestPrivateKeys(t *testing.T) {
	p := tpmtest.Start(t)
	e := opened(t, p.URL(""))
	t.Run("of all algorithms", func(t *testing.T) {
		for _, a := range e.Algorithms() {
			key, wrapped, err := e.MakeKey(a, seed)
			require.NoError(t, err)
			require.LessOrEqual(t, len(wrapped), e.WrappedSize(a))
			require.NoError(t, signs(t, e, a, wrapped))
			signature, err := key.Sign(message)
			require.NoError(t, err)
			require.True(t, cose.Verify(a, key.Public(), message, signature))
			_, err = key.MarshalPKCS8()
			require.Error(t, err)
		}
		require.LessOrEqual(t, 4+32+e.WrappedSize(cose.ES256), 255, "a U2F key handle")
		_, _, err := e.MakeKey(cose.EdDSA, seed)
		require.ErrorContains(t, err, "EdDSA")
	})
	t.Run("more than the TPM has room for, in turn", func(t *testing.T) {
		var all [][]byte
		for range 5 {
			_, wrapped, err := e.MakeKey(cose.ES256, seed)
			require.NoError(t, err)
			all = append(all, wrapped)
		}
		for i := range 12 {
			require.NoError(t, signs(t, e, cose.ES256, all[i*3%5]))
		}
	})
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	t.Run("only who knows the secret of the key uses one", func(t *testing.T) {
		key, err := e.OpenKey(cose.ES256, bytes.Repeat([]byte{8}, 32), wrapped)
		require.NoError(t, err)
		_, err = key.Sign(message)
		refused(t, err, ctap.ErrOperationDenied, "what authorizes that is wrong")
	})
	t.Run("two keys of the lab share the TPM", func(t *testing.T) {
		other := opened(t, p.URL(""))
		require.NoError(t, signs(t, other, cose.ES256, wrapped))
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
	})
	t.Run("what others have left in the TPM is flushed", func(t *testing.T) {
		between(t, e, func() {
			for range 3 {
				p.Run("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "left.ctx")
			}
			require.Contains(t, p.Run("tpm2_getcap", "handles-transient"), "0x80000002")
		})
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
	})
	t.Run("nothing is left in the TPM by us", func(t *testing.T) {
		between(t, e, func() {
			for _, kind := range []string{"handles-transient", "handles-loaded-session", "handles-persistent", "handles-nv-index"} {
				require.Empty(t, p.Run("tpm2_getcap", kind), kind)
			}
		})
	})
	t.Run("a TPM that was started anew goes on", func(t *testing.T) {
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
		p.Stop()
		p.On()
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
		p.Stop()
		refused(t, signs(t, e, cose.ES256, wrapped), ctap.ErrOther, "out of reach")
		p.On()
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
	})
	t.Run("another TPM, or this one after it was cleared, has another name and cannot use it", func(t *testing.T) {
		name, err := e.Identity()
		require.NoError(t, err)
		other := opened(t, tpmtest.Start(t).URL(""))
		others, err := other.Identity()
		require.NoError(t, err)
		require.NotEqual(t, name, others)
		refused(t, signs(t, other, cose.ES256, wrapped), ctap.ErrOther, "another TPM has wrapped it")
		between(t, e, func() { p.Run("tpm2_clear") })
		cleared, err := e.Identity()
		require.NoError(t, err)
		require.NotEqual(t, name, cleared)
		refused(t, signs(t, e, cose.ES256, wrapped), ctap.ErrOther, "another TPM has wrapped it")
	})
}

func TestPrivateKeysThatWereMadeElsewhere(t *testing.T) {
	p := tpmtest.Start(t)
	p.Run("tpm2_createprimary", "-Q", "-C", "o", "-G", "rsa", "-c", "srk.ctx", "-p", "its own")
	p.Run("tpm2_evictcontrol", "-Q", "-C", "o", "-c", "srk.ctx", "0x81000001")
	p.Run("tpm2_flushcontext", "-t")
	made, err := cose.NewPrivateKey(cose.ES256, seed)
	require.NoError(t, err)
	der, err := made.MarshalPKCS8()
	require.NoError(t, err)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(t, err)
	secret, err := parsed.(*ecdsa.PrivateKey).Bytes()
	require.NoError(t, err)
	var kept [2][]byte
	for i, parameters := range []string{"", "?parent=0x81000001"} {
		e := opened(t, p.URL(parameters), []string{"", "its own"}[i])
		kept[i], err = e.KeepKey(made)
		require.NoError(t, err)
		require.NotContains(t, string(kept[i]), string(secret))
		for range leastKeys {
			_, wrapped, err := e.MakeKey(cose.ES256, seed)
			require.NoError(t, err)
			require.NoError(t, signs(t, e, cose.ES256, wrapped))
			key, err := e.OpenKept(kept[i])
			require.NoError(t, err)
			signature, err := key.Sign(message)
			require.NoError(t, err)
			require.True(t, cose.Verify(cose.ES256, made.Public(), message, signature))
		}
		require.NoError(t, e.Close())
	}
	e := opened(t, p.URL(""))
	key, err := e.OpenKept(kept[1])
	require.NoError(t, err)
	_, err = key.Sign(message)
	refused(t, err, ctap.ErrOther, "another TPM has wrapped it")
	for _, damaged := range [][]byte{nil, kept[0][:33], make([]byte, len(kept[0]))} {
		_, err := e.OpenKept(damaged)
		require.Error(t, err)
	}
	other, err := cose.NewPrivateKey(cose.ES384, seed)
	require.NoError(t, err)
	_, err = e.KeepKey(other)
	require.ErrorContains(t, err, "ES384")
	again, err := e.OpenKept(kept[0])
	require.NoError(t, err)
	_, err = e.KeepKey(again)
	require.Error(t, err, "it is handed out no more")
}

// leastKeys are more than a TPM has room for beside its storage key.
const leastKeys = 3

func TestSealedSecrets(t *testing.T) {
	p := tpmtest.Start(t)
	for _, parameters := range []string{"", "?pcrs=16,0"} {
		e := opened(t, p.URL(parameters))
		sealed, err := e.Seal(seed)
		require.NoError(t, err)
		require.NotContains(t, string(sealed), string(seed))
		secret, err := e.Unseal(sealed)
		require.NoError(t, err)
		require.Equal(t, seed, secret)
		for at := 0; at < len(sealed); at += 23 {
			changed := bytes.Clone(sealed)
			changed[at] ^= 1
			_, err := e.Unseal(changed)
			require.Error(t, err, at)
		}
		between(t, e, func() { p.Run("tpm2_pcrextend", "16:sha256="+fmt.Sprintf("%064x", 1)) })
		_, err = e.Unseal(sealed)
		if parameters == "" {
			require.NoError(t, err)
			continue
		}
		refused(t, err, ctap.ErrOther, "its PCRs 0,16 are not as they were")
		between(t, e, func() { p.Run("tpm2_pcrreset", "16") })
		_, err = e.Unseal(sealed)
		require.Error(t, err, "the first extension is missing too")
		between(t, e, func() { p.Run("tpm2_pcrextend", "16:sha256="+fmt.Sprintf("%064x", 1)) })
		secret, err = e.Unseal(sealed)
		require.NoError(t, err)
		require.Equal(t, seed, secret)
		require.NoError(t, e.Close())
	}
}

func TestPINs(t *testing.T) {
	p := tpmtest.Start(t)
	e := opened(t, p.URL(""))
	right, wrong := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	locked, err := e.LockPIN(right)
	require.NoError(t, err)
	require.NoError(t, e.CheckPIN(locked, right))
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	for range 3 { // as a swtpm is set up
		require.Equal(t, u2f.ErrWrongPIN, e.CheckPIN(locked, wrong))
	}
	require.Equal(t, u2f.ErrLockedOut, e.CheckPIN(locked, right))
	require.NoError(t, signs(t, e, cose.ES256, wrapped), "what has no PIN goes on")
	s, err := e.State()
	require.NoError(t, err)
	require.True(t, s.LockedOut)
	require.Equal(t, []int{3, 3, 1000}, []int{s.WrongPINs, s.MostWrong, s.Forgets})
	require.Equal(t, "IBM", s.Maker)
	between(t, e, func() {
		require.Contains(t, p.Run("tpm2_getcap", "properties-variable"), "inLockout:                 1")
		p.Run("tpm2_dictionarylockout", "--clear-lockout")
	})
	require.NoError(t, e.CheckPIN(locked, right))
	for _, damaged := range [][]byte{nil, locked[:1], locked[:len(locked)-1], append(bytes.Clone(locked), 0)} {
		require.Error(t, e.CheckPIN(damaged, right))
	}
}

func TestCounters(t *testing.T) {
	p := tpmtest.Start(t)
	e := opened(t, p.URL("?counter=nv"))
	require.True(t, e.Counts())
	place, err := e.MakeCounter()
	require.NoError(t, err)
	for want := range uint32(3) {
		n, err := e.Count(place, want > 0)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	between(t, e, func() {
		require.Equal(t, "- 0x1800000\n", p.Run("tpm2_getcap", "handles-nv-index"))
		require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x03", p.Run("tpm2_nvread", "-C", "o", "-s", "8", "0x1800000"))
	})
	n, err := e.Count(place, false)
	require.NoError(t, err)
	require.Equal(t, uint32(2), n)
	for made := 1; err == nil; made++ {
		require.Less(t, made, 1000, "it is never full")
		_, err = e.MakeCounter()
	}
	refused(t, err, ctap.ErrKeyStoreFull, "its NV memory is full")
	n, err = e.Count(place, true)
	require.NoError(t, err)
	require.Equal(t, uint32(3), n)
	between(t, e, func() { p.Run("tpm2_nvundefine", "-C", "o", "0x1800000") })
	_, err = e.Count(place, true)
	refused(t, err, ctap.ErrOther, "its counter 01800000 is gone")
	for _, damaged := range [][]byte{nil, place[1:], make([]byte, len(place))} {
		_, err = e.Count(damaged, false)
		require.ErrorContains(t, err, "no place of a counter")
	}
}

func TestATPMInThePlaceOfAnother(t *testing.T) {
	p := tpmtest.Start(t)
	e := opened(t, p.URL("?counter=nv"))
	place, err := e.MakeCounter()
	require.NoError(t, err)
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	p.Exchange()
	other := opened(t, p.URL("?counter=nv"))
	others, err := other.MakeCounter()
	require.NoError(t, err)
	const say = "it was cleared, or is another one, since the key was plugged in"
	_, err = e.Count(place, true)
	refused(t, err, ctap.ErrOther, say)
	n, err := other.Count(others, false)
	require.NoError(t, err)
	require.Zero(t, n, "that counter is another key's")
	_, _, err = e.MakeKey(cose.ES256, seed)
	refused(t, err, ctap.ErrOther, say)
	refused(t, signs(t, e, cose.ES256, wrapped), ctap.ErrOther, say)
	_, err = e.State()
	refused(t, err, ctap.ErrOther, say)
	_, err = e.Identity()
	require.NoError(t, err)
	_, _, err = e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
}

func TestAnOwnersPassword(t *testing.T) {
	const password = "the owner's own"
	p := tpmtest.Start(t)
	p.Run("tpm2_changeauth", "-c", "owner", password)
	for _, wrong := range []string{"", "another"} {
		e := element(t, p.URL("?counter=nv"), wrong)
		_, err := e.Identity()
		refused(t, err, ctap.ErrOperationDenied, "its owner has another password; give it in a file: --element-auth-file")
		require.NoError(t, e.Close())
	}
	e := opened(t, p.URL("?counter=nv"), password)
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	require.NoError(t, signs(t, e, cose.ES256, wrapped))
	_, err = e.MakeCounter()
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", e, e, e, e), password)

	require.NoError(t, e.Close())
	name, err := e.Identity()
	require.NoError(t, err)
	between(t, e, func() { p.Run("tpm2_clear") })
	cleared, err := e.Identity()
	require.NoError(t, err, "the password is gone with it")
	require.NotEqual(t, name, cleared)
	require.NoError(t, e.Close())
	gone := tpm.New(e.Address(), func() ([]byte, error) { return nil, os.ErrNotExist })
	_, err = gone.Identity()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, gone.Close())
}

func TestAStorageKeyThatLiesInTheTPM(t *testing.T) {
	p := tpmtest.Start(t)
	p.Run("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "srk.ctx", "-p", "its own")
	p.Run("tpm2_evictcontrol", "-Q", "-C", "o", "-c", "srk.ctx", "0x81000001")
	p.Run("tpm2_flushcontext", "-t")
	e := opened(t, p.URL("?parent=0x81000001"), "its own")
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	require.NoError(t, signs(t, e, cose.ES256, wrapped))
	sealed, err := e.Seal(seed)
	require.NoError(t, err)
	_, err = e.Unseal(sealed)
	require.NoError(t, err)
	require.NoError(t, e.Close())
	none := element(t, p.URL("?parent=0x81000002"))
	_, err = none.Identity()
	refused(t, err, ctap.ErrOther, "0x81000002; see tpm2_getcap handles-persistent")
}

func TestTPMsThatAreNotThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	for url, say := range map[string]string{
		"tpm+unix://" + dir + "/none": "out of reach",
		"tpm://" + dir + "/none":      "out of reach",
		"tpm://" + file:               "that is no device",
		"tpm:///dev/null":             "hung up",
		"tpm://127.0.0.1:1":           "out of reach", // a port that no system gives away
	} {
		_, err := element(t, url).Identity()
		refused(t, err, ctap.ErrOther, say)
	}
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(kept))
}
