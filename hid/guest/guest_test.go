//go:build linux

package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Our choice.
const (
	// limit is how many seconds a guest may take: many times what it takes on two busy cores, for what hangs.
	limit = 1200
	// memory is a guest's in MiB, enough for a browser.
	memory = 2048
	// well is the status of scripts that have all come to their end. 0 is also that of one that says nothing.
	well = 42
	// enter is set in the guest, where the tests are those of inside_test and browser_test.
	enter = "MFALAB_GUEST"
)

// guests are booted at the same time, as each has one processor; what is in them takes about as long in one as in the other.
var guests = map[string][]string{
	"keys":     {"uhid", "udev", "container", "hidraw"},
	"browsers": {"usbip", "chromium"},
}

// built is the guest, made once in a run.
var built = sync.OnceValues(func() (Guest, error) {
	began := time.Now()
	g, err := Build(context.Background(), "")
	fmt.Printf("guest: kernel and disk at hand after %.1f s\n", time.Since(began).Seconds())
	return g, err
})

// programs builds what every guest takes along, as the other tests do, so that they share what the compiler has made. The
// guest has the libraries of the same Debian.
var programs = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "mfalab-guest"); err != nil {
		return "", err
	}
	began := time.Now()
	for _, args := range [][]string{
		{"build", "-ldflags=-s -w", "-o", filepath.Join(dir, "mfalab"), "../../cmd/mfalab"},
		{"test", "-ldflags=-s -w", "-c", "-o", filepath.Join(dir, "inside.test"), "."},
		{"test", "-ldflags=-s -w", "-c", "-o", filepath.Join(dir, "docs.test"), "../../docs"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOFLAGS=")
		if said, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("%s: %w: %s", cmd, err, said)
		}
	}
	fmt.Printf("guest: programs built after %.1f s\n", time.Since(began).Seconds())
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if os.Getenv(enter) == "" && wanted() {
		dir, _ := programs() // whoever needed them has heard of an error
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// wanted reports whether somebody asked for real clients: a guest takes a download, and a minute.
func wanted() bool { return os.Getenv("MFALAB_CLIENTS") != "" }

// outside leaves a test out where it makes no sense.
func outside(t *testing.T) {
	t.Helper()
	if os.Getenv(enter) != "" || !wanted() {
		t.Skip("left out: `make test-kernel` runs it")
	}
}

// boot runs scripts of testdata in a guest, one after the other, and returns what they said and the status of the first that
// failed, or well. They find mfalab, inside.test and the other scripts beside them.
func boot(t *testing.T, name string, scripts []string) (said string, status int) {
	t.Helper()
	g, err := built()
	require.NoError(t, err)
	bin, err := programs()
	require.NoError(t, err)
	tree := t.TempDir()
	at := filepath.Join(tree, "test")
	require.NoError(t, os.CopyFS(at, os.DirFS("testdata")))
	require.NoError(t, os.CopyFS(at, os.DirFS(bin)))
	run := fmt.Sprintf("for script in %s; do sh ./$script || exit; done\nexit %d\n", strings.Join(scripts, " "), well)
	require.NoError(t, os.WriteFile(filepath.Join(at, "run"), []byte(run), 0o644))
	began := time.Now()
	said, status, err = g.Boot(t.Context(), tree, memory, limit)
	fmt.Printf("guest: %s from boot to exit: %.1f s\n", name, time.Since(began).Seconds())
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return said, status
}

func TestGuests(t *testing.T) {
	outside(t)
	for name, scripts := range guests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, status := boot(t, name, scripts)
			if status != well {
				t.Fatalf("status %d\n%s", status, said)
			}
			var shown strings.Builder
			for line := range strings.Lines(said) {
				if strings.HasPrefix(line, "shown: ") || strings.HasPrefix(line, "figure: ") {
					shown.WriteString("  " + line)
				}
			}
			fmt.Print(shown.String())
		})
	}
}
