package flash

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var errDisk = errors.New("the disk says no")

// A watched disk counts, and fails where it is told to.
type watched struct {
	disk
	writes, syncs, bytes int
	short                int // bytes that fit into the next write; less than 0: all
	noSync, noTruncate   bool
}

func (w *watched) WriteAt(b []byte, off int64) (int, error) {
	w.writes++
	if w.short >= 0 {
		n, _ := w.disk.WriteAt(b[:w.short], off)
		return n, errDisk
	}
	w.bytes += len(b)
	return w.disk.WriteAt(b, off)
}

func (w *watched) Sync() error {
	w.syncs++
	if w.noSync {
		return errDisk
	}
	return w.disk.Sync()
}

func (w *watched) Truncate(size int64) error {
	if w.noTruncate {
		return errDisk
	}
	return w.disk.Truncate(size)
}

// watch returns a File that holds a counter of 1, and its disk from then on.
func watch(t *testing.T) (*File, *watched) {
	f, err := OpenFile(filepath.Join(t.TempDir(), "key"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	require.NoError(t, f.Put("counter", []byte{1}))
	w := &watched{disk: f.file, short: -1}
	f.file = w
	return f, w
}

// requireCounter checks what a File holds and what it holds when it is opened again.
func requireCounter(t *testing.T, f *File, want byte) {
	for range 2 {
		v, err := f.Get("counter")
		require.NoError(t, err)
		require.Equal(t, []byte{want}, v)
		require.NoError(t, f.Reopen())
	}
}

func TestFileIsOneWriteAndOneSyncEach(t *testing.T) {
	f, w := watch(t)
	require.NoError(t, f.Put("counter", []byte{2}))
	require.Equal(t, []int{1, 1, 23}, []int{w.writes, w.syncs, w.bytes})
	require.NoError(t, f.Delete("counter"))
	require.Equal(t, []int{2, 2, 45}, []int{w.writes, w.syncs, w.bytes})
	require.NoError(t, f.Delete("counter"))
	require.Error(t, f.Put("", nil))
	_, err := f.Get("counter")
	require.Error(t, err)
	require.Equal(t, []int{2, 2}, []int{w.writes, w.syncs}, "nothing is written where nothing changes")
}

func TestFileOnAFullDisk(t *testing.T) {
	f, w := watch(t)
	w.short = 20
	require.ErrorIs(t, f.Put("counter", []byte{2}), errDisk)
	require.ErrorIs(t, f.Delete("counter"), errDisk)
	w.short = -1
	require.NoError(t, f.Put("c", nil), "what did not fit is taken back, and a shorter record goes in its place")
	requireCounter(t, f, 1)
	require.Zero(t, f.Dropped())
}

func TestFileWhoseWriteIsNotTakenBack(t *testing.T) {
	f, w := watch(t)
	w.short, w.noTruncate = 20, true
	require.ErrorIs(t, f.Put("counter", []byte{2}), errDisk)
	w.short = -1
	require.ErrorIs(t, f.Put("counter", []byte{3}), errDisk)
	require.ErrorIs(t, f.Delete("none"), errDisk)
	require.Equal(t, 1, w.writes, "nothing more is written")
	require.NoError(t, f.Reopen())
	require.Equal(t, int64(20), f.Dropped())
	requireCounter(t, f, 1)
}

func TestFileWhoseSyncFails(t *testing.T) {
	f, w := watch(t)
	w.noSync = true
	require.ErrorIs(t, f.Put("counter", []byte{2}), errDisk)
	v, err := f.Get("counter")
	require.NoError(t, err)
	require.Equal(t, []byte{1}, v, "until it is known")
	w.noSync = false
	require.ErrorIs(t, f.Put("counter", []byte{3}), errDisk)
	require.NoError(t, f.Reopen())
	requireCounter(t, f, 2)
}

// What a torn record leaves is cut off: a shorter one in its place has nothing behind it.
func TestFileAfterALongTornRecord(t *testing.T) {
	f, _ := watch(t)
	require.NoError(t, f.tear(record{kindPut, "pin", make([]byte, 1000)}))
	require.NoError(t, f.Reopen())
	require.Equal(t, int64(509), f.Dropped())
	require.NoError(t, f.Put("counter", []byte{2}))
	requireCounter(t, f, 2)
	require.Zero(t, f.Dropped())
}

// Garbage that is less than what is held stays.
func TestFileIsNotCompactedForLittle(t *testing.T) {
	f, w := watch(t)
	require.NoError(t, f.Put("blob", make([]byte, MaxValue)))
	for n := range byte(60) {
		require.NoError(t, f.Put("counter", append(make([]byte, 1000), n)))
	}
	require.Same(t, disk(w), f.file)
	for range 10 {
		require.NoError(t, f.Put("counter", make([]byte, 1000)))
	}
	require.NotSame(t, disk(w), f.file)
}
