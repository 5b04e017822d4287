package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	account = "111122223333"
	foreign = "444455556666"
)

var (
	root = Caller{Type: Root, Account: account, ARN: "arn:aws:iam::" + account + ":root"}
	bob  = Caller{Type: User, Account: account, ARN: "arn:aws:iam::" + account + ":user/bob", ID: "AIDACKCEVSQ6C2EXAMPLE"}
	app  = Caller{Type: AssumedRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/app/one",
		Base: "arn:aws:iam::" + account + ":role/app", ID: "AROACKCEVSQ6C2EXAMPLE:one"}
	guest = Caller{Type: FederatedUser, Account: account, ARN: "arn:aws:sts::" + account + ":federated-user/guest",
		Base: bob.ARN, ID: account + ":guest"}
	alice   = Caller{Type: User, Account: foreign, ARN: "arn:aws:iam::" + foreign + ":user/alice", ID: "AIDAFOREIGN6C2EXAMPLE"}
	nobody  = Caller{}
	ec2     = Caller{Type: ServiceCaller, Service: "ec2.amazonaws.com"}
	cognito = Caller{Type: Provider, ARN: "cognito-identity.amazonaws.com"}
	callers = []Caller{root, bob, app, guest, alice, nobody, ec2, cognito}
)

// TestPrincipals has for each principal how closely it names each of callers, in their order: d directly, b by the base, a
// by the account (User Guide, "IAM JSON policy elements: Principal").
func TestPrincipals(t *testing.T) {
	letters := map[grant]byte{unnamed: '-', byAccount: 'a', byBase: 'b', directly: 'd'}
	for _, c := range []struct{ kind, name, want, not string }{
		{"*", "*", "ddbbdddd", "ddbbdddd"},
		{"AWS", "*", "ddbbdddd", "ddbbdddd"},
		{"AWS", account, "daaa----", "d-------"},
		{"AWS", root.ARN, "daaa----", "d-------"},
		{"AWS", bob.ARN, "-d-b----", "-d-b----"},
		{"AWS", bob.ID, "-d------", "-d------"},
		{"AWS", app.Base, "--b-----", "--b-----"},
		{"AWS", app.ARN, "--d-----", "--d-----"},
		{"AWS", "AROACKCEVSQ6C2EXAMPLE", "--b-----", "--b-----"},
		{"AWS", guest.ARN, "---d----", "---d----"},
		{"AWS", foreign, "----a---", "--------"},
		{"Service", "ec2.amazonaws.com", "------d-", "------d-"},
		{"Federated", "cognito-identity.amazonaws.com", "-------d", "-------d"},
		{"CanonicalUser", "79a59df900b949e55d96a1e698fbaced", "--------", "--------"},
		{"AWS", "", "--------", "--------"},
	} {
		var got, negative []byte
		for i := range callers {
			got = append(got, letters[Principal{c.kind, c.name}.grants(&callers[i], false)])
			negative = append(negative, letters[Principal{c.kind, c.name}.grants(&callers[i], true)])
		}
		require.Equal(t, c.want, string(got), "%s %s", c.kind, c.name)
		require.Equal(t, c.not, string(negative), "not %s %s", c.kind, c.name)
	}
}

func TestNotPrincipalMeansEverybodyElse(t *testing.T) {
	bucket := mustParse(t, Resource, `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["`+bob.ARN+`","`+root.ARN+`"]},"Action":"*","Resource":"*"},
		{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)
	set := Set{Resource: []Attached{{"bucket", bucket}}}
	for _, c := range callers {
		want := ExplicitDeny
		switch c.ARN {
		case root.ARN, bob.ARN:
			want = Allowed
		case guest.ARN: // bob stands behind, but nothing is passed on without a session policy
			want = ImplicitDeny
		}
		require.Equal(t, want, set.Decide(&Request{Caller: c, Action: "s3:Get", Resource: "*"}).Outcome, "%v", c)
	}
}
