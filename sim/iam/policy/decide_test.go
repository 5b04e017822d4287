package policy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// allows and denies are documents of one statement about everything.
func one(t testing.TB, kind Kind, effect Effect, principal string) Attached {
	t.Helper()
	text := fmt.Sprintf(`"Effect":%q,"Action":"sts:AssumeRole"`, effect)
	if kind != Trust {
		text += `,"Resource":"*"`
	}
	if principal != "" {
		text += `,"Principal":` + principal
	}
	return Attached{kind.String(), mustParse(t, kind, `{"Version":"2012-10-17","Statement":{`+text+`}}`)}
}

// TestWhoMayWhat is Section 4.3 and User Guide, "Policy evaluation for requests within a single account" and "Cross-account
// policy evaluation logic". The layers of a case: i, b, s, r, t for a document that allows, capitals for one that denies,
// and - after a letter for one that says nothing. The resource's principal follows after a colon.
func TestWhoMayWhat(t *testing.T) {
	everybody, acct := `"*"`, `{"AWS":"`+account+`"}`
	name := func(c Caller) string { return `{"AWS":"` + c.ARN + `"}` }
	base := func(c Caller) string { return `{"AWS":"` + c.Base + `"}` }
	for _, c := range []struct {
		what      string
		caller    Caller
		layers    string
		principal string
		owner     string
		want      Outcome
		kind      Kind
	}{
		{"nothing allows", bob, "", "", "", ImplicitDeny, Identity},
		{"an identity policy allows", bob, "i", "", "", Allowed, Identity},
		{"one of two is enough", bob, "i-i", "", "", Allowed, Identity},
		{"a deny beats every allow", bob, "iiI", "", "", ExplicitDeny, Identity},
		{"a boundary allows nothing by itself", bob, "b", "", "", ImplicitDeny, Identity},
		{"identity and boundary meet", bob, "ib", "", "", Allowed, Identity},
		{"the boundary is silent", bob, "ib-", "", "", ImplicitDeny, Boundary},
		{"the boundary denies", bob, "iB", "", "", ExplicitDeny, Boundary},
		{"identity and session meet", app, "is", "", "", Allowed, Identity},
		{"the session policy is silent", app, "is-", "", "", ImplicitDeny, Session},
		{"one of two session policies is enough", app, "is-s", "", "", Allowed, Identity},
		{"the session policy denies", app, "isS", "", "", ExplicitDeny, Session},
		{"all three meet", app, "ibs", "", "", Allowed, Identity},
		{"a federated user has what its policy passes on", guest, "is", "", "", Allowed, Identity},
		{"and without a policy nothing", guest, "i", "", "", ImplicitDeny, Session},
		{"root needs no policy", root, "", "", "", Allowed, Identity},
		{"but a resource may deny it", root, "R", everybody, "", ExplicitDeny, Resource},
		{"a resource allows a user of its own account", bob, "r", name(bob), "", Allowed, Resource},
		{"whatever the boundary", bob, "rb-", name(bob), "", Allowed, Resource},
		{"everybody is the user too", bob, "rb-", everybody, "", Allowed, Resource},
		{"its account is not", bob, "r", acct, "", ImplicitDeny, Identity},
		{"a resource allows a role", app, "r", base(app), "", Allowed, Resource},
		{"within its boundary", app, "rb-", base(app), "", ImplicitDeny, Boundary},
		{"and its session policy", app, "rs-", base(app), "", ImplicitDeny, Session},
		{"a resource allows the session itself, whatever else", app, "rb-s-", name(app), "", Allowed, Resource},
		{"a federated session by its name", guest, "r", name(guest), "", Allowed, Resource},
		{"by its user only as far as the session goes", guest, "r", name(bob), "", ImplicitDeny, Session},
		{"a resource that denies beats identity", bob, "iR", name(bob), "", ExplicitDeny, Resource},
		{"a deny may name the account", bob, "iR", acct, "", ExplicitDeny, Resource},
		{"strangers are let in by the resource alone", nobody, "r", everybody, "", Allowed, Resource},
		{"or not", nobody, "r", acct, "", ImplicitDeny, Resource},
		{"a service too", ec2, "t", `{"Service":"ec2.amazonaws.com"}`, "", Allowed, Trust},
		{"a provider too", cognito, "t", `{"Federated":"cognito-identity.amazonaws.com"}`, "", Allowed, Trust},
		{"across accounts identity is not enough", alice, "i", "", account, ImplicitDeny, Resource},
		{"nor is the resource", alice, "r", name(alice), account, ImplicitDeny, Identity},
		{"both are", alice, "ir", name(alice), account, Allowed, Identity},
		{"by the account as well", alice, "ir", `{"AWS":"` + foreign + `"}`, account, Allowed, Identity},
		{"for a role too", app, "r", base(app), foreign, ImplicitDeny, Identity},
		{"and both allow it", app, "ir", base(app), foreign, Allowed, Identity},
		{"within the boundary", alice, "irb-", name(alice), account, ImplicitDeny, Boundary},
		{"a role must trust", bob, "it-", name(alice), "", ImplicitDeny, Trust},
		{"the account, then identity decides", bob, "it", acct, "", Allowed, Identity},
		{"and without identity nothing", bob, "t", acct, "", ImplicitDeny, Identity},
		{"or the user by name", bob, "t", name(bob), "", Allowed, Trust},
		{"a role must trust root too", root, "t-", name(bob), "", ImplicitDeny, Trust},
		{"a trust policy may deny", bob, "iT", name(bob), "", ExplicitDeny, Trust},
	} {
		var set Set
		for i := 0; i < len(c.layers); i++ {
			letter, effect, principal := c.layers[i], Allow, ""
			if letter < 'a' {
				letter, effect = letter+'a'-'A', Deny
			}
			kind := map[byte]Kind{'i': Identity, 'b': Boundary, 's': Session, 'r': Resource, 't': Trust}[letter]
			if kind.granted() {
				principal = c.principal
			}
			a := one(t, kind, effect, principal)
			if i+1 < len(c.layers) && c.layers[i+1] == '-' {
				i++
				silent := *a.Document
				silent.Statements = nil
				a.Document = &silent
			}
			list := map[Kind]*[]Attached{Identity: &set.Identity, Boundary: &set.Boundary, Session: &set.Session, Resource: &set.Resource, Trust: &set.Resource}[kind]
			*list = append(*list, a)
		}
		d := set.Decide(&Request{Caller: c.caller, Action: "sts:AssumeRole", Resource: app.Base, Owner: c.owner})
		require.Equal(t, c.want, d.Outcome, c.what)
		require.Equal(t, c.kind, d.Kind, c.what)
	}
}

