package flash

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Memory is a store that lasts as long as the program. The zero value is empty and ready.
type Memory struct {
	records map[string][]byte
	live    int // bytes that the records take up in a log
}

// Get returns a copy of the value of name, or an fs.ErrNotExist.
func (m *Memory) Get(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	v, ok := m.records[name]
	if !ok {
		return nil, fmt.Errorf("flash: no record %q: %w", name, fs.ErrNotExist)
	}
	return append([]byte{}, v...), nil
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
	for name := range m.records {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
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
	v, ok := m.records[name]
	if !ok {
		return 0
	}
	return recordFixed + len(name) + len(v)
}

func (m *Memory) put(name string, value []byte) {
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	m.live += recordFixed + len(name) + len(value) - m.size(name)
	if old := m.records[name]; len(old) == len(value) && old != nil {
		copy(old, value) // a counter's next value needs no new memory
		return
	}
	m.records[name] = append([]byte{}, value...)
}

func (m *Memory) remove(name string) {
	m.live -= m.size(name)
	delete(m.records, name)
}
