package uhid

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// arriving is how many reports wait for the device: several of the longest messages. The kernel keeps 31 and drops
	// what is above, so that somebody must always read.
	arriving = 8 * 129
	// patience is how long the kernel may take to start the device: many times what a busy one takes.
	patience = 10 * time.Second
	// sight is how long its node may take to be seen after that.
	sight = 10 * time.Second
	// glance is what lies between two looks for the node.
	glance = 2 * time.Millisecond
)

// A Port is a key that the kernel has as a HID device. Any number of clients may open its node at a time, and each sees
// every report of the device from then on.
type Port struct {
	file io.ReadWriteCloser // each Read and each Write is one event
	node string
	in   chan hid.Report
	open atomic.Bool

	mu   sync.Mutex
	pace hid.Pace

	started chan struct{} // closed when the kernel says START
	over    chan struct{} // closed when the kernel says no more
	err     error         // why; set before over is closed
	closed  atomic.Bool
	closing sync.Once
	fail    error // what Close answers
}

var _ hid.Port = (*Port)(nil)

// A system is what Plug needs of the machine.
type system struct {
	open            func() (io.ReadWriteCloser, error)
	nodes           fs.FS // /sys/class/hidraw
	patience, sight time.Duration
}

var plugged atomic.Int64 // devices that this process ever had, for their places

// Plug makes a key that calls itself id appear, with whatever number the kernel has for its node. It is an error, with the
// remedy, if /dev/uhid is not there or may not be opened, if the kernel has no driver for the key, or if id has control
// characters, a name of more than 127 bytes or a serial number of more than 63.
//
// There is one way in for each key and no bus to close. Being plugged in is being powered: Close and Plug are a power cycle.
func Plug(id hid.Identity) (*Port, error) {
	p, err := plug(id, machine())
	if err != nil {
		return nil, fmt.Errorf("uhid: %w", err)
	}
	return p, nil
}

func plug(id hid.Identity, sys system) (*Port, error) {
	if err := check(id); err != nil {
		return nil, err
	}
	file, err := sys.open()
	if err != nil {
		return nil, err
	}
	place := fmt.Sprintf("mfalab/%d/%d", os.Getpid(), plugged.Add(1))
	create := appendCreate(nil, creation{
		name: id.Name, phys: place, uniq: id.Serial, descriptor: hid.ReportDescriptor(),
		vendor: uint32(id.Vendor), product: uint32(id.Product), version: uint32(id.Version),
	})
	if _, err := file.Write(create); err != nil {
		file.Close()
		return nil, fmt.Errorf("the kernel does not take the key: %w", err)
	}
	p := &Port{file: file, in: make(chan hid.Report, arriving), started: make(chan struct{}), over: make(chan struct{})}
	go p.read()
	deadline := time.NewTimer(sys.patience)
	defer deadline.Stop()
	select {
	case <-p.started:
	case <-p.over:
		return nil, errors.Join(fmt.Errorf("the kernel gave the key up: %w", p.err), p.Close())
	case <-deadline.C:
		return nil, errors.Join(errors.New("the kernel has no driver for the key: load the module (modprobe hid-generic)"), p.Close())
	}
	p.node = waitNode(sys.nodes, place, time.After(sys.sight))
	return p, nil
}

// check says why id has no place in the event.
func check(id hid.Identity) error {
	for _, f := range []struct {
		what, value string
		room        int
	}{{"name", id.Name, nameSize - 1}, {"serial number", id.Serial, uniqSize - 1}} {
		switch {
		case len(f.value) > f.room:
			return fmt.Errorf("the %s has %d bytes: make it %d at most", f.what, len(f.value), f.room)
		case !utf8.ValidString(f.value), strings.ContainsFunc(f.value, unicode.IsControl):
			return fmt.Errorf("the %s %q holds control characters or is not UTF-8: use printable text", f.what, f.value)
		}
	}
	return nil
}

