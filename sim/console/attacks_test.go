package console_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/iam"
)

// changing are the forms that change something, for who has signed in and for who has not.
var changing = map[bool][]string{
	true: {"/iam/users", "/iam/users/bob/delete", "/iam/users/bob/password", "/iam/users/bob/keys", "/iam/users/bob/permissions", "/iam/groups",
		"/iam/groups/g/permissions", "/iam/groups/g/delete", "/iam/me/password", "/iam/settings/alias", "/iam/settings/passwords",
		"/iam/mfa/bob/assign", "/iam/mfa/bob/assign/W", "/iam/mfa/bob/assign/W/key/begin", "/iam/mfa/bob/assign/W/key/finish", "/iam/mfa/bob/assign/W/scan",
		"/iam/mfa/bob/orphan", "/iam/mfa/bob/resync", "/iam/mfa/bob/remove", "/billing", "/switchrole", "/switchrole/back"},
	false: {"/signin", "/signin/user", "/signin/root", "/signin/mfa", "/signin/kind", "/signin/resync", "/signin/password", "/signin/key/begin",
		"/signin/key/finish", "/signin/trouble", "/signin/recovery", "/signin/recovery/finish", "/inbox/call", "/app"},
}

func TestNoFormOfAnotherSiteChangesAnything(t *testing.T) {
	l := newLab(t)
	before := l.must("iam", "GetAccountAuthorizationDetails")
	b := l.browser().signInAs("bob")
	for signed, paths := range changing {
		for _, path := range paths {
			for _, page := range []string{"", `name="form" value="AAAA"`, `name="form" value="` + strings.Repeat("A", 86) + `"`} {
				b.page = page
				b.send(path, "user_name", "mallory", "password", "x", "type", "virtual", "alias", "evil", "number", "123456")
				require.Equal(t, http.StatusForbidden, b.status, "%v %s", signed, path)
			}
			r, err := b.Get(l.base() + path + "?what=delete&user_name=mallory")
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
		}
	}
	last := regexp.MustCompile(`<PasswordLastUsed>[^<]*</PasswordLastUsed>`)
	require.Equal(t, last.ReplaceAllString(before, ""), last.ReplaceAllString(l.must("iam", "GetAccountAuthorizationDetails"), ""))

	// The mark of one browser is worth nothing in another, and that of before a sign-in nothing after it.
	other := l.browser().signInAs("bob")
	b.page = other.open("/iam/users").page
	require.Equal(t, http.StatusForbidden, b.send("/iam/users", "user_name", "mallory").status)
	b.page = l.browser().open("/signin").page
	require.Equal(t, http.StatusForbidden, b.send("/iam/users", "user_name", "mallory").status)
	first := b.open("/iam/users").page
	require.NotEqual(t, first, b.open("/iam/users").page, "a mark looks different each time")
}

func TestNoPageCanBeFramedOrBeMadeToRunWhatStandsInIt(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	inline := regexp.MustCompile(`<script(\s+defer)?>|<script[^>]*src="(https?:)?//|\son\w+=|\sstyle=|javascript:|<link[^>]*href="(https?:)?//`)
	for _, path := range []string{"/signin", "/signin/user", "/signin/root", "/home", "/iam/users", "/iam/users/bob", "/iam/me", "/iam/groups",
		"/iam/settings", "/billing", "/switchrole", "/inbox", "/app", "/iam/mfa/bob/assign", "/static/console.js", "/no-such", "/iam/policy?arn=" + url.QueryEscape(`"><script>`)} {
		r, err := b.Get(l.base() + path)
		b.took(r, err)
		policy := r.Header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			require.Contains(t, policy, rule, path)
		}
		require.NotContains(t, policy, "unsafe", path)
		require.Equal(t, "DENY", r.Header.Get("X-Frame-Options"), path)
		require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"), path)
		if !strings.HasPrefix(path, "/static/") {
			require.Equal(t, "no-store", r.Header.Get("Cache-Control"), path)
			require.NotRegexp(t, inline, b.page, path)
		}
	}
}

