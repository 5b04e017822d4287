//go:build linux

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// A clerkDesk is where an administrator sits: Chromium, with the lab's keys on its bus, before the console.
type clerkDesk struct {
	*desk
	t    *testing.T
	door live.Door
}

// atConsole sits down before the console.
func atConsole(t *testing.T) *clerkDesk {
	c := &clerkDesk{desk: atChromium(t, "--set", "attestation=direct"), t: t}
	require.NoError(t, json.Unmarshal([]byte(c.do(t, "console", "--json")), &c.door))
	return c
}

// page is where a page of the console lies.
func (c *clerkDesk) page(path string) string { return c.base() + "/console" + path }

// base is the lab by the machine's name.
func (c *clerkDesk) base() string { return strings.Replace(c.owner.URL, "127.0.0.1", "localhost", 1) }

// see opens a page, waits until it is there, and takes its picture.
func (c *clerkDesk) see(path string) {
	c.t.Helper()
	c.open(c.t, c.page(path))
	c.picture()
}

// fill types into fields of the page, and sets what is to be chosen there.
func (c *clerkDesk) fill(fields ...string) {
	c.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		said, err := json.Marshal(fields[i+1])
		require.NoError(c.t, err)
		require.Equal(c.t, "true", string(c.eval(c.t, fmt.Sprintf(`(() => {
			const e = document.querySelector(%q);
			if (!e) return false;
			if (e.type === "radio" || e.type === "checkbox") e.click(); else e.value = %s;
			e.dispatchEvent(new Event("input", { bubbles: true }));
			return true;
		})()`, fields[i], said))), "there is no %s on this page", fields[i])
	}
}

// press clicks, and waits for the page that comes.
func (c *clerkDesk) press(selector string) {
	c.t.Helper()
	c.eval(c.t, leaving)
	if err := c.browser.(chromium).does(chromedp.Click(chromedp.CSS(selector))); err != nil {
		require.NoError(c.t, err, "%s at\n%s", selector, c.sight())
	}
	c.awaits(c.t, replaced)
	c.picture()
}

// leaving marks a page that is about to make place for another, and replaced is that it has.
const (
	leaving  = `document.documentElement.dataset.left = "yes"`
	replaced = `document.readyState === "complete" && !document.documentElement.dataset.left`
)

// at waits until the page of the console is there at that path.
func (c *clerkDesk) at(path string) { c.t.Helper(); c.where("/console" + path) }

// where waits until the page is there at that path of the lab.
func (c *clerkDesk) where(path string) {
	c.t.Helper()
	c.awaits(c.t, fmt.Sprintf(`document.readyState === "complete" && location.pathname === %q`, path))
}

// says reports what the page shows.
func (c *clerkDesk) says(words string) {
	c.t.Helper()
	var text string
	require.NoError(c.t, json.Unmarshal(c.eval(c.t, "document.body.innerText"), &text))
	require.Contains(c.t, text, words)
}

// signIn signs a user in as far as the password takes it.
func (c *clerkDesk) signIn(name, password string) {
	c.t.Helper()
	c.see("/" + c.door.Account)
	c.fill("#username", name, "#password", password)
	c.press("#signin_button")
}

// administer signs the administrator in.
func (c *clerkDesk) administer() {
	c.t.Helper()
	c.signIn(c.door.Users[1].Name, c.door.Users[1].Password)
	c.at("/home")
}

func (c *clerkDesk) signOut() { c.t.Helper(); c.press("#aws-console-logout") }

// user makes one with a password, as the administrator.
func (c *clerkDesk) user(name string) {
	c.t.Helper()
	c.see("/iam/users")
	c.fill("#user_name", name, "#password", "Open-Sesame-1")
	c.press("#create_user_button")
	c.says("The user was created.")
}

// assign goes to the second page of the wizard, for a user whose page is shown.
func (c *clerkDesk) assign(kind, name string) {
	c.t.Helper()
	c.press("#assign_mfa")
	c.fill("#type_"+kind, "", "#device_name", name)
	c.press("#next_button")
}

// code presses a fob.
func (c *clerkDesk) code(serial string) string {
	c.t.Helper()
	var shown live.Shown
	require.NoError(c.t, json.Unmarshal([]byte(c.do(c.t, "fob", "press", serial, "--json")), &shown))
	return shown.Code
}

// codes presses a fob for two codes, one after the other, and lets the second pass.
func (c *clerkDesk) codes(serial string) (first, second string) {
	c.t.Helper()
	first = c.code(serial)
	c.do(c.t, "clock", "advance", "30s")
	second = c.code(serial)
	return first, second
}