// Node returns the path by which clients find the key, such as "/dev/hidraw3"; "" where /sys does not show it, as in some
// containers. What rights it has is udev's to say, a moment later.
func (p *Port) Node() string { return p.node }

// Opened reports whether any client has the node open.
func (p *Port) Opened() bool { return p.open.Load() }

// read takes events until there are no more.
func (p *Port) read() {
	defer close(p.over)
	var b [eventSize]byte
	starting := true
	for {
		n, err := p.file.Read(b[:])
		if err != nil {
			p.err = err
			return
		}
		e, err := parseEvent(b[:n])
		if err != nil {
			p.err = fmt.Errorf("the kernel sent %w", err)
			return
		}
		if e.kind == evStart && starting { // the driver may be changed later
			starting = false
			close(p.started)
		}
		if answer := p.event(e); answer != nil {
			if _, p.err = p.file.Write(answer); p.err != nil {
				return
			}
		}
	}
}

// event returns the answer to e, nil where none is due.
func (p *Port) event(e event) []byte {
	switch e.kind {
	case evOpen, evClose:
		p.open.Store(e.kind == evOpen)
	case evOutput:
		p.take(e)
	case evSetReport:
		if e.number == 0 && p.take(e) {
			return appendReply(nil, evSetReportReply, e.id, 0, nil)
		}
		return appendReply(nil, evSetReportReply, e.id, errorIO, nil)
	case evGetReport:
		if e.number == 0 && e.rtype == typeInput { // a report that says nothing, behind its number
			return appendReply(nil, evGetReportReply, e.id, 0, make([]byte, 1+hid.ReportSize))
		}
		return appendReply(nil, evGetReportReply, e.id, errorIO, nil)
	}
	return nil
}

// take hands a client's report to the device, and reports whether it was one. Who does not read loses the newest.
func (p *Port) take(e event) bool {
	var r hid.Report
	if !e.report(&r) {
		return false
	}
	p.mu.Lock()
	p.pace.Heard()
	p.mu.Unlock()
	select {
	case p.in <- r:
	default:
	}
	return true
}

// reason is what a caller is told of err: that of a device which was closed here is no surprise.
func (p *Port) reason(err error) error {
	if p.closed.Load() {
		return net.ErrClosed
	}
	return fmt.Errorf("uhid: %w", err)
}

// ReadReport waits for the next report of any client. After Close it gives net.ErrClosed.
func (p *Port) ReadReport(r *hid.Report) error {
	if p.closed.Load() {
		return net.ErrClosed
	}
	select {
	case *r = <-p.in:
		return nil
	case <-p.over:
		return p.reason(p.err)
	}
}

// WriteReport hands r to every client that has the node open, and to nobody if none has. It waits for no client: of those
// that do not read the kernel keeps 64 reports each, so that those of a long message are spread; see [hid.Pace]. After Close it
// gives net.ErrClosed.
func (p *Port) WriteReport(r *hid.Report) error {
	var b [4 + 2 + hid.ReportSize]byte
	if p.closed.Load() {
		return net.ErrClosed
	}
	p.mu.Lock()
	pause := p.pace.Next()
	p.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-p.over:
			return p.reason(p.err)
		}
	}
	if _, err := p.file.Write(appendInput(b[:0], r)); err != nil {
		return p.reason(err)
	}
	return nil
}

// Close unplugs the key: its node goes, and every client that has it open sees an error. When it returns nothing of the
// port runs any more. Closing again does nothing and answers the same.
func (p *Port) Close() error {
	p.closing.Do(func() {
		p.closed.Store(true)
		_, err := p.file.Write(order.AppendUint32(nil, evDestroy))
		select {
		case <-p.over: // it had ended before; then there is nothing to destroy
			err = nil
		default:
		}
		p.fail = errors.Join(err, p.file.Close())
		<-p.over
	})
	return p.fail
}
