package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// explainFlags are the options of `mfalab policy explain`.
type explainFlags struct {
	kind, action, resource, as, mfa, at string
	context                             []string
	trace                               bool
}

// A credential is a column of the grid of MFA conditions: what a request's context knows of MFA.
type credential struct {
	name string
	set  func(c *policy.Context, now time.Time)
}

func (c *cli) policyExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain FILE...",
		Short: "Decide a request by policies in files, and say why",
		Long: `Decide a request by policies in files, and say which statement decides and which key is missing. Without --mfa it is
decided for each kind of credential that differs in what it knows of MFA; with it the status is 1 where it is denied.`,
		Example: `  mfalab policy explain force-mfa.json --action iam:CreateUser
  mfalab policy explain fresh-mfa.json --action ec2:TerminateInstances --mfa 10m
  mfalab policy explain user.json bucket.json --action s3:GetObject --resource arn:aws:s3:::records/taxes/a.pdf
  mfalab policy explain push.json --action codecommit:GitPush --resource arn:aws:codecommit:us-east-1:123456789012:prod --mfa no`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&f.action, "action", "", "what is asked for, such as iam:CreateUser")
	cmd.Flags().StringVar(&f.resource, "resource", "*", "the ARN that it is asked of")
	cmd.Flags().StringVar(&f.as, "as", "arn:aws:iam::123456789012:user/alice", "the ARN of who asks")
	cmd.Flags().StringVar(&f.mfa, "mfa", "", "key: an access key; no: a session without MFA; 5m: a session whose MFA was then")
	cmd.Flags().StringVar(&f.at, "at", "", "when, such as 2026-01-01T09:00:00Z (default: now)")
	cmd.Flags().StringArrayVar(&f.context, "context", nil, "KEY=VALUE of the request, such as aws:SourceIp=10.0.0.1")
	cmd.Flags().StringVar(&f.kind, "kind", "", "identity, boundary, session, resource or trust (default: what each document looks like)")
	cmd.Flags().BoolVar(&f.trace, "trace", false, "say of every statement how it stands to the request")
	_ = cmd.MarkFlagRequired("action") // the flag is there
	cmd.RunE = func(_ *cobra.Command, names []string) error {
		var set policy.Set
		for _, name := range names {
			file, err := c.readPolicy(name, f.kind)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			attach(&set, file)
		}
		return c.explain(&set, f)
	}
	return cmd
}

// attach puts a document where its kind has its say.
func attach(set *policy.Set, f policyFile) {
	a := policy.Attached{Name: f.name, Document: f.Document}
	switch f.Kind {
	case policy.Boundary:
		set.Boundary = append(set.Boundary, a)
	case policy.Session:
		set.Session = append(set.Session, a)
	case policy.Resource, policy.Trust:
		set.Resource = append(set.Resource, a)
	default:
		set.Identity = append(set.Identity, a)
	}
}

// explained is how one credential fares.
type explained struct {
	Credential string   `json:"credential"`
	Decision   string   `json:"decision"` // as the policy simulator says it
	Why        string   `json:"why"`
	Trace      []string `json:"trace,omitempty"`
}

func (c *cli) explain(set *policy.Set, f explainFlags) error {
	now := time.Now().UTC()
	if f.at != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, f.at); err != nil {
			return usage{fmt.Errorf("--at %q is no time: give one such as 2026-01-01T09:00:00Z", f.at)}
		}
	}
	columns, err := kindsOfCredential(f.mfa)
	if err != nil {
		return usage{err}
	}
	caller, err := callerOf(f.as)
	if err != nil {
		return usage{err}
	}
	if !strings.Contains(f.action, ":") {
		return usage{fmt.Errorf("--action %q has no service: write it as iam:CreateUser", f.action)}
	}
	var all []explained
	denied := false
	for _, column := range columns {
		r := &policy.Request{Caller: caller, Action: f.action, Resource: f.resource, Context: policy.NewContext(now)}
		if err := fill(r, column, f.context, now); err != nil {
			return usage{err}
		}
		d := set.Decide(r)
		denied = denied || d.Outcome != policy.Allowed
		e := explained{Credential: column.name, Decision: string(d.Outcome), Why: d.String()}
		if f.trace {
			e.Trace = traced(set, r)
		}
		all = append(all, e)
	}
	err = c.print(all, func(w io.Writer) {
		for _, e := range all {
			fmt.Fprintf(w, "%-26s %s\n", e.Credential, e.Why)
			for _, t := range e.Trace {
				fmt.Fprintln(w, "    "+t)
			}
		}
	})
	if err == nil && denied && f.mfa != "" {
		return exit(1)
	}
	return err
}

