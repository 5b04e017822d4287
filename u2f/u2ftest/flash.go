// Package u2ftest is what every part of a security key that can be exchanged must do: conformance suites, run by the
// tests of the packages that implement it.
package u2ftest

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Flash is the interface of package u2f, by which a key keeps what outlives the loss of power.
type Flash interface {
	Get(name string) ([]byte, error)
	Put(name string, value []byte) error
	Delete(name string) error
	Names(prefix string) ([]string, error)
}

// Our choice: sizes that every Flash has room for. A resident credential needs half of the value.
const (
	maxName  = 200
	maxValue = 4096
)

// TestFlash checks that what open returns does as a Flash must. Each call of open returns an empty one that shares
// nothing with those before; what it opens it closes by t.Cleanup.
func TestFlash(t *testing.T, open func(t testing.TB) Flash) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
	t.Run("it behaves as a map does", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			m := model{flash: open(t), want: map[string][]byte{}}
			r.Repeat(map[string]func(*rapid.T){"put": m.put, "delete": m.delete, "get": m.get, "": m.check})
		})
	})
}

var cases = []struct {
	name string
	run  func(t *testing.T, f Flash)
}{
	{"an empty one has no names and no values", func(t *testing.T, f Flash) {
		requireNames(t, f, "")
		requireNone(t, f, "counter")
	}},
	{"a value comes back as it went in", func(t *testing.T, f Flash) {
		for _, v := range [][]byte{{0}, []byte("x"), make([]byte, maxValue), {}} {
			require.NoError(t, f.Put("pin", v))
			requireValue(t, f, "pin", v)
		}
	}},
	{"an empty value is there", func(t *testing.T, f Flash) {
		require.NoError(t, f.Put("reset", nil))
		requireValue(t, f, "reset", []byte{})
		requireNames(t, f, "", "reset")
	}},
	{"the last value put is the value", func(t *testing.T, f Flash) {
		for n := range byte(100) {
			require.NoError(t, f.Put("counter", []byte{n}))
		}
		requireValue(t, f, "counter", []byte{99})
	}},
	{"what is deleted is gone and may come again", func(t *testing.T, f Flash) {
		require.NoError(t, f.Put("pin", []byte("a")))
		require.NoError(t, f.Delete("pin"))
		requireNone(t, f, "pin")
		requireNames(t, f, "")
		require.NoError(t, f.Put("pin", []byte("b")))
		requireValue(t, f, "pin", []byte("b"))
	}},
	{"deleting what is not there does nothing", func(t *testing.T, f Flash) {
		require.NoError(t, f.Delete("pin"))
		requireNames(t, f, "")
	}},
	{"names are sorted and have the prefix", func(t *testing.T, f Flash) {
		for _, name := range []string{"rk/b/2", "pin", "rk/a/1", "rk/b/1", "rk", "rl"} {
			require.NoError(t, f.Put(name, []byte(name)))
		}
		requireNames(t, f, "", "pin", "rk", "rk/a/1", "rk/b/1", "rk/b/2", "rl")
		requireNames(t, f, "rk/", "rk/a/1", "rk/b/1", "rk/b/2")
		requireNames(t, f, "rk/b/", "rk/b/1", "rk/b/2")
		requireNames(t, f, "x")
	}},
	{"what the caller does to its slices changes nothing", func(t *testing.T, f Flash) {
		value := []byte("abc")
		require.NoError(t, f.Put("pin", value))
		value[0] = 'X'
		got, err := f.Get("pin")
		require.NoError(t, err)
		require.Equal(t, []byte("abc"), got)
		got[0] = 'Y'
		requireValue(t, f, "pin", []byte("abc"))
		require.NoError(t, f.Put("pin", []byte("def")))
		require.Equal(t, []byte("Ybc"), got, "nor does a later Put change what was read")
	}},
	{"a name as long as a resident credential's", func(t *testing.T, f Flash) {
		name := strings.Repeat("n", maxName)
		require.NoError(t, f.Put(name, []byte("v")))
		requireValue(t, f, name, []byte("v"))
	}},
	{"a name that cannot be is refused and changes nothing", func(t *testing.T, f Flash) {
		require.NoError(t, f.Put("pin", []byte("v")))
		for _, name := range []string{"", "a b", "a\n", "\x00", "é", "\xff", strings.Repeat("n", 1<<16)} {
			require.Error(t, f.Put(name, []byte("x")), "%q", name)
			require.Error(t, f.Delete(name), "%q", name)
			_, err := f.Get(name)
			require.Error(t, err, "%q", name)
		}
		requireNames(t, f, "", "pin")
	}},
	{"a value that is too long is refused and changes nothing", func(t *testing.T, f Flash) {
		require.NoError(t, f.Put("pin", []byte("v")))
		require.Error(t, f.Put("pin", make([]byte, 1<<24)))
		requireValue(t, f, "pin", []byte("v"))
	}},
	{"a hundred resident credentials", func(t *testing.T, f Flash) {
		for n := range 100 {
			require.NoError(t, f.Put(fmt.Sprintf("rk/%03d", n), make([]byte, 300+n)))
		}
		names, err := f.Names("rk/")
		require.NoError(t, err)
		require.Len(t, names, 100)
		requireValue(t, f, "rk/099", make([]byte, 399))
	}},
}

func requireValue(t testing.TB, f Flash, name string, want []byte) {
	got, err := f.Get(name)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func requireNone(t testing.TB, f Flash, name string) {
	_, err := f.Get(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func requireNames(t testing.TB, f Flash, prefix string, want ...string) {
	got, err := f.Names(prefix)
	require.NoError(t, err)
	require.Equal(t, append([]string{}, want...), append([]string{}, got...))
}

// A model is a Flash and what a map says it holds.
type model struct {
	flash Flash
	want  map[string][]byte
}

// names are few, so that records meet again; one is a prefix of another.
var names = rapid.SampledFrom([]string{"counter", "pin", "rk/a", "rk/a/1", "rk/a/2", "rk/b/1", "~"})

func (m *model) put(r *rapid.T) {
	name := names.Draw(r, "name")
	value := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(r, "value")
	require.NoError(r, m.flash.Put(name, value))
	m.want[name] = value
}

func (m *model) delete(r *rapid.T) {
	name := names.Draw(r, "name")
	require.NoError(r, m.flash.Delete(name))
	delete(m.want, name)
}

func (m *model) get(r *rapid.T) {
	name := names.Draw(r, "name")
	got, err := m.flash.Get(name)
	want, ok := m.want[name]
	if !ok {
		require.ErrorIs(r, err, fs.ErrNotExist)
		return
	}
	require.NoError(r, err)
	require.Equal(r, append([]byte{}, want...), got)
}

// check runs after each step: the same names, and under each prefix.
func (m *model) check(r *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "rk/", "rk/a", "rk/a/", "p", "zz"}).Draw(r, "prefix")
	want := slices.DeleteFunc(slices.Sorted(maps.Keys(m.want)), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	got, err := m.flash.Names(prefix)
	require.NoError(r, err)
	require.Equal(r, append([]string{}, want...), append([]string{}, got...))
}
