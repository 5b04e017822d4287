package site_test

import (
	"crypto/tls"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/portal/site"
)

// together sends a form of the page that is shown so many times at once, and returns where each is sent, "" for nowhere.
func (b *browser) together(times int, path string, fields ...string) []string {
	b.l.t.Helper()
	m := formField.FindStringSubmatch(b.page)
	require.NotNil(b.l.t, m)
	form := url.Values{"form": {m[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	once := *b.Client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	places := make([]string, times)
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			if r, err := once.PostForm(b.l.base+path, form); err == nil {
				places[i] = r.Header.Get("Location")
				r.Body.Close()
			}
		})
	}
	all.Wait()
	return places
}

// count is how many are equal to that.
func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// devices are those of pat.
func (l *lab) devices() (names []string) {
	users, err := l.portal.Users(l.t.Context())
	require.NoError(l.t, err)
	for _, d := range users[0].Devices {
		names = append(names, d.Name)
	}
	return names
}

func TestNoFormOfAnotherSiteChangesAnything(t *testing.T) {
	l := newLab(t, "theme=tenant")
	b := l.browser().signIn()
	b.send("/signin/send", "via", "sms")
	sms := regexp.MustCompile(`is (\d{6})`).FindStringSubmatch(l.browser().open("/inbox").page)
	b.send("/signin/sent", "sent_code", sms[1])
	require.Equal(t, "/portal/home", b.at.Path)
	before, err := l.portal.Users(t.Context())
	require.NoError(t, err)
	paths := []string{"/signin", "/signin/code", "/signin/codes", "/signin/send", "/signin/sent", "/signin/recovery", "/signin/key/begin",
		"/signin/key/finish", "/idp", "/signout", "/devices/recovery"}
	for _, at := range []string{"/enrol", "/devices/new"} {
		paths = append(paths, at, at+"/app", at+"/fob", at+"/key/begin", at+"/key/finish")
	}
	for _, what := range []string{"rename", "remove", "resync"} {
		paths = append(paths, "/devices/x/"+what)
	}
	for _, path := range paths {
		for _, page := range []string{"", `name="form" value="AAAA"`, `name="form" value="` + strings.Repeat("A", 86) + `"`} {
			b.page = page
			require.Equal(t, http.StatusForbidden, b.send(path, "device_name", "evil", "type", "app", "name", "evil").status, path)
		}
		r, err := b.Get(l.base + path) // nor does a link
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
	}
	after, err := l.portal.Users(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, "/portal/home", b.open("/home").at.Path)
}

func TestNoPageCanBeFramedOrBeMadeToRunWhatStandsInIt(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn()
	b.enrol()
	inline := regexp.MustCompile(`<script(\s+defer)?>|<script[^>]*src="(https?:)?//|\son\w+=|\sstyle=|javascript:|<link[^>]*href="(https?:)?//`)
	for _, path := range []string{"/signin", "/signin/mfa", "/enrol", "/home", "/devices", "/devices/new", "/devices/new/key?name=" + url.QueryEscape(`"><script>`),
		"/inbox", "/idp?request=" + url.QueryEscape(`"><script>`), "/acs?code=" + url.QueryEscape(`<script>`), "/no-such"} {
		r, err := b.Get(l.base + path)
		b.took(r, err)
		policy := r.Header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			require.Contains(t, policy, rule, path)
		}
		require.NotContains(t, policy, "unsafe", path)
		require.Equal(t, "DENY", r.Header.Get("X-Frame-Options"), path)
		require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"), path)
		require.NotRegexp(t, inline, b.page, path)
	}
}

// A device may be called anything, and stays a name: on the page, in what is read aloud, and in the address of the next step.
func TestTheNameOfADeviceIsAName(t *testing.T) {
	const script = `"><script>alert(1)</script>&name=x#y`
	l := newLab(t)
	b := l.browser().signIn()
	b.enrol()
	b.open("/devices/new").send("/devices/new", "type", "key", "device_name", script)
	require.Equal(t, script, b.at.Query().Get("name"))
	require.NotContains(t, b.page, "<script>alert")
	m := regexp.MustCompile(`data-query="([^"]*)"`).FindStringSubmatch(b.page)
	require.NotNil(t, m, b.page)
	u, err := url.Parse("/begin" + html.UnescapeString(m[1]))
	require.NoError(t, err)
	require.Equal(t, script, u.Query().Get("name"), "as the page's script asks")
	id := regexp.MustCompile(`/portal/devices/([^/"]+)/rename`).FindStringSubmatch(b.open("/devices").page)[1]
	b.send("/devices/"+id+"/rename", "name", script)
	require.Contains(t, b.page, "The device has another name.")
	require.Equal(t, []string{script}, l.devices())
	require.Contains(t, b.page, "&lt;script&gt;alert(1)")
	require.NotContains(t, b.page, "<script>alert")
}

