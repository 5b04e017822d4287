package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// A Journal keeps what happened in the lab: the newest events in memory, and all of them in a file where it has one.
type Journal struct {
	mu     sync.Mutex
	file   *os.File // nil: memory only
	kept   int      // so many events stay in memory; 0: all
	events []sim.Event
	begun  int // how often the journal was begun anew
	more   chan struct{}
	// unwritten is what the file has not taken yet, and broken why. It is tried again with each event.
	unwritten []byte
	broken    error
}

// Our choice.
const (
	kept         = 20_000   // events in memory: a few megabytes, and the file has the rest
	tail         = 1 << 20  // bytes of the file's end that are read when it is opened: some thousand events
	maxUnwritten = 16 << 20 // bytes that wait for a disk that is full; what comes after them is lost to the file
)

// openJournal opens the journal in the file at path, or one in memory only where path is empty.
func openJournal(path string, kept int) (*Journal, error) {
	j := &Journal{kept: kept, more: make(chan struct{})}
	if path == "" {
		return j, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j.file = file
	if err := j.readTail(); err != nil {
		return nil, errors.Join(fmt.Errorf("the journal %s is damaged: %w; move the file away", path, err), file.Close())
	}
	return j, nil
}

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
		i := bytes.IndexByte(b, '\n') + 1
		if i == 0 {
			return errors.New("its last line has no end")
		}
		b = b[i:]
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	for line := range bytes.Lines(whole) {
		var e sim.Event
		if json.Unmarshal(line, &e) != nil || e.Seq <= j.last() {
			return fmt.Errorf("it has a line that is no event, or out of order: %.60q", line)
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

// last returns the newest event's Seq, 0 where there is none.
func (j *Journal) last() uint64 {
	if len(j.events) == 0 {
		return 0
	}
	return j.events[len(j.events)-1].Seq
}

// end returns Seq and time of the newest event; zeros where there is none.
func (j *Journal) end() (uint64, time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.events) == 0 {
		return 0, time.Time{}
	}
	e := j.events[len(j.events)-1]
	return e.Seq, e.Time
}

// add is the world's record function.
func (j *Journal) add(e sim.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
	if j.kept > 0 && len(j.events) > j.kept {
		j.events = slices.Clone(j.events[len(j.events)/4:])
	}
	j.write(e)
	close(j.more)
	j.more = make(chan struct{})
}

// write brings the file up to date.
func (j *Journal) write(e sim.Event) {
	if j.file == nil || len(j.unwritten) > maxUnwritten {
		return
	}
	j.unwritten = append(e.AppendJSON(j.unwritten), '\n')
	var n int
	n, j.broken = j.file.Write(j.unwritten)
	j.unwritten = j.unwritten[:copy(j.unwritten, j.unwritten[n:])]
}

// After returns the events in memory that are newer than seq, at most limit of them (0: all). Those in memory are the
// newest 15,000 at least, or of an earlier run's the newest megabyte; the file has them all.
func (j *Journal) After(seq uint64, limit int) []sim.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.after(seq, limit)
}

func (j *Journal) after(seq uint64, limit int) []sim.Event {
	from, found := slices.BinarySearchFunc(j.events, seq, func(e sim.Event, seq uint64) int {
		switch {
		case e.Seq < seq:
			return -1
		case e.Seq > seq:
			return 1
		}
		return 0
	})
	if found {
		from++
	}
	newer := j.events[from:]
	if limit > 0 && len(newer) > limit {
		newer = newer[:limit]
	}
	return slices.Clone(newer)
}

// Follow hands each event that is newer than seq to each, those that are there and then those that come, until each
// returns an error or ctx is done, and returns that error. flush, if not nil, is called whenever there is nothing to hand
// over but to wait. When the lab is loaded or reset its journal begins anew, and so does what is handed over.
func (j *Journal) Follow(ctx context.Context, seq uint64, each func(sim.Event) error, flush func() error) error {
	for begun := -1; ; {
		j.mu.Lock()
		if begun >= 0 && begun != j.begun {
			seq = 0
		}
		begun = j.begun
		events, more := j.after(seq, 0), j.more
		j.mu.Unlock()
		for _, e := range events {
			if err := each(e); err != nil {
				return err
			}
			seq = e.Seq
		}
		if flush != nil {
			if err := flush(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// Err returns why the journal's file does not take events, nil where it does. They are kept, and written when it does.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

func (j *Journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return errors.Join(j.broken, j.file.Close())
}

// restart empties the journal and begins it with events: a lab that is reset or loaded has a new one.
func (j *Journal) restart(events []sim.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events, j.unwritten, j.broken = slices.Clone(events), nil, nil
	j.begun++
	close(j.more)
	j.more = make(chan struct{})
	if j.file == nil {
		return nil
	}
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	j.unwritten = lines(events)
	var n int
	n, j.broken = j.file.Write(j.unwritten)
	j.unwritten = j.unwritten[n:]
	return j.broken
}
