//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/uhid"
	"github.com/mfalab/mfalab/hid/usbip"
)

var labKey = hid.Identity{Vendor: 0x1209, Product: 0xf1d0, Version: 0x0512, Name: "Acme Lab Key", Serial: "00000007"}

// inside leaves a test out where there is no guest around it.
func inside(t *testing.T) {
	t.Helper()
	if os.Getenv(enter) == "" {
		t.Skip("left out: it is for the inside of a guest")
	}
}

// soon waits until look finds something. Five minutes are for what hangs, not for what is slow.
func soon[T any](t *testing.T, look func() (T, error)) T {
	t.Helper()
	for began := time.Now(); ; {
		found, err := look()
		if err == nil {
			return found
		}
		require.Less(t, time.Since(began), 5*time.Minute, err)
	}
}

// A node is an open hidraw node, as a client has it.
type node struct {
	*os.File
	// written counts reports, where the kernel takes them from a client faster than it passes them on: uhid keeps 31 and
	// drops the next.
	written *int
}

// openNode opens path, which is a moment late where udev is not there to wait for.
func openNode(t *testing.T, path string, keeps bool) node {
	t.Helper()
	f := soon(t, func() (*os.File, error) { return os.OpenFile(path, os.O_RDWR, 0) })
	t.Cleanup(func() { _ = f.Close() })
	if keeps {
		return node{f, nil}
	}
	return node{f, new(int)}
}

// ReadReport implements hid.Port.
func (n node) ReadReport(r *hid.Report) error {
	size, err := n.Read(r[:])
	if err == nil && size != len(r) {
		err = io.ErrShortBuffer
	}
	return err
}

// WriteReport implements hid.Port: the report number comes first. A client that has more to say than any CTAP message asks in
// between for the input report, which comes when all before it has been taken.
func (n node) WriteReport(r *hid.Report) error {
	if n.written != nil {
		if *n.written++; *n.written%16 == 0 {
			if err := n.wait(); err != nil {
				return err
			}
		}
	}
	_, err := n.Write(append([]byte{0}, r[:]...))
	return err
}

// wait is HIDIOCGINPUT. See include/uapi/linux/hidraw.h. A signal in the meantime, with which Go's runtime is generous, makes
// uhid say EIO.
func (n node) wait() error {
	var b [1 + hid.ReportSize]byte
	const getInput = uintptr(3<<30 | len(b)<<16 | 'H'<<8 | 0x0a)
	raw, err := n.SyscallConn()
	if err != nil {
		return err
	}
	var failed syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, getInput, uintptr(unsafe.Pointer(&b)))
	}); err != nil {
		return err
	}
	switch failed {
	case 0:
		return nil
	case syscall.EIO:
		return n.wait()
	}
	return failed
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

// attached counts the keys that were attached, for their serial numbers.
var attached atomic.Int64

// attach plugs a key into a server of its own, has the kernel attach it, and returns the device's end with the node.
func attach(t *testing.T) (hid.Port, string) {
	t.Helper()
	s, err := usbip.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	id := labKey
	id.Serial = fmt.Sprintf("%08d", attached.Add(1))
	d, err := s.Plug(id)
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(s.Addr().String())
	require.NoError(t, err)
	said := make(chan error, 1)
	go func() {
		out, err := exec.Command("usbip", "--tcp-port", port, "attach", "-r", "127.0.0.1", "-b", d.BusID()).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("usbip attach: %w: %s", err, out)
			s.Close() // ends Accept
		}
		said <- err
	}()
	p, err := d.Accept(context.Background())
	require.NoError(t, errors.Join(<-said, err))
	return unplugged{readAhead(p), t, id.Serial}, soon(t, func() (string, error) { return nodeOf(id.Serial) })
}

// An unplugged port is gone when its node is. Linux's vhci can lose a request that a client's close takes back while the
// device is being disconnected, and then waits for it for ever: the one has to end before the other begins.
type unplugged struct {
	hid.Port
	t      *testing.T
	serial string
}

