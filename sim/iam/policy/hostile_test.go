package policy

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDamagedDocumentsAreJudgedNotBelieved cuts a document every five bytes and breaks it there: a document comes out, or
// an error with a text, and a cut one is always refused.
func TestDamagedDocumentsAreJudgedNotBelieved(t *testing.T) {
	for name, kind := range canonical {
		text := fixture(t, name).JSON()
		for i := 0; i < len(text); i += 5 {
			_, err := Parse(kind, text[:i])
			require.Error(t, err, text[:i])
			d, err := Parse(kind, text[:i]+string([]byte{`{",x*:`[i%6]})+text[i+1:])
			require.Equal(t, err == nil, d != nil)
		}
	}
}

func TestDeepDocumentsAreRefusedSoon(t *testing.T) {
	for _, deep := range []string{strings.Repeat("[", 60000), strings.Repeat(`{"Statement":`, 5000), strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		`{"Statement":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}"} {
		_, err := Parse(Identity, deep)
		require.ErrorContains(t, err, "MalformedPolicyDocument: Syntax errors in policy.")
	}
}

// TestPolicies6KiBOfWildcards decides the largest managed policy that is all wildcards; its work is bounded by steps in
// TestNestedWildcardsTakeBoundedWork, and its answer is right.
func TestPolicies6KiBOfWildcards(t *testing.T) {
	wild := strings.Repeat("*a?", 1900) + "z"
	d := mustParse(t, Identity, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::%s"}}`, wild))
	require.NoError(t, Managed.Check(Size(d.JSON()), ""))
	set := Set{Identity: []Attached{{"wild", d}}}
	r := &Request{Caller: bob, Action: "s3:GetObject", Resource: "arn:aws:s3:::" + strings.Repeat("a", 2000)}
	require.Equal(t, ImplicitDeny, set.Decide(r).Outcome)
	r.Resource = "arn:aws:s3:::" + strings.Repeat("ab", 1900) + "z"
	require.Equal(t, Allowed, set.Decide(r).Outcome)
}

// TestManyCallersShareASet is for the race detector: nothing in a decision writes.
func TestManyCallersShareASet(t *testing.T) {
	set, r := usual(t)
	want := set.Decide(r)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				if got := set.Decide(r); got != want || len(set.Trace(r)) == 0 || len(Check(set.Identity[0].Document)) == 0 {
					t.Errorf("%s, want %s", got, want)
				}
			}
		})
	}
	wait.Wait()
}

func TestNumbersAreExact(t *testing.T) {
	order := []string{"-12345678901234567891", "-12345678901234567890.5", "-10", "-9.99", "-0.5", "0", "0.05", "0.5", "9.99", "10", "10.01",
		"12345678901234567890", "12345678901234567890.00000000000000000001"}
	for i, a := range order {
		for j, b := range order {
			x, ok := parseNumber(a)
			require.True(t, ok, a)
			y, _ := parseNumber(b)
			want := 0
			if i != j {
				want = map[bool]int{true: -1, false: 1}[i < j]
			}
			require.Equal(t, want, x.compare(y), "%s %s", a, b)
		}
	}
	for _, same := range [][2]string{{"-0", "0"}, {"+7", "007.0"}, {"-0.50", "-0.5"}} {
		x, _ := parseNumber(same[0])
		y, _ := parseNumber(same[1])
		require.Zero(t, x.compare(y), same)
	}
	for _, bad := range []string{"", "-", "+", ".", ".5", "5.", "1e3", "0x1", "1_000", "--1", "+-1", "1.2.3", "NaN", "Inf", "١"} {
		_, ok := parseNumber(bad)
		require.False(t, ok, bad)
	}
}

func TestPrincipalsThatCouldBe(t *testing.T) {
	for name, want := range map[string]bool{
		"*": true, account: true, root.ARN: true, bob.ARN: true, app.ARN: true, app.Base: true, guest.ARN: true, bob.ID: true,
		"": false, "1234": false, "arn:aws:iam::" + account + ":role": false, "arn:aws:iam::12:user/bob": false,
		"arn:aws:s3:::b/x": false, "arn:aws:iam::" + account + ":user/b?b": false, "bob": false, "AIDACKCEVSQ6C2-XAMPLE": false,
	} {
		require.Equal(t, want, Principal{"AWS", name}.wellFormed(), name)
	}
	require.False(t, Principal{"Service", "*"}.wellFormed())
	require.False(t, Principal{"aws", account}.wellFormed(), "the case of a type counts")
}

// TestPositions has the two examples of the AWS CLI: simulate-custom-policy (a lone statement) and simulate-principal-policy
// (one in a list), and the lines of ours.
func TestPositions(t *testing.T) {
	d := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",`+
		`"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`)
	require.Equal(t, Position{1, 38}, d.Statements[0].Start)
	require.Equal(t, Position{1, 167}, d.Statements[0].End)
	d = mustParse(t, Identity, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "codecommit:ListRepositories",
            "Resource": "*",
            "Sid": "Grant"
        },
        {"Effect": "Deny", "Action": "s3:é", "Resource": "*"} ]
}`)
	require.Equal(t, Position{3, 19}, d.Statements[0].Start)
	require.Equal(t, Position{9, 10}, d.Statements[0].End)
	require.Equal(t, Position{9, 10}, d.Statements[1].Start)
	require.Equal(t, Position{10, 62}, d.Statements[1].End)
}
