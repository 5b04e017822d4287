package tcp_test

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/tcp"
)

var network = hidtest.Network{
	Listen: func(address string) (hidtest.Listening, error) { return tcp.Listen(address) },
	Dial:   tcp.Dial,
}

func TestNetwork(t *testing.T) { hidtest.TestNetwork(t, network) }

func TestStream(t *testing.T) {
	hidtest.TestStream(t, func(t *testing.T) (hid.Port, func() net.Conn) {
		port, _ := network.Open(t)
		return port, func() net.Conn {
			client, err := net.Dial("tcp", port.Addr().String())
			require.NoError(t, err)
			return client
		}
	})
}

func TestUnpluggingHangsUp(t *testing.T) {
	port, dial := network.Open(t)
	host := dial()
	defer host.Close()
	var r hid.Report
	require.NoError(t, host.WriteReport(&r))
	require.NoError(t, port.ReadReport(&r))
	require.NoError(t, port.Close())
	require.ErrorIs(t, host.ReadReport(&r), io.EOF)
}

func TestOneClientTooManyIsHungUpOn(t *testing.T) {
	port, dial := network.Open(t)
	var r hid.Report
	for range 32 {
		host := dial()
		defer host.Close()
		require.NoError(t, host.WriteReport(&r))
		require.NoError(t, port.ReadReport(&r))
	}
	host := dial()
	defer host.Close()
	require.Error(t, host.ReadReport(&r))
}

func BenchmarkRoundTrip(b *testing.B) {
	device, dial := network.Open(b)
	host := dial()
	hidtest.BenchmarkRoundTrip(b, device, host)
	require.NoError(b, host.Close())
}
