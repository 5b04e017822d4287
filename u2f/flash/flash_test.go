package flash_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/u2ftest"
)

// openFile opens path until the end of the test.
func openFile(t testing.TB, path string) *flash.File {
	f, err := flash.OpenFile(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// A plugged is a file that loses power after each operation and is opened again before the next.
type plugged struct {
	t    testing.TB
	path string
	end  func(*flash.File) error
}

func (p plugged) with(do func(f *flash.File) error) error {
	f, err := flash.OpenFile(p.path)
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, p.end(f)) }()
	return do(f)
}

func (p plugged) Get(name string) (v []byte, err error) {
	return v, p.with(func(f *flash.File) error { v, err = f.Get(name); return err })
}

func (p plugged) Put(name string, value []byte) error {
	return p.with(func(f *flash.File) error { return f.Put(name, value) })
}

func (p plugged) Delete(name string) error {
	return p.with(func(f *flash.File) error { return f.Delete(name) })
}

func (p plugged) Names(prefix string) (names []string, err error) {
	return names, p.with(func(f *flash.File) error { names, err = f.Names(prefix); return err })
}

func TestMemory(t *testing.T) {
	u2ftest.TestFlash(t, func(testing.TB) u2ftest.Flash { return new(flash.Memory) })
}

func TestFile(t *testing.T) {
	u2ftest.TestFlash(t, func(t testing.TB) u2ftest.Flash {
		return openFile(t, filepath.Join(t.TempDir(), "key"))
	})
}

// What a file holds after each operation is what it holds when it is opened again, closed before or not.
func TestFileReopened(t *testing.T) {
	for name, end := range map[string]func(*flash.File) error{"closed": (*flash.File).Close, "abandoned": flash.Abandon} {
		t.Run(name, func(t *testing.T) {
			u2ftest.TestFlash(t, func(t testing.TB) u2ftest.Flash {
				return plugged{t, filepath.Join(t.TempDir(), "key"), end}
			})
		})
	}
}

// The faults let everything through until it is their turn.
func TestFaultsUntilTheirTurn(t *testing.T) {
	for name, around := range map[string]func(flash.Store) u2ftest.Flash{
		"stuck":    func(s flash.Store) u2ftest.Flash { return &flash.Stuck{Store: s, Left: 1 << 30} },
		"full":     func(s flash.Store) u2ftest.Flash { return &flash.Full{Store: s, Capacity: 1 << 30} },
		"slow":     func(s flash.Store) u2ftest.Flash { return &flash.Slow{Store: s} },
		"counting": func(s flash.Store) u2ftest.Flash { return &flash.Counting{Store: s} },
		"cut":      func(s flash.Store) u2ftest.Flash { return flash.CutAfter(s.(*flash.Memory), 0, flash.Before) },
	} {
		t.Run(name, func(t *testing.T) {
			u2ftest.TestFlash(t, func(testing.TB) u2ftest.Flash { return around(new(flash.Memory)) })
		})
	}
}
