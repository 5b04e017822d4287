package sock

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// A hostPort is a client's end: what a program does that has opened a node, or connected to a stream socket.
type hostPort struct{ *opener }

func dialPort(t testing.TB, path string, f framing) hostPort {
	t.Helper()
	network := "unixpacket"
	if f == stream {
		network = "unix"
	}
	conn, err := dial(network, path)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	o, err := newOpener(conn, f)
	require.NoError(t, err)
	return hostPort{o}
}

func (p hostPort) ReadReport(r *hid.Report) error { return p.receive(r) }

func (p hostPort) WriteReport(r *hid.Report) error {
	_, err := p.conn.Write(r[:])
	return err
}

// Close may be called again, as that of every port.
func (p hostPort) Close() error {
	p.conn.Close()
	return nil
}
