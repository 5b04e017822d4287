package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/ec2"
	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/sim/portal/site"
	"github.com/mfalab/mfalab/sim/s3"
)

// address is where a lab listens unless it is told otherwise: the port of the design.
const address = "127.0.0.1:6325"

// upFlags are the options of `mfalab up`.
type upFlags struct {
	listen, seed, plan, clock, account string
	ephemeral, detach, open            bool
	set, weaken, allow                 []string
}

func (c *cli) up() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up [-- COMMAND...]",
		Short: "Run the lab: IAM, STS, their proxy and the control API on one port",
		Long: `Run the lab until it is interrupted or taken down. With a COMMAND, run that command against a lab of its own on a
free port, with the environment set so that AWS clients reach nothing else, and end with its status.

Rules of the relying party (--set NAME=VALUE; those marked ! can be weakened with --weaken):
` + settingsHelp(),
		Example: `  mfalab up
  mfalab up --detach && eval "$(mfalab env)"
  mfalab up --seed 7 -- ./run-tests.sh`,
	}
	cmd.Flags().StringVar(&f.listen, "listen", address, "where to listen; port 0 takes a free one")
	cmd.Flags().StringVar(&f.seed, "seed", "", "the same seed gives the same IDs, keys, serials and seeds (default: the system's chance)")
	cmd.Flags().StringVar(&f.account, "account", "", "the account number of a new lab, 12 digits (default 123456789012)")
	cmd.Flags().StringVar(&f.plan, "init", "", "a plan or a saved lab that a new lab begins with")
	cmd.Flags().StringVar(&f.clock, "clock", "lab", "lab: the clock may be moved; wall: it may not; still: it stands")
	cmd.Flags().BoolVar(&f.ephemeral, "ephemeral", false, "keep nothing")
	cmd.Flags().BoolVar(&f.detach, "detach", false, "return when the lab is ready, and leave it running")
	cmd.Flags().BoolVar(&f.open, "open", false, "open the lab's page in a browser")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "a rule of the relying party, such as devices-per-user=1 (see docs/iam.md)")
	cmd.Flags().StringArrayVar(&f.weaken, "weaken", nil, "rules to break on purpose, such as replay,window=20 (see docs/iam.md)")
	cmd.Flags().StringArrayVar(&f.allow, "allow-host", nil, "another host name that the lab answers to")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > 0 && cmd.ArgsLenAtDash() != 0:
			return usage{fmt.Errorf("a command to run stands behind --: `mfalab up -- %s`", strings.Join(args, " "))}
		case len(args) > 0 && f.detach:
			return usage{errors.New("--detach and a command do not go together: the command is what is waited for")}
		case f.detach:
			return c.detach(cmd)
		case len(args) > 0:
			return c.upFor(cmd, f, args)
		}
		return c.serve(cmd.Context(), f, c.where(), nil)
	}
	return cmd
}

// options turns the flags into those of a lab.
func (c *cli) options(f upFlags, dir string) (live.Options, error) {
	opt := live.Options{Dir: dir, Ephemeral: f.ephemeral, Seed: f.seed, Set: f.set, Weaken: f.weaken}
	switch f.clock {
	case "lab":
	case "wall":
		opt.WallOnly = true
	case "still":
		opt.Virtual = true
	default:
		return opt, usage{fmt.Errorf("--clock %q is not known: give lab, wall or still", f.clock)}
	}
	if f.plan != "" {
		b, err := os.ReadFile(c.path(f.plan))
		if err != nil {
			return opt, err
		}
		if opt.Plan, err = live.ParsePlan(b); err != nil {
			var notSaved error
			if opt.Saved, notSaved = live.ParseSnapshot(b); notSaved != nil {
				return opt, fmt.Errorf("--init %s: %w", f.plan, err)
			}
		}
	}
	if f.account != "" {
		if opt.Plan == nil {
			opt.Plan = &live.Plan{}
		}
		opt.Plan.Account = f.account
	}
	if _, err := live.Settings(f.set, f.weaken); err != nil {
		return opt, usage{err}
	}
	return opt, nil
}

// owned is an error that is live.ErrOwned in other words.
type owned struct{ error }

// Is implements what errors.Is asks.
func (owned) Is(target error) bool { return target == live.ErrOwned }

