package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A naive is the world as one would explain it: a list that is searched for the earliest wake that was asked for first.
type naive struct {
	now   time.Time
	asked int
	list  []*asking
}

// asking is a machine of a naive, or an event where it has no machine.
type asking struct {
	name    string
	machine *metronome
	when    time.Time // zero: not in the list
	order   int
}

func (n *naive) ask(a *asking, when time.Time) {
	if !when.IsZero() && !a.when.Equal(when) {
		n.asked++
		a.order = n.asked
	}
	a.when = when
}

func (n *naive) advance(to time.Time, happen func(*asking)) {
	for {
		var first *asking
		for _, a := range n.list {
			due := !a.when.IsZero() && !a.when.After(to)
			if due && (first == nil || a.when.Before(first.when) || a.when.Equal(first.when) && a.order < first.order) {
				first = a
			}
		}
		if first == nil {
			break
		}
		if first.when.After(n.now) {
			n.now = first.when
		}
		first.when = time.Time{}
		happen(first)
	}
	if to.After(n.now) {
		n.now = to
	}
}

// Any sequence of what one can do to a world does the same to a list that is searched.
func TestWorldIsTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got, want []string
		w := NewWorld(start, Chance{}, nil)
		n := &naive{now: start}
		var theirs []*metronome
		var ours []*asking
		pick := func(t *rapid.T) int { return rapid.IntRange(0, len(ours)-1).Draw(t, "which") }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				name := fmt.Sprint(len(ours))
				period := time.Duration(rapid.IntRange(0, 3).Draw(t, "period")) * time.Second
				m := metronome{period: period}
				if rapid.Bool().Draw(t, "awake") {
					m.next = w.Now().Add(time.Duration(rapid.IntRange(-1, 4).Draw(t, "first")) * time.Second)
				}
				own := m
				m.ticked = func(now time.Time) { got = append(got, now.Format(time.TimeOnly)+" "+name) }
				own.ticked = func(now time.Time) { want = append(want, now.Format(time.TimeOnly)+" "+name) }
				theirs = append(theirs, &m)
				w.Add(&m)
				a := &asking{name: name, machine: &own}
				n.asked++
				a.order = n.asked
				n.list, ours = append(n.list, a), append(ours, a)
				n.ask(a, own.next)
			},
			"in": func(t *rapid.T) {
				name := fmt.Sprint("event ", len(n.list))
				d := time.Duration(rapid.IntRange(-1, 5).Draw(t, "in")) * time.Second
				w.In(d, name, func(now time.Time) { got = append(got, now.Format(time.TimeOnly)+" "+name) })
				a := &asking{name: name}
				n.list = append(n.list, a)
				n.ask(a, n.now.Add(max(d, 0)))
			},
			"change": func(t *rapid.T) {
				if len(ours) == 0 {
					t.Skip("nothing there")
				}
				i := pick(t)
				var next time.Time
				if rapid.Bool().Draw(t, "awake") {
					next = w.Now().Add(time.Duration(rapid.IntRange(-2, 4).Draw(t, "next")) * time.Second)
				}
				theirs[i].next, ours[i].machine.next = next, next
				w.Changed(theirs[i])
				if slices.Contains(n.list, ours[i]) {
					n.ask(ours[i], next)
				}
			},
			"remove": func(t *rapid.T) {
				if len(ours) == 0 {
					t.Skip("nothing there")
				}
				i := pick(t)
				w.Remove(theirs[i])
				ours[i].when = time.Time{}
				n.list = slices.DeleteFunc(n.list, func(a *asking) bool { return a == ours[i] })
			},
			"advance": func(t *rapid.T) {
				to := w.Now().Add(time.Duration(rapid.IntRange(-1, 7).Draw(t, "seconds")) * time.Second)
				w.AdvanceTo(to)
				n.advance(to, func(a *asking) {
					if a.machine == nil {
						want = append(want, n.now.Format(time.TimeOnly)+" "+a.name)
						return
					}
					a.machine.Step(n.now)
					n.ask(a, a.machine.next)
				})
			},
			"set": func(t *rapid.T) {
				shift := time.Duration(rapid.IntRange(-9, 9).Draw(t, "seconds")) * time.Second
				var machines []*asking
				for _, a := range n.list {
					if a.machine != nil {
						machines = append(machines, a)
					} else if !a.when.IsZero() {
						a.when = a.when.Add(shift)
					}
				}
				n.now = n.now.Add(shift)
				slices.SortFunc(machines, func(a, b *asking) int { return a.order - b.order })
				for i, m := range theirs {
					next := ours[i].machine.next
					if next.IsZero() {
						next = start // a sleeper may find that it has something to do
					}
					if rapid.Bool().Draw(t, "rebased") {
						m.next, ours[i].machine.next = next.Add(shift), next.Add(shift)
					}
				}
				for _, a := range machines {
					n.ask(a, a.machine.next)
				}
				w.Set(n.now)
			},
			"": func(t *rapid.T) {
				require.Equal(t, n.now, w.Now())
				require.Equal(t, want, got)
			},
		})
	})
}
