package cose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPKCS8(t *testing.T) {
	for _, a := range Algorithms() {
		t.Run(a.String(), func(t *testing.T) {
			k := mustKey(t, a)
			der, err := k.MarshalPKCS8()
			require.NoError(t, err)
			again, err := ParsePKCS8(der)
			require.NoError(t, err)
			require.Equal(t, a, again.Algorithm())
			require.Equal(t, k.AppendPublicKey(nil), again.AppendPublicKey(nil))
			signature, err := again.Sign([]byte("message"))
			require.NoError(t, err)
			require.True(t, Verify(a, k.Public(), []byte("message"), signature))
			for n := range der {
				_, err := ParsePKCS8(der[:n])
				require.Error(t, err)
			}
		})
	}
	t.Run("a curve that no algorithm has", func(t *testing.T) {
		k, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(k)
		require.NoError(t, err)
		_, err = ParsePKCS8(der)
		require.ErrorContains(t, err, "does not go with ES256")
	})
}

func FuzzParsePKCS8(f *testing.F) {
	for _, a := range Algorithms() {
		der, err := mustKey(f, a).MarshalPKCS8()
		require.NoError(f, err)
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		k, err := ParsePKCS8(der)
		if err != nil {
			return
		}
		again, err := k.MarshalPKCS8()
		require.NoError(t, err)
		same, err := ParsePKCS8(again)
		require.NoError(t, err)
		require.Equal(t, k.AppendPublicKey(nil), same.AppendPublicKey(nil))
	})
}
