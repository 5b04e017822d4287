package site_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/portal"
	"github.com/mfalab/mfalab/sim/portal/site"
)

// A lab is an account with the portal's pages in front. Its time stands still unless moved.
type lab struct {
	t      *testing.T
	portal *portal.Directory
	base   string
	now    time.Time
}

func newLab(t *testing.T, rules ...string) *lab { return newLabWith(t, iam.Defaults(), rules...) }

func newLabWith(t *testing.T, settings iam.Settings, rules ...string) *lab {
	l := &lab{t: t, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	store := memory.New()
	t.Cleanup(func() { _ = store.Close() })
	account, err := iam.New(t.Context(), iam.Config{Store: store, Chance: sim.NewChance([]byte("site")), Settings: settings}, l.now)
	require.NoError(t, err)
	l.portal = portal.New(account)
	server := httptest.NewServer(site.New(site.Config{Directory: l.portal, Clock: func() (time.Time, time.Time) { return l.now, l.now }}))
	t.Cleanup(server.Close)
	l.base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/portal"
	l.add("pat", "+1 555 0101")
	_, err = l.portal.SetRules(t.Context(), portal.At{Now: l.now}, append([]string{"mode=always-on"}, rules...))
	require.NoError(t, err)
	return l
}

func (l *lab) add(name, phone string) {
	_, err := l.portal.AddUser(l.t.Context(), portal.At{Now: l.now}, portal.NewUser{Name: name, Email: "p@example.com", Phone: phone, Password: "opensesame"})
	require.NoError(l.t, err)
}

// A browser keeps cookies, follows redirects and remembers the page that it shows.
type browser struct {
	*http.Client
	l      *lab
	at     *url.URL
	status int
	page   string
}

func (l *lab) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(l.t, err)
	return &browser{Client: &http.Client{Jar: jar}, l: l}
}