// kindsOfCredential returns the columns that --mfa means: all of them where it is left out.
func kindsOfCredential(mfa string) ([]credential, error) {
	key := credential{"access key", func(*policy.Context, time.Time) {}}
	plain := credential{"session without MFA", func(c *policy.Context, now time.Time) { c.SetMFA(false, time.Time{}, now) }}
	used := func(age time.Duration) credential {
		return credential{"session, MFA " + age.String() + " ago", func(c *policy.Context, now time.Time) { c.SetMFA(true, now.Add(-age), now) }}
	}
	switch mfa {
	case "":
		return []credential{key, plain, used(0), used(2 * time.Hour)}, nil
	case "key":
		return []credential{key}, nil
	case "no":
		return []credential{plain}, nil
	}
	age, err := time.ParseDuration(mfa)
	if err != nil || age < 0 {
		return nil, fmt.Errorf("--mfa %q is not known: give key, no, or how long ago it was, such as 5m", mfa)
	}
	return []credential{used(age)}, nil
}

// callerOf reads who asks out of an ARN.
func callerOf(arn string) (policy.Caller, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 || part[0] != "arn" || len(part[4]) != 12 {
		return policy.Caller{}, fmt.Errorf("--as %q is no ARN: give one such as arn:aws:iam::123456789012:user/alice", arn)
	}
	c := policy.Caller{Type: policy.User, Account: part[4], ARN: arn}
	kind, name, _ := strings.Cut(part[5], "/")
	switch {
	case part[5] == "root":
		c.Type = policy.Root
	case kind == "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		c.Type, c.Base = policy.AssumedRole, "arn:"+part[1]+":iam::"+part[4]+":role/"+role
	case kind == "federated-user":
		c.Type = policy.FederatedUser
	case kind != "user":
		return c, fmt.Errorf("--as %q is no user, session or root", arn)
	}
	return c, nil
}

// fill gives a request what is known of it: of the caller, of MFA, and what the user said.
func fill(r *policy.Request, column credential, said []string, now time.Time) error {
	r.Context.Set(policy.PrincipalARN, r.Caller.ARN)
	r.Context.Set(policy.PrincipalAccount, r.Caller.Account)
	if r.Caller.Type == policy.User {
		r.Context.Set(policy.UserName, r.Caller.ARN[strings.LastIndexByte(r.Caller.ARN, '/')+1:])
	}
	column.set(r.Context, now)
	values := map[policy.Key][]string{}
	for _, pair := range said {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return fmt.Errorf("--context %q is no KEY=VALUE", pair)
		}
		values[policy.Key(key)] = append(values[policy.Key(key)], value)
	}
	for key, list := range values {
		r.Context.Set(key, list...)
	}
	return nil
}

// traced says of every statement how it stands to the request.
func traced(set *policy.Set, r *policy.Request) []string {
	var lines []string
	for _, s := range set.Trace(r) {
		line := fmt.Sprintf("%s of %s (%s): %s", s.Statement.Label(), s.Policy, s.Statement.Effect, stands(s))
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// stands words a step.
func stands(s policy.Step) string {
	switch {
	case s.Applies():
		return "applies"
	case s.Condition != nil && s.Absent:
		return s.Condition.String() + ": the key is missing"
	case s.Condition != nil:
		return s.Condition.String() + " is not met"
	}
	return "not its " + s.Part.String()
}
