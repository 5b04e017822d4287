package usbip

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// From the protocol: the port that is registered with IANA.
const (
	// DefaultAddress is where Listen listens when it is not told, and where clients look.
	DefaultAddress = "127.0.0.1:3240"
)

// Our choice.
const (
	bus = 1 // the number of the one bus that all devices are on

	// maxDevices is how many can be plugged in: as many as on a bus of unix sockets.
	maxDevices = 4096
	// maxStrangers is how many connections may be without a device. With one more the oldest is hung up on: who means it
	// is done in a moment, so that silent ones shut nobody out.
	maxStrangers = 64
	// patience is how long a request may take to arrive, its answer to leave, and an import to be accepted.
	patience = 10 * time.Second
	// grace is how long an import waits for the one before to end: what a busy machine takes to hear of a detach.
	grace = time.Second
	// pause is what lies between two attempts to accept a connection when the system refuses.
	pause = 20 * time.Millisecond
	// rest is how much of a stranger's talk is read after it was refused, so that the refusal arrives.
	rest = 1 << 16
)

// A Server lets importers see and attach the devices that are plugged into it.
type Server struct {
	listener net.Listener
	limits   limits
	closed   chan struct{}
	running  sync.WaitGroup

	mu        sync.Mutex
	over      bool
	devices   map[int]*Device
	strangers []net.Conn // connections without a device, oldest first
}

// limits say what a server waits for at most.
type limits struct {
	request time.Duration // to arrive, and its answer to leave
	accept  time.Duration // of an import, by whoever has the device
	grace   time.Duration // for the import before to end
}

// Listen waits for importers at address. Without a host it is the loopback, never every interface: whoever can connect
// can use the keys. "" is DefaultAddress, and port 0 a free one.
func Listen(address string) (*Server, error) {
	if address == "" {
		address = DefaultAddress
	}
	if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("usbip: %w", err)
	}
	return serve(l, limits{request: patience, accept: patience, grace: grace}), nil
}

func serve(l net.Listener, most limits) *Server {
	s := &Server{listener: l, limits: most, closed: make(chan struct{}), devices: map[int]*Device{}}
	s.running.Go(s.accept)
	return s
}

// Addr returns where importers find the server.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Plug adds a device that calls itself id, under the lowest bus ID that is free. It has no power before an importer
// attaches it: see Device.Accept. It is an error if id has a name or serial number with control characters or of more than
// 126 characters, or if the server is closed or full.
func (s *Server) Plug(id hid.Identity) (*Device, error) {
	if err := check(id); err != nil {
		return nil, fmt.Errorf("usbip: plug: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil, fmt.Errorf("usbip: plug: %w", net.ErrClosed)
	}
	n := 1
	for s.devices[n] != nil {
		n++
	}
	if n > maxDevices {
		return nil, fmt.Errorf("usbip: plug: %d keys are plugged in, and no server holds more: unplug one", maxDevices)
	}
	d := newDevice(s, n, id)
	s.devices[n] = d
	return d, nil
}

// Close unplugs everything and hangs up on everybody. When it returns nothing of the server runs any more. Closing again
// does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	devices := slices.Collect(maps.Values(s.devices))
	if !s.over {
		s.over = true
		close(s.closed)
		s.listener.Close()
		for _, conn := range s.strangers {
			conn.Close()
		}
	}
	s.mu.Unlock()
	for _, d := range devices {
		d.Close()
	}
	s.running.Wait()
	return nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			s.admit(conn)
			continue
		}
		select {
		case <-s.closed:
			return
		case <-time.After(pause): // out of descriptors, most likely: others must end first
		}
	}
}

func (s *Server) admit(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		conn.Close()
		return
	}
	if len(s.strangers) >= maxStrangers {
		s.strangers[0].Close()
		s.strangers = slices.Delete(s.strangers, 0, 1)
	}
	s.strangers = append(s.strangers, conn)
	s.running.Go(func() { s.greet(conn) })
}

// know strikes conn from the strangers. It reports whether it was one still.
func (s *Server) know(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.strangers)
	s.strangers = slices.DeleteFunc(s.strangers, func(c net.Conn) bool { return c == conn })
	return len(s.strangers) < before
}

// greet serves a connection from beginning to end.
func (s *Server) greet(conn net.Conn) {
	defer conn.Close()
	defer s.know(conn)
	if conn.SetDeadline(time.Now().Add(s.limits.request)) != nil {
		return
	}
	var head [opSize]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return
	}
	request := parseOp(&head)
	switch {
	case request.version != version:
		s.answer(conn, request, refused, nil)
	case request.code == reqDevlist:
		s.answer(conn, request, granted, s.list())
	case request.code == reqImport:
		s.lend(conn, request)
	default:
		s.answer(conn, request, refused, nil)
	}
}

// answer answers a request, and lets the other side read that before it is hung up on: a connection that is closed with
// something unread in it takes along what was written.
func (s *Server) answer(conn net.Conn, request op, o outcome, body []byte) {
	b := append(appendOp(nil, op{version, request.code &^ 0x8000, o}), body...)
	if conn.SetDeadline(time.Now().Add(s.limits.request)) != nil {
		return
	}
	if _, err := conn.Write(b); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, rest) // who does not hang up is hung up on when the deadline comes
	}
}

// list is what follows the head of OP_REP_DEVLIST.
func (s *Server) list() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := binary.BigEndian.AppendUint32(nil, uint32(len(s.devices)))
	for _, n := range slices.Sorted(maps.Keys(s.devices)) {
		b = appendExported(b, s.devices[n].shown)
		b = append(b, classHID, 0, 0, 0)
	}
	return b
}

// lend reads the rest of an import request, and serves it while the device is attached.
func (s *Server) lend(conn net.Conn, request op) {
	var text [busIDSize]byte
	if _, err := io.ReadFull(conn, text[:]); err != nil {
		return
	}
	busID, err := parseText(text[:])
	if err != nil {
		s.answer(conn, request, refused, nil)
		return
	}
	d := s.find(busID)
	if d == nil {
		s.answer(conn, request, unknown, nil)
		return
	}
	p, o := d.lend(conn, s.limits)
	if o != granted {
		s.answer(conn, request, o, nil)
		return
	}
	defer d.giveBack()
	if !s.know(conn) || conn.SetDeadline(time.Time{}) != nil { // hung up on, to make room
		p.Close()
		return
	}
	p.serve(appendExported(appendOp(nil, op{version, repImport, granted}), d.shown))
}

func (s *Server) find(busID string) *Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.shown.busID == busID {
			return d
		}
	}
	return nil
}
