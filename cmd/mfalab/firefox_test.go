//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
)

// firefox is Debian's, driven by Marionette: on TCP, JSON arrays with their length before them. See Firefox Source Docs,
// Marionette, Protocol.
type firefox struct {
	conn net.Conn
	in   *bufio.Reader
	sent int
}

// preferences make Firefox quiet, and let pages have attestations without asking the person. Marionette finds a port of
// its own and says it on the way up.
const preferences = `user_pref("marionette.port", 0);
user_pref("security.webauthn.always_allow_direct_attestation", true);
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("toolkit.telemetry.enabled", false);
`

var listening = regexp.MustCompile(`Marionette\s+INFO\s+Listening on port (\d+)`)

// atFirefox sits down before Firefox.
func atFirefox(t *testing.T) *desk {
	path := browserPath(t, "firefox-esr")
	d := sitDown(t)
	require.NoError(t, os.WriteFile(filepath.Join(d.data, "user.js"), []byte(preferences), 0o600))
	cmd := exec.Command(d.under(t, path), "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", d.data)
	grouped(t, cmd)
	out, in, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = in, in
	cmd.Env = append(os.Environ(), "HOME="+d.data)
	require.NoError(t, cmd.Start())
	in.Close()
	port, said := "", []string{}
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); said = append(said, lines.Text()) {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			port = m[1]
		}
	}
	require.NotEmpty(t, port, strings.Join(said, "\n"))
	go io.Copy(io.Discard, out) // until it ends
	f := &firefox{}
	f.conn, err = net.Dial("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	f.in = bufio.NewReader(f.conn)
	t.Cleanup(func() {
		f.call(t, "Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}})
		require.NoError(t, f.conn.Close())
		require.NoError(t, cmd.Wait())
		require.NoError(t, out.Close())
	})
	_, err = f.receive() // what it is
	require.NoError(t, err)
	f.call(t, "WebDriver:NewSession", map[string]any{})
	f.call(t, "WebDriver:SetTimeouts", map[string]any{"script": stepPatience.Milliseconds()})
	d.browser = f
	return d
}

// receive returns the next message.
func (f *firefox) receive() ([]byte, error) {
	if err := f.conn.SetDeadline(time.Now().Add(2 * stepPatience)); err != nil { // its own come first
		return nil, err
	}
	var length int
	if _, err := fmt.Fscanf(f.in, "%d:", &length); err != nil {
		return nil, err
	}
	message := make([]byte, length)
	_, err := io.ReadFull(f.in, message)
	return message, err
}

// command sends a command and returns its result.
func (f *firefox) command(command string, params any) (result json.RawMessage, err error) {
	f.sent++
	message, err := json.Marshal([]any{0, f.sent, command, params})
	if err != nil {
		return nil, err
	}
	if _, err = fmt.Fprintf(f.conn, "%d:%s", len(message), message); err != nil {
		return nil, err
	}
	if message, err = f.receive(); err != nil {
		return nil, err
	}
	var answer [4]json.RawMessage // kind, number, error, result
	if err := json.Unmarshal(message, &answer); err != nil {
		return nil, err
	}
	if string(answer[2]) != "null" {
		return nil, fmt.Errorf("%s: %s", command, answer[2])
	}
	return answer[3], nil
}

// call is command for what must go well.
func (f *firefox) call(t *testing.T, command string, params any) json.RawMessage {
	t.Helper()
	result, err := f.command(command, params)
	require.NoError(t, err)
	return result
}

// typist answers the dialogs that Firefox opens with one PIN after the other. It is a program of the browser's own: over
// Marionette a dialog that asks for a password can be read and not typed into.
const typist = `const pins = arguments[0];
Services.obs.addObserver(function type(dialog) {
  dialog.Dialog.ui.password1Textbox.value = pins.shift();
  if (!pins.length) Services.obs.removeObserver(type, "common-dialog-loaded");
  dialog.setTimeout(() => dialog.document.querySelector("dialog").acceptDialog(), 0);
}, "common-dialog-loaded");`

// types has a person type these PINs where Firefox asks for one.
func (f *firefox) types(t *testing.T, pins ...string) {
	t.Helper()
	f.call(t, "Marionette:SetContext", map[string]any{"value": "chrome"})
	f.call(t, "WebDriver:ExecuteScript", map[string]any{"script": typist, "args": []any{pins}, "sandbox": "system", "newSandbox": false})
	f.call(t, "Marionette:SetContext", map[string]any{"value": "content"})
}

func (f *firefox) open(t *testing.T, url string) {
	f.call(t, "WebDriver:Navigate", map[string]any{"url": url})
}

func (f *firefox) ask(expression string) ([]byte, error) {
	return f.script("return window.eval(arguments[0])", expression)
}

// script runs a function's text beside the page.
func (f *firefox) script(text string, args ...string) ([]byte, error) {
	b, err := f.command("WebDriver:ExecuteScript", map[string]any{"script": text, "args": append([]string{}, args...)})
	if err != nil {
		return nil, err
	}
	var result struct {
		Value json.RawMessage `json:"value"`
	}
	err = json.Unmarshal(b, &result)
	return result.Value, err
}

func TestFirefoxBelievesInTheKey(t *testing.T) {
	d := atFirefox(t)
	d.plays(t, []part{
		{"a key is registered and logs in, each with a touch", (*desk).touched},
		{"attestation ends at the lab's root and at no other", (*desk).attests},
		{"the page gives up in mid-touch", (*desk).aborted},
		{"the key is pulled out in mid-touch, which Firefox takes for a no", (*desk).pulledOutForGood},
		{"a phishing page gets nothing signed", (*desk).phished},
		{"a request waits for a key that is plugged in later", (*desk).pluggedInLater},
		{"a key that knows U2F only", (*desk).speaksU2F},
		{"a discoverable credential, with a PIN", (*desk).discoveredByFirefox},
		{"the console lets in by it", (*desk).signsInAtTheConsole},
	})
}

func (d *desk) touched(t *testing.T) {
	serial := d.plugIn(t)
	w := d.watch(t, serial)
	d.begin(t, "register", wish{})
	require.Equal(t, "localhost", w.event(u2f.Waiting).RP)
	require.Equal(t, serial+" touched for authenticatorMakeCredential localhost", d.do(t, "key", "touch"))
	d.content(t, "registered with none attestation")
	d.begin(t, "login", wish{})
	require.Equal(t, serial+" touched for authenticatorGetAssertion localhost", d.do(t, "key", "touch", "--wait", "3m"))
	d.content(t, "logged in")
}

func (d *desk) discoveredByFirefox(t *testing.T) {
	f := d.browser.(*firefox)
	serial := d.plugIn(t, "--touch", "auto")
	d.do(t, "key", "pin", serial, "--new", "1234")
	w := d.watch(t, serial)
	f.types(t, "4321", "1234")
	d.begin(t, "register", wish{Resident: "required", Verified: "required"})
	require.Equal(t, 7, w.event(u2f.PINWrong).Left)
	w.event(u2f.Registered)
	d.content(t, "registered with none attestation")
	require.True(t, d.party.last(t).Flags.UserVerified)
	f.types(t, "1234")
	d.begin(t, "login", wish{Anyone: true, Verified: "required"})
	w.event(u2f.Signed)
	d.content(t, "logged in")
}

func (d *desk) pulledOutForGood(t *testing.T) {
	serial := d.plugIn(t)
	w := d.watch(t, serial)
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.do(t, "key", "unplug", serial)
	require.Equal(t, "NotAllowedError", d.end(t).Error)
	d.do(t, "key", "plug", serial)
	d.begin(t, "register", wish{})
	d.do(t, "key", "touch", serial, "--wait", "3m")
	d.content(t, "registered with none attestation")
}
