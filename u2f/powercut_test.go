package u2f_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/flash"
)

// A cut is where the power fails.
type cut struct {
	write int // from 1
	at    flash.Cut
}

var everyCut = []flash.Cut{flash.Before, flash.Torn, flash.After}

// A replay runs commands again and again, each time with the power cut elsewhere.
type replay struct {
	t      testing.TB
	medium func(s *prepared) flash.Medium // a new one with what the state has in flash
	order  order
	once   func(s *prepared) bool // whether the power fails once only; nil: never
	counts map[string]*count      // by command
	wrongs []string
}

// A count is how much of a command was tried.
type count struct{ states, writes, cuts, second int }

// prepared is a state that is ready to be copied.
type prepared struct {
	state
	host    *host
	records map[string]string
	image   []byte // of a File, once it is needed
}

// prepare builds a state in memory.
func prepare(t testing.TB, s state) *prepared {
	h := newHost(t, keyProfile(t, s.profile), &flash.Memory{}, nil)
	h.flash = h.breaker
	if !s.bare || s.build != nil {
		h.replug()
	}
	if s.build != nil {
		s.build(h)
	}
	if s.reset > 0 {
		h.interruptReset(s.reset)
	}
	h.world.factory = h.contents()["factory"]
	return &prepared{state: s, host: h, records: h.contents()}
}

// memory returns what a state has in flash.
func memory(t testing.TB, records map[string]string) flash.Medium {
	m := &flash.Memory{}
	for name, value := range records {
		require.NoError(t, m.Put(name, []byte(value)))
	}
	return m
}

// file does likewise on a disk.
func file(t testing.TB, s *prepared, path string) *flash.File {
	if s.image == nil {
		require.NoError(t, os.RemoveAll(path))
		f, err := flash.OpenFile(path)
		require.NoError(t, err)
		for name, value := range s.records {
			require.NoError(t, f.Put(name, []byte(value)))
		}
		require.NoError(t, f.Close())
		s.image, err = os.ReadFile(path)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(path, s.image, 0o600))
	f, err := flash.OpenFile(path)
	require.NoError(t, err)
	return f
}

// A trial is one command with the power cut in it, and what is left then.
type trial struct {
	*host
	state   *prepared
	command command
	path    []cut // of the command, then of each power-up after it

	before world // the command
	after  world // it, as its answer says; known from the run without a cut
	guess  guess

	done   bool // its answer went out
	writes int  // in the last part that is named in path, or in the command if none is
}

// run does the command, cuts the power, plugs the key in again and looks at it.
func (r *replay) run(s *prepared, c command, path []cut, after *world) *trial {
	t := &trial{host: newHost(r.t, s.host.profile, r.medium(s), r.order), state: s, command: c, path: path}
	t.world, t.cycles, t.now, t.floor = s.host.world.clone(), s.host.cycles, s.host.now, s.host.floor
	if !t.begin() {
		return nil
	}
	t.after = t.world
	if after != nil {
		t.after = *after
	}
	t.recover()
	t.judge()
	for _, w := range t.wrongs {
		r.wrongs = append(r.wrongs, fmt.Sprintf("%s; %s; %s: %s", s.name, c.name, t.where(), w))
	}
	if f, ok := t.breaker.medium.(*flash.File); ok {
		require.NoError(r.t, f.Close())
	}
	return t
}

func (t *trial) where() string {
	var parts []string
	for i, c := range t.path {
		part := []string{"the command", "the power-up after it"}[i]
		parts = append(parts, fmt.Sprintf("cut %s write %d of %s", c.at, c.write, part))
	}
	if parts == nil {
		return "power lost after the answer"
	}
	return strings.Join(parts, ", ")
}

// arm sets the cut of part n of the path, if there is one.
func (t *trial) arm(n int) {
	if n < len(t.path) {
		t.breaker.arm(t.path[n].write, t.path[n].at)
		return
	}
	t.breaker.arm(0, 0)
}

// begin does the command, and reports whether the state has a use for it.
func (t *trial) begin() bool {
	if t.command.message == nil {
		t.before = t.world.clone()
		t.arm(0)
		t.done = t.plug() == nil
		t.end()
		return true
	}
	t.replug()
	m, ok := t.command.message(t.host)
	if !ok {
		return false
	}
	t.before, t.guess, t.told = t.world.clone(), m.guess, false
	t.floor = max(t.floor, t.world.counter)
	t.arm(0)
	t.done = t.transmit(m)
	t.end()
	return true
}

