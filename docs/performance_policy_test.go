package docs_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
	"github.com/mfalab/mfalab/sim/iam/sqlite"
)

var policyFigures = []figure{{
	what:  "one decision by six policies",
	bound: below(5000, "5 µs"),
	show:  span,
	how: "The force-MFA policy, the four others of users that people copy and one of a team, read once; a request of a session with\n" +
		"MFA that every statement has to be asked for.",
	measure: func(t *testing.T) measured {
		return repeatedly(t, func(t *testing.T) float64 { return perOp(benchmark(t, decision)) })
	},
}, {
	what:  "allocations of that decision",
	bound: below(3, "3"),
	show:  number,
	how:   "The same.",
	measure: func(t *testing.T) measured {
		return repeatedly(t, func(t *testing.T) float64 { return float64(benchmark(t, decision).AllocsPerOp()) })
	},
}, {
	what:    "GetUser over HTTP, signed and authorised",
	against: "the same call in a lab whose policies are off",
	bound:   atMost(1.1, "1.1x"),
	show:    span,
	how: "Two live labs as `mfalab up` serves them, one of them with `--weaken no-policies`. One client each with one kept connection\n" +
		"sends 200 calls in a row, signed before the watch starts.",
	measure: authorised,
}, {
	what:  "ListUsers, a page of 100 of 10,000 users with 50,000 policies in SQLite",
	bound: below(10e6, "10 ms"),
	show:  span,
	how:   "Each user has five inline policies. The call is decided, run and written as a result, without HTTP.",
	measure: func(t *testing.T) measured {
		s := crowded(t, 10_000)
		call := iam.Call{Service: "iam", Action: "ListUsers", Caller: member(s, 0), Params: url.Values{}, Now: birth, Wall: birth}
		return repeatedly(t, func(t *testing.T) float64 {
			return perOp(benchmark(t, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Do(b.Context(), call); err != nil {
						b.Fatal(err)
					}
				}
			}))
		})
	},
}, {
	what:    "a service's decision in that account",
	against: "the same in an account of one user",
	bound:   atMost(1.2, "1.2x"),
	show:    span,
	how:     "What S3 and the others ask of the account for each request: from who calls to the decision, the caller's policies in memory.",
	measure: func(t *testing.T) measured {
		return measured{samples: alternately(t, asking(crowded(t, 10_000)), asking(crowded(t, 1)))}
	},
}}

// sixPolicies are the first four of docs/policies, the seventh and one of a team.
func sixPolicies(t testing.TB) []policy.Attached {
	var all []policy.Attached
	for _, name := range []string{"1-force-mfa", "2-self-manage-mfa", "3-hardware-mfa", "4-resync-mfa", "7-fresh-mfa"} {
		text, err := os.ReadFile(filepath.Join("policies", name+".json"))
		require.NoError(t, err)
		d, err := policy.Parse(policy.Identity, string(text))
		require.NoError(t, err)
		all = append(all, policy.Attached{Name: name, Document: d})
	}
	d, err := policy.Parse(policy.Identity, teamPolicy)
	require.NoError(t, err)
	return append(all, policy.Attached{Name: "team", Document: d})
}

const teamPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:ListUsers","s3:Get*","s3:PutObject"],"Resource":"*"}]}`

func decision(b *testing.B) {
	const user = "arn:aws:iam::123456789012:user/bob"
	c := policy.NewContext(birth)
	c.SetMFA(true, birth, birth)
	c.Set(policy.UserName, "bob")
	c.Set(policy.PrincipalARN, user)
	c.Set(policy.SourceIP, "203.0.113.7")
	set := &policy.Set{Identity: sixPolicies(b)}
	r := &policy.Request{Caller: policy.Caller{Type: policy.User, Account: "123456789012", ARN: user, ID: "AIDAEXAMPLE"},
		Action: "s3:PutObject", Resource: "arn:aws:s3:::team/report.ods", Context: c}
	b.ReportAllocs()
	for b.Loop() {
		if set.Decide(r).Outcome != policy.Allowed {
			b.Fatal("denied")
		}
	}
}

func authorised(t *testing.T) measured {
	with, without := openOffice(t), openOffice(t, "no-policies")
	run := func(o *office) float64 {
		calls := make([][]byte, together)
		for i := range calls {
			calls[i] = o.request(t, o.wall(), "iam", "GetUser", "UserName", "admin")
		}
		began := time.Now()
		for _, c := range calls {
			o.send(t, c)
		}
		return float64(time.Since(began).Nanoseconds()) / together
	}
	run(with) // the first call of each reads the policies
	run(without)
	var m measured
	for range rounds {
		m.samples = append(m.samples, sample{run(with), run(without)})
	}
	return m
}

// crowded returns an account in SQLite with so many users of five inline policies each, written as they are stored.
func crowded(t *testing.T, users int) *iam.Service {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "iam.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	s, err := iam.New(t.Context(), iam.Config{Store: store, Chance: sim.NewChance([]byte("crowd"))}, birth)
	require.NoError(t, err)
	require.NoError(t, store.Update(t.Context(), func(tx iam.Tx) error {
		for i := range users {
			name, id := fmt.Sprintf("user%05d", i), memberID(i)
			record := fmt.Sprintf(`{"id":%q,"name":%q,"path":"/","created":"2026-01-01T00:00:00Z"}`, id, name)
			if err := tx.Put("user", name, []byte(record)); err != nil {
				return err
			}
			if err := tx.Put("userid", id, []byte(name)); err != nil {
				return err
			}
			for k := range 5 {
				if err := tx.Put("document", fmt.Sprintf("%s p%d", id, k), []byte(teamPolicy)); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	return s
}

func memberID(i int) string { return fmt.Sprintf("AIDAEXAMPLE%010d", i) }

// member is one of the users of a crowded account.
func member(s *iam.Service, i int) iam.Caller {
	name := fmt.Sprintf("user%05d", i)
	return iam.Caller{UserID: memberID(i), UserName: name, ARN: "arn:aws:iam::" + s.Account() + ":user/" + name}
}

func asking(s *iam.Service) func(*testing.B) {
	r := iam.Request{Caller: member(s, 0), Action: "s3:PutObject", Resource: "arn:aws:s3:::team/report.ods", Now: birth,
		SourceIP: "203.0.113.7", UserAgent: "aws-cli/2.9.19", Region: "eu-west-1"}
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Authorize(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	}
}
