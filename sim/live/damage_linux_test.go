package live

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
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

func TestADirectoryThatMayNotBeWrittenIsRefused(t *testing.T) {
	top := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(top), 0o755))
	require.NoError(t, os.Chmod(top, 0o755))
	dir := filepath.Join(top, "lab")
	l := opened(t, Options{Dir: dir})
	fobOf(t, l, FobSpec{})
	require.NoError(t, l.Close())
	before := tree(t, dir)
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)
	for want, at := range map[string]string{"cannot lock": dir, "cannot make": filepath.Join(dir, "new")} {
		asNobody(t, func() {
			_, err := Open(bg(), Options{Dir: at})
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "permission denied")
		})
	}
	require.Equal(t, before, tree(t, dir))
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

// alone runs a test in a process of its own and reports whether it is in there. What a process does to itself, such as
// taking the room for its files, is then nothing to the go command, which has each test's program keep a log.
func alone(t *testing.T) bool {
	const sign = "MFALAB_TEST_ALONE"
	if os.Getenv(sign) != "" {
		return true
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), sign+"=1")
	said, err := child.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return false
}

func TestAFullDiskIsReportedAndForgiven(t *testing.T) {
	if !alone(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "lab")
	lift := limitFiles(t, 0)
	_, err := Open(t.Context(), Options{Dir: dir})
	lift()
	require.ErrorContains(t, err, "file too large")
	require.False(t, Exists(dir))
	l := opened(t, Options{Dir: dir, Virtual: true, Start: start})
	require.True(t, l.Fresh(), "the next try makes the lab")

	fob := fobOf(t, l, FobSpec{})
	lift = limitFiles(t, 100)
	_, pressed := l.Press(t.Context(), Fobs, fob, PressOptions{Next: true})
	moved := l.ResetClock(t.Context())
	reset := l.Reset(t.Context())
	broken := l.Journal().Err()
	lift()
	for _, err := range []error{pressed, moved, reset} {
		require.ErrorContains(t, err, "the lab cannot be stored")
	}
	require.Error(t, broken)

	press(t, l, fob, PressOptions{Next: true})
	require.NoError(t, l.Journal().Err())
	require.NoError(t, l.SetRate(t.Context(), 0))
	whole, story := saved(t, l), l.Journal().After(0, 0)
	crash(t, l)
	l = opened(t, Options{Dir: dir})
	same(t, whole, saved(t, l))
	require.Equal(t, story, l.Journal().After(0, 0))
}
