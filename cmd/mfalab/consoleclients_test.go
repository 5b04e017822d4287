//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// A script that has AWS's addresses written into it goes through the lab's proxy and finds the lab.
func TestPlaywrightSignsInAtTheFixedAddress(t *testing.T) {
	path, npm := browserPath(t, "chromium"), installNPM(t, "testdata/console")
	d := sitDown(t)
	var door live.Door
	require.NoError(t, json.Unmarshal([]byte(d.do(t, "console", "--json")), &door))
	c := &clerkDesk{desk: d, t: t}
	serial := d.do(t, "fob", "new")
	var codes []string
	for range 3 {
		codes = append(codes, c.code(serial))
		d.do(t, "clock", "advance", "30s")
	}
	d.do(t, "clock", "advance", "1s")
	in, err := json.Marshal(map[string]any{"executablePath": path, "proxy": d.owner.URL, "account": door.Account, "alias": "acme", "user": door.Users[1].Name,
		"password": door.Users[1].Password, "serial": serial, "codes": codes})
	require.NoError(t, err)
	cmd := exec.CommandContext(d, "node", "signin.mjs")
	grouped(t, cmd)
	cmd.Dir, cmd.Stdin = npm, bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &errs)
	require.JSONEq(t, `{"who": "admin @ 123456789012", "at": "https://acme.signin.aws.amazon.com/console/home", "mfa": true}`, string(out))
}

// until waits for the page at that path of the console, as any browser shows it.
func (d *desk) until(t *testing.T, path string) {
	t.Helper()
	d.awaits(t, fmt.Sprintf("%s && location.pathname === %q", replaced, "/console"+path))
}

// types fills fields by their names, and presses a button: the page makes place for another.
func (d *desk) types(t *testing.T, button string, fields ...string) {
	t.Helper()
	for i := 0; i < len(fields); i += 2 {
		d.eval(t, fmt.Sprintf("document.querySelector(%q).value = %q", fields[i], fields[i+1]))
	}
	d.eval(t, leaving)
	d.eval(t, fmt.Sprintf("void setTimeout(() => document.querySelector(%q).click())", button))
}

// strict is Firefox before pages whose policy forbids eval, as the console's does: what is asked runs beside them.
type strict struct{ *firefox }

func (f strict) ask(expression string) ([]byte, error) {
	return f.script("return (" + expression + ")")
}

// signsInAtTheConsole enrols a key at the console and signs in with it, in Firefox.
func (d *desk) signsInAtTheConsole(t *testing.T) {
	d = &desk{Context: d.Context, browser: strict{d.browser.(*firefox)}, dir: d.dir, owner: d.owner}
	var door live.Door
	require.NoError(t, json.Unmarshal([]byte(d.do(t, "console", "--json")), &door))
	d.plugIn(t, "--touch", "auto")
	base := strings.Replace(d.owner.URL, "127.0.0.1", "localhost", 1) + "/console"
	signIn := func() {
		d.open(t, base+"/"+door.Account)
		d.types(t, "#signin_button", "#username", door.Users[1].Name, "#password", door.Users[1].Password)
	}
	signIn()
	d.until(t, "/home")
	d.open(t, base+"/iam/mfa/"+door.Users[1].Name+"/assign")
	d.eval(t, `document.querySelector("#type_key").checked = true`)
	d.types(t, "#next_button", "#device_name", "blue")
	d.until(t, "/iam/users/"+door.Users[1].Name)
	d.open(t, base+"/signout")
	signIn()
	d.until(t, "/home")
	require.Contains(t, string(d.eval(t, "document.body.innerText")), "u2f/user/"+door.Users[1].Name+"/blue-")
}

// A keyboard is enough, from the first page on: nothing has to be clicked, and the skip link comes first.
func (c *clerkDesk) keyboardOnly(*testing.T) {
	serial := c.fobOf("keys")
	c.open(c.t, c.page("/signin"))
	c.keys("#resolving_input", c.door.Account+"\r")
	c.at("/signin/user")
	c.keys("#username", "keys\t")
	c.keys("#password", "Open-Sesame-1\r")
	c.at("/signin/mfa")
	c.keys("#mfaCode", c.code(serial)+"\r")
	c.at("/home")
	// Every link and field is reached by the tabulator, in the order of the page, and can be seen to have been.
	var seen []string
	for range 11 { // as many as there are: then comes the browser's own
		c.eval(c.t, `(window.before = document.activeElement, 1)`)
		c.keys("", "\t")
		c.awaits(c.t, `document.activeElement !== window.before`)
		var at string
		require.NoError(c.t, json.Unmarshal(c.eval(c.t, `getComputedStyle(document.activeElement).outlineStyle === "none" ? "unseen" : document.activeElement.textContent.trim()`), &at))
		seen = append(seen, at)
	}
	require.NotContains(c.t, seen, "unseen")
	require.Subset(c.t, seen, []string{"Skip to the content", "Dashboard", "Users", "Account settings", "Switch role", "Sign out"})
	c.press("#aws-console-logout")
}

// keys presses keys, one after the other, once the focus is where they are meant to go; "" is anywhere.
func (c *clerkDesk) keys(into, text string) {
	c.t.Helper()
	if into != "" {
		c.awaits(c.t, fmt.Sprintf(`document.readyState === "complete" && document.activeElement.matches(%q)`, into))
	}
	require.NoError(c.t, c.browser.(chromium).does(chromedp.KeyEvent(text)))
}

// fobOf makes a user with a fob, as the administrator.
func (c *clerkDesk) fobOf(name string) (serial string) {
	c.t.Helper()
	c.administer()
	c.user(name)
	serial = c.fob()
	c.signOut()
	return serial
}

// Nobody drives console or portal from another page, or under another name.
func (c *clerkDesk) foreign(*testing.T) {
	for _, header := range [][2]string{{"Host", "evil.test"}, {"Host", "localhost.evil.test"}, {"Origin", "https://evil.test"}, {"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, path := range []string{"/console/signin", "/console/app", "/portal/signin", "/portal/idp"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				r, err := http.NewRequestWithContext(c, method, c.owner.URL+path, nil)
				require.NoError(c.t, err)
				r.Header.Set(header[0], header[1])
				if header[0] == "Host" {
					r.Host = header[1]
				}
				resp, err := http.DefaultClient.Do(r)
				require.NoError(c.t, err)
				require.NoError(c.t, resp.Body.Close())
				require.Equal(c.t, http.StatusForbidden, resp.StatusCode, "%s %s %v", method, path, header)
			}
		}
	}
}
