//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mfalab/mfalab/sim/client"
)

// A person sits at a terminal and types what is asked for.
type person struct {
	t        testing.TB
	terminal *os.File // the program's end
	screen   *os.File // the other one: what is typed, and what is shown
	mu       sync.Mutex
	asked    bytes.Buffer // the program's standard error
	grew     chan struct{}
}

func atTerminal(t testing.TB) *person {
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		screen.Close()
		terminal.Close()
	})
	return &person{t: t, terminal: terminal, screen: screen, grew: make(chan struct{}, 1)}
}

// Write implements io.Writer: what the program says.
func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked.Write(b)
	select {
	case p.grew <- struct{}{}:
	default:
	}
	return len(b), nil
}

// said is what the program has said, as often as it has said what.
func (p *person) said(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.asked.String(), what)
}

// echo is whether the terminal shows what is typed.
func (p *person) echo() bool {
	state, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	require.NoError(p.t, err)
	return state.Lflag&unix.ECHO != 0
}

// types waits for a prompt, until nothing is shown any more, and types a line.
func (p *person) types(prompt, line string, nth int) {
	for p.said(prompt) < nth {
		<-p.grew
	}
	for p.echo() {
		runtime.Gosched()
	}
	_, err := p.screen.WriteString(line + "\n")
	require.NoError(p.t, err)
}

// runs runs a command on the terminal.
func (p *person) runs(ctx context.Context, dir string, args ...string) (ended chan int, out *bytes.Buffer) {
	ended, out = make(chan int, 1), &bytes.Buffer{}
	s := std{in: p.terminal, out: out, err: p, dir: dir, env: func(string) string { return "" }, environ: os.Environ}
	go func() { ended <- run(ctx, s, args) }()
	return ended, out
}

// The PIN is asked for on a terminal, which does not show it, as often as the key takes one; where nobody can be asked that is
// said.
func TestThePINIsAskedFor(t *testing.T) {
	const request = `{"rpId":"example.test","challenge":"AAEC","userVerification":"required"}`
	const creation = `{"rp":{"id":"example.test","name":""},"user":{"id":"AQ","name":"alice","displayName":""},"challenge":"AAEC","pubKeyCredParams":[],` +
		`"authenticatorSelection":{"residentKey":"required"}}`
	dir := t.TempDir()
	for name, text := range map[string]string{"create.json": creation, "get.json": request} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	do := func(args ...string) {
		status, _, errs := mfalab(t, dir, args...)
		require.Zero(t, status, errs)
	}
	do("key", "new", "--touch", "auto", "--serial", "KEY001")
	do("key", "pin", "--new", "1234")
	const prompt, wrong = "PIN of the key KEY001: ", "That was not the PIN. PIN of the key KEY001, 7 tries are left: "
	register := []string{"webauthn", "register", "--origin", "https://example.test", "create.json"}
	assert := []string{"webauthn", "assert", "--origin", "https://example.test", "get.json"}

	p := atTerminal(t)
	ended, out := p.runs(t.Context(), dir, register...)
	p.types(prompt, "4321", 1)
	p.types(wrong, "1234", 1)
	require.Zero(t, <-ended, &p.asked)
	require.Contains(t, out.String(), `"attestationObject"`)
	require.Equal(t, 2, strings.Count(p.asked.String(), "PIN of the key"))

	// Who types nothing, and who interrupts: the terminal is as it was.
	ended, _ = p.runs(t.Context(), dir, assert...)
	p.types(prompt, "", 2)
	require.Equal(t, 1, <-ended)
	require.Contains(t, p.asked.String(), "NotAllowedError: the user was not verified: the key wants its PIN and the user types none")
	ctx, interrupt := context.WithCancel(t.Context())
	ended, _ = p.runs(ctx, dir, assert...)
	for p.said(prompt) < 3 || p.echo() {
		runtime.Gosched()
	}
	interrupt()
	require.Equal(t, 1, <-ended)
	require.True(t, p.echo())
	_, err := p.screen.WriteString("\n") // for who read on: here the process goes on, too
	require.NoError(t, err)

	// Nothing of it was ever on the screen.
	require.NoError(t, p.terminal.Close())
	var shown bytes.Buffer
	_, _ = shown.ReadFrom(p.screen) // it ends with an error where nobody has the other end
	require.NotContains(t, shown.String(), "1234")
	require.NotContains(t, shown.String(), "4321")

	// Elsewhere nobody is asked, and a PIN comes by standard input where the options do not.
	status, _, errs := typed(t, dir, "1234\n", assert...)
	require.Equal(t, 1, status)
	require.Contains(t, errs, "the user types none")
	require.Contains(t, errs, "mfalab: hint: give --pin or --pin-file; with the options in a FILE and standard input on a terminal you are asked")
	status, got, errs := typed(t, dir, "1234\r\n", append(assert, "--pin-file", "-")...)
	require.Zero(t, status, errs)
	require.Contains(t, got, `"signature"`)
}

// A key that wants its PIN changed has it changed by who is asked for it, the new one twice.
func TestANewPINIsAskedForTwice(t *testing.T) {
	c := &cli{}
	p := atTerminal(t)
	c.in, c.err = p.terminal, p
	ask := c.prompting(t.Context(), "KEY001")
	done := make(chan string)
	go func() {
		pin, ok := ask(client.Prompt{New: true, Least: 6})
		done <- fmt.Sprint(string(pin), ok)
	}()
	const prompt, again = "New PIN of the key KEY001, which wants another one, 6 characters or more: ", "The same again: "
	p.types(prompt, "123456", 1)
	p.types(again, "123457", 1)
	p.types(prompt, "234567", 2)
	p.types(again, "234567", 2)
	require.Equal(t, "234567true", <-done)
	require.Contains(t, p.asked.String(), "These are two.")
}
