// Package live drives a world by the wall clock and keeps it in a directory: the lab that `mfalab up` runs.
//
// A Lab starts at wall time. It may be moved forward, slowed, hurried or stopped (rate 0); only ResetClock goes back. The
// devices and the world belong to one goroutine; others hand it functions through Do. The IAM does not run there: a
// request reads the lab's time once, at its start, and decides in one transaction of the store.
//
// One process owns a directory at a time: it holds the lock and says beside it who it is. Everything in the directory is
// for its owner's eyes only (0600, 0700):
//
//	lock, owner.json    who has the lab
//	lab.json            the clock, and what chance grows from; it makes the directory a lab
//	fobs/, apps/        one file a device
//	iam.db              the relying party
//	s3/                 what the objects of S3 consist of
//	credentials.json    the access keys that the lab made itself
//	init.json           the plan that it was made by, where there was one
//	journal.jsonl       what happened, one event a line
//	pending.json        a load, reset or first start under way: opening the lab carries it out
//
// What a call changed is on the disk when it returns without an error. After a loss of power each call has happened or
// not, and no step that was handed out is handed out again.
package live
