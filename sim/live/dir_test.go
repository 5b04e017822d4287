package live

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestALabHasOneOwner(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "lab")
		require.False(t, Owned(dir))
		opt := Options{Dir: dir, Ephemeral: ephemeral, open: keptStore()}
		l := opened(t, opt)
		require.True(t, Owned(dir))
		_, err := Open(t.Context(), opt)
		require.ErrorIs(t, err, ErrOwned)
		require.NoError(t, l.Announce("http://127.0.0.1:6325", "token"))
		owner, err := ReadOwner(dir)
		require.NoError(t, err)
		require.Equal(t, Owner{PID: os.Getpid(), URL: "http://127.0.0.1:6325", Token: "token"}, owner)
		require.NoError(t, l.Close())
		require.ErrorIs(t, l.Close(), ErrClosed)
		require.False(t, Owned(dir))
		_, err = ReadOwner(dir)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, opened(t, opt).Close())
	}
}

func TestLookingWhoOwnsALabKeepsNobodyOut(t *testing.T) {
	opt := Options{Dir: filepath.Join(t.TempDir(), "lab"), Ephemeral: true}
	require.NoError(t, opened(t, opt).Close())
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					Owned(opt.Dir)
				}
			}
		})
	}
	for range 20 {
		l, err := Open(t.Context(), opt)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	close(stop)
	all.Wait()
}

func TestAnOwnerThatIsKilledIsFollowed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	l := opened(t, Options{Dir: dir})
	fob := fobOf(t, l, FobSpec{})
	require.NoError(t, l.Close())

	var last int64
	for range 3 {
		process, says := owner(t, dir)
		for range 5 {
			require.True(t, says.Scan())
			step, err := strconv.ParseInt(says.Text(), 10, 64)
			require.NoError(t, err)
			require.Greater(t, step, last)
			last = step
		}
		_, err := Open(t.Context(), Options{Dir: dir})
		require.ErrorIs(t, err, ErrOwned)
		o, err := ReadOwner(dir)
		require.NoError(t, err)
		require.Equal(t, process.Process.Pid, o.PID)

		require.NoError(t, process.Process.Kill())
		for says.Scan() { // what it printed before it died was handed out as well
			if step, err := strconv.ParseInt(says.Text(), 10, 64); err == nil {
				last = step
			}
		}
		_ = process.Wait() // it was killed
		require.False(t, Owned(dir))
		l := opened(t, Options{Dir: dir})
		_, err = ReadOwner(dir)
		require.ErrorIs(t, err, fs.ErrNotExist, "the dead one's address is gone")
		s := press(t, l, fob, PressOptions{Next: true})
		require.Greater(t, s.Step, last)
		last = s.Step
		require.NoError(t, l.Close())
	}
}

func TestFindPrefersWhatWasSaid(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b", "c")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	require.Equal(t, filepath.Join(deep, ".mfalab"), Find("", "", deep), "nothing anywhere: here")
	require.NoError(t, os.MkdirAll(filepath.Join(top, "a", "b", ".mfalab"), 0o755))
	require.Equal(t, filepath.Join(deep, ".mfalab"), Find("", "", deep), "a folder without a lab does not count")
	for _, at := range []string{top, filepath.Join(top, "a", "b")} {
		require.NoError(t, opened(t, Options{Dir: filepath.Join(at, ".mfalab"), open: keptStore()}).Close())
		require.Equal(t, filepath.Join(at, ".mfalab"), Find("", "", deep))
	}
	require.Equal(t, filepath.Join(deep, "env"), Find("", "env", deep))
	require.Equal(t, filepath.Join(top, "env"), Find("", filepath.Join(top, "env"), deep))
	require.Equal(t, filepath.Join(deep, "said"), Find("said", "env", deep))
	require.Equal(t, filepath.Join(top, "said"), Find(filepath.Join(top, "said"), "env", deep))
}

