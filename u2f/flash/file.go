package flash

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Our choice.
const (
	minGarbage = 32 << 10    // bytes: about 1,200 steps of a counter before a log is worth compacting
	maxFile    = 3 * MaxLive // bytes: a log is compacted before it reaches that
	stale      = ".new"      // what a compaction calls its file before it is whole
)

// A disk is what a File needs of an *os.File.
type disk interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// File is a store in one file of mode 0600. A Put or Delete is one append and one fsync; where more than half of a log
// is garbage it is written anew beside itself and takes its own place by rename, which costs that Put two more. What
// it holds is also in memory: Get reads no file.
type File struct {
	held    Memory
	path    string
	file    disk
	end     int64  // of the last whole record
	dirty   bool   // there are records behind the snapshot
	retry   int64  // the end from which a compaction that failed is tried again
	dropped int64  // bytes of a torn record that OpenFile found
	buf     []byte // the last record written
	broken  error  // why nothing is written any more until Reopen
}

// OpenFile opens the store in path, and creates it, empty, where there is no file. A record that the loss of power
// tore is dropped (see Dropped). An image that is damaged otherwise is a DamageError, and nothing of it is used.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	image, err := readImage(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.rewrite()
	case err == nil:
		err = f.load(image)
	}
	if err != nil {
		if f.file != nil {
			f.file.Close()
		}
		return nil, err
	}
	return f, nil
}

// readImage reads a file that is not longer than a log can be.
func readImage(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("flash: %w", err)
	}
	defer file.Close()
	image, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("flash: %w", err)
	}
	if len(image) > maxFile {
		return nil, &DamageError{Path: path, Offset: maxFile, Reason: "it is longer than a flash can be"}
	}
	return image, nil
}

// load takes over what image holds and cuts a torn record off.
func (f *File) load(image []byte) error {
	held, end, err := parseImage(image)
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		damage.Path = f.path
		return damage
	}
	f.held, f.end, f.dropped = *held, int64(end), int64(len(image)-end)
	f.dirty = f.end > int64(headerSize+f.held.live)
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("flash: %w", err)
	}
	f.file = file
	if f.dropped > 0 {
		if err := errors.Join(f.file.Truncate(f.end), f.file.Sync()); err != nil {
			return fmt.Errorf("flash: drop a torn record: %w", err)
		}
	}
	if err := os.Remove(f.path + stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("flash: drop a compaction that was not finished: %w", err)
	}
	return nil
}

// Dropped returns how many bytes of a record that the loss of power tore the last opening found; 0 after a clean end.
func (f *File) Dropped() int64 { return f.dropped }

// Get returns a copy of the value of name, or an fs.ErrNotExist.
func (f *File) Get(name string) ([]byte, error) { return f.held.Get(name) }

// Names returns the names that begin with prefix, sorted.
func (f *File) Names(prefix string) ([]string, error) { return f.held.Names(prefix) }

// Put writes value under name and returns when it is on the disk. It fails with ErrFull where more than MaxLive bytes
// would be taken up. After an error of the disk Get still returns the old value, and only Reopen tells which it is.
func (f *File) Put(name string, value []byte) error {
	if err := f.held.admit(name, value); err != nil {
		return err
	}
	return f.write(record{kindPut, name, value})
}

// Delete forgets name and returns when that is on the disk; it does nothing where name is not there.
func (f *File) Delete(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if f.held.size(name) == 0 {
		return f.broken
	}
	return f.write(record{kind: kindDelete, name: name})
}

// write makes r durable, then true.
func (f *File) write(r record) error {
	if f.broken != nil {
		return f.broken
	}
	f.buf = appendRecord(f.buf[:0], r)
	if err := f.append(f.buf); err != nil {
		return err
	}
	f.held.apply(r)
	f.compact()
	return f.broken
}

// append writes b at the end. A write that fails is taken back; where that fails too, or the fsync, nobody knows what
// the disk holds.
func (f *File) append(b []byte) error {
	if f.end+int64(len(b)) > maxFile {
		return fmt.Errorf("flash: %q cannot be compacted, and its log is %d bytes long: %w", f.path, f.end, ErrFull)
	}
	if _, err := f.file.WriteAt(b, f.end); err != nil {
		if back := f.file.Truncate(f.end); back != nil {
			f.distrust(back)
		}
		return fmt.Errorf("flash: %w", err)
	}
	if err := f.file.Sync(); err != nil {
		return f.distrust(err)
	}
	f.end += int64(len(b))
	f.dirty = true
	return nil
}

// distrust stops all writing until Reopen.
func (f *File) distrust(err error) error {
	f.broken = fmt.Errorf("flash: %q may not hold what was written: %w; unplug the key and plug it in again", f.path, err)
	return f.broken
}

// compact writes the log anew where garbage has outgrown what is held. Where there is no room for that the log goes on
// as it is: what was put is on the disk already.
func (f *File) compact() {
	garbage := f.end - int64(headerSize) - int64(f.held.live)
	if garbage < minGarbage || garbage <= int64(f.held.live) || f.end < f.retry {
		return
	}
	if err := f.rewrite(); err != nil {
		f.retry = f.end + minGarbage
	}
}

// rewrite puts a snapshot in the place of the file: whole on the disk first, then under its name.
func (f *File) rewrite() error {
	file, size, err := f.snapshot()
	if err != nil {
		os.Remove(f.path + stale)
		return fmt.Errorf("flash: %w", err)
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.end, f.retry, f.dirty = file, size, 0, false
	if err := syncDir(filepath.Dir(f.path)); err != nil {
		return f.distrust(err) // the old file may come back in its place
	}
	return nil
}

// snapshot writes what is held to a new file and renames it.
func (f *File) snapshot() (*os.File, int64, error) {
	file, err := os.OpenFile(f.path+stale, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, 0, err
	}
	image := appendSnapshot(nil, &f.held)
	_, err = file.Write(image)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(f.path+stale, f.path)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, int64(len(image)), nil
}

// syncDir makes what was renamed in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Reopen reads the file again, as after the loss of power. It is how a File that refused to write comes back.
func (f *File) Reopen() error {
	if f.file != nil {
		f.file.Close()
	}
	again, err := OpenFile(f.path)
	if err != nil {
		f.file = nil
		return f.distrust(err)
	}
	*f = *again
	return nil
}

// Close writes the log anew if anything was put, and lets go of the file. After that the file is a function of what it
// holds, and nothing can be cut off it unnoticed. Put and Delete fail from then on.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	var err error
	if f.dirty && f.broken == nil {
		err = f.rewrite()
	}
	err = errors.Join(err, f.file.Close())
	f.file, f.broken = nil, fmt.Errorf("flash: %q: %w", f.path, fs.ErrClosed)
	return err
}

// tear leaves the first half of r on the disk and stops all writing.
func (f *File) tear(r record) error {
	if f.broken != nil {
		return f.broken
	}
	b := appendRecord(nil, r)
	_, err := f.file.WriteAt(b[:len(b)/2], f.end)
	if err = errors.Join(err, f.file.Sync()); err != nil {
		return f.distrust(err)
	}
	f.distrust(ErrCut)
	return nil
}
