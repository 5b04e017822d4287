package console_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the real page says of everything that is wrong, and of root.
const (
	switchRefused = "Invalid information in one or more fields. Check your information or contact your administrator."
	rootRefused   = "You cannot switch roles when you sign in as the AWS account root user."
)

// newStage is a lab with the roles guarded, whose trust asks for MFA and which may read IAM, open, which asks for nothing and may
// do nothing, and closed, which trusts nobody here.
func newStage(t testing.TB) *lab {
	l := newLab(t)
	for name, condition := range map[string]string{"guarded": `{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"7200"}}`,
		"open": `{}`, "closed": `{"StringEquals":{"aws:username":"nobody"}}`} {
		l.must("iam", "CreateRole", "RoleName", name, "Path", "/ops/", "MaxSessionDuration", "14400",
			"AssumeRolePolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole","Condition":`+condition+`}}`)
	}
	l.must("iam", "AttachRolePolicy", "RoleName", "guarded", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	return l
}

// switchTo sends the form.
func (b *browser) switchTo(role string, fields ...string) *browser {
	b.l.t.Helper()
	return b.open("/switchrole").send("/switchrole", append([]string{"account", "acme", "roleName", "ops/" + role}, fields...)...)
}

// withMFA signs bob in with a device that he is given.
func (l *lab) withMFA() *browser {
	b := l.browser().signInAs("bob")
	code := b.app("phone")
	b.open("/signout").signIn("bob").send("/signin/mfa", "mfaCode", code())
	require.Equal(l.t, "/console/home", b.at.Path)
	return b
}

func TestASwitchGivesTheRolesPermissionsAndTheWayBackTheUsers(t *testing.T) {
	l := newStage(t)
	b := l.withMFA()
	l.now = l.now.Add(time.Hour)
	mark := b.open("/iam/users").page
	b.switchTo("guarded", "displayName", "Ops & co", "color", "blue")
	require.Equal(t, "/console/home", b.at.Path, b.page)
	require.Contains(t, b.page, `<span id="nav-usernameMenu" class="role blue">Ops &amp; co</span>`)
	require.Contains(t, b.page, "signed in as bob")
	require.Contains(t, b.page, "arn:aws:sts::123456789012:assumed-role/guarded/bob")
	require.Contains(t, b.page, "aws:MultiFactorAuthPresent</dt><dd><code>false", "a role's session has not had MFA")
	require.Contains(t, b.page, l.now.Add(4*time.Hour).Format("Ends</dt><dd>2006-01-02 15:04:05"), "as long as the role lets it")
	require.Equal(t, http.StatusOK, b.open("/iam/users").status)
	b.send("/iam/users", "user_name", "carol")
	require.Contains(t, b.page, "User: arn:aws:sts::123456789012:assumed-role/guarded/bob is not authorized to perform: iam:CreateUser")
	for _, path := range []string{"/iam/me", "/iam/mfa/~/assign", "/iam/mfa/~/resync"} {
		require.NotContains(t, b.open(path).page, "Root user", path)
	}
	require.Equal(t, http.StatusNotFound, b.open("/iam/me").status)
	b.open("/iam/mfa/~/assign").send("/iam/mfa/~/assign", "type", "virtual", "device_name", "mine")
	require.GreaterOrEqual(t, b.status, 400, "a role has no devices")
	b.page = mark
	require.Equal(t, http.StatusForbidden, b.send("/iam/users", "user_name", "carol").status, "a page of before the switch")
	require.Contains(t, b.page, "not sent by a page of this session")

	// From a role it is the user again who switches, and the role has a name where nobody gave it another.
	b.switchTo("open")
	require.Contains(t, b.page, `<span id="nav-usernameMenu" class="role ">open @ 123456789012</span>`)
	require.Equal(t, http.StatusForbidden, b.open("/iam/users").status)
	stale := b.page
	require.Contains(t, b.send("/switchrole/back").page, "You are yourself again.")
	require.Contains(t, b.page, `<span id="nav-usernameMenu">bob @ 123456789012</span>`)
	require.Contains(t, b.page, "aws:MultiFactorAuthPresent</dt><dd><code>true")
	require.Empty(t, b.cookie("mfalab-role"))
	b.page = stale
	require.Equal(t, http.StatusForbidden, b.send("/switchrole/back").status, "sent twice it does nothing")
	require.Contains(t, b.open("/iam/users").send("/iam/users", "user_name", "carol").page, "The user was created.")
}

func TestASwitchIsRefusedInTheSameWords(t *testing.T) {
	l := newStage(t)
	plain := l.browser().signInAs("bob") // his session has had no MFA
	require.Contains(t, plain.switchTo("open").page, "open @ 123456789012")
	plain.send("/switchrole/back")
	values := regexp.MustCompile(`value="[^"]*"`)
	var said string
	for name, b := range map[string]func() *browser{
		"no MFA":              func() *browser { return plain.switchTo("guarded") },
		"no trust":            func() *browser { return plain.switchTo("closed") },
		"an unknown role":     func() *browser { return plain.switchTo("nothing") },
		"another path":        func() *browser { return plain.switchTo("guarded", "roleName", "guarded") },
		"no role's name":      func() *browser { return plain.switchTo("open", "roleName", "<script>alert(1)</script>") },
		"no role":             func() *browser { return plain.switchTo("open", "roleName", "") },
		"an unknown account":  func() *browser { return plain.switchTo("open", "account", "210987654321") },
		"no account":          func() *browser { return plain.switchTo("open", "account", "") },
		"a name that is long": func() *browser { return plain.switchTo("open", "displayName", strings.Repeat("é", 65)) },
	} {
		page := values.ReplaceAllString(b().page, "")
		require.Contains(t, page, switchRefused, name)
		require.Equal(t, http.StatusForbidden, plain.status, name)
		require.NotContains(t, page, "<script>alert", name)
		if said == "" {
			said = page
		}
		require.Equal(t, said, page, name)
		require.Empty(t, plain.cookie("mfalab-role"), name)
	}
	// The user's own policies count as well, and so does how long ago the MFA was.
	l.must("iam", "CreateUser", "UserName", "eve")
	l.must("iam", "CreateLoginProfile", "UserName", "eve", "Password", "Open-Sesame-1")
	require.Contains(t, l.browser().signInAs("eve").switchTo("open").page, switchRefused)
	b := l.withMFA()
	l.now = l.now.Add(3 * time.Hour)
	require.Contains(t, b.switchTo("guarded").page, switchRefused)
}