// end checks that the power was cut where it should be, and that nothing was done without it.
func (t *trial) end() {
	off := t.breaker.cut.Off()
	require.Equal(t.t, len(t.path) > 0, off, "%s; %s; %s", t.state.name, t.command.name, t.where())
	if off && t.done {
		t.wrong("it says that it is done, and its write failed")
	}
	t.done = !off
	t.writes = t.breaker.writes
}

// recover plugs the key in, as often as the power fails while it starts.
func (t *trial) recover() {
	for n := 1; n <= max(1, len(t.path)); n++ {
		t.restore(n - 1)
		t.arm(n)
		err := t.plug()
		if len(t.path) > 0 {
			t.writes = t.breaker.writes
		}
		if n < len(t.path) {
			require.True(t.t, t.breaker.cut.Off(), t.where())
			continue
		}
		if err != nil {
			t.wrong("the key does not start: %v", err)
		}
	}
	t.restore(len(t.path))
}

// restore turns the power on again after part n. On a disk a torn record lies there until then.
func (t *trial) restore(n int) {
	require.NoError(t.t, t.breaker.cut.Restore())
	if f, ok := t.breaker.medium.(*flash.File); ok && n < len(t.path) {
		require.Equal(t.t, t.path[n].at == flash.Torn, f.Dropped() > 0, t.where())
	}
}

// judge looks at a copy of the key, which finds nothing left to finish.
func (t *trial) judge() {
	if len(t.wrongs) > 0 {
		return
	}
	t.flash = t.breaker
	t.breaker = &breaker{medium: memory(t.t, t.contents())}
	t.breaker.arm(0, 0)
	t.order, t.deaf = nil, true
	require.NoError(t.t, t.plug())
	if t.breaker.writes != 0 {
		t.wrong("a second power-up writes")
	}
	known := slices.Clone(t.before.credentials)
	for _, c := range t.after.credentials {
		if !slices.ContainsFunc(known, func(k issued) bool { return string(k.id) == string(c.id) }) {
			known = append(known, c)
		}
	}
	found := t.look(known, []string{t.before.pin, t.after.pin})
	if t.before.factory != "" && found.factory != t.before.factory {
		t.wrong("the attestation key has changed")
	}
	if allowed := t.allowed(); !slices.Contains(allowed, found.String()) {
		t.wrong("the key is: %s\n    and may be: %s", found, strings.Join(allowed, "\n        or: "))
	}
}

