package sqlite

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func TestFilesAreForTheOwnerAlone(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, options{})
	put(t, s, "alice", "1")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), suffix)
	}
	require.NoError(t, s.Close())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "Close leaves more than the file")
}

func TestAPathIsTakenAsItIs(t *testing.T) {
	for _, name := range []string{
		"a b", "50%", "%41", "who?mode=ro", "#1", "ünïcode 鍵", "file:x", ":memory:", "a&_pragma=x",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, openAt(t, filepath.Join(dir, name), options{}), "alice", "1")
			_, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Len(t, all(t, openAt(t, filepath.Join(dir, name), options{})), 1)
		})
	}
}

func TestAFileThatIsNoStoreIsRefusedAndLeftAsItIs(t *testing.T) {
	statements := func(path string, lines ...string) {
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		for _, line := range lines {
			_, err := db.Exec(line)
			require.NoError(t, err, line)
		}
		require.NoError(t, db.Close())
	}
	for name, c := range map[string]struct {
		file func(path string)
		want string
	}{
		"text": {func(path string) {
			require.NoError(t, os.WriteFile(path, []byte("this is a letter, and a rather long one, to alice"), 0o600))
		}, "it is no database: name another file"},
		"a page of zeros after a letter": {func(path string) {
			require.NoError(t, os.WriteFile(path, append([]byte("letter"), make([]byte, 8192)...), 0o600))
		}, "it is no database: name another file"},
		"another program's database": {func(path string) {
			statements(path, "CREATE TABLE moz_places (url TEXT)")
		}, "it is another program's database: name another file"},
		"another program's empty database": {func(path string) {
			statements(path, "PRAGMA application_id = 252006673") // Fossil's
		}, "it is another program's database"},
		"a database with another program's version": {func(path string) {
			statements(path, "PRAGMA user_version = 1")
		}, "it is another program's database"},
		"a newer schema": {func(path string) {
			statements(path, "PRAGMA application_id = "+strconv.Itoa(applicationID), "PRAGMA user_version = 3")
		}, "it has schema version 3, this program knows 2: use a newer program"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			c.file(path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = Open(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, strconv.Quote(path))
			require.NotContains(t, err.Error(), "\n")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, string(before) == string(after), "Open changed the file")
		})
	}
}

func TestADirectoryIsRefused(t *testing.T) {
	_, err := Open(t.TempDir())
	require.ErrorContains(t, err, "it cannot be opened")
	_, err = Open(filepath.Join(t.TempDir(), "missing", "iam.db"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAnEmptyFileIsAnEmptyStore(t *testing.T) {
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.Empty(t, all(t, openAt(t, path, options{})))
}

func TestDamagedPagesAreReported(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, options{})
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		for i := range 200 {
			require.NoError(t, tx.Put("user", strconv.Itoa(1000+i), make([]byte, 300)))
		}
		return nil
	}))
	require.NoError(t, s.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := len(file) - 4096; i < len(file); i++ { // the last page; the first records are well
		file[i] = 0xa5
	}
	require.NoError(t, os.WriteFile(path, file, 0o600))

	s = openAt(t, path, options{})
	scan := func(tx iam.Tx) error {
		_, err := tx.Scan("user", "", "", 0)
		return err
	}
	err = s.View(t.Context(), scan)
	require.ErrorContains(t, err, "it is damaged: restore it from a copy")
	require.NotContains(t, err.Error(), "\n")
	require.ErrorContains(t, s.View(t.Context(), func(tx iam.Tx) error {
		_ = scan(tx)
		return nil
	}), "it is damaged", "a fault that f ignores")
}

func TestManyMayOpenANewFileAtOnce(t *testing.T) {
	for range 10 { // the moment in which they collide is short
		openAtOnce(t, newPath(t))
	}
}

func openAtOnce(t *testing.T, path string) {
	var all8 sync.WaitGroup
	stores := make([]*store, 8)
	for i := range stores {
		all8.Go(func() {
			s, err := open(path, options{patience: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
			if err := s.Update(t.Context(), func(tx iam.Tx) error { return tx.Put("user", strconv.Itoa(i), nil) }); err != nil {
				t.Error(err)
			}
		})
	}
	all8.Wait()
	require.False(t, t.Failed())
	require.Len(t, all(t, stores[0]), len(stores))
	for _, s := range stores {
		require.NoError(t, s.Close())
	}
}

func TestAFileOfTheFirstSchemaIsTakenOver(t *testing.T) {
	first := func(rows ...string) string {
		path := newPath(t)
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		for _, line := range append([]string{schema, "PRAGMA application_id = " + strconv.Itoa(applicationID), "PRAGMA user_version = 1",
			"INSERT INTO record VALUES ('user', x'616c696365', x'31')"}, rows...) {
			_, err := db.Exec(line)
			require.NoError(t, err, line)
		}
		require.NoError(t, db.Close())
		return path
	}
	path := first("INSERT INTO record VALUES ('trail', CAST('000000000000000a' AS BLOB), CAST('ten' AS BLOB)), " +
		"('trail', CAST('00000000000000ff' AS BLOB), CAST('255' AS BLOB))")
	for range 2 { // the second time it is of this schema
		s := openAt(t, path, options{})
		require.Equal(t, map[string]string{"alice": "1"}, all(t, s))
		require.NoError(t, s.View(t.Context(), func(tx iam.Tx) error {
			events, err := tx.Scan(iam.Numbered, "", "", 0)
			require.Equal(t, []iam.Record{{Key: "000000000000000a", Value: []byte("ten")}, {Key: "00000000000000ff", Value: []byte("255")}}, events)
			return err
		}))
		require.NoError(t, s.Close())
	}

	path = first("INSERT INTO record VALUES ('trail', CAST('ten' AS BLOB), x'00')")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = Open(path)
	require.ErrorContains(t, err, `its record trail "ten" has no number`)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
