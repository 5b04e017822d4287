package attest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSigner(t *testing.T) {
	r := newRoot(t, 1)
	s, err := r.NewSigner()
	require.NoError(t, err)
	c := parsed(t, s.Certificate(), r)
	require.False(t, c.IsCA)
	require.Equal(t, "CN=mfalab Metadata BLOB Signing,OU=Metadata,O=mfalab,C=AQ", c.Subject.String())
	for i := range 40 { // now and then a number is a byte shorter
		message := fmt.Appendf(nil, "message %d", i)
		signature, err := s.SignJWS(message)
		require.NoError(t, err)
		require.Len(t, signature, 64)
		digest := sha256.Sum256(message)
		require.True(t, ecdsa.Verify(c.PublicKey.(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])))
	}
	again, err := newRoot(t, 1).NewSigner()
	require.NoError(t, err)
	require.Equal(t, s.Certificate(), again.Certificate())
	require.Equal(t, "attest.Signer attest.Signer", fmt.Sprintf("%v %#v", s, s))
}
