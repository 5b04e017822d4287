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
	// small and large are MiB of memory: for programs of the command line, and for a browser.
	small, large = 1024, 2048
	// enter is set in the guest, where the tests are those of inside_test and browser_test.
	enter = "MFALAB_GUEST"
)

// built is the guest, made once in a run.
var built = sync.OnceValues(func() (Guest, error) {
	began := time.Now()
	g, err := Build(context.Background(), "")
	fmt.Printf("guest: kernel and disk at hand after %.1f s\n", time.Since(began).Seconds())
	return g, err
})

// programs builds what every guest takes along, without anything that it would load at its start.
var programs = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "mfalab-guest"); err != nil {
		return "", err
	}
	began := time.Now()
	for _, args := range [][]string{
		{"build", "-trimpath", "-o", filepath.Join(dir, "mfalab"), "../../cmd/mfalab"},
		{"test", "-c", "-o", filepath.Join(dir, "inside.test"), "."},
		{"test", "-c", "-o", filepath.Join(dir, "docs.test"), "../../docs"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
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

// boot runs a script of testdata in a guest, and returns what it said and its status. The script finds mfalab, inside.test
// and the other scripts beside it.
func boot(t *testing.T, script string, memory int) (said string, status int) {
	t.Helper()
	g, err := built()
	require.NoError(t, err)
	bin, err := programs()
	require.NoError(t, err)
	tree := t.TempDir()
	at := filepath.Join(tree, "test")
	require.NoError(t, os.CopyFS(at, os.DirFS("testdata")))
	require.NoError(t, os.CopyFS(at, os.DirFS(bin)))
	require.NoError(t, os.Rename(filepath.Join(at, script), filepath.Join(at, "run")))
	began := time.Now()
	said, status, err = g.Boot(t.Context(), tree, memory, limit)
	fmt.Printf("guest: %s from boot to exit: %.1f s\n", script, time.Since(began).Seconds())
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return said, status
}

// pass boots a script whose status has to be 0.
func pass(t *testing.T, script string, memory int) {
	t.Helper()
	outside(t)
	said, status := boot(t, script, memory)
	if status != 0 {
		t.Fatalf("status %d\n%s", status, said)
	}
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "shown: ") || strings.HasPrefix(line, "figure: ") {
			fmt.Print("  ", line)
		}
	}
}

func TestTheStatusOfAGuestIsThatOfItsScript(t *testing.T) {
	outside(t)
	said, status := boot(t, "nothing", small)
	require.Equal(t, 42, status)
	require.Contains(t, said, "nothing to do")
}

func TestUHID(t *testing.T) { pass(t, "uhid", small) }

func TestHidraw(t *testing.T) { pass(t, "hidraw", small) }

func TestUSBIP(t *testing.T) { pass(t, "usbip", small) }

func TestUdev(t *testing.T) { pass(t, "udev", small) }

func TestChromium(t *testing.T) { pass(t, "chromium", large) }
