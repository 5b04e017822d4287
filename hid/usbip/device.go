package usbip

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// A Device is a key that importers may attach, one at a time and as often as they like.
type Device struct {
	server *Server
	number int
	says   descriptors
	shown  exported

	arrivals chan *port    // of Accept
	slot     chan struct{} // full while an importer has the device, or is about to
	closed   chan struct{}
	closing  sync.Once
	port     *port // the last one; guarded by the server's mu
}

func newDevice(s *Server, number int, id hid.Identity) *Device {
	busID := strconv.Itoa(bus) + "-" + strconv.Itoa(number)
	return &Device{
		server: s, number: number, says: describe(id),
		shown: exported{
			path: "/sys/devices/mfalab/usb" + strconv.Itoa(bus) + "/" + busID, busID: busID,
			bus: bus, address: uint32(number), speed: fullSpeed, vendor: id.Vendor, product: id.Product, version: id.Version,
			configuration: configuration, configurations: 1, interfaces: 1,
		},
		arrivals: make(chan *port), slot: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

// BusID returns what an importer calls the device: "1-1" in usbip attach --remote localhost --busid 1-1.
func (d *Device) BusID() string { return d.shown.busID }

// Importer returns who has the device attached, nil while nobody has.
func (d *Device) Importer() net.Addr {
	d.server.mu.Lock()
	p := d.port
	d.server.mu.Unlock()
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil
	}
	return p.conn.RemoteAddr()
}

// Accept waits until an importer attaches the device, and returns the port that lasts until it is detached: then
// ReadReport and WriteReport give io.EOF, or an error that says what nonsense the importer sent. Closing the port detaches
// the device from this side, and leaves it there for the next attach.
//
// An attach gives the device power and a detach takes it, so each port is one power cycle. The importer is told
// that it has the device when Accept returns; one that nobody accepts is refused after 10 s. After Close, Accept gives
// net.ErrClosed; when ctx ends, its error.
func (d *Device) Accept(ctx context.Context) (hid.Port, error) {
	select {
	case <-d.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case p := <-d.arrivals:
		return p, nil
	case <-d.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close takes the device off the list and detaches it. When it returns nothing of it runs any more.
func (d *Device) Close() error {
	d.closing.Do(func() {
		d.server.mu.Lock()
		delete(d.server.devices, d.number)
		close(d.closed)
		p := d.port
		d.server.mu.Unlock()
		if p != nil {
			p.Close()
		}
		d.slot <- struct{}{} // never given back
	})
	return nil
}

// lend gives the device to the importer at conn. It returns the port once somebody accepted it, and how that ended.
// Whoever was granted a port gives it back.
func (d *Device) lend(conn net.Conn, most limits) (*port, outcome) {
	if o := d.claim(most.grace); o != granted {
		return nil, o
	}
	p := newPort(d, conn)
	d.server.mu.Lock() // which Close holds: either that sees the port, or the next select sees that it is closed
	d.port = p
	d.server.mu.Unlock()
	select {
	case <-d.closed:
		d.giveBack()
		return nil, unknown
	default:
	}
	timer := time.NewTimer(most.accept)
	defer timer.Stop()
	select {
	case d.arrivals <- p:
		return p, granted
	case <-d.closed:
		d.giveBack()
		return nil, unknown
	case <-timer.C:
		d.giveBack()
		return nil, unavailable
	}
}

// claim waits a moment for an importer that is about to leave: detach and attach, one after the other in a script, arrive
// on two connections.
func (d *Device) claim(grace time.Duration) outcome {
	select {
	case d.slot <- struct{}{}:
		return granted
	default:
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case d.slot <- struct{}{}:
		return granted
	case <-d.closed:
		return unknown
	case <-timer.C:
		return busy
	}
}

func (d *Device) giveBack() {
	d.server.mu.Lock()
	d.port = nil
	d.server.mu.Unlock()
	<-d.slot
}
