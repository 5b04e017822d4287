package hid

import "time"

// Our choice.
const (
	// atOnce is how many reports a kernel's client is sent without a pause: half of what Linux keeps for one that is slow.
	atOnce = 32
	// longest is how many reports the longest message has. What a device says beyond is no answer that somebody waits for.
	longest = 129
)

// A Pace keeps a device whose reports pass a kernel's queue from saying more at once than that keeps: Linux holds 64 reports for
// each client and drops the next, where a bus that is polled would make the device wait. An answer of up to 32 reports, which
// CTAP messages are unless a key allows longer ones, goes out at once; the rest of a longer one as a bus would carry it. Its zero
// value is ready, for a device that nobody has spoken to.
type Pace struct{ said int }

// Heard is called when a client has written a report: it has read what was said before, and what follows is another answer.
func (p *Pace) Heard() { p.said = 0 }

// Next returns how long to wait before the next report of the device, 0 or PollInterval.
func (p *Pace) Next() time.Duration {
	if p.said++; p.said > atOnce && p.said <= longest {
		return PollInterval
	}
	return 0
}
