package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// usual is a force-MFA policy beside five others, and a request that all of them have to be asked for.
func usual(t testing.TB) (*Set, *Request) {
	t.Helper()
	set := &Set{}
	for _, name := range []string{"1-force-mfa", "2-self-manage-mfa", "3-hardware-mfa", "4-resync-mfa", "7-fresh-mfa"} {
		set.Identity = append(set.Identity, Attached{name, fixture(t, name)})
	}
	set.Identity = append(set.Identity, Attached{"team", mustParse(t, Identity, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:PutObject"],"Resource":["arn:aws:s3:::team-${aws:PrincipalTag/Team}","arn:aws:s3:::team-${aws:PrincipalTag/Team}/*"]},
		{"Effect":"Allow","Action":["ec2:Describe*","ec2:RunInstances"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]}}},
		{"Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","198.51.100.0/24"]},"Bool":{"aws:ViaAWSService":"false"}}}]}`)})
	c := NewContext(noon)
	c.SetMFA(true, noon, noon)
	c.Set(UserName, "bob")
	c.Set(UserID, bob.ID)
	c.Set(PrincipalARN, bob.ARN)
	c.Set(PrincipalAccount, account)
	c.Set(PrincipalTag("Team"), "tax")
	c.Set(RequestedRegion, "eu-west-1")
	c.Set(SourceIP, "203.0.113.7")
	c.SetBool(SecureTransport, true)
	c.SetBool(ViaAWSService, false)
	c.Set(UserAgent, "aws-cli/2.9.19 Python/3.11.2")
	return set, &Request{Caller: bob, Action: "s3:PutObject", Resource: "arn:aws:s3:::team-tax/2025/report.ods", Context: c}
}

func TestADecisionAllocatesNothing(t *testing.T) {
	set, r := usual(t)
	require.Equal(t, "allowed by statement 1 of the identity policy team", set.Decide(r).String())
	require.Zero(t, testing.AllocsPerRun(100, func() { set.Decide(r) }))
}

func BenchmarkDecide(b *testing.B) {
	set, r := usual(b)
	b.ReportAllocs()
	for b.Loop() {
		set.Decide(r)
	}
}

func BenchmarkParse(b *testing.B) {
	text := fixture(b, "1-force-mfa").JSON()
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(Identity, text); err != nil {
			b.Fatal(err)
		}
	}
}
