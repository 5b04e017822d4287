package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// glance is how often a terminal is told how far a box has come. Our choice: what looks steady to people.
const glance = 100 * time.Millisecond

// clearLine is what a terminal takes as "begin this line anew" (ECMA-48, EL).
const clearLine = "\r\x1b[K"

// counting shows on a terminal how many fobs of a box the lab has, until the function that it returns is called.
// Elsewhere it shows nothing: a program that reads the output does not want it.
func (c *cli) counting(ctx context.Context, lab *control.Client) (stop func()) {
	if !terminal(c.err) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	tick := time.NewTicker(glance)
	var shown sync.WaitGroup
	shown.Go(func() {
		count(ctx, c.err, tick.C, func() (a live.Arrival, err error) { return a, lab.Get(ctx, "/v1/shipments", &a) })
	})
	return func() {
		cancel()
		tick.Stop()
		shown.Wait()
	}
}

// count writes at each tick how far the box has come, on one line that it takes away in the end. Where the lab does not
// say, the line stays as it is: whoever sent the box hears why.
func count(ctx context.Context, w io.Writer, tick <-chan time.Time, arrival func() (live.Arrival, error)) {
	line := ""
	defer func() {
		if line != "" {
			fmt.Fprint(w, clearLine)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		a, err := arrival()
		if err != nil || a.Rows == 0 || arrived(a) == line {
			continue
		}
		line = arrived(a)
		fmt.Fprint(w, clearLine, line)
	}
}

// arrived words how far a box has come.
func arrived(a live.Arrival) string {
	switch {
	case a.Stored > 0:
		return fmt.Sprintf("%d of %d fobs stored", a.Stored, a.Rows)
	case a.Made == a.Rows:
		return fmt.Sprintf("%d of %d fobs made, telling the account", a.Made, a.Rows)
	}
	return fmt.Sprintf("%d of %d fobs made", a.Made, a.Rows)
}