func (b *browser) took(r *http.Response, err error) *browser {
	b.l.t.Helper()
	require.NoError(b.l.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(b.l.t, err)
	b.at, b.status, b.page = r.Request.URL, r.StatusCode, string(body)
	return b
}

func (b *browser) open(path string) *browser { b.l.t.Helper(); return b.took(b.Get(b.l.base + path)) }

var formField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// send sends a form of the page that is shown.
func (b *browser) send(path string, fields ...string) *browser {
	b.l.t.Helper()
	form := url.Values{}
	if m := formField.FindStringSubmatch(b.page); m != nil {
		form.Set("form", m[1])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.took(b.PostForm(b.l.base+path, form))
}

func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.l.base)
	require.NoError(b.l.t, err)
	for _, k := range b.Jar.Cookies(u) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

func (b *browser) signIn() *browser {
	b.l.t.Helper()
	return b.open("/signin").send("/signin", "username", "pat", "password", "opensesame")
}

// code is what an app with that seed shows.
func (l *lab) code(seed string) string {
	c, err := totp.GenerateCode(seed, l.now)
	require.NoError(l.t, err)
	return c
}

// enrol registers an app at the sign-in.
func (b *browser) enrol() (code func() string) {
	b.l.t.Helper()
	b.send("/enrol", "type", "app", "device_name", "phone")
	require.Equal(b.l.t, "/portal/enrol/app", b.at.Path)
	seed := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(b.page)
	require.NotNil(b.l.t, seed, b.page)
	code = func() string { return b.l.code(seed[1]) }
	b.send("/enrol/app", "code", code())
	require.Equal(b.l.t, "/portal/home", b.at.Path, b.page)
	b.l.now = b.l.now.Add(30 * time.Second)
	return code
}

func TestEnrolmentAtTheSignIn(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn()
	require.Equal(t, "/portal/enrol", b.at.Path)
	code := b.enrol()
	require.Contains(t, b.page, "PASSWORD,TOTP")
	require.Contains(t, b.open("/devices").page, "authenticator app")
	b.send("/signout")
	require.Contains(t, b.page, "You have signed out.")
	b.signIn()
	require.Equal(t, "/portal/signin/mfa", b.at.Path)
	b.send("/signin/code", "code", "000000")
	require.Equal(t, http.StatusForbidden, b.status)
	require.Contains(t, b.page, "That code is not right.")
	require.Equal(t, "/portal/home", b.send("/signin/code", "code", code()).at.Path)
}

func TestACookieOfBeforeTheSignInIsWorthNothingAfterIt(t *testing.T) {
	l := newLab(t)
	b := l.browser()
	b.open("/signin")
	before := b.cookie("mfalab-portal-visit")
	b.signIn()
	require.NotEqual(t, before, b.cookie("mfalab-portal-visit"))
	thief := l.browser()
	u, err := url.Parse(l.base)
	require.NoError(t, err)
	thief.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-portal-visit", Value: before, Path: "/portal"}})
	require.Equal(t, "/portal/signin", thief.open("/enrol").at.Path)
	under := b.cookie("mfalab-portal-visit")
	b.enrol()
	require.Empty(t, b.cookie("mfalab-portal-visit"))
	thief.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-portal-session", Value: under, Path: "/portal"}})
	require.Equal(t, "/portal/signin", thief.open("/home").at.Path)
}

func TestAFormOfAnotherPageIsRefused(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn()
	b.enrol()
	other := l.browser().open("/signin").page
	for _, path := range []string{"/signin", "/signin/code", "/signin/send", "/enrol", "/devices/new", "/devices/recovery", "/devices/x/remove", "/signout", "/idp"} {
		for _, page := range []string{"", other} {
			b.page = page
			require.Equal(t, http.StatusForbidden, b.send(path, "username", "pat", "password", "opensesame").status, path)
		}
	}
	require.Equal(t, "/portal/home", b.open("/home").at.Path, "the session lives")
}

func TestWhatAPageShowsIsText(t *testing.T) {
	l := newLab(t, "theme=tenant")
	const script = `<script>alert(1)</script>`
	l.add(script[1:7]+`"><b>`, "+1 555 0102")
	b := l.browser()
	require.NotContains(t, b.open("/signin").send("/signin", "username", script, "password", "x").page, script)
	b.open("/signin").send("/signin", "username", `script"><b>`, "password", "opensesame").send("/signin/send", "via", "sms")
	require.NotContains(t, b.open("/inbox").page, `"><b>`)
	require.Contains(t, b.page, "&lt;b&gt;")
	require.NotContains(t, b.open("/idp?request="+url.QueryEscape(script)).page, script)
	r, err := b.Get(l.base + "/signin?done=" + url.QueryEscape(script))
	require.NotContains(t, b.took(r, err).page, script)
	require.Contains(t, r.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	for _, inline := range []string{"<script>", "style=", "onclick"} {
		require.NotContains(t, b.page, inline)
	}
}

func TestTheTenantsFactors(t *testing.T) {
	l := newLab(t, "theme=tenant")
	b := l.browser().signIn()
	require.Contains(t, b.page, "Text message")
	b.send("/signin/send", "via", "sms")
	require.Contains(t, b.page, "A code went to •••01.")
	again := l.browser().signIn().send("/signin/send", "via", "sms")
	require.Contains(t, again.page, "Wait before you ask for another.")
	phone := l.browser().open("/inbox")
	sms := regexp.MustCompile(`is (\d{6})`).FindStringSubmatch(phone.page)[1]
	b.open("/signin/mfa").send("/signin/sent", "sent_code", sms)
	require.Equal(t, "/portal/home", b.at.Path)
	b.open("/devices").send("/devices/recovery")
	codes := regexp.MustCompile(`<li><code>([A-Z2-7-]{11})</code>`).FindAllStringSubmatch(b.page, -1)
	require.Len(t, codes, 10)
	require.NotContains(t, b.open("/devices").page, codes[0][1], "they are shown once")
	b.send("/signout")
	b.signIn().send("/signin/recovery", "recovery_code", codes[0][1])
	require.Contains(t, b.page, "PASSWORD,RECOVERY_CODE")
	b.send("/signout")
	b.signIn().send("/signin/recovery", "recovery_code", codes[0][1])
	require.Contains(t, b.page, "That code is not right.")
}

func TestAnExternalIdentityProvider(t *testing.T) {
	l := newLab(t, "idp=external")
	b := l.browser().open("")
	require.Equal(t, "/portal/idp", b.at.Path)
	request := b.at.Query().Get("request")
	b.send("/idp", "request", request, "username", "pat", "password", "opensesame")
	require.Contains(t, b.page, "EXTERNAL_IDP")
	require.NotContains(t, b.page, "mfa_section")
	require.Equal(t, http.StatusNotFound, b.open("/devices").status)
	victim := l.browser().open("/acs?request=" + request + "&code=x")
	require.Contains(t, victim.page, "not one to this sign-in")
	_, err := l.portal.SetRules(t.Context(), portal.At{Now: l.now}, []string{"idp=internal"})
	require.NoError(t, err)
	require.Contains(t, b.open("/home").page, "mfa_section")
}

func TestCookiesStayHere(t *testing.T) {
	l := newLab(t)
	r, err := l.browser().Get(l.base + "/signin")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Len(t, r.Cookies(), 1)
	k := r.Cookies()[0]
	require.True(t, k.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, k.SameSite)
	require.Equal(t, "/portal", k.Path)
}