func TestWhatIsStoredIsShownAsText(t *testing.T) {
	l := newLab(t)
	const script = `<script>alert(1)</script>`
	email := script + "@example.test"
	l.must("signin", "SetRootPassword", "Email", email, "Password", rootPassword)
	b := l.browser()
	b.open("/signin/root").send("/signin/root", "email", email, "password", rootPassword)
	root := l.browser()
	root.page, root.Client = b.page, b.Client
	root.open("/iam/mfa/~/assign").send("/iam/mfa/~/assign", "type", "virtual")
	code := root.codes(seedOn(t, root.page))
	b.open("/signout").open("/signin/root").send("/signin/root", "email", email, "password", rootPassword)
	require.Contains(t, b.page, "&lt;script&gt;", code)
	b.open("/signin/trouble").send("/signin/trouble")
	require.NotContains(t, b.page, script)
	b.open("/inbox")
	require.Contains(t, b.page, "&lt;script&gt;")
	require.NotContains(t, b.page, script)

	// What is sent to a phone is text, whoever wrote it: services beside the account send, too.
	require.NoError(t, l.service.Beside(t.Context(), iam.Call{Service: "test", Now: l.now, Wall: l.now}, nil, iam.Told{Own: true}, func(b *iam.Beside) error {
		return b.Update(t.Context(), func(r *iam.Records) error {
			return r.Send(iam.Message{Via: "sms", To: "+1 555 " + script, Subject: "Code " + script, Text: "The code for " + script + " is 123456."})
		})
	}))
	b.open("/inbox")
	require.Contains(t, b.page, "Text message to &#43;1 555 &lt;script&gt;")
	require.NotContains(t, b.page, script)

	// Names are of letters that need no such care, whoever makes them.
	bob := l.browser().signInAs("bob")
	for _, path := range []string{"/iam/users", "/iam/groups"} {
		bob.open(path).send(path, "user_name", script, "group_name", script)
		require.Equal(t, http.StatusBadRequest, bob.status)
		require.NotContains(t, bob.page, script)
	}
	for _, kind := range []string{"virtual", "key"} {
		bob.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", kind, "device_name", script)
		require.NotContains(t, bob.page, script, kind)
	}
	bob.open("/iam/users").send("/iam/users", "user_name", "x'onclick='y")
	require.Equal(t, http.StatusBadRequest, bob.status)
}

func seedOn(t testing.TB, page string) string {
	m := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(page)
	require.NotNil(t, m, page)
	return m[1]
}

// codes enables the virtual device of the page that is shown, and returns its next code.
func (b *browser) codes(seed string) string {
	b.l.t.Helper()
	first, second := b.l.code(seed, 0), b.l.code(seed, 1)
	b.send(strings.TrimPrefix(b.at.Path, "/console"), "code1", first, "code2", second)
	require.Contains(b.l.t, b.page, "The MFA device was assigned.")
	b.l.now = b.l.now.Add(time.Minute)
	return b.l.code(seed, 0)
}

