package sock

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/plug"
)

var labKey = hid.Identity{Vendor: 0x1209, Product: 0xf1d0, Version: 0x0100, Name: "Acme Lab Key", Serial: "00000007"}

// newBus opens a bus in a folder whose path is short: t.TempDir holds the test's name.
func newBus(t testing.TB) *Bus {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func plugKey(t testing.TB, b *Bus) *Socket {
	t.Helper()
	s, err := b.Plug(labKey)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func listenStream(t testing.TB) *Socket {
	t.Helper()
	dir, err := os.MkdirTemp("", "stream")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := Listen(filepath.Join(dir, "key"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// ends are both ends of a node, and of a stream socket.
var ends = map[string]func(t *testing.T) (device, host hid.Port){
	"seqpacket": func(t *testing.T) (device, host hid.Port) {
		s := plugKey(t, newBus(t))
		return s, dialPort(t, s.Path(), packets)
	},
	"node of a system without seqpacket": func(t *testing.T) (device, host hid.Port) {
		network, framing := nodeNetwork, nodeFraming
		t.Cleanup(func() { nodeNetwork, nodeFraming = network, framing })
		nodeNetwork, nodeFraming = wayOf("darwin")
		bus := newBus(t)
		s := plugKey(t, bus)
		nodes, err := Nodes(bus.Dir())
		require.NoError(t, err)
		conn, err := nodes[0].Open()
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		return s, dialPort(t, s.Path(), stream)
	},
	"stream": func(t *testing.T) (device, host hid.Port) {
		s := listenStream(t)
		return s, dialPort(t, s.Path(), stream)
	},
}

func TestPort(t *testing.T) {
	for name, open := range ends {
		t.Run(name, func(t *testing.T) { hidtest.TestPort(t, hidtest.WholeLoad, open) })
	}
}

func TestClients(t *testing.T) {
	hidtest.TestClients(t, hidtest.WholeLoad, func(t *testing.T) (hid.Port, func() hid.Port) {
		s := plugKey(t, newBus(t))
		return s, func() hid.Port { return dialPort(t, s.Path(), packets) }
	})
}

func TestPackets(t *testing.T) {
	hidtest.TestPackets(t, func(t *testing.T) (hid.Port, net.Conn) {
		s := plugKey(t, newBus(t))
		return s, dialPort(t, s.Path(), packets).conn
	})
}

func TestAReportOf64BytesMayBeginWith0(t *testing.T) {
	s := plugKey(t, newBus(t))
	require.NoError(t, dialPort(t, s.Path(), packets).WriteReport(report(0)))
	requireReport(t, 0, s)
}

func TestStream(t *testing.T) {
	hidtest.TestStream(t, func(t *testing.T) (hid.Port, func() net.Conn) {
		s := listenStream(t)
		return s, func() net.Conn { return dialPort(t, s.Path(), stream).conn }
	})
}

// report returns one that says n everywhere.
func report(n byte) *hid.Report {
	return (*hid.Report)(bytes.Repeat([]byte{n}, hid.ReportSize))
}

func requireReport(t *testing.T, n byte, p hid.Port) {
	t.Helper()
	var got hid.Report
	require.NoError(t, p.ReadReport(&got))
	require.Equal(t, *report(n), got)
}

func TestEveryOpener(t *testing.T) {
	s := plugKey(t, newBus(t))
	var hosts []hostPort
	for n := range byte(5) {
		host := dialPort(t, s.Path(), packets)
		require.NoError(t, host.WriteReport(report(n)))
		requireReport(t, n, s)
		hosts = append(hosts, host)
	}
	require.Equal(t, 5, s.Openers())

	require.NoError(t, s.WriteReport(report(0xaa)))
	for _, host := range hosts {
		requireReport(t, 0xaa, host)
	}

	require.NoError(t, hosts[0].Close())
	require.NoError(t, s.WriteReport(report(0xbb)))
	for _, host := range hosts[1:] {
		requireReport(t, 0xbb, host)
	}
}

func TestStalledOpener(t *testing.T) {
	for name, f := range map[string]framing{"seqpacket": packets, "stream": stream} {
		t.Run(name+": the others are served, and what is lost is whole reports in the middle", func(t *testing.T) {
			s := listenStream(t)
			if f == packets {
				s = plugKey(t, newBus(t))
			}
			stalled, awake := dialPort(t, s.Path(), f), dialPort(t, s.Path(), f)
			for _, host := range []hostPort{stalled, awake} {
				require.NoError(t, host.WriteReport(report(1)))
				requireReport(t, 1, s)
			}
			const many = 20 * backlog
			for n := range many {
				r := report(byte(n))
				binary.BigEndian.PutUint32(r[:], uint32(n))
				require.NoError(t, s.WriteReport(r))
				var got hid.Report
				require.NoError(t, awake.ReadReport(&got))
				require.Equal(t, *r, got)
			}
			var got hid.Report
			last, consecutive, seen := -1, 0, 0
			for last < many-1 {
				require.NoError(t, stalled.ReadReport(&got))
				n := int(binary.BigEndian.Uint32(got[:]))
				require.Greater(t, n, last)
				require.Equal(t, report(byte(n))[4:], got[4:], "a report cut in two")
				if consecutive++; n != last+1 {
					consecutive = 1
				}
				last, seen = n, seen+1
			}
			require.GreaterOrEqual(t, consecutive, backlog)
			require.Less(t, seen, many)
		})
	}
}

func TestAClientThatEndsWithinAReportTakesOnlyThatWithIt(t *testing.T) {
	s := listenStream(t)
	gone, host := dialPort(t, s.Path(), stream), dialPort(t, s.Path(), stream)
	_, err := gone.conn.Write(append(report(1)[:], 1, 1, 1))
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	requireReport(t, 1, s)
	require.NoError(t, host.WriteReport(report(2)))
	requireReport(t, 2, s)
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")

	t.Run("the socket is the user's alone", func(t *testing.T) {
		s, err := Listen(path)
		require.NoError(t, err)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(t, s.Close())
		require.NoFileExists(t, path)
	})
	t.Run("a dead process's socket is replaced", func(t *testing.T) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(t, err)
		l.SetUnlinkOnClose(false)
		require.NoError(t, l.Close())
		s, err := Listen(path)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	})
	t.Run("a living one's is not", func(t *testing.T) {
		s, err := Listen(path)
		require.NoError(t, err)
		defer s.Close()
		_, err = Listen(path)
		require.ErrorContains(t, err, "is served by another process")
	})
	t.Run("a file is not", func(t *testing.T) {
		file := filepath.Join(dir, "file")
		require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
		_, err := Listen(file)
		require.ErrorContains(t, err, "is not a socket")
		require.FileExists(t, file)
	})
	t.Run("a long folder", func(t *testing.T) {
		long := filepath.Join(dir, strings.Repeat("d", 120))
		require.NoError(t, os.Mkdir(long, 0o700))
		s, err := Listen(filepath.Join(long, "key"))
		require.NoError(t, err)
		host := dialPort(t, s.Path(), stream)
		require.NoError(t, host.WriteReport(report(1)))
		requireReport(t, 1, s)
		require.NoError(t, s.Close())
		require.NoFileExists(t, s.Path())
	})
	t.Run("a long name is an error that says so", func(t *testing.T) {
		_, err := Listen(filepath.Join(dir, strings.Repeat("k", 120)))
		require.ErrorContains(t, err, "too long for a unix socket")
	})
}

func TestClosed(t *testing.T) {
	s := plugKey(t, newBus(t))
	host := dialPort(t, s.Path(), packets)
	require.NoError(t, host.WriteReport(report(1)))
	requireReport(t, 1, s)
	require.NoError(t, s.WriteReport(report(2)))
	require.NoError(t, s.Close())

	require.ErrorIs(t, s.ReadReport(new(hid.Report)), net.ErrClosed)
	require.ErrorIs(t, s.WriteReport(report(3)), net.ErrClosed)
	requireReport(t, 2, host) // what was said before still arrives
	require.Error(t, host.ReadReport(new(hid.Report)))
	_, err := dial("unixpacket", s.Path())
	require.ErrorIs(t, err, syscall.ENOENT)
}

// A bare packet there and back: what a ceremony over the socket is compared with.
func BenchmarkRoundTrip(b *testing.B) {
	for name, open := range map[string]func() (device *Socket, host hostPort){
		"seqpacket": func() (*Socket, hostPort) { s := plugKey(b, newBus(b)); return s, dialPort(b, s.Path(), packets) },
		"stream":    func() (*Socket, hostPort) { s := listenStream(b); return s, dialPort(b, s.Path(), stream) },
	} {
		b.Run(name, func(b *testing.B) {
			device, host := open()
			go func() {
				var r hid.Report
				for device.ReadReport(&r) == nil && device.WriteReport(&r) == nil {
				}
			}()
			r := report(1)
			b.ReportAllocs()
			b.SetBytes(2 * hid.ReportSize)
			for b.Loop() {
				if host.WriteReport(r) != nil || host.ReadReport(r) != nil {
					b.Fatal("the connection ended")
				}
			}
		})
	}
}

func TestASocketThatPushes(t *testing.T) {
	s := plugKey(t, newBus(t))
	early := dialPort(t, s.Path(), packets)
	require.NoError(t, early.WriteReport(report(1)))
	var _ plug.Pusher = s
	got := make(chan hid.Report)
	entered := make(chan struct{})
	s.Push(func(r *hid.Report) {
		if r[0] == 10 {
			close(entered)
		}
		got <- *r
	})
	require.Equal(t, *report(1), <-got, "what was written before lay in the socket")
	for n := byte(2); n < 10; n++ {
		require.NoError(t, early.WriteReport(report(n)))
		require.Equal(t, *report(n), <-got)
	}

	// Who takes a report may be waiting for who closes the socket.
	require.NoError(t, early.WriteReport(report(10)))
	<-entered
	require.NoError(t, s.Close())
	require.Equal(t, *report(10), <-got)
	var r hid.Report
	require.ErrorIs(t, s.ReadReport(&r), net.ErrClosed)
}

func TestASocketTellsWhoHasGone(t *testing.T) {
	s := plugKey(t, newBus(t))
	gone, got := make(chan uint32), make(chan hid.Report, 8)
	s.Left(func(channel uint32) { gone <- channel })
	s.Push(func(r *hid.Report) { got <- *r })
	require.NoError(t, dialPort(t, s.Path(), packets).Close()) // it has said nothing
	for n := byte(1); n < 4; n++ {
		host := dialPort(t, s.Path(), packets)
		require.NoError(t, host.WriteReport(report(9)))
		require.NoError(t, host.WriteReport(report(n)))
		require.NoError(t, host.Close())
		require.Equal(t, uint32(n)*0x01010101, <-gone)
		require.Len(t, got, 2, "what it had said was taken before")
		<-got
		<-got
	}
	stays := dialPort(t, s.Path(), packets)
	require.NoError(t, stays.WriteReport(report(1)))
	<-got
	require.NoError(t, s.Close(), "and nobody waits to be told of those who were sent away")
}
