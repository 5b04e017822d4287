package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What makes a file ours. The numbers lie in the file's header (SQLite's file format, Section 1.3).
const (
	applicationID = 0x6d66616c // "mfal"
	schemaVersion = 2
)

// schema has one tree for all records but those of numberedKind: one is found, and a commit writes, by one path through it.
// Keys are blobs
// because SQLite compares those byte by byte and says nothing about text with zero bytes in it. Most records are a few
// hundred bytes, well below the kilobyte or so that such a tree keeps in its own pages.
const schema = `CREATE TABLE record (
	kind TEXT NOT NULL,
	key BLOB NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (kind, key)
) WITHOUT ROWID, STRICT`

// createFile makes an empty file, which is an empty database, for the owner alone; SQLite gives the files beside it the
// same permissions. A file that is there is not opened: closing it again would drop the locks that this program's other
// connections hold on it.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sqlite: create the store: %w", err)
	}
	return f.Close()
}

// pool returns at most size connections to the file; they open when they are needed.
func pool(path string, size int, pragmas ...string) *sql.DB {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive's letter
	}
	query := url.Values{"mode": {"rw"}, "_pragma": pragmas}
	name := "file://" + (&url.URL{Path: slashed}).EscapedPath() + "?" + query.Encode()
	db := sql.OpenDB(connector{name})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// pragmas are the settings of each connection.
func (o options) pragmas(more ...string) []string {
	return append([]string{
		fmt.Sprintf("busy_timeout(%d)", o.patience.Milliseconds()),
		"temp_store(memory)",
		"trusted_schema(off)",
	}, more...)
}

func (o options) writerPragmas() []string {
	p := o.pragmas(
		"synchronous(full)",
		"fullfsync(on)", // macOS: fsync alone leaves the data in the drive's cache
		fmt.Sprintf("cache_size(-%d)", writerKiB),
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages),
		fmt.Sprintf("journal_size_limit(%d)", walBytes),
	)
	if o.maxPages > 0 {
		p = append(p, fmt.Sprintf("max_page_count(%d)", o.maxPages))
	}
	return p
}

func (o options) readerPragmas() []string {
	return o.pragmas("query_only(on)", fmt.Sprintf("cache_size(-%d)", readerKiB))
}

// prepare sees to it that the file is a store of ours that can be written.
func (s *store) prepare(o options) error {
	c, err := s.writer.Conn(context.Background())
	if err != nil {
		return s.explain("open", err)
	}
	defer c.Close()
	// While the mode of a new file changes, SQLite turns others away at once instead of letting them wait.
	for deadline := time.Now().Add(o.patience); ; <-time.After(retry) {
		err = c.Raw(func(c any) error { return prepare(c.(*conn)) })
		if !isBusy(err) || time.Now().After(deadline) {
			return s.explain("open", err)
		}
	}
}

// prepare looks at the file under the lock for writing: two programs may open a new one at the same time.
func prepare(c *conn) error {
	if err := execute(c, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := recognize(c)
	if err == nil {
		err = execute(c, "COMMIT")
	}
	if err != nil {
		_ = execute(c, "ROLLBACK") // fails where SQLite has done so already
		return err
	}
	mode, err := one[string](c, "PRAGMA journal_mode = wal")
	if err == nil && mode != "wal" {
		err = fmt.Errorf("its journal mode stays %q instead of \"wal\": use a local file system", mode)
	}
	return err
}

// recognize creates the schema in an empty database and refuses every one but ours.
func recognize(c *conn) error {
	id, err1 := one[int64](c, "PRAGMA application_id")
	version, err2 := one[int64](c, "PRAGMA user_version")
	objects, err3 := one[int64](c, "SELECT count(*) FROM sqlite_schema")
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	switch {
	case id == applicationID && version == schemaVersion:
		// Changes nothing, but fails where nothing can be changed, which BEGIN IMMEDIATE does not.
		return execute(c, "DELETE FROM record WHERE kind = ''")
	case id == applicationID && version == 1:
		return numberOff(c)
	case id == applicationID && version > schemaVersion:
		return fmt.Errorf("it has schema version %d, this program knows %d: use a newer program", version, schemaVersion)
	case id != 0 || version != 0 || objects != 0:
		return errors.New("it is another program's database: name another file")
	}
	return execute(c, fmt.Sprintf("%s; %s; PRAGMA application_id = %d; PRAGMA user_version = %d",
		schema, numberedSchema, applicationID, schemaVersion))
}

// one returns the only value of a query's only row.
func one[T driver.Value](c *conn, query string) (value T, err error) {
	err = each(c, query, func(row []driver.Value) bool {
		value, _ = row[0].(T)
		return false
	})
	return value, err
}
