// Package tcp is a way in for emulator clients that speak raw reports over a stream: 64 bytes each, in both directions,
// nothing before, between or after them.
package tcp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// DefaultAddress is where Listen listens when it is not told: beside the port that emulators use for datagrams.
	DefaultAddress = "127.0.0.1:8112"

	// backlog is how many reports wait for one client that does not read, besides what the system keeps: the longest
	// answer, its keepalives, and as much again.
	backlog = 512
	// ahead is how many reports wait for the device: the longest message.
	ahead = 129
	// maxClients is how many clients are served at once. One more is hung up on.
	maxClients = 32
	// pause is what lies between two attempts to accept a client when the system refuses.
	pause = 20 * time.Millisecond
)

// A Port is the device's end. As with a hidraw node, any number of clients up to 32 may have it open, one after the other
// or at once, and all of them see each report from the device. A client that goes away takes nothing along but the report
// that it had begun. One that does not read loses reports when 512 wait for it, and holds nobody up.
type Port struct {
	listener net.Listener
	in       chan arrival
	left     func(channel uint32)
	closed   chan struct{}
	running  sync.WaitGroup // acceptor, readers and writers

	mu      sync.Mutex
	clients map[*client]struct{}
	over    bool // Close was called
}

// An arrival is a report, or that its client has gone whose last one it was.
type arrival struct {
	report hid.Report
	last   bool
}

type client struct {
	conn net.Conn
	out  chan hid.Report
}

// Listen waits for clients at address. Without a host it is the loopback, never every interface; "" is DefaultAddress,
// and port 0 a free one.
func Listen(address string) (*Port, error) {
	if address == "" {
		address = DefaultAddress
	}
	listener, err := net.Listen("tcp", loopback(address))
	if err != nil {
		return nil, err
	}
	p := &Port{
		listener: listener, in: make(chan arrival, ahead), closed: make(chan struct{}), clients: map[*client]struct{}{},
	}
	p.running.Go(p.accept)
	return p, nil
}

func loopback(address string) string {
	if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// Addr returns where clients find the port.
func (p *Port) Addr() net.Addr { return p.listener.Addr() }

// ReadReport fills r with the next report from any client.
func (p *Port) ReadReport(r *hid.Report) error {
	select {
	case <-p.closed:
		return net.ErrClosed
	default:
	}
	for {
		select {
		case a := <-p.in:
			if a.last {
				continue
			}
			*r = a.report
			return nil
		case <-p.closed:
			return net.ErrClosed
		}
	}
}

// Push has the reports brought to take, instead of ReadReport, on a goroutine that ends with the port. See package plug.
func (p *Port) Push(take func(r *hid.Report)) {
	go func() { // Close does not wait for it: who closes the port may be who take waits for
		for {
			select {
			case a := <-p.in:
				switch {
				case !a.last:
					take(&a.report)
				case p.left != nil:
					p.left(binary.BigEndian.Uint32(a.report[:]))
				}
			case <-p.closed:
				return
			}
		}
	}()
}

// Left has gone told of each client that hangs up, as when its program is killed: of the channel that its last report was for,
// which is the first word of a report (CTAP 2.1, Section 11.2.4), after that report was taken. It is called once, before Push;
// gone must not wait for who closes the port.
func (p *Port) Left(gone func(channel uint32)) { p.left = gone }

// Done is closed when the port is.
func (p *Port) Done() <-chan struct{} { return p.closed }

// WriteReport hands r to every client that is there. It does not wait for them.
func (p *Port) WriteReport(r *hid.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return net.ErrClosed
	}
	for c := range p.clients {
		select {
		case c.out <- *r:
		default: // it does not read
		}
	}
	return nil
}

// Close hangs up on all clients, and returns when nothing of the port is left.
func (p *Port) Close() error {
	p.mu.Lock()
	if !p.over {
		p.over = true
		close(p.closed)
		p.listener.Close()
		for c := range p.clients {
			p.forget(c)
		}
	}
	p.mu.Unlock()
	p.running.Wait()
	return nil
}

func (p *Port) accept() {
	for {
		conn, err := p.listener.Accept()
		select {
		case <-p.closed:
			if err == nil {
				conn.Close()
			}
			return
		default:
		}
		if err == nil {
			p.admit(conn)
			continue
		}
		select { // out of descriptors, most likely: others must end first
		case <-p.closed:
		case <-time.After(pause):
		}
	}
}

func (p *Port) admit(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || len(p.clients) >= maxClients {
		conn.Close()
		return
	}
	c := &client{conn: conn, out: make(chan hid.Report, backlog)}
	p.clients[c] = struct{}{}
	p.running.Go(func() { p.read(c) })
	p.running.Go(c.write)
}

// forget hangs up on c. The caller holds mu.
func (p *Port) forget(c *client) {
	if _, there := p.clients[c]; there {
		delete(p.clients, c)
		close(c.out)
		c.conn.Close()
	}
}

// read takes the reports of c until it is gone. What is left of an unfinished report is dropped with it.
func (p *Port) read(c *client) {
	defer func() {
		p.mu.Lock()
		p.forget(c)
		p.mu.Unlock()
	}()
	var r, whole hid.Report
	said := false
	for {
		if _, err := io.ReadFull(c.conn, r[:]); err != nil {
			break
		}
		if !p.arrived(arrival{report: r}) {
			return
		}
		whole, said = r, true
	}
	if said {
		p.arrived(arrival{report: whole, last: true})
	}
}

// arrived reports whether the port still takes what arrives.
func (p *Port) arrived(a arrival) bool {
	select {
	case p.in <- a:
		return true
	case <-p.closed:
		return false
	}
}

// write sends what waits for c, as much as there is at once.
func (c *client) write() {
	batch := make([]byte, 0, ahead*hid.ReportSize)
	for r := range c.out {
		batch = append(batch[:0], r[:]...)
		for len(batch) < cap(batch) && len(c.out) > 0 {
			r, ok := <-c.out
			if !ok {
				break
			}
			batch = append(batch, r[:]...)
		}
		if _, err := c.conn.Write(batch); err != nil {
			c.conn.Close() // ends read, which forgets c
			return
		}
	}
}

// Dial returns the host's end of the port that listens at address.
func Dial(address string) (hid.Port, error) {
	conn, err := net.Dial("tcp", loopback(address))
	if err != nil {
		return nil, err
	}
	return host{conn}, nil
}

type host struct{ conn net.Conn }

func (h host) ReadReport(r *hid.Report) error {
	_, err := io.ReadFull(h.conn, r[:])
	return err
}

func (h host) WriteReport(r *hid.Report) error {
	_, err := h.conn.Write(r[:])
	return err
}

func (h host) Close() error {
	if err := h.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
