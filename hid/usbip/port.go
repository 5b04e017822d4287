package usbip

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// A port is one attach: from the importer's request until one of both ends it.
type port struct {
	conn   net.Conn
	device uint32      // what commands call it
	closed atomic.Bool // by Close, so that whoever then trips over the connection knows why

	mu     sync.Mutex
	change sync.Cond // a report came, or err is set
	f      *function
	pace   hid.Pace
	out    []byte        // answers that have not been written
	err    error         // why it is over
	ended  chan struct{} // closed with err

	take     func(r *hid.Report) // of Push; nil: reports wait for ReadReport
	bringing bool                // somebody brings reports to take
	relief   *bufio.Reader       // what that one reads commands from, where it does
	brought  hid.Report
}

var _ hid.Port = (*port)(nil)

func newPort(d *Device, conn net.Conn) *port {
	p := &port{conn: conn, device: d.shown.bus<<16 | d.shown.address, f: newFunction(d.says), ended: make(chan struct{})}
	p.change.L = &p.mu
	return p
}

// ReadReport waits for the next report of the importer, which learns that it was taken when the port is used next: with
// the device's answer, if that comes at once. After the importer has gone it gives io.EOF, or what was wrong with what that
// sent.
func (p *port) ReadReport(r *hid.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.out) > 0 { // the device gets its turn first: most often it has an answer, and both travel together
		p.mu.Unlock()
		runtime.Gosched()
		p.mu.Lock()
	}
	for p.err == nil {
		var ok bool
		if p.out, ok = p.f.take(p.out, r); ok {
			return nil
		}
		if p.flush() == nil {
			p.change.Wait()
		}
	}
	return p.err
}

// Push has every report brought to take, on the goroutine that has read it; see package plug. Two never come at once.
func (p *port) Push(take func(r *hid.Report)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take = take
	p.bring(nil) // what came before
}

// Done is closed when the port is over, for whichever reason.
func (p *port) Done() <-chan struct{} { return p.ended }

// bring brings what there is for the device, unless somebody does already. in is what the caller reads commands from, nil if it
// does not. It reports whether the caller still is the one who does. The caller holds mu.
func (p *port) bring(in *bufio.Reader) bool {
	if p.bringing {
		return true
	}
	p.bringing, p.relief = true, in
	for p.err == nil {
		var ok bool
		if p.out, ok = p.f.take(p.out, &p.brought); !ok {
			break
		}
		p.mu.Unlock()
		p.take(&p.brought)
		p.mu.Lock()
	}
	reads := p.relief != nil
	p.bringing, p.relief = false, nil
	if !reads {
		_ = p.flush() // who reads does so before that waits
	}
	return reads
}

// wait lets pass what the pace asks for. Meanwhile another goroutine reads commands, if this is the one that did. The caller
// holds mu.
func (p *port) wait(pause time.Duration) {
	_ = p.flush()
	if in := p.relief; in != nil {
		p.relief = nil
		go p.read(in)
	}
	p.mu.Unlock()
	select {
	case <-time.After(pause):
	case <-p.ended:
	}
	p.mu.Lock()
}

// WriteReport hands r to the importer, or keeps it until that polls: of more than 1032 reports the oldest are lost. It
// waits only for an importer whose connection is clogged by answers that it asked for and does not read, and in a long message
// for the poll of a bus: behind the importer are clients, for each of which its kernel keeps little. See [hid.Pace].
func (p *port) WriteReport(r *hid.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pause := p.pace.Next(); pause > 0 && p.err == nil {
		p.wait(pause)
	}
	if p.err != nil {
		return p.err
	}
	p.out = p.f.transmit(p.out, r)
	if p.relief != nil {
		return nil // it travels with what else there is, before more commands are waited for
	}
	return p.flush()
}

// flush writes the answers. The caller holds mu.
func (p *port) flush() error {
	if len(p.out) == 0 || p.err != nil {
		return p.err
	}
	_, err := p.conn.Write(p.out)
	p.out = p.out[:0]
	if err != nil {
		p.over(io.EOF)
	}
	return p.err
}

// over ends the port for the reason err, unless it had ended. The caller holds mu.
func (p *port) over(err error) {
	if p.closed.Load() {
		err = net.ErrClosed
	}
	if p.err == nil {
		p.err = err
		close(p.ended)
		p.change.Broadcast()
	}
	p.conn.Close()
}

// Close detaches: the importer sees the device disconnect.
func (p *port) Close() error {
	p.closed.Store(true)
	p.conn.Close() // before mu: who holds that may be writing
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over(net.ErrClosed)
	return nil
}

// serve says welcome, and takes commands until the importer hangs up or sends nonsense, or the port is closed.
func (p *port) serve(welcome []byte) {
	p.mu.Lock()
	p.out = append(p.out, welcome...)
	p.mu.Unlock()
	go p.read(bufio.NewReader(flushing{p})) // not here: who closes the port may be who a take under way waits for
	<-p.ended
}

// read takes commands until there are no more, or somebody else does.
func (p *port) read(in *bufio.Reader) {
	err := p.commands(in)
	if err == errRelieved {
		return
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(net.Error)) {
		err = io.EOF
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over(err)
}

// errRelieved says that another goroutine has gone on reading.
var errRelieved = errors.New("relieved")

func (p *port) commands(in *bufio.Reader) error {
	var (
		head [headerSize]byte
		data hid.Report
	)
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		c, err := parseCommand(&head)
		if err == nil && c.device != p.device {
			err = fmt.Errorf("device %#x is not the one that was imported, %#x", c.device, p.device)
		}
		if err != nil {
			return fmt.Errorf("usbip: importer %v: %w: detached", p.conn.RemoteAddr(), err)
		}
		carried := data[:min(c.data(), len(data))]
		if _, err := io.ReadFull(in, carried); err != nil {
			return io.ErrUnexpectedEOF
		}
		if _, err := in.Discard(c.data() - len(carried)); err != nil {
			return err
		}
		p.mu.Lock()
		p.out = p.f.run(p.out, c, carried)
		reads := true
		if p.f.out.count > 0 {
			p.pace.Heard()
			if p.take != nil {
				reads = p.bring(in)
			} else {
				p.change.Signal()
			}
		}
		p.mu.Unlock()
		if !reads {
			return errRelieved
		}
	}
}

// flushing is the connection for its reader: before that waits for more, the answers to what it has read go out, all at
// once.
type flushing struct{ p *port }

func (f flushing) Read(b []byte) (int, error) {
	f.p.mu.Lock()
	err := f.p.flush()
	f.p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.p.conn.Read(b)
}
