package flash_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/flash"
)

// count is what a counter's record holds.
func count(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	f := openFile(t, path)
	private := func() {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}
	private()
	require.NoError(t, f.Put("pin", []byte("v")))
	require.NoError(t, f.Close())
	private()
}

func TestFileOpensOnlyFlash(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("hello"), 0o600))
	_, err := flash.OpenFile(other)
	require.EqualError(t, err, fmt.Sprintf("flash: %q is damaged at byte 0: it does not begin as the flash of a key does; "+
		"put back a copy of the file, or remove it to begin with an empty key", other))
	_, err = flash.OpenFile(filepath.Join(dir, "none", "key"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = flash.OpenFile(dir)
	require.Error(t, err)
}

// A log is compacted before it is much more than twice what is held, and every step on the way can be opened.
func TestFileCompacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	f := openFile(t, path)
	require.NoError(t, f.Put("master", make([]byte, 32)))
	most, shrank, last := int64(0), 0, int64(0)
	for n := range 120 {
		require.NoError(t, f.Put("counter", append(count(n), make([]byte, 1000)...)))
		info, err := os.Stat(path)
		require.NoError(t, err)
		if info.Size() < last {
			shrank++
			g := openFile(t, path)
			v, err := g.Get("counter")
			require.NoError(t, err)
			require.Equal(t, count(n), v[:4])
		}
		last = info.Size()
		most = max(most, last)
	}
	require.LessOrEqual(t, most, int64(36<<10))
	require.Equal(t, 3, shrank)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside it")
}

// After Close the file is a function of what it holds, and a byte less is noticed.
func TestFileClosed(t *testing.T) {
	dir := t.TempDir()
	images := map[string][]byte{}
	for name, order := range map[string][]string{"a": {"x", "y", "z"}, "b": {"z", "y", "w", "x"}} {
		f := openFile(t, filepath.Join(dir, name))
		for _, record := range order {
			require.NoError(t, f.Put(record, []byte(record)))
		}
		require.NoError(t, f.Delete("w"))
		require.NoError(t, f.Close())
		require.ErrorIs(t, f.Put("x", nil), fs.ErrClosed)
		require.ErrorIs(t, f.Delete("x"), fs.ErrClosed)
		require.NoError(t, f.Close(), "twice does no harm")
		image, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		images[name] = image
	}
	require.Equal(t, images["a"], images["b"])
	for n := range images["a"] {
		path := filepath.Join(dir, "cut")
		require.NoError(t, os.WriteFile(path, images["a"][:n], 0o600))
		_, err := flash.OpenFile(path)
		var damage *flash.DamageError
		require.ErrorAs(t, err, &damage, "%d bytes", n)
		require.Equal(t, path, damage.Path)
	}
}

// What an unfinished compaction left is not opened, and does not stay.
func TestFileForgetsAnUnfinishedCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	f := openFile(t, path)
	require.NoError(t, f.Put("pin", []byte("v")))
	require.NoError(t, flash.Abandon(f))
	require.NoError(t, os.WriteFile(path+".new", []byte("half"), 0o600))
	f = openFile(t, path)
	v, err := f.Get("pin")
	require.NoError(t, err)
	require.Equal(t, []byte("v"), v)
	require.NoFileExists(t, path+".new")
}

// A compaction that cannot be done leaves the log as it is, and every Put stays durable.
func TestFileThatCannotCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	f := openFile(t, path)
	require.NoError(t, os.MkdirAll(filepath.Join(path+".new", "in the way"), 0o700))
	for n := range 50 {
		require.NoError(t, f.Put("counter", append(count(n), make([]byte, 1000)...)))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(50_000))
	require.NoError(t, os.RemoveAll(path+".new"))
	require.NoError(t, flash.Abandon(f))
	v, err := openFile(t, path).Get("counter")
	require.NoError(t, err)
	require.Equal(t, count(49), v[:4])
}

// A disk that refuses makes a store that refuses, until it is opened again.
func TestFileOfAFailingDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	f := openFile(t, path)
	require.NoError(t, f.Put("counter", count(1)))
	require.NoError(t, flash.Abandon(f)) // every write fails from here
	require.Error(t, f.Put("counter", count(2)))
	require.ErrorContains(t, f.Put("counter", count(3)), "unplug the key")
	v, err := f.Get("counter")
	require.NoError(t, err)
	require.Equal(t, count(1), v)
	require.NoError(t, f.Reopen())
	require.NoError(t, f.Put("counter", count(4)))
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	damage := (*flash.DamageError)(nil)
	require.ErrorAs(t, f.Reopen(), &damage)
	require.Error(t, f.Put("counter", count(5)))
}

func TestFullForReal(t *testing.T) {
	for name, s := range map[string]flash.Store{
		"memory": new(flash.Memory), "file": openFile(t, filepath.Join(t.TempDir(), "key")),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			n := 0
			for ; err == nil; n++ {
				err = s.Put(fmt.Sprint("blob/", n), make([]byte, flash.MaxValue))
			}
			require.ErrorIs(t, err, flash.ErrFull)
			require.Equal(t, flash.MaxLive/flash.MaxValue, n)
			require.NoError(t, s.Delete("blob/0"))
			require.NoError(t, s.Put("blob/1", make([]byte, flash.MaxValue)))
			require.NoError(t, s.Put("blob/0", nil))
		})
	}
}

// BenchmarkFile is one durable Put of a counter next to one bare fsync'ed append of as many bytes on the same disk.
func BenchmarkFile(b *testing.B) {
	const size = 15 + len("counter") + 4
	b.Run("put", func(b *testing.B) {
		f := openFile(b, filepath.Join(b.TempDir(), "key"))
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if err := f.Put("counter", count(n)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		bare := appendTo(b, filepath.Join(b.TempDir(), "bare"))
		record := make([]byte, size)
		b.ReportAllocs()
		for b.Loop() {
			_, err := bare.Write(record)
			if err = errors.Join(err, bare.Sync()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func appendTo(b *testing.B, path string) *os.File {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(b, err)
	b.Cleanup(func() { file.Close() })
	return file
}
