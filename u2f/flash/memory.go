package flash

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Memory is a store that lasts as long as the program. The zero value is empty and ready. However many records there are,
// it is two pieces of memory without pointers, so that a full one is no work for the garbage collector.
type Memory struct {
	held   []byte  // names, each with its value behind it, and what is left of those that were replaced
	places []place // sorted by name
	live   int     // bytes that the records take up in a log
}

// A place says where in Memory.held a record is.
type place struct{ start, value, end uint32 }

func (m *Memory) name(p place) []byte  { return m.held[p.start:p.value] }
func (m *Memory) value(p place) []byte { return m.held[p.value:p.end] }

// find returns where in m.places name is, or belongs.
func (m *Memory) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(m.places, name, func(p place, name string) int {
		switch other := m.name(p); { // converted for comparisons alone, which allocates nothing
		case string(other) < name:
			return -1
		case string(other) > name:
			return 1
		}
		return 0
	})
}

// Get returns a copy of the value of name, or an fs.ErrNotExist.
func (m *Memory) Get(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	at, found := m.find(name)
	if !found {
		return nil, fmt.Errorf("flash: no record %q: %w", name, fs.ErrNotExist)
	}
	return append([]byte{}, m.value(m.places[at])...), nil
}

// Put writes a copy of value under name. It fails with ErrFull where more than MaxLive bytes would be taken up.
func (m *Memory) Put(name string, value []byte) error {
	if err := m.admit(name, value); err != nil {
		return err
	}
	m.put(name, value)
	return nil
}

// Delete forgets name; it does nothing where name is not there.
func (m *Memory) Delete(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	m.remove(name)
	return nil
}

// Names returns the names that begin with prefix, sorted.
func (m *Memory) Names(prefix string) ([]string, error) {
	names := []string{}
	from, _ := m.find(prefix)
	for _, p := range m.places[from:] {
		name := string(m.name(p))
		if !strings.HasPrefix(name, prefix) {
			break
		}
		names = append(names, name)
	}
	return names, nil
}

// Reopen does nothing: a Memory has no other place to read from. See Medium.
func (m *Memory) Reopen() error { return nil }

// tear leaves nothing: a Memory has no half records.
func (m *Memory) tear(record) error { return nil }

// admit reports why a record cannot be put.
func (m *Memory) admit(name string, value []byte) error {
	if err := check(name, value); err != nil {
		return err
	}
	if m.live-m.size(name)+recordFixed+len(name)+len(value) > MaxLive {
		return fmt.Errorf("flash: no room for %q: %w", name, ErrFull)
	}
	return nil
}

// size is what the record name takes up in a log.
func (m *Memory) size(name string) int {
	at, found := m.find(name)
	if !found {
		return 0
	}
	return recordFixed + m.places[at].size()
}

// size is what a record takes up in Memory.held.
func (p place) size() int { return int(p.end - p.start) }

func (m *Memory) put(name string, value []byte) {
	at, found := m.find(name)
	if found && len(m.value(m.places[at])) == len(value) {
		copy(m.value(m.places[at]), value) // a counter's next value needs no new memory
		return
	}
	if found {
		m.drop(at)
	}
	start := len(m.held)
	m.held = append(append(m.held, name...), value...)
	p := place{uint32(start), uint32(start + len(name)), uint32(len(m.held))}
	m.places = slices.Insert(m.places, at, p)
	m.live += recordFixed + p.size()
}

func (m *Memory) remove(name string) {
	if at, found := m.find(name); found {
		m.drop(at)
	}
}

// drop forgets a record, and writes m.held anew where more than half of it is of records that are gone.
func (m *Memory) drop(at int) {
	p := m.places[at]
	clear(m.held[p.start:p.end]) // it may be a secret
	m.places = slices.Delete(m.places, at, at+1)
	m.live -= recordFixed + p.size()
	if whole := m.live - recordFixed*len(m.places); whole < len(m.held)/2 {
		held := make([]byte, 0, whole)
		for i, p := range m.places {
			start, name := uint32(len(held)), p.value-p.start
			held = append(held, m.held[p.start:p.end]...)
			m.places[i] = place{start, start + name, uint32(len(held))}
		}
		m.held = held
	}
}