func TestExistsKnowsALab(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	require.False(t, Exists(dir))
	require.NoError(t, opened(t, Options{Dir: dir, Ephemeral: true}).Close())
	require.False(t, Exists(dir), "one that keeps nothing leaves none")
	require.NoError(t, opened(t, Options{Dir: dir, open: keptStore()}).Close())
	require.True(t, Exists(dir))
}

// TestALabThatKeepsNothingLeavesNothing holds that a directory is as it was when an ephemeral lab is over: empty or away
// where there was nothing, and with everything where a lab lies in it.
func TestALabThatKeepsNothingLeavesNothing(t *testing.T) {
	made := func() ([]byte, error) { return []byte("x"), nil }
	visit := func(dir string) {
		l := opened(t, Options{Dir: dir, Ephemeral: true})
		_, err := l.File("ca.pem", made)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, LogFile), nil, 0o600))
		require.NoError(t, l.Announce("http://127.0.0.1:1", ""))
		require.NoError(t, l.Close())
	}
	top := t.TempDir()
	visit(filepath.Join(top, ".mfalab"))
	visit(filepath.Join(top, "chosen"))
	entries, err := os.ReadDir(top)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "chosen", entries[0].Name(), "somebody's own folder stays")
	entries, err = os.ReadDir(filepath.Join(top, "chosen"))
	require.NoError(t, err)
	require.Empty(t, entries)

	stored := filepath.Join(top, ".mfalab")
	l := opened(t, Options{Dir: stored, open: keptStore()})
	_, err = l.File("ca.pem", made)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	visit(stored)
	for _, name := range []string{"ca.pem", lockFile, labFile, ignoreFile} {
		require.FileExists(t, filepath.Join(stored, name))
	}
}

func TestNobodyElseReadsTheLabsFiles(t *testing.T) {
	opt := Options{Dir: filepath.Join(t.TempDir(), "lab"), Plan: &Plan{Alias: "lab"}}
	l := opened(t, opt)
	fobOf(t, l, FobSpec{})
	_, err := l.AddApp(t.Context(), totp("alice"), "")
	require.NoError(t, err)
	require.NoError(t, l.Announce("http://127.0.0.1:1", ""))
	_, err = l.File("ca-key.pem", func() ([]byte, error) { return []byte("key"), nil })
	require.NoError(t, err)
	seen := map[string]bool{}
	require.NoError(t, filepath.WalkDir(opt.Dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		seen[e.Name()] = true
		return nil
	}))
	for _, name := range []string{lockFile, ownerFile, labFile, planFile, storeFile, journalFile, credentialsFile, fobsFolder, appsFolder, ".gitignore"} {
		require.True(t, seen[name], name)
	}
}

func TestFilesAreMadeOnce(t *testing.T) {
	l := opened(t, still())
	made := 0
	for range 3 {
		b, err := l.File("ca.pem", func() ([]byte, error) { made++; return []byte("pem"), nil })
		require.NoError(t, err)
		require.Equal(t, "pem", string(b))
	}
	require.Equal(t, 1, made)
	_, err := l.File("other.pem", func() ([]byte, error) { return nil, fs.ErrPermission })
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestFileNamesAreGoodEverywhereAndDiffer(t *testing.T) {
	require.Equal(t, "GAHT12345678.json", fileName("GAHT12345678"))
	names := map[string]string{}
	add := func(serial string) {
		name := fileName(serial)
		require.Regexp(t, `^[A-Za-z0-9_=+@,~-]+\.json$`, name)
		require.LessOrEqual(t, len(name), 128)
		was, ok := names[strings.ToLower(name)]
		require.True(t, !ok || was == serial, "%q and %q", was, serial)
		names[strings.ToLower(name)] = serial
	}
	for _, serial := range []string{"alice", "Alice", "ALICE", "a/b", "a_b", "a:b", "../../etc/passwd", ".", "..", "COM1", "con", "x.json",
		strings.Repeat("A", 256), strings.Repeat("A", 255), strings.Repeat("a", 256)} {
		add(serial)
	}
	rapid.Check(t, func(t *rapid.T) { add(rapid.StringMatching(`[A-Za-z0-9_+=/:,.@-]{1,256}`).Draw(t, "serial")) })
}
