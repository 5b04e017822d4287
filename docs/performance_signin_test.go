package docs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/sim/portal"
	"github.com/mfalab/mfalab/sim/portal/site"
	"github.com/mfalab/mfalab/u2f"
)

var portalFigures = []figure{{
	what:    "portal: a sign-in page from the server",
	bound:   below(5e6, "5 ms"),
	show:    span,
	how:     "`GET /portal/signin`, as the console's.",
	measure: func(t *testing.T) measured { return repeatedly(t, atThePortal(t).page("/signin")) },
}, {
	what:    "portal: a POST with a code",
	bound:   below(10e6, "10 ms"),
	show:    span,
	how:     "`POST /portal/signin/code` with a wrong code, as the console's.",
	measure: func(t *testing.T) measured { return repeatedly(t, atThePortal(t).code) },
}, {
	what:    "portal: the heaviest page, compressed",
	bound:   below(100<<10, "100 KiB"),
	show:    func(bytes float64) string { return number(bytes/1024) + " KiB" },
	how:     "Every page that the portal's navigation leads to, as the console's, and the page with the picture of a QR code.",
	measure: func(t *testing.T) measured { return repeatedly(t, atThePortal(t).weight) },
}}

var signInFigures = []figure{{
	what:  "enrolment and sign-in of a user in headless Chromium, fob",
	bound: below(1.5e9, "1.5 s"),
	show:  span,
	how: "Debian's Chromium is up and shows the console. A user types name and password, assigns a fob by its serial number and two codes,\n" +
		"signs out, types name and password again and a third code: until the dashboard is there. Each page is loaded whole; two comparisons\n" +
		"of a password are part of it.",
	measure: func(t *testing.T) measured { return repeatedly(t, inFrontOfTheConsole(t).byFob) },
}, {
	what:    "enrolment and sign-in of a user in headless Chromium, key",
	bound:   below(1.5e9, "1.5 s"),
	show:    span,
	how:     "Likewise with a key of the lab's on the bus, which touches itself.",
	measure: func(t *testing.T) measured { return repeatedly(t, inFrontOfTheConsole(t).byKey) },
}}

// A caller is somebody before the portal of a lab.
type caller struct {
	visitor
	user live.PortalDoor
	seed string // of the app
}

// atThePortal opens a lab with its portal and its console on a port.
func atThePortal(t *testing.T) *caller {
	c := &caller{}
	c.lab = opened(t, live.Options{Dir: t.TempDir(), Seed: "performance", Virtual: true})
	t.Cleanup(func() { require.NoError(t, c.lab.Close()) })
	server := httptest.NewServer(doors(c.lab))
	t.Cleanup(server.Close)
	c.base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + site.Root
	var err error
	c.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	c.user, err = c.lab.AddPortalUser(t.Context(), portal.NewUser{Name: "kim"})
	require.NoError(t, err)
	return c
}

// doors are console and portal, as `mfalab up` serves them.
func doors(lab *live.Lab) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(console.Root+"/", console.New(console.Config{IAM: lab.IAM(), Clock: lab.Clock().Now}))
	mux.Handle(site.Root+"/", site.New(site.Config{Directory: lab.Portal(), Clock: lab.Clock().Now}))
	return mux
}

// signs gives the password.
func (c *caller) signs(t *testing.T) string {
	c.open(t, "/signin")
	return c.post(t, "/signin", "username", "kim", "password", c.user.Password)
}

// enrols registers an app at the first sign-in.
func (c *caller) enrols(t *testing.T) {
	c.signs(t)
	page := c.post(t, "/enrol", "type", portal.App, "device_name", "phone")
	m := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(page)
	require.NotNil(t, m, page)
	c.seed = m[1]
	now, _ := c.lab.Clock().Now()
	code, err := totp.GenerateCode(c.seed, now)
	require.NoError(t, err)
	require.Contains(t, c.post(t, "/enrol/app", "code", code), "PASSWORD,TOTP")
}

// code measures a code, after an app has been enrolled and a password given.
func (c *caller) code(t *testing.T) float64 {
	const times = 20
	if c.seed == "" {
		c.enrols(t)
	}
	require.Contains(t, c.signs(t), `id="code"`)
	began := time.Now()
	for range times {
		require.Contains(t, c.post(t, "/signin/code", "code", "000000"), "That code is not right.")
	}
	return float64(time.Since(began)) / times
}

// weight is the heaviest page with what it loads.
func (c *caller) weight(t *testing.T) float64 {
	if c.seed == "" {
		c.enrols(t)
		c.post(t, "/devices/new", "type", portal.App, "device_name", "tablet")
	}
	root := strings.TrimSuffix(c.base, site.Root)
	heaviest := 0
	for _, path := range []string{"/signin", "/home", "/devices", "/devices/new", "/devices/new/app", "/inbox"} {
		heaviest = max(heaviest, c.weighs(t, c.base+path))
	}
	return float64(heaviest + c.weighs(t, root+"/console/static/console.css") + c.weighs(t, root+"/console/static/console.js"))
}

