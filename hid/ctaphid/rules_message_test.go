package ctaphid

import (
	"bytes"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// How packets become messages.
var messageRules = []rule{
	{"H-1", "11.2.4", "7609 bytes are a message", Config{}, func(b *bench) {
		one := b.open()
		b.message(one, CmdCBOR, make([]byte, MaxMessage))
		b.app.reply, b.app.ready = []byte{0}, true
		b.want("1 CTAPHID_CBOR 1 00")
	}},
	{"H-1", "11.2.4", "more than 7609 bytes are refused at the first packet", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, MaxMessage+1)
		b.want("1 " + badLen)
		b.init(one, CmdPing, 0xffff)
		b.want("1 " + badLen)
		b.cont(one, 0)
		b.want()
		b.init(one, 0x3c, MaxMessage+1) // also where there is no such command
		b.want("1 " + badLen)
	}},
	{"H-1", "11.2.4", "an answer of more than 7609 bytes does not leave", Config{}, func(b *bench) {
		one := b.open()
		b.app.reply, b.app.ready = make([]byte, MaxMessage+1), true
		b.init(one, CmdCBOR, 1, 4)
		b.want("1 " + other)
	}},
	{"H-1", "11.2.4", "what is not data is zero", Config{}, func(b *bench) {
		one := b.open()
		b.message(one, CmdPing, bytes.Repeat([]byte{0xff}, 60))
		r := hid.Report(bytes.Repeat([]byte{0xaa}, 64))
		b.dev.Transmit(b.now, &r)
		b.dev.Transmit(b.now, &r)
		b.equal(append([]byte{0, 0, 0, 1, 0, 0xff, 0xff, 0xff}, make([]byte, 56)...), r[:])
		for range queueSize { // every place of the queue has been used before
			b.open()
			b.init(one, 0x3c, 0)
			b.dev.Transmit(b.now, &r)
			b.equal(append([]byte{0, 0, 0, 1, 0xbf, 0, 1, 1}, make([]byte, 56)...), r[:])
		}
	}},
	{"H-2", "11.2.4", "a continuation packet that nobody waits for is ignored", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.cont(one, 0)
		b.cont(0x11223344, 0)
		b.cont(0, 0)
		b.cont(Broadcast, 0)
		b.init(one, CmdPing, 58)
		b.cont(two, 0)
		b.want()
		b.cont(one, 0)
		b.want(ping(one, 58), "1 #0")
	}},
	{"H-3", "11.2.5.4", "a wrong sequence number ends the message", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 200)
		b.cont(one, 0)
		b.cont(one, 2)
		b.want("1 " + badSeq)
		b.cont(one, 1)
		b.cont(one, 3)
		b.wait(time.Hour)
		b.want()
		b.init(one, CmdPing, 200)
		b.cont(one, 0)
		b.cont(one, 0)
		b.want("1 " + badSeq)
	}},
	{"H-4", "11.2.5.4", "a request in the middle of a message ends it", Config{}, func(b *bench) {
		one := b.open()
		for _, cmd := range []Command{CmdPing, CmdCBOR, CmdCancel, CmdWink, 0x3c} {
			b.init(one, CmdPing, 100)
			b.init(one, cmd, 1)
			b.want("1 " + badSeq)
		}
		b.cont(one, 0)
		b.wait(time.Hour)
		b.want()
	}},
	{"H-5", "11.2.5.3", "INIT in the middle of a message resynchronises", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 100)
		b.init(one, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
		b.want(welcome(one, one))
		b.cont(one, 0)
		b.wait(time.Hour)
		b.want()
	}},
	{"H-5", "11.2.5.3", "INIT while a command runs ends it without an answer", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdCBOR, 1, 4)
		b.want()
		b.init(one, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
		b.want(welcome(one, one))
		b.equal(1, b.app.cancelled)
		b.wait(time.Hour)
		b.want()
	}},
	{"H-5", "11.2.5.3", "INIT while the answer leaves ends it", Config{}, func(b *bench) {
		one := b.open()
		b.message(one, CmdPing, make([]byte, 200))
		b.one(ping(one, 200))
		b.init(one, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
		b.want(welcome(one, one))
	}},
	{"H-9", "11.2.5.2", "a message whose rest does not come", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 200)
		b.wait(Timeout - 1)
		b.want()
		b.cont(one, 0)
		b.wait(Timeout - 1)
		b.want()
		b.equal(b.now.Add(1), b.dev.Wake())
		b.wait(1)
		b.want("1 " + timedOut)
		b.cont(one, 1)
		b.want()
		b.equal(time.Time{}, b.dev.Wake())
	}},
	{"H-9", "11.2.5.2", "a packet after the time-out is not part of the message", Config{TimeoutMS: 1000}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 58)
		b.wait(time.Second)
		b.cont(one, 0)
		b.want("1 " + timedOut)
	}},
}
