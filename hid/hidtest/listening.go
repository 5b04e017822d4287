package hidtest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// A Listening is a way in that clients find by an address.
type Listening interface {
	hid.Port
	// Addr returns where.
	Addr() net.Addr
}

// A Network is what makes such ways in, and their clients.
type Network struct {
	Listen func(address string) (Listening, error)
	Dial   func(address string) (hid.Port, error)
}

// Open listens at a free port of the loopback for the test's duration. dial gives one more client.
func (n Network) Open(t testing.TB) (device Listening, dial func() hid.Port) {
	t.Helper()
	device, err := n.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, device.Close()) })
	return device, func() hid.Port {
		host, err := n.Dial(device.Addr().String())
		require.NoError(t, err)
		return host
	}
}

// TestNetwork checks a way in that clients find by an address: TestPort, TestClients, and which addresses it takes.
func TestNetwork(t *testing.T, n Network) {
	t.Run("one client", func(t *testing.T) {
		TestPort(t, WholeLoad, func(t *testing.T) (device, host hid.Port) {
			port, dial := n.Open(t)
			return port, dial()
		})
	})
	t.Run("several clients", func(t *testing.T) {
		TestClients(t, WholeLoad, func(t *testing.T) (hid.Port, func() hid.Port) { return n.Open(t) })
	})
	t.Run("an address without a host is the loopback", func(t *testing.T) {
		port, err := n.Listen(":0")
		require.NoError(t, err)
		defer port.Close()
		require.True(t, netip.MustParseAddrPort(port.Addr().String()).Addr().IsLoopback(), port.Addr())
	})
	t.Run("an address that is taken is refused", func(t *testing.T) {
		port, _ := n.Open(t)
		_, err := n.Listen(port.Addr().String())
		require.Error(t, err)
		_, err = n.Listen("nonsense")
		require.Error(t, err)
	})
}

// BenchmarkRoundTrip measures a report to the device and one back, without a device that thinks.
func BenchmarkRoundTrip(b *testing.B, device, host hid.Port) {
	var r hid.Report
	b.ReportAllocs()
	for b.Loop() {
		if host.WriteReport(&r) != nil || device.ReadReport(&r) != nil || device.WriteReport(&r) != nil || host.ReadReport(&r) != nil {
			b.Fatal("lost")
		}
	}
}