// A person sits before Chromium, which shows the console of a lab.
type person struct {
	lab   *live.Lab
	page  context.Context
	base  string
	users int
}

// inFrontOfTheConsole starts a lab with a key that touches itself, and Chromium.
func inFrontOfTheConsole(t *testing.T) *person {
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	p := &person{base: "http://localhost:" + port}
	p.lab = opened(t, live.Options{Dir: t.TempDir(), Seed: "performance", Set: []string{"rp-id=localhost", "rp-origin=" + p.base, "settle=0s"}})
	t.Cleanup(func() { require.NoError(t, p.lab.Close()) })
	require.NoError(t, p.lab.OpenBus(t.Context()))
	_, err = p.lab.NewKey(t.Context(), live.KeySpec{Presence: u2f.Presence{Mode: u2f.Auto}})
	require.NoError(t, err)
	server.Config.Handler = doors(p.lab)
	server.Start()
	t.Cleanup(server.Close)
	p.page = chromiumAt(t, p.lab, p.base+"/console/signin")
	return p
}

// newUser makes a user who may do everything.
func (p *person) newUser(t *testing.T) (name string) {
	p.users++
	name = fmt.Sprintf("user%d", p.users)
	call(t, p.lab, "CreateUser", "UserName", name)
	call(t, p.lab, "CreateLoginProfile", "UserName", name, "Password", "Open-Sesame-1")
	call(t, p.lab, "AttachUserPolicy", "UserName", name, "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	return name
}

// does fills fields, clicks, and waits until the page is there at that path.
func (p *person) does(t *testing.T, path, button string, fields ...string) {
	script := "document.documentElement.dataset.left = 1;"
	for i := 0; i < len(fields); i += 2 {
		value, err := json.Marshal(fields[i+1])
		require.NoError(t, err)
		script += fmt.Sprintf("{ const e = document.querySelector(%q); if (e.type === 'radio') e.click(); else e.value = %s; }", fields[i], value)
	}
	_, err := chromedp.Run(p.page, chromedp.Evaluate[int](script+fmt.Sprintf("document.querySelector(%q).click(), 1", button)))
	require.NoError(t, err)
	p.at(t, path)
}

// at waits until a new page is there at that path.
func (p *person) at(t *testing.T, path string) {
	wanted := fmt.Sprintf(`document.readyState === "complete" && !document.documentElement.dataset.left && location.pathname.match(%q) !== null`, path)
	for {
		// While one page makes place for the next there is nobody to answer.
		there, err := chromedp.Run(p.page, chromedp.Evaluate[bool](wanted))
		require.NoError(t, p.page.Err())
		if err == nil && there {
			return
		}
	}
}

// signIn opens the page and gives the password.
func (p *person) signIn(t *testing.T, name, next string) {
	require.NoError(t, chromedp.Do(p.page, chromedp.Navigate(p.base+"/console/"+p.lab.IAM().Account())))
	p.does(t, next, "#signin_button", "#username", name, "#password", "Open-Sesame-1")
}

func (p *person) byFob(t *testing.T) float64 {
	name := p.newUser(t)
	fob, err := p.lab.NewFob(t.Context(), live.FobSpec{})
	require.NoError(t, err)
	press := func() string {
		shown, err := p.lab.Press(t.Context(), live.Fobs, fob.Serial, live.PressOptions{Next: true})
		require.NoError(t, err)
		return shown.Code
	}
	began := time.Now()
	p.signIn(t, name, "/home$")
	require.NoError(t, chromedp.Do(p.page, chromedp.Navigate(p.base+"/console/iam/mfa/"+name+"/assign")))
	p.does(t, "/assign/.", "#next_button", "#type_hardware", "")
	p.does(t, "/iam/users/", "#add_mfa", "#serial", fob.Serial, "#code1", press(), "#code2", press())
	p.does(t, "/signin$", "#aws-console-logout")
	p.signIn(t, name, "/signin/mfa$")
	p.does(t, "/home$", "#mfa_submit", "#mfaCode", press())
	return float64(time.Since(began))
}

func (p *person) byKey(t *testing.T) float64 {
	name := p.newUser(t)
	began := time.Now()
	p.signIn(t, name, "/home$")
	require.NoError(t, chromedp.Do(p.page, chromedp.Navigate(p.base+"/console/iam/mfa/"+name+"/assign")))
	p.does(t, "/iam/users/", "#next_button", "#type_key", "")
	p.does(t, "/signin$", "#aws-console-logout")
	p.signIn(t, name, "/home$")
	return float64(time.Since(began))
}
