package iam

import (
	"sync"
	"time"
)

// paced remembers when a region was last asked, for the limit on LookupEvents: "two requests per second, per account, per
// Region" (API_LookupEvents). It is kept in memory alone: nothing is lost with it but a second.
//
// The limit is off unless the setting says otherwise. It goes by the lab's clock, as everything does that the account decides,
// and that clock may stand still: then no client's patience would ever help, and the lab's own scripts page as fast as they
// like. Who turns it on wants to see what a client does with ThrottlingException; the clock has to run then.
type paced struct {
	mu    sync.Mutex
	asked map[string][]time.Time // by region, the oldest first, those of the last second
}

// admit reports whether one more request in a region is within rate requests a second, and counts it if it is. A rate of 0
// admits all. A request that is refused does not count, so that a client that goes on asking is answered in the end.
func (p *paced) admit(region string, now time.Time, rate int) bool {
	if rate == 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var recent []time.Time
	for _, t := range p.asked[region] {
		if age := now.Sub(t); age >= 0 && age < time.Second { // what lies ahead is from before the clock was set back
			recent = append(recent, t)
		}
	}
	admitted := len(recent) < rate
	if admitted {
		recent = append(recent, now)
	}
	if p.asked == nil {
		p.asked = map[string][]time.Time{}
	}
	p.asked[region] = recent
	return admitted
}
