package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// Whatever is in the address, the page says what this place is, and leads back.
func TestWhatIsNotThereIsSaidOnAPage(t *testing.T) {
	l := newLab(t)
	for _, b := range []*browser{l.browser(), l.browser().signInAs("bob")} {
		for _, path := range []string{"/iam/no-such", "/signin/no-such", "/signin/recovery/finish", "/static/", "/iam/users/", "/iam/mfa/bob", "/<script>alert(1)</script>/x"} {
			b.open(path)
			require.Equal(t, http.StatusNotFound, b.status, path)
			require.Contains(t, b.page, "This is mfalab, a lab for MFA, and not Amazon Web Services.", path)
			require.Contains(t, b.page, `<a class="button" href="/console">`, path)
			require.NotContains(t, b.page, "<script>", path)
			require.NotContains(t, b.page, "console.js<", "nothing is listed")
		}
	}
	require.Equal(t, "/console/signin", l.browser().open("/").at.Path)
	require.Equal(t, "/console/home", l.browser().signInAs("bob").open("/").at.Path)
	b := l.browser().open("/static/console.css")
	require.Equal(t, http.StatusOK, b.status)
	require.Contains(t, b.page, ":focus-visible")
}

// A user may have any name that IAM allows: none of them is root's, or who has signed in.
func TestAUserWhoseNameIsAHyphenGetsTheDevice(t *testing.T) {
	l := newLab(t)
	l.must("iam", "CreateUser", "UserName", "-")
	b := l.browser().signInAs("bob").open("/iam/users/-")
	require.Contains(t, b.page, `href="/console/iam/mfa/-/assign"`)
	b.open("/iam/mfa/-/assign").send("/iam/mfa/-/assign", "type", "virtual", "device_name", "phone")
	b.codes(seedOn(t, b.page))
	require.Equal(t, "/console/iam/users/-", b.at.Path)
	require.Contains(t, l.must("iam", "ListMFADevices", "UserName", "-"), ":mfa/phone</SerialNumber>")
	require.Zero(t, l.serials())
}

// The dashboard tells root of access keys, and leads to where they can be deleted; others it tells to be root.
func TestRootDeletesItsAccessKeys(t *testing.T) {
	l := newLab(t)
	bob := l.browser().signInAs("bob")
	require.Contains(t, bob.page, "Root user has no access keys")
	require.Contains(t, bob.page, "add it for the root user (sign in as the root user)</strong> </li>")
	root := l.browser().root().open("/iam/me").send("/iam/users/~/keys")
	require.Contains(t, root.page, `id="secret_access_key"`)
	require.Contains(t, bob.open("/home").page, "Root user has access keys: delete them (sign in as the root user)</strong> </li>")
	require.Contains(t, root.open("/home").page, `Root user has access keys: delete them</strong> <a href="/console/iam/me">`)
	key := between(t, root.open("/iam/me").page, `action="/console/iam/users/~/keys/`, `"`)
	require.Contains(t, root.send("/iam/users/~/keys/"+key, "what", "delete").page, "The access key was changed.")
	require.Contains(t, root.open("/home").page, "Root user has no access keys")
}

// between is what stands in a page after one text and before another.
func between(t testing.TB, page, after, before string) string {
	_, rest, found := strings.Cut(page, after)
	require.True(t, found, page)
	text, _, _ := strings.Cut(rest, before)
	return text
}

// The settings' page says what holds now, not only what would.
func TestTheRulesThatHoldAreShown(t *testing.T) {
	l := newLab(t, "devices-per-user=3", "origin")
	b := l.browser().signInAs("bob").open("/iam/settings")
	for _, r := range iam.AllSettings() {
		row := between(t, b.page, "<tr><td><code>"+r.Name+"</code></td>", "</tr>")
		require.Contains(t, row, `<td data-label="Default"><code>`+r.Default+"</code></td>", r.Name)
		switch r.Name {
		case "devices-per-user":
			require.Contains(t, row, `<strong><code class="now">3</code></strong>`)
		case "origin":
			require.Contains(t, row, `<strong><code class="now">on</code></strong>`)
		case "settle": // which the tests set
			require.Contains(t, row, `<strong><code class="now">0s</code></strong>`)
		default:
			require.NotContains(t, row, "<strong>", r.Name)
		}
	}
	require.Empty(t, iam.Defaults().Value("no-such"))
}
