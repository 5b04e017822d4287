package sqlite

import (
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// nobody is a user who owns nothing.
const nobody = 65534

// asNobody runs f with the file permissions of a user who owns nothing, because root's are never denied.
func asNobody(t *testing.T, f func()) {
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		require.NoError(t, syscall.Setfsuid(nobody))
		defer func() { require.NoError(t, syscall.Setfsuid(0)) }()
	}
	f()
}

func TestAStoreThatCannotBeWrittenIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		exists    bool
		file, dir os.FileMode
		want      string
	}{
		"no file in a read-only directory":           {false, 0, 0o555, "permission denied"},
		"a read-only file":                           {true, 0o444, 0o777, "permission to write it and its directory"},
		"a read-only file in a read-only directory":  {true, 0o444, 0o555, "permission to write it and its directory"},
		"a writable file in a read-only directory":   {true, 0o666, 0o555, "permission to write it and its directory"},
		"a file that may not be read":                {true, 0o000, 0o777, "you must have permission"},
		"a file in a directory that nobody looks in": {true, 0o666, 0o000, "permission"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			dir := filepath.Dir(path)
			if c.exists {
				require.NoError(t, openAt(t, path, options{}).Close())
				require.NoError(t, os.Chmod(path, c.file))
			}
			require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
			require.NoError(t, os.Chmod(dir, c.dir))
			defer os.Chmod(dir, 0o755)
			asNobody(t, func() {
				_, err := Open(path)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, path)
			})
		})
	}
}

// limitFiles makes writes beyond size bytes of any file fail until the function it returns is called.
func limitFiles(t *testing.T, size uint64) func() {
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: was.Max}))
	return func() {
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was))
		signal.Reset(syscall.SIGXFSZ)
	}
}

func TestACommitThatFailsLeavesTheOldState(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, options{})
	put(t, s, "alice", "old")
	before := all(t, s)
	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)

	lift := limitFiles(t, uint64(info.Size())+3*4096)
	reached := false
	err = s.Update(t.Context(), func(tx iam.Tx) error {
		// Fits the writer's cache, so that the disk is not asked before the commit.
		require.NoError(t, tx.Put("user", "large", make([]byte, writerKiB<<10/4)))
		require.NoError(t, tx.Put("user", "alice", []byte("new")))
		reached = true
		return nil
	})
	lift()
	require.True(t, reached)
	require.ErrorContains(t, err, "commit to")
	require.ErrorContains(t, err, "the disk or its file system fails")
	require.Equal(t, before, all(t, s))

	put(t, s, "bob", "next")
	require.NoError(t, s.Close())
	require.Equal(t, map[string]string{"alice": "old", "bob": "next"}, all(t, openAt(t, path, options{})))
}

func TestAFileSystemWithNoRoomAtAllIsReported(t *testing.T) {
	defer limitFiles(t, 0)()
	_, err := Open(newPath(t))
	require.ErrorContains(t, err, "the disk or its file system fails")
}
