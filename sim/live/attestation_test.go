package live

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheAttestationRootIsTheLabs(t *testing.T) {
	root := func(l *Lab) *x509.Certificate {
		r, err := l.AttestationRoot(t.Context())
		require.NoError(t, err)
		block, rest := pem.Decode([]byte(r.PEM))
		require.NotNil(t, block)
		require.Empty(t, rest)
		c, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		return c
	}
	open := func(seed string) *Lab {
		l, err := Open(t.Context(), Options{Dir: t.TempDir(), Ephemeral: true, Seed: seed})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		return l
	}
	l := open("a")
	first := root(l)
	require.True(t, first.IsCA)
	require.NoError(t, l.Reset(t.Context()))
	require.Equal(t, first.Raw, root(l).Raw, "a reset keeps it")
	require.Equal(t, first.Raw, root(open("a")).Raw, "the same seed gives the same")
	require.NotEqual(t, first.Raw, root(open("b")).Raw)
}