// fob enrols a new fob for a user whose page is shown.
func (c *clerkDesk) fob() (serial string) {
	c.t.Helper()
	serial = c.do(c.t, "fob", "new")
	c.assign("hardware", "")
	first, second := c.codes(serial)
	c.fill("#serial", serial, "#code1", first, "#code2", second)
	c.press("#add_mfa")
	c.says("The MFA device was assigned.")
	c.do(c.t, "clock", "advance", "30s")
	return serial
}

// TestTheConsole has Chromium do what people do there and at the portal, in one lab and one browser: each part has users of its
// own, and leaves signed out.
func TestTheConsole(t *testing.T) {
	c := atConsole(t)
	for _, part := range []struct {
		name string
		play func(c *clerkDesk, t *testing.T)
	}{
		{"a fob is enrolled and signs in, once a code", (*clerkDesk).fobbed},
		{"an app, and the orphan of a wizard that somebody left", (*clerkDesk).apped},
		{"a security key beside a fob, and the choice between them", (*clerkDesk).keyed},
		{"a fob that has drifted is found again", (*clerkDesk).drifted},
		{"a password that has to be changed", (*clerkDesk).renewed},
		{"root loses the device and comes back", (*clerkDesk).recovered},
		{"a key that waits for its touch", (*clerkDesk).touched},
		{"a user is given a policy, a group and another password", (*clerkDesk).permitted},
		{"a key proves its model, which is revoked", (*clerkDesk).proved},
		{"a role, and the way back", (*clerkDesk).switched},
		{"a keyboard is enough", (*clerkDesk).keyboardOnly},
		{"a keyboard is enough for a wizard, too", (*clerkDesk).typed},
		{"the pages of 2023", (*clerkDesk).of2023},
		{"the pages of 2017", (*clerkDesk).of2017},
		{"the pages of 2012", (*clerkDesk).of2012},
		{"the front page leads to both doors", (*clerkDesk).front},
		{"the portal: enrolment at the sign-in, and a trusted device", (*clerkDesk).enrolled},
		{"the portal: a tenant's factors", (*clerkDesk).tenants},
		{"the portal: every mode, and an external identity provider", (*clerkDesk).modes},
		{"other pages and other names", (*clerkDesk).foreign},
	} {
		t.Run(part.name, func(t *testing.T) {
			commanded(t, c.browser.(chromium).ctx, network.ClearBrowserCookies, cdp.Empty{})
			part.play(&clerkDesk{desk: c.desk, t: t, door: c.door}, t)
		})
		if c.Err() != nil {
			break // no time is left for the others
		}
	}
}

func (c *clerkDesk) fobbed(t *testing.T) {
	c.see("")
	c.at("/signin")
	c.fill("#resolving_input", c.door.Account)
	c.press("#next_button")
	c.administer()
	c.says("You have no MFA: add it for yourself")
	c.user("alice")

	serial := c.do(t, "fob", "new")
	c.assign("hardware", "")
	first, second := c.codes(serial)
	c.fill("#serial", "GAHT99999999", "#code1", first, "#code2", second)
	c.press("#add_mfa")
	c.says("MFA Device with serial number GAHT99999999 does not exist.")
	c.fill("#serial", serial, "#code1", second, "#code2", first)
	c.press("#add_mfa")
	c.says("Authentication code for device is not valid.")
	c.fill("#serial", serial, "#code1", first, "#code2", second)
	c.press("#add_mfa")
	c.says("The MFA device was assigned.")
	c.says(serial)
	c.signOut()

	c.signIn("alice", "Open-Sesame-1")
	c.at("/signin/mfa")
	c.fill("#mfaCode", second) // it enrolled the fob, and is good for nothing else
	c.press("#mfa_submit")
	c.says("Your authentication information is incorrect.")
	c.do(t, "clock", "advance", "30s")
	code := c.code(serial)
	c.fill("#mfaCode", code)
	c.press("#mfa_submit")
	c.at("/home")
	c.says("aws:MultiFactorAuthPresent\ntrue")
	c.signOut()
	c.signIn("alice", "Open-Sesame-1")
	c.fill("#mfaCode", code)
	c.press("#mfa_submit")
	c.says("Your authentication information is incorrect.")
}