// Close implements hid.Port.
func (u unplugged) Close() error {
	err := u.Port.Close()
	soon(u.t, func() (bool, error) {
		if path, missing := nodeOf(u.serial); missing == nil {
			return false, fmt.Errorf("%s is still there", path)
		}
		return true, nil
	})
	return err
}

// nodeOf returns the path of the hidraw node whose device has that serial number.
func nodeOf(serial string) (string, error) {
	all, err := filepath.Glob("/sys/class/hidraw/*/device/uevent")
	for _, path := range all {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), "HID_UNIQ="+serial+"\n") {
			return "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(path))), nil
		}
	}
	return "", errors.Join(fmt.Errorf("no node for %q", serial), err)
}

// An eager port reads ahead, as what serves a port does. Linux hands a USB device one report after the
// other, and a client that writes waits until it has been taken.
type eager struct {
	hid.Port
	in   chan hid.Report
	over chan struct{} // closed when err is set
	err  error
}

func readAhead(p hid.Port) *eager {
	e := &eager{Port: p, in: make(chan hid.Report, 1024), over: make(chan struct{})}
	go func() {
		defer close(e.over)
		for {
			var r hid.Report
			if e.err = p.ReadReport(&r); e.err != nil {
				return
			}
			e.in <- r
		}
	}()
	return e
}

// ReadReport implements hid.Port.
func (e *eager) ReadReport(r *hid.Report) error {
	select {
	case *r = <-e.in:
		return nil
	case <-e.over:
		return e.err
	}
}

// load has what an emulated kernel takes seconds for. Linux keeps 64 reports for a client that does not read.
var load = hidtest.Load{Ordered: 1000, Unread: 1000}

// ways are those that lead through the kernel: each plugs a key in, and returns what opens its node.
var ways = map[string]func(t *testing.T) (device hid.Port, dial func() node){
	"uhid": func(t *testing.T) (hid.Port, func() node) {
		p := plugIn(t)
		return p, func() node { return openNode(t, p.Node(), false) }
	},
	"usbip": func(t *testing.T) (hid.Port, func() node) {
		p, path := attach(t)
		return p, func() node { return openNode(t, path, true) }
	},
}

// eachWay runs a test for each of them.
func eachWay(t *testing.T, test func(t *testing.T, plugIt func(t *testing.T) (device hid.Port, dial func() node))) {
	inside(t)
	for name, way := range ways {
		t.Run(name, func(t *testing.T) { test(t, way) })
	}
}

func TestInsidePort(t *testing.T) {
	eachWay(t, func(t *testing.T, plugIt func(t *testing.T) (hid.Port, func() node)) {
		hidtest.TestPort(t, load, func(t *testing.T) (device, host hid.Port) {
			device, dial := plugIt(t)
			return device, dial()
		})
	})
}

func TestInsideClients(t *testing.T) {
	eachWay(t, func(t *testing.T, plugIt func(t *testing.T) (hid.Port, func() node)) {
		hidtest.TestClients(t, load, func(t *testing.T) (hid.Port, func() hid.Port) {
			device, dial := plugIt(t)
			return device, func() hid.Port { return dial() }
		})
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
	eachWay(t, func(t *testing.T, plugIt func(t *testing.T) (hid.Port, func() node)) {
		hidtest.TestPackets(t, func(t *testing.T) (hid.Port, net.Conn) {
			device, dial := plugIt(t)
			return device, conn{node: dial()}
		})
	})
}

func TestInsideANodeIsOpenedAndClosed100Times(t *testing.T) {
	inside(t)
	p := plugIn(t)
	is := func(open bool) func() (bool, error) {
		return func() (bool, error) {
			if p.Opened() != open {
				return open, fmt.Errorf("open: %t", !open)
			}
			return open, nil
		}
	}
	for range 100 {
		n := openNode(t, p.Node(), true)
		soon(t, is(true))
		require.NoError(t, n.Close())
		soon(t, is(false))
	}
}

func TestInsideAKeyIsPluggedIn100Times(t *testing.T) {
	inside(t)
	for range 100 {
		p, err := uhid.Plug(labKey)
		require.NoError(t, err)
		path := p.Node()
		require.NoError(t, p.Close())
		_, err = os.Stat(path)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}
