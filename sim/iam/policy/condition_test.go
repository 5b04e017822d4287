package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// credentials are the columns of the grid: how a request's context knows of MFA.
var credentials = []struct {
	name string
	set  func(c *Context)
}{
	{"access key", func(*Context) {}},
	{"session without MFA", func(c *Context) { c.SetMFA(false, time.Time{}, noon) }},
	{"session with fresh MFA", func(c *Context) { c.SetMFA(true, noon.Add(-time.Minute), noon) }},
	{"session with old MFA", func(c *Context) { c.SetMFA(true, noon.Add(-2*time.Hour), noon) }},
}

// TestTheGrid plays Section 4.2: each row as an Allow and as a Deny beside an Allow of everything.
func TestTheGrid(t *testing.T) {
	rows := lines(t, "grid.txt")
	require.Len(t, rows, 10)
	for _, row := range rows {
		f := strings.Fields(row)
		for i, cred := range credentials {
			r := &Request{Caller: bob, Action: "s3:DeleteObject", Resource: "arn:aws:s3:::b/x", Context: NewContext(noon)}
			cred.set(r.Context)
			met := f[3+i] == "yes"
			text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%%q,"Action":"*","Resource":"*","Condition":{%q:{%q:%q}}}%%s]}`,
				f[0], f[1], f[2])
			allow := Set{Identity: []Attached{{"grid", mustParse(t, Identity, fmt.Sprintf(text, Allow, ""))}}}
			require.Equal(t, met, allow.Decide(r).Outcome == Allowed, "%s, %s", row, cred.name)
			deny := Set{Identity: []Attached{{"grid", mustParse(t, Identity, fmt.Sprintf(text, Deny, `,{"Effect":"Allow","Action":"*","Resource":"*"}`))}}}
			require.Equal(t, met, deny.Decide(r).Outcome == ExplicitDeny, "%s, %s", row, cred.name)
		}
	}
}

// holds decides one condition; got nil is a key that is absent.
func holds(t *testing.T, operator string, values, got []string) bool {
	t.Helper()
	op, ok := operators(operator)
	require.True(t, ok, operator)
	c := Condition{Operator: operator, Key: "x:Key", Values: values, op: op}
	c.prepare(true)
	ctx := &Context{}
	ctx.Set(UserName, "bob")
	ctx.Set("X:KEY", got...)
	met, absent := c.holds(ctx)
	require.Equal(t, len(got) == 0, absent)
	return met
}

// TestOperators has a row for every operator (User Guide, "IAM JSON policy elements: Condition operators"): values that
// meet it and values that do not, each a request's value. A value of the policy may be a list, between bars.
func TestOperators(t *testing.T) {
	for _, c := range []struct{ operator, values, yes, no string }{
		{"StringEquals", "a|B", "a B", "b A *"},
		{"StringEquals", "${aws:username}", "bob", "alice"},
		{"StringEquals", "a*", "a*", "ab"},
		{"StringNotEquals", "a|B", "b A", "a B"},
		{"StringEqualsIgnoreCase", "Key-é", "kEY-É key-é", "key"},
		{"StringEqualsIgnoreCase", "${aws:username}", "BOB", "alice"},
		{"StringNotEqualsIgnoreCase", "a", "b", "a A"},
		{"StringLike", "a*c|?x", "ac abc zx", "abcd x"},
		{"StringNotLike", "a*c", "abcd", "abc"},
		{"NumericEquals", "10|0.5", "10 +10 010 10.0 .5x:no 0.50", "11 ten 1e1"},
		{"NumericNotEquals", "10", "11 ten", "10 10.00"},
		{"NumericLessThan", "10", "9 -11 9.999", "10 10.1 11 100"},
		{"NumericLessThanEquals", "-1", "-1 -1.5 -20", "-0.9 0 1"},
		{"NumericGreaterThan", "12345678901234567890", "12345678901234567891", "12345678901234567890 9"},
		{"NumericGreaterThanEquals", "10", "10 11", "9 x"},
		{"DateEquals", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00 1772366400", "2026-03-01T12:00:01Z x"},
		{"DateNotEquals", "2026-03-01", "2026-03-02", "2026-03-01T00:00:00Z"},
		{"DateLessThan", "2026-03-01", "2026-02-28T23:59:59.999Z 0 2025", "2026-03-01 2026-04 2027"},
		{"DateLessThanEquals", "2026-03-01", "2026-03-01", "2026-03-01T00:00:01Z"},
		{"DateGreaterThan", "2026-03-01T12:00Z", "2026-03-01T12:00:00.001Z", "2026-03-01T12:00:00Z"},
		{"DateGreaterThanEquals", "2026", "2026-01-01 2026", "2025-12-31"},
		{"Bool", "true", "true True TRUE", "false 1 yes"},
		{"Bool", "False", "false", "true"},
		{"Bool", "maybe", "", "maybe true false"},
		{"BinaryEquals", "QmluYXJ5", "QmluYXJ5", "QmluYXJ6 binary"},
		{"IpAddress", "203.0.113.0/24|2001:db8::/32", "203.0.113.9 2001:db8::1 ::ffff:203.0.113.9", "203.0.114.1 2001:db9::1 x"},
		{"IpAddress", "203.0.113.7", "203.0.113.7", "203.0.113.8"},
		{"NotIpAddress", "203.0.113.0/24", "203.0.114.1 x", "203.0.113.1"},
		{"ArnEquals", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b", "arn:aws:iam::1:user/a arn:aws:iam:x:1:user/role/a x"},
		{"ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/bob", "arn:aws:iam::1:user/alice"},
		{"ArnNotEquals", "arn:aws:iam::1:user/a", "arn:aws:iam::1:user/b x", "arn:aws:iam::1:user/a"},
		{"ArnNotLike", "arn:aws:iam::1:user/*", "arn:aws:iam::2:user/b", "arn:aws:iam::1:user/b"},
		{"Null", "false", "anything", ""},
		{"Null", "true", "", "anything"},
	} {
		values := strings.Split(c.values, "|")
		for _, got := range strings.Fields(c.yes) {
			got, refused := strings.CutSuffix(got, "x:no") // ".5" has no digit before its point
			require.Equal(t, !refused, holds(t, c.operator, values, []string{got}), "%s %s: %s", c.operator, c.values, got)
		}
		for _, got := range strings.Fields(c.no) {
			require.False(t, holds(t, c.operator, values, []string{got}), "%s %s: %s", c.operator, c.values, got)
		}
	}
}

// TestMissingKeys is the rule in front of the grid of Section 4.2, for every operator.
func TestMissingKeys(t *testing.T) {
	for name, op := range namedOperators {
		if name == "Null" {
			continue
		}
		negative := strings.Contains(name, "Not")
		require.Equal(t, negative, op.negative, name)
		require.Equal(t, negative, holds(t, name, []string{"1"}, nil), name)
		require.True(t, holds(t, name+"IfExists", []string{"1"}, nil), name)
		require.True(t, holds(t, "ForAllValues:"+name, []string{"1"}, nil), name)
		require.False(t, holds(t, "ForAnyValue:"+name, []string{"1"}, nil), name)
		require.True(t, holds(t, "ForAllValues:"+name+"IfExists", []string{"1"}, nil), name)
		require.False(t, holds(t, "ForAnyValue:"+name+"IfExists", []string{"1"}, nil), name)
	}
	require.True(t, holds(t, "Null", []string{"true"}, nil))
	require.False(t, holds(t, "Null", []string{"false"}, nil))
	require.True(t, holds(t, "Null", []string{"true", "false"}, nil))
}

// TestSetsOfValues is User Guide, "Set operators for multivalued context keys".
func TestSetsOfValues(t *testing.T) {
	list := strings.Fields
	for _, c := range []struct {
		operator, values, got string
		want                  bool
	}{
		{"ForAllValues:StringEquals", "a b", "a", true},
		{"ForAllValues:StringEquals", "a b", "a b", true},
		{"ForAllValues:StringEquals", "a b", "a c", false},
		{"ForAllValues:StringNotEquals", "a b", "c d", true},
		{"ForAllValues:StringNotEquals", "a b", "c a", false},
		{"ForAnyValue:StringEquals", "a b", "c a", true},
		{"ForAnyValue:StringEquals", "a b", "c d", false},
		{"ForAnyValue:StringNotEquals", "a b", "a c", true},
		{"ForAnyValue:StringNotEquals", "a b", "a b", false},
		{"StringEquals", "a b", "c a", true},
		{"StringNotEquals", "a b", "c a", false},
		{"ForAllValues:NumericLessThan", "10", "1 9", true},
		{"ForAllValues:NumericLessThan", "10", "1 10", false},
		{"StringEquals", "", "a", false},
		{"StringNotEquals", "", "a", true},
		{"ForAllValues:StringEquals", "", "a", false},
	} {
		require.Equal(t, c.want, holds(t, c.operator, list(c.values), list(c.got)), "%s %s: %s", c.operator, c.values, c.got)
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-5": -5, "-300": -300, "1971": 31536000, "12345": 12345, "1772366400": 1772366400, "1970": 0, "1971-02": 34214400, "1970-01-02": 86400,
		"1970-01-01T01:00:00+01:00": 0, "1970-01-01T01:00:00+0100": 0, "1970-01-01t1:00+01": 0, "1970-01-01T00:00:01.999999999Z": 1,
		"1969-12-31T22:30:00-01:30": 0,
	} {
		got, ok := parseDate(text)
		require.True(t, ok, text)
		require.Equal(t, want, got.Unix(), text)
	}
	for _, text := range []string{"", "T", "x", "234-13", "2026-00", "2026-01-32", "9223372036854775808", "2026-1-1T25", "2026-01-01T1:60",
		"2016-12-13t2:00:00.593194+1", "2016-12-13t2:00:00.1999999999+10:59", "2026-01-01T00:00:00.-1Z", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00Z9", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60", "2026-01-01-01", "20260-01-01", "2026-001-01"} {
		_, ok := parseDate(text)
		require.False(t, ok, text)
	}
}

func TestContext(t *testing.T) {
	c := NewContext(noon)
	require.Equal(t, []string{"2026-03-01T12:00:00Z"}, c.Get("AWS:currenttime"))
	require.Equal(t, []string{"1772366400"}, c.Get(EpochTime))
	c.SetMFA(true, noon.Add(-90*time.Second-time.Millisecond), noon)
	require.Equal(t, []string{"90"}, c.Get(MFAAge))
	c.SetMFA(false, time.Time{}, noon)
	require.Equal(t, []string{"false"}, c.Get(MFAPresent))
	require.Empty(t, c.Get(MFAAge))
	require.Equal(t, []Key{CurrentTime, EpochTime, MFAPresent}, c.Keys())
	c.SetMFA(true, noon.Add(time.Second), noon)
	require.Equal(t, []string{"0"}, c.Get(MFAAge), "an MFA of the future is new")
	require.Empty(t, (*Context)(nil).Get(MFAAge))
}
