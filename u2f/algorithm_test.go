package u2f_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

func param(a cose.Algorithm) ctap.CredentialParameter {
	return ctap.CredentialParameter{Type: ctap.PublicKey, Alg: int64(a)}
}

// Each algorithm makes credentials of both kinds that sign, also after the power was lost, under both attestations.
func TestAlgorithms(t *testing.T) {
	for _, a := range cose.Algorithms() {
		for _, kind := range []u2f.Attestation{u2f.Packed, u2f.PackedSelf} {
			t.Run(a.String()+", "+string(kind), func(t *testing.T) {
				r := newRig(t, u2f.DefaultProfile, func(p *u2f.Profile) { p.Attestation = kind })
				loose := r.make(params(param(-47), param(a), es256))
				kept := r.make(params(param(a)), resident("u1"))
				for _, m := range []made{loose, kept} {
					alg, public, err := cose.ParsePublicKey(m.auth.PublicKey)
					require.NoError(t, err)
					require.Equal(t, a, alg)
					var s struct {
						Alg int64    `cbor:"alg"`
						Sig []byte   `cbor:"sig"`
						X5C [][]byte `cbor:"x5c"`
					}
					require.NoError(t, decoder.Unmarshal(m.Statement, &s))
					if kind == u2f.PackedSelf {
						require.Equal(t, int64(a), s.Alg)
						require.Nil(t, s.X5C)
						require.True(t, cose.Verify(alg, public, slices.Concat(m.AuthData, clientDataHash), s.Sig))
					} else {
						require.Equal(t, int64(cose.ES256), s.Alg, "the batch's")
					}
					requireSigned(t, m, r.get(allow(m.auth.CredentialID)))
				}
				r.key.PowerDown(r.now)
				require.NoError(t, r.key.PowerUp(r.now, entropy))
				requireSigned(t, loose, r.get(allow(loose.auth.CredentialID)))
				requireSigned(t, kept, r.get())
			})
		}
	}
}

// A credential of one algorithm is not taken for one of another: its id says which, under the MAC.
func TestAlgorithmIsInTheID(t *testing.T) {
	r := newRig(t, u2f.DefaultProfile, nil)
	m := r.make(params(param(cose.ES384)))
	id := slices.Clone(m.auth.CredentialID)
	for _, b := range []byte{0xf9, 0xff, 0xd0, 0xd1} {
		id[1] = b
		_, err := r.send(getCmd, asking(allow(id)))
		require.Equal(t, ctap.ErrNoCredentials, err)
	}
}

// U2F knows ES256 only.
func TestOtherAlgorithmsAreNotOfU2F(t *testing.T) {
	for _, a := range cose.Algorithms() {
		h := newHost(t, keyProfile(t, u2f.DefaultProfile), &flash.Memory{}, nil)
		h.replug()
		h.must(h.creating(rpID, "u", false, params(param(a))))
		_, ok := h.apdu(authenticating(8, h.world.credentials[0]))
		require.Equal(t, a == cose.ES256, ok, a)
	}
}
