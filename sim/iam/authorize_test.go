package iam_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
)

// document returns a policy of one statement.
func document(effect, action, resource, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"` + condition + `}]}`
}

// may gives a user an inline policy.
func (c *clerk) may(user, name, text string) {
	c.t.Helper()
	c.must("PutUserPolicy", "UserName", user, "PolicyName", name, "PolicyDocument", text)
}

// ask puts a request of another service to the policies.
func (c *clerk) ask(caller iam.Caller, action, resource string, policies ...policy.Attached) (policy.Decision, error) {
	return c.service.Authorize(c.t.Context(), iam.Request{Caller: caller, Action: action, Resource: resource, Now: c.now,
		ResourcePolicies: policies, Region: "eu-west-1", SourceIP: "192.0.2.7", UserAgent: "curl/8"})
}

func TestAUserMayDoWhatItsPoliciesSay(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob", "Path", "/staff/")
	c.must("CreateUser", "UserName", "eve")
	bob := c.mere("bob")

	e := bob.refused("ListAccessKeys", "UserName", "bob")
	require.Equal(t, "AccessDenied: User: arn:aws:iam::123456789012:user/staff/bob is not authorized to perform: iam:ListAccessKeys on resource: "+
		"user bob because no identity-based policy allows the iam:ListAccessKeys action", e.Error())
	require.Equal(t, 403, e.Status)

	c.may("bob", "own", document("Allow", "iam:*AccessKey*", "arn:aws:iam::*:user/staff/${aws:username}", ""))
	bob.must("ListAccessKeys", "UserName", "bob")
	bob.must("ListAccessKeys")
	bob.refused("ListAccessKeys", "UserName", "eve")
	unknown := bob.refused("ListAccessKeys", "UserName", "una").Message
	require.Equal(t, strings.ReplaceAll(unknown, "una", "eve"), bob.refused("ListAccessKeys", "UserName", "eve").Message, "a denial tells nobody who exists")
	c.may("bob", "not", document("Deny", "iam:ListAccessKeys", "*", ""))
	e = bob.refused("ListAccessKeys", "UserName", "bob")
	require.Contains(t, e.Message, "iam:ListAccessKeys on resource: user bob with an explicit deny in an identity-based policy")
	c.must("DeleteUserPolicy", "UserName", "bob", "PolicyName", "not")
	bob.must("ListAccessKeys", "UserName", "bob")
}