func TestRootDoesNotSwitch(t *testing.T) {
	b := newStage(t).browser().root()
	require.NotContains(t, b.page, "/console/switchrole")
	require.Equal(t, http.StatusForbidden, b.open("/switchrole").status)
	require.Contains(t, b.page, rootRefused)
	require.NotContains(t, b.page, "input_switchrole_button")
	b.open("/iam/users").send("/switchrole", "account", "acme", "roleName", "ops/open")
	require.Equal(t, http.StatusForbidden, b.status)
	require.Contains(t, b.page, rootRefused)
}

func TestALinkFillsTheSwitchPageIn(t *testing.T) {
	l := newStage(t)
	b := l.browser().signInAs("bob")
	require.Contains(t, b.page, `<a href="/console/switchrole">Switch role</a>`)
	const script = `"><script>alert(1)</script>`
	link := "/switchrole?account=acme&roleName=ops/open&color=red&redirect_uri=//evil.test&displayName="
	b.open(link + url.QueryEscape(script))
	require.NotContains(t, b.page, script)
	require.Empty(t, b.cookie("mfalab-role"), "a link alone switches nothing")
	at := 0
	for _, field := range []string{`id="account" name="account" value="acme"`, `id="roleName" name="roleName" value="ops/open"`,
		`id="displayName" name="displayName" value="&#34;&gt;&lt;script`, `value="red" checked`, `<button id="input_switchrole_button">Switch Role</button>`} {
		i := strings.Index(b.page[at:], field)
		require.GreaterOrEqual(t, i, 0, "%s after what comes before it in\n%s", field, b.page)
		at += i
	}
	for _, name := range []string{"account", "roleName", "displayName"} {
		require.Contains(t, b.page, `<label for="`+name+`">`)
	}
	b.send("/switchrole", "account", "123456789012", "roleName", "ops/open", "displayName", script, "color", `x" onclick="y`, "redirect_uri", "//evil.test")
	require.Equal(t, []string{"localhost", "/console/home"}, []string{b.at.Hostname(), b.at.Path})
	require.NotContains(t, b.page, "<script>alert")
	require.NotContains(t, b.page, "onclick")
	require.Contains(t, b.page, `class="role ">&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</span>`)
}

