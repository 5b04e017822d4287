package sim

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var start = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// A metronome ticks every period, for ever where it has one, and tells of each tick.
type metronome struct {
	next   time.Time
	period time.Duration
	ticked func(now time.Time)
}

func (m *metronome) Wake() time.Time { return m.next }

func (m *metronome) Step(now time.Time) {
	for !m.next.IsZero() && !m.next.After(now) {
		m.next = m.next.Add(m.period)
		if m.period == 0 {
			m.next = time.Time{}
		}
		if m.ticked != nil {
			m.ticked(now)
		}
	}
}

// traced returns a world that writes its journal into the buffer.
func traced(chance Chance) (*World, *bytes.Buffer) {
	var b bytes.Buffer
	return NewWorld(start, chance, func(e Event) { b.Write(append(e.AppendJSON(nil), '\n')) }), &b
}

// ticking puts a metronome into w that records its ticks under name.
func ticking(w *World, name string, first time.Time, period time.Duration) *metronome {
	m := &metronome{next: first, period: period}
	m.ticked = func(time.Time) { w.Record("tick", String("name", name)) }
	w.Add(m)
	return m
}

func TestWorldStartsWithoutZoneAndMonotonicReading(t *testing.T) {
	w := NewWorld(time.Now().In(time.FixedZone("there", 3600)), Chance{}, nil)
	require.Equal(t, time.UTC, w.Now().Location())
	require.NotContains(t, fmt.Sprint(w.Now()), "m=")
	require.True(t, w.Next().IsZero(), "an empty world has nothing due")
	w.AdvanceTo(at(0).In(time.FixedZone("there", 3600)).AddDate(300, 0, 0))
	require.Equal(t, time.UTC, w.Now().Location())
}

func TestWorldHoldsItsChance(t *testing.T) {
	c := NewChance([]byte("seed"))
	require.Equal(t, c, NewWorld(start, c, nil).Chance())
}

// However a span is cut into waits, the same wakes come in the same order and end in the same state.
func TestWaitsSplitAnyWayAreTheSameWait(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type plan struct{ First, Period, In int }
		plans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan {
			return plan{rapid.IntRange(-2, 9).Draw(t, "first"), rapid.IntRange(0, 4).Draw(t, "period"), rapid.IntRange(-1, 9).Draw(t, "in")}
		}), 1, 12).Draw(t, "machines")
		cuts := rapid.SliceOfN(rapid.IntRange(0, 6000), 1, 12).Draw(t, "milliseconds")
		byWait := rapid.SliceOfN(rapid.Bool(), len(cuts), len(cuts)).Draw(t, "by Wait")
		run := func(move func(w *World)) (string, []time.Time) {
			w, journal := traced(Chance{})
			var all []*metronome
			for i, p := range plans {
				name := fmt.Sprint(i)
				all = append(all, ticking(w, name, at(p.First), time.Duration(p.Period)*time.Second))
				w.In(time.Duration(p.In)*time.Second, name, func(time.Time) {
					// Something happens to the machine: it ticks a second from now.
					all[i].next = w.Now().Add(time.Second)
					w.Changed(all[i])
					w.In(0, name+" again", func(time.Time) {})
				})
			}
			move(w)
			ends := []time.Time{w.Now(), w.Next()}
			for _, m := range all {
				ends = append(ends, m.next)
			}
			return journal.String(), ends
		}
		var span time.Duration
		for _, c := range cuts {
			span += time.Duration(c) * time.Millisecond
		}
		whole, wholeEnds := run(func(w *World) { w.AdvanceTo(start.Add(span)) })
		split, splitEnds := run(func(w *World) {
			for i, c := range cuts {
				if d := time.Duration(c) * time.Millisecond; byWait[i] {
					require.False(t, w.Wait(d, nil))
				} else {
					w.AdvanceTo(w.Now().Add(d))
				}
			}
		})
		require.Equal(t, whole, split)
		require.Equal(t, wholeEnds, splitEnds)
	})
}

