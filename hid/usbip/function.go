package usbip

import "github.com/mfalab/mfalab/hid"

// Our choice.
const (
	// maxWaiting is how many transfers wait in each direction. Linux keeps one in each, Windows two; a host that
	// wants to be fast, some more.
	maxWaiting = 256
	// backlog is how many reports wait for a host that does not poll, as nobody has the key open there: eight of the
	// longest messages, as on a unix socket.
	backlog = 8 * 129
)

// A function is the device as its bus sees it: endpoints and the transfers that wait at them. It is a state machine
// without clock, goroutine or network; what it has to say is appended to the b of each call, which is returned.
//
//	IN   submitted ── report of the device ──▶ answered    no transfer waits: the report does, and is the next one's
//	OUT  submitted ── the device takes it  ──▶ answered    the device is slow: the transfer waits, which on USB is a NAK
//	     submitted ── unlink ──▶ the unlink is answered, the transfer never
type function struct {
	says          descriptors
	configuration byte
	halted        [2]bool // OUT, IN
	idle          byte

	in      ring[uint32] // numbers of the IN transfers that wait
	out     ring[outgoing]
	reports ring[hid.Report] // of the device, while no IN transfer waits
}

type outgoing struct {
	number uint32
	report hid.Report
}

// newFunction returns a device that has just got power, and is configured: what is exported is.
func newFunction(says descriptors) *function {
	return &function{
		says: says, configuration: configuration,
		in: newRing[uint32](maxWaiting), out: newRing[outgoing](maxWaiting), reports: newRing[hid.Report](backlog),
	}
}

// run takes a command of the importer. data is what came with it, cut off after the length of a report.
func (f *function) run(b []byte, c command, data []byte) []byte {
	switch {
	case c.kind == cmdUnlink:
		return f.unlink(b, c)
	case c.endpoint == 0:
		return f.control(b, c, data)
	case c.endpoint != endpoint, f.configuration == 0, !c.in && f.halted[0], c.in && f.halted[1]:
		return appendReply(b, reply{kind: retSubmit, number: c.number, status: stalled})
	case c.in:
		return f.poll(b, c)
	case c.length != hid.ReportSize: // not a report: it arrives, and the device passes it over
		return appendReply(b, reply{kind: retSubmit, number: c.number, length: c.length})
	}
	return f.receive(b, c, data)
}

// poll takes an IN transfer. One with room for more than a report ends with the report: nothing ever follows that belongs
// to it.
func (f *function) poll(b []byte, c command) []byte {
	if c.length < hid.ReportSize {
		return appendReply(b, reply{kind: retSubmit, number: c.number, status: babbled})
	}
	if r, ok := f.reports.pop(); ok {
		return appendIn(b, c.number, &r)
	}
	if !f.in.push(c.number) {
		return appendReply(b, reply{kind: retSubmit, number: c.number, status: noMemory})
	}
	return b
}

// receive takes a transfer with a report for the device, over the OUT endpoint or by SET_REPORT.
func (f *function) receive(b []byte, c command, data []byte) []byte {
	o := outgoing{number: c.number}
	copy(o.report[:], data)
	if !f.out.push(o) {
		return appendReply(b, reply{kind: retSubmit, number: c.number, status: noMemory})
	}
	return b
}

// take gives the device the oldest report for it, if there is one.
func (f *function) take(b []byte, r *hid.Report) ([]byte, bool) {
	o, ok := f.out.pop()
	if !ok {
		return b, false
	}
	*r = o.report
	return appendReply(b, reply{kind: retSubmit, number: o.number, length: hid.ReportSize}), true
}

// transmit takes a report of the device. Of more than backlog that wait the oldest are lost.
func (f *function) transmit(b []byte, r *hid.Report) []byte {
	if number, ok := f.in.pop(); ok {
		return appendIn(b, number, r)
	}
	if !f.reports.push(*r) {
		f.reports.pop()
		f.reports.push(*r)
	}
	return b
}

func appendIn(b []byte, number uint32, r *hid.Report) []byte {
	b = appendReply(b, reply{kind: retSubmit, number: number, length: hid.ReportSize})
	return append(b, r[:]...)
}

// unlink takes a transfer back. One that has been answered, or never was, is no error: the two cross on the wire.
func (f *function) unlink(b []byte, c command) []byte {
	found := f.in.drop(func(number uint32) bool { return number == c.target }) ||
		f.out.drop(func(o outgoing) bool { return o.number == c.target })
	r := reply{kind: retUnlink, number: c.number}
	if found {
		r.status = unlinked
	}
	return appendReply(b, r)
}

// A ring is a queue of bounded length.
type ring[T any] struct {
	items        []T
	first, count int
}

func newRing[T any](size int) ring[T] { return ring[T]{items: make([]T, size)} }

// push reports whether there was room.
func (r *ring[T]) push(item T) bool {
	if r.count == len(r.items) {
		return false
	}
	*r.at(r.count) = item
	r.count++
	return true
}

func (r *ring[T]) pop() (item T, ok bool) {
	if r.count == 0 {
		return item, false
	}
	item = r.items[r.first]
	r.first = (r.first + 1) % len(r.items)
	r.count--
	return item, true
}

// drop takes out the oldest that is meant, and reports whether there was one.
func (r *ring[T]) drop(meant func(T) bool) bool {
	for n := range r.count {
		if !meant(*r.at(n)) {
			continue
		}
		for ; n < r.count-1; n++ {
			*r.at(n) = *r.at(n + 1)
		}
		r.count--
		return true
	}
	return false
}

func (r *ring[T]) at(n int) *T { return &r.items[(r.first+n)%len(r.items)] }
