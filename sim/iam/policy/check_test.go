package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rules returns the names of what Check found.
func rules(d *Document) []string {
	var names []string
	for _, f := range Check(d) {
		names = append(names, f.Rule)
	}
	return names
}

// TestTraps has statements and the traps that they walk into. D, A and F begin a Deny of two services, an Allow of
// everything, and a Deny of all but a list.
func TestTraps(t *testing.T) {
	words := strings.NewReplacer(
		"D{", `{"Effect":"Deny","Action":["s3:*","sqs:*"],"Resource":"*","Condition":{`,
		"A{", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`,
		"F[", `{"Effect":"Deny","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}},"NotAction":[`,
		`"MFA"`, `"aws:MultiFactorAuthPresent"`, `"AGE"`, `"aws:MultiFactorAuthAge"`)
	const enrol = `"iam:ChangePassword","iam:EnableMFADevice"`
	for _, c := range []struct{ what, statements, want string }{
		{"the recommended deny", `D{"BoolIfExists":{"MFA":"false"}}}`, ""},
		{"the right allow", `A{"Bool":{"MFA":"true"}}}`, ""},
		{"a fresh allow", `A{"NumericLessThan":{"AGE":"300"}}}`, ""},
		{"the right deny by age", `D{"NumericGreaterThanIfExists":{"AGE":"3600"}}}`, ""},
		{"the bucket policy's deny", `D{"Null":{"AGE":"true"}}}`, ""},
		{"bool in a deny", `D{"Bool":{"MFA":"false"}}}`, "deny-misses-access-keys"},
		{"a string in a deny", `D{"StringEquals":{"MFA":"false"}}}`, "deny-misses-access-keys"},
		{"null in a deny", `D{"Null":{"MFA":"true"}}}`, "deny-misses-sessions"},
		{"the two of them together", `D{"Null":{"MFA":"true"}}},D{"Bool":{"MFA":"false"}}}`, ""},
		{"the second for less", `D{"Null":{"MFA":"true"}}},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"MFA":"false"}}}`,
			"deny-misses-sessions"},
		{"the second with a condition of its own", `D{"Null":{"MFA":"true"}}},D{"Bool":{"MFA":"false"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`,
			"deny-misses-sessions"},
		{"an age without presence", `D{"NumericGreaterThan":{"AGE":"3600"}}}`, "deny-misses-access-keys deny-misses-sessions"},
		{"an age with presence", `D{"NumericGreaterThan":{"AGE":"3600"}}},D{"Null":{"AGE":"true"}}}`, ""},
		{"a deny of who has it", `D{"Bool":{"MFA":"true"}}}`, "deny-with-mfa"},
		{"if exists in an allow", `A{"BoolIfExists":{"MFA":"true"}}}`, "allow-lets-access-keys-in"},
		{"null in an allow", `A{"Null":{"MFA":"false"}}}`, "allow-lets-sessions-in"},
		{"an age that may be missing", `A{"NumericLessThanIfExists":{"AGE":"300"}}}`, "allow-ignores-missing-age"},
		{"an allow of who has none", `A{"Bool":{"MFA":"false"}}}`, "allow-without-mfa"},
		{"a contradiction", `A{"Bool":{"MFA":"true"},"Null":{"AGE":"true"}}}`, "never-met"},
		{"an age window is none", `A{"NumericGreaterThan":{"AGE":"10"},"NumericLessThan":{"aws:multifactorauthage":"300"}}}`, ""},
		{"a value that is none", `A{"Bool":{"MFA":"yes"}}}`, "never-met unreadable-value"},
		{"a number that is none", `D{"NumericLessThan":{"s3:max-keys":"ten"}}}`, "unreadable-value"},
		{"a key that is none", `D{"Bool":{"aws:MultiFactorAuthenticationPresent":"false"}}}`, "unknown-mfa-key"},
		{"a narrower allow", `A{"Bool":{"MFA":"true"}}},{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}`, ""},
		{"a broader allow", `{"Effect":"Allow","Action":["ec2:Stop*"],"Resource":"*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`, "broader-allow"},
		{"another resource", `{"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::a/*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}`, ""},
		{"all but something else", `{"Effect":"Allow","Action":"s3:Get","Resource":"*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "broader-allow"},
		{"all but the same", `{"Effect":"Allow","NotAction":["iam:*","s3:*"],"Resource":"*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "broader-allow"},
		{"all but just that", `{"Effect":"Allow","Action":"s3:Get","Resource":"*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, ""},
		{"all but a part of it", `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","NotAction":"s3:GetObject","Resource":"*"}`, "broader-allow"},
		{"a deny that another one completes", `{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Null":{"MFA":"true"}}},F[` + enrol + `]}`, ""},
		{"but for its list", `{"Effect":"Deny","Action":"IAM:*","Resource":"*","Condition":{"Null":{"MFA":"true"}}},F[` + enrol + `]}`,
			"deny-misses-sessions denies-enrolling"},
		{"a broader allow under a force-MFA deny", `{"Effect":"Allow","Action":"s3:Get","Resource":"*","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","Action":"s3:*","Resource":"*"},F[` + enrol + `]}`, ""},
		{"all resources but those", `{"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::a/x","Condition":{"Bool":{"MFA":"true"}}},` +
			`{"Effect":"Allow","Action":"s3:Get","NotResource":"arn:aws:s3:::a/*"}`, ""},
		{"a full list", `F[` + enrol + `]}`, ""},
		{"no way to a new password", `F["iam:EnableMFADevice"]}`, "change-password-missing"},
		{"no way to a device", `F["iam:ChangePassword"]}`, "cannot-enrol"},
		{"a wizard's orphan", `F[` + enrol + `,"iam:CreateVirtualMFADevice"]}`, "orphan-device"},
		{"which may go", `F[` + enrol + `,"iam:*VirtualMFADevice"]}`, ""},
		{"a thief's way", `F[` + enrol + `,"iam:D*MFADevice"]}`, "deactivate-without-mfa"},
		{"everything", `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"MFA":"false"}}}`, "denies-enrolling"},
		{"everything about users", `{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:user/*","Condition":{"Null":{"AGE":"true"}}}`, "denies-enrolling"},
		{"everything about roles", `{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:role/*","Condition":{"Null":{"AGE":"true"}}}`, ""},
		{"everything from elsewhere", `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"MFA":"false"},` +
			`"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`, ""},
		{"a set that may be missing", `A{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}}`, "for-all-values"},
		{"and may not", `A{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}}}`, ""},
	} {
		d := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":[`+words.Replace(c.statements)+`]}`)
		require.Equal(t, strings.Fields(c.want), append([]string{}, rules(d)...), c.what)
	}
}

func TestTrapsOfRolesAndOldDocuments(t *testing.T) {
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"PRINCIPAL"},"Action":"sts:AssumeRole",
		"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`
	require.Equal(t, []string{"foreign-mfa-claim"}, rules(mustParse(t, Trust, strings.Replace(trust, "PRINCIPAL", account, 1))))
	require.Empty(t, rules(mustParse(t, Trust, strings.Replace(trust, "PRINCIPAL", bob.ARN, 1))))
	old := `{"Statement":{"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::b/${aws:username}"}}`
	require.Equal(t, []string{"old-language"}, rules(mustParse(t, Session, old)))
}

// TestTheCanonicalPoliciesKeepTheirTraps is the text of Section 4.4.
func TestTheCanonicalPoliciesKeepTheirTraps(t *testing.T) {
	for name, want := range map[string][]string{
		"1-force-mfa":       {"change-password-missing", "orphan-device"},
		"2-self-manage-mfa": {"change-password-missing", "orphan-device"},
		"3-hardware-mfa":    {"change-password-missing"},
		"4-resync-mfa":      {"change-password-missing", "cannot-enrol"},
		"5-trust-mfa":       {"foreign-mfa-claim"},
		"6-bucket-mfa":      nil,
		"7-fresh-mfa":       nil,
	} {
		require.Equal(t, want, rules(fixture(t, name)), name)
	}
}

func TestFindingsAreForPeople(t *testing.T) {
	d := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":{"Sid":"No","Effect":"Deny","Action":"*","Resource":"*",
		"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}`)
	f := Check(d)[0]
	require.Equal(t, "No: wrong: deny-misses-access-keys: access keys have no MFA keys in their requests, so this Deny does not reach them; "+
		"write BoolIfExists (for ages NumericGreaterThanIfExists) instead (Section 4.2)", f.String())
	require.Equal(t, "Bool", f.Condition.Operator)
	var names []string
	for _, trap := range traps {
		names = append(names, trap.rule)
	}
	slices.Sort(names)
	require.Len(t, slices.Compact(names), len(traps))
}
