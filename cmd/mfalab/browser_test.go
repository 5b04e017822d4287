//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

// browserPatience ends a browser test that hangs. Our choice: many times what any of them takes.
const browserPatience = 3 * time.Minute

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

// A desk is where a person sits: a lab that is up, a browser that `mfalab exec` has started, and a relying party's page.
type desk struct {
	dir   string // of the lab
	owner live.Owner
	party *party
	page  context.Context // chromedp's
	data  string          // the browser's own folder
}

// under writes a program that runs another under `mfalab exec` in the lab of dir: to whoever starts it it is the other.
func under(t *testing.T, dir, other string) (path string) {
	self, err := os.Executable()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), filepath.Base(other))
	script := fmt.Sprintf("#!/bin/sh\nMFALAB_TEST_MAIN=1 exec '%s' exec --dir '%s' -- '%s' \"$@\"\n", self, filepath.Join(dir, ".mfalab"), other)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

// sitDown starts a lab, Chromium and the relying party. All of it ends with the test.
func sitDown(t *testing.T) *desk {
	chromium := browserPath(t, "chromium")
	d := &desk{data: t.TempDir()}
	d.dir, d.owner = detached(t)
	d.party = openParty(t, rootOf(t, d.dir))
	var browser *exec.Cmd
	limited, cancel := context.WithTimeout(t.Context(), browserPatience)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewExecAllocator(limited, chromedp.ExecPath(under(t, d.dir, chromium)),
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("enable-ui-devtools", "0"), chromedp.Flag("enable-features", "ui-debug-tools-enable-synthetic-events"),
		chromedp.UserDataDir(d.data),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			browser = cmd
		}))
	t.Cleanup(cancel)
	d.page, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		cancel()
		_ = syscall.Kill(-browser.Process.Pid, syscall.SIGKILL) // what is left of it, if anything is
	})
	require.NoError(t, chromedp.Do(d.page))
	return d
}

// visit opens the party's page anew, at a host of that name.
func (d *desk) visit(t *testing.T, host string) {
	require.NoError(t, chromedp.Do(d.page, chromedp.Navigate("http://"+host+":"+d.party.port+"/")))
}

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
	require.NoError(t, chromedp.Do(d.page, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("begin('now', %s, %s)", what, said))))
}

// abort has the page give the ceremony up.
func (d *desk) abort(t *testing.T) {
	require.NoError(t, chromedp.Do(d.page, chromedp.Evaluate[chromedp.Void]("ceremonies.now.abort.abort()")))
}

