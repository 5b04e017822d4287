//go:build linux

package guest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Our choice.
const (
	// limit is how long a guest may take, several times what it takes on two busy cores.
	limit = 3 * time.Minute
	// enter is set in the guest, where the tests are those of inside_test.
	enter = "MFALAB_GUEST"
)

// built makes the guest's kernel and root, once in a run.
var built = sync.OnceValues(func() (string, error) {
	began := time.Now()
	cmd := exec.Command("./build.sh")
	cmd.Stderr = os.Stderr
	dir, err := cmd.Output()
	fmt.Printf("guest: kernel and root at hand after %.1f s\n", time.Since(began).Seconds())
	return strings.TrimSpace(string(dir)), err
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
func boot(t *testing.T, script string) (said string, status int) {
	t.Helper()
	initrd := load(t, script)
	dir, err := built()
	require.NoError(t, err)
	result := filepath.Join(t.TempDir(), "status")
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	// A /dev/kvm may be there that no stock kernel gets far on, so the accelerator is named.
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
		"-m", "1024", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio", "-serial", "file:"+result,
		"-kernel", filepath.Join(dir, "vmlinuz"), "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1 rdinit=/test/init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err = cmd.Run()
	fmt.Printf("guest: %s from boot to exit: %.1f s\n", script, time.Since(began).Seconds())
	said = strings.ReplaceAll(out.String(), "\r\n", "\n")
	if err != nil {
		t.Fatalf("qemu: %v\n%s", err, said)
	}
	text, err := os.ReadFile(result)
	require.NoError(t, err)
	if status, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		t.Fatalf("the guest ended without a status: it panicked, or took longer than %v\n%s", limit, said)
	}
	return said, status
}

// load makes the initial file system: the root, and after it the files of the test.
func load(t *testing.T, script string) (initrd string) {
	t.Helper()
	dir, err := built()
	require.NoError(t, err)
	bin, err := programs()
	require.NoError(t, err)
	tree := filepath.Join(t.TempDir(), "tree")
	at := filepath.Join(tree, "test")
	require.NoError(t, os.MkdirAll(at, 0o755))
	require.NoError(t, os.CopyFS(at, os.DirFS("testdata")))
	require.NoError(t, os.CopyFS(at, os.DirFS(bin)))
	require.NoError(t, os.Rename(filepath.Join(at, script), filepath.Join(at, "run")))
	first, err := os.ReadFile("init")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(at, "init"), first, 0o755))

	initrd = filepath.Join(t.TempDir(), "initrd")
	out, err := os.Create(initrd)
	require.NoError(t, err)
	defer out.Close()
	root, err := os.Open(filepath.Join(dir, "root.cpio"))
	require.NoError(t, err)
	defer root.Close()
	_, err = io.Copy(out, root)
	require.NoError(t, err)
	pack := exec.Command("sh", "-c", "find . | cpio --quiet -o -H newc -R 0:0")
	pack.Dir, pack.Stdout, pack.Stderr = tree, out, os.Stderr
	require.NoError(t, pack.Run())
	return initrd
}

// pass boots a script whose status has to be 0.
func pass(t *testing.T, script string) {
	t.Helper()
	outside(t)
	said, status := boot(t, script)
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
	said, status := boot(t, "nothing")
	require.Equal(t, 42, status)
	require.Contains(t, said, "nothing to do")
}

func TestUHID(t *testing.T) { pass(t, "uhid") }

func TestHidraw(t *testing.T) { pass(t, "hidraw") }

func TestUSBIP(t *testing.T) { pass(t, "usbip") }

func TestUdev(t *testing.T) { pass(t, "udev") }
