// Package pipe is a cable inside one process, for tests.
package pipe

import (
	"io"
	"sync"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// depth is how many reports lie on the cable in each direction before a writer waits: what Linux keeps for one client
	// of a hidraw node.
	depth = 64
)

// New returns the two ends of a cable. Reports arrive in order and none is lost; a writer waits while 64 are unread. What
// was written before one end was closed can still be read at the other, and then both ends give io.EOF when they
// are read and io.ErrClosedPipe when they are written; the end that was closed gives io.ErrClosedPipe at once.
func New() (device, host hid.Port) {
	toDevice, toHost := make(chan hid.Report, depth), make(chan hid.Report, depth)
	a, b := make(chan struct{}), make(chan struct{})
	return &end{in: toDevice, out: toHost, closed: a, gone: b}, &end{in: toHost, out: toDevice, closed: b, gone: a}
}

type end struct {
	in     <-chan hid.Report
	out    chan<- hid.Report
	closed chan struct{}   // this end
	gone   <-chan struct{} // the other one
	once   sync.Once
}

func (e *end) ReadReport(r *hid.Report) error {
	select {
	case <-e.closed:
		return io.ErrClosedPipe
	default:
	}
	select {
	case *r = <-e.in:
		return nil
	case <-e.closed:
		return io.ErrClosedPipe
	case <-e.gone:
		return e.rest(r)
	}
}

// rest reads what the other end wrote before it was closed.
func (e *end) rest(r *hid.Report) error {
	select {
	case *r = <-e.in:
		return nil
	default:
		return io.EOF
	}
}

func (e *end) WriteReport(r *hid.Report) error {
	select {
	case <-e.closed:
		return io.ErrClosedPipe
	case <-e.gone:
		return io.ErrClosedPipe
	default:
	}
	select {
	case e.out <- *r:
		return nil
	case <-e.closed:
	case <-e.gone:
	}
	return io.ErrClosedPipe
}

func (e *end) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}