func TestWakesAtOneInstantKeepTheOrderOfAsking(t *testing.T) {
	var got []string
	w := NewWorld(start, Chance{}, nil)
	note := func(name string) func(time.Time) { return func(time.Time) { got = append(got, name) } }
	c := &metronome{next: at(5), ticked: note("c")}
	w.Add(c)
	w.In(3*time.Second, "a", note("a"))
	w.Add(&metronome{next: at(3), ticked: note("b")})
	c.next = at(3)
	w.Changed(c) // asks for that instant last
	w.Changed(c) // asking for the same again loses no place
	w.In(3*time.Second, "d", note("d"))
	w.Add(c) // is in it already
	w.AdvanceTo(at(3))
	require.Equal(t, []string{"a", "b", "c", "d"}, got)
}

func TestWakeThatIsOverdueHappensNow(t *testing.T) {
	w, journal := traced(Chance{})
	ticking(w, "late", at(-10), 0)
	require.Equal(t, at(-10), w.Next())
	w.AdvanceTo(at(-5))
	require.Equal(t, start, w.Now(), "time does not go back for it")
	require.Contains(t, journal.String(), `"time":"2026-03-01T09:00:00Z","event":"tick","name":"late"`)
}

func TestEventInThePastHappensNow(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	happened := false
	w.In(-time.Hour, "late", func(now time.Time) { happened = now.Equal(start) })
	require.Equal(t, start, w.Next())
	w.AdvanceTo(start)
	require.True(t, happened)
}

func TestEventIsInTheJournal(t *testing.T) {
	w, journal := traced(Chance{})
	w.In(1500*time.Millisecond, "alice presses the fob", func(time.Time) { w.Record("fob.pressed") })
	w.AdvanceTo(at(2))
	require.Equal(t, `{"seq":1,"time":"2026-03-01T09:00:01.5Z","event":"world.event","what":"alice presses the fob"}
{"seq":2,"time":"2026-03-01T09:00:01.5Z","event":"fob.pressed"}
`, journal.String())
	require.Equal(t, uint64(2), w.Recorded())
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		name string
		wait time.Duration
		done func(ticks int) bool // nil: never
		want bool
		end  int // seconds
	}{
		{"nothing awaited lasts to the end", 10 * time.Second, nil, false, 10},
		{"what is so already moves nothing", 10 * time.Second, func(int) bool { return true }, true, 0},
		{"it ends at the wake that did it", 10 * time.Second, func(n int) bool { return n == 3 }, true, 3},
		{"a wake at the last instant counts", 10 * time.Second, func(n int) bool { return n == 10 }, true, 10},
		{"a wake after the last instant does not", 10 * time.Second, func(n int) bool { return n == 11 }, false, 10},
		{"nothing passes in no time", 0, func(n int) bool { return n == 1 }, false, 0},
		{"nothing passes in less than no time", -5 * time.Second, func(n int) bool { return n == 1 }, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := NewWorld(start, Chance{}, nil)
			ticks := 0
			w.Add(&metronome{next: at(1), period: time.Second, ticked: func(time.Time) { ticks++ }})
			var done func() bool
			if c.done != nil {
				done = func() bool { return c.done(ticks) }
			}
			require.Equal(t, c.want, w.Wait(c.wait, done))
			require.Equal(t, at(c.end), w.Now())
			require.Equal(t, c.end, ticks)
		})
	}
}

func TestWaitAsksAtItsEnd(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	require.True(t, w.Wait(time.Minute, func() bool { return w.Now().Equal(at(60)) }))
}

func TestAdvanceIntoThePastMovesNothing(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	w.AdvanceTo(at(-3600))
	require.Equal(t, start, w.Now())
}

func TestMachineThatSleepsIsNotStepped(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	m := &metronome{next: at(5), ticked: func(time.Time) { t.Error("stepped although it wants nothing") }}
	w.Add(m)
	m.next = time.Time{}
	w.Changed(m)
	w.AdvanceTo(at(60))
	require.True(t, w.Next().IsZero())
}

