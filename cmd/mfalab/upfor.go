package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/live"
)

// upFor runs a command against a lab of its own on a free port and ends with its status.
func (c *cli) upFor(cmd *cobra.Command, f upFlags, args []string) (err error) {
	dir := c.folder
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mfalab-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		f.ephemeral = true
	}
	if !cmd.Flags().Changed("listen") {
		f.listen = "127.0.0.1:0"
	}
	// The command gets the signals itself, from the terminal or from us, and decides what they mean; so do those that come
	// while the lab is being made: one that ended nothing would leave a caller waiting for the command's whole time.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	ctx := context.WithoutCancel(cmd.Context())
	return c.serve(ctx, f, c.path(dir), func(ctx context.Context, lab *live.Lab) error {
		if weak := lab.IAM().Settings().Weakened(); len(weak) > 0 {
			fmt.Fprintf(c.err, "mfalab: hint: weakened on purpose: %v\n", weak)
		}
		env, err := environment(ctx, lab)
		if err != nil {
			return err
		}
		return c.child(args, env, signals)
	})
}

// child runs a program with the lab's environment, passes signals on, also those that came before it was there, and
// returns its status as an exit.
func (c *cli) child(args []string, env []variable, signals <-chan os.Signal) error {
	child := exec.Command(args[0], args[1:]...)
	child.Dir, child.Stdin, child.Stdout, child.Stderr = c.std.dir, c.in, c.out, c.err
	child.Env = changed(c.environ(), env)
	if err := child.Start(); err != nil {
		return fmt.Errorf("cannot run %q: %w", args[0], err)
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = child.Process.Signal(s) // it may just have ended
			case <-ended:
				return
			}
		}
	}()
	err := child.Wait()
	close(ended)
	var status *exec.ExitError
	if errors.As(err, &status) {
		if code := status.ExitCode(); code >= 0 {
			return exit(code)
		}
		return exit(128 + signalOf(status))
	}
	return err
}

// changed returns an environment with variables set and taken out.
func changed(environ []string, by []variable) []string {
	out := slices.DeleteFunc(slices.Clone(environ), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.ContainsFunc(by, func(v variable) bool { return v.Name == name })
	})
	for _, v := range by {
		if !v.Unset {
			out = append(out, v.Name+"="+v.Value)
		}
	}
	return out
}
