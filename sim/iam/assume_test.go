package iam_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/iam/policy"
	"github.com/mfalab/mfalab/sim/trail"
)

const (
	deployer = "arn:aws:iam::123456789012:role/ops/deployer"
	mayAll   = "arn:aws:iam::aws:policy/AdministratorAccess"
	needsMFA = `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`
	short    = "403 AccessDenied User: arn:aws:iam::123456789012:user/bob is not authorized to perform: %s on resource: %s"
)

// trusting is a trust policy for the account, with a condition where one is given.
func trusting(condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},` +
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}]}`
}

// A stage is a counter with the role deployer, which bob may assume as far as it trusts him.
type stage struct{ *counter }

func newStage(t *testing.T, condition string, role ...string) *stage {
	s := &stage{newCounter(t)}
	s.enable()
	s.must("AttachUserPolicy", "UserName", "bob", "PolicyArn", mayAll)
	s.must("CreateRole", append([]string{"RoleName", "deployer", "Path", "/ops/", "AssumeRolePolicyDocument", trusting(condition)}, role...)...)
	s.must("AttachRolePolicy", "RoleName", "deployer", "PolicyArn", mayAll)
	return s
}

// key is bob with his access key.
func (s *stage) key() iam.Caller {
	c := s.as("bob").caller
	c.AccessKeyID = "AKIAbob"
	return c
}

// by calls STS, or another service where the action names it.
func (s *stage) by(who iam.Caller, action string, params ...string) (string, *iam.Error) {
	service, name, other := strings.Cut(action, ":")
	if !other {
		service, name = "sts", action
	}
	return s.call(iam.Call{Service: service, Action: name, Params: form(params...), Caller: who})
}

// signing is who signs with the credentials in an answer.
func (s *stage) signing(answer string) iam.Caller {
	s.t.Helper()
	_, who, err := s.service.Credential(s.t.Context(), field(answer, "AccessKeyId"), field(answer, "SessionToken"), s.now)
	require.NoError(s.t, err)
	return who
}

// assumed is who signs after assuming the role.
func (s *stage) assumed(who iam.Caller, params ...string) iam.Caller {
	s.t.Helper()
	answer, e := s.by(who, "AssumeRole", append([]string{"RoleArn", deployer, "RoleSessionName", "demo"}, params...)...)
	require.Nil(s.t, e)
	return s.signing(answer)
}

func TestAssumeRole(t *testing.T) {
	s := newStage(t, "")
	answer, e := s.by(s.key(), "AssumeRole", "RoleArn", deployer, "RoleSessionName", "demo")
	require.Nil(t, e)
	require.Regexp(t, `<AssumedRoleUser><AssumedRoleId>AROA[A-Z2-7]{17}:demo</AssumedRoleId>`+
		`<Arn>arn:aws:sts::123456789012:assumed-role/deployer/demo</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIA[A-Z2-7]{16}`, answer)
	require.NotContains(t, answer, "PackedPolicySize", "recorded: absent where no policy is passed")
	require.Equal(t, s.now.Add(time.Hour).Format("2006-01-02T15:04:05Z"), field(answer, "Expiration"))

	who := s.signing(answer)
	identity, e := s.by(who, "GetCallerIdentity")
	require.Nil(t, e)
	require.Equal(t, "arn:aws:sts::123456789012:assumed-role/deployer/demo", field(identity, "Arn"))
	require.Equal(t, field(answer, "AssumedRoleId"), field(identity, "UserId"))
	_, e = s.by(who, "iam:ListUsers")
	require.Nil(t, e)

	s.must("DetachRolePolicy", "RoleName", "deployer", "PolicyArn", mayAll)
	_, e = s.by(who, "iam:ListUsers")
	require.Equal(t, "AccessDenied", e.Code, "it is the role's policies that count")
	s.must("DeleteRole", "RoleName", "deployer")
	_, _, err := s.service.Credential(t.Context(), field(answer, "AccessKeyId"), field(answer, "SessionToken"), s.now)
	require.Equal(t, badToken, says(err.(*iam.Error)))
}