func TestDecisionsExplainThemselves(t *testing.T) {
	force := Set{Identity: []Attached{{"ForceMFA", fixture(t, "1-force-mfa")}}}
	delete7 := Set{Identity: []Attached{{"Fresh", fixture(t, "7-fresh-mfa")}}}
	noBoundary := force
	noBoundary.Boundary = []Attached{{"Limit", fixture(t, "7-fresh-mfa")}}
	for _, c := range []struct {
		what       string
		set        Set
		caller     Caller
		action     string
		credential int
		want       string
		reason     string
	}{
		{"a key that is missing denies", force, bob, "iam:CreateAccessKey", 0,
			"explicitDeny by DenyAllExceptListedIfNoMFA of the identity policy ForceMFA, since aws:MultiFactorAuthPresent is missing " +
				"and so its BoolIfExists is met",
			"with an explicit deny in an identity-based policy"},
		{"a key that is false denies", force, bob, "iam:CreateAccessKey", 1,
			"explicitDeny by DenyAllExceptListedIfNoMFA of the identity policy ForceMFA",
			"with an explicit deny in an identity-based policy"},
		{"an allow is named", force, bob, "iam:CreateAccessKey", 2,
			"allowed by AllowManageOwnAccessKeys of the identity policy ForceMFA", ""},
		{"nothing speaks of it", force, bob, "s3:GetObject", 2,
			"implicitDeny: no identity-based policy allows it",
			"because no identity-based policy allows the s3:GetObject action"},
		{"the nearest allow lacks its key", delete7, bob, "ec2:StopInstances", 1,
			"implicitDeny: no identity-based policy allows it; DestroyWithFreshMFA of the identity policy Fresh would, " +
				"but aws:MultiFactorAuthAge is missing for its NumericLessThan",
			"because no identity-based policy allows the ec2:StopInstances action"},
		{"the nearest allow is out of time", delete7, bob, "ec2:StopInstances", 3,
			"implicitDeny: no identity-based policy allows it; DestroyWithFreshMFA of the identity policy Fresh would, " +
				"but its NumericLessThan aws:MultiFactorAuthAge 300 is not met",
			"because no identity-based policy allows the ec2:StopInstances action"},
		{"the boundary is named", noBoundary, bob, "iam:CreateAccessKey", 2,
			"implicitDeny: no permissions boundary allows it",
			"because no permissions boundary allows the iam:CreateAccessKey action"},
		{"root may", Set{}, root, "iam:CreateAccessKey", 0, "allowed: the root user may", ""},
	} {
		r := &Request{Caller: c.caller, Action: c.action, Resource: bob.ARN, Context: NewContext(noon)}
		r.Context.Set(UserName, "bob")
		credentials[c.credential].set(r.Context)
		d := c.set.Decide(r)
		require.Equal(t, c.want, d.String(), c.what)
		require.Equal(t, c.reason, d.Reason(c.action), c.what)
	}
	for kind, want := range map[Kind]string{Boundary: "a permissions boundary", Session: "a sessions policy",
		Resource: "a resource-based policy", Trust: "the role trust policy"} {
		require.Equal(t, "with an explicit deny in "+want, Decision{Outcome: ExplicitDeny, Kind: kind}.Reason("x"))
	}
	require.Equal(t, "because no role trust policy allows the sts:AssumeRole action", Decision{Outcome: ImplicitDeny, Kind: Trust}.Reason("sts:AssumeRole"))
	require.Equal(t, "unknown", Kind(9).String())
}