func TestSigningOutEndsTheRoleAsWell(t *testing.T) {
	l := newStage(t)
	b := l.browser().signInAs("bob").switchTo("open")
	user, role := b.cookie("mfalab-session"), b.cookie("mfalab-role")
	require.Contains(t, b.open("/signout").page, "You have signed out.")
	require.Empty(t, b.cookie("mfalab-session")+b.cookie("mfalab-role"))
	u, err := url.Parse(l.base())
	require.NoError(t, err)
	kept := func(user, role string) *browser {
		thief := l.browser()
		thief.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-session", Value: user, Path: "/console"}, {Name: "mfalab-role", Value: role, Path: "/console"}})
		return thief.open("/home")
	}
	require.Equal(t, "/console/signin", kept(user, role).at.Path)
	require.Equal(t, "/console/signin", kept(strings.Split(role, "~")[0], role).at.Path)

	// A role's session is worth nothing with another's, nor in the place of one.
	mine := l.browser().signInAs("bob").switchTo("open")
	role = mine.cookie("mfalab-role")
	require.Equal(t, "/console/signin", kept(strings.Split(role, "~")[0], "").at.Path)
	l.user("carol")
	other := kept(l.browser().signInAs("carol").cookie("mfalab-session"), role)
	require.Contains(t, other.page, "carol @ 123456789012")
	require.Empty(t, other.cookie("mfalab-role"))
	// The account ends the role's session with the user's, whoever still has it.
	id, text, _ := strings.Cut(strings.Split(role, "~")[0], ".")
	token, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	mine.Jar.SetCookies(u, []*http.Cookie{{Name: "mfalab-role", Path: "/console", MaxAge: -1}})
	mine.open("/signout")
	_, _, err = l.service.Credential(t.Context(), id, string(token), l.now)
	require.ErrorContains(t, err, "InvalidClientTokenId")
}

func TestARolesSessionEndsBeforeTheUsers(t *testing.T) {
	l := newStage(t)
	b := l.browser().signInAs("bob").switchTo("open")
	b.open("/iam/users")
	l.now = l.now.Add(4 * time.Hour)
	b.send("/iam/users", "user_name", "carol")
	require.Contains(t, b.page, "The role&#39;s session has ended.")
	require.NotContains(t, l.must("iam", "ListUsers"), "carol", "what was meant for the role is not done as the user")
	l.now = l.now.Add(7 * time.Hour)
	b.switchTo("open")
	require.Contains(t, b.page, l.now.Add(time.Hour).Format("Ends</dt><dd>2006-01-02 15:04:05"), "no longer than the visit")
	l.now = l.now.Add(time.Hour)
	require.Equal(t, "/console/signin", b.open("/home").at.Path)
	b.signIn("bob").switchTo("open")
	l.now = l.now.Add(4 * time.Hour)
	require.Contains(t, b.open("/signout").page, "You have signed out.", "in a role that is over as well")
}

func TestSwitchesAtOnce(t *testing.T) {
	l := newStage(t)
	b := l.browser().signInAs("bob").open("/switchrole")
	form := url.Values{"form": {formField.FindStringSubmatch(b.page)[1]}, "account": {"acme"}, "roleName": {"ops/open"}}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if r, err := b.PostForm(l.base()+"/switchrole", form); err == nil {
				r.Body.Close()
			}
		})
	}
	all.Wait()
	require.Contains(t, b.open("/home").page, "open @ 123456789012")
	require.Contains(t, b.send("/switchrole/back").page, "bob @ 123456789012")
}
