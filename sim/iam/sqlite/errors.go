package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// advice says what a result code means here and what to do.
var advice = map[int]string{
	lib.SQLITE_BUSY:     "another program is writing to it: end that program or try again",
	lib.SQLITE_READONLY: "it may not be written: give yourself permission to write it and its directory",
	lib.SQLITE_CANTOPEN: "it cannot be opened: its directory must exist and you must have permission to write in it",
	lib.SQLITE_NOTADB:   "it is no database: name another file, or move this one away to begin anew",
	lib.SQLITE_CORRUPT:  "it is damaged: restore it from a copy, or move it away to begin anew",
	lib.SQLITE_FULL:     "the disk is full: free some space and try again",
	lib.SQLITE_IOERR:    "the disk or its file system fails: check both",
}

// isBusy reports whether another program's lock was in the way.
func isBusy(err error) bool {
	e := (*driver.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY
}

// explain adds to an error what was being done to which file, and what to do about it. A context's error stays as it is.
func (s *store) explain(what string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e := (*driver.Error)(nil); errors.As(err, &e) {
		// The low byte is the result code; the others make it finer.
		if hint, ok := advice[e.Code()&0xff]; ok {
			return fmt.Errorf("sqlite: %s %q: %s: %w", what, s.path, hint, err)
		}
	}
	return fmt.Errorf("sqlite: %s %q: %w", what, s.path, err)
}