func TestARoleThatWantsMFA(t *testing.T) {
	role := []string{"RoleArn", deployer, "RoleSessionName", "demo"}
	pair := func(s *stage) []string { return append([]string{"SerialNumber", fob, "TokenCode", s.code(0)}, role...) }
	t.Run("is refused to an access key, with no hint", func(t *testing.T) {
		s := newStage(t, needsMFA)
		_, e := s.by(s.key(), "AssumeRole", role...)
		require.Equal(t, fmt.Sprintf(short, "sts:AssumeRole", deployer), says(e))
		_, e = s.by(s.key(), "AssumeRole", "RoleArn", deployer+"s", "RoleSessionName", "demo")
		require.Equal(t, fmt.Sprintf(short, "sts:AssumeRole", deployer+"s"), says(e), "nor is it told whether there is one")
	})
	t.Run("is given for a code, and the session has no MFA", func(t *testing.T) {
		s := newStage(t, needsMFA)
		answer, e := s.by(s.key(), "AssumeRole", pair(s)...)
		require.Nil(t, e)
		who := s.signing(answer)
		require.False(t, who.Session.MFA)
		_, e = s.by(s.key(), "AssumeRole", pair(s)...)
		require.Equal(t, wrongCode, says(e), "the code is used up")
		_, e = s.login(fob, s.code(0))
		require.Equal(t, wrongCode, says(e), "for everything")
		_, e = s.by(who, "AssumeRole", role...)
		require.Equal(t, "AccessDenied", e.Code, "chained to itself it lacks MFA")
	})
	t.Run("is given to a session with MFA, and not to one without", func(t *testing.T) {
		s := newStage(t, needsMFA)
		answer, e := s.login(fob, s.code(0))
		require.Nil(t, e)
		s.assumed(s.signing(answer))
		answer, e = s.by(s.key(), "GetSessionToken")
		require.Nil(t, e)
		_, e = s.by(s.signing(answer), "AssumeRole", role...)
		require.Equal(t, fmt.Sprintf(short, "sts:AssumeRole", deployer), says(e))
	})
	t.Run("may ask how fresh it is", func(t *testing.T) {
		s := newStage(t, `{"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}}`)
		answer, e := s.login(fob, s.code(0))
		require.Nil(t, e)
		who := s.signing(answer)
		s.assumed(who)
		s.wait(300 * time.Second)
		_, e = s.by(who, "AssumeRole", role...)
		require.Equal(t, "AccessDenied", e.Code)
		_, e = s.by(who, "AssumeRole", pair(s)...)
		require.Nil(t, e, "a code in the call is fresh")
	})
	t.Run("burns a code even where the policies refuse", func(t *testing.T) {
		s := newStage(t, `{"StringEquals":{"sts:ExternalId":"42"}}`)
		_, e := s.by(s.key(), "AssumeRole", pair(s)...)
		require.Equal(t, fmt.Sprintf(short, "sts:AssumeRole", deployer), says(e))
		_, e = s.by(s.key(), "AssumeRole", append(pair(s), "ExternalId", "42")...)
		require.Equal(t, wrongCode, says(e))
		s.wait(30 * time.Second)
		_, e = s.by(s.key(), "AssumeRole", append(pair(s), "ExternalId", "42")...)
		require.Nil(t, e)
	})
	for name, test := range map[string]struct {
		params []string
		want   string
	}{
		"a wrong code":          {[]string{"SerialNumber", fob, "TokenCode", "000000"}, wrongCode},
		"another's device":      {[]string{"SerialNumber", "GAHT00000002", "TokenCode", "000000"}, wrongSerial},
		"a code without serial": {[]string{"TokenCode", "000000"}, halfAPair},
		"a serial without code": {[]string{"SerialNumber", fob}, halfAPair},
	} {
		t.Run(name+" is refused, byte for byte", func(t *testing.T) {
			s := newStage(t, needsMFA)
			_, e := s.by(s.key(), "AssumeRole", append(test.params, role...)...)
			require.Equal(t, test.want, says(e))
		})
	}
	t.Run("a role's session has no device", func(t *testing.T) {
		s := newStage(t, "")
		_, e := s.by(s.assumed(s.key()), "AssumeRole", pair(s)...)
		require.Equal(t, wrongSerial, says(e))
	})
}

