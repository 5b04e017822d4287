// Package tpmtest runs a software TPM for tests.
package tpmtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A TPM is a swtpm on a unix socket, with a state of its own that outlives it.
type TPM struct {
	Socket  string // where it listens
	t       testing.TB
	state   string
	process *exec.Cmd // nil while it is off
}

// Start returns a TPM that nobody has used yet; it is gone with the test. Where there is no swtpm the test is skipped, or, with
// MFALAB_CLIENTS=required, fails.
func Start(t testing.TB) *TPM {
	t.Helper()
	if _, err := exec.LookPath("swtpm"); err != nil {
		if os.Getenv("MFALAB_CLIENTS") == "" {
			t.Skip("there is no swtpm here, of Debian's package swtpm")
		}
		t.Fatal("there is no swtpm here, of Debian's package swtpm")
	}
	dir, err := os.MkdirTemp("", "tpm") // the test's own would be too long a name for a socket
	require.NoError(t, err)
	p := &TPM{Socket: filepath.Join(dir, "tpm.sock"), t: t, state: filepath.Join(dir, "state")}
	require.NoError(t, os.Mkdir(p.state, 0o700))
	t.Cleanup(func() {
		p.Stop()
		require.NoError(t, os.RemoveAll(dir))
	})
	p.On()
	return p
}

// On gives it power. The socket listens before it does, so that nobody has to wait for it.
func (p *TPM) On() {
	p.t.Helper()
	p.process = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+p.state, "--server", "type=unixio,fd=3",
		"--ctrl", "type=unixio,fd=4", "--flags", "not-need-init,startup-clear")
	for _, name := range p.sockets() {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		require.NoError(p.t, err)
		l.SetUnlinkOnClose(false)
		f, err := l.File()
		require.NoError(p.t, err)
		p.process.ExtraFiles = append(p.process.ExtraFiles, f)
		require.NoError(p.t, l.Close())
	}
	require.NoError(p.t, p.process.Start())
	for _, f := range p.process.ExtraFiles {
		require.NoError(p.t, f.Close())
	}
}

// sockets are where it listens for commands, and, for tpm2-tools, for its own control.
func (p *TPM) sockets() []string { return []string{p.Socket, p.Socket + ".ctrl"} }

// Stop takes its power away, in the middle of whatever it does.
func (p *TPM) Stop() {
	if p.process == nil {
		return
	}
	require.NoError(p.t, p.process.Process.Kill())
	_ = p.process.Wait() // it was killed
	p.process = nil
	for _, name := range p.sockets() {
		require.NoError(p.t, os.Remove(name))
	}
}

// Exchange puts another TPM in its place, which nobody has used yet.
func (p *TPM) Exchange() {
	p.t.Helper()
	p.Stop()
	p.state += "+"
	require.NoError(p.t, os.Mkdir(p.state, 0o700))
	p.On()
}

// URL is its address, with parameters that begin with a question mark, or none.
func (p *TPM) URL(parameters string) string { return "tpm+unix://" + p.Socket + parameters }

// Run asks it something with one of tpm2-tools, and returns what that says.
func (p *TPM) Run(name string, args ...string) string {
	p.t.Helper()
	out, err := p.Try(name, args...)
	require.NoError(p.t, err, "%s %q: %s", name, args, out)
	return out
}

// Try is Run for what may fail.
func (p *TPM) Try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TPM2TOOLS_TCTI=swtpm:path="+p.Socket)
	cmd.Dir = filepath.Dir(p.Socket)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
