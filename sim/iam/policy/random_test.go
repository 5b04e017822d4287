package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

const home, away = "111122223333", "444455556666"

// The words are few, so that policies and requests meet often.
var (
	actions   = strings.Fields("iam:GetUser iam:DeleteUser s3:GetObject s3:PutObject sts:AssumeRole")
	patterns  = append(strings.Fields("* iam:* IAM:get* s3:*Object s3:?etObject *:GetUser sts:*"), actions...)
	trusted   = strings.Fields("sts:AssumeRole STS:assumerole sts:AssumeRole* sts:AssumeRoleWithSAML")
	resources = strings.Fields("* arn:aws:iam::111122223333:user/bob arn:aws:iam::111122223333:user/a/alice arn:aws:s3:::b/bob/x arn:aws:s3:::b " +
		"arn:aws:iam::111122223333:role/app arn:aws:sns:eu-west-1:444455556666:topic:sub arn:aws:s3:::b/*/?")
	named = strings.Fields("* arn:aws:iam::*:user/* arn:aws:iam::*:user/${aws:username} arn:aws:s3:::b/${aws:username}/* arn:aws:s3:::b arn:aws:s3 " +
		"arn:aws:iam::111122223333:* arn:aws:iam::${aws:PrincipalAccount}:user/bob arn:aws:s3:::b/${aws:PrincipalTag/Team}/? arn:aws:sns:*:*:*:sub " +
		"arn:aws:s3:::b/${*}/* arn:aws:s3:::?/${aws:userid,~'bob'}/x arn:*:iam::*:role/app arn:aws:s3:::b/*o*b*/x")
	principals = strings.Fields("111122223333 arn:aws:iam::111122223333:root arn:aws:iam::111122223333:user/bob arn:aws:iam::111122223333:role/app " +
		"arn:aws:sts::111122223333:assumed-role/app/one arn:aws:sts::111122223333:federated-user/guest arn:aws:iam::444455556666:user/alice 444455556666 *")
	bases = strings.Fields("String:Equals String:NotEquals String:EqualsIgnoreCase String:NotEqualsIgnoreCase String:Like String:NotLike " +
		"Numeric:Equals Numeric:NotEquals Numeric:LessThan Numeric:LessThanEquals Numeric:GreaterThan Numeric:GreaterThanEquals " +
		"Date:Equals Date:NotEquals Date:LessThan Date:LessThanEquals Date:GreaterThan Date:GreaterThanEquals " +
		":Bool :BinaryEquals :IpAddress :NotIpAddress Arn:Equals Arn:Like Arn:NotEquals Arn:NotLike :Null")
	values = map[string][]string{
		"String":       strings.Fields("bob BOB b* *o? alice ${aws:username} ${aws:userid,~'Bob'} ${aws:PrincipalTag/Team} ${$}{x} true *"),
		"Numeric":      strings.Fields("0 300 300.0 -5 3600 +299.5 12345678901234567890 ten"),
		"Date":         strings.Fields("2026-03-01T12:00:00Z 2026-03-01T13:00:00+01:00 1772366400 2027-01-01T00:00:00.5Z 0"),
		"Bool":         strings.Fields("true false True no"),
		"Null":         strings.Fields("true false"),
		"BinaryEquals": strings.Fields("Ym9i YWxpY2U= !"),
		"IpAddress":    strings.Fields("203.0.113.7 203.0.113.0/24 2001:db8::/32 10.1.2.3/8 here"),
		"Arn":          strings.Fields("arn:aws:iam::*:user/* arn:aws:iam::111122223333:user/${aws:username} arn:aws:iam::111122223333:role/app arn:aws:s3:::b"),
	}
	keys = strings.Fields("aws:MultiFactorAuthPresent aws:MultiFactorAuthAge AWS:multifactorauthage aws:username aws:TagKeys aws:CurrentTime " +
		"aws:SourceIp aws:PrincipalArn aws:PrincipalTag/Team s3:x-data")
)

// A generator writes policies and requests from a seed.
type generator struct{ *rand.Rand }

func (g generator) of(list []string) string {
	return strings.ReplaceAll(list[g.IntN(len(list))], "~", " ")
}

func (g generator) some(list []string, least int) any {
	all := make([]string, least+g.IntN(3))
	for i := range all {
		all[i] = g.of(list)
	}
	if len(all) == 1 && g.IntN(2) == 0 {
		return all[0]
	}
	return all
}

