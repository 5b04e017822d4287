package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// The events of the trail come with every call, each under the next number. In the tree of the records they would land in
// its midst, where a page that is full makes SQLite write three or four of its neighbours; at the end of a table that is
// ordered by a number it writes one.
const (
	// numberedKind is the one kind that lies in a table of its own: iam.Store says so of its keys.
	numberedKind   = iam.Numbered
	numberedSchema = `CREATE TABLE numbered (number INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT`
	insertNumbered = "INSERT INTO numbered VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value"
)

// number returns the number that a key of numberedKind is. SQLite's have at most 63 bits.
func number(key string) (n int64, ok bool) {
	u, err := strconv.ParseUint(key, 16, 63)
	return int64(u), err == nil && numberedKey(int64(u)) == key
}

func numberedKey(n int64) string { return fmt.Sprintf("%016x", n) }

func (t *tx) getNumbered(key string) (value []byte, err error) {
	n, ok := number(key)
	if !ok {
		return nil, nil
	}
	err = each(t.conn, "SELECT value FROM numbered WHERE number = ?1", func(row []driver.Value) bool {
		value = blob(row[0])
		return false
	}, n)
	return value, t.fault("read", err)
}

func (t *tx) putNumbered(key string, value []byte) error {
	n, ok := number(key)
	if !ok {
		return fmt.Errorf("sqlite: a record %s has a number for a key, not %q: give 16 hexadecimal digits", numberedKind, key)
	}
	return t.fault("write", execute(t.conn, insertNumbered, n, blob(value)))
}

func (t *tx) deleteNumbered(key string) error {
	n, ok := number(key)
	if !ok {
		return nil
	}
	return t.fault("write", execute(t.conn, "DELETE FROM numbered WHERE number = ?1", n))
}

func (t *tx) scanNumbered(prefix, after string, limit int) ([]iam.Record, error) {
	from, _ := number((prefix + "0000000000000000")[:max(len(prefix), 16)])
	if n, ok := number(after); ok && n+1 > from {
		from = n + 1
	}
	var found []iam.Record
	err := each(t.conn, "SELECT number, value FROM numbered WHERE number >= ?1 ORDER BY number", func(row []driver.Value) bool {
		key := numberedKey(row[0].(int64))
		switch {
		case key <= after || key < prefix:
			return true
		case !strings.HasPrefix(key, prefix):
			return false
		}
		found = append(found, iam.Record{Key: key, Value: blob(row[1])})
		return len(found) != limit
	}, from)
	if err != nil {
		return nil, t.fault("read", err)
	}
	return found, nil
}

// numberOff moves the records of numberedKind, which schema 1 had among all others, into the table of their own.
func numberOff(c *conn) error {
	if err := execute(c, numberedSchema); err != nil {
		return err
	}
	var failed error
	err := each(c, "SELECT key, value FROM record WHERE kind = '"+numberedKind+"'", func(row []driver.Value) bool {
		n, ok := number(string(blob(row[0])))
		if !ok {
			failed = fmt.Errorf("its record %s %q has no number", numberedKind, row[0])
			return false
		}
		failed = execute(c, insertNumbered, n, blob(row[1]))
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return execute(c, fmt.Sprintf("DELETE FROM record WHERE kind = '%s'; PRAGMA user_version = %d", numberedKind, schemaVersion))
}
