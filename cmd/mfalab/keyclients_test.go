package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim/live"
)

// keyClients are what the scenarios with keys run, by full path, and the Debian package that each comes in.
var keyClients = map[string]string{
	"/usr/bin/fido2-token":                          "fido2-tools",
	"/usr/bin/ssh-keygen":                           "openssh-client",
	"/usr/sbin/sshd":                                "openssh-server",
	"/usr/bin/pamu2fcfg":                            "pamu2fcfg",
	"/usr/bin/pamtester":                            "pamtester",
	"/usr/bin/python3":                              "python3-minimal",
	"/usr/lib/python3/dist-packages/fido2/ctap1.py": "python3-fido2",
	"/lib/*/security/pam_u2f.so":                    "libpam-u2f",
}

// requireClients skips the test where a client is missing, or fails it where they are required.
func requireClients(t *testing.T, clients map[string]string) {
	t.Helper()
	for path, pkg := range clients {
		found, err := filepath.Glob(path)
		require.NoError(t, err)
		if len(found) > 0 {
			continue
		}
		const text = "%s of Debian's package %s is missing; `make packages` installs it"
		if os.Getenv("MFALAB_CLIENTS") == "required" {
			t.Fatalf(text, path, pkg)
		}
		t.Skipf("left out: "+text, path, pkg)
	}
}

func TestKeyScenariosWithRealClients(t *testing.T) {
	requireClients(t, keyClients)
	_, err := sock.Shim(t.Context())
	require.NoError(t, err)
	runScenarios(t, filepath.Join(scenarios, "clients", "key"))
}

// keyLab returns a folder with a lab in it that has a key, and that nobody runs.
func keyLab(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("left out: exec is for Linux")
	}
	dir := t.TempDir()
	status, _, errs := output(t, program(t, dir, "key", "new", "--serial", "KEY001"))
	require.Zero(t, status, errs)
	return dir
}

func TestExecPassesSignalsOn(t *testing.T) {
	requireClients(t, map[string]string{"/usr/bin/python3": "python3-minimal"})
	dir := keyLab(t)
	// The signal waits until it is waited for, whenever it comes.
	const script = `
import signal, sys
signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("ready", flush=True)
print(signal.sigwait(signals).name, flush=True)
sys.exit(42)
`
	for _, c := range []struct {
		signal syscall.Signal
		name   string
	}{{syscall.SIGINT, "SIGINT"}, {syscall.SIGTERM, "SIGTERM"}, {syscall.SIGHUP, "SIGHUP"}, {syscall.SIGQUIT, "SIGQUIT"}} {
		cmd := program(t, dir, "exec", "--", "/usr/bin/python3", "-c", script)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		require.Equal(t, "ready\n", line(t, out))
		require.NoError(t, cmd.Process.Signal(c.signal))
		require.Equal(t, c.name+"\n", line(t, out))
		_ = cmd.Wait()
		require.Equal(t, 42, cmd.ProcessState.ExitCode(), "%s: %s", c.name, &errs)
		require.False(t, live.Owned(filepath.Join(dir, ".mfalab")))
	}
}

// line reads one line and not a byte more.
func line(t *testing.T, from interface{ Read([]byte) (int, error) }) string {
	t.Helper()
	var b []byte
	for one := make([]byte, 1); !bytes.HasSuffix(b, []byte("\n")); {
		n, err := from.Read(one)
		b = append(b, one[:n]...)
		if err != nil {
			break
		}
	}
	return string(b)
}

func TestExecOwnsALabForAllWhoComeAtOnce(t *testing.T) {
	dir := keyLab(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			cmd := program(t, dir, "exec", "--", "sh", "-c", "ls /dev/hidraw0")
			said, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(said), "/dev/hidraw0") {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
	all.Wait()
	require.False(t, live.Owned(filepath.Join(dir, ".mfalab")))
}

func TestExecSaysWhatItCannotServe(t *testing.T) {
	dir := keyLab(t)
	static := filepath.Join(dir, "static")
	source := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	build := exec.Command("go", "build", "-o", static, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	status, _, errs := output(t, program(t, dir, "exec", "--", static))
	require.Equal(t, 1, status)
	require.Contains(t, errs, "is linked statically, so that no library can be put before its own")
	require.Contains(t, errs, "mfalab: hint: use a build that is not, or plug the key in another way")

	snap := filepath.Join(dir, "snap")
	require.NoError(t, os.WriteFile(snap, []byte("#!/bin/sh\n"), 0o700))
	status, _, errs = output(t, program(t, dir, "exec", "--", snap))
	require.Equal(t, 1, status)
	require.Contains(t, errs, "is a snap")
	require.Contains(t, errs, "mfalab: hint: install it as a Debian package")

	// A program that runs as another user: whoever is root already does not change.
	suid := filepath.Join(dir, "suid")
	require.NoError(t, os.WriteFile(suid, []byte("#!/bin/sh\n"), 0o700))
	require.NoError(t, os.Chmod(suid, 0o700|os.ModeSetuid))
	c := &cli{std: std{err: &bytes.Buffer{}}}
	require.NoError(t, c.servable(suid, 0))
	err = c.servable(suid, 1000)
	require.ErrorContains(t, err, "changes its user")
	require.ErrorContains(t, err, suid)
}
