package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/sim/scenario"
)

// scenarioStart is when every scenario begins. Our choice: a fixed instant, so that journals repeat.
var scenarioStart = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// scenarioSeed is the seed of scenarios that were not given one.
const scenarioSeed = "scenario"

func (c *cli) scenarios() *cobra.Command {
	var seed, junit string
	var parallel int
	var update bool
	var weaken []string
	cmd := &cobra.Command{
		Use:   "run FILE|FOLDER...",
		Short: "Run scenarios: scripts that are tests, each in a fresh world in virtual time",
		Example: `  mfalab run login.txtar
  mfalab run scenarios/ --junit report.xml --parallel 2
  mfalab run login.txtar --update         rewrite the journals that the scripts expect`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&seed, "seed", scenarioSeed, "the seed of every world")
	cmd.Flags().StringVar(&junit, "junit", "", "write a JUnit report into this file")
	cmd.Flags().IntVar(&parallel, "parallel", runtime.GOMAXPROCS(0), "scripts at a time")
	cmd.Flags().BoolVar(&update, "update", false, "rewrite what the scripts expect instead of comparing with it")
	cmd.Flags().StringArrayVar(&weaken, "weaken", nil, "break rules of the relying party on purpose: the scenarios should notice")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		files, err := c.scripts(args)
		if err != nil {
			return err
		}
		rules, err := live.Settings(nil, weaken)
		if err != nil {
			return usage{err}
		}
		if weak := rules.Weakened(); len(weak) > 0 {
			fmt.Fprintf(c.err, "mfalab: hint: weakened on purpose: %s\n", strings.Join(weak, ", "))
		}
		cfg := scenario.Config{Seed: seed, Parallel: parallel, Update: update,
			Commands: map[string]scenario.Command{"mfalab": c.inside},
			Open: func(ctx context.Context, dir, seed string) (*scenario.World, error) {
				return c.stage(ctx, dir, upFlags{seed: seed, weaken: weaken, clock: "still", listen: "127.0.0.1:0"})
			}}
		var results []scenario.Result
		failed := 0
		err = scenario.Run(cmd.Context(), cfg, files, func(r scenario.Result) {
			results = append(results, r)
			if r.Failed {
				failed++
			}
			c.report(r)
		})
		if err != nil {
			return err
		}
		if junit != "" {
			if err := c.writeJUnit(junit, results); err != nil {
				return err
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d scenarios failed", failed, len(results))
		}
		return nil
	}
	return cmd
}

// scripts returns the files that are meant: a folder stands for the scripts in it.
func (c *cli) scripts(args []string) ([]string, error) {
	var files []string
	for _, a := range args {
		info, err := os.Stat(c.path(a))
		if err != nil {
			return nil, usage{err}
		}
		if !info.IsDir() {
			files = append(files, c.path(a))
			continue
		}
		in, err := filepath.Glob(filepath.Join(c.path(a), "*.txtar"))
		if err != nil {
			return nil, err
		}
		if len(in) == 0 {
			return nil, usage{fmt.Errorf("there are no scenarios (*.txtar) in %s", a)}
		}
		files = append(files, in...)
	}
	return files, nil
}

// report prints how a script ended.
func (c *cli) report(r scenario.Result) {
	if c.json {
		_ = c.print(map[string]any{"file": r.File, "name": r.Name, "failed": r.Failed, "skipped": r.Skipped,
			"seconds": r.Took.Seconds(), "events": len(r.Journal), "log": r.Log, "evidence": r.Evidence}, nil) // to standard output
		return
	}
	word := "ok  "
	switch {
	case r.Failed:
		word = "FAIL"
	case r.Skipped:
		word = "skip"
	}
	fmt.Fprintf(c.out, "%s  %s  %d events  %.2fs\n", word, r.Name, len(r.Journal), r.Took.Seconds())
	if r.Failed {
		fmt.Fprintf(c.out, "%s\n%s", r.Log, r.Evidence)
	}
}

func (c *cli) writeJUnit(path string, results []scenario.Result) error {
	f, err := os.Create(c.path(path))
	if err != nil {
		return err
	}
	return errors.Join(scenario.JUnit(f, results), f.Close())
}

// inside runs a command of this program for a script, in this process; but for exec, whose program gets the script's whole
// environment and terminal.
func (c *cli) inside(ctx context.Context, in scenario.Invocation, args []string) int {
	if len(args) > 0 && args[0] == "exec" {
		if in.Exec("mfalab", args...) != nil {
			return 1
		}
		return 0
	}
	return run(ctx, std{in: nothing{}, out: in.Out, err: in.Err, dir: in.Dir, env: in.Env, environ: c.environ}, args)
}

// stage opens a world for a script and serves it on a free port.
func (c *cli) stage(ctx context.Context, dir string, f upFlags) (*scenario.World, error) {
	opt, err := c.options(f, dir)
	if err != nil {
		return nil, err
	}
	opt.Ephemeral, opt.Start = true, scenarioStart
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return nil, err
	}
	lab, err := live.Open(ctx, opt)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	w := &scenario.World{Events: func() []sim.Event { return lab.Journal().After(0, 0) }}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- c.attend(ctx, stop, lab, listener, f, func(ctx context.Context, lab *live.Lab) error {
			env, err := environment(ctx, lab)
			w.Env = changed(nil, env)
			close(ready)
			if err == nil {
				<-ctx.Done()
			}
			return err
		})
	}()
	w.Close = func() error { stop(); return errors.Join(<-ended, lab.Close()) }
	select {
	case <-ready:
	case err := <-ended:
		stop()
		return nil, errors.Join(err, lab.Close())
	}
	return w, c.link(dir, w)
}

// link puts this program into the script's PATH, for what the script runs in a shell, and a shim that has been made before
// into a cache of the script's own, so that it need not be made anew.
func (c *cli) link(dir string, w *scenario.World) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	cache := filepath.Join(dir, "cache")
	w.Env = append(w.Env, "PATH="+bin, "XDG_CACHE_HOME="+cache)
	if own, err := os.UserCacheDir(); err == nil {
		shim := filepath.Join("mfalab", sock.ShimName())
		if _, err := os.Stat(filepath.Join(own, shim)); err == nil {
			if err := errors.Join(os.MkdirAll(filepath.Join(cache, "mfalab"), 0o700),
				os.Symlink(filepath.Join(own, shim), filepath.Join(cache, shim))); err != nil {
				return err
			}
		}
	}
	name := "mfalab"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return os.Symlink(program, filepath.Join(bin, name))
}

// nothing is a standard input that is at its end.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
