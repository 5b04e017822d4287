package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b:c", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "é", true},
		{"*???", "€", false}, // three bytes, one character
		{"*???", "€€€", true},
		{"*??ba", "€ba", false}, // nor is a part of it one
		{"a*", "abc", true},
		{"*c", "abcc", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"a?c*", "abc", true},
		{"***a", "ba", true},
		{"ab", "abc", false},
		{"abc", "ab", false},
		{"*a?b*", "xxaab", true},
		{"A", "a", false},
		{"s3:*Object", "s3:GetObject", true},
		{"s3:*Object", "s3:GetObjectAcl", false},
	} {
		p := compile(c.pattern, false, true)
		require.Equal(t, c.want, p.match(c.text, nil, false), "%q %q", c.pattern, c.text)
	}
}

func TestActionsIgnoreCaseAndEverythingElseDoesNot(t *testing.T) {
	s := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"IAM:get*","Resource":"arn:aws:iam::1:user/Bob"}}`)
	set := Set{Identity: []Attached{{"p", s}}}
	require.Equal(t, Allowed, set.Decide(&Request{Caller: bob, Action: "iam:GetUser", Resource: "arn:aws:iam::1:user/Bob"}).Outcome)
	require.Equal(t, ImplicitDeny, set.Decide(&Request{Caller: bob, Action: "iam:GetUser", Resource: "arn:aws:iam::1:user/bob"}).Outcome)
}

// TestNestedWildcardsTakeBoundedWork counts steps: the worst patterns of 6 KiB against the longest resource name.
func TestNestedWildcardsTakeBoundedWork(t *testing.T) {
	text := strings.Repeat("a", 2048)
	for _, c := range []string{
		strings.Repeat("*a", 3072) + "b", strings.Repeat("*", 6144) + "b", strings.Repeat("a*", 3072), strings.Repeat("*?", 3072),
		strings.Repeat("*aaaaaaab", 680), strings.Repeat("?*", 1000) + strings.Repeat("a", 1000) + "*b",
	} {
		p := compile(c, false, true)
		ok, steps := glob(p.text, text, false)
		require.False(t, ok && strings.HasSuffix(c, "b"))
		require.LessOrEqual(t, steps, (len(c)+1)*(len(text)+1), c[:12])
	}
}

func TestVariables(t *testing.T) {
	ctx := &Context{}
	ctx.Set(UserName, "bob")
	ctx.Set(PrincipalTag("Team"), "*")
	ctx.Set(TagKeys, "a", "b")
	for _, c := range []struct {
		name, pattern, text string
		want                bool
	}{
		{"a key is replaced", "home/${aws:username}/x", "home/bob/x", true},
		{"its case does not count", "${AWS:UserName}", "bob", true},
		{"a key that is missing matches nothing", "${aws:userid}*", "", false},
		{"unless it has a default", "${aws:userid, 'nobody'}", "nobody", true},
		{"whose spaces are free", "${ aws:userid ,'no body' }", "no body", true},
		{"and which is not used when the key is there", "${aws:username, 'nobody'}", "nobody", false},
		{"a default is text", "${aws:userid, '*'}", "x", false},
		{"a value is text", "${aws:PrincipalTag/Team}", "x", false},
		{"a value is itself", "${aws:PrincipalTag/Team}", "*", true},
		{"a key of many values matches nothing", "${aws:TagKeys}", "a", false},
		{"an asterisk", "a${*}", "ab", false},
		{"an asterisk itself", "a${*}", "a*", true},
		{"a question mark", "a${?}b", "a?b", true},
		{"a dollar", "${$}{aws:username}", "${aws:username}", true},
		{"what does not end is text", "${aws:username", "${aws:username", true},
		{"wildcards beside variables", "*/${aws:username}/?", "x/bob/y", true},
	} {
		p := compile(c.pattern, true, true)
		require.Equal(t, c.want, p.match(c.text, ctx, false), c.name)
	}
	old := compile("${aws:username}", false, true)
	require.True(t, old.match("${aws:username}", ctx, false), "the older language has no variables")
	require.False(t, old.match("bob", ctx, false))
	ctx.Set(UserName, "b\xffb")
	p := compile("${aws:username}", true, true)
	require.False(t, p.match("b-anything-b", ctx, false), "bytes that stand for wildcards come from nobody's value")
}

func TestARNsMatchFieldByField(t *testing.T) {
	ctx := &Context{}
	ctx.Set(PrincipalAccount, "111122223333")
	for _, c := range []struct {
		name, pattern, resource string
		want                    bool
	}{
		{"everything", "*", "not even an ARN", true},
		{"the last field may hold slashes", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", true},
		{"and colons", "arn:aws:sns:*:*:*", "arn:aws:sns:us-east-1:1:topic:sub", true},
		{"a wildcard stays in its field", "arn:aws:iam:*:user/bob", "arn:aws:iam::1:user/bob", false},
		{"even where text would fit", "arn:aws:iam::*", "arn:aws:iam::1:user/bob", true}, // the missing field is *
		{"a wildcard does not reach over a colon", "arn:aws:s3:*b/x:*", "arn:aws:s3:::b/x", false},
		{"the partition counts", "arn:aws-cn:s3:::b", "arn:aws:s3:::b", false},
		{"missing fields are open", "arn:aws:s3", "arn:aws:s3:::b", true},
		{"the account counts", "arn:aws:iam::1:user/*", "arn:aws:iam::2:user/bob", false},
		{"a variable's colon divides nothing", "arn:aws:iam::${aws:PrincipalAccount}:user/bob", "arn:aws:iam::111122223333:user/bob", true},
		{"what is no ARN matches none", "arn:aws:s3:::*", "*", false},
		{"nor do five fields", "arn:aws:s3:::*", "arn:aws:s3::b", false},
	} {
		p := compileARN(c.pattern, true)
		a, ok := parseARN(c.resource)
		require.Equal(t, c.want, p.match(&a, ok, ctx), c.name)
	}
}
