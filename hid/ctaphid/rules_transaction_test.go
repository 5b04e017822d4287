package ctaphid

import "time"

// Who has the device, and for how long.
var transactionRules = []rule{
	{"H-6", "11.2.5.1", "INIT on the broadcast channel disturbs nobody", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 58)
		b.equal(uint32(2), b.open())
		b.cont(one, 0)
		b.want(ping(one, 58), "1 #0")
		b.init(one, CmdPing, 58)
		b.equal(uint32(3), b.open())
		b.wait(Timeout)
		b.want("1 " + timedOut)
	}},
	{"H-7", "11.2.5.1", "another channel is busy at once, and its owner goes on", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdPing, 58)
		for _, cmd := range []Command{CmdPing, CmdCBOR, CmdWink, CmdInit, 0x3c} {
			b.init(two, cmd, 8)
			b.want("2 " + busy)
		}
		b.cont(one, 0)
		b.want(ping(one, 58), "1 #0")
	}},
	{"H-8", "11.2.5.1", "a transaction lasts until its last packet left", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdCBOR, 1, 4)
		b.want()
		b.init(two, CmdPing, 1)
		b.want("2 " + busy)
		b.app.reply, b.app.ready = make([]byte, 58), true
		b.one("1 CTAPHID_CBOR 58 " + zeros(57))
		b.init(two, CmdPing, 1)
		b.want("2 "+busy, "1 #0")
		b.init(two, CmdPing, 1)
		b.want(ping(two, 1))
	}},
	{"H-8", "11.2.5.1", "a second request on one channel is busy", Config{}, func(b *bench) { b.second("1 " + busy) }},
	{"H-8", "11.2.5.1", "a second request on one channel is ignored", Config{SameChannel: SameIgnore}, func(b *bench) { b.second() }},
	{"H-8", "11.2.5.1", "a second request on one channel takes its place", Config{SameChannel: SameReplace}, func(b *bench) {
		one := b.open()
		b.init(one, CmdCBOR, 1, 4)
		b.want()
		b.init(one, CmdPing, 1, 9)
		b.want("1 CTAPHID_PING 1 09")
		b.equal(1, b.app.cancelled)
	}},
	{"H-21", "11.2.5", "an idle device is silent", Config{}, func(b *bench) {
		b.open()
		for range 30 {
			b.wait(100 * time.Millisecond)
			b.want()
			b.equal(time.Time{}, b.dev.Wake())
		}
	}},
	{"H-7", "11.2.4", "a channel that was never allocated is busy first", Config{BusyBeatsInvalidChannel: true}, func(b *bench) {
		one := b.open()
		b.init(0x11223344, CmdPing, 1)
		b.want("11223344 " + badCID)
		b.init(one, CmdPing, 58)
		b.init(0x11223344, CmdPing, 1)
		b.want("11223344 " + busy)
	}},
	{"H-21", "11.2.5", "a host that has gone wants nothing any more", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdCBOR, 1, 4)
		b.want()
		b.dev.Abandon(b.now, two)
		b.init(two, CmdPing, 1)
		b.want("2 " + busy)
		b.dev.Abandon(b.now, one)
		b.equal(1, b.app.cancelled)
		b.init(two, CmdPing, 58)
		b.dev.Abandon(b.now, two)
		b.wait(time.Hour)
		b.want()
		b.message(one, CmdPing, make([]byte, 200))
		b.one(ping(one, 200))
		b.dev.Abandon(b.now, one) // others see what the device says, and see all of it
		b.want("1 #0", "1 #1", "1 #2")
	}},
	{"H-21", "11.2.5", "a host that does not read loses answers, and finds the device well", Config{}, func(b *bench) {
		one := b.open()
		for range 100 {
			b.init(one, 0x3c, 1)
		}
		want := make([]string, queueSize)
		for i := range want {
			want[i] = "1 " + badCmd
		}
		b.equal(b.now, b.dev.Wake())
		b.want(want...)
		b.init(one, CmdPing, 0)
		b.want("1 CTAPHID_PING 0 ")
	}},
	{"H-21", "11.2.5", "unplugging forgets everything", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdLock, 1, 10)
		b.init(one, CmdPing, 58)
		b.dev.PowerCycle(b.now)
		b.want()
		b.init(one, CmdPing, 1)
		b.want("1 " + badCID)
		b.equal(uint32(1), b.open())
		b.wait(time.Hour)
		b.want()
	}},
}