func TestCookiesAreForThisConsoleAlone(t *testing.T) {
	l := newLab(t)
	b := l.browser()
	var set []*http.Cookie
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error { set = append(set, r.Response.Cookies()...); return nil }
	r, err := b.Get(l.base() + "/signin")
	b.took(r, err)
	set = append(set, r.Cookies()...)
	l.must("iam", "CreateRole", "RoleName", "open", "AssumeRolePolicyDocument",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`)
	b.signInAs("bob").switchTo("open", "roleName", "open")
	require.NotEmpty(t, b.cookie("mfalab-role"))
	require.GreaterOrEqual(t, len(set), 4)
	for _, k := range set {
		require.True(t, k.HttpOnly, k.Name)
		require.Equal(t, http.SameSiteStrictMode, k.SameSite, k.Name)
		require.Equal(t, []string{"/console", ""}, []string{k.Path, k.Domain}, k.Name)
		require.False(t, k.Secure, "there is no TLS here")
	}
	// Over TLS they are Secure.
	w := httptest.NewRecorder()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost/console/signin", nil)
	q.TLS = &tls.ConnectionState{}
	console.New(console.Config{IAM: l.service, Clock: func() (time.Time, time.Time) { return l.now, l.now }}).ServeHTTP(w, q)
	require.True(t, w.Result().Cookies()[0].Secure)
}

// Somebody who has put cookies of his own into the browser before has nothing of what is signed in with it.
func TestASessionIsNeverTheOneThatABrowserCameWith(t *testing.T) {
	l := newLab(t)
	mallory := l.browser().signInAs("bob")
	planted := mallory.cookie("mfalab-session")
	b := l.browser()
	u, err := url.Parse(l.base())
	require.NoError(t, err)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-session", Value: planted, Path: "/console"}, {Name: "mfalab-visit", Value: "planted", Path: "/console"}})
	b.signInAs("bob")
	require.NotEqual(t, planted, b.cookie("mfalab-session"))
	b.open("/signout")
	require.Equal(t, "/console/home", mallory.open("/home").at.Path, "they were two sessions")
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	l := newLab(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, base := range []string{l.server.URL, strings.TrimSuffix(l.base(), "/console")} {
		for _, path := range []string{"//evil.test/console", "/console//evil.test", "/console/signin?redirect_uri=https://evil.test", `/console/\evil.test`,
			"/console/%2f%2fevil.test", "/console/..//evil.test", "/console/signin/%2e%2e/%2f/evil.test", "/console?next=//evil.test", "/console/acme?done=//evil.test"} {
			r, err := client.Get(base + path)
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
			if to := r.Header.Get("Location"); to != "" {
				u, err := r.Request.URL.Parse(to)
				require.NoError(t, err)
				require.Contains(t, []string{"localhost", "127.0.0.1"}, u.Hostname(), "%s leads to %s", path, to)
			}
		}
	}
	b := l.browser().signInAs("bob")
	b.open("/iam/mfa/~/assign").send("/iam/mfa/%2F%2Fevil.test/assign", "type", "key", "device_name", "x")
	require.Equal(t, "localhost", b.at.Hostname())
}

// Wrong codes count for the device, wrong passwords for the user, whichever browser they come from and whenever.
func TestManyBrowsersHaveNoMoreTriesThanOne(t *testing.T) {
	l := newLab(t, "lockout=5", "lockout-time=1h")
	code := l.browser().signInAs("bob").app("phone")
	var browsers []*browser
	for range 8 {
		browsers = append(browsers, l.browser().signIn("bob"))
	}
	var all sync.WaitGroup
	for _, b := range browsers {
		all.Go(func() {
			form := url.Values{"form": {formField.FindStringSubmatch(b.page)[1]}, "mfaCode": {"000000"}}
			if r, err := b.PostForm(l.base()+"/signin/mfa", form); err == nil {
				r.Body.Close()
			}
		})
	}
	all.Wait()
	b := l.browser().signIn("bob").send("/signin/mfa", "mfaCode", code())
	require.Equal(t, http.StatusForbidden, b.status, "locked for this browser, too")
	require.Contains(t, b.page, "Your authentication information is incorrect.")
	require.Contains(t, b.page, "Several codes were refused.")

	// With a count for each sign-in there is no lock: what was counted above was the device's.
	l = newLab(t, "lockout=2", "lockout-time=1h", "count-per-session")
	code = l.browser().signInAs("bob").app("phone")
	for range 3 {
		l.browser().signIn("bob").send("/signin/mfa", "mfaCode", "000000")
	}
	require.Equal(t, "/console/home", l.browser().signIn("bob").send("/signin/mfa", "mfaCode", code()).at.Path)

	l = newLab(t, "lockout=5", "lockout-time=1h")
	for range 5 {
		l.browser().open("/acme").send("/signin/user", "account", "acme", "username", "bob", "password", "guess")
	}
	require.Equal(t, "/console/signin/user", l.browser().signIn("bob").at.Path, "the right password comes too late")
}

// Whoever asks for users learns nothing: the same words, whatever was wrong. That it takes as long is tested where passwords are
// compared.
func TestARefusalSaysNothingOfWhoIsThere(t *testing.T) {
	l := newLab(t)
	l.must("iam", "CreateUser", "UserName", "nopass")
	changes := regexp.MustCompile(`value="[^"]*"`)
	said := func(path string, fields ...string) (string, int) {
		b := l.browser().open(path).send(path, fields...)
		return changes.ReplaceAllString(b.page, ""), b.status
	}
	wrong, status := said("/signin/user", "account", "acme", "username", "bob", "password", "guess")
	require.Contains(t, wrong, "Your authentication information is incorrect. Please try again.")
	for name, account := range map[string]string{"nobody": "acme", "nopass": "acme", "bob": "another-account"} {
		page, s := said("/signin/user", "account", account, "username", name, "password", "guess")
		require.Equal(t, wrong, page)
		require.Equal(t, status, s)
	}
	root, status := said("/signin/root", "email", iam.DefaultRootEmail, "password", "guess")
	page, s := said("/signin/root", "email", "somebody@example.com", "password", "guess")
	require.Equal(t, root, page)
	require.Equal(t, status, s)
}