// serve runs a lab until ctx ends, it is taken down, or while returns.
func (c *cli) serve(ctx context.Context, f upFlags, dir string, while func(ctx context.Context, lab *live.Lab) error) error {
	opt, err := c.options(f, dir)
	if err != nil {
		return err
	}
	if err := running(dir); err != nil {
		return err
	}
	// The port first: a lab that cannot listen leaves no trace.
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return deaf(f.listen, err)
	}
	defer listener.Close()
	opt.Port = listener.Addr().(*net.TCPAddr).Port
	lab, err := live.Open(ctx, opt)
	if errors.Is(err, live.ErrOwned) {
		if err := running(dir); err != nil {
			return err
		}
		owner, _ := live.ReadOwner(dir) // without its number the sentence is still true
		return hinted{owned{fmt.Errorf("the lab in %s is in the hands of process %d", dir, owner.PID)}, "try again when that has ended"}
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return errors.Join(c.attend(ctx, stop, lab, listener, f, while), lab.Close())
}

// running returns an error where the lab in dir is being served.
func running(dir string) error {
	owner, err := live.ReadOwner(dir)
	if err != nil || owner.URL == "" || !live.Owned(dir) {
		return nil
	}
	return hinted{owned{fmt.Errorf("the lab in %s is run by process %d at %s", dir, owner.PID, owner.URL)},
		"use it, or end it with `mfalab down`; another --dir and --listen have another lab"}
}

// deaf words why a lab cannot listen.
func deaf(address string, err error) error {
	var wrong *net.OpError
	if errors.As(err, &wrong) && errors.As(wrong.Err, new(*net.AddrError)) {
		return usage{fmt.Errorf("--listen %q is no address: give a host and a port such as 127.0.0.1:6325; port 0 takes a free one", address)}
	}
	err = fmt.Errorf("cannot listen on %s: %w", address, errors.Unwrap(err))
	return hinted{err, "`mfalab up --listen 127.0.0.1:0` takes a free port; another lab may run here already"}
}

// attend serves an opened lab.
func (c *cli) attend(ctx context.Context, stop func(), lab *live.Lab, listener net.Listener, f upFlags,
	while func(context.Context, *live.Lab) error) error {
	authority, err := c.authority(lab)
	if err != nil {
		return err
	}
	token := ""
	if addr, ok := listener.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		b := make([]byte, 16)
		if _, err := rand.Read(b); err != nil {
			return err
		}
		token = hex.EncodeToString(b)
	}
	handler := endpoint.New(endpoint.Config{IAM: lab.IAM(), Clock: lab.Clock().Now, Pages: c.pages(lab, stop),
		AllowHosts: append(f.allow, ownNames(listener)...), Authority: authority,
		Beside:   map[string]endpoint.Beside{"s3": s3.New(lab.IAM(), lab.Objects()), "ec2": ec2.New(lab.IAM())},
		Weakened: lab.IAM().Settings().Weakened, RequestID: lab.RequestID})
	if err := lab.Announce("http://"+reachable(listener), token); err != nil {
		return err
	}
	keys, err := lab.Keys(ctx)
	if err != nil {
		return err
	}
	c.warnOfKeys(keys)
	served := make(chan error, 1)
	go func() { served <- endpoint.Serve(ctx, listener, handler) }()
	if while == nil {
		c.greet(ctx, lab, f.open)
		return <-served
	}
	err = while(ctx, lab)
	stop()
	return errors.Join(err, <-served)
}

// warnOfKeys says which keys do not start, and why: programs see none of them, and cannot tell.
func (c *cli) warnOfKeys(keys []live.KeyShown) {
	for _, k := range keys {
		if k.Trouble != "" {
			fmt.Fprintf(c.err, "mfalab: warning: %s\n", k.Trouble)
		}
	}
}

// reachable is the address that clients on this machine use: "0.0.0.0" is none.
func reachable(l net.Listener) string {
	addr := l.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(addr.Port))
	}
	return addr.String()
}

// ownNames is the address that a lab beyond loopback was told to listen on: whoever knows it may use it.
func ownNames(l net.Listener) []string {
	addr := l.Addr().(*net.TCPAddr)
	if addr.IP.IsLoopback() || addr.IP.IsUnspecified() {
		return nil
	}
	return []string{addr.IP.String()}
}

// pages is what an unsigned request reaches: the control API, the page, the proxy's certificate.
func (c *cli) pages(lab *live.Lab, stop func()) http.Handler {
	mux := http.NewServeMux()
	api := control.New(lab, stop)
	mux.Handle("/v1/", api)
	mux.Handle("/healthz", api)
	mux.Handle("/mds/", mds(lab))
	pages := console.New(console.Config{IAM: lab.IAM(), Clock: lab.Clock().Now, RequestID: lab.RequestID, Phone: phone{lab}})
	mux.Handle(console.Root, pages)
	mux.Handle(console.Root+"/", pages)
	doors := site.New(site.Config{Directory: lab.Portal(), Clock: lab.Clock().Now, RequestID: lab.RequestID})
	mux.Handle(site.Root, doors)
	mux.Handle(site.Root+"/", doors)
	mux.Handle("/", front(lab))
	return mux
}

