package console_test

import (
	"encoding/base32"
	"encoding/xml"
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
	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// A lab is an account with a console in front of it. Its time stands still unless moved.
type lab struct {
	t       testing.TB
	service *iam.Service
	server  *httptest.Server
	phone   *handset
	now     time.Time
}

// rootPassword is root's, Open-Sesame-1 everybody else's.
const rootPassword = "rootsesame"

func newLab(t testing.TB, settings ...string) *lab { return newLabOf(t, iam.Config{}, settings...) }

// newLabOf is newLab with an account that has more than a store and rules.
func newLabOf(t testing.TB, cfg iam.Config, settings ...string) *lab {
	l := &lab{t: t, phone: &handset{}, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	s := iam.Defaults()
	for _, x := range append([]string{"settle=0s"}, settings...) {
		require.NoError(t, s.Set(x))
	}
	store := memory.New()
	t.Cleanup(func() { _ = store.Close() })
	var err error
	cfg.Store, cfg.Chance, cfg.Settings = store, sim.NewChance([]byte("console")), s
	l.service, err = iam.New(t.Context(), cfg, l.now)
	require.NoError(t, err)
	l.server = httptest.NewServer(console.New(console.Config{IAM: l.service, Phone: l.phone,
		Clock: func() (time.Time, time.Time) { return l.now, l.now }}))
	t.Cleanup(l.server.Close)
	l.must("signin", "SetRootPassword", "Password", rootPassword)
	l.must("iam", "CreateAccountAlias", "AccountAlias", "acme")
	l.user("bob")
	return l
}

// must calls the account as root.
func (l *lab) must(service, action string, params ...string) string {
	l.t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	result, err := l.service.Do(l.t.Context(), iam.Call{Service: service, Action: action, Params: form, Caller: l.service.RootCaller(),
		Now: l.now, Wall: l.now})
	require.NoError(l.t, err, action)
	b, err := xml.Marshal(result)
	require.NoError(l.t, err)
	return string(b)
}

// user makes a user who may do everything.
func (l *lab) user(name string) {
	l.t.Helper()
	l.must("iam", "CreateUser", "UserName", name)
	l.must("iam", "CreateLoginProfile", "UserName", name, "Password", "Open-Sesame-1")
	l.must("iam", "AttachUserPolicy", "UserName", name, "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
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

// base is the console by the machine's name.
func (l *lab) base() string {
	return strings.Replace(l.server.URL, "127.0.0.1", "localhost", 1) + "/console"
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

func (b *browser) open(path string) *browser {
	b.l.t.Helper()
	return b.took(b.Get(b.l.base() + path))
}

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
	return b.took(b.PostForm(b.l.base()+path, form))
}

// cookie returns one of the console's cookies.
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.l.base())
	require.NoError(b.l.t, err)
	for _, k := range b.Jar.Cookies(u) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// signIn signs a user in as far as the password takes it.
func (b *browser) signIn(name string) *browser {
	b.l.t.Helper()
	return b.open("/acme").send("/signin/user", "account", "acme", "username", name, "password", "Open-Sesame-1")
}

// app enrols an authenticator app for bob by way of the pages, and returns what makes its codes.
func (b *browser) app(name string) (code func() string) {
	b.l.t.Helper()
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", name)
	seed := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(b.page)
	require.NotNil(b.l.t, seed, b.page)
	_, err := base32.StdEncoding.DecodeString(seed[1])
	require.NoError(b.l.t, err)
	code = func() string {
		c, err := totp.GenerateCode(seed[1], b.l.now)
		require.NoError(b.l.t, err)
		return c
	}
	first := code()
	b.l.now = b.l.now.Add(30 * time.Second)
	b.send(strings.TrimPrefix(b.at.Path, "/console"), "code1", first, "code2", code())
	require.Contains(b.l.t, b.page, "The MFA device was assigned.")
	b.l.now = b.l.now.Add(30 * time.Second)
	return code
}

func TestSignInEnrolSignOutSignIn(t *testing.T) {
	l := newLab(t)
	b := l.browser()
	require.Equal(t, "/console/signin", b.open("").at.Path)
	b.send("/signin", "user_type", "iam", "resolving_input", "acme")
	require.Equal(t, "/console/signin/user", b.at.Path)
	require.Contains(t, b.page, `value="acme"`)
	b.signIn("bob")
	require.Equal(t, "/console/home", b.at.Path)
	require.Contains(t, b.page, "aws:MultiFactorAuthPresent</dt><dd><code>false")
	code := b.app("phone")
	require.Contains(t, b.page, "arn:aws:iam::123456789012:mfa/phone")
	old := b.cookie("mfalab-session")
	b.open("/signout")
	require.Contains(t, b.page, "You have signed out.")
	id, _, _ := strings.Cut(old, ".")
	_, _, err := l.service.Credential(t.Context(), id, "x", l.now)
	require.ErrorContains(t, err, "InvalidClientTokenId", "the session is over in the account as well")

	b.signIn("bob")
	require.Equal(t, "/console/signin/mfa", b.at.Path)
	b.send("/signin/mfa", "mfaCode", "000000")
	require.Equal(t, http.StatusForbidden, b.status)
	require.Contains(t, b.page, "Your authentication information is incorrect. Please try again.")
	b.send("/signin/mfa", "mfaCode", code())
	require.Equal(t, "/console/home", b.at.Path)
	require.Contains(t, b.page, "aws:MultiFactorAuthPresent</dt><dd><code>true")
	require.Contains(t, b.open("/iam/me").page, "Virtual")
}

func TestRootSignsInAndMayHaveADevice(t *testing.T) {
	b := newLab(t).browser()
	b.open("/signin").send("/signin", "user_type", "root", "resolving_input", iam.DefaultRootEmail)
	require.Equal(t, "/console/signin/root", b.at.Path)
	b.send("/signin/root", "email", iam.DefaultRootEmail, "password", rootPassword)
	require.Contains(t, b.page, "add it for the root user")
	b.open("/iam/mfa/~/assign").send("/iam/mfa/~/assign", "type", "virtual", "device_name", "")
	require.Contains(t, b.page, "arn:aws:iam::123456789012:mfa/root-account-mfa-device")
}

func TestAFormOfAnotherPageIsRefused(t *testing.T) {
	b := newLab(t).browser().signIn("bob")
	for name, mark := range map[string]string{"no mark": "", "another's mark": "AAAA", "the mark of a page before the sign-in": ""} {
		t.Run(name, func(t *testing.T) {
			b.page = `name="form" value="` + mark + `x"`
			b.send("/iam/users", "user_name", "mallory")
			require.Equal(t, http.StatusForbidden, b.status)
		})
	}
	require.NotContains(t, b.open("/iam/users").page, "mallory")
}

func TestTheCookieOfBeforeASignInIsWorthNothingAfterIt(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn("bob")
	b.app("phone")
	b.open("/signout")
	b.open("/acme")
	before := b.cookie("mfalab-visit")
	b.signIn("bob")
	require.NotEqual(t, before, b.cookie("mfalab-visit"))
	thief := l.browser()
	u, err := url.Parse(l.base())
	require.NoError(t, err)
	thief.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-visit", Value: before, Path: "/console"}})
	require.Equal(t, "/console/signin", thief.open("/signin/mfa").at.Path)
}

func TestWhatAPageShowsIsText(t *testing.T) {
	l := newLab(t)
	b := l.browser().open("/signin")
	const script = `"><script>alert(1)</script>`
	for path, fields := range map[string][]string{
		"/signin":      {"user_type", "iam", "resolving_input", script},
		"/signin/user": {"account", script, "username", script, "password", "x"},
		"/signin/root": {"email", script, "password", "x"},
	} {
		b.send(path, fields...)
		require.NotContains(t, b.page, "<script>alert", path)
	}
	r, err := b.Get(l.base() + "/signin")
	b.took(r, err)
	require.Contains(t, r.Header.Get("Content-Security-Policy"), "script-src 'self'")
	require.Contains(t, r.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.NotContains(t, b.page, "<script>")
	require.NotContains(t, b.page, "style=")
	require.NotContains(t, b.page, "onclick")
}

func TestAWizardBelongsToItsSession(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn("bob")
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", "phone")
	mine := strings.TrimPrefix(b.at.Path, "/console")
	require.Contains(t, b.open(mine).page, "secret_key", "loading it again shows it again")
	other := l.browser().signIn("bob")
	require.NotContains(t, other.open(mine).page, "secret_key")

	// Whoever leaves it finds the orphan, and the way out.
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", "phone")
	require.Contains(t, b.page, "MFA device already exists.")
	b.send("/iam/mfa/bob/orphan", "serial", "arn:aws:iam::123456789012:mfa/phone")
	require.Contains(t, b.page, "nobody had was deleted")
	b.app("phone")
	b.open(mine)
	require.Equal(t, "/console/iam/users/bob", b.at.Path, "a wizard that is over shows nothing")
}

func TestASessionEnds(t *testing.T) {
	l := newLab(t)
	b := l.browser().signIn("bob")
	l.now = l.now.Add(12 * time.Hour)
	b.open("/home")
	require.Equal(t, "/console/signin", b.at.Path)
	require.Contains(t, b.page, "Your session has ended.")
	require.Empty(t, b.cookie("mfalab-session"))

	l = newLab(t, "console-session=15m")
	b = l.browser().signInAs("bob")
	require.Contains(t, b.page, "<dt>Ends</dt><dd>2026-03-01 09:15:00 UTC</dd>")
	l.now = l.now.Add(15*time.Minute - time.Second)
	require.Equal(t, "/console/home", b.open("/home").at.Path)
	l.now = l.now.Add(time.Second)
	require.Equal(t, "/console/signin", b.open("/home").at.Path)
}

func TestAKeyOfTheAPIIsNoSessionForBrowsers(t *testing.T) {
	l := newLab(t)
	b := l.browser()
	u, err := url.Parse(l.base())
	require.NoError(t, err)
	made := l.must("iam", "CreateAccessKey", "UserName", "bob")
	id := regexp.MustCompile(`<AccessKeyId>(\w+)<`).FindStringSubmatch(made)[1]
	for _, value := range []string{id, id + ".", id + ".AAAA", ".", "x", strings.Repeat("A", 4000)} {
		b.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-session", Value: value, Path: "/console"}})
		require.Equal(t, "/console/signin", b.open("/home").at.Path)
	}
}

func TestPagesAreFoundByName(t *testing.T) {
	l := newLab(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Get(l.server.URL + "/console/signin?done=out")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusFound, r.StatusCode)
	require.Equal(t, l.base()+"/signin?done=out", r.Header.Get("Location"))
	require.Equal(t, http.StatusNotFound, l.browser().open("/no-such-alias").status)
}

func TestRootComesBackByMailAndPhone(t *testing.T) {
	l := newLab(t)
	b, phone := l.browser(), l.browser()
	signIn := func() {
		b.open("/signin/root").send("/signin/root", "email", iam.DefaultRootEmail, "password", rootPassword)
	}
	signIn()
	b.open("/iam/mfa/~/assign").send("/iam/mfa/~/assign", "type", "virtual")
	seed := regexp.MustCompile(`id="secret_key">([A-Z2-7]+)<`).FindStringSubmatch(b.page)[1]
	var codes [2]string
	for i := range codes {
		codes[i], _ = totp.GenerateCode(seed, l.now.Add(time.Duration(i)*30*time.Second))
	}
	b.send(strings.TrimPrefix(b.at.Path, "/console"), "code1", codes[0], "code2", codes[1])
	require.Contains(t, b.page, "was assigned")
	b.open("/signout")

	signIn()
	require.Equal(t, "/console/signin/mfa", b.at.Path)
	b.open("/signin/trouble").send("/signin/trouble")
	require.Equal(t, "/console/signin/recovery", b.at.Path)
	number := func(page, before string) string {
		m := regexp.MustCompile(before + `\s*(\d{6})`).FindStringSubmatch(page)
		require.NotNil(t, m, page)
		return m[1]
	}
	b.send("/signin/recovery", "code", number(phone.open("/inbox").page, "The code is"))
	call := number(b.page, `id="call_number">`)
	b.send("/signin/recovery/finish")
	require.Contains(t, b.page, "has not been answered")
	phone.open("/inbox").send("/inbox/call", "number", call)
	require.Contains(t, phone.page, "The number was typed.")
	b.open("/signin/recovery").send("/signin/recovery/finish")
	require.Equal(t, "/console/home", b.at.Path)
	require.Contains(t, b.page, "aws:MultiFactorAuthPresent</dt><dd><code>false")

	require.Equal(t, http.StatusOK, b.open("/billing").status)
	bob := l.browser().signIn("bob")
	require.Contains(t, bob.open("/billing").page, "not activated")
	b.send("/billing", "access", "1")
	require.Contains(t, bob.open("/billing").page, "This month")
}