func TestCookiesAreSecureWhereThereIsTLS(t *testing.T) {
	l := newLab(t)
	w := httptest.NewRecorder()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost/portal/signin", nil)
	q.TLS = &tls.ConnectionState{}
	site.New(site.Config{Directory: l.portal, Clock: func() (time.Time, time.Time) { return l.now, l.now }}).ServeHTTP(w, q)
	require.Len(t, w.Result().Cookies(), 1)
	require.True(t, w.Result().Cookies()[0].Secure)
	b := l.browser()
	var set []*http.Cookie
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error { set = append(set, r.Response.Cookies()...); return nil }
	b.signIn()
	b.enrol()
	require.NotEmpty(t, set)
	for _, k := range set {
		require.True(t, k.HttpOnly, k.Name)
		require.Equal(t, http.SameSiteStrictMode, k.SameSite, k.Name)
		require.Equal(t, []string{"/portal", ""}, []string{k.Path, k.Domain}, k.Name)
	}
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	for _, idp := range []string{"internal", "external"} {
		l := newLab(t, "idp="+idp)
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for _, path := range []string{"//evil.test", "?next=//evil.test", "/signin?done=//evil.test", "/signin?redirect_uri=https://evil.test", `/\evil.test`,
			"/%2f%2fevil.test", "/..//evil.test", "/acs?RelayState=https://evil.test&request=https://evil.test&code=x", "/idp?request=https://evil.test"} {
			r, err := client.Get(l.base + path)
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
			if to := r.Header.Get("Location"); to != "" {
				u, err := r.Request.URL.Parse(to)
				require.NoError(t, err)
				require.Equal(t, "localhost", u.Hostname(), "%s leads to %s", path, to)
			}
		}
		if idp == "external" {
			b := l.browser().open("/idp?request=" + url.QueryEscape("https://evil.test"))
			require.Equal(t, "localhost", b.send("/idp", "request", "https://evil.test", "username", "pat", "password", "opensesame").at.Hostname())
		}
	}
}

// Wrong codes count for the device, wrong passwords for the user, whichever browser they come from and whenever.
func TestManyBrowsersHaveNoMoreTriesThanOne(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn()
	code := b.enrol()
	var all sync.WaitGroup
	for range 6 {
		other := l.browser().signIn()
		all.Go(func() {
			form := url.Values{"form": {formField.FindStringSubmatch(other.page)[1]}, "code": {"000000"}}
			if r, err := other.PostForm(l.base+"/signin/code", form); err == nil {
				r.Body.Close()
			}
		})
	}
	all.Wait()
	users, err := l.portal.Users(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 6, users[0].Devices[0].Failures)
	require.Contains(t, l.browser().signIn().page, "Several codes were refused: enter two in a row")
	require.Equal(t, "/portal/home", l.browser().signIn().send("/signin/code", "code", code()).at.Path, "without a lockout the right one is let in")

	locking := iam.Defaults()
	locking.Lockout, locking.LockoutTime = 5, time.Hour
	l = newLabWith(t, locking)
	for range 5 {
		l.browser().open("/signin").send("/signin", "username", "pat", "password", "guess")
	}
	require.Equal(t, "/portal/signin", l.browser().signIn().at.Path, "the right password comes too late")
}

func TestAnEnrolmentSentTwiceRegistersOnce(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn()
	b.send("/enrol", "type", "app", "device_name", "phone")
	page := b.page
	seed := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(page)[1]
	places := b.together(4, "/enrol/app", "code", l.code(seed))
	require.Equal(t, 1, count(places, "/portal/home"), places)
	require.Equal(t, []string{"phone"}, l.devices())

	// The browser's button back, and the form again: the sign-in is over, and what it showed is shown no more.
	b = l.browser().signIn()
	l.now = l.now.Add(30 * time.Second)
	require.Equal(t, "/portal/home", b.send("/signin/code", "code", l.code(seed)).at.Path)
	b.page = page
	require.Equal(t, http.StatusForbidden, b.send("/enrol/app", "code", l.code(seed)).status)
	require.NotContains(t, b.open("/enrol/app").page, seed)
	require.Equal(t, []string{"phone"}, l.devices())
	require.Equal(t, "/portal/home", b.open("/home").at.Path, "who has signed in stays signed in")

	// Who has signed in, in two windows: each shows the app that was begun last.
	b.open("/devices/new").send("/devices/new", "type", "app", "device_name", "tablet")
	first := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(b.page)[1]
	old := b.page
	b.open("/devices/new").send("/devices/new", "type", "app", "device_name", "tablet")
	second := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(b.page)[1]
	require.NotEqual(t, first, second)
	b.page = old
	require.Equal(t, http.StatusForbidden, b.send("/devices/new/app", "code", l.code(first)).status, "the first picture is void")
	b.send("/devices/new/app", "code", l.code(second))
	require.Equal(t, []string{"phone", "tablet"}, l.devices())
	b.page = old
	b.send("/devices/new/app", "code", l.code(second))
	require.Contains(t, b.page, "This enrolment is over. Begin again.")
	require.Equal(t, []string{"phone", "tablet"}, l.devices())
}

// Two who know one password, or one person in two browsers.
func TestTwoAtOnce(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn()
	code := b.enrol()
	other := l.browser().signIn().send("/signin/code", "code", code())
	require.Equal(t, "/portal/home", other.at.Path)
	id := regexp.MustCompile(`/portal/devices/([^/"]+)/remove`).FindStringSubmatch(b.open("/devices").page)[1]
	both := []*browser{b, other.open("/devices")}
	places := make([]string, 2)
	var all sync.WaitGroup
	for i, x := range both {
		all.Go(func() { places[i] = x.together(1, "/devices/"+id+"/remove")[0] })
	}
	all.Wait()
	require.ElementsMatch(t, []string{"/portal/devices?done=removed", ""}, places)
	require.Empty(t, l.devices())

	// An SMS code and a recovery code are good for one of them.
	l = newLab(t, "theme=tenant")
	b = l.browser().signIn()
	b.send("/signin/send", "via", "sms")
	sms := regexp.MustCompile(`is (\d{6})`).FindStringSubmatch(l.browser().open("/inbox").page)
	require.Equal(t, 1, count(b.together(3, "/signin/sent", "sent_code", sms[1]), "/portal/home"))
}
