// Package live drives a world by the wall clock and keeps it in a directory: the lab that `mfalab up` runs.
//
// A Lab starts at wall time. It may be moved forward, slowed, hurried or stopped (rate 0); only ResetClock goes back. The
// devices and the world belong to one goroutine; others hand it functions through Do. The IAM does not run there: a
// request reads the lab's time once, at its start, and decides in one transaction of the store.
//
// One process owns a directory at a time: it holds the lock and says beside it who it is.
package live
