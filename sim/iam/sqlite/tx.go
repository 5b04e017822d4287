package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// The errors for a Tx in the wrong hands.
var (
	errOver     = errors.New("sqlite: the transaction is over: use a Tx only inside its function")
	errReadOnly = errors.New("sqlite: a View cannot write: use Update")
	errNoName   = errors.New("sqlite: a record needs a kind and a key: neither may be empty")
)

// tx implements iam.Tx.
type tx struct {
	store  *store
	ctx    context.Context
	conn   *conn
	writes bool
	lazy   bool  // the commit need not wait for the disk
	failed error // the fault of the database that ended it
	over   bool
	stuck  bool // the transaction would not end
}

var _ iam.Tx = (*tx)(nil)

// run begins, runs f and commits; all else, a panic of f too, ends in a rollback.
func (t *tx) run(f func(iam.Tx) error) error {
	begin := "BEGIN"
	if t.writes {
		if err := t.conn.wait(!t.lazy); err != nil {
			return t.store.explain("begin in", err)
		}
		// Takes the lock before the first read, so that what f read still holds when it writes.
		begin = "BEGIN IMMEDIATE"
	}
	if err := execute(t.conn, begin); err != nil {
		return t.store.explain("begin in", err)
	}
	committed := false
	defer func() {
		t.over = true
		if !committed {
			t.stuck = execute(t.conn, "ROLLBACK") != nil
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if err := t.ctx.Err(); t.writes && err != nil {
		return err
	}
	if err := execute(t.conn, "COMMIT"); err != nil {
		return t.store.explain("commit to", err)
	}
	committed = true
	return nil
}

func (t *tx) readable() error {
	switch {
	case t.over:
		return errOver
	case t.failed != nil:
		return t.failed
	}
	return t.ctx.Err()
}

func (t *tx) writable() error {
	if err := t.readable(); err != nil {
		return err
	}
	if !t.writes {
		return errReadOnly
	}
	return nil
}

// fault keeps the first error of the database, which ends the transaction: SQLite may have undone all of it, and then
// the next statement would commit by itself.
func (t *tx) fault(what string, err error) error {
	err = t.store.explain(what, err)
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// Get implements iam.Tx.
func (t *tx) Get(kind, key string) ([]byte, error) {
	if err := t.readable(); err != nil {
		return nil, err
	}
	if kind == numberedKind {
		return t.getNumbered(key)
	}
	var value []byte
	err := each(t.conn, "SELECT value FROM record WHERE kind = ?1 AND key = ?2", func(row []driver.Value) bool {
		value = blob(row[0])
		return false
	}, kind, []byte(key))
	return value, t.fault("read", err)
}

// Put implements iam.Tx.
func (t *tx) Put(kind, key string, value []byte) error {
	if err := t.writable(); err != nil {
		return err
	}
	if kind == "" || key == "" {
		return errNoName
	}
	if kind == numberedKind {
		return t.putNumbered(key, value)
	}
	return t.fault("write", execute(t.conn,
		"INSERT INTO record VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
		kind, []byte(key), blob(value)))
}

// Delete implements iam.Tx.
func (t *tx) Delete(kind, key string) error {
	if err := t.writable(); err != nil {
		return err
	}
	if kind == numberedKind {
		return t.deleteNumbered(key)
	}
	return t.fault("write", execute(t.conn, "DELETE FROM record WHERE kind = ?1 AND key = ?2", kind, []byte(key)))
}

// Scan implements iam.Tx.
func (t *tx) Scan(kind, prefix, after string, limit int) ([]iam.Record, error) {
	if err := t.readable(); err != nil {
		return nil, err
	}
	if kind == numberedKind {
		return t.scanNumbered(prefix, after, limit)
	}
	var found []iam.Record
	// The least key greater than after is after and one zero byte.
	from := max(prefix, after+"\x00")
	// SQLite would parse the statement anew for every value of a LIMIT. Rows come one by one, and the last is known.
	err := each(t.conn, "SELECT key, value FROM record WHERE kind = ?1 AND key >= ?2 ORDER BY key",
		func(row []driver.Value) bool {
			key := string(blob(row[0]))
			if !strings.HasPrefix(key, prefix) {
				return false
			}
			found = append(found, iam.Record{Key: key, Value: blob(row[1])})
			return len(found) != limit
		}, kind, []byte(from))
	if err != nil {
		return nil, t.fault("read", err)
	}
	return found, nil
}

// blob never gives nil: the driver reads an empty value as nil, and writes nil as NULL.
func blob(v driver.Value) []byte {
	if b, _ := v.([]byte); b != nil {
		return b
	}
	return []byte{}
}
