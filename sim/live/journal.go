package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mfalab/mfalab/sim"
)

// A Journal keeps what happened in the lab: the newest events in memory, and all of them in a file where it has one.
type Journal struct {
	mu     sync.Mutex
	file   *os.File // nil: memory only
	events []sim.Event
	first  uint64 // Seq of events[0]
	more   chan struct{}
	broken error // why the file stopped taking events
}

// kept is how many events stay in memory. Our choice: a few megabytes, and the file has the rest.
const kept = 20_000

func openJournal(path string) (*Journal, uint64, error) {
	j := &Journal{first: 1, more: make(chan struct{})}
	if path == "" {
		return j, 0, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, err
	}
	j.file = file
	if err := j.readTail(); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("the journal %s: %w", path, err), file.Close())
	}
	if n := len(j.events); n > 0 {
		j.first = j.events[0].Seq
		return j, j.events[n-1].Seq, nil
	}
	return j, 0, nil
}

// tail is how much of the file's end is read when it is opened. Our choice: some thousand events.
const tail = 1 << 20

// readTail reads the newest events of the file and stands behind the last whole line. A line that a power cut left
// unfinished is taken off, so that the journal stays one event a line.
func (j *Journal) readTail() error {
	size, err := j.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	from := max(size-tail, 0)
	b := make([]byte, size-from)
	if _, err := j.file.ReadAt(b, from); err != nil {
		return err
	}
	if from > 0 {
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	for line := range bytes.Lines(whole) {
		var e sim.Event
		if json.Unmarshal(line, &e) != nil || e.Seq == 0 {
			return fmt.Errorf("it has a line that is no event: %.60q; move the file away", line)
		}
		j.events = append(j.events, e)
	}
	end := size - int64(len(b)-len(whole))
	if err := j.file.Truncate(end); err != nil {
		return err
	}
	_, err = j.file.Seek(end, io.SeekStart)
	return err
}

// add is the world's record function.
func (j *Journal) add(e sim.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.events) == 0 {
		j.first = e.Seq
	}
	j.events = append(j.events, e)
	if len(j.events) > kept {
		drop := len(j.events) / 4
		j.events = append([]sim.Event(nil), j.events[drop:]...)
		j.first += uint64(drop)
	}
	if j.file != nil && j.broken == nil {
		if _, err := j.file.Write(append(e.AppendJSON(nil), '\n')); err != nil {
			j.broken = err
		}
	}
	close(j.more)
	j.more = make(chan struct{})
}

// After returns the events in memory that are newer than seq, at most limit of them (0: all).
func (j *Journal) After(seq uint64, limit int) []sim.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := 0
	if seq >= j.first {
		from = min(int(seq-j.first+1), len(j.events))
	}
	out := append([]sim.Event(nil), j.events[from:]...)
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// Wait returns as soon as there is an event newer than seq, or ctx is done.
func (j *Journal) Wait(ctx context.Context, seq uint64) error {
	for {
		j.mu.Lock()
		newer, more := len(j.events) > 0 && j.events[len(j.events)-1].Seq > seq, j.more
		j.mu.Unlock()
		if newer {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// Err returns why the journal's file no longer takes events, nil where it does.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

func (j *Journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// restart empties the journal: a lab that is reset or loaded begins a new one.
func (j *Journal) restart() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events, j.first = nil, 1
	if j.file == nil {
		return nil
	}
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	_, err := j.file.Seek(0, io.SeekStart)
	return err
}
