// Package hidtest is what every way in must do. A way in runs TestPort, and whichever of TestClients, TestPackets and
// TestStream fit it.
package hidtest

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
)

const (
	// window is how many reports may be underway in one direction: the longest message. No client sends more before it
	// has read an answer.
	window = 129
	// stream is how many are, where they never end: less than a kernel keeps, which nobody makes wait.
	stream = 24
	// messages is how many requests one client makes.
	messages = 10_000
	// late is how many reports are written before a reader comes, of the longest message: what hid.Pace lets go at once. A kernel
	// keeps 63 for a client, and what follows these comes one by one, so that the reader need not be fast.
	late = 32
	// patient is how long a device waits for the next packet of a message, in milliseconds: the most it can. A machine that is
	// busy with something else must not cost a message.
	patient = 60_000
	// moreThanAnySystemKeeps is 16 MiB of reports. Linux keeps up to 10 MiB for a client of a local stream.
	moreThanAnySystemKeeps = 16 << 20 / hid.ReportSize
)

// A Load is how many reports the suites carry besides the 10,000 messages that each way in takes. Ways that lead through an
// emulated kernel, where each report costs a millisecond, choose their own; WholeLoad is for all others.
type Load struct {
	Ordered int // in each direction, while the other one is busy as well
	Unread  int // written for a client that never reads: more than the system keeps for it
}

// WholeLoad is what a way in has that costs microseconds.
var WholeLoad = Load{Ordered: messages, Unread: moreThanAnySystemKeeps}

// TestPort checks a way in with one client. open plugs a device in and returns both ends, the host's as a client sees it;
// it is called once for each case, and what it leaves behind besides the ends it gives back by t.Cleanup.
func TestPort(t *testing.T, load Load, open func(t *testing.T) (device, host hid.Port)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, device, host hid.Port)
	}{
		{"reports arrive as they were sent", testReports},
		{"reports arrive in order and none is lost", load.testOrder},
		{"a reader that is late finds the longest message", testLate},
		{"every length makes the way there and back", testLengths},
		{"10,000 messages", testMessages},
		{"closing a device that nobody used", testCloseUnused},
		{"closing the device ends its reader", testCloseDevice},
		{"closing the host ends its reader", testCloseHost},
		{"a host that does not read holds nobody for good", testDeafHost},
		{"a host that goes away leaves the device whole", testGoneHost},
	} {
		t.Run(c.name, func(t *testing.T) {
			device, host := open(t)
			defer device.Close()
			defer host.Close()
			c.run(t, device, host)
		})
	}
	t.Run("plugging and unplugging", func(t *testing.T) { testHotPlug(t, open) })
}

// numbered returns a report that no other number gives.
func numbered(n int) hid.Report {
	var r hid.Report
	for i := range r {
		r[i] = byte(n * (i + 1))
	}
	binary.BigEndian.PutUint32(r[60:], uint32(n))
	return r
}

// greet writes one report from the host and reads it, so that a way in without connections knows its client.
func greet(t *testing.T, device, host hid.Port) {
	t.Helper()
	carry(t, host, device, numbered(0))
}

func carry(t *testing.T, from, to hid.Port, want hid.Report) {
	t.Helper()
	require.NoError(t, from.WriteReport(&want))
	var got hid.Report
	require.NoError(t, to.ReadReport(&got))
	require.Equal(t, want, got)
}

func testReports(t *testing.T, device, host hid.Port) {
	greet(t, device, host)
	for b := range 256 {
		var r hid.Report
		for i := range r {
			r[i] = byte(b + i*(b&1))
		}
		carry(t, host, device, r)
		carry(t, device, host, r)
	}
}

