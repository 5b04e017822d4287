package flash

import (
	"errors"
	"fmt"
)

// ErrCut says that there is no power. See CutAfter.
var ErrCut = errors.New("flash: the power is off: restore it first")

// A Cut says where inside a write the power fails.
type Cut int

// The three cuts.
const (
	Before Cut = iota // the write did not happen
	Torn              // a part of it did; of a File half a record is on the disk
	After             // it happened, and who asked for it never learns
)

// String returns "before", "torn" or "after".
func (c Cut) String() string {
	if c < Before || c > After {
		return fmt.Sprintf("cut %d", int(c))
	}
	return [...]string{"before", "torn", "after"}[c]
}

// A Medium is a store that a write can be torn on: a Memory or a File.
type Medium interface {
	Store
	Reopen() error
	tear(record) error
}

// Cutting is a store whose power fails. See CutAfter.
type Cutting struct {
	medium Medium
	left   int // writes until the cut, that one counted; 0 or less: no cut comes
	at     Cut
	off    bool
}

// CutAfter returns m with the power cut at its n-th write (Put or Delete) from now, the first being 1; n below 1 is no
// cut. From the cut on everything fails with ErrCut, reading too, until Restore.
func CutAfter(m Medium, n int, at Cut) *Cutting { return &Cutting{medium: m, left: n, at: at} }

// Off reports whether the power is off.
func (c *Cutting) Off() bool { return c.off }

// Restore turns the power on again for good: a File is read again from its disk, and no further cut comes.
func (c *Cutting) Restore() error {
	if err := c.medium.Reopen(); err != nil {
		return err
	}
	c.off, c.left = false, 0
	return nil
}

// Get fails without power.
func (c *Cutting) Get(name string) ([]byte, error) {
	if c.off {
		return nil, ErrCut
	}
	return c.medium.Get(name)
}

// Names fails without power.
func (c *Cutting) Names(prefix string) ([]string, error) {
	if c.off {
		return nil, ErrCut
	}
	return c.medium.Names(prefix)
}

// Put writes, or is where the power fails.
func (c *Cutting) Put(name string, value []byte) error {
	return c.write(record{kindPut, name, value}, func() error { return c.medium.Put(name, value) })
}

// Delete deletes, or is where the power fails.
func (c *Cutting) Delete(name string) error {
	return c.write(record{kind: kindDelete, name: name}, func() error { return c.medium.Delete(name) })
}

func (c *Cutting) write(r record, do func() error) error {
	if c.off {
		return ErrCut
	}
	if c.left--; c.left != 0 {
		return do()
	}
	c.off = true
	switch c.at {
	case Torn:
		return errors.Join(ErrCut, c.medium.tear(r))
	case After:
		return errors.Join(ErrCut, do())
	}
	return ErrCut
}
