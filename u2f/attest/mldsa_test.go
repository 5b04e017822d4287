package attest

import (
	"slices"
	"testing"

	"filippo.io/mldsa"
	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
)

// go-webauthn checks ML-DSA only where it is built with Go 1.27, and says so before. Until then mldsa judges what the
// credential has signed; what the batch has signed of it is ES256's.
func TestMLDSAStatements(t *testing.T) {
	root := newRoot(t, 1)
	key := newCredential(t, cose.MLDSA44)
	authData := newAuthData(key, model.AAGUID, nil)
	self, err := AppendPackedSelf(nil, key, authData, clientDataHash())
	require.NoError(t, err)
	batch, err := AppendPacked(nil, newBatch(t, root), authData, clientDataHash())
	require.NoError(t, err)
	for _, statement := range [][]byte{self, batch} {
		if _, err = judge(t, root, model.AAGUID, FormatPacked, authData, statement); err != nil {
			require.ErrorContains(t, err, "public key") // its details, which are no part of the text, name Go 1.27
		}
	}
	var s struct {
		Alg int64  `cbor:"alg"`
		Sig []byte `cbor:"sig"`
	}
	require.NoError(t, cbor.Unmarshal(self, &s))
	require.Equal(t, int64(-48), s.Alg)
	require.Len(t, s.Sig, mldsa.MLDSA44().SignatureSize())
	require.NoError(t, mldsa.Verify(key.Public().(*mldsa.PublicKey), slices.Concat(authData, clientDataHash()), s.Sig, nil))
}
