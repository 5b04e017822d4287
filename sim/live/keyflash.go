package live

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f/flash"
)

// Folders of keys: what they are, and what is in their flash.
const (
	keysFolder  = "keys"
	flashFolder = "flash"
)

func keyFile(serial string) string { return keysFolder + "/" + fileName(serial) }

// flashFile returns the name of a flash image. One that replaces another has another number, so that the key's own file
// decides, at one stroke, which of them counts.
func (s SecurityKey) flashFile() string {
	return fmt.Sprintf("%s/%s.%d", flashFolder, strings.TrimSuffix(fileName(s.Serial), ".json"), s.Image)
}

// openFlash opens a key's flash, and makes it of s.Flash where it is not there.
func (l *Lab) openFlash(s SecurityKey) (flash.Store, func() error, error) {
	if l.opt.Ephemeral {
		m := &flash.Memory{}
		return m, func() error { return nil }, fill(m, s.Flash)
	}
	name := l.files.join(s.flashFile())
	_, err := os.Stat(name)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, err
	case s.Flash == nil:
		return nil, nil, l.files.damaged(s.flashFile(), errors.New("it is missing, and with it what the key remembers"))
	default:
		if err := l.writeFlash(s); err != nil {
			return nil, nil, err
		}
	}
	f, err := flash.OpenFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("the key %q: %w", s.Serial, err)
	}
	return f, f.Close, nil
}

// writeFlash makes a flash image that is there whole or not at all.
func (l *Lab) writeFlash(s SecurityKey) error {
	if err := os.MkdirAll(l.files.join(flashFolder), 0o700); err != nil {
		return err
	}
	draft := l.files.join(flashFolder + "/" + newPrefix + path.Base(s.flashFile()))
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := flash.OpenFile(draft)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(f, s.Flash), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(draft, l.files.join(s.flashFile())), syncDir(l.files.join(flashFolder)))
}

func fill(to flash.Store, records map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(records)) {
		if err := to.Put(name, records[name]); err != nil {
			return err
		}
	}
	return nil
}

// records returns all that is in a flash.
func records(from flash.Store) (map[string][]byte, error) {
	names, err := from.Names("")
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte, len(names))
	for _, name := range names {
		if all[name], err = from.Get(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// forgetFlash removes what a key of that name and number may have left, which a lab that was loaded can make anew.
func (l *Lab) forgetFlash(s SecurityKey) error {
	if l.opt.Ephemeral {
		return nil
	}
	if err := l.files.remove(s.flashFile()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// attestationRoot is what the lab's attestation root grows from.
func (l *Lab) attestationRoot() []byte { return rootSeed(l.chance) }

// readKeys puts the keys of the directory into the world, and takes away images that no key has.
func (l *Lab) readKeys(w *sim.World) error {
	names, err := l.files.list(keysFolder)
	if err != nil {
		return err
	}
	images := map[string]bool{}
	for _, name := range names {
		var s SecurityKey
		if _, err := l.files.read(name, &s); err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return l.files.damaged(name, err)
		}
		if want := keyFile(s.Serial); name != want {
			return l.files.damaged(name, fmt.Errorf("it holds the key %q, whose file is %s", s.Serial, want))
		}
		if err := l.furnishKey(w, s); err != nil {
			return err
		}
		images[strings.TrimPrefix(s.flashFile(), flashFolder+"/")] = true
	}
	clear(l.bench.unsavedKeys) // but for power cycles that a seed counts, which are in lab.json
	return l.sweepFlash(images)
}

// sweepFlash removes the images of keys that were replaced.
func (l *Lab) sweepFlash(keep map[string]bool) error {
	entries, err := os.ReadDir(l.files.join(flashFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			err = errors.Join(err, os.Remove(l.files.join(flashFolder+"/"+e.Name())))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// furnishKey puts a key that was saved on the bench, with power if it was plugged in. One whose flash is damaged does not
// start; that keeps nobody from the rest of the lab.
func (l *Lab) furnishKey(w *sim.World, s SecurityKey) error {
	k, err := l.layKey(w, s)
	if err != nil || !s.Plugged || k.trouble != nil {
		return err
	}
	if k.trouble = k.plug(w, s.Via); k.trouble != nil {
		w.Record("key.trouble", sim.String("serial", k.serial), sim.String("why", k.trouble.Error()))
	}
	return nil
}

// check reports what makes s unfit to be a key.
func (s SecurityKey) check() error {
	if s.Serial == "" {
		return errors.New("it holds no key")
	}
	return errors.Join(checkKeySerial(s.Serial), checkVia(s.Via), s.Profile.check(), s.KeyElement.check())
}

// copied returns the key as a saved lab has it, with what is in its flash now.
func (k *key) copied() (SecurityKey, error) {
	s := k.saved()
	s.KeyElement = s.portable()
	if k.trouble != nil && (k.unread || k.element.Element == "") {
		return s, fmt.Errorf("what the key %q remembers cannot be read, so it cannot be saved: %w", k.serial, k.trouble)
	}
	var err error
	s.Flash, err = records(k.flash)
	return s, err
}
