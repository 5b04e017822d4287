//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

// browserPatience ends a browser test that hangs. Our choice: many times what any of them takes.
const browserPatience = 15 * time.Minute

// stepPatience ends one step that hangs: it fails there, with what it saw, and leaves the desk time to be cleared. Our choice: no
// machine is that slow.
const stepPatience = 3 * time.Minute

// browserPath returns where Debian's package of that name has put the browser of that name. Without one the test is
// skipped, or fails where clients are required.
func browserPath(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("/usr/bin", name)
	if owner, err := exec.Command("dpkg", "-S", path).Output(); err != nil || !strings.HasPrefix(string(owner), name+": ") {
		const text = "%s of Debian's package %s is missing; `make packages` installs it"
		if os.Getenv("MFALAB_CLIENTS") == "required" {
			t.Fatalf(text, name, name)
		}
		t.Skipf("left out: "+text, name, name)
	}
	return path
}

// A browser shows one page.
type browser interface {
	// open goes to a page and waits until it is there.
	open(t *testing.T, url string)
	// ask returns, as JSON, what an expression of the page's comes to; of a promise it waits for the end. It is an error
	// where the page makes place for another meanwhile.
	ask(expression string) ([]byte, error)
}

// A desk is where a person sits: a lab that is up, a browser that `mfalab exec` has started, and a relying party's page.
type desk struct {
	context.Context // ends with patience
	browser
	dir   string // of the lab
	owner live.Owner
	party *party
	data  string // the browser's own folder
}

// standing makes a lab whose clock stands until somebody moves it: codes stay good and keys wait, however slow the browser is.
var standing = []string{"--clock", "still"}

// sitDown starts a lab, whose clock stands, and a relying party that trusts its keys. Both end with the test.
func sitDown(t *testing.T, flags ...string) *desk {
	data, err := os.MkdirTemp("", "mfalab-browser")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(data) }) // what is killed may write there still
	d := &desk{data: data}
	d.dir, d.owner = detached(t, slices.Concat(standing, flags)...)
	d.party = openParty(t, rootOf(t, d.dir))
	var cancel func()
	d.Context, cancel = context.WithTimeout(context.WithoutCancel(t.Context()), browserPatience) // it is needed to clean up, too
	t.Cleanup(cancel)
	return d
}

// eval is ask for a page that stays.
func (d *desk) eval(t *testing.T, expression string) []byte {
	t.Helper()
	b, err := d.ask(expression)
	if err != nil {
		require.NoError(t, err, "asked for %.200s, and there is\n%s", expression, d.sight())
	}
	return b
}

// awaiting looks for a second, so that who waits need not ask all the time.
const awaiting = `new Promise(done => {
	let left = 50;
	const look = () => {
		let so = false;
		try { so = !!(%s) } catch {}
		if (so || !left--) done(so); else setTimeout(look, 20);
	};
	look();
})`

// awaits waits until an expression is true of the page that is shown, however many come and go before.
func (d *desk) awaits(t *testing.T, expression string) {
	t.Helper()
	for end := time.Now().Add(stepPatience); time.Now().Before(end) && d.Err() == nil; {
		// While one page makes place for the next there is nobody to answer.
		if b, err := d.ask(fmt.Sprintf(awaiting, expression)); err == nil && string(b) == "true" {
			return
		}
	}
	require.Failf(t, "waited in vain", "for %s, and there is\n%s", expression, d.sight())
}

// sight is what there is to be seen.
func (d *desk) sight() string {
	b, err := d.ask(`[location.href, document.readyState, "focus: " + document.activeElement?.outerHTML.slice(0, 200), document.body?.innerText].join("\n")`)
	if err != nil {
		return "no page: " + err.Error()
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return string(b)
	}
	return text
}

// under writes a program that runs another under `mfalab exec` in the desk's lab: to whoever starts it, it is the other.
func (d *desk) under(t *testing.T, other string) (path string) {
	self, err := os.Executable()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), filepath.Base(other))
	script := fmt.Sprintf("#!/bin/sh\nMFALAB_TEST_MAIN=1 exec '%s' exec --dir '%s' -- '%s' \"$@\"\n", self, filepath.Join(d.dir, ".mfalab"), other)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

// grouped makes a browser's processes a group of their own, so that none of them outlives the test.
func grouped(t *testing.T, cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // most often nothing is left of it
		}
	})
}

// A part is one of the things that are done at a desk.
type part struct {
	name string
	test func(d *desk, t *testing.T)
}

// plays plays parts one after the other, each before a party that knows nobody yet.
func (d *desk) plays(t *testing.T, lists ...[]part) {
	for _, p := range slices.Concat(lists...) {
		if d.Err() != nil {
			return // what hung has failed
		}
		t.Run(p.name, func(t *testing.T) {
			d.party.forget()
			d.visit(t, "localhost")
			p.test(d, t)
		})
	}
}

