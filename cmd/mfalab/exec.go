package main

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) exec() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec -- COMMAND...",
		Short: "Run a program that sees the lab's keys, without root and without a kernel module",
		Long: `Run COMMAND with the lab's security keys on its HID bus, and end with its status. Where no lab is running this command
runs one until the last program that uses it ends. COMMAND and all that it starts see the keys; nothing else does.`,
		Example: `  mfalab key new && mfalab exec -- fido2-token -L
  mfalab exec -- ssh-keygen -t ed25519-sk
  mfalab exec -- chromium https://webauthn.io`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if cmd.ArgsLenAtDash() != 0 {
			return usage{fmt.Errorf("the program stands behind --: `mfalab exec -- %s`", strings.Join(args, " "))}
		}
		if err := c.servable(args[0], os.Getuid()); err != nil {
			return err
		}
		shim, err := sock.Shim(cmd.Context())
		if err != nil {
			return err
		}
		signals := make(chan os.Signal, 8)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
		defer signal.Stop(signals)
		return c.onBus(context.WithoutCancel(cmd.Context()), signals, func(bus string) error {
			return c.child(args, c.hidEnvironment(shim, bus), signals)
		})
	}
	return cmd
}

// hidEnvironment is what the lab's bus is to a program.
func (c *cli) hidEnvironment(shim, bus string) []variable {
	list := []variable{{Name: "MFALAB_DIR", Value: c.where()}}
	for _, line := range sock.Environ(c.environ(), shim, bus) {
		name, value, _ := strings.Cut(line, "=")
		if name == sock.Env || name == "LD_PRELOAD" {
			list = append(list, variable{Name: name, Value: value})
		}
	}
	return list
}

// onBus runs f while the bus of the lab stands: that of a living owner, or of a lab that this command owns until the last
// program that uses it has ended.
func (c *cli) onBus(ctx context.Context, signals <-chan os.Signal, f func(bus string) error) error {
	dir := c.where()
	for deadline := time.Now().Add(patience); ; {
		ran, err := false, error(nil)
		once := func(bus string) error {
			ran = true
			return f(bus)
		}
		if owner, e := live.ReadOwner(dir); e == nil && owner.URL != "" && live.Owned(dir) {
			err = c.attached(ctx, control.Dial(owner.URL, owner.Token), once)
		} else {
			err = c.owning(ctx, dir, signals, once)
		}
		// Whoever holds the directory may be about to serve it, or about to go: another command, or another exec.
		if ran || !errors.Is(err, live.ErrOwned) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-signals:
			return errors.New("interrupted")
		}
	}
}

// owning runs f in a lab of this command, and then waits for the other programs on its bus, or for a signal.
func (c *cli) owning(ctx context.Context, dir string, signals <-chan os.Signal, f func(bus string) error) error {
	return c.serve(ctx, upFlags{listen: "127.0.0.1:0", clock: "lab"}, dir, func(ctx context.Context, lab *live.Lab) error {
		if err := lab.OpenBus(ctx); err != nil {
			return err
		}
		err := f(lab.BusDir())
		if n := lab.Users(); n > 0 {
			fmt.Fprintf(c.err, "mfalab: hint: the keys stay for %d more that use them; interrupt to pull them out\n", n)
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			select {
			case <-signals:
				stop()
			case <-ctx.Done():
			}
		}()
		lab.Alone(ctx)
		return err
	})
}

// attached runs f while a lab knows that its bus is used. A lab that is not there any more is one that somebody owns.
func (c *cli) attached(ctx context.Context, lab *control.Client, f func(bus string) error) error {
	ctx, detach := context.WithCancel(ctx)
	defer detach()
	var ended error
	ran := false
	err := lab.Stream(ctx, "/v1/attach", func(line []byte) error {
		var a control.Attached
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		ran = true
		var keys []live.KeyShown
		if err := lab.Get(ctx, "/v1/keys", &keys); err == nil {
			c.warnOfKeys(keys)
		}
		ended = f(a.Bus)
		return errDone
	})
	var refused *control.RefusedError
	switch {
	case ran:
		return ended
	case errors.As(err, &refused) && refused.Status != http.StatusServiceUnavailable:
		return err
	}
	return fmt.Errorf("%w, which has just ended: %v", live.ErrOwned, err)
}

// errDone ends a stream that has served its purpose.
var errDone = errors.New("done")

// servable reports why a program that a user starts cannot see the lab's keys, and what to use instead.
func (c *cli) servable(name string, uid int) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("cannot run %q: %w", name, errors.Unwrap(err))
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	other := "plug the key in another way: `mfalab key plug --via tcp` for clients of raw reports"
	if strings.HasPrefix(path, "/snap/") || filepath.Base(path) == "snap" {
		return hinted{fmt.Errorf("%q is a snap, which sees no library but its own", name), "install it as a Debian package, or " + other}
	}
	if base := filepath.Base(path); strings.Contains(base, "headless-shell") || strings.Contains(base, "headless_shell") {
		fmt.Fprintf(c.err, "mfalab: hint: %s cannot make discoverable credentials: `chromium --headless=new` can\n", base)
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 && uid != 0 {
		return hinted{fmt.Errorf("%q changes its user, and the system then loads no library that we name", name), "run it as root, or " + other}
	}
	return linked(name, path, other)
}

// linked reports an ELF program that does not take the shim.
func linked(name, path, other string) error {
	program, err := elf.Open(path)
	if err != nil {
		return nil // a script: its interpreter is what counts, and that is seldom special
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, min(p.Filesz, 256))
		if _, err := p.ReadAt(b, 0); err != nil {
			return nil
		}
		if strings.Contains(string(b), "ld-musl") {
			return hinted{fmt.Errorf("%q is made for musl, and the shim for glibc", name), "use a build for glibc, or " + other}
		}
		return nil
	}
	return hinted{fmt.Errorf("%q is linked statically, so that no library can be put before its own", name), "use a build that is not, or " + other}
}