// end waits for the end of the ceremony.
func (d *desk) end(t *testing.T) ended {
	t.Helper()
	e, err := chromedp.Run(d.page, chromedp.Evaluate[ended]("end('now')", chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	return e
}

// run is begin and end.
func (d *desk) run(t *testing.T, what string, w wish) ended {
	t.Helper()
	d.begin(t, what, w)
	return d.end(t)
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
	serial = d.do(t, append([]string{"key", "new"}, args...)...)
	t.Cleanup(func() { d.do(t, "key", "unplug", serial) })
	return serial
}

// A watch sees what passes between the browser and a key, from its beginning on.
type watch struct {
	t      *testing.T
	frames *json.Decoder
	seen   []live.Frame
}

func (d *desk) watch(t *testing.T, serial string) *watch {
	req, err := http.NewRequestWithContext(d.page, http.MethodGet, d.owner.URL+"/v1/keys/"+serial+"/watch", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return &watch{t: t, frames: json.NewDecoder(resp.Body)}
}

// until waits for a frame.
func (w *watch) until(which func(f live.Frame) bool) live.Frame {
	w.t.Helper()
	for {
		var f live.Frame
		err := w.frames.Decode(&f)
		require.NoError(w.t, err, "%v", w.seen)
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

// saw tells whether an event has been waited over.
func (w *watch) saw(name string) bool {
	for _, f := range w.seen {
		if f.Event != nil && f.Event.Name == name {
			return true
		}
	}
	return false
}

func TestChromium(t *testing.T) {
	d := sitDown(t)
	t.Run("a key is registered and logs in", d.registersAndLogsIn)
	t.Run("attestation ends at the lab's root and at no other", d.attests)
	t.Run("a touch is a command, and key watch sees the ceremony while it happens", d.touchedAndWatched)
	t.Run("the page gives up in mid-touch", d.aborted)
	t.Run("the key is pulled out in mid-touch and plugged in again", d.pulledOut)
	t.Run("a request waits for a key that is plugged in later", d.pluggedInLater)
	t.Run("a key that is registered already is refused", d.registeredAlready)
	t.Run("a discoverable credential with a PIN", d.verified)
	t.Run("a key that knows U2F only", d.speaksU2F)
	t.Run("a phishing page gets nothing signed", d.phished)
	if path := os.Getenv("MFALAB_SHOT"); path != "" {
		b, err := chromedp.Run(d.page, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
}

func (d *desk) registersAndLogsIn(t *testing.T) {
	d.plugIn(t, "--touch", "auto")
	d.visit(t, "localhost")
	require.Equal(t, ended{Verdict: "registered with none attestation"}, d.run(t, "register", wish{}))
	require.Equal(t, ended{Verdict: "logged in with counter 2"}, d.run(t, "login", wish{}))
	require.Equal(t, ended{Verdict: "logged in with counter 3"}, d.run(t, "login", wish{}))
}

func (d *desk) attests(t *testing.T) {
	d.plugIn(t, "--touch", "auto")
	d.visit(t, "localhost")
	require.Equal(t, ended{Verdict: "registered with packed attestation"}, d.run(t, "register", wish{Attestation: "direct"}))
	c := d.party.last(t)
	require.Equal(t, "basic_full", c.AttestationType)
	require.NoError(t, c.Verify(d.party.Config.MDS, d.party.Config.Attestation, d.party.Config.Signature))
	other := t.TempDir()
	status, _, errs := mfalab(t, other, "key", "new")
	require.Zero(t, status, errs)
	require.ErrorContains(t, c.Verify(trusting(t, rootOf(t, other)), d.party.Config.Attestation, d.party.Config.Signature), "trust chain")
}

func (d *desk) touchedAndWatched(t *testing.T) {
	serial := d.plugIn(t)
	w := d.watch(t, serial)
	d.visit(t, "localhost")
	d.begin(t, "register", wish{})
	require.Equal(t, "localhost", w.event(u2f.Waiting).RP)
	t.Log(d.do(t, "key", "touch"))
	w.event(u2f.Registered)
	t.Log(d.end(t))
	d.begin(t, "login", wish{})
	t.Log(d.do(t, "key", "touch", "--wait", "30s"))
	w.event(u2f.Signed)
	t.Log(d.end(t))
	for _, f := range w.seen {
		t.Log(frame(f))
	}
}

func (d *desk) aborted(t *testing.T) {
	w := d.watch(t, d.plugIn(t))
	d.visit(t, "localhost")
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.abort(t)
	w.event(u2f.Cancelled)
	t.Log(d.end(t))
	for _, f := range w.seen {
		t.Log(frame(f))
	}
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.do(t, "key", "touch")
	t.Log(d.end(t))
}

func (d *desk) pulledOut(t *testing.T) {
	serial := d.plugIn(t)
	w := d.watch(t, serial)
	d.visit(t, "localhost")
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.do(t, "key", "unplug", serial)
	d.do(t, "key", "plug", serial)
	w.event(u2f.Waiting)
	d.do(t, "key", "touch", serial)
	t.Log(d.end(t))
	for _, f := range w.seen {
		t.Log(frame(f))
	}
}

func (d *desk) pluggedInLater(t *testing.T) {
	d.visit(t, "localhost")
	d.begin(t, "register", wish{})
	d.plugIn(t, "--touch", "auto")
	t.Log(d.end(t))
}

func (d *desk) registeredAlready(t *testing.T) {
	w := d.watch(t, d.plugIn(t, "--touch", "auto"))
	d.visit(t, "localhost")
	t.Log(d.run(t, "register", wish{}))
	d.begin(t, "register", wish{Exclude: true})
	w.until(func(f live.Frame) bool { return strings.HasPrefix(f.Text, "CTAP2_ERR_CREDENTIAL_EXCLUDED") })
	s := d.sheet(t)
	time.Sleep(time.Second)
	s.tell()
	s.press(buttonView, "Close")
	t.Log(d.end(t))
	for _, f := range w.seen {
		t.Log(frame(f))
	}
}

func (d *desk) verified(t *testing.T) {
	serial := d.plugIn(t, "--touch", "auto")
	d.do(t, "key", "pin", serial, "--new", "1234")
	w := d.watch(t, serial)
	d.visit(t, "localhost")
	d.party.forget()
	d.begin(t, "register", wish{Resident: "required", Verified: "required"})
	s := d.sheet(t)
	s.enter("1234")
	time.Sleep(time.Second)
	s.tell()
	w.event(u2f.Registered)
	t.Log(d.end(t))
	d.begin(t, "login", wish{Anyone: true, Verified: "required"})
	time.Sleep(time.Second)
	s.tell()
	s.enter("1234")
	time.Sleep(time.Second)
	s.tell()
	t.Log(d.end(t))
}

func (d *desk) speaksU2F(t *testing.T) {
	w := d.watch(t, d.plugIn(t, "--profile", "u2f", "--touch", "auto"))
	d.visit(t, "localhost")
	d.party.forget()
	t.Log(d.run(t, "register", wish{Attestation: "direct"}))
	t.Log(d.run(t, "login", wish{}))
	w.event(u2f.Signed)
	for _, f := range w.seen {
		t.Log(frame(f))
	}
}

func (d *desk) phished(t *testing.T) {
	w := d.watch(t, d.plugIn(t, "--touch", "auto"))
	d.visit(t, "localhost")
	d.party.forget()
	t.Log(d.run(t, "register", wish{}))
	d.visit(t, "phish.localhost")
	t.Log(d.run(t, "login", wish{}))
	d.begin(t, "login", wish{RPID: "phish.localhost"})
	t.Log(w.event(u2f.Touched))
	t.Log(w.event(u2f.Touched))
	d.abort(t)
	t.Log(d.end(t))
	for _, f := range w.seen {
		t.Log(frame(f))
	}
}