// allowed are the worlds that may be found: what an answer or an event has said is so; without one, it is as before the
// command, or as after it, or an attempt is spent, or given back for the right PIN. The first thing that becomes of a
// PIN is that it costs an attempt, be it right or wrong.
func (t *trial) allowed() []string {
	list := []string{t.after.String()}
	if t.done || t.told {
		return list
	}
	if t.guess == someFinger {
		spent := t.before.clone()
		spent.uv--
		if t.path[0] == (cut{1, flash.After}) {
			return []string{spent.String()}
		}
		return append(list, t.before.String(), spent.String())
	}
	if t.guess != noPIN && t.before.attempts > 0 && t.path[0] == (cut{1, flash.After}) {
		return []string{t.before.with(t.before.attempts - 1).String()}
	}
	list = append(list, t.before.String())
	if t.guess != noPIN && t.before.attempts > 0 {
		list = append(list, t.before.with(t.before.attempts-1).String())
	}
	if t.guess == rightPIN && t.before.attempts > 0 {
		restored := t.before.with(8)
		restored.uv = maxUV
		list = append(list, t.before.with(8).String(), restored.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// every runs a command in a state with each cut, and with each cut of the power-up after each.
func (r *replay) every(s *prepared, c command) {
	whole := r.run(s, c, nil, nil)
	if whole == nil {
		return
	}
	if r.counts[c.name] == nil {
		r.counts[c.name] = &count{}
	}
	n := r.counts[c.name]
	n.states++
	n.writes += whole.writes
	for write := range whole.writes {
		for _, at := range everyCut {
			first := cut{write + 1, at}
			again := r.run(s, c, []cut{first}, &whole.after)
			n.cuts++
			if r.once != nil && r.once(s) {
				continue
			}
			for write := range again.writes {
				for _, at := range everyCut {
					r.run(s, c, []cut{first, {write + 1, at}}, &whole.after)
					n.second++
				}
			}
		}
	}
}

// requireNone fails with what was found, the first of it.
func (r *replay) requireNone() {
	r.t.Helper()
	require.Empty(r.t, len(r.wrongs), "%s", strings.Join(r.wrongs[:min(len(r.wrongs), 20)], "\n"))
}

// all runs every command in every state.
func (r *replay) all() {
	for _, s := range states() {
		p := prepare(r.t, s)
		for _, c := range commands() {
			if c.name == powerUp || !s.bare {
				r.every(p, c)
			}
		}
	}
}

// The power fails at each write of each command in each state, before it, inside it and after it; then at each write of
// the power-up that follows. What is left is seen through the key's answers: attempts at the PIN do not grow unless the
// right one was given, the counter does not fall, each credential works or is not there, a reset has happened or not,
// and what was answered is so.
//
// On a disk, where each write waits, the second cuts are only in an empty flash, in one that holds one of everything,
// and where a reset of that has just begun.
func TestPowerCuts(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		r := &replay{t: t, counts: map[string]*count{}, medium: func(s *prepared) flash.Medium { return memory(t, s.records) }}
		r.all()
		r.requireNone()
		r.hold(t, "memory")
	})
	t.Run("file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "flash")
		r := &replay{t: t, counts: map[string]*count{}, medium: func(s *prepared) flash.Medium { return file(t, s, path) },
			once: func(s *prepared) bool {
				return s.name != "everything, full" && s.name != "an empty flash" && s.reset != 1
			}}
		r.all()
		r.requireNone()
		r.hold(t, "file")
	})
}

// powerCuts is where the counts are kept: how much was tried may rise, and never fall.
const powerCuts = "testdata/powercuts.txt"

// hold compares the counts with those that are kept.
func (r *replay) hold(t *testing.T, medium string) {
	kept, lines := map[string]count{}, []string{}
	text, err := os.ReadFile(powerCuts)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var n count
		fields := strings.Split(strings.TrimSpace(line), " | ")
		if strings.HasPrefix(line, "#") || len(fields) != 3 || fields[0] != medium {
			lines = append(lines, line)
			continue
		}
		_, err := fmt.Sscanf(fields[2], countFormat, &n.states, &n.writes, &n.cuts, &n.second)
		require.NoError(t, err, "%s: %q", powerCuts, line)
		kept[fields[1]] = n
	}
	r.counts["all"] = r.total()
	rises := false
	for name, k := range kept {
		n := r.counts[name]
		require.NotNil(t, n, "%s is tried no more; if that is meant, take its line out of %s", name, powerCuts)
		require.False(t, n.states < k.states || n.writes < k.writes || n.cuts < k.cuts || n.second < k.second,
			"%s: %+v were tried, now %+v; if that is meant, write it into %s", name, k, *n, powerCuts)
	}
	for _, name := range slices.Sorted(maps.Keys(r.counts)) {
		n := *r.counts[name]
		rises = rises || n != kept[name]
		lines = append(lines, fmt.Sprintf("%s | %s | "+countFormat+"\n", medium, name, n.states, n.writes, n.cuts, n.second))
		t.Logf("%s: "+countFormat, name, n.states, n.writes, n.cuts, n.second)
	}
	switch {
	case rises && os.Getenv("MFALAB_UPDATE") != "":
		require.NoError(t, os.WriteFile(powerCuts, []byte(strings.Join(lines, "")), 0o644))
	case rises:
		t.Logf("more was tried than %s says: run this test with MFALAB_UPDATE=1", powerCuts)
	}
}

const countFormat = "%d states, %d writes, %d cuts, %d second cuts"

// total is all commands together; its states are pairs of a state and a command that writes in it.
func (r *replay) total() *count {
	var sum count
	for name, n := range r.counts {
		if name != "all" {
			sum = count{sum.states + n.states, sum.writes + n.writes, sum.cuts + n.cuts, sum.second + n.second}
		}
	}
	return &sum
}

var _ u2f.Flash = (*breaker)(nil)
