package tpm_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

func TestCertify(t *testing.T) {
	e := opened(t, tpmtest.Start(t).URL(""))
	aik, public, err := e.MakeAttestationKey()
	require.NoError(t, err)
	for _, a := range e.Algorithms() {
		key, _, err := e.MakeKey(a, seed)
		require.NoError(t, err)
		c, err := key.Signer().(u2f.Certifier).Certify(aik, message)
		require.NoError(t, err)
		info, err := tpm2.Unmarshal[tpm2.TPMSAttest](c.CertInfo)
		require.NoError(t, err)
		require.Equal(t, message, info.ExtraData.Buffer)
		said, err := info.Attested.Certify()
		require.NoError(t, err)
		area, err := tpm2.Unmarshal[tpm2.TPMTPublic](c.PubArea)
		require.NoError(t, err)
		name, err := tpm2.ObjectName(area)
		require.NoError(t, err)
		require.Equal(t, name.Buffer, said.Name.Buffer)
		signature, err := tpm2.Unmarshal[tpm2.TPMTSignature](c.Signature)
		require.NoError(t, err)
		rs, err := signature.Signature.ECDSA()
		require.NoError(t, err)
		digest := sha256.Sum256(c.CertInfo)
		require.True(t, ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], der(rs.SignatureR.Buffer, rs.SignatureS.Buffer)))

		_, err = key.Signer().(u2f.Certifier).Certify(nil, message)
		require.ErrorContains(t, err, "no wrapped attestation key")
		_, err = key.Signer().(u2f.Certifier).Certify(append(bytes.Clone(aik), 0), message)
		require.Error(t, err)
	}
}

// der is a signature of ECDSA, whose numbers may begin with a bit that is set.
func der(r, s []byte) []byte {
	number := func(n []byte) []byte { return append([]byte{2, byte(len(n) + 1), 0}, n...) }
	for _, n := range []*[]byte{&r, &s} {
		*n = bytes.TrimLeft(*n, "\x00")
	}
	both := []byte{}
	for _, n := range [][]byte{r, s} {
		if n[0] < 0x80 {
			both = append(both, append([]byte{2, byte(len(n))}, n...)...)
			continue
		}
		both = append(both, number(n)...)
	}
	return append([]byte{0x30, byte(len(both))}, both...)
}
