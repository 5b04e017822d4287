package docs_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
)

var consoleFigures = []figure{{
	what:    "console: a sign-in page from the server",
	bound:   below(5e6, "5 ms"),
	show:    span,
	how:     "`GET /console/signin/user` of a lab in its directory, a browser's cookie with it, gzip, over one kept connection.",
	measure: func(t *testing.T) measured { return repeatedly(t, atTheConsole(t).page("/signin/user")) },
}, {
	what:  "console: a POST with a code",
	bound: below(10e6, "10 ms"),
	show:  span,
	how: "`POST /console/signin/mfa` with a wrong code, which is judged, counted and stored as a right one is. The password and its hash\n" +
		"come before: they are another request.",
	measure: func(t *testing.T) measured { return repeatedly(t, atTheConsole(t).code) },
}, {
	what:    "console: the heaviest page, compressed",
	bound:   below(100<<10, "100 KiB"),
	show:    func(bytes float64) string { return number(bytes/1024) + " KiB" },
	how:     "Every page that the console's navigation leads to and the one with a QR picture, each with its style sheet and its script, as gzip sends them.",
	measure: func(t *testing.T) measured { return repeatedly(t, atTheConsole(t).weight) },
}}

// A visitor is somebody before the console of a lab.
type visitor struct {
	http.Client
	lab   *live.Lab
	base  string
	door  live.Door
	form  string
	ready bool // a device is enrolled
}

// atTheConsole opens a lab with its console on a port.
func atTheConsole(t *testing.T) *visitor {
	v := &visitor{}
	server := httptest.NewUnstartedServer(nil)
	v.lab = opened(t, live.Options{Dir: t.TempDir(), Seed: "performance", Virtual: true,
		Set: []string{"rp-origin=http://" + strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)}})
	t.Cleanup(func() { require.NoError(t, v.lab.Close()) })
	server.Config.Handler = console.New(console.Config{IAM: v.lab.IAM(), Clock: v.lab.Clock().Now})
	server.Start()
	t.Cleanup(server.Close)
	v.base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + console.Root
	var err error
	v.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	v.door, err = v.lab.OpenDoor(t.Context(), false)
	require.NoError(t, err)
	return v
}

var markOfForm = regexp.MustCompile(`name="form" value="([^"]+)"`)

// took reads an answer, and remembers the mark of its forms.
func (v *visitor) took(t *testing.T, r *http.Response, err error) string {
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	if m := markOfForm.FindSubmatch(b); m != nil {
		v.form = string(m[1])
	}
	return string(b)
}

// open asks for a page.
func (v *visitor) open(t *testing.T, path string) string {
	r, err := v.Get(v.base + path)
	return v.took(t, r, err)
}

// post sends a form.
func (v *visitor) post(t *testing.T, path string, fields ...string) string {
	form := url.Values{"form": {v.form}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := v.PostForm(v.base+path, form)
	return v.took(t, r, err)
}

// page measures how long a page takes.
func (v *visitor) page(path string) func(t *testing.T) float64 {
	return func(t *testing.T) float64 {
		const times = 100
		began := time.Now()
		for range times {
			v.open(t, path)
		}
		return float64(time.Since(began)) / times
	}
}

// signs gives the password of the account's first user.
func (v *visitor) signs(t *testing.T) string {
	v.open(t, "/"+v.door.Account)
	return v.post(t, "/signin/user", "account", v.door.Account, "username", v.door.Users[1].Name, "password", v.door.Users[1].Password)
}

// code measures a code, after a device has been enrolled and a password given.
func (v *visitor) code(t *testing.T) float64 {
	const times = 20
	if !v.ready {
		v.ready = true
		fob, err := v.lab.NewFob(t.Context(), live.FobSpec{})
		require.NoError(t, err)
		var codes [2]string
		for i := range codes {
			shown, err := v.lab.Press(t.Context(), live.Fobs, fob.Serial, live.PressOptions{Next: true})
			require.NoError(t, err)
			codes[i] = shown.Code
		}
		call(t, v.lab, "EnableMFADevice", "UserName", live.Administrator, "SerialNumber", fob.Serial, "AuthenticationCode1", codes[0], "AuthenticationCode2", codes[1])
	}
	require.Contains(t, v.signs(t), "mfaCode")
	began := time.Now()
	for range times {
		require.Contains(t, v.post(t, "/signin/mfa", "mfaCode", "000000"), "incorrect")
	}
	return float64(time.Since(began)) / times
}

// weight is the heaviest page with what it loads.
func (v *visitor) weight(t *testing.T) float64 {
	v.signs(t)
	size := func(path string) int { return v.weighs(t, v.base+path) }
	besides, heaviest := size("/static/console.css")+size("/static/console.js"), 0
	for _, path := range []string{"/signin", "/home", "/iam/users", "/iam/users/" + live.Administrator, "/iam/me", "/iam/groups", "/iam/settings", "/billing", "/inbox", "/app", "/switchrole",
		"/iam/mfa/" + live.Administrator + "/assign"} {
		heaviest = max(heaviest, size(path))
	}
	v.open(t, "/iam/mfa/"+live.Administrator+"/assign")
	r, err := v.PostForm(v.base+"/iam/mfa/"+live.Administrator+"/assign", url.Values{"form": {v.form}, "type": {"virtual"}, "device_name": {rand.Text()}})
	require.Contains(t, v.took(t, r, err), `id="qr_code"`)
	heaviest = max(heaviest, v.weighs(t, r.Request.URL.String()))
	return float64(besides + heaviest)
}

// weighs is what a page weighs as gzip sends it.
func (v *visitor) weighs(t *testing.T, address string) int {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := v.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_, err = gzip.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	return len(b)
}

// call does an operation of IAM as root.
func call(t *testing.T, lab *live.Lab, action string, params ...string) {
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	now, wall := lab.Clock().Now()
	_, err := lab.IAM().Do(t.Context(), iam.Call{Service: "iam", Action: action, Params: form, Caller: lab.IAM().RootCaller(), Now: now, Wall: wall})
	require.NoError(t, err)
}
