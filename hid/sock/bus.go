package sock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"

	"github.com/mfalab/mfalab/hid"
)

// Env is the environment variable that tells the shim where the bus folder is: an absolute path.
const Env = "MFALAB_HID"

// maxNodes is how many keys can be plugged into one bus: as many as hidraw has minor numbers for (HIDRAW_MAX_DEVICES is
// 64), and more, because a key here costs next to nothing. The shim counts as far.
const maxNodes = 4096

// A Bus is a folder into which keys are plugged. The package comment shows what lies in it.
type Bus struct {
	dir  string
	lock *os.File // the folder itself, locked

	mu     sync.Mutex
	closed bool
	nodes  map[int]*Socket
}

// Open makes the folder dir a bus with nothing plugged in: created with mode 0700 if it is not there, emptied of what a
// dead owner left. It is an error if a living process owns it, if others than the user may enter it, or if anything lies
// in it that is not of a bus.
func Open(dir string) (*Bus, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sock: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sock: %w", err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("sock: %w", err)
	}
	b := &Bus{dir: dir, lock: lock, nodes: map[int]*Socket{}}
	if err := b.take(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("sock: bus folder %q %w", dir, err)
	}
	return b, nil
}

// take locks the folder, checks it and makes it empty. Its errors go on from the folder's name.
func (b *Bus) take() error {
	if err := private(b.lock); err != nil {
		return err
	}
	if err := lockFolder(b.lock); err != nil {
		return errors.New("belongs to another process: end that, or choose another folder")
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	// All of them first: a folder that was named by mistake keeps everything.
	for _, e := range entries {
		if !ours.MatchString(e.Name()) || !e.IsDir() {
			return fmt.Errorf("holds %q, which is not of a bus: choose an empty folder", e.Name())
		}
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(b.dir, e.Name())); err != nil {
			return fmt.Errorf("cannot be emptied: %w", err)
		}
	}
	if err := os.Mkdir(filepath.Join(b.dir, "dev"), 0o700); err != nil {
		return fmt.Errorf("cannot be filled: %w", err)
	}
	return nil
}

// ours matches the names in a bus folder.
var ours = regexp.MustCompile(`^(dev|hidraw[0-9]+)$`)

// private reports as an error that others than the user may enter the folder: who reaches the
// nodes can use the keys.
func private(dir *os.File) error {
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	uid, owned := owner(info)
	if owned && uid != os.Getuid() {
		return fmt.Errorf("belongs to user %d, not to %d: choose another folder", uid, os.Getuid())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && owned {
		return fmt.Errorf("has mode %#o: make it 0700 (chmod 700), or choose another folder", mode)
	}
	return nil
}

// Dir is the absolute path of the folder.
func (b *Bus) Dir() string { return b.dir }

// Plug plugs in a device that calls itself id, under the lowest number that is free. Clients that look at the bus see it
// when Plug returns, whole or not at all. It is an error if id has a name or serial number with control characters or
// of more than 126 bytes, or if the bus is closed or full.
func (b *Bus) Plug(id hid.Identity) (*Socket, error) {
	if err := check(id); err != nil {
		return nil, fmt.Errorf("sock: plug: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("sock: plug: bus folder %q: %w", b.dir, os.ErrClosed)
	}
	n := 0
	for b.nodes[n] != nil {
		n++
	}
	if n >= maxNodes {
		return nil, fmt.Errorf("sock: plug: %d keys are plugged in, and no bus holds more: unplug one", n)
	}
	s, err := b.publish(n, id)
	if err != nil {
		return nil, fmt.Errorf("sock: plug: %w", err)
	}
	b.nodes[n] = s
	return s, nil
}

func (b *Bus) publish(n int, id hid.Identity) (*Socket, error) {
	name := "hidraw" + strconv.Itoa(n)
	node := filepath.Join(b.dir, "dev", name)
	l, err := listen(nodeNetwork, node)
	if err != nil {
		return nil, err
	}
	draft := node + ".new" // not beside what is published, where who waits for changes would be woken for it
	err = describe(draft, n, id)
	if err == nil {
		err = os.Rename(draft, filepath.Join(b.dir, name))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.RemoveAll(draft), os.Remove(node))
	}
	return newSocket(name, node, nodeFraming, l, func() error { return b.withdraw(n, name) }), nil
}

// withdraw takes a node away; its number is free from then on.
func (b *Bus) withdraw(n int, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	node := filepath.Join(b.dir, "dev", name)
	err := errors.Join(os.Rename(filepath.Join(b.dir, name), node+".gone"), os.RemoveAll(node+".gone"), os.Remove(node))
	delete(b.nodes, n)
	if err != nil {
		return fmt.Errorf("sock: unplug: %w", err)
	}
	return nil
}

// Close unplugs everything and gives the folder up: it stays, empty. Closing again does nothing.
func (b *Bus) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	var plugged []*Socket
	for _, s := range b.nodes {
		plugged = append(plugged, s)
	}
	b.mu.Unlock()
	var errs []error
	for _, s := range plugged {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, os.Remove(filepath.Join(b.dir, "dev")), b.lock.Close())...)
}
