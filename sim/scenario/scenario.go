package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"

	"github.com/mfalab/mfalab/sim"
)

// A World is what a script runs against.
type World struct {
	Env []string // "NAME=value" for the script, on top of what testscript sets
	// Events returns the journal so far.
	Events func() []sim.Event
	// Close ends the world.
	Close func() error
}

// Command is a program that scripts call by name without a process of its own. It returns the exit status.
type Command func(ctx context.Context, in Invocation, args []string) int

// An Invocation is what a Command sees of the script that calls it.
type Invocation struct {
	Dir      string
	Env      func(string) string
	Out, Err io.Writer
	// Exec runs a program in a process of its own, as the script's exec does, with all of the script's environment. What it
	// prints stands for what the command prints.
	Exec func(program string, args ...string) error
}

// Config says how scripts are run.
type Config struct {
	// Open makes a fresh world whose directory is dir. The same seed must give the same world.
	Open func(ctx context.Context, dir, seed string) (*World, error)
	// Commands are the programs that scripts call by name.
	Commands map[string]Command
	Seed     string
	Parallel int  // scripts at a time; 0 means 1
	Update   bool // rewrite what the scripts expect instead of comparing with it
}

// A Result is how one script ended.
type Result struct {
	File    string
	Name    string
	Failed  bool
	Skipped bool
	// Log is what the script did, up to the line that failed.
	Log string
	// Evidence is what the relying party decided last, where the script failed.
	Evidence string
	Took     time.Duration
	Journal  []sim.Event
}

// Run runs every file, each as a test of its own, and hands each result to done as soon as it is there. The order of the
// calls is that of the files. The error is about files that cannot be read; a script that fails is a Result.
func Run(ctx context.Context, cfg Config, files []string, done func(Result)) error {
	for _, f := range files {
		if _, err := txtar.ParseFile(f); err != nil {
			return fmt.Errorf("the scenario cannot be read: %w", err)
		}
	}
	results := make([]chan Result, len(files))
	slots := make(chan struct{}, max(cfg.Parallel, 1))
	var all sync.WaitGroup
	for i, f := range files {
		results[i] = make(chan Result, 1)
		all.Go(func() {
			slots <- struct{}{}
			results[i] <- one(ctx, cfg, f)
			<-slots
		})
	}
	for _, r := range results {
		done(<-r)
	}
	all.Wait()
	return nil
}

// one runs one script.
func one(ctx context.Context, cfg Config, file string) Result {
	r := &runner{ctx: ctx, cfg: cfg, result: Result{File: file}}
	began := time.Now()
	ended := make(chan struct{})
	// testscript ends a script by FailNow, which has to end a goroutine of its own.
	go func() {
		defer close(ended)
		defer r.recovered()
		testscript.RunT(r, testscript.Params{Files: []string{file}, Setup: r.setup, UpdateScripts: cfg.Update,
			Cmds: r.commands(), RequireUniqueNames: true})
	}()
	<-ended
	r.result.Took = time.Since(began)
	if !r.result.Failed && !r.result.Skipped {
		r.compare()
	}
	if r.result.Failed {
		r.result.Evidence = evidence(r.result.Journal)
	}
	return r.result
}

// runner is one script on its way; to testscript it is the testing.T.
type runner struct {
	ctx    context.Context
	cfg    Config
	world  *World
	result Result
}

// setup opens the script's world.
func (r *runner) setup(env *testscript.Env) error {
	world, err := r.cfg.Open(r.ctx, filepath.Join(env.WorkDir, ".mfalab"), r.cfg.Seed)
	if err != nil {
		return err
	}
	r.world = world
	env.Setenv("HOME", env.WorkDir)
	for _, v := range world.Env {
		name, value, _ := strings.Cut(v, "=")
		if name == "PATH" {
			value += string(os.PathListSeparator) + env.Getenv("PATH")
		}
		env.Setenv(name, value)
	}
	env.Defer(func() {
		r.result.Journal = world.Events()
		if err := world.Close(); err != nil {
			r.Log("the world could not be closed: ", err)
			r.result.Failed = true
		}
	})
	return nil
}

