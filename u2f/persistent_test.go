package u2f_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A holder reads what getInfo says to whoever was given the persistent token. See CTAP 2.3, Section 6.4.
type holder struct {
	*rig
	token []byte
}

// newHolder exchanges the PIN, which it sets where there is none, for the persistent token.
func newHolder(r *rig) holder {
	r.t.Helper()
	pcmr := ctap.PermissionPCMR
	if !r.info().Options["clientPin"] {
		r.setPIN()
	}
	token, err := r.exchange(ctap.GetPINUVAuthTokenUsingPINWithPermissions, pin, &pcmr)
	require.NoError(r.t, err)
	return holder{r, token}
}

func (h holder) read(sealed []byte, info string) string {
	h.t.Helper()
	require.Len(h.t, sealed, 32)
	key, err := hkdf.Key(sha256.New, h.token, make([]byte, 32), info, 16)
	require.NoError(h.t, err)
	block, err := aes.NewCipher(key)
	require.NoError(h.t, err)
	plain := make([]byte, 16)
	cipher.NewCBCDecrypter(block, sealed[:16]).CryptBlocks(plain, sealed[16:])
	return string(plain)
}

func (h holder) identifier() string { return h.read(h.info().EncIdentifier, "encIdentifier") }
func (h holder) state() string      { return h.read(h.info().EncCredStoreState, "encCredStoreState") }

// What a key is to those who know it ends with a reset: nobody is to follow it from one owner to the next.
func TestAResetMakesAnotherDeviceOfTheKey(t *testing.T) {
	h := newHolder(newRig(t, "ctap2.3", nil))
	before, state := h.identifier(), h.state()
	_, err := h.send(resetCmd, nil)
	require.NoError(t, err)
	h = newHolder(h.rig)
	require.NotEqual(t, before, h.identifier())
	require.NotEqual(t, state, h.state())
	other := newHolder(newRig(t, "ctap2.3", nil))
	require.Equal(t, before, other.identifier(), "the same entropy makes the same key: it is the reset that has changed it")
}

// A platform that keeps a list of credentials reads it again when the state is another: that of every sign-in would make
// it read each time.
func TestSigningDoesNotChangeWhatIsStored(t *testing.T) {
	for _, counter := range []u2f.Counter{u2f.CountGlobal, u2f.CountEach} {
		r := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.Counter = counter })
		made := r.make(resident("u"))
		h := newHolder(r)
		before := h.state()
		require.Greater(t, h.get(allow(made.auth.CredentialID)).auth.Counter, made.auth.Counter)
		require.Equal(t, before, h.state())
		h.replug()
		require.Equal(t, before, newHolder(h.rig).state(), "nor when it is read from flash")
	}
}