func (c *clerkDesk) apped(t *testing.T) {
	c.administer()
	c.user("anne")
	c.assign("virtual", "phone")
	// Whoever leaves now leaves the device behind, and finds the way out.
	c.see("/iam/users/anne")
	c.assign("virtual", "phone")
	c.says("MFA device already exists.")
	c.press("#delete_orphan")
	c.says("The virtual MFA device that nobody had was deleted.")
	c.fill("#type_virtual", "", "#device_name", "phone")
	c.press("#next_button")

	// The picture goes from the page to the simulated app, as a file.
	var page, shown string
	require.NoError(t, json.Unmarshal(c.eval(t, `location.pathname.replace("/console", "")`), &page))
	require.NoError(t, json.Unmarshal(c.eval(t, `document.querySelector("#qr_code").src`), &shown))
	data, isPNG := strings.CutPrefix(shown, "data:image/png;base64,")
	require.True(t, isPNG, shown)
	picture, err := base64.StdEncoding.DecodeString(data)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "qr.png")
	require.NoError(t, os.WriteFile(file, picture, 0o600))
	c.see("/app")
	require.NoError(t, c.browser.(chromium).does(chromedp.SetUploadFiles(chromedp.CSS("#picture"), []string{file})))
	c.press("#scan_button")
	c.says("The app has the account.")
	app := strings.Trim(string(c.eval(t, `document.querySelector(".codes dt").textContent`)), `"`)
	read := func() string {
		var shown live.Shown
		require.NoError(t, json.Unmarshal([]byte(c.do(t, "app", "code", app, "--json")), &shown))
		return shown.Code
	}
	c.see(page)
	first := read()
	c.do(t, "clock", "advance", "30s")
	c.fill("#code1", first, "#code2", read())
	c.press("#add_mfa")
	c.says("arn:aws:iam::123456789012:mfa/phone")
	c.signOut()
	c.do(t, "clock", "advance", "30s")
	c.signIn("anne", "Open-Sesame-1")
	c.fill("#mfaCode", read())
	c.press("#mfa_submit")
	c.at("/home")
}

func (c *clerkDesk) keyed(t *testing.T) {
	key := c.plugIn(t, "--touch", "auto")
	c.administer()
	c.user("bert")
	c.assign("key", "blue")
	c.at("/iam/users/bert")
	c.says("The security key was registered.")
	c.says("u2f/user/bert/blue-")
	serial := c.fob()
	c.signOut()

	// Two kinds: the user chooses, and the choice is remembered, but never that a device is needed.
	c.signIn("bert", "Open-Sesame-1")
	c.at("/signin/kind")
	c.fill(`#multi_mfa_container [ng-model="mfaOption"][value="U2F"]`, "", "#remember_mfa_checkbox", "")
	c.press("#next_multi")
	c.at("/home")
	c.says("u2f/user/bert/blue-")
	c.signOut()
	c.signIn("bert", "Open-Sesame-1")
	c.at("/home")
	c.signOut()

	// Without the key there are still the codes.
	c.do(t, "key", "unplug", key)
	c.signIn("bert", "Open-Sesame-1")
	c.at("/signin/mfa")
	c.see("/signin/mfa?kind=SWHW")
	c.fill("#mfaCode", c.code(serial))
	c.press("#mfa_submit")
	c.at("/home")
	c.do(t, "key", "plug", key)
}

func (c *clerkDesk) drifted(t *testing.T) {
	c.administer()
	c.user("carl")
	serial := c.fob()
	c.signOut()
	c.do(t, "fob", "drift", serial, "--by", "270s")
	c.signIn("carl", "Open-Sesame-1")
	for range 3 {
		c.fill("#mfaCode", c.code(serial))
		c.press("#mfa_submit")
		c.says("Your authentication information is incorrect.")
		c.do(t, "clock", "advance", "30s")
	}
	c.says("Several codes were refused.")
	c.press("#resync_link")
	first, second := c.codes(serial)
	c.fill("#code1", first, "#code2", second)
	c.press("#resync_button")
	c.at("/signin/mfa")
	c.do(t, "clock", "advance", "30s")
	c.fill("#mfaCode", c.code(serial))
	c.press("#mfa_submit")
	c.at("/home")
}