// not puts the element under its Not form one time in four.
func (g generator) not(element string) string {
	if g.IntN(4) == 0 {
		return "Not" + element
	}
	return element
}

func (g generator) conditions() map[string]any {
	blocks := map[string]any{}
	for range g.IntN(3) {
		family, rest, _ := strings.Cut(g.of(bases), ":")
		operator := family + rest
		if family == "" {
			family = strings.TrimPrefix(rest, "Not")
		}
		name := []string{"", "", "ForAllValues:", "ForAnyValue:"}[g.IntN(4)] + operator
		if operator != "Null" && g.IntN(2) == 0 {
			name += "IfExists"
		}
		block := map[string]any{}
		for range 1 + g.IntN(2) {
			block[g.of(keys)] = g.some(values[family], 0)
		}
		blocks[name] = block
	}
	return blocks
}

func (g generator) document(kind policy.Kind) string {
	version := policy.Version2012
	if kind >= policy.Session && g.IntN(4) == 0 {
		version = policy.Version2008
	}
	var statements []any
	for range 1 + g.IntN(3) {
		effect := "Allow"
		if g.IntN(4) == 0 {
			effect = "Deny"
		}
		s := map[string]any{"Effect": effect, "Condition": g.conditions()}
		if kind == policy.Trust {
			s["Action"] = g.some(trusted, 1)
		} else {
			s[g.not("Action")] = g.some(patterns, 1)
			s[g.not("Resource")] = g.some(named, 1)
		}
		if kind >= policy.Resource {
			s[g.not("Principal")] = []any{"*", map[string]any{"AWS": g.some(principals, 1), "Service": "ec2.amazonaws.com"},
				map[string]any{"AWS": g.some(principals, 1)}}[g.IntN(3)]
		}
		statements = append(statements, s)
	}
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": statements})
	if err != nil {
		panic(err)
	}
	if version == policy.Version2008 { // the colon would be a field's
		return strings.ReplaceAll(string(text), "iam::${aws:PrincipalAccount}", "iam::*")
	}
	return string(text)
}

func (g generator) documents(kind policy.Kind, most int) []string {
	var all []string
	for range g.IntN(most + 1) {
		all = append(all, g.document(kind))
	}
	return all
}

// request writes a request with everything that applies to it.
func (g generator) request() *slowRequest {
	r := &slowRequest{action: g.of(actions), resource: g.of(resources), account: home, context: map[string][]string{}}
	switch r.kind = g.of(strings.Fields("user user user role role federated root anonymous service")); r.kind {
	case "user":
		r.arn = "arn:aws:iam::111122223333:user/bob"
		if g.IntN(4) == 0 {
			r.arn, r.account = "arn:aws:iam::444455556666:user/alice", away
		}
	case "role":
		r.arn, r.base = "arn:aws:sts::111122223333:assumed-role/app/one", "arn:aws:iam::111122223333:role/app"
	case "federated":
		r.arn, r.base = "arn:aws:sts::111122223333:federated-user/guest", "arn:aws:iam::111122223333:user/bob"
	case "root":
		r.arn = "arn:aws:iam::111122223333:root"
	case "service":
		r.arn, r.account = "ec2.amazonaws.com", ""
	default:
		r.account = ""
	}
	r.owner = g.of([]string{"", "", home, away})
	g.know(r.context)
	if r.kind != "root" && r.account != "" {
		r.identity, r.bound, r.sess = g.documents(policy.Identity, 3), g.documents(policy.Boundary, 1), g.documents(policy.Session, 1)
		if g.IntN(2) == 0 {
			r.bound, r.sess = nil, nil
		}
	}
	switch g.IntN(4) {
	case 0:
		r.resourcePolicy = g.document(policy.Resource)
	case 1:
		r.resourcePolicy, r.trust = g.document(policy.Trust), true
		r.action, r.resource = "sts:AssumeRole", "arn:aws:iam::111122223333:role/app"
	}
	return r
}

