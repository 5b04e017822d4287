package live

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// A Clock maps the wall's time to the lab's: from one known pair of instants, at a rate. It may be read by any goroutine.
type Clock struct {
	mu   sync.RWMutex
	wall func() time.Time
	at   reading
}

// reading is the pair of instants at which the clock was set last, and the rate since then.
type reading struct {
	Lab  time.Time `json:"lab"`
	Wall time.Time `json:"wall"`
	Rate float64   `json:"rate"`
}

// Bounds of the clock. Our choice: a day in a second and a half is as fast as a page can still follow, and the lab's
// calendar ends where RFC 3339 does.
const maxRate = 86400

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

// lab returns the lab's time at a wall time. A wall clock that was set back does not take the lab back.
func (r reading) lab(wall time.Time) time.Time {
	passed := max(wall.Sub(r.Wall), 0)
	if r.Rate != 1 {
		passed = time.Duration(float64(passed) * r.Rate)
	}
	return r.Lab.Add(passed)
}

// Now returns the lab's time and the wall's, in UTC and without monotonic readings.
func (c *Clock) Now() (lab, wall time.Time) {
	wall = strip(c.wall())
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at.lab(wall), wall
}

// Rate returns how many seconds pass in the lab in one second of the wall clock.
func (c *Clock) Rate() float64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at.Rate
}

// until returns how long the wall has to wait until the lab shows t; ok is false where it never will.
func (c *Clock) until(t time.Time) (d time.Duration, ok bool) {
	lab, _ := c.Now()
	rate := c.Rate()
	if rate == 0 {
		return 0, !t.After(lab)
	}
	return time.Duration(math.Ceil(float64(t.Sub(lab)) / rate)), true
}

// set puts the clock to lab from now on.
func (c *Clock) set(lab time.Time, rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = reading{Lab: strip(lab), Wall: strip(c.wall()), Rate: rate}
}

func (c *Clock) reading() reading {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at
}

func strip(t time.Time) time.Time { return t.Round(0).UTC() }