func TestWhatAssumeRoleRefuses(t *testing.T) {
	s := newStage(t, "", "MaxSessionDuration", "7200")
	chained := s.assumed(s.key(), "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue", "TransitiveTagKeys.member.1", "team")
	for name, test := range map[string]struct {
		who    iam.Caller
		params []string
		want   string
	}{
		"no ARN":                 {s.key(), []string{"RoleArn", "nothing-valid-in-here"}, "400 ValidationError nothing-valid-in-here is invalid"},
		"no service":             {s.key(), []string{"RoleArn", "arn:a::::something/test-role"}, "400 ValidationError arn:a::::something/test-role is invalid"},
		"no resource":            {s.key(), []string{"RoleArn", "arn:a:a::aaaaaaaaaa:"}, "400 ValidationError arn:a:a::aaaaaaaaaa: is invalid"},
		"root":                   {s.caller, nil, "403 AccessDenied Roles may not be assumed by root accounts."},
		"longer than the role's": {s.key(), []string{"DurationSeconds", "7201"}, "400 ValidationError The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"an hour when chained":   {chained, []string{"DurationSeconds", "3601"}, "400 ValidationError The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"},
		"a session's name": {s.key(), []string{"RoleSessionName", "Session1:2"}, "400 ValidationError 1 validation error detected: " +
			`Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		"two tags of one key": {s.key(), []string{"Tags.member.1.Key", "a", "Tags.member.1.Value", "1", "Tags.member.2.Key", "A", "Tags.member.2.Value", "2"},
			"400 InvalidParameterValue Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		"a transitive key that is not passed": {s.key(), []string{"TransitiveTagKeys.member.1", "x"},
			"400 InvalidParameterValue The specified transitive tag key must be included in the requested tags."},
		"a transitive key of the session before": {chained, []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "red"},
			"400 InvalidParameterValue One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."},
		"a policy that is none": {s.key(), []string{"Policy", "{"}, "400 MalformedPolicyDocument "},
		"too much policy": {s.key(), []string{"Policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::` +
			strings.Repeat("x", 2100) + `"}]}`}, "400 PackedPolicyTooLarge Packed policy consumes 108% of allotted space, please use smaller policy."},
	} {
		params := form("RoleArn", deployer, "RoleSessionName", "demo")
		for i := 0; i < len(test.params); i += 2 {
			params.Set(test.params[i], test.params[i+1])
		}
		_, e := s.call(iam.Call{Service: "sts", Action: "AssumeRole", Params: params, Caller: test.who})
		require.NotNil(t, e, name)
		require.Contains(t, says(e), test.want, name)
	}
	answer, e := s.by(s.key(), "AssumeRole", "RoleArn", deployer, "RoleSessionName", "demo", "DurationSeconds", "7200")
	require.Nil(t, e)
	require.Equal(t, s.now.Add(2*time.Hour).Format("2006-01-02T15:04:05Z"), field(answer, "Expiration"))
	_, e = s.by(s.key(), "AssumeRoleWithWebIdentity", "RoleArn", deployer, "RoleSessionName", "demo", "WebIdentityToken", "abcd")
	require.Equal(t, "InvalidIdentityToken", e.Code)
}

