package ctaphid

import "time"

// LOCK, in each product.
var lockRules = []rule{
	{"H-16", "11.2.9.2.2", "LOCK keeps others out until it ends by itself", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdLock, 1, 2)
		b.want("1 CTAPHID_LOCK 0 ")
		b.init(two, CmdPing, 1)
		b.init(two, CmdLock, 1, 0)
		b.want("2 "+busy, "2 "+busy)
		b.init(one, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
		b.want(welcome(one, one))
		b.wait(2*time.Second - 1)
		b.init(one, CmdPing, 1)
		b.init(two, CmdPing, 1)
		b.want("2 "+busy, ping(one, 1))
		b.equal(uint32(3), b.open())
		b.wait(1)
		b.init(two, CmdPing, 1)
		b.want(ping(two, 1))
	}},
	{"H-16", "11.2.9.2.2", "LOCK again restarts its time, and 0 ends it", Config{}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdLock, 1, 10)
		b.want("1 CTAPHID_LOCK 0 ")
		b.wait(9 * time.Second)
		b.init(one, CmdLock, 1, 10)
		b.want("1 CTAPHID_LOCK 0 ")
		b.wait(9 * time.Second)
		b.init(two, CmdPing, 1)
		b.want("2 " + busy)
		b.init(one, CmdLock, 1, 0)
		b.want("1 CTAPHID_LOCK 0 ")
		b.init(two, CmdPing, 1)
		b.want(ping(two, 1))
	}},
	{"H-16", "11.2.9.2.2", "LOCK of a wrong time or length", Config{}, func(b *bench) {
		one := b.open()
		b.init(one, CmdLock, 1, 11)
		b.want("1 " + badPar)
		b.init(one, CmdLock, 0)
		b.init(one, CmdLock, 2)
		b.want("1 "+badLen, "1 "+badLen)
	}},
	{"H-16", "11.2.9.2.2", "LOCK where there is none", Config{NoLock: true, CapsLockBit: true}, func(b *bench) { b.refused(CmdLock, 1) }},
	{"H-16", "11.2.9.2.2", "LOCK that blocks INIT", Config{LockBlocksInit: true}, func(b *bench) {
		one := b.open()
		b.init(one, CmdLock, 1, 1)
		b.want("1 CTAPHID_LOCK 0 ")
		b.init(Broadcast, CmdInit, 8)
		b.want("ffffffff " + busy)
		b.wait(time.Second)
		b.equal(uint32(2), b.open())
	}},
	{"H-16", "11.2.9.2.2", "LOCK that traffic prolongs", Config{LockFollowsTraffic: true}, func(b *bench) {
		one, two := b.open(), b.open()
		b.init(one, CmdLock, 1, 1)
		b.want("1 CTAPHID_LOCK 0 ")
		b.wait(time.Second - 1)
		b.init(one, CmdPing, 1)
		b.want(ping(one, 1))
		b.wait(time.Second - 1)
		b.init(two, CmdPing, 1)
		b.want("2 " + busy)
		b.wait(1)
		b.init(two, CmdPing, 1)
		b.want(ping(two, 1))
	}},
}
