package live

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// TestMain makes the test's own program a lab that another process owns, where a test starts it as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("MFALAB_TEST_OWNER"); dir != "" {
		if err := own(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// own opens the lab of dir and presses its first fob until it is killed, printing each step that it got.
func own(dir string) error {
	ctx := context.Background()
	lab, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := lab.Announce("http://127.0.0.1:1", "token"); err != nil {
		return err
	}
	fobs, err := lab.List(ctx, Fobs)
	if err != nil || len(fobs) == 0 {
		return fmt.Errorf("no fob: %v", err)
	}
	for {
		shown, err := lab.Press(ctx, Fobs, fobs[0].Serial, PressOptions{Next: true})
		if err != nil {
			return err
		}
		fmt.Println(shown.Step)
	}
}

// owner starts a process that owns dir and returns what it prints. It is killed when the test ends, if it was not before.
func owner(t *testing.T, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "MFALAB_TEST_OWNER="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c, bufio.NewScanner(out)
}

// start is when the labs of tests begin, by their wall clock.
var start = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// A wall is a wall clock that stands still until somebody sets it.
type wall struct {
	mu sync.Mutex
	at time.Time
}

func newWall() *wall { return &wall{at: start} }

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *wall) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// opened opens a lab, in a directory of its own where opt names none, and closes it when the test ends.
func opened(t testing.TB, opt Options) *Lab {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = filepath.Join(t.TempDir(), "lab")
	}
	lab, err := Open(context.Background(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lab.Close() }) // most tests close it themselves
	return lab
}

// still is the options of a lab in memory that stands still.
func still() Options { return Options{Ephemeral: true, Virtual: true, Start: start, Seed: "test"} }

// kept returns what opens one store in memory again and again: a lab in a directory without the weight of a database.
func keptStore() func(string) (iam.Store, error) {
	s := &lasting{memory.New()}
	return func(string) (iam.Store, error) { return s, nil }
}

// lasting is a store that its owner closes and the next one opens.
type lasting struct{ iam.Store }

func (*lasting) Close() error { return nil }

// durable is the options of a lab in a directory whose wall clock stands.
func durable(t testing.TB, w *wall) Options {
	return Options{Dir: filepath.Join(t.TempDir(), "lab"), Seed: "test", Wall: w.now, open: keptStore()}
}

// crash ends a lab as a loss of power does: nothing more is written.
func crash(t testing.TB, l *Lab) {
	t.Helper()
	l.closer.Do(func() {
		l.stop()
		require.NoError(t, l.release())
	})
}

func fobOf(t testing.TB, l *Lab, spec FobSpec) string {
	t.Helper()
	shown, err := l.NewFob(context.Background(), spec)
	require.NoError(t, err)
	return shown.Serial
}

func ppm(v float64) *float64 { return &v }

// saved returns the lab as its save file.
func saved(t testing.TB, l *Lab) string {
	t.Helper()
	s, err := l.Snapshot(context.Background())
	require.NoError(t, err)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return string(b)
}

// call asks the relying party as root.
func asked(t testing.TB, l *Lab, action string, params ...string) any {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	result, err := l.As(context.Background(), l.IAM().RootCaller(), "iam", action, form)
	require.NoError(t, err)
	return result
}

// names is the names of the journal's events, in their order.
func names(l *Lab) string {
	var list []string
	for _, e := range l.Journal().After(0, 0) {
		list = append(list, e.Name)
	}
	return strings.Join(list, " ")
}

// events counts the events of a name.
func events(l *Lab, name string) (n int) {
	for _, e := range l.Journal().After(0, 0) {
		if e.Name == name {
			n++
		}
	}
	return n
}

// same requires two texts to be equal, and shows where they part.
func same(t testing.TB, want, got string, args ...any) {
	t.Helper()
	if want == got {
		return
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	from := max(i-60, 0)
	require.Fail(t, fmt.Sprintf("want ...%.160s\ngot  ...%.160s", want[from:], got[from:]), args...)
}