func TestWhatIsKnownOfARequest(t *testing.T) {
	c := newCounter(t)
	c.must("TagUser", "UserName", "bob", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "tax")
	plain := c.mere("bob").caller
	session := func(mfa bool) iam.Caller {
		x := plain
		x.Session = &iam.Session{UserID: x.UserID, Created: c.now.Add(-time.Minute), MFA: mfa}
		return x
	}
	for name, test := range map[string]struct {
		condition              string
		key, session, withCode bool
	}{
		"the MFA keys are of sessions alone":  {`{"Null":{"aws:MultiFactorAuthPresent":"false"}}`, false, true, true},
		"a session without a code says so":    {`{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`, false, true, false},
		"a session with a code has an age":    {`{"NumericEquals":{"aws:MultiFactorAuthAge":"60"}}`, false, false, true},
		"when the session began":              {`{"DateEquals":{"aws:TokenIssueTime":"` + c.now.Add(-time.Minute).Format(time.RFC3339) + `"}}`, false, true, true},
		"a user has a name":                   {`{"StringEquals":{"aws:username":"bob"}}`, true, true, true},
		"and an ID":                           {`{"StringEquals":{"aws:userid":"` + plain.UserID + `"}}`, true, true, true},
		"a type":                              {`{"StringEquals":{"aws:PrincipalType":"User"}}`, true, true, true},
		"an ARN":                              {`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/bob"}}`, true, true, true},
		"an account":                          {`{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}`, true, true, true},
		"tags":                                {`{"StringEquals":{"aws:PrincipalTag/Team":"tax"}}`, true, true, true},
		"the address that it calls from":      {`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, true, true, true},
		"the region that it calls":            {`{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`, true, true, true},
		"its program":                         {`{"StringLike":{"aws:UserAgent":"curl/*"}}`, true, true, true},
		"how it came":                         {`{"Bool":{"aws:SecureTransport":"false","aws:ViaAWSService":"false"}}`, true, true, true},
		"the time, which is the lab's":        {`{"DateEquals":{"aws:CurrentTime":"` + c.now.UTC().Format(time.RFC3339) + `"}}`, true, true, true},
		"a condition on what is not so fails": {`{"StringEquals":{"aws:username":"eve"}}`, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.may("bob", "one", document("Allow", "ec2:*", "*", test.condition))
			for caller, want := range map[*iam.Caller]bool{&plain: test.key, new(session(false)): test.session, new(session(true)): test.withCode} {
				d, err := c.ask(*caller, "ec2:TerminateInstances", "arn:aws:ec2:eu-west-1:123456789012:instance/i-1")
				require.Equal(t, want, err == nil, d.String())
			}
		})
	}
}

func TestAuthorizeForOtherServices(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	bob := c.mere("bob").caller
	const object = "arn:aws:s3:::records/taxes"
	d, err := c.ask(bob, "s3:GetObject", object)
	require.Equal(t, policy.ImplicitDeny, d.Outcome)
	require.EqualError(t, err, "AccessDenied: User: arn:aws:iam::123456789012:user/bob is not authorized to perform: s3:GetObject on resource: "+
		object+" because no identity-based policy allows the s3:GetObject action")
	bucket, err := policy.Parse(policy.Resource, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`)
	require.NoError(t, err)
	for _, caller := range []iam.Caller{bob, {}, c.caller} {
		_, err = c.ask(caller, "s3:GetObject", object, policy.Attached{Name: "bucket", Document: bucket})
		require.NoError(t, err)
	}
	_, err = c.ask(iam.Caller{}, "s3:GetObject", object)
	require.ErrorContains(t, err, "because no resource-based policy allows")
	_, err = c.ask(iam.Caller{UserID: "AIDAGONE", ARN: "arn:aws:iam::123456789012:user/gone"}, "s3:GetObject", object)
	require.ErrorContains(t, err, "InvalidClientTokenId")
}

func TestDecisionsFollowEveryChange(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	may := func() bool {
		user := c.mere("bob").caller
		_, err := c.ask(user, "ec2:RunInstances", "*")
		_, again := c.ask(user, "ec2:RunInstances", "*")
		require.Equal(t, err == nil, again == nil)
		return err == nil
	}
	require.False(t, may())
	c.may("bob", "ec2", document("Allow", "ec2:*", "*", ""))
	require.True(t, may())
	c.must("DeleteUserPolicy", "UserName", "bob", "PolicyName", "ec2")
	require.False(t, may())
	c.must("AttachUserPolicy", "UserName", "bob", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	require.True(t, may())
	saved, err := c.service.Snapshot(t.Context())
	require.NoError(t, err)
	c.must("DetachUserPolicy", "UserName", "bob", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	require.False(t, may())
	require.NoError(t, c.service.Restore(t.Context(), saved, simChance(), c.now))
	require.True(t, may())
}

func TestAnAccountFromBeforePoliciesGoesOn(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	bob := c.mere("bob")
	bob.refused("ListUsers")
	c.edit("account", "account", func(r map[string]any) { delete(r, "edition") })
	old, err := c.service.Snapshot(t.Context())
	require.NoError(t, err)
	check := func() {
		bob.service = c.service
		bob.must("ListUsers")
		require.Equal(t, []string{"AdministratorAccess"}, fields(c.must("ListAttachedUserPolicies", "UserName", "bob"), "PolicyName"))
		c.must("CreateUser", "UserName", "new")
		c.mere("new").refused("ListUsers")
	}
	t.Run("when it is opened", func(t *testing.T) {
		c.open(c.store, nil)
		check()
	})
	t.Run("when it is restored", func(t *testing.T) {
		require.NoError(t, c.service.Restore(t.Context(), old, simChance(), c.now))
		check()
	})
	t.Run("once", func(t *testing.T) {
		c.must("DetachUserPolicy", "UserName", "bob", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
		c.open(c.store, nil)
		bob.service = c.service
		bob.refused("ListUsers")
	})
}
