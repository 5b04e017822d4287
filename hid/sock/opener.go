package sock

import (
	"bufio"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// backlog is how many reports wait for an opener that does not read: eight of the longest messages, 129 packets
	// each. The kernel keeps 64 per opener, but there a device is paced by the USB frame; here it is as fast as memory.
	backlog = 8 * 129

	// streamBuffer is how much of a stream is read at once.
	streamBuffer = 64 * hid.ReportSize
)

// framing is how reports lie on a socket.
type framing bool

const (
	packets framing = false // one message, one report
	stream  framing = true  // reports end to end
)

// An opener is one connection to a node: what an open file is to hidraw.
type opener struct {
	conn    *net.UnixConn
	raw     syscall.RawConn
	receive func(r *hid.Report) error // the next report from the client; blocks

	mu      sync.Mutex
	out     hid.Report         // the report that try writes
	sent    int                // how much of it try wrote
	failed  error              // why it wrote no more
	try     func(uintptr) bool // made once, so that a report costs no allocation
	behind  bool               // flush is running
	waiting []hid.Report       // a ring of up to backlog reports
	first   int                // its oldest
	count   int
}

func newOpener(conn *net.UnixConn, f framing) (*opener, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	o := &opener{conn: conn, raw: raw}
	o.try = func(fd uintptr) bool {
		o.sent, o.failed = writeTo(fd, o.out[:])
		return true
	}
	if f == stream {
		in := bufio.NewReaderSize(conn, streamBuffer)
		o.receive = func(r *hid.Report) error {
			_, err := io.ReadFull(in, r[:])
			return err
		}
	} else {
		o.receive = o.receivePacket
	}
	return o, nil
}

// receivePacket takes what hidraw takes of an unnumbered report: the number 0 and 64 bytes; and 64 bytes without it.
// Anything else is no report and is passed over, as a device passes over what it does not understand.
func (o *opener) receivePacket(r *hid.Report) error {
	var buf [1 + hid.ReportSize + 1]byte // one more than fits, so that a longer message is not taken for a report
	for {
		n, err := o.conn.Read(buf[:])
		if err != nil {
			return err
		}
		switch {
		case n == hid.ReportSize:
			copy(r[:], buf[:n])
			return nil
		case n == 1+hid.ReportSize && buf[0] == 0:
			copy(r[:], buf[1:n])
			return nil
		}
	}
}

// send hands r to the client and never waits for it: what the socket does not take is kept, and of more than backlog
// reports the oldest are lost, as a client that was asleep misses what a device said meanwhile.
func (o *opener) send(r *hid.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.behind {
		o.keep(r)
		return
	}
	o.out, o.sent, o.failed = *r, 0, nil
	if err := o.raw.Write(o.try); err != nil {
		return // closed
	}
	switch {
	case o.failed == nil && o.sent == hid.ReportSize:
		return
	case o.failed != nil && o.failed != syscall.EAGAIN && o.failed != syscall.EINTR:
		o.conn.Close() // its reader notices
		return
	}
	o.behind = true
	go o.flush(o.out, max(o.sent, 0))
}

// keep appends r to the ring.
func (o *opener) keep(r *hid.Report) {
	if o.waiting == nil {
		o.waiting = make([]hid.Report, backlog)
	}
	if o.count == backlog {
		o.first, o.count = (o.first+1)%backlog, o.count-1
	}
	o.waiting[(o.first+o.count)%backlog] = *r
	o.count++
}

// flush writes the rest of r, then all that waits, and ends when nothing does or the connection is closed.
func (o *opener) flush(r hid.Report, sent int) {
	for {
		if _, err := o.conn.Write(r[sent:]); err != nil {
			o.conn.Close()
			return
		}
		o.mu.Lock()
		if o.count == 0 {
			o.behind, o.waiting = false, nil
			o.mu.Unlock()
			return
		}
		r, sent = o.waiting[o.first], 0
		o.first, o.count = (o.first+1)%backlog, o.count-1
		o.mu.Unlock()
	}
}
