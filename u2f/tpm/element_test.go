package tpm_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/tpm"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

func open(t testing.TB, url string, password func() ([]byte, error)) *tpm.Element {
	a, err := tpm.ParseAddress(url)
	require.NoError(t, err)
	e := tpm.New(a, password)
	_, err = e.Identity()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

var seed = bytes.Repeat([]byte{7}, 32)

func TestKeys(t *testing.T) {
	e := open(t, tpmtest.Start(t).URL(""), nil)
	for _, a := range e.Algorithms() {
		key, wrapped, err := e.MakeKey(a, seed)
		require.NoError(t, err)
		t.Log(a, len(wrapped), e.WrappedSize(a))
		again, err := e.OpenKey(a, seed, wrapped)
		require.NoError(t, err)
		signature, err := again.Sign([]byte("hello"))
		require.NoError(t, err)
		require.True(t, cose.Verify(a, key.Public(), []byte("hello"), signature))
	}
	sealed, err := e.Seal(seed)
	require.NoError(t, err)
	t.Log(len(sealed))
	secret, err := e.Unseal(sealed)
	require.NoError(t, err)
	require.Equal(t, seed, secret)
}
