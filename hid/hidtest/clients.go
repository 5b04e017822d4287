package hidtest

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
)

// TestClients checks a way in that several clients may have open, as with a hidraw node. open plugs a device in; dial
// gives one more client.
func TestClients(t *testing.T, load Load, open func(t *testing.T) (device hid.Port, dial func() hid.Port)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, device hid.Port, dial func() hid.Port)
	}{
		{"every client sees every report", testAllSee},
		{"clients in turn", testTurns},
		{"clients at once", testAtOnce},
		{"a client that does not read holds nobody up", load.testDeafClient},
		{"a client that vanishes in mid-message", testVanish},
	} {
		t.Run(c.name, func(t *testing.T) {
			device, dial := open(t)
			defer device.Close()
			c.run(t, device, func() hid.Port {
				host := dial()
				t.Cleanup(func() { _ = host.Close() })
				return host
			})
		})
	}
}

func testAllSee(t *testing.T, device hid.Port, dial func() hid.Port) {
	hosts := []hid.Port{dial(), dial(), dial()}
	for _, host := range hosts {
		greet(t, device, host)
	}
	for n := range window {
		want := numbered(n)
		require.NoError(t, device.WriteReport(&want))
		for _, host := range hosts {
			var got hid.Report
			require.NoError(t, host.ReadReport(&got))
			require.Equal(t, want, got)
		}
	}
}

func testTurns(t *testing.T, device hid.Port, dial func() hid.Port) {
	stop := serve(t, device)
	for n := range 50 {
		host := dial()
		newClient(t, host).echo(n * 10)
		require.NoError(t, host.Close())
	}
	require.NoError(t, stop())
}

func testAtOnce(t *testing.T, device hid.Port, dial func() hid.Port) {
	stop := serve(t, device)
	clients := []*client{newClient(t, dial()), newClient(t, dial()), newClient(t, dial())}
	for n := range 300 {
		clients[n%len(clients)].echo(n)
	}
	require.NoError(t, stop())
}

func (l Load) testDeafClient(t *testing.T, device hid.Port, dial func() hid.Port) {
	greet(t, device, dial()) // it never reads
	for n := range l.Unread {
		r := numbered(n)
		require.NoError(t, device.WriteReport(&r))
	}
	ended := make(chan struct{})
	go func() { // not by package plug: a device that pushes reports cannot be asked for one before
		defer close(ended)
		answer(device)
	}()
	c := newClient(t, dial())
	for n := range 20 {
		c.echo(n * 100)
	}
	require.NoError(t, device.Close())
	<-ended
}

func testVanish(t *testing.T, device hid.Port, dial func() hid.Port) {
	stop := serveAs(t, device, ctaphid.Config{TimeoutMS: 20})
	host := dial()
	c := newClient(t, host)
	require.NoError(t, c.host.Send(ctaphid.CmdPing, make([]byte, 1000)))
	var r hid.Report
	c.host.Transmit(&r)
	require.NoError(t, host.WriteReport(&r))
	require.NoError(t, host.Close())
	newClient(t, dial()).echo(50) // one packet: a second one might be late for a device that waits so briefly
	require.NoError(t, stop())
}

// TestPackets checks a way in that keeps the boundaries of what a client writes: 64 bytes are a report, 65 are one behind
// the report ID 0, and anything else is none. open plugs a device in and connects a client.
func TestPackets(t *testing.T, open func(t *testing.T) (device hid.Port, client net.Conn)) {
	device, client := open(t)
	defer device.Close()
	defer client.Close()
	answer := make([]byte, hid.ReportSize+1)
	for n, c := range []struct {
		name  string
		write []byte
	}{
		{"nothing else", nil},
		{"1 byte", make([]byte, 1)},
		{"63 bytes", make([]byte, 63)},
		{"65 bytes behind another report ID", append([]byte{1}, make([]byte, 64)...)},
		{"66 bytes", make([]byte, 66)},
		{"128 bytes", make([]byte, 128)},
		{"4096 bytes", make([]byte, 4096)},
		{"1 MiB", make([]byte, 1<<20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.write != nil {
				_, _ = client.Write(c.write) // what is too long for the system gets no further
			}
			for _, id := range [][]byte{nil, {0}} {
				want := numbered(n + 1) // not 0: a kernel takes that for the report ID, of 64 bytes as well
				_, err := client.Write(append(id, want[:]...))
				require.NoError(t, err)
				var got hid.Report
				require.NoError(t, device.ReadReport(&got))
				require.Equal(t, want, got)
				require.NoError(t, device.WriteReport(&got))
				size, err := client.Read(answer)
				require.NoError(t, err)
				require.Equal(t, want[:], answer[:size], "what a client reads has no report ID")
			}
		})
	}
}

// TestStream checks a way in over a stream, whose clients may write 64-byte reports in pieces of any size. open plugs a
// device in; dial connects one more client.
func TestStream(t *testing.T, open func(t *testing.T) (device hid.Port, dial func() net.Conn)) {
	device, dial := open(t)
	defer device.Close()
	expect := func(t *testing.T, n int) {
		t.Helper()
		var got hid.Report
		require.NoError(t, device.ReadReport(&got))
		require.Equal(t, numbered(n), got)
	}
	t.Run("a client that writes 1 byte at a time", func(t *testing.T) {
		client := dial()
		defer client.Close()
		for n := range 10 {
			r := numbered(n)
			for i := range r {
				_, err := client.Write(r[i : i+1])
				require.NoError(t, err)
			}
			expect(t, n)
		}
	})
	t.Run("a client that writes 1 MiB at once", func(t *testing.T) {
		client := dial()
		defer client.Close()
		const reports = 1 << 20 / hid.ReportSize
		var all []byte
		for n := range reports {
			r := numbered(n)
			all = append(all, r[:]...)
		}
		written := make(chan error, 1)
		go func() {
			_, err := client.Write(all)
			written <- err
		}()
		for n := range reports {
			expect(t, n)
		}
		require.NoError(t, <-written)
	})
	t.Run("a client that vanishes in the middle of a report", func(t *testing.T) {
		for _, size := range []int{1, 63} {
			client := dial()
			_, err := client.Write(make([]byte, size))
			require.NoError(t, err)
			require.NoError(t, client.Close())
			client = dial()
			r := numbered(size)
			_, err = client.Write(r[:])
			require.NoError(t, err)
			expect(t, size)
			require.NoError(t, client.Close())
		}
	})
}