// TestCanonicalPolicies plays the seven of Section 4.4 with their traps: the outcome for an access key, a session without
// MFA, one with fresh and one with old MFA: + allowed, - denied explicitly, . denied implicitly.
func TestCanonicalPolicies(t *testing.T) {
	own, device, orphan := bob.ARN, "arn:aws:iam::"+account+":mfa/bob", "arn:aws:iam::"+account+":mfa/old"
	for _, c := range []struct {
		policy, action, resource, want string
	}{
		{"1-force-mfa", "iam:CreateVirtualMFADevice", device, "++++"},
		{"1-force-mfa", "iam:EnableMFADevice", own, "++++"},
		{"1-force-mfa", "iam:DeleteVirtualMFADevice", device, "--++"}, // the orphan of a cancelled wizard stays
		{"1-force-mfa", "iam:ChangePassword", own, "--++"},            // nobody with an expired password gets in
		{"1-force-mfa", "iam:DeactivateMFADevice", own, "--++"},
		{"1-force-mfa", "iam:CreateAccessKey", "arn:aws:iam::" + account + ":user/alice", "--.."},
		{"2-self-manage-mfa", "iam:CreateVirtualMFADevice", orphan, "++++"},
		{"2-self-manage-mfa", "iam:DeactivateMFADevice", own, "--++"},
		{"2-self-manage-mfa", "s3:GetObject", "arn:aws:s3:::b/x", "--.."},
		{"3-hardware-mfa", "iam:EnableMFADevice", own, "++++"},
		{"3-hardware-mfa", "iam:DeactivateMFADevice", own, "--++"},
		{"3-hardware-mfa", "s3:GetObject", "arn:aws:s3:::b/x", "...."}, // it denies on the own user only
		{"4-resync-mfa", "iam:ResyncMFADevice", own, "++++"},
		{"4-resync-mfa", "iam:EnableMFADevice", own, "--.."},
		{"5-trust-mfa", "sts:AssumeRole", app.Base, "..++"},
		{"6-bucket-mfa", "s3:GetObject", "arn:aws:s3:::records/taxes/2025", "--+-"},
		{"6-bucket-mfa", "s3:GetObject", "arn:aws:s3:::records/letters", "++++"},
		{"7-fresh-mfa", "ec2:TerminateInstances", "arn:aws:ec2:eu-west-1:" + account + ":instance/i-1", "..+."},
		{"7-fresh-mfa", "ec2:DescribeInstances", "*", "++++"},
	} {
		var set Set
		switch a := []Attached{{c.policy, fixture(t, c.policy)}}; a[0].Kind {
		case Identity:
			set.Identity = a
		case Trust:
			set.Identity, set.Resource = []Attached{one(t, Identity, Allow, "")}, a
		default:
			set.Resource = a
		}
		var got []byte
		for _, cred := range credentials {
			r := &Request{Caller: bob, Action: c.action, Resource: c.resource, Context: NewContext(noon)}
			r.Context.Set(UserName, "bob")
			cred.set(r.Context)
			got = append(got, map[Outcome]byte{Allowed: '+', ExplicitDeny: '-', ImplicitDeny: '.'}[set.Decide(r).Outcome])
		}
		require.Equal(t, c.want, string(got), "%s %s %s", c.policy, c.action, c.resource)
	}
}