func (c *clerkDesk) renewed(t *testing.T) {
	c.administer()
	c.see("/iam/users")
	c.fill("#user_name", "dora", "#password", "Open-Sesame-1", `input[name="reset"]`, "")
	c.press("#create_user_button")
	c.signOut()
	c.signIn("dora", "Open-Sesame-1")
	c.at("/signin/password")
	c.fill("#new_password", "Open-Sesame-2", "#confirm_password", "Open-Sesame-3")
	c.press("#change_password_button")
	c.says("The two new passwords differ.")
	c.fill("#new_password", "Open-Sesame-2", "#confirm_password", "Open-Sesame-2")
	c.press("#change_password_button")
	c.at("/home")
	c.signOut()
	c.signIn("dora", "Open-Sesame-1")
	c.says("Your authentication information is incorrect.")
}

func (c *clerkDesk) recovered(t *testing.T) {
	root := func() {
		c.see("/signin")
		c.fill("#root_user_radio_button", "", "#resolving_input", c.door.Users[0].Name)
		c.press("#next_button")
		c.fill("#password", c.door.Users[0].Password)
		c.press("#signin_button")
	}
	root()
	c.at("/home")
	c.see("/iam/me")
	serial := c.fob()
	c.signOut()
	// A device that has drifted is found again before the sign-in.
	c.do(t, "fob", "drift", serial, "--by", "270s")
	root()
	c.at("/signin/mfa")
	c.press("#mfa_trouble")
	c.press("#resync_link")
	first, second := c.codes(serial)
	c.fill("#code1", first, "#code2", second)
	c.press("#resync_button")
	c.at("/signin/mfa")
	// One that is lost is not.
	c.press("#mfa_trouble")
	c.press("#other_factors")
	text := func(expression string) (s string) {
		require.NoError(t, json.Unmarshal(c.eval(t, expression), &s))
		return s
	}
	c.see("/inbox")
	mail := regexp.MustCompile(`The code is (\d{6})`).FindStringSubmatch(text("document.body.innerText"))
	require.NotNil(t, mail)
	c.see("/signin/recovery")
	c.fill("#code", mail[1])
	c.press("#confirm_email")
	number := text(`document.querySelector("#call_number").textContent`)
	c.press("#finish_recovery")
	c.says("The call has not been answered yet.")
	c.see("/inbox")
	c.fill("#number", number)
	c.press("#type_number")
	c.see("/signin/recovery")
	c.press("#finish_recovery")
	c.at("/home")
	c.says("aws:MultiFactorAuthPresent\nfalse")

	// Root takes the lost device away, and lets others at the bills.
	c.see("/iam/me")
	c.press(".actions button.danger")
	c.says("The MFA device was removed.")
	c.see("/billing")
	c.fill("#billing_access", "")
	c.press("#main form button")
	c.says("The change was made.")
}

// touched looks at the pages on which a browser waits for a key.
func (c *clerkDesk) touched(t *testing.T) {
	key := c.plugIn(t)
	c.administer()
	c.user("erna")
	c.assign("key", "blue")
	c.look()
	c.do(t, "key", "touch", key, "--wait", "3m")
	c.at("/iam/users/erna")
	c.says("1 of 8 devices")
	c.signOut()
	c.signIn("erna", "Open-Sesame-1")
	c.look()
	c.do(t, "key", "touch", key, "--wait", "3m")
	c.at("/home")
	c.signOut()
}

// permitted is what a tester does first: a user, what it may do, and its own password.
func (c *clerkDesk) permitted(t *testing.T) {
	c.administer()
	c.see("/iam/groups")
	c.fill("#group_name", "readers")
	c.press("#create_group_button")
	c.fill("#policy", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	c.press("#attach_policy")
	c.user("fritz")
	c.fill("#group", "readers")
	c.press("#join_group")
	c.fill("#policy", "arn:aws:iam::aws:policy/IAMUserChangePassword")
	c.press("#attach_policy")
	c.says("The permissions were changed.")
	c.see("/iam/policy?arn=arn:aws:iam::aws:policy/IAMUserChangePassword")
	c.says("iam:ChangePassword")
	c.see("/iam/settings")
	c.signOut()
	c.signIn("fritz", "Open-Sesame-1")
	c.see("/iam/me")
	c.do(t, "clock", "advance", "5s") // a login profile that is being created cannot be changed
	c.fill("#old_password", "Open-Sesame-1", "#new_password", "Open-Sesame-2", "#confirm_password", "Open-Sesame-2")
	c.press("#change_password_button")
	c.says("Your password was changed.")
	c.see("/iam/users")
	c.see("/billing") // which root may have opened to whom a policy lets in
	require.Regexp(c.t, "not activated|not authorized to perform: aws-portal:ViewBilling", string(c.eval(c.t, "document.body.innerText")))
	c.signOut()
}
