package flash_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/flash"
)

// steps are writes of which each can be told from the one before.
var steps = []func(s flash.Store) error{
	func(s flash.Store) error { return s.Put("counter", count(1)) },
	func(s flash.Store) error { return s.Put("pin", []byte("1234")) },
	func(s flash.Store) error { return s.Put("counter", count(2)) },
	func(s flash.Store) error { return s.Delete("pin") },
	func(s flash.Store) error { return s.Put("counter", make([]byte, 300)) },
}

// state is all that s holds.
func state(t *testing.T, s flash.Store) map[string]string {
	names, err := s.Names("")
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range names {
		v, err := s.Get(name)
		require.NoError(t, err)
		all[name] = string(v)
	}
	return all
}

// after is what a store holds after the first n steps.
func after(t *testing.T, n int) map[string]string {
	m := new(flash.Memory)
	for _, step := range steps[:n] {
		require.NoError(t, step(m))
	}
	return state(t, m)
}

// A cut at any write leaves what was before it or what was after, and nothing works until the power is back.
func TestCutAfter(t *testing.T) {
	media := map[string]func(t *testing.T) flash.Medium{
		"memory": func(*testing.T) flash.Medium { return new(flash.Memory) },
		"file":   func(t *testing.T) flash.Medium { return openFile(t, filepath.Join(t.TempDir(), "key")) },
	}
	for name, open := range media {
		for _, at := range []flash.Cut{flash.Before, flash.Torn, flash.After} {
			for n := range len(steps) {
				t.Run(fmt.Sprintf("%s, %s write %d", name, at, n+1), func(t *testing.T) { cut(t, open(t), n, at) })
			}
		}
	}
}

// cut runs the steps on m until the power is cut at step n, counted from 0.
func cut(t *testing.T, m flash.Medium, n int, at flash.Cut) {
	c := flash.CutAfter(m, n+1, at)
	for _, step := range steps[:n] {
		require.NoError(t, step(c))
		require.False(t, c.Off())
	}
	require.ErrorIs(t, steps[n](c), flash.ErrCut)
	require.True(t, c.Off())
	requireDead(t, c)
	if f, ok := m.(*flash.File); ok && at == flash.Torn {
		require.ErrorIs(t, f.Put("counter", count(9)), flash.ErrCut, "the disk has no power either")
	}
	require.NoError(t, c.Restore())
	if f, ok := m.(*flash.File); ok {
		require.Equal(t, at == flash.Torn, f.Dropped() > 0, "half a record was on the disk")
	}
	done := n
	if at == flash.After {
		done++
	}
	require.Equal(t, after(t, done), state(t, c))
	for _, step := range steps[done:] {
		require.NoError(t, step(c))
	}
	require.NoError(t, m.Reopen())
	require.Equal(t, after(t, len(steps)), state(t, m))
}

func requireDead(t *testing.T, c *flash.Cutting) {
	for _, step := range steps {
		require.ErrorIs(t, step(c), flash.ErrCut)
	}
	_, err := c.Get("counter")
	require.ErrorIs(t, err, flash.ErrCut)
	_, err = c.Names("")
	require.ErrorIs(t, err, flash.ErrCut)
}

func TestStuck(t *testing.T) {
	s := &flash.Stuck{Store: new(flash.Memory), Left: 2}
	require.NoError(t, s.Put("counter", count(1)))
	require.NoError(t, s.Delete("pin"))
	require.ErrorIs(t, s.Put("counter", count(2)), flash.ErrStuck)
	require.ErrorIs(t, s.Delete("counter"), flash.ErrStuck)
	require.Equal(t, map[string]string{"counter": string(count(1))}, state(t, s))
}

func TestFull(t *testing.T) {
	f := &flash.Full{Store: new(flash.Memory), Capacity: 20}
	require.NoError(t, f.Put("a", make([]byte, 9)))
	require.NoError(t, f.Put("b", make([]byte, 9)), "twenty bytes fit")
	require.ErrorIs(t, f.Put("c", nil), flash.ErrFull)
	require.ErrorIs(t, f.Put("a", make([]byte, 10)), flash.ErrFull)
	require.NoError(t, f.Put("a", make([]byte, 8)), "a record makes room for itself")
	require.NoError(t, f.Put("c", nil))
	require.NoError(t, f.Delete("b"))
	require.NoError(t, f.Put("c", make([]byte, 10)))
}

func TestSlowAndCounting(t *testing.T) {
	c := &flash.Counting{Store: &flash.Stuck{Store: new(flash.Memory), Left: 1}}
	s := &flash.Slow{Store: c, Read: time.Microsecond, Write: time.Millisecond}
	require.NoError(t, s.Put("pin", nil))
	require.ErrorIs(t, s.Delete("pin"), flash.ErrStuck)
	_, err := s.Get("pin")
	require.NoError(t, err)
	_, err = s.Names("")
	require.NoError(t, err)
	require.Equal(t, 2*time.Millisecond+2*time.Microsecond, s.Took)
	require.Equal(t, [2]int{2, 2}, [2]int{c.Reads, c.Writes})
}

func TestCutNames(t *testing.T) {
	require.Equal(t, "before torn after cut 7", fmt.Sprint(flash.Before, flash.Torn, flash.After, flash.Cut(7)))
}
