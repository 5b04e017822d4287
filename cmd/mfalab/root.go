package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mfalab/mfalab/sim/control"
)

// std is what a command sees of the process it runs in. A scenario runs commands in a process that is not theirs.
type std struct {
	in       io.Reader
	out, err io.Writer
	dir      string // the working directory
	env      func(string) string
	environ  func() []string
}

// path returns a file that the user named, seen from the working directory.
func (s std) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// terminal reports whether w is one: there people see progress, elsewhere programs do not want to.
func terminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// exit is an error that ends the program with a status and says nothing.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usage is an error in how a command was called: status 2.
type usage struct{ error }

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// cli is what all commands share.
type cli struct {
	std
	json   bool
	folder string // --dir
	ran    bool   // arguments were in order: what fails now is no longer wrong usage
}

// run runs one command line and returns the exit status: 0 done, 1 refused or failed, 2 wrong usage.
func run(ctx context.Context, s std, args []string) int {
	c := &cli{std: s}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var status exit
	if errors.As(err, &status) {
		return int(status)
	}
	err = misused(root, args, err)
	said := strings.TrimRight(err.Error(), "\n")
	if ctx.Err() != nil {
		// By its text: a lab answers its client in words, also where both are in this process.
		said = strings.ReplaceAll(said, context.Canceled.Error(), "interrupted")
		said = strings.ReplaceAll(said, context.Cause(ctx).Error(), "interrupted") // which names the signal
	}
	fmt.Fprintln(s.err, "mfalab: error:", said)
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintln(s.err, "mfalab: hint:", h.hint)
	}
	if !c.ran || errors.As(err, new(usage)) {
		return 2
	}
	return 1
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "mfalab",
		Short:         "A hardware MFA lab in software: fobs, security keys, and an AWS-compatible IAM to enrol them in",
		Version:       control.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Example: `  mfalab demo                       the whole story, in virtual time
  mfalab up                         a lab on 127.0.0.1:6325
  eval "$(mfalab env)"              point this shell's aws CLI at it
  mfalab fob new                    take a fob from the box
  mfalab fob press GAHT12345678     press its button
  mfalab key new --touch auto       a security key that touches itself
  mfalab exec -- chromium           a browser that sees it`,
		PersistentPreRun: func(*cobra.Command, []string) { c.ran = true },
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print the result as JSON")
	root.PersistentFlags().StringVar(&c.folder, "dir", "", "the lab's directory (default: $MFALAB_DIR, else the nearest .mfalab)")
	root.AddCommand(c.demo(), c.up(), c.down(), c.status(), c.envCommand(), c.console(), c.portal(), c.fob(), c.app(), c.clock(), c.wait(),
		c.reset(), c.save(), c.load(), c.journal(), c.trail(), c.credentialProcess(), c.scenarios(), c.key(), c.webauthn(), c.exec(), c.policies(), c.rootUser(), c.metadata())
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		// Without something to run, cobra prints help and is content, whatever the shell's name is.
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	plain(root)
	return root
}

// print writes a result: as JSON where it was asked for, else as text.
func (c *cli) print(v any, text func(w io.Writer)) error {
	if !c.json {
		text(c.out)
		return nil
	}
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// group is a command that only holds others.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return hinted{usage{fmt.Errorf("say what to do with it: %s", names(sub, cmd))}, fmt.Sprintf("`%s --help` says what each does", cmd.CommandPath())}
	}}
	for _, s := range sub {
		g.Example += s.Example + "\n"
	}
	g.Example = strings.TrimRight(g.Example, "\n")
	g.AddCommand(sub...)
	return g
}

func names(sub []*cobra.Command, of *cobra.Command) string {
	list := []string{"`" + of.CommandPath() + " " + sub[0].Name() + "`"}
	for _, s := range sub[1:] {
		list = append(list, s.Name())
	}
	return strings.Join(list, ", ")
}
