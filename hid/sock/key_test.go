package sock

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/plug"
)

// toy is an app that says what it is and nothing else.
type toy struct{ reply []byte }

// info is the answer to authenticatorGetInfo: {1: ["FIDO_2_0"], 3: an AAGUID of 16 bytes 0x42}. CTAP 2.1, Section 6.4.
const info = "\x00\xa2\x01\x81\x68FIDO_2_0\x03\x50BBBBBBBBBBBBBBBB"

func (a *toy) CBOR(_ time.Time, _ uint32, req []byte) {
	a.reply = []byte{0x01} // CTAP1_ERR_INVALID_COMMAND
	if len(req) == 1 && req[0] == 0x04 {
		a.reply = []byte(info)
	}
}

func (a *toy) APDU(time.Time, uint32, []byte) { a.reply = []byte{0x6d, 0x00} }
func (a *toy) Reply(time.Time) ([]byte, bool) { return a.reply, true }
func (a *toy) Status(time.Time) byte          { return ctaphid.StatusProcessing }
func (a *toy) Cancel(time.Time)               {}
func (a *toy) Wink(time.Time)                 {}
func (a *toy) Wake() time.Time                { return time.Time{} }

// serveToy makes what is plugged in a key that answers, until the test ends or s is closed.
func serveToy(t testing.TB, s *Socket) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- plug.Serve(ctx, s, ctaphid.NewDevice(&toy{}, ctaphid.Config{}), nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			require.NoError(t, err)
		}
	})
}
