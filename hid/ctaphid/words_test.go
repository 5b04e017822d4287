package ctaphid

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// ping returns the first line of an answer to a PING of n zeros.
func ping(channel uint32, n int) string {
	return fmt.Sprintf("%x CTAPHID_PING %d %s", channel, n, zeros(min(n, 57)))
}

func zeros(n int) string { return strings.Repeat("00", n) }

// welcome returns the line of an answer to INIT from a device of the zero Config.
func welcome(to, channel uint32) string {
	return fmt.Sprintf("%x CTAPHID_INIT 17 %s%08x%s", to, nonce, channel, "02"+"000000"+"04")
}

func (b *bench) equal(want, got any) {
	b.Helper()
	require.Equal(b, want, got)
}

// one checks the next packet, and leaves those behind it in the device.
func (b *bench) one(want string) {
	b.Helper()
	var r hid.Report
	require.True(b, b.dev.Transmit(b.now, &r))
	require.Equal(b, want, line(&r))
}

// second sends a request while one runs on the same channel, and then lets that one end.
func (b *bench) second(lines ...string) {
	b.Helper()
	one := b.open()
	b.init(one, CmdCBOR, 1, 4)
	b.want()
	b.init(one, CmdPing, 1)
	b.want(lines...)
	b.app.reply, b.app.ready = []byte{0}, true
	b.want("1 CTAPHID_CBOR 1 00")
}

// refused checks that a product does not know cmd.
func (b *bench) refused(cmd Command, length int) {
	b.Helper()
	one := b.open()
	b.init(one, cmd, length)
	b.want("1 " + badCmd)
	require.Zero(b, len(b.app.cbor)+len(b.app.apdu)+b.app.winked)
}
