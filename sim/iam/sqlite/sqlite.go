// Package sqlite keeps an account's records in one SQLite file.
//
// The file is in WAL mode with synchronous=FULL: when Update returns nil, its records have reached the disk. One
// connection writes, a few read, each reader on a snapshot of its own; nobody waits for a reader. Several programs may
// have the file open; their Updates take turns.
//
// Beside the file lie two more while it is open, with -wal and -shm at the end of their names. All are for the owner's
// eyes only (0600): the records hold secrets. Copy the file only after Close, or with SQLite's own tools.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// Our choice.
const (
	// patience is how long to wait for another program that writes: far more than any Update needs, and short enough
	// for a person to see what is wrong.
	patience = 5 * time.Second
	// retry is how long Open waits where SQLite does not wait by itself: a new file is made in about this time.
	retry = 2 * time.Millisecond
	// readers is how many Views run at once; more wait. A View takes microseconds, so a few keep every core busy.
	readers = 4
	// writerKiB and readerKiB bound each connection's cache of pages. The operating system caches the file anyway; but a
	// writer that has to read a page for every record is a tenth slower.
	writerKiB = 2048
	readerKiB = 128
	// walPages is at how many pages SQLite moves the -wal file into the file. Its own 1000 makes every two hundredth call wait
	// for that; the pages of more of them are in good part the same ones.
	walPages = 2000
	// walBytes is what the -wal file shrinks to after it was moved: walPages and their heads.
	walBytes = walPages * (4096 + 24)
)

// options are what tests change.
type options struct {
	patience time.Duration
	maxPages int // the file may grow to so many pages of 4 KiB; 0: as the disk allows
}

// store implements iam.Store.
type store struct {
	path          string
	writer, reads *sql.DB

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // transactions
}

var _ iam.Store = (*store)(nil)

// Open opens the store in the file at path and creates the file where there is none; its directory must exist. Open
// refuses, without changing it, a file that is no database, another program's database, a database with a newer schema
// than it knows, and one that it cannot write.
//
// The store may be used by many goroutines at once; the Tx it hands out may not. Do not call Update inside Update or
// View inside View: they may wait for themselves. Close waits for the transactions that run.
func Open(path string) (iam.Store, error) {
	return open(path, options{patience: patience})
}

func open(path string, o options) (*store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	s := &store{path: path, writer: pool(path, 1, o.writerPragmas()...), reads: pool(path, readers, o.readerPragmas()...)}
	if err := s.prepare(o); err != nil {
		return nil, errors.Join(err, s.reads.Close(), s.writer.Close())
	}
	return s, nil
}

// View implements iam.Store. The snapshot is the state at f's first read.
func (s *store) View(ctx context.Context, f func(iam.Tx) error) error {
	return s.transact(ctx, s.reads, &tx{}, f)
}

// Update implements iam.Store. A context that ends before f returns undoes what f wrote; so does a Put or Delete that
// failed, even if f goes on. An Update that failed for a fault of the disk may, after a loss of power, be there whole.
func (s *store) Update(ctx context.Context, f func(iam.Tx) error) error {
	return s.transact(ctx, s.writer, &tx{writes: true}, f)
}

// Note implements iam.Store: an Update whose commit does not wait for the disk. It reaches it with the next Update's, or
// when SQLite moves the -wal file.
func (s *store) Note(ctx context.Context, f func(iam.Tx) error) error {
	return s.transact(ctx, s.writer, &tx{writes: true, lazy: true}, f)
}

// Close implements iam.Store. It waits for the transactions that run.
func (s *store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return s.errClosed()
	}
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	// The last connection to go moves the -wal file into the file: that must be one that may write.
	return errors.Join(s.reads.Close(), s.writer.Close())
}

func (s *store) errClosed() error {
	return fmt.Errorf("sqlite: the store %q is closed: %w", s.path, fs.ErrClosed)
}

// enter counts a transaction that begins; the caller must call running.Done when it is over.
func (s *store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.errClosed()
	}
	s.running.Add(1)
	return nil
}

// transact runs f in a transaction on a connection from the pool.
func (s *store) transact(ctx context.Context, db *sql.DB, t *tx, f func(iam.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.running.Done()
	c, err := db.Conn(ctx)
	if err != nil {
		return s.explain("open", err)
	}
	defer c.Close()
	err = sql.ErrConnDone // should Raw not call its function
	_ = c.Raw(func(c any) error {
		t.store, t.ctx, t.conn = s, ctx, c.(*conn)
		if err = t.run(f); t.stuck {
			return driver.ErrBadConn // throws the connection away
		}
		return nil
	})
	return err
}