func TestWhatIsPassedToASession(t *testing.T) {
	s := newStage(t, "")
	onlyRead := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}]}`
	t.Run("a policy limits it", func(t *testing.T) {
		answer, e := s.by(s.key(), "AssumeRole", "RoleArn", deployer, "RoleSessionName", "demo", "Policy", onlyRead)
		require.Nil(t, e)
		require.Equal(t, "5", field(answer, "PackedPolicySize"))
		who := s.signing(answer)
		_, e = s.by(who, "iam:GetUser", "UserName", "bob")
		require.Nil(t, e)
		_, e = s.by(who, "iam:ListUsers")
		require.Contains(t, e.Message, "because no session policy allows the iam:ListUsers action")
	})
	t.Run("so does a managed one", func(t *testing.T) {
		s.must("CreatePolicy", "PolicyName", "read", "PolicyDocument", onlyRead)
		who := s.assumed(s.key(), "PolicyArns.member.1.arn", "arn:aws:iam::123456789012:policy/read")
		_, e := s.by(who, "iam:CreateUser", "UserName", "eve")
		require.Equal(t, "AccessDenied", e.Code)
		_, e = s.by(s.key(), "AssumeRole", "RoleArn", deployer, "RoleSessionName", "demo", "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/Nothing")
		require.Equal(t, "ValidationError", e.Code)
	})
	t.Run("tags and the source identity go on to the next role", func(t *testing.T) {
		first := s.assumed(s.key(), "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue", "Tags.member.2.Key", "own",
			"Tags.member.2.Value", "1", "TransitiveTagKeys.member.1", "team", "SourceIdentity", "bob")
		second := s.assumed(first)
		require.Equal(t, []iam.Tag{{Key: "team", Value: "blue"}}, second.Session.Tags)
		require.Equal(t, "bob", second.Session.SourceIdentity)
		s.must("PutRolePolicy", "RoleName", "deployer", "PolicyName", "p", "PolicyDocument", `{"Version":"2012-10-17","Statement":[`+
			`{"Effect":"Deny","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}]}`)
		_, e := s.by(second, "iam:ListUsers")
		require.Contains(t, e.Message, "explicit deny")
	})
}

