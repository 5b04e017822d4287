package live

import (
	"strings"
	"sync/atomic"
)

// An Arrival is how far the box has come that a lab is taking in, or that its factory is making.
type Arrival struct {
	Rows   int64 `json:"rows"`   // fobs of the box; 0 where there is none
	Made   int64 `json:"made"`   // of them are made
	Stored int64 `json:"stored"` // of them are written to the disk; an ephemeral lab writes none
}

// Arrival returns how far a box has come that [Lab.Import] or [Lab.NewFobs] is at. It does not wait for the lab.
func (l *Lab) Arrival() Arrival {
	a := &l.arrival
	rows := a.rows.Load()
	return Arrival{Rows: rows, Made: min(a.made.Load(), rows), Stored: min(a.stored.Load(), rows)}
}

// arrival counts the fobs of one box at a time.
type arrival struct{ rows, made, stored atomic.Int64 }

func (a *arrival) begin(rows int) {
	a.made.Store(0)
	a.stored.Store(0)
	a.rows.Store(int64(rows))
}

func (a *arrival) end() { a.rows.Store(0) }

// wrote hears of every file that the lab writes. One of another fob in the meantime counts as well, which is no harm.
func (a *arrival) wrote(name string) {
	if a.rows.Load() > 0 && strings.HasPrefix(name, fobsFolder+"/") {
		a.stored.Add(1)
	}
}
