//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// lookAs looks at a page that has no field of its own by which it could be told from one that has been looked at.
func (c *clerkDesk) lookAs(name string) {
	c.t.Helper()
	said, err := json.Marshal(name)
	require.NoError(c.t, err)
	c.eval(c.t, `(document.querySelector("#main h1").id = `+string(said)+`, 1)`)
	c.look()
}

// proved enrols keys whose model the lab's metadata vouch for, or no more.
func (c *clerkDesk) proved(t *testing.T) {
	model := func(args ...string) { c.do(t, append([]string{"mds", "status", "ctap2.3"}, args...)...) }
	model("fido-certified-l2", "--since", "2021-01-01")
	c.plugIn(t, "--touch", "auto", "--profile", "ctap2.3")
	c.administer()
	c.user("gerda")
	c.fob()
	c.assign("key", "proven")
	c.at("/iam/users/gerda")
	c.says("attested (packed), FIDO L2")
	c.says("attestation asked for, and held against the lab's metadata")
	c.lookAs("both-kinds")

	// The model is revoked: nobody enrols such a key until that is taken back. Who has one keeps it.
	model("revoked", "--since", "2021-01-01")
	c.user("gero")
	c.assign("key", "refused")
	c.awaits(t, `!document.querySelector("#main_message").hidden`)
	c.says("The security key could not be verified.")
	c.lookAs("refused")
	model("--drop", "-1")
	c.press("#try_key")
	c.at("/iam/users/gero")
	c.says("attested (packed)")
	c.signOut()
	c.do(t, "clock", "advance", "30s")
	c.signIn("gerda", "Open-Sesame-1")
	c.at("/signin/kind")
	c.fill(`[name="mfaOption"][value="U2F"]`, "")
	c.press("#next_multi")
	c.at("/home")
	c.signOut()
}

// switched looks at the pages of somebody who acts in a role, and goes back.
func (c *clerkDesk) switched(t *testing.T) {
	keys := adminKeys(t, c.dir)
	admin := iam.New(iam.Options{Region: live.Region, BaseEndpoint: &c.owner.URL, Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, "")})
	_, err := admin.CreateRole(c, &iam.CreateRoleInput{RoleName: aws.String("auditor"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + c.door.Account + `"},"Action":"sts:AssumeRole"}}`)})
	require.NoError(t, err)
	_, err = admin.AttachRolePolicy(c, &iam.AttachRolePolicyInput{RoleName: aws.String("auditor"), PolicyArn: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")})
	require.NoError(t, err)
	c.administer()
	c.see("/switchrole?account=" + c.door.Account + "&roleName=auditor&displayName=Audit+of+the+third+quarter&color=orange")
	c.press("#input_switchrole_button")
	c.at("/home")
	c.says("assumed-role/auditor/admin")
	require.Equal(t, `"Audit of the third quarter"`, string(c.eval(t, `document.querySelector("#nav-usernameMenu.orange").textContent`)))
	c.lookAs("in-a-role")
	c.see("/iam/users")
	c.fill("#user_name", "hedwig")
	c.press("#create_user_button")
	c.says("assumed-role/auditor/admin is not authorized to perform: iam:CreateUser")
	c.press(".account form button")
	c.at("/home")
	c.says("You are yourself again.")
	c.signOut()
}

// reach goes on with the tabulator until the focus is there; each place on the way can be seen to have it.
func (c *clerkDesk) reach(selector string) {
	c.t.Helper()
	for range 50 {
		var at struct{ There, Seen bool }
		require.NoError(c.t, json.Unmarshal(c.eval(c.t, fmt.Sprintf(`(({ activeElement: e }) => ({ There: e.matches(%q),
			Seen: e === document.body || getComputedStyle(e).outlineStyle !== "none" }))(document)`, selector)), &at))
		require.True(c.t, at.Seen, "on the way to %s at\n%s", selector, c.sight())
		if at.There {
			return
		}
		c.eval(c.t, `(window.before = document.activeElement, 1)`)
		c.keys("", "\t")
		c.awaits(c.t, `document.activeElement !== window.before`)
	}
	require.Fail(c.t, "no tabulator leads there", "%s at\n%s", selector, c.sight())
}

// confirms presses Enter where the focus is, and waits for the page that comes.
func (c *clerkDesk) confirms() {
	c.t.Helper()
	c.eval(c.t, leaving)
	c.keys("", "\r")
	c.awaits(c.t, replaced)
}

// typed assigns a fob and takes it away again, by nothing but the keyboard.
func (c *clerkDesk) typed(t *testing.T) {
	c.administer()
	c.user("kate")
	serial := c.do(t, "fob", "new")
	c.reach("#assign_mfa")
	c.confirms()
	c.at("/iam/mfa/kate/assign")
	c.reach("#type_virtual")
	c.keys("", kb.ArrowDown)
	c.awaits(t, `document.activeElement.matches("#type_hardware:checked")`)
	c.confirms()
	first, second := c.codes(serial)
	c.keys("#serial", serial+"\t")
	c.keys("#code1", first+"\t")
	c.keys("#code2", second)
	c.confirms()
	c.at("/iam/users/kate")
	c.says("The MFA device was assigned.")
	c.reach(`[aria-label="Remove ` + serial + `"]`)
	c.confirms()
	c.says("The MFA device was removed.")
	c.reach("#aws-console-logout")
	c.confirms()
	c.at("/signin")
}
