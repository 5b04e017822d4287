package udp_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/udp"
)

var network = hidtest.Network{
	Listen: func(address string) (hidtest.Listening, error) { return udp.Listen(address) },
	Dial:   udp.Dial,
}

func TestNetwork(t *testing.T) { hidtest.TestNetwork(t, network) }

func TestPackets(t *testing.T) {
	hidtest.TestPackets(t, func(t *testing.T) (hid.Port, net.Conn) {
		port, _ := network.Open(t)
		client, err := net.Dial("udp", port.Addr().String())
		require.NoError(t, err)
		return port, client
	})
}

func TestAClientIsForgottenAfterEightOthers(t *testing.T) {
	port, dial := network.Open(t)
	var r hid.Report
	hosts := make([]hid.Port, 9)
	for i := range hosts {
		hosts[i] = dial()
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

func BenchmarkRoundTrip(b *testing.B) {
	device, dial := network.Open(b)
	host := dial()
	hidtest.BenchmarkRoundTrip(b, device, host)
	require.NoError(b, host.Close())
}
