package ctaphid

import "time"

// What each command wants and says.
var commandRules = []rule{
	{"H-11", "11.2.9.1.3", "INIT answers with what the device is", Config{Major: 5, Minor: 4, Build: 3, Wink: true}, func(b *bench) {
		b.init(Broadcast, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
		b.want("ffffffff CTAPHID_INIT 17 " + nonce + "00000001" + "02" + "050403" + "05")
	}},
	{"H-11", "11.2.9.1.3", "INIT has a nonce of 8 bytes", Config{}, func(b *bench) {
		for _, n := range []int{0, 7, 9, 58, MaxMessage, MaxMessage + 1} {
			b.init(Broadcast, CmdInit, n)
			b.want("ffffffff " + badLen)
		}
		one := b.open()
		b.init(one, CmdInit, 7)
		b.want("1 " + badLen)
		b.init(one, CmdPing, 100)
		b.init(one, CmdInit, 9)
		b.want("1 " + badLen)
		b.wait(time.Hour)
		b.want()
	}},
	{"H-12", "11.2.9.1.3", "capabilities", Config{}, func(b *bench) {
		for caps, cfg := range map[byte]Config{
			CapCBOR: {}, CapCBOR | CapWink: {Wink: true}, CapCBOR | CapNMSG: {NMSG: true}, 0: {NoCBOR: true},
			CapCBOR | CapLock: {CapsLockBit: true}, CapWink: {NoCBOR: true, Wink: true, CapsLockBit: true, NoLock: true},
		} {
			b.equal(caps, cfg.capabilities())
		}
	}},
	{"H-13", "11.2.9.1.5", "CANCEL has no answer but the command's", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdCancel, 0)
		b.want()
		b.init(one, CmdCBOR, 1, 1)
		b.init(two, CmdCancel, 0)
		b.want()
		b.equal(0, b.app.cancelled)
		b.init(one, CmdCancel, 0)
		b.want("1 CTAPHID_CBOR 1 2d")
		b.equal(1, b.app.cancelled)
		b.init(one, CmdCancel, 0)
		b.want()
		b.equal(1, b.app.cancelled)
	}},
	{"H-13", "11.2.9.1.5", "CANCEL does not stop MSG", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdMsg, 1, 1)
		b.init(one, CmdCancel, 0)
		b.want()
		b.equal(0, b.app.cancelled)
		b.app.reply, b.app.ready = []byte{0x90, 0}, true
		b.want("1 CTAPHID_MSG 2 9000")
	}},
	{"H-14", "11.2.9.1.7", "KEEPALIVE comes in time, and at once when the status changes", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdCBOR, 1, 1)
		b.want()
		b.equal(b.now.Add(KeepaliveInterval), b.dev.Wake())
		b.wait(KeepaliveInterval)
		b.want("1 CTAPHID_KEEPALIVE 1 01")
		b.wait(1)
		b.app.status = StatusUPNeeded
		b.want("1 CTAPHID_KEEPALIVE 1 02")
		b.wait(KeepaliveInterval - 1)
		b.want()
		b.wait(1)
		b.want("1 CTAPHID_KEEPALIVE 1 02")
		b.app.wake = b.now.Add(1)
		b.equal(b.now.Add(1), b.dev.Wake())
		b.app.reply, b.app.ready = []byte{0}, true
		b.want("1 CTAPHID_CBOR 1 00")
	}},
	{"H-14", "11.2.9.1.7", "KEEPALIVE is not for MSG", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdMsg, 1, 1)
		b.app.status = StatusUPNeeded
		b.wait(time.Hour)
		b.want()
		b.equal(time.Time{}, b.dev.Wake())
	}},
	{"H-15", "11.2.9.2.1", "WINK", Config{Wink: true}, func(b *bench) {
		one := b.open()
		b.init(one, CmdWink, 0)
		b.want("1 CTAPHID_WINK 0 ")
		b.equal(1, b.app.winked)
		b.init(one, CmdWink, 1)
		b.want("1 " + badLen)
	}},
	{"H-15", "11.2.9.2.1", "WINK where there is none", Config{}, func(b *bench) { b.refused(CmdWink, 0) }},
	{"H-17", "11.2.9.1.4", "PING of 0 bytes and of zeros", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 0)
		b.want("1 CTAPHID_PING 0 ")
		b.init(one, CmdPing, 3, 0, 0, 7)
		b.want("1 CTAPHID_PING 3 000007")
	}},
	{"H-18", "11.2.9.1.6", "every command that there is not", Config{}, func(b *bench) {
		one := b.open()
		for cmd := range Command(128) {
			if commands[cmd].run == nil && cmd != CmdCancel {
				b.init(one, cmd, 1)
				b.want("1 " + badCmd)
			}
		}
		b.init(one, 0x3c, 100)
		b.cont(one, 0)
		b.want("1 " + badCmd)
	}},
	{"H-19", "11.2.9.1.1", "MSG and CBOR of 0 bytes", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdMsg, 0)
		b.init(one, CmdCBOR, 0)
		b.want("1 "+badLen, "1 "+badLen)
	}},
	{"H-19", "11.2.9.1.1", "MSG where there is none", Config{NMSG: true}, func(b *bench) { b.refused(CmdMsg, 1) }},
	{"H-19", "11.2.9.1.2", "CBOR where there is none", Config{NoCBOR: true}, func(b *bench) { b.refused(CmdCBOR, 1) }},
	{"H-19", "11.2.9.1.2", "an unknown CTAP2 command is the app's to refuse", Config{}, func(b *bench) {
		one := b.open()
		b.app.reply, b.app.ready = []byte{1}, true
		b.init(one, CmdCBOR, 1, 0xee)
		b.want("1 CTAPHID_CBOR 1 01")
		b.equal([]string{"1 ee"}, b.app.cbor)
	}},
	{"H-20", "6.3", "the app is told whose request it is", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.app.ready = true
		b.init(two, CmdCBOR, 1, 8)
		b.want("2 CTAPHID_CBOR 0 ")
		b.init(one, CmdMsg, 1, 3)
		b.want("1 CTAPHID_MSG 0 ")
		b.equal([]string{"2 08"}, b.app.cbor)
		b.equal([]string{"1 03"}, b.app.apdu)
	}},
	{"H-22", "6.4", "a request longer than maxMsgSize is the app's to refuse", Config{}, func(b *bench) {
		one := b.open()
		b.message(one, CmdCBOR, make([]byte, 1025))
		b.equal(1, len(b.app.cbor))
	}},
}
