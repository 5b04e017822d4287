package ctaphid

import (
	"encoding/binary"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// An App is what sits behind the framing, a security key. It runs one command at a time: CBOR or APDU begins it, what ran
// before is forgotten then, and Reply gives its answer.
type App interface {
	// CBOR begins the CTAP2 command req, of at least one byte. req is valid during the call.
	CBOR(now time.Time, channel uint32, req []byte)
	// APDU begins the CTAP1 command req, of at least one byte. req is valid during the call.
	APDU(now time.Time, channel uint32, req []byte)
	// Reply lets time pass and returns the answer to the command. It reports false while the user is awaited. The reply is
	// valid until the next CBOR or APDU.
	Reply(now time.Time) (reply []byte, ok bool)
	// Status returns what KEEPALIVE says while Reply reports false: StatusProcessing or StatusUPNeeded.
	Status(now time.Time) byte
	// Cancel ends the command, so that Reply has its answer. Without one it does nothing.
	Cancel(now time.Time)
	// Wink shows the user which key this is.
	Wink(now time.Time)
	// Wake returns when Reply may have an answer although nothing happened; the zero time is never. After a Reply that
	// reported false it is later than that now.
	Wake() time.Time
}

// phase is where the one transaction of the device stands.
//
//	idle ── first packet ──▶ gathering ── last packet ──▶ working ── reply ──▶ sending ── last packet ──▶ idle
//	         gathering ── time-out, wrong packet: ERROR ──▶ idle
//	         working ── every 80 ms and when the status changes: KEEPALIVE ──▶ working
//	         gathering, working, sending ── INIT on the same channel ──▶ idle
type phase byte

const (
	idle phase = iota
	gathering
	working
	sending
)

// A Device is the device side of the framing, in front of an App. It implements [hid.Device].
//
// It never answers a channel that is not allocated but with an ERROR, and an idle one sends nothing. A host that sends
// without reading loses answers: the device keeps the latest transaction's, and 16 packets besides.
type Device struct {
	app      App
	config   Config
	channels channels
	now      time.Time // of the last call

	phase   phase
	owner   uint32  // the transaction's channel, unless idle
	command Command // of the transaction
	buf     [MaxMessage]byte
	length  int       // of the message in buf
	have    int       // bytes of it that came
	seq     byte      // the next continuation packet
	due     time.Time // gathering: time-out; working: next keepalive
	status  byte      // what the last keepalive said
	out     splitter  // the answer, while sending

	lock  lock
	queue queue // packets that stand outside the transaction's answer
}

// NewDevice returns a device that has just been plugged in. Numbers of cfg that [Config.Check] refuses are taken for the
// nearest one that it does not.
func NewDevice(app App, cfg Config) *Device {
	return &Device{app: app, config: cfg, channels: newChannels(cfg.channels())}
}

// PowerCycle unplugs the device and plugs it in again: channels, lock and transaction are gone. The app is not told.
func (d *Device) PowerCycle(now time.Time) {
	*d = Device{app: d.app, config: d.config, channels: newChannels(d.config.channels()), now: now}
}

// Receive takes a packet from the host.
func (d *Device) Receive(now time.Time, r *hid.Report) {
	d.advance(now)
	p := ParsePacket(r)
	if d.config.LockFollowsTraffic && d.lock.owner == p.Channel {
		d.lock.extend(now)
	}
	if p.Init {
		d.begin(&p)
	} else {
		d.resume(&p)
	}
}

// Transmit fills r with the next packet for the host and reports whether there was one.
func (d *Device) Transmit(now time.Time, r *hid.Report) bool {
	d.advance(now)
	if d.phase == working {
		d.poll()
	}
	if d.queue.pop(r) {
		return true
	}
	if d.phase != sending {
		return false
	}
	d.out.next(r)
	if !d.out.open {
		d.phase = idle
	}
	return true
}

// Wake returns when to call Transmit although nothing happened; the zero time is never.
func (d *Device) Wake() time.Time {
	switch {
	case d.queue.n > 0 || d.phase == sending:
		return d.now
	case d.phase == gathering:
		return d.due
	case d.phase != working:
		return time.Time{}
	}
	wake := d.app.Wake()
	if d.command == CmdCBOR && (wake.IsZero() || d.due.Before(wake)) {
		return d.due
	}
	return wake
}

// advance lets time pass: what was due by now has happened when it returns.
func (d *Device) advance(now time.Time) {
	d.now = now
	if d.phase == gathering && !now.Before(d.due) {
		d.fail(d.owner, ErrMsgTimeout)
		d.phase = idle
	}
	d.lock.expire(now)
}

// begin takes an initialization packet. The order of the cases is the precedence of the errors.
func (d *Device) begin(p *Packet) {
	mine := d.phase != idle && p.Channel == d.owner
	switch {
	case p.Channel == Broadcast && p.Command == CmdInit:
		d.open(p)
	case !d.known(p.Channel):
		d.refuse(p.Channel)
	case p.Command == CmdCancel && !(mine && d.phase == gathering):
		if mine && d.phase == working && d.command == CmdCBOR {
			d.app.Cancel(d.now)
		}
	case mine:
		d.interrupt(p)
	case d.busy(p.Channel):
		d.fail(p.Channel, ErrChannelBusy)
	default:
		d.start(p)
	}
}

// known reports whether channel may send requests.
func (d *Device) known(channel uint32) bool {
	if channel == reserved || channel == Broadcast {
		return false
	}
	return d.channels.use(channel) || d.config.ChannelPolicy == Lenient
}

// busy reports whether another channel than this one has the device.
func (d *Device) busy(channel uint32) bool {
	return d.phase != idle && channel != d.owner || d.lock.keepsOut(channel)
}

// refuse answers a channel that is not allocated.
func (d *Device) refuse(channel uint32) {
	if d.config.BusyBeatsInvalidChannel && d.busy(channel) {
		d.fail(channel, ErrChannelBusy)
		return
	}
	d.fail(channel, ErrInvalidChannel)
}

// interrupt takes an initialization packet on the channel of the transaction. See Sections 11.2.5.3 and 11.2.5.4.
func (d *Device) interrupt(p *Packet) {
	switch {
	case p.Command == CmdInit, d.phase != gathering && d.config.SameChannel == SameReplace:
		d.abort()
		d.start(p)
	case d.phase == gathering:
		d.phase = idle
		d.fail(p.Channel, ErrInvalidSeq)
	case d.config.SameChannel != SameIgnore:
		d.fail(p.Channel, ErrChannelBusy)
	}
}

// Abandon tells the device that the host has gone that channel was allocated for, as when the program was killed which had
// it: what it asked for ends without an answer, where that has not begun to leave. A host on a USB cable cannot be told
// from one that waits, so that its transactions run until they time out.
func (d *Device) Abandon(now time.Time, channel uint32) {
	d.advance(now)
	if channel == d.owner && (d.phase == gathering || d.phase == working) {
		d.abort()
	}
}

// abort ends the transaction without an answer.
func (d *Device) abort() {
	if d.phase == working {
		d.app.Cancel(d.now)
		d.app.Reply(d.now) // nobody waits for it any more
	}
	d.phase = idle
}

// start begins a transaction with its first packet, or answers why not. See Section 11.2.5.1.
func (d *Device) start(p *Packet) {
	c := &commands[p.Command]
	switch {
	case p.Length > MaxMessage:
		d.fail(p.Channel, ErrInvalidLength)
		return
	case c.run == nil || c.off != nil && c.off(&d.config):
		d.fail(p.Channel, ErrInvalidCommand)
		return
	case p.Length < c.least || p.Length > c.most:
		d.fail(p.Channel, ErrInvalidLength)
		return
	}
	d.phase, d.owner, d.command = gathering, p.Channel, p.Command
	d.length, d.have, d.seq = p.Length, 0, 0
	d.gather(p)
}

// resume takes a continuation packet. One that no message waits for is ignored. See Section 11.2.5.4.
func (d *Device) resume(p *Packet) {
	if d.phase != gathering || p.Channel != d.owner {
		return
	}
	if p.Seq != d.seq {
		d.phase = idle
		d.fail(p.Channel, ErrInvalidSeq)
		return
	}
	d.seq++
	d.channels.use(p.Channel)
	d.gather(p)
}

// gather adds the data of p to the message and runs the command when it is whole.
func (d *Device) gather(p *Packet) {
	d.have += copy(d.buf[d.have:d.length], p.Data)
	if d.have < d.length {
		d.due = d.now.Add(d.config.timeout())
		return
	}
	d.phase = idle
	commands[d.command].run(d, d.buf[:d.length])
}

// work leaves the transaction with the app.
func (d *Device) work() {
	d.phase = working
	d.status = StatusProcessing
	d.due = d.now.Add(KeepaliveInterval)
}

// poll asks the app for its answer, and for its status when there is none yet. Keepalives are for CBOR only: clients of
// MSG know none. See Section 11.2.9.1.7.
func (d *Device) poll() {
	reply, ok := d.app.Reply(d.now)
	switch {
	case ok && len(reply) > MaxMessage:
		d.phase = idle
		d.fail(d.owner, ErrOther)
	case ok:
		d.answer(reply)
	case d.command == CmdCBOR:
		if status := d.app.Status(d.now); status != d.status || !d.now.Before(d.due) {
			d.status = status
			d.due = d.now.Add(KeepaliveInterval)
			d.queue.push(d.owner, CmdKeepalive, []byte{status})
		}
	}
}

// answer ends the transaction with message, which stays as it is until it was sent.
func (d *Device) answer(message []byte) {
	d.phase = sending
	d.out.start(d.owner, d.command, message)
}

func (d *Device) fail(channel uint32, err Error) {
	d.queue.push(channel, CmdError, []byte{byte(err)})
}

// open allocates a channel, whatever transaction another one has. See Section 11.2.9.1.3.
func (d *Device) open(p *Packet) {
	switch {
	case p.Length != nonceSize:
		d.fail(Broadcast, ErrInvalidLength)
		return
	case d.config.LockBlocksInit && d.lock.keepsOut(Broadcast):
		d.fail(Broadcast, ErrChannelBusy)
		return
	}
	channel, ok := d.channels.allocate()
	if !ok && d.config.TableFull == FullEvict {
		d.channels.evict(d.spared())
		channel, ok = d.channels.allocate()
	}
	if !ok {
		d.fail(Broadcast, ErrChannelBusy)
		return
	}
	d.welcome(Broadcast, p.Data[:nonceSize], channel)
}

// spared returns the channels that keep their place when the table is full: those that are not idle.
func (d *Device) spared() (owner, locker uint32) {
	if d.phase != idle {
		owner = d.owner
	}
	return owner, d.lock.owner
}

// welcome answers INIT. See Section 11.2.9.1.3.
func (d *Device) welcome(to uint32, nonce []byte, channel uint32) {
	var message [initAnswerSize]byte
	copy(message[:], nonce)
	binary.BigEndian.PutUint32(message[nonceSize:], channel)
	message[12] = protocolVersion
	message[13], message[14], message[15] = d.config.Major, d.config.Minor, d.config.Build
	message[16] = d.config.capabilities()
	d.queue.push(to, CmdInit, message[:])
}

// Idle reports whether no transaction is under way, no channel holds the lock, and nothing waits to be sent.
func (d *Device) Idle() bool {
	return d.phase == idle && d.queue.n == 0 && d.lock.owner == reserved
}
