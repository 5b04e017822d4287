package u2f

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// salts returns n bytes, all alike.
func salts(n int, fill byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = fill
	}
	return b
}

// secretInput returns a good input of hmac-secret and the secret to read the output with.
func (h *platform) secretInput(salts []byte) (ctap.HMACSecretInput, *pinuv.Secret) {
	r, secret := h.agree(ctap.GetKeyAgreement)
	in := ctap.HMACSecretInput{KeyAgreement: r.KeyAgreement, SaltEnc: h.encrypt(secret, salts), Protocol: uint64(h.p)}
	in.SaltAuth = secret.Authenticate(in.SaltEnc)
	return in, secret
}

func (h *platform) hmacOutput(c credential, salts []byte, verified bool) []byte {
	in, secret := h.secretInput(salts)
	enc, err := h.k.hmacSecret(h.now, in, c, verified)
	require.NoError(h.t, err)
	out, err := secret.Decrypt(enc)
	require.NoError(h.t, err)
	return out
}

// See Section 12.5.
func TestHMACSecret(t *testing.T) {
	for _, protocol := range []pinuv.Protocol{pinuv.One, pinuv.Two} {
		h := newPlatform(t, "ctap2.1")
		h.p = protocol
		c := h.mint(credential{alg: cose.ES256, protect: 1, hmacSecret: true})
		one, two := salts(32, 1), salts(32, 2)
		first := h.hmacOutput(c, one, false)
		require.Len(t, first, 32)

		random := h.k.credRandom(&c, false)
		mac := hmac.New(sha256.New, random[:])
		mac.Write(one)
		require.Equal(t, mac.Sum(nil), first)

		require.Equal(t, first, h.hmacOutput(c, one, false), "the same salt gives the same secret")
		require.NotEqual(t, first, h.hmacOutput(c, one, true), "with user verification it is another")
		both := h.hmacOutput(c, append(one, two...), false)
		require.Len(t, both, 64)
		require.Equal(t, first, both[:32])
		require.Equal(t, h.hmacOutput(c, two, false), both[32:])
		d := h.mint(credential{alg: cose.ES256, protect: 1, hmacSecret: true})
		require.NotEqual(t, first, h.hmacOutput(d, one, false), "another credential has another secret")

		enc := func() []byte {
			in, _ := h.secretInput(one)
			out, err := h.k.hmacSecret(h.now, in, c, false)
			require.NoError(t, err)
			return out
		}
		require.Len(t, enc(), map[pinuv.Protocol]int{pinuv.One: 32, pinuv.Two: 48}[protocol])
	}
}

func TestHMACSecretRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		salts  int
		change func(t *testing.T, in *ctap.HMACSecretInput)
		want   ctap.Status
	}{
		"protocol 3":            {32, func(_ *testing.T, in *ctap.HMACSecretInput) { in.Protocol = 3 }, ctap.ErrInvalidParameter},
		"a point off the curve": {32, func(t *testing.T, in *ctap.HMACSecretInput) { in.KeyAgreement = offCurve(t) }, ctap.ErrInvalidParameter},
		"a forged saltAuth":     {32, func(_ *testing.T, in *ctap.HMACSecretInput) { in.SaltAuth[3] ^= 1 }, ctap.ErrPINAuthInvalid},
		"an empty saltAuth":     {32, func(_ *testing.T, in *ctap.HMACSecretInput) { in.SaltAuth = []byte{} }, ctap.ErrPINAuthInvalid},
		"half a salt":           {16, nil, ctap.ErrInvalidParameter},
		"one and a half":        {48, nil, ctap.ErrInvalidParameter},
		"three salts":           {96, nil, ctap.ErrInvalidParameter},
		"no salt":               {0, nil, ctap.ErrInvalidParameter},
	} {
		for _, protocol := range []pinuv.Protocol{pinuv.One, pinuv.Two} {
			t.Run(name, func(t *testing.T) {
				h := newPlatform(t, "ctap2.1")
				h.p = protocol
				in, _ := h.secretInput(salts(c.salts, 1))
				if c.change != nil {
					c.change(t, &in)
				}
				cred := h.mint(credential{alg: cose.ES256, protect: 1, hmacSecret: true})
				_, err := h.k.hmacSecret(h.now, in, cred, false)
				require.Equal(t, c.want, ctap.StatusOf(err))
			})
		}
	}
}