func TestTrace(t *testing.T) {
	set := Set{
		Identity: []Attached{{"ForceMFA", fixture(t, "1-force-mfa")}},
		Boundary: []Attached{{"Limit", fixture(t, "7-fresh-mfa")}},
		Resource: []Attached{{"Trust", fixture(t, "5-trust-mfa")}},
	}
	r := &Request{Caller: bob, Action: "iam:ChangePassword", Resource: bob.ARN, Context: NewContext(noon)}
	r.Context.Set(UserName, "bob")
	steps := set.Trace(r)
	require.Len(t, steps, 9+2+1)
	var applying []string
	for _, s := range steps {
		if s.Applies() {
			applying = append(applying, s.Kind.String()+" "+s.Policy+" "+s.Statement.Label())
		}
	}
	require.Equal(t, []string{"identity ForceMFA AllowManageOwnPasswords", "identity ForceMFA DenyAllExceptListedIfNoMFA"}, applying)
	require.True(t, steps[8].Absent)
	require.Equal(t, MFAPresent, steps[8].Condition.Key)
	require.Equal(t, "action", steps[0].Part.String())
	require.Equal(t, "statement 1", steps[11].Statement.Label())
	require.Equal(t, []Key{MFAPresent}, set.Missing(r))
	r.Action, r.Resource = "sts:AssumeRole", app.Base
	require.Equal(t, "condition", set.Trace(r)[11].Part.String())
	r.Caller = alice
	require.Equal(t, "principal", set.Trace(r)[11].Part.String())
	r.Action = "iam:ChangePassword"
	require.Equal(t, "resource", set.Trace(r)[1].Part.String())
}

func TestTheFirstMissingKeyIsNamed(t *testing.T) {
	d := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{
		"Null":{"aws:TokenIssueTime":"true"},"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}}`)
	set := Set{Identity: []Attached{{"p", d}}}
	require.Equal(t, TokenIssueTime, set.Decide(&Request{Caller: bob, Action: "s3:Get", Resource: "*"}).Condition.Key)
}

func TestContextKeys(t *testing.T) {
	require.Equal(t, []Key{MFAPresent, UserName}, ContextKeys(fixture(t, "1-force-mfa")))
	require.Equal(t, []Key{MFAAge, MFAPresent}, ContextKeys(fixture(t, "7-fresh-mfa"), fixture(t, "6-bucket-mfa"), fixture(t, "5-trust-mfa")))
	d := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
		"StringLike":{"s3:prefix":["${aws:userid}/*","${aws:USERID}"]},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:*"}}}}`)
	require.Equal(t, []Key{PrincipalAccount, PrincipalARN, UserID, S3Prefix}, ContextKeys(d))
}