// commands is what scripts can call beside testscript's own commands.
func (r *runner) commands() map[string]func(*testscript.TestScript, bool, []string) {
	m := map[string]func(*testscript.TestScript, bool, []string){"stdout2env": stdout2env}
	for name, command := range r.cfg.Commands {
		m[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			processed := false
			in := Invocation{Dir: ts.MkAbs("."), Env: ts.Getenv, Out: lazily(ts.Stdout), Err: lazily(ts.Stderr),
				Exec: func(program string, args ...string) error {
					processed = true
					return ts.Exec(program, args...)
				}}
			status := command(r.ctx, in, args)
			if !processed {
				ts.Stdout() // a command that prints nothing has printed nothing
			}
			switch {
			case neg && status == 0:
				ts.Fatalf("%s %s succeeded, and was to fail", name, strings.Join(args, " "))
			case !neg && status != 0:
				ts.Fatalf("%s %s ended with status %d", name, strings.Join(args, " "), status)
			}
		}
	}
	return m
}

// lazily is a writer that is not asked for before it is used: testscript then takes it for the command's output.
type lazily func() io.Writer

// Write implements io.Writer.
func (l lazily) Write(b []byte) (int, error) { return l().Write(b) }

// stdout2env keeps the last command's output, without the white space around it, in an environment variable.
func stdout2env(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stdout2env NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// want is the file of an archive that holds the expected journal.
const want = "want"

// compare holds the journal against the archive's, or rewrites that.
func (r *runner) compare() {
	archive, err := txtar.ParseFile(r.result.File)
	if err != nil {
		r.Fatal(err)
	}
	var got bytes.Buffer
	for _, e := range r.result.Journal {
		got.Write(append(e.AppendJSON(nil), '\n'))
	}
	for i := range archive.Files {
		f := &archive.Files[i]
		switch {
		case f.Name != want || bytes.Equal(f.Data, got.Bytes()):
		case r.cfg.Update:
			f.Data = got.Bytes()
			if err := os.WriteFile(r.result.File, txtar.Format(archive), 0o644); err != nil {
				r.fail(err.Error())
			}
		default:
			r.fail("the journal is not what the script wants:\n" + firstDifference(string(f.Data), got.String()))
		}
	}
}

// firstDifference shows where two journals part.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n want %s\n got  %s", i+1, a, b)
		}
	}
	return "they are equal"
}

func (r *runner) fail(why string) {
	r.result.Failed = true
	r.result.Log += why + "\n"
}

// errEnd ends the goroutine of a script from the inside.
var errEnd = errors.New("scenario: the script has ended")

// recovered ends a script that FailNow or Skip broke off.
func (r *runner) recovered() {
	if e := recover(); e != nil && e != errEnd {
		r.fail(fmt.Sprint("the script broke the runner: ", e))
	}
}

// The methods below make a runner a testscript.T.

// Skip ends the script as one that was not run.
func (r *runner) Skip(args ...any) {
	r.Log(args...)
	r.result.Skipped = true
	panic(errEnd)
}

// Fatal ends the script as failed.
func (r *runner) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

// FailNow ends the script as failed.
func (r *runner) FailNow() {
	r.result.Failed = true
	panic(errEnd)
}

// Parallel does nothing: Run has its own way.
func (r *runner) Parallel() {}

// Log keeps what testscript says.
func (r *runner) Log(args ...any) { r.result.Log += fmt.Sprintln(args...) }

// Run runs the one script that there is.
func (r *runner) Run(name string, f func(testscript.T)) {
	r.result.Name = name
	f(r)
}

// Verbose reports whether successful phases are logged as well.
func (r *runner) Verbose() bool { return false }
