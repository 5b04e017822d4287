package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// code is what an app with that seed shows so many steps from now.
func (l *lab) code(seed string, steps int) string {
	l.t.Helper()
	c, err := totp.GenerateCode(seed, l.now.Add(time.Duration(steps)*30*time.Second))
	require.NoError(l.t, err)
	return c
}

// serials are bob's devices.
func (l *lab) serials() int {
	return strings.Count(l.must("iam", "ListMFADevices", "UserName", "bob"), "<SerialNumber>")
}

func TestAWizardSentTwiceAssignsOnce(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", "phone")
	path, page, seed := strings.TrimPrefix(b.at.Path, "/console"), b.page, seedOn(t, b.page)
	fields := []string{"code1", l.code(seed, 0), "code2", l.code(seed, 1)}
	b.send(path, fields...)
	require.Contains(t, b.page, "The MFA device was assigned.")
	b.page = page // the browser's button back, and the form again
	b.send(path, fields...)
	require.Equal(t, "/console/iam/users/bob", b.at.Path, "it finds the device where it is")
	require.Equal(t, 1, l.serials())
	require.NotContains(t, b.open(path).page, seed, "the seed is shown no more")

	// Both at once.
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", "tablet")
	path, seed = strings.TrimPrefix(b.at.Path, "/console"), seedOn(t, b.page)
	form := url.Values{"form": {formField.FindStringSubmatch(b.page)[1]}, "code1": {l.code(seed, 0)}, "code2": {l.code(seed, 1)}}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if r, err := b.PostForm(l.base()+path, form); err == nil {
				r.Body.Close()
			}
		})
	}
	all.Wait()
	require.Equal(t, 2, l.serials())
}

func TestAHardwareWizardSentTwiceAssignsOnce(t *testing.T) {
	l := newLab(t)
	seed := "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	require.NoError(t, l.service.Stock(t.Context(), []iam.HardwareDevice{{Serial: "GAHT00000001", Seed: []byte("12345678901234567890")}}))
	b := l.browser().signInAs("bob")
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "hardware")
	path, page := strings.TrimPrefix(b.at.Path, "/console"), b.page
	fields := []string{"serial", "GAHT00000001", "code1", l.code(seed, 0), "code2", l.code(seed, 1)}
	b.send(path, fields...)
	require.Contains(t, b.page, "The MFA device was assigned.")
	b.page = page
	require.Equal(t, "/console/iam/users/bob", b.send(path, fields...).at.Path)
	require.Equal(t, 1, l.serials())

	// Two codes find the device again once: they are burnt.
	l.now = l.now.Add(5 * time.Minute)
	b.open("/iam/mfa/bob/resync?serial=GAHT00000001")
	page = b.page
	fields = []string{"serial", "GAHT00000001", "code1", l.code(seed, 0), "code2", l.code(seed, 1)}
	require.Contains(t, b.send("/iam/mfa/bob/resync", fields...).page, "The MFA device was resynchronised.")
	b.page = page
	require.Equal(t, http.StatusForbidden, b.send("/iam/mfa/bob/resync", fields...).status)
}

func TestAKeyWizardSentTwiceAssignsOnce(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	k := b.keyring()
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "key", "device_name", "blue")
	path := strings.TrimPrefix(b.at.Path, "/console") + "/key"
	c := k.begun(path)
	answer, err := k.Create(pageOrigin, c.Options)
	require.NoError(t, err)
	require.Empty(t, k.answered(path, c.ID, answer).Error)
	require.NotEmpty(t, k.answered(path, c.ID, answer).Error)
	require.Equal(t, 1, l.serials())
	require.Equal(t, "/console/iam/users/bob", b.open(strings.TrimSuffix(path, "/key")).at.Path)
}

func TestTheStepsOfASignInCannotBeTakenBackOrTwice(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	code := b.app("phone")
	b.open("/signout").signIn("bob")
	page, once := b.page, code()
	require.Equal(t, "/console/home", b.send("/signin/mfa", "mfaCode", once).at.Path)
	b.page = page
	b.send("/signin/mfa", "mfaCode", once)
	require.Contains(t, []int{http.StatusForbidden, http.StatusOK}, b.status)
	require.Equal(t, "/console/home", b.open("/home").at.Path, "who has signed in stays signed in")
	require.Equal(t, "/console/signin", b.open("/signin/mfa").at.Path, "the page of before leads to the beginning")
	require.Equal(t, "/console/signin", b.open("/signin/password").at.Path)
	b.open("/signout")
	require.Equal(t, "/console/signin", b.open("/home").at.Path, "and after signing out nothing is behind the button back")
}

func TestAUserIsCreatedOnce(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob").open("/iam/users")
	page := b.page
	b.send("/iam/users", "user_name", "carol", "password", "Open-Sesame-1")
	b.page = page
	b.send("/iam/users", "user_name", "carol", "password", "Another-Sesame-1")
	require.Equal(t, http.StatusConflict, b.status)
	require.Contains(t, b.page, "already exists")
	require.Equal(t, "/console/home", l.browser().signIn("carol").at.Path, "the first password stands")
}

func TestTwoAdministratorsAtOnce(t *testing.T) {
	l := newLab(t)
	l.user("carol")
	both := []*browser{l.browser().signInAs("bob"), l.browser().signInAs("carol")}
	both[0].app("phone")
	at := func(path string, fields url.Values) (statuses [2]int) {
		var all sync.WaitGroup
		for i, b := range both {
			form := url.Values{"form": {formField.FindStringSubmatch(b.open("/iam/users/bob").page)[1]}}
			for name, v := range fields {
				form[name] = v
			}
			all.Go(func() {
				client := *b.Client
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				if r, err := client.PostForm(l.base()+path, form); err == nil {
					statuses[i] = r.StatusCode
					r.Body.Close()
				}
			})
		}
		all.Wait()
		return statuses
	}
	require.ElementsMatch(t, []int{http.StatusSeeOther, http.StatusNotFound},
		at("/iam/mfa/bob/remove", url.Values{"serial": {"arn:aws:iam::123456789012:mfa/phone"}}))
	require.Zero(t, l.serials())
	require.ElementsMatch(t, []int{http.StatusSeeOther, http.StatusConflict}, at("/iam/users", url.Values{"user_name": {"dave"}}))
	require.ElementsMatch(t, []int{http.StatusSeeOther, http.StatusConflict},
		at("/iam/mfa/bob/assign", url.Values{"type": {"virtual"}, "device_name": {"one"}}))
	require.ElementsMatch(t, []int{http.StatusSeeOther, http.StatusNotFound}, at("/iam/users/dave/delete", nil))
	// Who deletes the other has ended what the other is doing.
	both[0].open("/iam/users/carol").send("/iam/users/carol/permissions", "what", "detach", "policy", "arn:aws:iam::aws:policy/AdministratorAccess")
	both[0].send("/iam/users/carol/password", "password", "Open-Sesame-2")
	l.must("iam", "DeleteLoginProfile", "UserName", "carol")
	both[0].open("/iam/users/carol").send("/iam/users/carol/delete")
	require.Contains(t, both[0].page, "The user was deleted.")
	require.Equal(t, "/console/signin", both[1].open("/home").at.Path)
}
