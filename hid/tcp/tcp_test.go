package tcp_test

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/tcp"
)

func listen(t *testing.T) *tcp.Port {
	t.Helper()
	port, err := tcp.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, port.Close()) })
	return port
}

func dial(t *testing.T, port *tcp.Port) hid.Port {
	t.Helper()
	host, err := tcp.Dial(port.Addr().String())
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

func TestStream(t *testing.T) {
	hidtest.TestStream(t, func(t *testing.T) (hid.Port, func() net.Conn) {
		port := listen(t)
		return port, func() net.Conn {
			client, err := net.Dial("tcp", port.Addr().String())
			require.NoError(t, err)
			return client
		}
	})
}

func TestUnpluggingHangsUp(t *testing.T) {
	port := listen(t)
	host := dial(t, port)
	defer host.Close()
	var r hid.Report
	require.NoError(t, host.WriteReport(&r))
	require.NoError(t, port.ReadReport(&r))
	require.NoError(t, port.Close())
	require.ErrorIs(t, host.ReadReport(&r), io.EOF)
}

func TestOneClientTooManyIsHungUpOn(t *testing.T) {
	port := listen(t)
	var r hid.Report
	for range 32 {
		host := dial(t, port)
		defer host.Close()
		require.NoError(t, host.WriteReport(&r))
		require.NoError(t, port.ReadReport(&r))
	}
	host := dial(t, port)
	defer host.Close()
	require.Error(t, host.ReadReport(&r))
}

func TestAnAddressWithoutAHostIsTheLoopback(t *testing.T) {
	port, err := tcp.Listen(":0")
	require.NoError(t, err)
	defer port.Close()
	require.True(t, netip.MustParseAddrPort(port.Addr().String()).Addr().IsLoopback(), port.Addr())
}

func TestAnAddressThatIsTakenIsRefused(t *testing.T) {
	port := listen(t)
	_, err := tcp.Listen(port.Addr().String())
	require.Error(t, err)
	_, err = tcp.Listen("nonsense")
	require.Error(t, err)
}

func BenchmarkRoundTrip(b *testing.B) {
	port, err := tcp.Listen("127.0.0.1:0")
	require.NoError(b, err)
	host, err := tcp.Dial(port.Addr().String())
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
