package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/mfalab/mfalab/hid"
)

// arriving is how many reports from clients wait for the device before the clients have to. Our choice: as many as
// hidraw keeps.
const arriving = 64

var _ hid.Port = (*Socket)(nil)

// A Socket is a place where a device is plugged in, and as many clients as wish open it at a time. As with a hidraw node
// the device gets what each of them writes, and each of them gets every report of the device from the moment on that it
// opened it. A client that does not read, or is gone, holds up nobody.
type Socket struct {
	name     string
	path     string
	framing  framing
	listener *net.UnixListener
	withdraw func() error    // takes the name away from clients; called once
	in       chan hid.Report // for ReadReport
	take     func(*hid.Report)
	left     func(channel uint32)
	begun    chan struct{} // closed once take is set; what clients write before lies in their sockets
	begin    sync.Once
	done     chan struct{}
	running  sync.WaitGroup

	closing sync.Once
	err     error // what Close answers

	mu      sync.Mutex
	closed  bool
	openers []*opener
}

// Listen makes a unix stream socket at path, mode 0600, on which 64-byte reports follow each other in both directions
// with nothing between them. A socket that a dead process left at path is replaced; anything else there is an error, and
// so is a path whose last element is longer than 80 bytes. Closing it removes path.
func Listen(path string) (*Socket, error) {
	if err := removeDead(path); err != nil {
		return nil, fmt.Errorf("sock: listen: %w", err)
	}
	l, err := listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("sock: listen: %w", err)
	}
	return newSocket(path, path, stream, l, func() error { return os.Remove(path) }), nil
}

// removeDead removes the socket at path if nobody listens there any more.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%q is there already and is not a socket: choose another path", path)
	}
	if c, err := dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("%q is served by another process: choose another path", path)
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

func newSocket(name, path string, f framing, l *net.UnixListener, withdraw func() error) *Socket {
	s := &Socket{
		name: name, path: path, framing: f, listener: l, withdraw: withdraw,
		begun: make(chan struct{}), done: make(chan struct{}),
	}
	s.running.Go(s.accept)
	return s
}

// Name is what the device is called: "hidraw0" and so on for a bus, the path for Listen.
func (s *Socket) Name() string { return s.name }

// Path is where the socket lies.
func (s *Socket) Path() string { return s.path }

// Openers is how many clients have the device open.
func (s *Socket) Openers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.openers)
}

// ReadReport waits for the next report of any client. Reports of one client keep their order. After Close it gives
// net.ErrClosed; of a socket that pushes, only then.
func (s *Socket) ReadReport(r *hid.Report) error {
	s.begin.Do(func() {
		s.in = make(chan hid.Report, arriving)
		s.take = s.queue
		close(s.begun)
	})
	select {
	case <-s.done:
		return net.ErrClosed
	default:
	}
	select {
	case *r = <-s.in:
		return nil
	case <-s.done:
		return net.ErrClosed
	}
}

// queue keeps r for ReadReport.
func (s *Socket) queue(r *hid.Report) {
	select {
	case s.in <- *r:
	case <-s.done:
	}
}

// Push has every report of any client brought to take instead of ReadReport, on the goroutine that has read it. It has no
// effect once a report has been asked for, or a second time.
func (s *Socket) Push(take func(r *hid.Report)) {
	s.begin.Do(func() {
		s.take = take
		close(s.begun)
	})
}

// Left has gone told of each client that goes away while the socket is open: of the channel that its last report was for,
// which is the first word of a report (CTAP 2.1, Section 11.2.4), after that report was taken. It is called once, before
// Push and before any ReadReport; gone must not wait for who closes the socket.
func (s *Socket) Left(gone func(channel uint32)) { s.left = gone }

// Done is closed when the socket is.
func (s *Socket) Done() <-chan struct{} { return s.done }

// WriteReport hands r to every client that has the device open, and to nobody if none has. It never waits for a client.
// After Close it gives net.ErrClosed.
func (s *Socket) WriteReport(r *hid.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	for _, o := range s.openers {
		o.send(r)
	}
	return nil
}

// Close unplugs the device: its name goes first, then every client that has it open sees an error. When it returns
// nothing of the socket runs any more, but for a take that is under way. Closing again does nothing and answers the same.
func (s *Socket) Close() error {
	s.closing.Do(func() {
		s.err = s.withdraw()
		s.mu.Lock()
		s.closed = true
		close(s.done)
		s.listener.Close()
		for _, o := range s.openers {
			o.conn.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return s.err
}

// accept takes clients in until the listener is closed.
func (s *Socket) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client is gone already, or out of descriptors: the kernel keeps the others waiting
		}
		s.open(conn)
	}
}

func (s *Socket) open(conn *net.UnixConn) {
	o, err := newOpener(conn, s.framing)
	if err != nil {
		conn.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.openers = append(s.openers, o)
	s.running.Add(1)
	go s.read(o)
}

// read passes on what a client writes until it is gone.
func (s *Socket) read(o *opener) {
	defer s.forget(o)
	select {
	case <-s.begun:
	case <-s.done:
		s.running.Done()
		return
	}
	if s.in == nil {
		s.running.Done() // who closes the socket may be who take waits for
	} else {
		defer s.running.Done()
	}
	var r hid.Report
	said, channel := false, uint32(0)
	for o.receive(&r) == nil {
		said, channel = true, binary.BigEndian.Uint32(r[:]) // here: the next one may end in its middle
		s.take(&r)
	}
	select {
	case <-s.done:
	default:
		if said && s.left != nil {
			s.left(channel)
		}
	}
}

func (s *Socket) forget(o *opener) {
	o.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.openers = slices.DeleteFunc(s.openers, func(other *opener) bool { return other == o })
}