// visit opens the party's page anew, at a host of that name.
func (d *desk) visit(t *testing.T, host string) { d.open(t, "http://"+host+":"+d.party.port+"/") }

// An ended ceremony is how the page saw it.
type ended struct {
	Verdict string `json:"verdict"` // the relying party's, where it is content
	Error   string `json:"error"`   // the name of what the browser threw, or of the party's refusal
	Message string `json:"message"`
}

// begin starts a ceremony on the page, "register" or "login", and returns at once.
func (d *desk) begin(t *testing.T, what string, w wish) {
	said, err := json.Marshal(w)
	require.NoError(t, err)
	d.eval(t, fmt.Sprintf("begin(%s, %s)", what, said))
}

// end waits for the end of the ceremony.
func (d *desk) end(t *testing.T) (e ended) {
	t.Helper()
	require.NoError(t, json.Unmarshal(d.eval(t, "end()"), &e))
	return e
}

// content waits for the end of the ceremony, which must be one that the party is content with.
func (d *desk) content(t *testing.T, verdict string) {
	t.Helper()
	require.Equal(t, ended{Verdict: verdict}, d.end(t))
}

// goes is begin and content.
func (d *desk) goes(t *testing.T, what string, w wish, verdict string) {
	t.Helper()
	d.begin(t, what, w)
	d.content(t, verdict)
}

// do runs a command of the lab and returns what it says.
func (d *desk) do(t *testing.T, args ...string) string {
	t.Helper()
	status, out, errs := mfalab(t, d.dir, args...)
	require.Zero(t, status, "%v: %s", args, errs)
	return strings.TrimSpace(out)
}

// plugIn makes a key, which is plugged in until the test ends.
func (d *desk) plugIn(t *testing.T, args ...string) (serial string) {
	t.Helper()
	serial = d.do(t, append([]string{"key", "new"}, args...)...)
	t.Cleanup(func() { d.do(t, "key", "unplug", serial) })
	return serial
}

// A watch sees what passes between the browser and a key, from its beginning on.
type watch struct {
	t      *testing.T
	stop   func()
	frames *json.Decoder
	seen   []live.Frame
}

func (d *desk) watch(t *testing.T, serial string) *watch {
	ctx, cancel := context.WithCancel(d)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.owner.URL+"/v1/keys/"+serial+"/watch", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return &watch{t: t, stop: cancel, frames: json.NewDecoder(resp.Body)}
}

// until waits for a frame.
func (w *watch) until(which func(f live.Frame) bool) live.Frame {
	w.t.Helper()
	defer time.AfterFunc(stepPatience, w.stop).Stop()
	for {
		var f live.Frame
		require.NoError(w.t, w.frames.Decode(&f), "what came: %v", w.events())
		w.seen = append(w.seen, f)
		if which(f) {
			return f
		}
	}
}

// event waits for an event in the key.
func (w *watch) event(name string) u2f.Event {
	w.t.Helper()
	return *w.until(func(f live.Frame) bool { return f.Event != nil && f.Event.Name == name }).Event
}

// answer waits for an answer of the key that begins so.
func (w *watch) answer(begin string) {
	w.t.Helper()
	w.until(func(f live.Frame) bool { return f.ToHost && strings.HasPrefix(f.Text, begin) })
}

// events returns the names of the events that have come.
func (w *watch) events() (names []string) {
	for _, f := range w.seen {
		if f.Event != nil {
			names = append(names, f.Event.Name)
		}
	}
	return names
}

// commands returns the commands that have come from the browser, without repetitions that follow one another.
func (w *watch) commands() (names []string) {
	for _, f := range w.seen {
		name, _, _ := strings.Cut(f.Text, " ")
		if f.Event == nil && !f.ToHost && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
	}
	return names
}

// A reading is what a person reads who has `mfalab key watch` in another window.
type reading struct {
	t     *testing.T
	stop  func()
	lines *bufio.Scanner
	seen  []string
}

func (d *desk) keyWatch(t *testing.T, serial string) *reading {
	ctx, stop := context.WithCancel(d)
	out, in := io.Pipe()
	ended := make(chan int)
	env := func(string) string { return "" }
	go func() {
		ended <- run(ctx, std{in: strings.NewReader(""), out: in, err: in, dir: d.dir, env: env, environ: os.Environ},
			[]string{"key", "watch", serial})
		in.Close()
	}()
	t.Cleanup(func() {
		stop()
		out.Close()
		require.Zero(t, <-ended, "who watches stops by interrupting")
	})
	return &reading{t: t, stop: stop, lines: bufio.NewScanner(out)}
}

// until waits for a line that has this in it.
func (w *reading) until(part string) {
	w.t.Helper()
	defer time.AfterFunc(stepPatience, w.stop).Stop()
	for w.lines.Scan() {
		w.seen = append(w.seen, w.lines.Text())
		if strings.Contains(w.lines.Text(), part) {
			return
		}
	}
	require.Fail(w.t, "no line has "+part, strings.Join(w.seen, "\n"))
}
