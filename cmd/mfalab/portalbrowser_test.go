//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// A portalDesk is where somebody sits before the portal, in Chromium, with the lab's keys on its bus.
type portalDesk struct {
	*clerkDesk
	name, password string
}

// atPortal goes over to the portal, under those rules, as a user who has no devices.
func (c *clerkDesk) atPortal(t *testing.T, name string, rules ...string) *portalDesk {
	p := &portalDesk{clerkDesk: c, name: name}
	p.rules(t, rules...)
	var u live.PortalDoor
	phone := fmt.Sprintf("+1 555 01%02d", len(name))
	require.NoError(t, json.Unmarshal([]byte(c.do(t, "portal", "user", "add", name, "--email", name+"@example.com", "--phone", phone, "--json")), &u))
	p.password = u.Password
	return p
}

// rules sets those rules, and the others as in a new lab.
func (c *portalDesk) rules(t *testing.T, rules ...string) {
	c.do(t, append([]string{"portal", "set", "mode=always-on", "unenrolled=register", "idp=internal", "theme=identity-center"}, rules...)...)
}

// comes waits until the page of the portal at that path is there.
func (c *portalDesk) comes(path string) { c.t.Helper(); c.where("/portal" + path) }

// visits opens a page of the portal.
func (c *portalDesk) visits(path string) {
	c.t.Helper()
	c.open(c.t, c.base()+"/portal"+path)
	c.picture()
}

func (c *portalDesk) enters() {
	c.t.Helper()
	c.visits("/signin")
	c.fill("#username", c.name, "#password", c.password)
	c.press("#signin_button")
}

func (c *portalDesk) text(selector string) (s string) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal(c.eval(c.t, `document.querySelector("`+selector+`").innerText`), &s))
	return s
}

func (d *clerkDesk) enrolled(t *testing.T) {
	c := d.atPortal(t, "pat", "mode=context-aware")
	c.plugIn(t, "--touch", "auto")
	c.enters()
	c.comes("/enrol")
	c.fill("#device_name", "phone")
	c.press("#next_button")
	var seed string
	require.NoError(t, json.Unmarshal(c.eval(t, `document.querySelector("#secret_key").textContent`), &seed))
	app := strings.Fields(c.do(t, "app", "scan", "otpauth://totp/phone?secret="+seed))[0]
	read := func() string {
		var shown live.Shown
		require.NoError(t, json.Unmarshal([]byte(c.do(t, "app", "code", app, "--json")), &shown))
		return shown.Code
	}
	c.fill("#code", read())
	c.press("#assign_button")
	c.comes("/home")
	c.says("PASSWORD,TOTP")

	// A key besides, which signs in and makes the device a trusted one.
	c.press("#mfa_section")
	c.press("#register_device")
	c.fill("#device_name", "blue & red #1", "#type_key", "")
	c.press("#next_button")
	c.comes("/devices")
	c.says("blue & red #1")
	c.press("#signout")
	c.enters()
	c.comes("/signin/mfa")
	c.fill("#U2fKey .trust", "")
	c.press("#try_key")
	c.comes("/home")
	c.says("PASSWORD,WEBAUTHN")
	c.press("#signout")
	c.enters()
	c.comes("/home")
	require.Equal(t, "no", c.text("#mfa_used"), "the device is trusted")
	c.press("#signout")
	c.do(t, "portal", "set", "mode=always-on")
	c.do(t, "clock", "advance", "30s")
	c.enters()
	c.fill("#code", read())
	c.press("#code_button")
	c.comes("/home")
	c.press("#signout")
	c.leaves("phone")
}

// leaves looks at the page of devices with all that can be opened on it, and takes one away.
func (c *portalDesk) leaves(name string) {
	c.t.Helper()
	c.do(c.t, "portal", "set", "mode=never")
	c.enters()
	c.comes("/home")
	require.Equal(c.t, "no", c.text("#mfa_used"))
	c.press("#mfa_section")
	c.eval(c.t, `(document.querySelectorAll("details").forEach(d => { d.open = true; d.id = "open"; }), 1)`)
	c.look()
	c.press(`button[aria-label="Remove ` + name + `"]`)
	c.says("The device was removed.")
	c.press("#signout")
}

func (d *clerkDesk) tenants(t *testing.T) {
	c := d.atPortal(t, "paula", "theme=tenant")
	c.enters()
	c.comes("/signin/mfa")
	c.press("#send_button")
	c.visits("/inbox")
	sms := regexp.MustCompile(`is (\d{6})`).FindStringSubmatch(c.text("#main"))
	require.NotNil(t, sms)
	c.visits("/signin/mfa")
	c.fill("#sent_code", sms[1])
	c.press("#sent_button")
	c.says("PASSWORD,SMS_OTP")
	c.press("#mfa_section")
	c.press("#new_recovery")
	recovery := strings.TrimSpace(c.text("#recovery_codes code"))
	c.press("#register_device")
	c.fill("#device_name", "red fob", "#type_fob", "")
	c.press("#next_button")
	serial := c.do(t, "fob", "new", "--profile", "rsa60")
	c.fill("#serial", serial, "#code1", c.code(serial))
	c.press("#assign_button")
	c.says("The device was registered.")
	c.press("#signout")
	for _, says := range []string{"PASSWORD,RECOVERY_CODE", "That code is not right."} {
		c.enters()
		c.fill("#recovery_code", recovery)
		c.press("#recovery_button")
		c.says(says)
		c.visits("/home")
		if says != "That code is not right." {
			c.press("#signout")
		}
	}
	c.do(t, "clock", "advance", "60s")
	c.enters()
	c.fill("#code", c.code(serial))
	c.press("#code_button")
	c.says("PASSWORD,TOTP")
	c.press("#signout")
}

// modes is what becomes of somebody who has no device, and where somebody else signs people in.
func (d *clerkDesk) modes(t *testing.T) {
	c := d.atPortal(t, "paul", "unenrolled=block")
	c.enters()
	c.says("no MFA device")
	c.rules(t, "unenrolled=allow")
	c.enters()
	c.comes("/home")
	require.Equal(t, "no", c.text("#mfa_used"))
	c.press("#signout")

	c.rules(t, "unenrolled=email")
	c.enters()
	c.comes("/signin/mfa")
	c.press("#send_button")
	c.visits("/inbox")
	code := regexp.MustCompile(`is (\d{6})`).FindStringSubmatch(c.text("#main"))
	require.NotNil(t, code)
	c.visits("/signin/mfa")
	c.fill("#sent_code", "000000")
	c.press("#sent_button")
	c.says("That code is not right.")
	c.fill("#sent_code", code[1])
	c.press("#sent_button")
	c.says("PASSWORD,EMAIL_OTP")
	c.press("#signout")

	c.rules(t, "idp=external")
	c.visits("")
	c.comes("/idp")
	c.fill("#username", c.name, "#password", "guess")
	c.press("#idp_button")
	c.comes("/idp")
	c.fill("#password", c.password)
	c.press("#idp_button")
	c.comes("/home")
	c.says("EXTERNAL_IDP")
	c.hasNot("#mfa_section")
	c.visits("/devices")
	c.says("their devices are there")
	c.press("#signout")
	c.rules(t)
}
