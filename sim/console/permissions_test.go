package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// root signs root in.
func (b *browser) root() *browser {
	b.l.t.Helper()
	return b.open("/signin/root").send("/signin/root", "email", iam.DefaultRootEmail, "password", rootPassword)
}

func TestAUserIsCreatedGivenPoliciesAndSignsIn(t *testing.T) {
	l := newLab(t)
	b := l.browser().root()
	b.open("/iam/groups").send("/iam/groups", "group_name", "readers")
	require.Contains(t, b.page, "The group was created.")
	b.send("/iam/groups/readers/permissions", "what", "attach", "policy", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	require.Contains(t, b.page, `IAMReadOnlyAccess</a></td><td data-label="Kind">attached`)
	b.open("/iam/users").send("/iam/users", "user_name", "alice", "password", "Open-Sesame-1")
	require.Contains(t, b.page, "No policies are attached.")
	alice := l.browser().signInAs("alice")
	require.Equal(t, http.StatusForbidden, alice.open("/iam/users").status)
	require.Contains(t, alice.page, "is not authorized to perform: iam:ListUsers")

	b.send("/iam/users/alice/permissions", "what", "join", "group", "readers")
	require.Contains(t, b.page, "The permissions were changed.")
	require.Equal(t, http.StatusOK, alice.open("/iam/users").status)
	require.Contains(t, b.open("/iam/groups/readers").page, `href="/console/iam/users/alice"`)
	b.send("/iam/users/alice/permissions", "what", "leave", "group", "readers")
	require.Equal(t, http.StatusForbidden, alice.open("/iam/users").status)

	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}]}`
	b.send("/iam/users/alice/permissions", "what", "put", "policy_name", "list", "document", "<b>no policy</b>")
	require.Equal(t, http.StatusBadRequest, b.status)
	require.Contains(t, b.page, "Syntax errors in policy.")
	require.Contains(t, b.page, "&lt;b&gt;no policy", "what was typed is there to be mended")
	b.send("/iam/users/alice/permissions", "what", "put", "policy_name", "list", "document", document)
	require.Equal(t, http.StatusOK, alice.open("/iam/users").status)
	b.open("/iam/policy?kind=User&of=alice&name=list")
	require.Contains(t, b.page, "&#34;Action&#34;: &#34;iam:ListUsers&#34;")
	b.open("/iam/users/alice").send("/iam/users/alice/permissions", "what", "delete", "policy_name", "list")
	require.Equal(t, http.StatusForbidden, alice.open("/iam/users").status)

	b.open("/iam/policy?arn=arn:aws:iam::aws:policy/AdministratorAccess")
	require.Contains(t, b.page, "&#34;Action&#34;: &#34;*&#34;")
	require.Equal(t, http.StatusNotFound, b.open("/iam/policy?arn=arn:aws:iam::aws:policy/Nothing").status)
	b.open("/iam/groups/readers").send("/iam/groups/readers/delete")
	require.Equal(t, http.StatusConflict, b.status, "its policy has to go first")
	b.send("/iam/groups/readers/permissions", "what", "detach", "policy", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	b.send("/iam/groups/readers/delete")
	require.Contains(t, b.page, "The group was deleted.")
}

// signInAs is signIn, all the way.
func (b *browser) signInAs(name string) *browser {
	b.l.t.Helper()
	require.Equal(b.l.t, "/console/home", b.signIn(name).at.Path, b.page)
	return b
}

func TestRootIsToldToHaveASecondAdministrator(t *testing.T) {
	l := newLab(t)
	b := l.browser().root()
	require.Contains(t, b.page, "There is no second administrator")
	b.open("/iam/users?policy=arn:aws:iam::aws:policy/AdministratorAccess")
	require.Contains(t, b.page, `value="arn:aws:iam::aws:policy/AdministratorAccess" selected`)
	b.send("/iam/users", "user_name", "carol", "password", "Open-Sesame-1", "policy", "arn:aws:iam::aws:policy/AdministratorAccess")
	require.Contains(t, b.page, "The user was created.")
	require.Contains(t, b.open("/home").page, "There is a second administrator")
	carol := l.browser().signInAs("carol")
	carol.open("/iam/users/bob").send("/iam/users/bob/password", "password", "Another-Sesame-1")
	require.Contains(t, carol.page, "The password was set.")
}

func TestUsersChangeTheirOwnPasswordWhereTheyMay(t *testing.T) {
	l := newLab(t)
	l.must("iam", "CreateUser", "UserName", "alice")
	l.must("iam", "CreateLoginProfile", "UserName", "alice", "Password", "Open-Sesame-1")
	alice := l.browser().signInAs("alice")
	change := func(old, next, again string) *browser {
		return alice.open("/iam/me").send("/iam/me/password", "old_password", old, "new_password", next, "confirm_password", again)
	}
	require.Equal(t, http.StatusForbidden, change("Open-Sesame-1", "sesame-2", "sesame-2").status, "no policy lets her")
	b := l.browser().root()
	b.open("/iam/settings").send("/iam/settings/passwords", "MinimumPasswordLength", "10", "RequireNumbers", "1", "AllowUsersToChangePassword", "1",
		"PasswordReusePrevention", "3")
	require.Contains(t, b.page, "The change was made.")
	require.Contains(t, change("Open-Sesame-1", "sesame-long-2", "sesame-long-3").page, "The two new passwords differ.")
	require.Contains(t, change("Open-Sesame-1", "sesame-2", "sesame-2").page, "minimum length of 10")
	require.Contains(t, change("Open-Sesame-1", "sesame-sesame", "sesame-sesame").page, "at least one number")
	require.Equal(t, http.StatusForbidden, change("guessed", "sesame-long-2", "sesame-long-2").status)
	require.Contains(t, change("Open-Sesame-1", "sesame-long-2", "sesame-long-2").page, "Your password was changed.")
	require.NotEqual(t, http.StatusOK, change("sesame-long-2", "sesame-long-2", "sesame-long-2").status, "the last three may not come back")
	require.Equal(t, "/console/signin/user", l.browser().signIn("alice").at.Path)
	b.open("/iam/settings").send("/iam/settings/passwords", "what", "delete")
	require.Contains(t, b.page, "The account has no policy")
}

func TestEightDevicesAreTheLimit(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	for i := range 8 {
		require.Contains(t, b.open("/iam/users/bob").page, fmt.Sprintf("%d of 8 devices.", i))
		b.app(fmt.Sprintf("phone%d", i))
		l.now = l.now.Add(time.Minute)
	}
	b.open("/iam/users/bob")
	require.Contains(t, b.page, "8 of 8 devices.")
	require.NotContains(t, b.page, `id="assign_mfa"`)
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", "phone8")
	path := strings.TrimPrefix(b.at.Path, "/console")
	b.send(path, "code1", "123456", "code2", "234567")
	require.Equal(t, http.StatusConflict, b.status)
	require.Contains(t, b.page, "Cannot exceed quota")
}
