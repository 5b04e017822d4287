package s3

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Our choices: what a lab's tests need, and what fits into a saved lab.
const (
	// MaxObject is the longest object, or part of one, in bytes.
	MaxObject = 64 << 20
	// MaxContent is how much all objects of a lab may have together.
	MaxContent = 512 << 20
)

// ErrFull is returned by a write that would make a folder larger than MaxContent.
var ErrFull = errors.New("s3: the folder of objects is full")

// A Folder keeps what objects consist of, one file each, for its owner's eyes only. A file never changes; it is there when
// the record that names it is written, and goes after that record has gone.
type Folder struct {
	path string
	mu   sync.Mutex // held where files go
	size int64      // guarded by mu
}

// newPrefix begins the names of files that are being written.
const newPrefix = ".new-"

// OpenFolder returns the folder at path, which need not be there yet. What was being written when the power went is
// removed.
func OpenFolder(path string) (*Folder, error) {
	f := &Folder{path: path}
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) {
			if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		f.size += info.Size()
	}
	return f, nil
}

// contentName is what the file of a content is called.
var contentName = regexp.MustCompile(`^[0-9a-f]{32}$`)

// A draft is content that is being written.
type draft struct {
	folder *Folder
	file   *os.File
	size   int64
}

// create begins a new content.
func (f *Folder) create() (*draft, error) {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(f.path, newPrefix+"*") // made with 0600
	return &draft{folder: f, file: file}, err
}

// Write implements io.Writer.
func (d *draft) Write(b []byte) (int, error) {
	d.folder.mu.Lock()
	full := d.folder.size+d.size+int64(len(b)) > MaxContent
	d.folder.mu.Unlock()
	if full {
		return 0, ErrFull
	}
	n, err := d.file.Write(b)
	d.size += int64(n)
	return n, err
}

// keep puts the content on the disk and returns its name.
func (d *draft) keep() (name string, err error) {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program first
	name = hex.EncodeToString(b[:])
	err = errors.Join(d.file.Sync(), d.file.Close())
	if err == nil {
		err = os.Rename(d.file.Name(), filepath.Join(d.folder.path, name))
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(d.file.Name()))
	}
	d.folder.mu.Lock()
	d.folder.size += d.size
	d.folder.mu.Unlock()
	return name, syncDir(d.folder.path)
}

// discard throws the content away.
func (d *draft) discard() {
	_ = d.file.Close()           // it is of no use any more
	_ = os.Remove(d.file.Name()) // what stays is removed when the folder is opened next
}

// open opens a content.
func (f *Folder) open(name string) (*os.File, error) {
	return os.Open(filepath.Join(f.path, name))
}

// remove takes contents away; those that are not there are gone already. What cannot be removed is a stray.
func (f *Folder) remove(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		if !contentName.MatchString(name) {
			continue
		}
		file := filepath.Join(f.path, name)
		if info, err := os.Stat(file); err == nil && os.Remove(file) == nil {
			f.size -= info.Size()
		}
	}
}

// keepOnly removes every content but those named.
func (f *Folder) keepOnly(named map[string]bool) error {
	entries, err := os.ReadDir(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var strays []string
	for _, e := range entries {
		if !named[e.Name()] {
			strays = append(strays, e.Name())
		}
	}
	f.remove(strays...)
	return nil
}

// Copy returns every content by its name, for a saved lab. While then runs nothing is taken away: what it finds in the
// records is in the copy.
func (f *Folder) Copy(then func() error) (map[string][]byte, error) {
	if f == nil { // a lab that is only drafted has no objects
		return nil, then()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := then(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := map[string][]byte{}
	for _, e := range entries {
		if !contentName.MatchString(e.Name()) {
			continue
		}
		if all[e.Name()], err = os.ReadFile(filepath.Join(f.path, e.Name())); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// CheckCopy reports what makes a copy unfit to be put back.
func CheckCopy(all map[string][]byte) error {
	size := 0
	for name, b := range all {
		if size += len(b); !contentName.MatchString(name) {
			return fmt.Errorf("it has an object's content under the name %q", name)
		}
	}
	if size > MaxContent {
		return fmt.Errorf("its objects have %d bytes, %d are the limit", size, MaxContent)
	}
	return nil
}

// Add puts the contents of a copy beside those that are there. Names are random, so that nothing is in the way; which of
// them are used the records say that are put in place next.
func (f *Folder) Add(all map[string][]byte) error {
	for name, b := range all {
		if _, err := os.Stat(filepath.Join(f.path, name)); err == nil {
			continue
		}
		d, err := f.create()
		if err != nil {
			return err
		}
		if _, err = d.file.Write(b); err == nil {
			err = errors.Join(d.file.Sync(), d.file.Close(), os.Rename(d.file.Name(), filepath.Join(f.path, name)))
		}
		if err != nil {
			d.discard()
			return err
		}
		f.mu.Lock()
		f.size += int64(len(b))
		f.mu.Unlock()
	}
	if len(all) == 0 {
		return nil
	}
	return syncDir(f.path)
}

// Clear removes the folder with all that is in it.
func (f *Folder) Clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = 0
	return os.RemoveAll(f.path)
}

// syncDir makes the names in a folder durable. Windows cannot, and needs not.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

var _ io.Writer = (*draft)(nil)
