//go:build unix

package usbip

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/plug"
	"github.com/mfalab/mfalab/hid/sock"
)

// A unixHost is the client's end of a node on a bus folder.
type unixHost struct{ net.Conn }

func (h unixHost) ReadReport(r *hid.Report) error  { _, err := h.Read(r[:]); return err }
func (h unixHost) WriteReport(r *hid.Report) error { _, err := h.Write(r[:]); return err }

// ping sends a PING of 57 bytes, one report, and waits until it is back.
func ping(host *ctaphid.Host, port hid.Port) error {
	message := make([]byte, 57)
	if err := host.Send(ctaphid.CmdPing, message); err != nil {
		return err
	}
	return carry(host, port)
}

func carry(host *ctaphid.Host, port hid.Port) error {
	var r hid.Report
	for host.Transmit(&r) {
		if err := port.WriteReport(&r); err != nil {
			return err
		}
	}
	for !host.Done() {
		if err := port.ReadReport(&r); err != nil {
			return err
		}
		host.Receive(&r)
	}
	_, err := host.Answer()
	return err
}

// ways are the two that are compared, each with a device that is served and its host's end.
var ways = map[string]func(b testing.TB) (device, host hid.Port){
	"usbip": func(b testing.TB) (device, host hid.Port) { return attached(b, plugKey(b, listen(b))) },
	"unix": func(b testing.TB) (device, host hid.Port) {
		dir, err := os.MkdirTemp("", "bus")
		require.NoError(b, err)
		b.Cleanup(func() { os.RemoveAll(dir) })
		bus, err := sock.Open(dir)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, bus.Close()) })
		s, err := bus.Plug(labKey)
		require.NoError(b, err)
		conn, err := net.Dial("unixpacket", filepath.Join(dir, "dev", s.Name()))
		require.NoError(b, err)
		b.Cleanup(func() { conn.Close() })
		return s, unixHost{conn}
	},
}

func served(b testing.TB, way string) (*ctaphid.Host, hid.Port) {
	device, port := ways[way](b)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- plug.Serve(ctx, device, ctaphid.NewDevice(&hidtest.Echo{}, ctaphid.Config{}), nil) }()
	b.Cleanup(func() { cancel(); require.NoError(b, <-ended) })
	host := &ctaphid.Host{}
	host.Open([8]byte{1})
	require.NoError(b, carry(host, port))
	return host, port
}

// 10,000 PINGs each way, in turns of 100 so that both see the same machine. Reach: over USB/IP at least half as fast.
func BenchmarkPing(b *testing.B) {
	usb, usbPort := served(b, "usbip")
	unix, unixPort := served(b, "unix")
	var spent [2]time.Duration
	turn := func(n int, host *ctaphid.Host, port hid.Port) {
		begun := time.Now()
		for range 100 {
			require.NoError(b, ping(host, port))
		}
		spent[n] += time.Since(begun)
	}
	b.ReportAllocs()
	for b.Loop() {
		for range 100 {
			turn(0, usb, usbPort)
			turn(1, unix, unixPort)
		}
	}
	pings := float64(10_000 * b.N)
	b.ReportMetric(float64(spent[0].Nanoseconds())/pings, "usbip-ns/ping")
	b.ReportMetric(float64(spent[1].Nanoseconds())/pings, "unix-ns/ping")
	b.ReportMetric(spent[1].Seconds()/spent[0].Seconds(), "usbip/unix-speed")
}
