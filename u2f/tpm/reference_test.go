//go:build linux && cgo

package tpm_test

import (
	"encoding/binary"
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

// TestATPMWithoutAllAlgorithms has the reference implementation say that it lacks what not all TPMs have.
func TestATPMWithoutAllAlgorithms(t *testing.T) {
	chip, err := reference.OpenSimulator()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, chip.Close()) })
	capability := func(command []byte) uint32 {
		if len(command) != 22 || binary.BigEndian.Uint32(command[6:]) != uint32(tpm2.TPMCCGetCapability) {
			return ^uint32(0)
		}
		return binary.BigEndian.Uint32(command[10:])
	}
	answer := func(capability tpm2.TPMCap, data ...byte) []byte {
		b := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(capability)), data...)
		return append(binary.BigEndian.AppendUint32([]byte{0x80, 0x01}, uint32(10+len(b))), append(make([]byte, 4), b...)...)
	}
	l := listen(t, "127.0.0.1:0", func(c net.Conn) error {
		for {
			command, err := readTPM(c)
			if err != nil {
				return err
			}
			var response []byte
			switch tpm2.TPMCap(capability(command)) {
			case tpm2.TPMCapECCCurves:
				response = answer(tpm2.TPMCapECCCurves, 0, 0, 0, 1, 0, byte(tpm2.TPMECCNistP256))
			case tpm2.TPMCapAlgs: // the first from RSA on is HMAC
				response = answer(tpm2.TPMCapAlgs, 0, 0, 0, 1, 0, byte(tpm2.TPMAlgHMAC), 0, 0, 0, 4)
			default:
				if response, err = chip.Send(command); err != nil {
					return err
				}
			}
			if _, err := c.Write(response); err != nil {
				return err
			}
		}
	})
	e := opened(t, "tpm://"+l.Addr().String())
	require.Equal(t, []cose.Algorithm{cose.ES256}, e.Algorithms())
	for _, a := range []cose.Algorithm{cose.ES384, cose.RS256} {
		_, _, err := e.MakeKey(a, seed)
		require.ErrorContains(t, err, "no keys for algorithm "+a.String())
	}
}
