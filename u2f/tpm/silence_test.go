package tpm

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
)

// TestATPMThatDoesNotAnswer waits, in a bubble where that takes no time, as long as anybody has to.
func TestATPMThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		began := time.Now()
		_, err := (&wire{stream: ours}).Send(make([]byte, headerSize))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.True(t, lost(err))
		require.Equal(t, patience, time.Since(began))
		require.NoError(t, errors.Join(ours.Close(), theirs.Close()))

		said := New(Address{scheme: schemeUnix, place: "/tpm"}, nil).explain("sign", err)
		require.ErrorContains(t, said, "the TPM at tpm+unix:///tpm cannot sign: it does not answer")
		_, is := errors.AsType[*u2f.ElementError](said)
		require.True(t, is)
	})
}

// TestATPMThatIsBusy asks again until it has time.
func TestATPMThatIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retry, done = "\x80\x01\x00\x00\x00\x0a\x00\x00\x09\x22", "\x80\x01\x00\x00\x00\x0a\x00\x00\x00\x00"
		w := &wire{stream: &script{reader: strings.NewReader(retry + retry + done)}}
		response, err := w.Send(make([]byte, headerSize))
		require.NoError(t, err)
		require.Equal(t, done, string(response))

		w = &wire{stream: &script{reader: strings.NewReader(strings.Repeat(retry, tries))}}
		response, err = w.Send(make([]byte, headerSize))
		require.NoError(t, err)
		require.Equal(t, retry, string(response), "who asked learns it in the end")
	})
}

// A script answers whatever it is asked.
type script struct{ reader io.Reader }

func (s *script) Read(b []byte) (int, error)  { return s.reader.Read(b) }
func (s *script) Write(b []byte) (int, error) { return len(b), nil }
func (s *script) Close() error                { return nil }
