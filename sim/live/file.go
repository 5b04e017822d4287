package live

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A file is a name in the lab's directory, with slashes, and what is to stand there.
type file struct {
	name    string
	content []byte
}

// folder is the lab's directory.
type folder struct {
	path string
	// before is called before each step that changes the disk, and fails it: so tests cut the power. It may be nil.
	before func(step string) error
	wrote  func(name string) // hears of every file that was written; may be nil
}

func (f folder) join(name string) string { return filepath.Join(f.path, filepath.FromSlash(name)) }

func (f folder) step(what, name string) error {
	if f.before == nil {
		return nil
	}
	return f.before(what + " " + name)
}

// newPrefix begins the names of files that are being written.
const newPrefix = ".new-"

// put replaces files by ones that only their owner may read: after a loss of power, each has the old or the new content.
// All are written before any is replaced, so that a full disk changes nothing. They are replaced in their order.
func (f folder) put(files ...file) (err error) {
	written := make([]string, 0, len(files))
	together := canSyncDisk && len(files) > many
	defer func() {
		for _, w := range written {
			_ = os.Remove(w) // the error that matters is the first
		}
	}()
	for _, one := range files {
		if err := f.step("write", one.name); err != nil {
			return err
		}
		w, err := writeNew(filepath.Dir(f.join(one.name)), one.content, !together)
		if err != nil {
			return err
		}
		written = append(written, w)
		if f.wrote != nil {
			f.wrote(one.name)
		}
	}
	if together {
		if err := syncDisk(f.path); err != nil {
			return err
		}
	}
	for i, one := range files {
		if err := f.step("replace", one.name); err != nil {
			return err
		}
		if err := os.Rename(written[0], f.join(one.name)); err != nil {
			return err
		}
		written = written[1:]
		// Names in one folder are made durable together, those of an earlier folder before a later's.
		if dir := filepath.Dir(f.join(one.name)); i == len(files)-1 || dir != filepath.Dir(f.join(files[i+1].name)) {
			if err := errors.Join(f.step("sync", one.name), syncDir(dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

// many is from how many files on it is quicker to have the whole disk written than each file. Our choice: a box of fobs is
// far above it, what one call changes far below.
const many = 64

// writeNew writes a file under a name of its own; down to the disk where the caller does not see to that for many.
func writeNew(dir string, content []byte, sync bool) (name string, err error) {
	w, err := os.CreateTemp(dir, newPrefix+"*") // made with 0600
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			w, err = os.CreateTemp(dir, newPrefix+"*")
		}
	}
	if err != nil {
		return "", err
	}
	if _, err = w.Write(content); err == nil && sync {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return "", errors.Join(err, os.Remove(w.Name()))
	}
	return w.Name(), nil
}

// remove takes a file away, for good only when the folder is synced next; one that is not there is no error.
func (f folder) remove(name string) error {
	if err := f.step("remove", name); err != nil {
		return err
	}
	if err := os.Remove(f.join(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// list returns the names of the files in a part of the directory, with that part, in their order; none where it is
// missing.
func (f folder) list(part string) ([]string, error) {
	entries, err := os.ReadDir(f.join(part))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			names = append(names, part+"/"+e.Name())
		}
	}
	return names, nil
}

// read reads a JSON file into v and reports whether it is there.
func (f folder) read(name string, v any) (bool, error) {
	b, err := os.ReadFile(f.join(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, f.damaged(name, err)
	}
	return true, nil
}

// damaged words the refusal of a file that cannot be used.
func (f folder) damaged(name string, err error) error {
	return fmt.Errorf("%s is damaged: %w; put a copy of it back, or move the file or the whole directory away", f.join(name), err)
}

// sweep removes what was being written in dir when the power went.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain matches serials that are good file names on every system as they are: file systems that do not tell upper from
// lower case see two names in two of them, and none is a device's name of old, such as "COM1".
var plain = regexp.MustCompile(`^[A-Z0-9_=+@,-]{6,100}$`)

// unsafe matches what does not stand in a file name.
var unsafe = regexp.MustCompile(`[^A-Za-z0-9_=+@,-]`)

// fileName returns the name of a device's file. One that is not a good file name as it is keeps what can be read of it
// and gets a number of its own.
func fileName(serial string) string {
	if plain.MatchString(serial) {
		return serial + ".json"
	}
	short, number := unsafe.ReplaceAllString(serial, "_"), sha256.Sum256([]byte(serial))
	return fmt.Sprintf("%s~%x.json", short[:min(len(short), 80)], number[:8])
}

// File returns a file that the lab's commands keep beside it, which create makes where it is missing. One that is made by a
// lab that keeps nothing goes with it.
func (l *Lab) File(name string, create func() ([]byte, error)) ([]byte, error) {
	b, err := os.ReadFile(l.files.join(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = create(); err != nil {
		return nil, err
	}
	l.beside = append(l.beside, name)
	return b, l.files.put(file{name, b})
}

// PutFile writes a file anew that [Lab.File] has made.
func (l *Lab) PutFile(name string, content []byte) error { return l.files.put(file{name, content}) }
