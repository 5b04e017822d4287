package sim

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"time"
)

// A Machine is anything that changes as time passes: a fob, a cable, a session. A world knows it by identity, so it is a
// pointer.
type Machine interface {
	// Wake says when the machine wants to be stepped although nothing happened; the zero time means never.
	Wake() time.Time
	// Step lets time pass up to now. Stepping often or seldom must lead to the same state. It may do anything to the
	// world but move its time.
	Step(now time.Time)
}

// A World holds time. It belongs to one goroutine. Waiting is the only thing that moves its time, and it moves through
// every wake of every machine in order; wakes at one instant keep the order in which they were asked for.
type World struct {
	now      time.Time
	chance   Chance
	record   func(Event)
	events   uint64 // events recorded so far
	asked    uint64 // wakes asked for so far: the tie-breaker
	still    int    // wakes taken since time last moved
	wakes    wakes
	taken    *wake // of the machine that is being stepped: it has had its turn and asks anew
	machines map[Machine]*wake
}

// mostAtOnce is how many wakes are taken before time moves, or a hundred for each machine where that is more. Our
// choice: far above what a lab does in one instant; a machine that asks for the instant it was stepped to reaches it in
// a second, and the alternative is a world that hangs.
const mostAtOnce = 1_000_000

// NewWorld returns a world at start. Every event of its journal goes to record, which may be nil.
func NewWorld(start time.Time, chance Chance, record func(Event)) *World {
	if record == nil {
		record = func(Event) {}
	}
	return &World{now: strip(start), chance: chance, record: record, machines: map[Machine]*wake{}}
}

// strip removes the monotonic reading and the zone, so that equal instants are equal values.
func strip(t time.Time) time.Time { return t.Round(0).UTC() }

// Now returns the world's time, in UTC.
func (w *World) Now() time.Time { return w.now }

// Chance returns the world's source of randomness.
func (w *World) Chance() Chance { return w.chance }

// Add puts a machine into the world. A machine that is in it already is only looked at again.
func (w *World) Add(m Machine) {
	if w.machines[m] == nil {
		w.asked++
		w.machines[m] = &wake{machine: m, order: w.asked, at: -1}
	}
	w.Changed(m)
}

// Remove takes a machine out of the world; one that is not in it is no error.
func (w *World) Remove(m Machine) {
	if p := w.machines[m]; p != nil {
		w.drop(p)
		delete(w.machines, m)
	}
}

// Changed tells the world that something other than time happened to m, so that its Wake is read anew.
func (w *World) Changed(m Machine) {
	p := w.machines[m]
	if p == nil {
		return
	}
	taken := p == w.taken
	if taken {
		w.taken = nil
	}
	switch when := m.Wake(); {
	case when.IsZero():
		w.drop(p)
	case p.at < 0:
		w.push(p, strip(when))
	case taken || !p.when.Equal(when):
		w.asked++
		p.when, p.order = strip(when), w.asked
		heap.Fix(&w.wakes, p.at)
	}
}

// In schedules do to happen after d, which counts as 0 when negative; what names it in the journal.
func (w *World) In(d time.Duration, what string, do func(now time.Time)) {
	w.push(&wake{do: do, what: what, at: -1}, w.now.Add(max(d, 0)))
}

// Next returns the time of the earliest wake, or the zero time where nothing is due.
func (w *World) Next() time.Time {
	if len(w.wakes) == 0 {
		return time.Time{}
	}
	return w.wakes[0].when
}

// AdvanceTo moves time to t through every wake on the way, in order. A t that has passed does what is due and moves nothing.
func (w *World) AdvanceTo(t time.Time) {
	t = strip(t)
	for w.step(t) {
	}
	w.pass(t)
}

// pass moves time to t, if that lies ahead.
func (w *World) pass(t time.Time) {
	if t.After(w.now) {
		w.now, w.still = t, 0
	}
}

// Wait moves time forward, from wake to wake, until done reports true or d has passed; it reports whether done did. A
// nil done never does. done is asked before the first move and after each wake.
func (w *World) Wait(d time.Duration, done func() bool) bool {
	if done == nil {
		done = func() bool { return false }
	}
	for end := w.now.Add(d); ; {
		if done() {
			return true
		}
		if !w.step(end) {
			w.AdvanceTo(end)
			return done()
		}
	}
}

// step takes the earliest wake, if it is not after end, and reports whether there was one.
func (w *World) step(end time.Time) bool {
	if len(w.wakes) == 0 || w.wakes[0].when.After(end) {
		return false
	}
	p := w.wakes[0]
	w.pass(p.when)
	if w.still++; w.still > max(mostAtOnce, 100*len(w.machines)) {
		panic("sim: internal error: time stands still: some machine asks for the instant it was stepped to")
	}
	if p.do != nil {
		w.drop(p)
		w.Record("world.event", String("what", p.what))
		p.do(w.now)
		return true
	}
	// It keeps its place meanwhile: a machine that is soon due again then costs the same whoever sleeps behind it.
	w.taken = p
	p.machine.Step(w.now)
	w.Changed(p.machine)
	return true
}

// Set puts the world's clock to t, backwards too, without letting time pass: no wake happens on the way, and what In
// scheduled stays as far off as it was. Every machine's wake is read anew afterwards, so the caller rebases its machines
// first.
func (w *World) Set(t time.Time) {
	from := w.now
	w.now, w.still = strip(t), 0
	for _, p := range w.wakes {
		if p.do != nil {
			p.when = w.now.Add(p.when.Sub(from))
		}
	}
	heap.Init(&w.wakes)
	// In the order in which they asked last, for a map's own order would decide who wins a tie.
	for _, p := range slices.SortedFunc(maps.Values(w.machines), func(a, b *wake) int { return cmp.Compare(a.order, b.order) }) {
		w.Changed(p.machine)
	}
}

func (w *World) push(p *wake, when time.Time) {
	w.asked++
	p.when, p.order = when, w.asked
	heap.Push(&w.wakes, p)
}

func (w *World) drop(p *wake) {
	if p.at >= 0 {
		heap.Remove(&w.wakes, p.at)
	}
}

// A wake is one entry of the heap: a machine's, or an event of In.
type wake struct {
	when    time.Time
	order   uint64 // of asking
	machine Machine
	do      func(time.Time)
	what    string
	at      int // place in the heap; -1 when it is not in it
}

// wakes is a heap ordered by (time, order of asking).
type wakes []*wake

func (h wakes) Len() int { return len(h) }
func (h wakes) Less(i, j int) bool {
	if !h[i].when.Equal(h[j].when) {
		return h[i].when.Before(h[j].when)
	}
	return h[i].order < h[j].order
}
func (h wakes) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].at, h[j].at = i, j }
func (h *wakes) Push(x any) {
	p := x.(*wake)
	p.at = len(*h)
	*h = append(*h, p)
}
func (h *wakes) Pop() any {
	old := *h
	p := old[len(old)-1]
	p.at = -1
	*h = old[:len(old)-1]
	return p
}