func (l Load) testOrder(t *testing.T, device, host hid.Port) {
	greet(t, device, host)
	var running sync.WaitGroup
	defer running.Wait()
	for _, way := range [][2]hid.Port{{host, device}, {device, host}} {
		from, to := way[0], way[1]
		underway := make(chan struct{}, stream)
		running.Go(func() {
			for n := range l.Ordered {
				underway <- struct{}{}
				r := numbered(n)
				if err := from.WriteReport(&r); err != nil {
					t.Errorf("report %d: %v", n, err)
					device.Close()
					host.Close()
					return
				}
			}
		})
		running.Go(func() {
			var got hid.Report
			for n := range l.Ordered {
				if err := to.ReadReport(&got); err != nil || got != numbered(n) {
					t.Errorf("report %d: got %x, %v", n, got, err)
					device.Close()
					host.Close()
				}
				<-underway
			}
		})
	}
}

func testLate(t *testing.T, device, host hid.Port) {
	greet(t, device, host)
	for _, way := range [][2]hid.Port{{host, device}, {device, host}} {
		some, written := make(chan struct{}), make(chan error, 1)
		go func() {
			for n := range window {
				if n == late {
					close(some)
				}
				r := numbered(n)
				if err := way[0].WriteReport(&r); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		<-some
		var got hid.Report
		for n := range window {
			require.NoError(t, way[1].ReadReport(&got))
			require.Equal(t, numbered(n), got)
		}
		require.NoError(t, <-written)
	}
}

func testLengths(t *testing.T, device, host hid.Port) {
	stop := serve(t, device)
	c := newClient(t, host)
	for _, n := range []int{0, 1, 56, 57, 58, 115, 116, 117, 1024, ctaphid.MaxMessage - 1, ctaphid.MaxMessage} {
		c.echo(n)
	}
	c.cbor(600)
	require.NoError(t, stop())
}

func testMessages(t *testing.T, device, host hid.Port) {
	stop := serve(t, device)
	c := newClient(t, host)
	for n := range messages {
		switch {
		case n%1000 == 999:
			c.echo(ctaphid.MaxMessage)
		case n%10 == 9:
			c.echo(n / 10 % 180)
		default:
			c.echo(n % 58)
		}
	}
	require.NoError(t, stop())
}

func testCloseUnused(t *testing.T, device, _ hid.Port) { testClose(t, device) }

func testCloseDevice(t *testing.T, device, host hid.Port) {
	greet(t, device, host)
	testClose(t, device)
}

func testCloseHost(t *testing.T, device, host hid.Port) {
	greet(t, device, host)
	testClose(t, host)
}

func testClose(t *testing.T, port hid.Port) {
	ended := make(chan error, 1)
	go func() {
		var r hid.Report
		ended <- port.ReadReport(&r)
	}()
	require.NoError(t, port.Close())
	require.Error(t, <-ended)
	require.NoError(t, port.Close(), "closed twice")
	var r hid.Report
	require.Error(t, port.ReadReport(&r))
	require.Error(t, port.WriteReport(&r))
}

func testDeafHost(t *testing.T, device, host hid.Port) {
	greet(t, device, host)
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			r := numbered(n)
			if device.WriteReport(&r) != nil {
				return
			}
			if n == 0 {
				close(begun)
			}
		}
	}()
	<-begun
	require.NoError(t, device.Close())
	<-ended
}

func testGoneHost(t *testing.T, device, host hid.Port) {
	stop := serve(t, device)
	c := newClient(t, host)
	c.echo(100)
	require.NoError(t, c.host.Send(ctaphid.CmdPing, make([]byte, ctaphid.MaxMessage)))
	var r hid.Report
	for range 3 {
		c.host.Transmit(&r)
		require.NoError(t, host.WriteReport(&r))
	}
	require.NoError(t, host.Close())
	_ = stop() // some ways in end with their only client, others wait for the next one
}

func testHotPlug(t *testing.T, open func(t *testing.T) (device, host hid.Port)) {
	for n := range 20 {
		device, host := open(t)
		stop := serve(t, device)
		newClient(t, host).echo(n)
		if n%2 == 0 {
			require.NoError(t, host.Close())
		}
		_ = stop()
		require.NoError(t, host.Close())
		require.NoError(t, device.Close())
	}
}
