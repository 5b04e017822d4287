package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

func totp(account string) seedfile.Record {
	return seedfile.Record{Type: seedfile.TOTP, Account: account, Seed: token.Seed("12345678901234567890"), Algorithm: token.SHA1,
		Digits: 6, Step: 30 * time.Second}
}

// tree returns every file of a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	}))
	return files
}

func TestADamagedFileIsNamedAndNothingIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		damage func(was string) string
		want   string
	}{
		"lab.json is no JSON":                 {labFile, func(string) string { return "{" }, "lab.json is damaged"},
		"lab.json is empty":                   {labFile, func(string) string { return "" }, "lab.json is damaged"},
		"lab.json is of tomorrow":             {labFile, func(s string) string { return strings.Replace(s, `"version":1`, `"version":2`, 1) }, "use the mfalab that made it"},
		"lab.json has half a chance":          {labFile, func(s string) string { return strings.Replace(s, `"chance":"`, `"chance":"AAAA`, 1) }, "32 bytes"},
		"lab.json has no such rate":           {labFile, func(s string) string { return strings.Replace(s, `"rate":1`, `"rate":-1`, 1) }, "out of range"},
		"lab.json is gone":                    {labFile, nil, "lab.json is missing, and the lab's account is there"},
		"a fob's file is cut":                 {"fobs/GAHT00000001.json", func(s string) string { return s[:len(s)/2] }, "GAHT00000001.json is damaged"},
		"a fob's file was edited":             {"fobs/GAHT00000001.json", func(s string) string { return strings.Replace(s, `"presses":0`, `"presses":-1`, 1) }, "GAHT00000001.json is damaged"},
		"a fob's file is empty":               {"fobs/GAHT00000001.json", func(string) string { return "" }, "GAHT00000001.json is damaged"},
		"a fob's file holds nothing":          {"fobs/GAHT00000001.json", func(string) string { return "{}" }, "it holds no device"},
		"a fob's file is another's":           {"fobs/GAHT00000002.json", func(string) string { return "" }, "GAHT00000002.json is damaged"},
		"an app's file is no JSON":            {appFile, func(string) string { return "x" }, "apps/alice"},
		"credentials.json is no JSON":         {credentialsFile, func(string) string { return "{" }, "credentials.json is damaged"},
		"credentials.json is of another kind": {credentialsFile, func(string) string { return `{"users":[]}` }, "credentials.json is damaged"},
		"init.json is no JSON":                {planFile, func(string) string { return "{" }, "init.json is damaged"},
		"init.json has an unknown field":      {planFile, func(string) string { return `{"alais":"x"}` }, "alais"},
		"the journal has a strange line":      {journalFile, func(s string) string { return strings.Replace(s, "{", "garbage\n{", 1) }, "a line that is no event"},
		"the journal is out of order":         {journalFile, func(s string) string { return s + s }, "out of order"},
		"the journal is one endless line":     {journalFile, func(string) string { return strings.Repeat("x", 2*tail) }, "its last line has no end"},
		"the note of a load is no JSON":       {pendingFile, func(string) string { return "{" }, "pending.json is damaged"},
		"the note of a load is empty":         {pendingFile, func(string) string { return "{}" }, "pending.json is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			opt := durable(t, newWall())
			opt.Plan = &Plan{Alias: "lab"}
			l := opened(t, opt)
			fobOf(t, l, FobSpec{Serial: "GAHT00000001"})
			_, err := l.AddApp(t.Context(), totp("alice"), "")
			require.NoError(t, err)
			whole := saved(t, l)
			require.NoError(t, l.Close())

			path := filepath.Join(opt.Dir, filepath.FromSlash(c.file))
			was, err := os.ReadFile(path)
			absent := os.IsNotExist(err)
			if c.damage == nil {
				require.NoError(t, os.Remove(path))
			} else {
				require.NoError(t, os.WriteFile(path, []byte(c.damage(string(was))), 0o600))
			}
			before := tree(t, opt.Dir)
			_, err = Open(t.Context(), opt)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "away")
			require.NotContains(t, err.Error(), "31323334", "no seed")
			require.Equal(t, before, tree(t, opt.Dir), "nothing is touched")
			require.False(t, Owned(opt.Dir))

			if absent {
				require.NoError(t, os.Remove(path))
			} else {
				require.NoError(t, os.WriteFile(path, was, 0o600))
			}
			same(t, whole, saved(t, opened(t, opt)), "with the file put back all is there")
		})
	}
}

// appFile is the file of the app's account alice.
var appFile = deviceFile(Apps, "alice")

func TestAFobCannotLieThereTwice(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	fobOf(t, l, FobSpec{Serial: "GAHT00000001"})
	require.NoError(t, l.Close())
	b, err := os.ReadFile(filepath.Join(opt.Dir, "fobs", "GAHT00000001.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(opt.Dir, "fobs", "copy.json"), b, 0o600))
	_, err = Open(t.Context(), opt)
	require.ErrorContains(t, err, `it holds the fob "GAHT00000001", whose file is fobs/GAHT00000001.json`)
}

func TestALineThatThePowerCutIsTakenOff(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	fobOf(t, l, FobSpec{})
	n, _ := l.Journal().end()
	require.NoError(t, l.Close())
	path := filepath.Join(opt.Dir, journalFile)
	was, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, torn := range []string{`{"seq":9,"ti`, "\x00\x00\x00", `{"seq":99,"time":"2026-01-01T09:00:00Z","event":"x"}`} {
		require.NoError(t, os.WriteFile(path, append(was[:len(was):len(was)], torn...), 0o600))
		l := opened(t, opt)
		last, _ := l.Journal().end()
		require.Equal(t, n, last)
		require.NoError(t, l.Close())
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(was), string(b))
	}
}

func TestWhatWasBeingWrittenIsSweptAway(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	fobOf(t, l, FobSpec{})
	require.NoError(t, l.Close())
	for _, folder := range []string{".", fobsFolder} {
		require.NoError(t, os.WriteFile(filepath.Join(opt.Dir, folder, newPrefix+"123"), []byte("half"), 0o600))
	}
	require.NoError(t, opened(t, opt).Close())
	for path := range tree(t, opt.Dir) {
		require.NotContains(t, path, newPrefix)
	}
}

func TestAnotherSeedIsRefused(t *testing.T) {
	opt := durable(t, newWall())
	require.NoError(t, opened(t, opt).Close())
	opt.Seed = "another"
	_, err := Open(t.Context(), opt)
	require.ErrorContains(t, err, "leave --seed out")
	opt.Seed = ""
	opened(t, opt)
}
