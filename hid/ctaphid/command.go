package ctaphid

import (
	"time"

	"github.com/mfalab/mfalab/hid"
)

// From the specification, Sections 11.2.9.1.3 and 11.2.9.2.2.
const (
	nonceSize       = 8
	initAnswerSize  = 17
	protocolVersion = 2
	maxLock         = 10 // seconds
)

// commands has what a device does on a channel of its own. The order and the lengths are those of Section 11.2.9. CANCEL
// is not here: it belongs to another transaction.
var commands = [128]struct {
	least, most int                // bytes of the message; else ErrInvalidLength
	off         func(*Config) bool // reports whether the product lacks it: ErrInvalidCommand; nil is never
	run         func(d *Device, message []byte)
}{
	CmdMsg:  {1, MaxMessage, func(c *Config) bool { return c.NMSG }, (*Device).msg},
	CmdCBOR: {1, MaxMessage, func(c *Config) bool { return c.NoCBOR }, (*Device).cbor},
	CmdInit: {nonceSize, nonceSize, nil, (*Device).resync},
	CmdPing: {0, MaxMessage, nil, (*Device).answer},
	CmdWink: {0, 0, func(c *Config) bool { return !c.Wink }, (*Device).wink},
	CmdLock: {1, 1, func(c *Config) bool { return c.NoLock }, (*Device).setLock},
}

func (d *Device) msg(message []byte) {
	d.work()
	d.app.APDU(d.now, d.owner, message)
}

func (d *Device) cbor(message []byte) {
	d.work()
	d.app.CBOR(d.now, d.owner, message)
}

// resync answers INIT on a channel that exists with that channel. See Section 11.2.9.1.3.
func (d *Device) resync(message []byte) { d.welcome(d.owner, message, d.owner) }

// wink implements CTAPHID_WINK. See Section 11.2.9.2.1.
func (d *Device) wink([]byte) {
	d.app.Wink(d.now)
	d.answer(nil)
}

// setLock implements CTAPHID_LOCK. See Section 11.2.9.2.2.
func (d *Device) setLock(message []byte) {
	if message[0] > maxLock {
		d.fail(d.owner, ErrInvalidPar)
		return
	}
	d.lock = lock{owner: d.owner, span: time.Duration(message[0]) * time.Second}
	d.lock.extend(d.now)
	d.lock.expire(d.now)
	d.answer(nil)
}

// lock is the hold of one channel on the device. The zero value is none. See Section 11.2.6.
type lock struct {
	owner uint32
	span  time.Duration
	until time.Time
}

func (l *lock) extend(now time.Time) { l.until = now.Add(l.span) }

func (l *lock) expire(now time.Time) {
	if l.owner != reserved && !now.Before(l.until) {
		*l = lock{}
	}
}

func (l *lock) keepsOut(channel uint32) bool { return l.owner != reserved && l.owner != channel }

// Our choice.
const (
	// queueSize is how many packets wait for a host that does not read: more than a well-behaved host has requests open.
	queueSize = 16
)

// queue holds messages of one packet until the host reads them. A full one loses what comes next.
type queue struct {
	ring     [queueSize]hid.Report
	first, n int
}

func (q *queue) push(channel uint32, cmd Command, message []byte) {
	if q.n < queueSize {
		putInit(&q.ring[(q.first+q.n)%queueSize], channel, cmd, message)
		q.n++
	}
}

func (q *queue) pop(r *hid.Report) bool {
	if q.n == 0 {
		return false
	}
	*r = q.ring[q.first]
	q.first = (q.first + 1) % queueSize
	q.n--
	return true
}