func TestMachineThatIsNotThereChangesNothing(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	m := &metronome{next: at(1)}
	w.Changed(m)
	w.Remove(m)
	require.True(t, w.Next().IsZero())
	w.Add(m)
	w.Remove(m)
	w.Remove(m)
	require.True(t, w.Next().IsZero())
}

// A stepper does anything at all when it is stepped.
type stepper struct {
	next time.Time
	step func(s *stepper)
}

func (s *stepper) Wake() time.Time    { return s.next }
func (s *stepper) Step(now time.Time) { s.step(s) }

func TestMachineMayTakeItselfOutInsideStep(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	steps := 0
	m := &stepper{next: at(1)}
	m.step = func(s *stepper) { steps++; s.next = at(2); w.Remove(s) }
	w.Add(m)
	w.AdvanceTo(at(10))
	require.Equal(t, 1, steps)
	require.True(t, w.Next().IsZero(), "what was taken out wakes no more")
}

func TestMachineMayComeBackInsideStep(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	steps := 0
	m := &stepper{next: at(1)}
	m.step = func(s *stepper) { steps++; s.next = s.next.Add(time.Second); w.Remove(s); w.Add(s) }
	w.Add(m)
	w.AdvanceTo(at(10))
	require.Equal(t, 10, steps)
}

func TestMachineMayTakeOutItsNeighbourInsideStep(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	second := &stepper{next: at(1), step: func(*stepper) { t.Error("stepped after it was taken out") }}
	first := &stepper{next: at(1), step: func(s *stepper) { s.next = time.Time{}; w.Remove(second) }}
	w.Add(first)
	w.Add(second)
	w.AdvanceTo(at(10))
}

func TestMachineThatAsksForTheInstantItWasSteppedTo(t *testing.T) {
	t.Run("is stepped again while it gets somewhere", func(t *testing.T) {
		w := NewWorld(start, Chance{}, nil)
		left := 1000
		m := &stepper{next: at(1)}
		m.step = func(s *stepper) {
			if left--; left == 0 {
				s.next = time.Time{}
			}
		}
		w.Add(m)
		w.AdvanceTo(at(1))
		require.Zero(t, left)
	})
	t.Run("does not hang the world", func(t *testing.T) {
		w := NewWorld(start, Chance{}, nil)
		w.Add(&stepper{next: at(1), step: func(*stepper) {}})
		require.PanicsWithValue(t, "sim: internal error: time stands still: some machine asks for the instant it was stepped to",
			func() { w.AdvanceTo(at(10)) })
	})
	t.Run("lets its neighbours go first", func(t *testing.T) {
		w := NewWorld(start, Chance{}, nil)
		var got []string
		for _, name := range []string{"a", "b"} {
			left := 2
			w.Add(&stepper{next: at(1), step: func(s *stepper) {
				got = append(got, name)
				if left--; left == 0 {
					s.next = time.Time{}
				}
			}})
		}
		w.AdvanceTo(at(1))
		require.Equal(t, []string{"a", "b", "a", "b"}, got)
	})
	t.Run("has all its turns again when time has moved", func(t *testing.T) {
		for name, move := range map[string]func(*World){
			"by waiting": func(w *World) { w.AdvanceTo(at(2)) },
			"by Set":     func(w *World) { w.Set(at(-2)) },
		} {
			w := NewWorld(start, Chance{}, nil)
			w.still = mostAtOnce
			move(w)
			w.In(0, "at once", func(time.Time) {})
			require.NotPanics(t, func() { w.AdvanceTo(w.Now()) }, name)
		}
	})
}

func TestMachineThatAsksInsideStepKeepsThatPlace(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	var got []string
	w.Add(&stepper{next: at(1), step: func(s *stepper) {
		if got = append(got, "machine"); len(got) > 1 {
			s.next = time.Time{}
			return
		}
		s.next = at(2)
		w.Changed(s)
		w.In(time.Second, "event", func(time.Time) { got = append(got, "event") })
	}})
	w.AdvanceTo(at(2))
	require.Equal(t, []string{"machine", "machine", "event"}, got)
}

