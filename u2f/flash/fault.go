package flash

import (
	"errors"
	"fmt"
	"time"
)

// ErrStuck says that a store takes no more writes. See Stuck.
var ErrStuck = errors.New("flash: worn out: it can be read only; move to a new key")

// Stuck is a store that has worn out: it refuses every write with ErrStuck, and nothing that it holds changes.
type Stuck struct {
	Store
	Left int // writes that still work
}

// Put writes while writes are left.
func (s *Stuck) Put(name string, value []byte) error {
	if s.Left <= 0 {
		return ErrStuck
	}
	s.Left--
	return s.Store.Put(name, value)
}

// Delete deletes while writes are left.
func (s *Stuck) Delete(name string) error {
	if s.Left <= 0 {
		return ErrStuck
	}
	s.Left--
	return s.Store.Delete(name)
}

// Full is a store with little room: a Put that would take up more than Capacity fails with ErrFull and changes nothing.
// Delete makes room.
type Full struct {
	Store
	Capacity int // bytes of all names and values
}

// Put writes where there is room.
func (f *Full) Put(name string, value []byte) error {
	names, err := f.Names("")
	if err != nil {
		return err
	}
	used := len(name) + len(value)
	for _, other := range names {
		if other == name {
			continue
		}
		v, err := f.Get(other)
		if err != nil {
			return err
		}
		used += len(other) + len(v)
	}
	if used > f.Capacity {
		return fmt.Errorf("flash: no room for %q in %d bytes: %w", name, f.Capacity, ErrFull)
	}
	return f.Store.Put(name, value)
}

// Slow is a store that takes its time. It cannot wait, for it has no clock: it adds up how long a real part would have
// taken, and its owner lets that much time pass.
type Slow struct {
	Store
	Read, Write time.Duration // what each Get and Names takes, and each Put and Delete
	Took        time.Duration // all of them so far
}

// Get takes Read.
func (s *Slow) Get(name string) ([]byte, error) {
	s.Took += s.Read
	return s.Store.Get(name)
}

// Names takes Read.
func (s *Slow) Names(prefix string) ([]string, error) {
	s.Took += s.Read
	return s.Store.Names(prefix)
}

// Put takes Write.
func (s *Slow) Put(name string, value []byte) error {
	s.Took += s.Write
	return s.Store.Put(name, value)
}

// Delete takes Write.
func (s *Slow) Delete(name string) error {
	s.Took += s.Write
	return s.Store.Delete(name)
}

// Counting is a store that counts what is asked of it, refusals included.
type Counting struct {
	Store
	Reads, Writes int // Get and Names; Put and Delete
}

// Get is a read.
func (c *Counting) Get(name string) ([]byte, error) {
	c.Reads++
	return c.Store.Get(name)
}

// Names is a read.
func (c *Counting) Names(prefix string) ([]string, error) {
	c.Reads++
	return c.Store.Names(prefix)
}

// Put is a write.
func (c *Counting) Put(name string, value []byte) error {
	c.Writes++
	return c.Store.Put(name, value)
}

// Delete is a write.
func (c *Counting) Delete(name string) error {
	c.Writes++
	return c.Store.Delete(name)
}
