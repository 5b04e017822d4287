package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drafts holds one draft of each purpose; tests give them an age.
var drafts = []Draft{
	{Purpose: ForceMFA},
	{Purpose: DenyWithoutMFA, Actions: []string{"ec2:TerminateInstances"}},
	{Purpose: AllowWithMFA, Actions: []string{"ec2:TerminateInstances"}, Resources: []string{"arn:aws:ec2:*:*:instance/*"}},
	{Purpose: AssumeWithMFA, Principals: []string{bob.ARN}},
	{Purpose: BucketWithMFA, Resources: []string{"records", "arn:aws:s3:::taxes/2026/*"}},
}

func TestADraftHasNoTrap(t *testing.T) {
	for _, d := range drafts {
		for _, within := range []time.Duration{0, 5 * time.Minute} {
			d.Within = within
			text, err := d.Text()
			require.NoError(t, err)
			require.Empty(t, rules(mustParse(t, d.Kind(), text)), text)
		}
	}
}

// TestADraftAsksForMFA decides what each draft is about by the columns of the grid: only who used MFA, and of those with an
// age only who did so lately, gets through.
func TestADraftAsksForMFA(t *testing.T) {
	everything := Attached{"all", mustParse(t, Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}
	for _, d := range drafts {
		for _, within := range []time.Duration{0, 5 * time.Minute} {
			d.Within = within
			text, err := d.Text()
			require.NoError(t, err)
			set, r := &Set{}, &Request{Caller: bob, Action: "ec2:TerminateInstances", Resource: "arn:aws:ec2:us-east-1:123456789012:instance/i-1"}
			own := Attached{"draft", mustParse(t, d.Kind(), text)}
			switch d.Purpose {
			case AllowWithMFA:
				set.Identity = []Attached{own}
			case BucketWithMFA:
				set.Identity, set.Resource = []Attached{everything}, []Attached{own}
				r.Action, r.Resource = "s3:GetObject", "arn:aws:s3:::records/a"
			case AssumeWithMFA:
				set.Resource = []Attached{own}
				r.Action, r.Resource = "sts:AssumeRole", "arn:aws:iam::123456789012:role/r"
			default:
				set.Identity = []Attached{everything, own}
			}
			var got []bool
			for _, column := range columns {
				r.Context = column
				got = append(got, set.Decide(r).Outcome == Allowed)
			}
			require.Equal(t, []bool{false, false, true, within == 0}, got, "%s within %v", d.Purpose, within)
		}
	}
}

// A user who has nothing but a password that expired can get to a device, and take back the one that a wizard left behind.
func TestAForcedUserIsNotLockedOut(t *testing.T) {
	text, err := drafts[0].Text()
	require.NoError(t, err)
	set := &Set{Identity: []Attached{{"draft", mustParse(t, Identity, text)}}}
	c := NewContext(time.Unix(0, 0))
	c.Set(UserName, "bob")
	for action, resource := range map[string]string{
		"iam:ChangePassword": bob.ARN, "iam:CreateVirtualMFADevice": "arn:aws:iam::123456789012:mfa/bob",
		"iam:DeleteVirtualMFADevice": "arn:aws:iam::123456789012:mfa/bob", "iam:EnableMFADevice": bob.ARN} {
		require.Equal(t, Allowed, set.Decide(&Request{Caller: bob, Action: action, Resource: resource, Context: c}).Outcome, action)
	}
	require.Equal(t, ExplicitDeny, set.Decide(&Request{Caller: bob, Action: "iam:DeactivateMFADevice", Resource: bob.ARN, Context: c}).Outcome)
}

func TestADraftSaysWhatItLacks(t *testing.T) {
	for want, d := range map[string]Draft{
		`the purpose "fly" is not known: [force deny allow role bucket]`: {Purpose: "fly"},
		"an age of 1.5s is not of whole seconds":                         {Purpose: ForceMFA, Within: 1500 * time.Millisecond},
		"an age of -1s is not of whole seconds":                          {Purpose: ForceMFA, Within: -time.Second},
		"no action is named":                                             {Purpose: AllowWithMFA},
		"no bucket is named":                                             {Purpose: BucketWithMFA},
		"nobody is named":                                                {Purpose: AssumeWithMFA},
		"Actions/Conditions must be prefaced by a vendor":                {Purpose: DenyWithoutMFA, Actions: []string{"TerminateInstances"}},
		"MalformedPolicyDocument":                                        {Purpose: AssumeWithMFA, Principals: []string{"bob"}},
	} {
		_, err := d.Text()
		require.ErrorContains(t, err, want)
	}
}

func TestAKindIsGuessed(t *testing.T) {
	for name, kind := range canonical {
		require.Equal(t, kind, Guess(fixture(t, name).JSON()), name)
	}
	require.Equal(t, Resource, Guess(`{"Statement":[{"Principal":"*"},{"NotPrincipal":"*","NotResource":"*"}]}`))
	for _, none := range []string{"", "[]", "{}", `{"Statement":[1]}`, `{"Statement":{"Resource":"*"}}`} {
		require.Equal(t, Identity, Guess(none), none)
	}
}

func TestAFindingSaysWhere(t *testing.T) {
	text := "{\"Version\":\"2012-10-17\",\"Statement\":[\n  {\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\n   \"Condition\":{\"Bool\":{\"aws:CurrentTime\":\"true\",\n" +
		"     \"aws:MultiFactorAuthPresent\":\"false\"}}},\n  {\"Effect\":\"Deny\",\"NotAction\":\"iam:EnableMFADevice\",\"Resource\":\"*\",\"Condition\":{\"BoolIfExists\":{\"aws:MultiFactorAuthPresent\":\"false\"}}}]}"
	text = strings.Replace(text, `"aws:CurrentTime":"true",`, `"aws:SecureTransport":"true",`, 1)
	var got []string
	for _, f := range Check(mustParse(t, Identity, text)) {
		got = append(got, fmt.Sprint(f.Rule, f.At))
	}
	require.Equal(t, []string{"deny-misses-access-keys{4 6}", "change-password-missing{5 3}"}, got)
}

// TestTrapsBetweenDocuments: what is attached beside a document may undo it, or complete it.
func TestTrapsBetweenDocuments(t *testing.T) {
	one := func(s string) *Document {
		return mustParse(t, Identity, `{"Version":"2012-10-17","Statement":`+s+`}`)
	}
	narrow := one(`{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`)
	require.Empty(t, rules(narrow))
	findings := Check(narrow, one(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`))
	require.Len(t, findings, 1)
	require.Equal(t, "broader-allow", findings[0].Rule)
	null := one(`{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Null":{"aws:MultiFactorAuthPresent":"true"}}}`)
	require.Len(t, Check(null), 1)
	require.Empty(t, Check(null, one(`{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}`)))
}