func TestSetMovesTheClockAndLetsNothingHappen(t *testing.T) {
	for name, to := range map[string]time.Time{
		"backwards":                   at(-3600),
		"forwards":                    at(3600),
		"by a thousand years":         start.AddDate(1000, 0, 0),
		"by a thousand years, back":   start.AddDate(-1000, 0, 0),
		"from another zone":           at(1).In(time.FixedZone("there", -7200)),
		"to where it is, for nothing": start,
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			note := func(name string) func(time.Time) { return func(time.Time) { got = append(got, name) } }
			w := NewWorld(start, Chance{}, nil)
			m := &metronome{next: at(5), ticked: note("machine")}
			asleep := &metronome{ticked: note("sleeper")}
			w.Add(asleep)
			w.In(7*time.Second, "event", note("event"))
			w.Add(m)

			shift := 9 * time.Second // of the machines, which are the caller's to rebase
			m.next, asleep.next = to.Add(shift), to.Add(time.Second)
			w.Set(to)
			require.Empty(t, got)
			require.Equal(t, strip(to), w.Now())
			require.Equal(t, strip(to).Add(time.Second), w.Next(), "a machine that slept is asked anew")
			w.AdvanceTo(to.Add(7 * time.Second))
			require.Equal(t, []string{"sleeper", "event"}, got, "an event stays as far off as it was")
			w.AdvanceTo(to.Add(shift))
			require.Equal(t, []string{"sleeper", "event", "machine"}, got)
		})
	}
}

// little is a world with a bit of everything: ties, sleepers that Set wakes, chance, comings and goings.
func little() []byte {
	w, journal := traced(NewChance([]byte("little")))
	var all []*metronome
	for i := range 60 {
		c := w.Chance().Derive("machine", fmt.Sprint(i))
		first := at(1 + i%3)
		if i%7 == 3 {
			first = time.Time{} // until Set wakes it
		}
		all = append(all, ticking(w, c.Text(6, "abcdefghijklmnop"), first, time.Duration(1+c.Bytes(1)[0]%4)*time.Second))
		w.In(time.Duration(i%5)*time.Second, fmt.Sprint(i), func(now time.Time) {
			switch i % 4 {
			case 0:
				w.Remove(all[i])
			case 1:
				all[i].next = time.Time{}
				w.Changed(all[i])
			case 2:
				w.In(0, "drawn", func(time.Time) { w.Record("drawn", Int("ppm", int64(1000*c.Normal()))) })
			}
		})
	}
	w.Wait(20*time.Second, nil)
	for _, m := range all {
		m.next = at(-100)
	}
	w.Set(at(-200))
	w.Wait(110*time.Second, nil)
	return journal.Bytes()
}

func TestOneWorldGivesOneJournal(t *testing.T) {
	want := little()
	require.Greater(t, bytes.Count(want, []byte("\n")), 500)
	for range 50 {
		require.Equal(t, string(want), string(little()))
	}
}

// idle returns a world with n machines that want nothing for a hundred years, or nothing at all.
func idle(n int) *World {
	w := NewWorld(start, Chance{}, nil)
	for i := range n {
		m := &metronome{}
		if i%2 == 0 {
			m.next = start.AddDate(100, 0, i)
		}
		w.Add(m)
	}
	return w
}

func TestAdvancePastIdleMachinesAllocatesNothing(t *testing.T) {
	w := idle(10_000)
	busy := &metronome{next: at(1), period: time.Second}
	w.Add(busy)
	now := start
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Second)
		w.AdvanceTo(now)
	}))
	require.True(t, busy.next.After(now))
}

func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("idle=%d", n), func(b *testing.B) {
			w := idle(n)
			now := start
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				w.AdvanceTo(now)
			}
		})
		b.Run(fmt.Sprintf("idle=%d,busy=1", n), func(b *testing.B) {
			w := idle(n)
			w.Add(&metronome{next: at(1), period: time.Microsecond})
			now := at(1)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				w.AdvanceTo(now)
			}
		})
	}
}
