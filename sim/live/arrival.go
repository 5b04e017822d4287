package live

import (
	"strings"
	"sync/atomic"
)

// An Arrival is how far the box has come that a lab is taking in.
type Arrival struct {
	Rows   int64 `json:"rows"`   // of the box; 0 where none is being taken in
	Made   int64 `json:"made"`   // rows whose fob is made
	Stored int64 `json:"stored"` // rows whose fob is written to the disk; an ephemeral lab writes none
}

// Arrival returns how far a box has come that [Lab.Import] is taking in. It does not wait for the lab.
func (l *Lab) Arrival() Arrival {
	a := &l.arrival
	rows := a.rows.Load()
	return Arrival{Rows: rows, Made: min(a.made.Load(), rows), Stored: min(a.stored.Load(), rows)}
}

// arrival counts the rows of one box at a time.
type arrival struct{ rows, made, stored atomic.Int64 }

func (a *arrival) begin(rows int) {
	a.made.Store(0)
	a.stored.Store(0)
	a.rows.Store(int64(rows))
}

func (a *arrival) end() { a.rows.Store(0) }

// wrote hears of every file that the lab writes. One of another fob in the meantime counts as a row, which is no harm.
func (a *arrival) wrote(name string) {
	if a.rows.Load() > 0 && strings.HasPrefix(name, fobsFolder+"/") {
		a.stored.Add(1)
	}
}
