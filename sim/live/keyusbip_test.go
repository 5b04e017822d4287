package live

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// An importer attaches a key as `usbip attach` and the kernel behind it do.
type importer struct {
	t      testing.TB
	conn   net.Conn
	number uint32
}

// attach asks for the key that is shown at node, "usbip:ADDRESS BUSID", and returns the answer's status with it.
func attach(t testing.TB, node string) (*importer, uint32) {
	t.Helper()
	address, busID, ok := strings.Cut(strings.TrimPrefix(node, "usbip:"), " ")
	require.True(t, ok, node)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	request := make([]byte, 40)
	copy(request, []byte{0x01, 0x11, 0x80, 0x03})
	copy(request[8:], busID)
	_, err = conn.Write(request)
	require.NoError(t, err)
	head := make([]byte, 8)
	_, err = io.ReadFull(conn, head)
	require.NoError(t, err)
	status := binary.BigEndian.Uint32(head[4:])
	if status == 0 {
		_, err = io.ReadFull(conn, make([]byte, 312))
		require.NoError(t, err)
	}
	return &importer{t: t, conn: conn}, status
}

// send writes one report, filled with zeroes, and reads one.
func (i *importer) send(b ...byte) hid.Report {
	i.t.Helper()
	var r hid.Report
	i.submit(0, append(b, make([]byte, len(r)-len(b))...))
	i.submit(1, nil)
	for {
		head := make([]byte, 48)
		_, err := io.ReadFull(i.conn, head)
		require.NoError(i.t, err)
		if binary.BigEndian.Uint32(head[4:]) != i.number {
			continue // of the report that was written
		}
		_, err = io.ReadFull(i.conn, r[:])
		require.NoError(i.t, err)
		return r
	}
}

// submit asks for an interrupt transfer at endpoint 1: out is 0, in is 1.
func (i *importer) submit(in uint32, data []byte) {
	i.t.Helper()
	i.number++
	head := make([]byte, 48)
	for at, v := range map[int]uint32{0: 1, 4: i.number, 8: 1<<16 | 1, 12: in, 16: 1, 24: hid.ReportSize, 36: 5} {
		binary.BigEndian.PutUint32(head[at:], v)
	}
	_, err := i.conn.Write(append(head, data...))
	require.NoError(i.t, err)
}

// initialize is CTAPHID_INIT on the broadcast channel (CTAP 2.1, Section 11.2.9.1.3).
var initialize = []byte{0xff, 0xff, 0xff, 0xff, 0x86, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}

// happened waits until the journal has n events of that name.
func happened(t testing.TB, l *Lab, name string, n int) {
	t.Helper()
	enough := errors.New("enough")
	require.ErrorIs(t, l.Journal().Follow(t.Context(), 0, func(e sim.Event) error {
		if e.Name == name {
			n--
		}
		if n == 0 {
			return enough
		}
		return nil
	}, func() error { return nil }), enough)
}

func TestAnAttachIsAPowerCycle(t *testing.T) {
	l := opened(t, durable(t, newWall()))
	require.NoError(t, l.serveKeys())
	key := keyOf(t, l, KeySpec{Unplugged: true, Presence: always})
	shown, err := l.PlugKey(bg(), key, "usbip:127.0.0.1:0")
	require.NoError(t, err)
	require.Regexp(t, `^usbip:127\.0\.0\.1:\d+ 1-1$`, shown.Node)
	require.True(t, shown.Unpowered)
	_, err = l.SetKeyPIN(bg(), key, "", "1234")
	require.ErrorContains(t, err, "has no power before somebody attaches it")

	first, status := attach(t, shown.Node)
	require.Zero(t, status)
	answer := first.send(initialize...)
	require.Equal(t, initialize[7:], answer[7:15], "the nonce")
	happened(t, l, "key.attached", 1)
	require.False(t, shownKey(t, l, key).Unpowered)
	_, status = attach(t, shown.Node)
	require.NotZero(t, status, "somebody has it already")
	id := registered(t, l, key)
	_, err = l.SetKeyPIN(bg(), key, "", "1234")
	require.NoError(t, err)

	// A reset is a power cycle, too, with the importer still there.
	_, err = l.ResetKey(bg(), key)
	require.NoError(t, err)
	require.Equal(t, ctap.ErrNoCredentials, asserted(t, l, key, id))
	require.Equal(t, byte(0x86), first.send(initialize...)[4])

	require.NoError(t, first.conn.Close())
	happened(t, l, "key.detached", 1)
	_, err = l.AskKey(bg(), key, []byte{0x04})
	require.ErrorContains(t, err, "has no power")
	second, status := attach(t, shown.Node)
	require.Zero(t, status)
	require.Equal(t, answer, second.send(initialize...), "channels begin anew with the power")
	happened(t, l, "key.attached", 2)

	_, err = l.UnplugKey(bg(), key)
	require.NoError(t, err)
	_, err = second.conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, l.Close())
}

func TestKeysOfALabShareAServer(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	require.NoError(t, l.serveKeys())
	one, two := keyOf(t, l, KeySpec{Unplugged: true}), keyOf(t, l, KeySpec{Unplugged: true})
	shown, err := l.PlugKey(bg(), one, "usbip:127.0.0.1:0")
	require.NoError(t, err)
	server := strings.TrimSuffix(shown.Node, " 1-1")
	shown, err = l.PlugKey(bg(), two, "usbip")
	require.NoError(t, err)
	require.Equal(t, server+" 1-2", shown.Node)
	_, status := attach(t, shown.Node)
	require.Zero(t, status)
	_, err = l.UnplugKey(bg(), two)
	require.NoError(t, err)
	_, err = l.PlugKey(bg(), two, "usbip:127.0.0.2:1")
	require.ErrorContains(t, err, "exported at "+strings.TrimPrefix(server, "usbip:")+" already")
	require.False(t, shownKey(t, l, two).Plugged)

	// Without keys there is no server; the next one may be elsewhere.
	_, err = l.UnplugKey(bg(), one)
	require.NoError(t, err)
	_, err = net.Dial("tcp", strings.TrimPrefix(server, "usbip:"))
	require.Error(t, err)
	_, err = l.PlugKey(bg(), two, "usbip:localhost:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())

	l = opened(t, opt)
	require.NoError(t, l.serveKeys())
	require.Regexp(t, `^usbip:127\.0\.0\.1:\d+ 1-1$`, shownKey(t, l, two).Node)
	require.NoError(t, l.Close())
}

func TestAKernelThatTakesNoKeysIsToldWithTheRemedy(t *testing.T) {
	if _, err := os.Stat("/dev/uhid"); err == nil {
		t.Skip("left out: this kernel takes them")
	}
	l := opened(t, durable(t, newWall()))
	require.NoError(t, l.serveKeys())
	key := keyOf(t, l, KeySpec{Unplugged: true})
	_, err := l.PlugKey(bg(), key, "uhid:somewhere")
	require.ErrorContains(t, err, `via "uhid:somewhere"`)
	_, err = l.PlugKey(bg(), key, "uhid")
	require.ErrorContains(t, err, "uhid")
	require.False(t, shownKey(t, l, key).Plugged)
	require.NoError(t, l.Close())
}
