package udp_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/udp"
)

func listen(t *testing.T) *udp.Port {
	t.Helper()
	port, err := udp.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, port.Close()) })
	return port
}

func dial(t *testing.T, port *udp.Port) hid.Port {
	t.Helper()
	host, err := udp.Dial(port.Addr().String())
	require.NoError(t, err)
	return host
}

func TestPort(t *testing.T) {
	hidtest.TestPort(t, hidtest.WholeLoad, func(t *testing.T) (device, host hid.Port) {
		port := listen(t)
		return port, dial(t, port)
	})
}

func TestClients(t *testing.T) {
	hidtest.TestClients(t, hidtest.WholeLoad, func(t *testing.T) (hid.Port, func() hid.Port) {
		port := listen(t)
		return port, func() hid.Port { return dial(t, port) }
	})
}

func TestPackets(t *testing.T) {
	hidtest.TestPackets(t, func(t *testing.T) (hid.Port, net.Conn) {
		port := listen(t)
		client, err := net.Dial("udp", port.Addr().String())
		require.NoError(t, err)
		return port, client
	})
}

func TestAClientIsForgottenAfterEightOthers(t *testing.T) {
	port := listen(t)
	var r hid.Report
	hosts := make([]hid.Port, 9)
	for i := range hosts {
		hosts[i] = dial(t, port)
		defer hosts[i].Close()
		r[0] = byte(i)
		require.NoError(t, hosts[i].WriteReport(&r))
		require.NoError(t, port.ReadReport(&r))
	}
	r[0] = 100
	require.NoError(t, port.WriteReport(&r)) // the first one does not see it
	r[0] = 101
	require.NoError(t, hosts[0].WriteReport(&r))
	require.NoError(t, port.ReadReport(&r))
	r[0] = 102
	require.NoError(t, port.WriteReport(&r)) // now the second one does not
	for i, want := range [][]byte{{102}, {100}, {100, 102}} {
		for _, b := range want {
			require.NoError(t, hosts[i].ReadReport(&r))
			require.Equal(t, b, r[0], "client %d", i)
		}
	}
}

func TestAnAddressWithoutAHostIsTheLoopback(t *testing.T) {
	port, err := udp.Listen(":0")
	require.NoError(t, err)
	defer port.Close()
	require.True(t, netip.MustParseAddrPort(port.Addr().String()).Addr().IsLoopback(), port.Addr())
}

func TestAnAddressThatIsTakenIsRefused(t *testing.T) {
	port := listen(t)
	_, err := udp.Listen(port.Addr().String())
	require.Error(t, err)
	_, err = udp.Listen("nonsense")
	require.Error(t, err)
}

func BenchmarkRoundTrip(b *testing.B) {
	port, err := udp.Listen("127.0.0.1:0")
	require.NoError(b, err)
	host, err := udp.Dial(port.Addr().String())
	require.NoError(b, err)
	var r hid.Report
	b.ReportAllocs()
	for b.Loop() {
		if host.WriteReport(&r) != nil || port.ReadReport(&r) != nil || port.WriteReport(&r) != nil || host.ReadReport(&r) != nil {
			b.Fatal("lost")
		}
	}
	require.NoError(b, host.Close())
	require.NoError(b, port.Close())
}