func TestGetFederationToken(t *testing.T) {
	s := newStage(t, "")
	answer, e := s.by(s.key(), "GetFederationToken", "Name", "carol", "Policy",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudtrail:*","Resource":"*"}]}`)
	require.Nil(t, e)
	require.Equal(t, "123456789012:carol", field(answer, "FederatedUserId"))
	require.Equal(t, "arn:aws:sts::123456789012:federated-user/carol", field(answer, "Arn"))
	require.Equal(t, s.now.Add(12*time.Hour).Format("2006-01-02T15:04:05Z"), field(answer, "Expiration"))
	who := s.signing(answer)
	identity, e := s.by(who, "GetCallerIdentity")
	require.Nil(t, e)
	require.Equal(t, "123456789012:carol", field(identity, "UserId"))
	_, e = s.by(who, "cloudtrail:LookupEvents")
	require.Nil(t, e)
	d, err := s.service.Authorize(t.Context(), iam.Request{Caller: who, Action: "s3:ListAllMyBuckets", Resource: "*", Now: s.now})
	require.ErrorContains(t, err, "no session policy allows")
	require.Equal(t, policy.ImplicitDeny, d.Outcome)

	plain, e := s.by(s.key(), "GetFederationToken", "Name", "carol")
	require.Nil(t, e)
	require.Equal(t, "0", field(plain, "PackedPolicySize"), "recorded")
	_, e = s.by(s.signing(plain), "cloudtrail:LookupEvents")
	require.Equal(t, "AccessDenied", e.Code, "nothing was passed, so nothing is allowed")

	root, e := s.by(s.caller, "GetFederationToken", "Name", "carol", "DurationSeconds", "7200", "Policy",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudtrail:*","Resource":"*"}]}`)
	require.Nil(t, e)
	require.Equal(t, s.now.Add(time.Hour).Format("2006-01-02T15:04:05Z"), field(root, "Expiration"), "root's last an hour")
	_, e = s.by(s.signing(root), "cloudtrail:LookupEvents")
	require.Nil(t, e)
	_, err = s.service.Authorize(t.Context(), iam.Request{Caller: s.signing(root), Action: "s3:ListAllMyBuckets", Resource: "*", Now: s.now})
	require.Error(t, err)
}

// The table of Section 2.2: what each credential may call, byte for byte where it may not, and its MFA key.
func TestWhatEachCredentialMayCall(t *testing.T) {
	s := newStage(t, "")
	session := func(params ...string) iam.Caller {
		answer, e := s.by(s.key(), "GetSessionToken", params...)
		require.Nil(t, e)
		return s.signing(answer)
	}
	federated, e := s.by(s.key(), "GetFederationToken", "Name", "carol")
	require.Nil(t, e)
	noIAM := badToken[:len(badToken)-1]
	noSession, noFederation := "403 AccessDenied Cannot call GetSessionToken with session credentials", "403 AccessDenied Cannot call GetFederationToken with session credentials"
	denied := func(c iam.Caller, action string) string {
		return "403 AccessDenied User: " + c.ARN + " is not authorized to perform: sts:" + action
	}
	plain, mfa, role, guest := session(), session("SerialNumber", fob, "TokenCode", s.code(0)), s.assumed(s.key()), s.signing(federated)
	for _, test := range []struct {
		name string
		who  iam.Caller
		// What ListUsers, GetCallerIdentity, AssumeRole, GetAccessKeyInfo, GetSessionToken and GetFederationToken say; "" is yes.
		iam, identity, assume, info, session, federation string
		mfa                                              string
	}{
		{name: "user access key", who: s.key(), mfa: "absent"},
		{name: "GetSessionToken, no MFA", who: plain, iam: noIAM, info: denied(plain, "GetAccessKeyInfo"), session: noSession,
			federation: noFederation, mfa: "false"},
		{name: "GetSessionToken, MFA", who: mfa, info: denied(mfa, "GetAccessKeyInfo"), session: noSession, federation: noFederation, mfa: "true"},
		{name: "AssumeRole", who: role, session: noSession, federation: noFederation, mfa: "false"},
		{name: "GetFederationToken", who: guest, iam: noIAM, assume: denied(guest, "AssumeRole"), info: denied(guest, "GetAccessKeyInfo"),
			session: noSession, federation: noFederation, mfa: "absent"},
		{name: "root access key", who: s.caller, assume: "403 AccessDenied Roles may not be assumed by root accounts.", mfa: "absent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask := func(want, action string, params ...string) {
				_, e := s.by(test.who, action, params...)
				if want == "" {
					require.Nil(t, e, action)
					return
				}
				require.NotNil(t, e, action)
				require.Equal(t, want, says(e), action)
			}
			ask(test.iam, "iam:ListUsers")
			ask(test.identity, "GetCallerIdentity")
			ask(test.assume, "AssumeRole", "RoleArn", deployer, "RoleSessionName", "demo")
			ask(test.info, "GetAccessKeyInfo", "AccessKeyId", role.AccessKeyID)
			ask(test.session, "GetSessionToken")
			ask(test.federation, "GetFederationToken", "Name", "carol")
			if !test.who.IsRoot() {
				require.Equal(t, test.mfa, s.mfaOf(t, test.who))
			}
		})
	}
}

// mfaOf asks the policies what they know of c's MFA: a resource that anybody may touch under one condition.
func (s *stage) mfaOf(t *testing.T, c iam.Caller) string {
	for want, condition := range map[string]string{"absent": `{"Null":{"aws:MultiFactorAuthPresent":"true"}}`,
		"true": needsMFA, "false": `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`} {
		d, err := policy.Parse(policy.Resource, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",`+
			`"Resource":"arn:aws:s3:::b/*","Condition":`+condition+`}]}`)
		require.NoError(t, err)
		decision, _ := s.service.Authorize(t.Context(), iam.Request{Caller: c, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/o", Now: s.now,
			ResourcePolicies: []policy.Attached{{Name: "b", Document: d}}})
		if decision.Outcome == policy.ExplicitDeny {
			return want
		}
	}
	return "unknown"
}