// greet says once that the lab is ready and how to use it.
func (c *cli) greet(ctx context.Context, lab *live.Lab, openPage bool) {
	keep := lab.Dir()
	if lab.Ephemeral() {
		keep = "nothing is kept"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "mfalab is ready at %s (account %s, %s)\n", lab.URL(), lab.IAM().Account(), keep)
	fmt.Fprintf(&b, "its console is %s%s: `mfalab console` prints passwords\n", lab.URL(), console.Root)
	fmt.Fprintf(&b, "its portal is %s%s: `mfalab portal` prints passwords and rules\n", lab.URL(), site.Root)
	if weak := lab.IAM().Settings().Weakened(); len(weak) > 0 {
		fmt.Fprintf(&b, "\n  !!  WEAKENED ON PURPOSE: %s  !!\n\n", strings.Join(weak, ", "))
	}
	if lab.Token() != "" {
		fmt.Fprintf(&b, "it listens beyond loopback; its control API asks for the token in %s\n", filepath.Join(lab.Dir(), "owner.json"))
	}
	if lab.Fresh() {
		if keys, err := lab.Credentials(ctx); err == nil {
			k := keys.Users[live.Administrator]
			fmt.Fprintf(&b, "\na new account with an administrator %q:\n  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%s\n"+
				"in another shell:\n  eval \"$(mfalab env)\"\n  mfalab fob new\n  aws iam list-users\n", live.Administrator, k.AccessKeyID, k.SecretAccessKey)
		}
	}
	// At one stroke: who waits for it in a file has all of it when it is there.
	fmt.Fprint(c.out, b.String())
	if openPage {
		if err := browse(lab.URL()); err != nil {
			fmt.Fprintf(c.err, "mfalab: hint: no browser could be started (%v): open %s yourself\n", err, lab.URL())
		}
	}
}

// browse opens a page in the user's browser.
func browse(url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	return exec.Command(name, args...).Start()
}

// detach starts this command again in the background and returns when that lab is ready.
func (c *cli) detach(cmd *cobra.Command) error {
	dir := c.where()
	if err := running(dir); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	_, before := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, live.LogFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"up", "--dir", dir}
	for _, name := range []string{"listen", "seed", "account", "clock", "init", "ephemeral", "open", "set", "weaken", "allow-host"} {
		args = append(args, given(cmd, name, c)...)
	}
	child := exec.Command(program, args...)
	child.Dir, child.Env, child.Stdout, child.Stderr = c.std.dir, c.environ(), log, log
	own(child)
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	err = c.awaitReady(cmd.Context(), dir, child.Process.Pid, ended)
	if err != nil && before != nil && !live.Exists(dir) && !live.Owned(dir) {
		// It was made for the log alone; a directory with more in it stays.
		_ = os.Remove(log.Name())
		_ = os.Remove(dir)
	}
	return err
}

// given repeats a flag as it was given.
func given(cmd *cobra.Command, name string, c *cli) []string {
	flag := cmd.Flags().Lookup(name)
	if !flag.Changed {
		return nil
	}
	if list, err := cmd.Flags().GetStringArray(name); err == nil {
		var args []string
		for _, v := range list {
			args = append(args, "--"+name+"="+v)
		}
		return args
	}
	value := flag.Value.String()
	if name == "init" {
		value = c.path(value)
	}
	return []string{"--" + name + "=" + value}
}

// awaitReady waits until the lab of a child answers, or the child has ended; what it printed then is shown.
func (c *cli) awaitReady(ctx context.Context, dir string, pid int, ended <-chan error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			said, _ := os.ReadFile(filepath.Join(dir, live.LogFile)) // nothing to show is shown as nothing
			return fmt.Errorf("the lab did not start: %s", strings.TrimPrefix(strings.TrimSpace(string(said)), "mfalab: error: "))
		case <-tick.C:
		}
		owner, err := live.ReadOwner(dir)
		if err != nil || owner.PID != pid || control.Dial(owner.URL, owner.Token).Get(ctx, "/healthz", nil) != nil {
			continue
		}
		said, err := os.ReadFile(filepath.Join(dir, live.LogFile))
		if err != nil {
			return err
		}
		if len(said) == 0 {
			continue // it answers already, and has not greeted yet
		}
		// The greeting holds the administrator's key, which is nothing for a log.
		_, err = c.out.Write(said)
		return errors.Join(err, os.Truncate(filepath.Join(dir, live.LogFile), 0))
	}
}

// settingsHelp lists the relying party's rules for people.
func settingsHelp() string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, s := range iam.AllSettings() {
		mark := " "
		if s.Weak {
			mark = "!"
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\n", mark, s.Name, s.Default, s.Doc)
	}
	_ = t.Flush() // into memory
	return b.String()
}
