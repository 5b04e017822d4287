package ctaphid

// Channels, and those that are none.
var channelRules = []rule{
	{"H-10", "11.2.9.1.3", "channel 0 and the broadcast channel are nobody's", Config{}, func(b *bench) {
		for _, cmd := range []Command{CmdPing, CmdCBOR, CmdCancel, 0x3c} {
			b.init(0, cmd, 1)
			b.want("0 " + badCID)
			b.init(Broadcast, cmd, 1)
			b.want("ffffffff " + badCID)
		}
		b.init(0, CmdInit, 8)
		b.want("0 " + badCID)
		b.dev.channels.last = Broadcast - 2
		b.equal(Broadcast-1, b.open())
		b.equal(uint32(1), b.open())
	}},
	{"H-23", "11.2.5", "a full table forgets the channel that was silent for longest", Config{MaxChannels: 3}, func(b *bench) {
		one, two, three := b.open(), b.open(), b.open()
		b.init(one, CmdPing, 0)
		b.want("1 CTAPHID_PING 0 ")
		b.open()
		b.init(two, CmdPing, 0)
		b.want("2 " + badCID)
		b.init(one, CmdPing, 0)
		b.init(three, CmdPing, 0)
		b.want("3 "+busy, "1 CTAPHID_PING 0 ")
	}},
	{"H-23", "11.2.5", "a full table keeps a channel that is at work, and one with the lock", Config{MaxChannels: 2}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdLock, 1, 10)
		b.want("1 CTAPHID_LOCK 0 ")
		b.init(one, CmdPing, 58)
		b.open()
		b.init(two, CmdPing, 0)
		b.want("2 " + badCID)
		b.cont(one, 0)
		b.want(ping(one, 58), "1 #0")
	}},
	{"H-23", "11.2.5", "a full table keeps a silent channel with the lock", Config{MaxChannels: 2}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdLock, 1, 10)
		b.init(two, CmdPing, 0)
		b.want("2 "+busy, "1 CTAPHID_LOCK 0 ")
		b.open()
		b.init(one, CmdPing, 0)
		b.want("1 CTAPHID_PING 0 ")
	}},
	{"H-23", "11.2.5", "a full table that nobody can leave is busy", Config{MaxChannels: 1}, func(b *bench) {
		one := b.open()
		b.init(one, CmdPing, 58)
		b.init(Broadcast, CmdInit, 8)
		b.want("ffffffff " + busy)
	}},
	{"H-23", "11.2.5", "a full table is busy by profile", Config{MaxChannels: 1, TableFull: FullBusy}, func(b *bench) {
		b.open()
		b.init(Broadcast, CmdInit, 8)
		b.want("ffffffff " + busy)
	}},
	{"H-10", "11.2.4", "a channel that was never allocated", Config{}, func(b *bench) {
		one := b.open()
		b.init(0x11223344, CmdPing, 1)
		b.init(0x11223344, CmdInit, 8)
		b.want("11223344 "+badCID, "11223344 "+badCID)
		b.init(one, CmdPing, 58)
		b.init(0x11223344, CmdPing, 1)
		b.want("11223344 " + badCID)
	}},
	{"H-10", "11.2.4", "a channel that was never allocated serves a lenient profile", Config{ChannelPolicy: Lenient}, func(b *bench) {
		b.init(0x11223344, CmdPing, 1)
		b.want(ping(0x11223344, 1))
		b.init(0x11223344, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
		b.want(welcome(0x11223344, 0x11223344))
		b.init(0, CmdPing, 1)
		b.want("0 " + badCID)
		one := b.open()
		b.init(one, CmdPing, 58)
		b.init(0x11223344, CmdPing, 1)
		b.want("11223344 " + busy)
	}},
}
