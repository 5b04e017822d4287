//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// These parts play the scripts that the web is full of: they know the names of elements and nothing else. AWS MFA, Section 6.2.

// inGeneration sits down before a lab that shows the pages of that year, where the administrator has a fob.
func (c *clerkDesk) inGeneration(t *testing.T, year string) (lab *clerkDesk, code func() string) {
	lab = &clerkDesk{desk: &desk{Context: c.Context, browser: c.browser}, t: t}
	lab.dir, lab.owner = detached(t, append(standing, "--set", "signin-page="+year)...)
	require.NoError(t, json.Unmarshal([]byte(lab.do(t, "console", "--json")), &lab.door))
	lab.administer()
	lab.see("/iam/me")
	serial := lab.fob()
	lab.signOut()
	return lab, func() string { return lab.code(serial) }
}

// has reports which of the elements there are, and that each is there once.
func (c *clerkDesk) has(selectors ...string) {
	c.t.Helper()
	for _, s := range selectors {
		require.Equal(c.t, "1", string(c.eval(c.t, fmt.Sprintf("document.querySelectorAll(%q).length", s))), "%s at\n%s", s, c.sight())
	}
}

// hasNot reports that there are none of the elements.
func (c *clerkDesk) hasNot(selectors ...string) {
	c.t.Helper()
	for _, s := range selectors {
		require.Equal(c.t, "0", string(c.eval(c.t, fmt.Sprintf("document.querySelectorAll(%q).length", s))), "%s at\n%s", s, c.sight())
	}
}

// captcha is what scripts look for, and find here never: the lab wants no pictures read.
var captcha = []string{"#captcha_container", "#captcha_image", "#captchaGuess", "#submit_captcha"}

// password gives the administrator's name and password on the page of an account's users.
func (c *clerkDesk) password() {
	c.t.Helper()
	c.hasNot(captcha...)
	c.fill("#account", c.door.Account, "#username", c.door.Users[1].Name, "#password", c.door.Users[1].Password)
}

// isIn reports that the administrator has signed in, and signs out.
func (c *clerkDesk) isIn() {
	c.t.Helper()
	c.at("/home")
	require.Equal(c.t, fmt.Sprintf("%q", c.door.Users[1].Name+" @ "+c.door.Account), string(c.eval(c.t, `document.querySelector("#nav-usernameMenu").textContent`)))
	c.press("a#aws-console-logout")
}

// rootAtOldPages signs root in on the Amazon style pages, wrongly first.
func (c *clerkDesk) rootAtOldPages() {
	c.t.Helper()
	c.see("/iam/me") // signed out: it leads to the chooser
	c.at("/signin")
	c.has("#root_user_radio_button", "#iam_user_radio_button", "#resolving_input", "#next_button")
	c.fill("#root_user_radio_button", "", "#resolving_input", c.door.Users[0].Name)
	c.press("#next_button")
	c.hasNot(captcha...)
	c.fill("#ap_password", c.door.Users[0].Password)
	c.press("#signInSubmit-input")
	c.at("/home")
	c.see("/iam/me")
	serial := c.fob()
	c.signOut()
	c.see("/signin/user")
	c.press("#root_account_signin")
	c.fill("#ap_email", c.door.Users[0].Name, "#ap_password", c.door.Users[0].Password)
	c.press("#signInSubmit-input")
	c.has("#ap_signin_authentication_device_section_title", "#ap_signin_authentication_device_info", "#ap_tokenCode[name=tokenCode]")
	c.fill("#ap_tokenCode", c.code(serial))
	c.press("#signInSubmit-input")
	c.at("/home")
	c.press("a#aws-console-logout")
}

func (c *clerkDesk) of2023(t *testing.T) {
	serial := c.fobOf("script")
	c.see("/signin")
	c.has("#root_user_radio_button", "#iam_user_radio_button", "#resolving_input", "#next_button")
	c.hasNot(captcha...)
	c.fill("#iam_user_radio_button", "", "#resolving_input", c.door.Account)
	c.press("#next_button")
	c.has("#root_account_signin")
	c.fill("#account", c.door.Account, "#username", "script", "#password", "guess")
	c.press("#signin_button")
	for _, where := range []string{"#main_message", ".mainError"} {
		require.Equal(t, `"Your authentication information is incorrect. Please try again."`,
			string(c.eval(t, fmt.Sprintf("document.querySelector(%q).innerText", where))))
	}
	c.fill("#password", "Open-Sesame-1")
	c.press("#signin_button")
	c.has("#mfaCode", "input[name=mfaCode]")
	c.fill(`input[name=mfaCode][autocomplete="one-time-code"]`, c.code(serial))
	c.press("#main form button")
	c.at("/home")
	c.has("#nav-usernameMenu")
	c.see("/switchrole?account=" + c.door.Account)
	c.has("#account", "#roleName", "#displayName")
	c.fill("#roleName", "nobody", "#displayName", "QA")
	c.press("#input_switchrole_button")
	c.says("Invalid information in one or more fields. Check your information or contact your administrator.")
	c.press("a#aws-console-logout")
}

func (c *clerkDesk) of2017(t *testing.T) {
	outer := c // whose lab has the bus that the browser sees
	c, code := c.inGeneration(t, "2017")
	c.see("/signin/user")
	c.password()
	c.press("#signin_button")
	c.eval(t, `document.querySelector("#mfacode").value = "111111"`)
	require.Equal(t, "true", string(c.eval(t, `document.querySelector("#submitMfa_button").disabled`)), "it needs an input event")
	require.Equal(t, "true", string(c.eval(t, `document.querySelector("#mfa_container #mfa_display_text").textContent !== ""`)))
	c.fill("#mfacode", code())
	c.press("#submitMfa_button")
	c.isIn()

	// With a key besides there is a choice, and both ways go on.
	c.do(t, "clock", "advance", "30s")
	outer.plugIn(t, "--touch", "auto")
	c.see("/signin/user")
	c.password()
	c.press("#signin_button")
	c.fill("#mfacode", code())
	c.press("#submitMfa_button")
	c.see("/iam/me")
	c.assign("key", "blue")
	c.at("/iam/users/" + c.door.Users[1].Name)
	c.signOut()
	c.do(t, "clock", "advance", "30s")
	for _, kind := range []string{"SWHW", "U2F"} {
		c.see("/signin/user")
		c.password()
		c.press("#signin_button")
		c.has("#multi_mfa_container", "#remember_mfa_checkbox", "#next_multi")
		c.fill(fmt.Sprintf(`#multi_mfa_container [ng-model="mfaOption"][value=%q]`, kind), "")
		c.press("#next_multi")
		if kind == "SWHW" {
			c.fill("#mfacode", code())
			c.press("#submitMfa_button")
		}
		c.isIn()
	}
	c.rootAtOldPages()
}

func (c *clerkDesk) of2012(t *testing.T) {
	c, code := c.inGeneration(t, "2012")
	c.see("/signin/user")
	require.Equal(t, "true", string(c.eval(t, `document.querySelector("#mfa_fields").hidden`)))
	c.says("I have an MFA Token")
	c.password()
	c.fill("#mfacheck", "")
	c.says("Authentication Code")
	c.fill("#mfacode", code())
	c.press("#signin_button")
	c.isIn()
	c.rootAtOldPages()
}

// front looks at the lab's first page, from which one comes to console and portal.
func (c *clerkDesk) front(t *testing.T) {
	for _, door := range []string{"console", "portal"} {
		c.open(t, c.base()+"/")
		c.look()
		c.press("#" + door)
		c.where("/" + door + "/signin")
	}
}