func (g generator) know(context map[string][]string) {
	for _, k := range keys {
		family := map[string]string{"aws:MultiFactorAuthPresent": "Bool", "aws:MultiFactorAuthAge": "Numeric", "aws:CurrentTime": "Date",
			"aws:SourceIp": "IpAddress", "aws:PrincipalArn": "Arn", "s3:x-data": "BinaryEquals"}[k]
		if family == "" {
			family = "String"
		}
		n := g.IntN(2)
		if k == "aws:TagKeys" {
			n = g.IntN(4)
		}
		var list []string
		for range n {
			v := g.of(values[family])
			list = append(list, strings.ReplaceAll(strings.ReplaceAll(v, "*", "bob"), "${aws:username}", "bob"))
		}
		if len(list) > 0 {
			context[strings.ToLower(k)] = list
		}
	}
	if g.IntN(2) == 0 {
		context["aws:principalaccount"] = []string{home}
	}
}

func attached(t testing.TB, kind policy.Kind, texts []string) []policy.Attached {
	var all []policy.Attached
	for _, text := range texts {
		d, err := policy.Parse(kind, text)
		require.NoError(t, err, text)
		all = append(all, policy.Attached{Name: kind.String(), Document: d})
	}
	return all
}

func fast(t testing.TB, r *slowRequest) (*policy.Set, *policy.Request) {
	set := &policy.Set{Identity: attached(t, policy.Identity, r.identity), Boundary: attached(t, policy.Boundary, r.bound),
		Session: attached(t, policy.Session, r.sess)}
	if r.resourcePolicy != "" {
		kind := policy.Resource
		if r.trust {
			kind = policy.Trust
		}
		set.Resource = attached(t, kind, []string{r.resourcePolicy})
	}
	c := policy.Caller{Account: r.account, ARN: r.arn, Base: r.base, Type: map[string]policy.CallerType{"user": policy.User,
		"role": policy.AssumedRole, "federated": policy.FederatedUser, "root": policy.Root, "service": policy.ServiceCaller}[r.kind]}
	if r.kind == "service" {
		c.ARN, c.Service = "", r.arn
	}
	ctx := &policy.Context{}
	for k, v := range r.context {
		ctx.Set(policy.Key(k), v...)
	}
	return set, &policy.Request{Caller: c, Action: r.action, Resource: r.resource, Owner: r.owner, Context: ctx}
}

// rounds is how many random cases are tried: 5,000, or what MFALAB_ROUNDS says.
func rounds(t *testing.T) int {
	t.Helper()
	n := 5000
	if text := os.Getenv("MFALAB_ROUNDS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err, "MFALAB_ROUNDS")
	}
	return n
}

// TestTheEngineAgreesWithTheSlowOne decides random requests by random policies twice. A failure prints the seed.
func TestTheEngineAgreesWithTheSlowOne(t *testing.T) {
	count := map[string]int{}
	n := rounds(t)
	for seed := range n {
		r := generator{rand.New(rand.NewPCG(uint64(seed), 4))}.request()
		set, request := fast(t, r)
		d, want := set.Decide(request), slowDecide(r)
		if string(d.Outcome) != want {
			t.Fatalf("seed %d: %s, slowly %s\n%+v\n%s", seed, d, want, *r, explain(set, request))
		}
		explained(t, set, request, d)
		count[want]++
	}
	for _, outcome := range []string{"allowed", "explicitDeny", "implicitDeny"} {
		require.Greater(t, count[outcome], n/20, "the generator is one-sided: %v", count)
	}
}

// explained checks that the explanation fits the trace: who is named did apply, or just failed by its condition.
func explained(t *testing.T, set *policy.Set, r *policy.Request, d policy.Decision) {
	steps := set.Trace(r)
	at := slices.IndexFunc(steps, func(s policy.Step) bool { return s.Statement == d.Statement })
	if d.Statement == nil {
		return
	}
	require.GreaterOrEqual(t, at, 0)
	require.Equal(t, d.Outcome != policy.ImplicitDeny, steps[at].Applies())
	require.Equal(t, d.Condition, steps[at].Condition)
	require.Equal(t, d.Outcome == policy.ExplicitDeny, d.Statement.Effect == policy.Deny)
	if d.Absent {
		require.True(t, slices.ContainsFunc(set.Missing(r), d.Condition.Key.Is))
	}
}

func explain(set *policy.Set, r *policy.Request) string {
	var b strings.Builder
	for _, s := range set.Trace(r) {
		b.WriteString(s.Kind.String() + " " + s.Statement.Label() + ": " + s.Part.String() + "\n")
	}
	return b.String()
}
