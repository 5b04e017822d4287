//go:build linux

package uhid

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

var labKey = hid.Identity{Vendor: 0x1209, Product: 0xf1d0, Version: 0x0512, Name: "Acme Lab Key", Serial: "00000007"}

// A kernel is the other end of /dev/uhid: one device, and the clients of its node.
type kernel struct {
	file    *os.File
	made    chan creation   // what CREATE2 said, once
	replies chan []byte     // GET_REPORT_REPLY, SET_REPORT_REPLY
	start   func(k *kernel) // answers CREATE2
	created creation

	mu        sync.Mutex
	clients   []*client
	destroyed bool
	gone      chan struct{} // the file has been closed at the other end
}

// A client has the node open.
type client struct {
	net.Conn // none: the methods of a net.Conn that TestPackets does not call
	k        *kernel
	in       chan []byte
	closing  sync.Once
	closed   chan struct{}
}

// newKernel returns a kernel and the file that its device is.
func newKernel(t testing.TB) (*kernel, *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	k := &kernel{
		file: os.NewFile(uintptr(fds[0]), "kernel"),
		made: make(chan creation, 1), replies: make(chan []byte, 8), gone: make(chan struct{}),
		start: func(k *kernel) { k.say(event{kind: evStart}) },
	}
	go k.run()
	t.Cleanup(func() { k.file.Close(); <-k.gone })
	return k, os.NewFile(uintptr(fds[1]), "uhid")
}

func (k *kernel) say(e event) error {
	b := appendEvent(nil, e)
	_, err := k.file.Write(append(b, make([]byte, max(0, eventSize-len(b)))...)) // filled up, as uhid does
	return err
}

func (k *kernel) run() {
	defer close(k.gone)
	defer k.unplug()
	var b [2 * eventSize]byte
	for {
		n, err := k.file.Read(b[:])
		if err != nil || n == 0 {
			return
		}
		switch order.Uint32(b[:]) {
		case evCreate2:
			c, err := parseCreate(slices.Clone(b[:n]))
			if err != nil {
				panic(err)
			}
			k.made <- c
			k.start(k)
		case evInput2:
			k.mu.Lock()
			for _, c := range k.clients {
				select {
				case c.in <- slices.Clone(b[6:n]):
				default: // it does not read
				}
			}
			k.mu.Unlock()
		case evGetReportReply, evSetReportReply:
			k.replies <- slices.Clone(b[:n])
		case evDestroy:
			k.mu.Lock()
			k.destroyed = true
			k.mu.Unlock()
			k.unplug()
			_ = k.say(event{kind: evStop})
		}
	}
}

// unplug takes the node away from its clients.
func (k *kernel) unplug() {
	k.mu.Lock()
	clients := slices.Clone(k.clients)
	k.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
}

// dial opens the node.
func (k *kernel) dial() *client {
	c := &client{k: k, in: make(chan []byte, 2048), closed: make(chan struct{})}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.clients = append(k.clients, c); len(k.clients) == 1 {
		_ = k.say(event{kind: evOpen})
	}
	return c
}

func (c *client) Close() error {
	c.closing.Do(func() {
		close(c.closed)
		c.k.mu.Lock()
		defer c.k.mu.Unlock()
		if c.k.clients = slices.DeleteFunc(c.k.clients, func(o *client) bool { return o == c }); len(c.k.clients) == 0 {
			_ = c.k.say(event{kind: evClose})
		}
	})
	return nil
}

// Read gives a report as hidraw does, without a number.
func (c *client) Read(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, io.EOF
	default:
	}
	select {
	case r := <-c.in:
		return copy(b, r), nil
	case <-c.closed:
		return 0, io.EOF
	}
}

// Write takes what hidraw takes: 1 to 4096 bytes.
func (c *client) Write(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, syscall.ENODEV
	default:
	}
	if len(b) == 0 || len(b) > dataMax {
		return 0, syscall.EINVAL
	}
	return len(b), c.k.say(event{kind: evOutput, rtype: typeOutput, data: b})
}

func (c *client) ReadReport(r *hid.Report) error {
	n, err := c.Read(r[:])
	if err == nil && n != len(r) {
		err = errors.New("not a report")
	}
	return err
}

// WriteReport writes the report number 0 first, as clients do.
func (c *client) WriteReport(r *hid.Report) error {
	_, err := c.Write(append([]byte{0}, r[:]...))
	return err
}

// sys is a system with this kernel and the node hidraw3 in it, which appears when it is looked for a second time, and is there for
// clients somewhat later.
func sys(file io.ReadWriteCloser, k *kernel) system {
	open := func() (io.ReadWriteCloser, error) { return file, nil }
	return system{open: open, patience: patience, sight: time.Hour, nodes: &nodes{k: k}}
}

type nodes struct {
	k      *kernel
	looked int
	fs.FS
}

func (n *nodes) Open(name string) (fs.File, error) {
	if n.FS == nil {
		n.k.created = <-n.k.made
		n.FS = fstest.MapFS{"hidraw0/device/uevent": {Data: []byte("HID_NAME=Mouse\nHID_PHYS=usb-0000:00:14.0-2/input0\n")}}
	}
	switch n.looked++; n.looked {
	case 4:
		n.FS.(fstest.MapFS)["hidraw3/device/uevent"] = &fstest.MapFile{
			Data: []byte("DRIVER=hid-generic\nHID_ID=0003:00001209:0000F1D0\nHID_PHYS=" + n.k.created.phys + "\nHID_UNIQ=\n")}
	case 12:
		n.FS.(fstest.MapFS)["hidraw3/device/country"] = &fstest.MapFile{}
	}
	return n.FS.Open(name)
}

// newPort plugs a key into a kernel of its own.
func newPort(t testing.TB) (*Port, *kernel) {
	t.Helper()
	k, file := newKernel(t)
	p, err := plug(labKey, sys(file, k))
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p, k
}
