//go:build linux && cgo

package tpm_test

import (
	"net"
	"testing"

	"github.com/google/go-tpm/tpm2"
	reference "github.com/google/go-tpm/tpm2/transport/simulator"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

// What swtpm takes is what a TPM takes: the code that Microsoft wrote for the specification, compiled into the test, says so too.
func TestTheReferenceImplementation(t *testing.T) {
	chip, err := reference.OpenSimulator()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, chip.Close()) })
	l := listen(t, "127.0.0.1:0", func(c net.Conn) error {
		for {
			command, err := readTPM(c)
			if err != nil {
				return err
			}
			response, err := chip.Send(command)
			if err != nil {
				return err
			}
			if _, err := c.Write(response); err != nil {
				return err
			}
		}
	})
	e := opened(t, "tpm://"+l.Addr().String()+"?counter=nv&pcrs=0,16")
	s, err := e.State()
	require.NoError(t, err)
	require.NotEqual(t, "IBM", s.Maker, "it is another TPM than a swtpm")

	for _, a := range e.Algorithms() {
		_, wrapped, err := e.MakeKey(a, seed)
		require.NoError(t, err, a)
		require.NoError(t, signs(t, e, a, wrapped), a)
	}
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	sealed, err := e.Seal(seed)
	require.NoError(t, err)
	secret, err := e.Unseal(sealed)
	require.NoError(t, err)
	require.Equal(t, seed, secret)
	place, err := e.MakeCounter()
	require.NoError(t, err)
	n, err := e.Count(place, true)
	require.NoError(t, err)
	require.Equal(t, uint32(1), n)

	right, wrong := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	locked, err := e.LockPIN(right)
	require.NoError(t, err)
	require.NoError(t, e.CheckPIN(locked, right))
	for range s.MostWrong {
		require.Equal(t, u2f.ErrWrongPIN, e.CheckPIN(locked, wrong))
	}
	require.Equal(t, u2f.ErrLockedOut, e.CheckPIN(locked, right))
	require.NoError(t, e.Close())

	response, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: 0x80000000, PropertyCount: 9}.Execute(chip)
	require.NoError(t, err)
	left, err := response.CapabilityData.Data.Handles()
	require.NoError(t, err)
	require.Empty(t, left.Handle, "nothing is left in it")

	// What is another TPM's is of no use to it, nor its own to another.
	other := opened(t, tpmtest.Start(t).URL(""))
	require.Error(t, signs(t, other, cose.ES256, wrapped))
	_, err = other.Unseal(sealed)
	require.Error(t, err)
}
