package ctaphid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mfalab/mfalab/hid"
)

// Errors of the host's side. What the device says itself is an [Error].
var (
	// ErrPending means that the answer is not there yet.
	ErrPending = errors.New("ctaphid: the answer is not there yet; go on with Transmit and Receive")
	// ErrFraming means that the device broke the framing, and how is in the error around it. Begin again with Resync.
	ErrFraming = errors.New("ctaphid: the device broke the framing")
)

// Info is what a device says about itself in the answer to INIT. See Section 11.2.9.1.3.
type Info struct {
	Protocol            byte // version of the framing: 2
	Major, Minor, Build byte // versions of the device
	Capabilities        byte // CapWink and so on
}

// hostPhase is where the one request of the host stands.
//
//	rest ── Open, Resync, Send ──▶ waiting ── first packet ──▶ reading ── last packet ──▶ done
//	        waiting, reading ── ERROR, broken framing ──▶ done          done ── Open, Resync, Send ──▶ waiting
type hostPhase byte

const (
	rest hostPhase = iota
	waiting
	reading
	done
)

// A Host is the host's side of the framing: one client, with one channel and one request at a time. It has no clock: how
// long to wait is up to the caller, who begins again with Open or Resync. It keeps silent about packets of other
// channels, since on a shared port every client sees every packet. The zero value has no channel.
type Host struct {
	channel uint32
	info    Info

	phase   hostPhase
	to      uint32 // channel of the request
	command Command
	nonce   [nonceSize]byte
	out     splitter
	request [MaxMessage]byte
	cancels bool // a CANCEL is to be sent

	answer     [MaxMessage]byte
	length     int // of the answer
	have       int // bytes of it that came
	seq        byte
	err        error
	keepalives int
	status     byte
}

// Open asks for a new channel, whatever is underway. nonce tells the answer from those of other clients. Channel has the
// new one when Done reports true and Answer no error.
func (h *Host) Open(nonce [8]byte) { h.init(Broadcast, nonce) }

// Resync makes the device forget what is underway on the channel of h, and h too.
func (h *Host) Resync(nonce [8]byte) { h.init(h.channel, nonce) }

func (h *Host) init(to uint32, nonce [8]byte) {
	h.nonce = nonce
	h.begin(to, CmdInit, nonce[:])
}

// Send begins the request cmd with message, which may be used again at once. It is an error to have no channel, a request
// that is not answered, or a message of more than MaxMessage bytes.
func (h *Host) Send(cmd Command, message []byte) error {
	switch {
	case len(message) > MaxMessage:
		return fmt.Errorf("ctaphid: %v of %d bytes does not fit; send at most %d", cmd, len(message), MaxMessage)
	case h.channel == reserved:
		return fmt.Errorf("ctaphid: %v needs a channel; Open one", cmd)
	case h.phase == waiting || h.phase == reading:
		return fmt.Errorf("ctaphid: %v cannot be sent while %v waits for its answer; Cancel or Resync", cmd, h.command)
	}
	h.begin(h.channel, cmd, message)
	return nil
}

func (h *Host) begin(to uint32, cmd Command, message []byte) {
	h.phase, h.to, h.command, h.cancels = waiting, to, cmd, false
	h.length, h.err = 0, nil
	h.keepalives, h.status = 0, 0
	h.out.start(to, cmd, h.request[:copy(h.request[:], message)])
}

// Cancel asks the device to end the request that is underway; the answer to it still comes. Without one it does nothing.
func (h *Host) Cancel() { h.cancels = h.phase == waiting || h.phase == reading }

// Transmit fills r with the next packet for the device and reports whether there was one.
func (h *Host) Transmit(r *hid.Report) bool {
	switch {
	case h.out.open:
		h.out.next(r)
	case h.cancels:
		h.cancels = false
		putInit(r, h.to, CmdCancel, nil)
	default:
		return false
	}
	return true
}

// Receive takes a packet from the device.
func (h *Host) Receive(r *hid.Report) {
	p := ParsePacket(r)
	switch {
	case p.Channel != h.to || h.phase != waiting && h.phase != reading:
	case p.Init:
		h.first(&p)
	case h.phase == waiting: // the rest of an answer that nobody waits for
	case p.Seq != h.seq:
		h.broken("packet %d of its answer came in place of %d", p.Seq, h.seq)
	default:
		h.seq++
		h.gather(p.Data)
	}
}

func (h *Host) first(p *Packet) {
	switch {
	case p.Command == CmdKeepalive:
		h.keepalives++
		h.status = p.Data[0]
	case p.Command == CmdError && p.Length == 0:
		h.broken("an ERROR says nothing")
	case p.Command == CmdError:
		h.finish(Error(p.Data[0]))
	case h.to == Broadcast && (p.Command != CmdInit || !bytes.Equal(p.Data[:nonceSize], h.nonce[:])):
		// another client's
	case h.command == CmdInit && p.Command != CmdInit:
		// the answer to what Resync ends
	case p.Command != h.command:
		h.broken("it answered %v with %v", h.command, p.Command)
	case p.Length > MaxMessage:
		h.broken("it announced an answer of %d bytes", p.Length)
	default:
		h.phase = reading
		h.length, h.have, h.seq = p.Length, 0, 0
		h.gather(p.Data)
	}
}

func (h *Host) gather(data []byte) {
	h.have += copy(h.answer[h.have:h.length], data)
	switch {
	case h.have < h.length:
	case h.command == CmdInit:
		h.welcomed()
	default:
		h.finish(nil)
	}
}

// welcomed takes the answer to INIT.
func (h *Host) welcomed() {
	a := h.answer[:h.length]
	if len(a) < initAnswerSize || !bytes.Equal(a[:nonceSize], h.nonce[:]) {
		h.broken("it answered INIT with %d bytes, or not this nonce", len(a))
		return
	}
	h.channel = binary.BigEndian.Uint32(a[nonceSize:])
	h.info = Info{a[12], a[13], a[14], a[15], a[16]}
	h.finish(nil)
}

func (h *Host) broken(format string, args ...any) {
	h.finish(fmt.Errorf("%w: "+format, append([]any{ErrFraming}, args...)...))
}

// finish ends the request. What was not sent of it stays unsent.
func (h *Host) finish(err error) {
	h.phase, h.err, h.cancels = done, err, false
	h.out.open = false
}

// Done reports whether the request has its answer, or an error in place of one.
func (h *Host) Done() bool { return h.phase == done }

// Answer returns what the device answered, valid until the next request begins. The error is an [Error] that the device
// sent, wraps [ErrFraming], or is [ErrPending].
func (h *Host) Answer() ([]byte, error) {
	switch {
	case h.phase != done:
		return nil, ErrPending
	case h.err != nil:
		return nil, h.err
	}
	return h.answer[:h.length], nil
}

// Keepalives returns how many keepalives came for the request, and the status of the last one: StatusProcessing,
// StatusUPNeeded, or 0 before the first.
func (h *Host) Keepalives() (n int, status byte) { return h.keepalives, h.status }

// Channel returns the channel of h, 0 before the device allocated one.
func (h *Host) Channel() uint32 { return h.channel }

// Info returns what the device said when it allocated the channel.
func (h *Host) Info() Info { return h.info }