func TestEncodedDenials(t *testing.T) {
	s := newStage(t, "")
	r := iam.Request{Caller: s.key(), Action: "ec2:TerminateInstances", Resource: "arn:aws:ec2:us-east-1:123456789012:instance/i-1", Now: s.now}
	s.must("PutUserPolicy", "UserName", "bob", "PolicyName", "p", "PolicyDocument", `{"Version":"2012-10-17","Statement":[{"Sid":"Fresh",`+
		`"Effect":"Deny","Action":"ec2:Terminate*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}`)
	d, err := s.service.Authorize(t.Context(), r)
	require.Error(t, err)
	text, err := s.service.EncodeDenial(t.Context(), r, d)
	require.NoError(t, err)
	require.NotContains(t, text, "bob")
	answer, e := s.by(s.key(), "DecodeAuthorizationMessage", "EncodedMessage", text)
	require.Nil(t, e)
	var m struct {
		Allowed, ExplicitDeny bool
		MatchedStatements     struct {
			Items []struct{ StatementID, Effect string }
		}
		Context struct {
			Action, Resource string
			Conditions       struct {
				Items []struct {
					Key    string
					Values struct{ Items []struct{ Value string } }
				}
			}
		}
	}
	plain := strings.NewReplacer("&#34;", `"`).Replace(field(answer, "DecodedMessage"))
	require.NoError(t, json.Unmarshal([]byte(plain), &m))
	require.True(t, m.ExplicitDeny && !m.Allowed)
	require.Equal(t, "Fresh", m.MatchedStatements.Items[0].StatementID)
	require.Equal(t, r.Resource, m.Context.Resource)
	known := map[string]string{}
	for _, c := range m.Context.Conditions.Items {
		known[c.Key] = c.Values.Items[0].Value
	}
	require.Equal(t, "bob", known["aws:username"])
	require.Equal(t, s.now.UTC().Format(time.RFC3339), known["aws:CurrentTime"])
	require.NotContains(t, known, "aws:MultiFactorAuthPresent", "an access key has none")

	other, err := iam.New(t.Context(), iam.Config{Store: memory.New(), Chance: sim.NewChance([]byte("another lab"))}, s.now)
	require.NoError(t, err)
	r.Caller = other.RootCaller() // bob is not known there
	foreign, err := other.EncodeDenial(t.Context(), r, d)
	require.NoError(t, err)
	for name, bad := range map[string]string{"nothing of ours": "abc", "cut off": text[:len(text)-4], "another lab's": foreign,
		"changed": "A" + text[1:], "not base64": text + "!"} {
		_, e := s.by(s.key(), "DecodeAuthorizationMessage", "EncodedMessage", bad)
		require.Equal(t, "400 InvalidAuthorizationMessageException Message is not valid", says(e), name)
	}
}

func TestSessionsInTheTrail(t *testing.T) {
	s := newStage(t, "")
	role := s.assumed(s.key(), "SourceIdentity", "bob", "SerialNumber", fob, "TokenCode", s.code(0))
	r := s.clerk.last()
	require.Equal(t, "AssumeRole", r.EventName)
	require.Equal(t, fob, *jsonField(t, r.RequestParameters, "serialNumber"))
	require.NotContains(t, r.JSON(), s.code(0))
	require.Contains(t, string(r.ResponseElements), `"assumedRoleUser":{"assumedRoleId":"`+role.UserID+`"`)
	require.NotContains(t, string(r.ResponseElements), "sessionToken")
	require.Equal(t, deployer, r.Resources[0].ARN)

	_, e := s.by(role, "iam:ListUsers")
	require.Nil(t, e)
	who := s.clerk.last().UserIdentity
	require.Equal(t, trail.AssumedRole, who.Type)
	require.Equal(t, "demo", s.events()[len(s.events())-1].UserName())
	require.Equal(t, deployer, who.SessionContext.SessionIssuer.ARN)
	require.Equal(t, "false", who.SessionContext.Attributes.MFAAuthenticated)
	require.Equal(t, "bob", who.SessionContext.SourceIdentity)
}

// jsonField returns a text member of an object.
func jsonField(t *testing.T, b []byte, name string) *string {
	m := map[string]any{}
	require.NoError(t, json.Unmarshal(b, &m))
	s, ok := m[name].(string)
	require.True(t, ok, "%s has no %s", b, name)
	return &s
}
