//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/pipe"
	"github.com/mfalab/mfalab/hid/plug"
	"github.com/mfalab/mfalab/hid/uhid"
)

var labKey = hid.Identity{Vendor: 0x1209, Product: 0xf1d0, Version: 0x0512, Name: "Acme Lab Key", Serial: "00000007"}

// inside leaves a test out where there is no guest around it.
func inside(t *testing.T) {
	t.Helper()
	if os.Getenv(enter) == "" {
		t.Skip("left out: it is for the inside of a guest")
	}
}

// A node is an open hidraw node, as a client has it.
type node struct{ *os.File }

// openNode opens path, which is a moment late where udev is not there to wait for.
func openNode(t testing.TB, path string) node {
	t.Helper()
	for began := time.Now(); ; {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
			return node{f}
		}
		require.Less(t, time.Since(began), 5*time.Second, err)
	}
}

// ReadReport implements hid.Port.
func (n node) ReadReport(r *hid.Report) error {
	size, err := n.Read(r[:])
	if err == nil && size != len(r) {
		err = io.ErrShortBuffer
	}
	return err
}

// WriteReport implements hid.Port: the report number comes first.
func (n node) WriteReport(r *hid.Report) error {
	_, err := n.Write(append([]byte{0}, r[:]...))
	return err
}

// Close implements hid.Port: closing again does nothing.
func (n node) Close() error {
	if err := n.File.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func plugIn(t *testing.T) *uhid.Port {
	t.Helper()
	p, err := uhid.Plug(labKey)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestInsidePort(t *testing.T) {
	inside(t)
	hidtest.TestPort(t, func(t *testing.T) (device, host hid.Port) {
		p := plugIn(t)
		return p, openNode(t, p.Node())
	})
}

func TestInsideClients(t *testing.T) {
	inside(t)
	hidtest.TestClients(t, func(t *testing.T) (device hid.Port, dial func() hid.Port) {
		p := plugIn(t)
		return p, func() hid.Port { return openNode(t, p.Node()) }
	})
}

// A conn is a node for a suite that asks for a connection, and uses no more of it than a node has.
type conn struct {
	net.Conn
	node node
}

func (c conn) Read(b []byte) (int, error)  { return c.node.Read(b) }
func (c conn) Write(b []byte) (int, error) { return c.node.Write(b) }
func (c conn) Close() error                { return c.node.Close() }

func TestInsidePackets(t *testing.T) {
	inside(t)
	hidtest.TestPackets(t, func(t *testing.T) (device hid.Port, client net.Conn) {
		p := plugIn(t)
		return p, conn{node: openNode(t, p.Node())}
	})
}

func TestInsideANodeIsOpenedAndClosed100Times(t *testing.T) {
	inside(t)
	p := plugIn(t)
	for range 100 {
		n := openNode(t, p.Node())
		for began := time.Now(); !p.Opened(); {
			require.Less(t, time.Since(began), 5*time.Second, "OPEN")
		}
		require.NoError(t, n.Close())
		for began := time.Now(); p.Opened(); {
			require.Less(t, time.Since(began), 5*time.Second, "CLOSE")
		}
	}
}

func TestInsideAKeyIsPluggedIn100Times(t *testing.T) {
	inside(t)
	var path string
	for range 100 {
		p, err := uhid.Plug(labKey)
		require.NoError(t, err)
		path = p.Node()
		require.NoError(t, p.Close())
		_, err = os.Stat(path)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

// TestInsideTheKernelCostsLittle compares a PING of getAssertion's size, there and back, over hidraw with one in the
// process. What the key itself takes is the same for both, so that an echo stands for it.
func TestInsideTheKernelCostsLittle(t *testing.T) {
	inside(t)
	p := plugIn(t)
	kernel := median(t, p, openNode(t, p.Node()))
	device, host := pipe.New()
	within := median(t, device, host)
	fmt.Printf("figure: 180 bytes there and back, median: %v in the process, %v over uhid and hidraw: %v more, 5ms at most\n",
		within, kernel, kernel-within)
	require.Less(t, kernel-within, 5*time.Millisecond)
}

// TestInside10000Messages: the longest is what a CTAP request may be unless a key says otherwise. The longest that framing
// allows are not among them: a client writes 129 reports at once then, and the kernel keeps 31.
func TestInside10000Messages(t *testing.T) {
	inside(t)
	p := plugIn(t)
	echo := echoes(t, p, openNode(t, p.Node()))
	for n := range 10_000 {
		if n%100 == 99 {
			echo(1024)
		} else {
			echo(n % 180)
		}
	}
}

// median returns how long a message of 180 bytes, echoed, takes over a port.
func median(t *testing.T, device, client hid.Port) time.Duration {
	t.Helper()
	echo := echoes(t, device, client)
	var took []time.Duration
	for range 200 {
		began := time.Now()
		echo(180)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// echoes plugs an echo into device, and returns what sends it a message of n bytes and holds the answer against it.
func echoes(t *testing.T, device, client hid.Port) (echo func(n int)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- plug.Serve(ctx, device, ctaphid.NewDevice(&hidtest.Echo{}, ctaphid.Config{}), nil) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	var host ctaphid.Host
	carry := func() []byte {
		var r hid.Report
		for host.Transmit(&r) {
			require.NoError(t, client.WriteReport(&r))
		}
		for !host.Done() {
			require.NoError(t, client.ReadReport(&r))
			host.Receive(&r)
		}
		answer, err := host.Answer()
		require.NoError(t, err)
		return answer
	}
	host.Open([8]byte{1})
	carry()
	said := byte(0)
	return func(n int) {
		said++
		message := bytes.Repeat([]byte{said}, n)
		require.NoError(t, host.Send(ctaphid.CmdPing, message))
		require.True(t, bytes.Equal(message, carry()))
	}
}
