package live

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// A Clock maps the wall's time to the lab's: from one known pair of instants, at a rate. It may be read by any goroutine.
// Between two moves of the lab's clock it never goes back, whatever the wall does.
type Clock struct {
	mu   sync.Mutex
	wall func() time.Time
	at   reading
	seen time.Time // the wall's time when the clock was read last
}

// reading is the pair of instants at which the clock was set last, and the rate since then.
type reading struct {
	Lab  time.Time `json:"lab"`
	Wall time.Time `json:"wall"`
	Rate float64   `json:"rate"`
}

// Our choice.
const (
	maxRate = 86400            // a day in a second is as fast as a page can still follow
	longest = 10 * time.Second // between two looks at a wall clock that somebody may set, or a machine that slept
)

// latest is where the lab's calendar ends: RFC 3339, which the files are written in, has no year after 9999.
var latest = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (r reading) check() error {
	switch {
	case math.IsNaN(r.Rate) || r.Rate < 0 || r.Rate > maxRate:
		return fmt.Errorf("the rate %v is out of range: give 0 (stand still) to %d (a day in a second)", r.Rate, maxRate)
	case r.Lab.Before(time.Unix(0, 0)) || r.Lab.After(latest):
		return fmt.Errorf("the lab's clock cannot show %s: give a time from 1970 to 9998", r.Lab.Format(time.RFC3339))
	}
	return nil
}

// lab returns the lab's time at a wall time, which counts as r.Wall where it is earlier.
func (r reading) lab(wall time.Time) time.Time {
	passed := max(wall.Sub(r.Wall), 0)
	t := r.Lab.Add(passed)
	if r.Rate != 1 {
		// In seconds and parts of one: nanoseconds overflow after a day at the highest rate.
		whole, part := math.Modf(passed.Seconds() * r.Rate)
		t = time.Unix(r.Lab.Unix()+int64(whole), int64(r.Lab.Nanosecond())+int64(part*1e9)).UTC()
	}
	if t.After(latest) {
		return latest
	}
	return t
}

// Now returns the lab's time and the wall's, in UTC and without monotonic readings.
func (c *Clock) Now() (lab, wall time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *Clock) read() (lab, wall time.Time) {
	wall = strip(c.wall())
	if wall.Before(c.seen) {
		// Somebody set the wall clock back: the lab goes on from what it showed last.
		c.at.Lab, c.at.Wall = c.at.lab(c.seen), wall
	}
	c.seen = wall
	return c.at.lab(wall), wall
}

// Rate returns how many seconds pass in the lab in one second of the wall clock.
func (c *Clock) Rate() float64 { return c.reading().Rate }

// until returns how long to sleep before looking again whether the lab shows t; ok is false where it never will.
func (c *Clock) until(t time.Time) (d time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lab, _ := c.read()
	left := t.Sub(lab)
	if left <= 0 || c.at.Rate == 0 {
		return 0, left <= 0
	}
	return time.Duration(math.Ceil(min(float64(left)/c.at.Rate, float64(longest)))), true
}

// set puts the clock to lab, backwards too.
func (c *Clock) set(lab time.Time, rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := strip(c.wall())
	c.at, c.seen = reading{Lab: strip(lab), Wall: wall, Rate: rate}, wall
}

// forward puts the clock to lab, or leaves it where it shows more: others have seen that already.
func (c *Clock) forward(lab time.Time, rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shown, wall := c.read()
	if shown.Before(lab) {
		shown = strip(lab)
	}
	c.at = reading{Lab: shown, Wall: wall, Rate: rate}
}

func (c *Clock) reading() reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func strip(t time.Time) time.Time { return t.Round(0).UTC() }
