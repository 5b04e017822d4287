package iam

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// A Request is one thing that a caller wants to do, as the services beside IAM put it to the account's policies.
type Request struct {
	Caller   Caller // the zero Caller is anonymous
	Action   string // "s3:GetObject"
	Resource string // an ARN, or "*" for an action that knows no resources
	// Shown is what the text of a denial calls the resource; "" is Resource.
	Shown string
	// Owner is the account of the resource; "" is this one.
	Owner string
	// ResourcePolicies are those of the resource, or the trust policy of a role.
	ResourcePolicies []policy.Attached
	// Set adds the keys of the service to what is known of the request; it may be nil.
	Set       func(*policy.Context)
	Now       time.Time // lab time
	SourceIP  string
	UserAgent string
	Region    string
	Secure    bool // the request came over TLS
}

// Authorize decides r by the policies of its caller and of the resource: Section 4.3 of AWS MFA. The error is nil where it
// is allowed, otherwise an *Error: AccessDenied with the real service's text, or ServiceFailure where the store failed. It
// opens a transaction of its own where the caller's policies are not in memory; do not call it inside one.
func (s *Service) Authorize(ctx context.Context, r Request) (policy.Decision, error) {
	st, err := s.standingOf(ctx, r.Caller)
	if err != nil {
		var refusal *Error
		if errors.As(err, &refusal) {
			return policy.Decision{}, refusal
		}
		return policy.Decision{}, s.refuse("ServiceFailure")
	}
	d, err := s.ruling(&r, st)
	if err != nil {
		return d, s.refuse("ServiceFailure")
	}
	if d.Outcome != policy.Allowed {
		return d, s.denied(&r, d)
	}
	return d, nil
}

// standingOf returns c's policies, which it reads where they are not in memory; nil for one who has none.
func (s *Service) standingOf(ctx context.Context, c Caller) (*standing, error) {
	known := s.standings.changes()
	st := s.standings.of(holder(c))
	if st != nil || !s.standsFor(c) {
		return st, nil
	}
	err := s.store.View(ctx, func(tx Tx) (err error) {
		st, err = s.standing(tx, holder(c), known)
		return err
	})
	return st, err
}

// authorize is Authorize inside the call's transaction. The journal hears why something is denied.
func (o *operating) authorize(action string, t target) error {
	var st *standing
	if o.standsFor(o.Caller) {
		var err error
		if st, err = o.standing(o.Tx, holder(o.Caller), o.standingsSeen); err != nil {
			return err
		}
	}
	r := Request{Caller: o.Caller, Action: action, Resource: t.arn, Shown: t.shown, Set: t.set, ResourcePolicies: t.policies,
		Now: o.Now, SourceIP: o.SourceIP, UserAgent: o.UserAgent, Region: o.Region, Secure: o.Secure}
	d, err := o.ruling(&r, st)
	if err != nil {
		return err
	}
	if d.Outcome != policy.Allowed {
		o.decision.Facts = append(o.decision.Facts, Fact{"policy", d.String()})
		return o.denied(&r, d)
	}
	return nil
}

// denied is the answer to a request that d does not allow.
func (s *Service) denied(r *Request, d policy.Decision) *Error {
	shown := r.Shown
	if shown == "" {
		shown = r.Resource
	}
	return s.refuse("Denied", r.Caller.ARN, r.Action, shown, d.Reason(r.Action))
}

// principal says who c is to the policies.
func (s *Service) principal(c Caller) policy.Caller {
	switch {
	case c.UserID == "":
		return policy.Caller{Type: policy.Anonymous}
	case c.IsRoot():
		return policy.Caller{Type: policy.Root, Account: s.Account(), ARN: c.ARN, ID: s.Account()}
	}
	p := policy.Caller{Type: policy.User, Account: s.Account(), ARN: c.ARN, ID: c.UserID}
	switch id, _, session := strings.Cut(c.UserID, ":"); {
	case session && id == p.Account:
		p.Type = policy.FederatedUser
	case session:
		p.Type = policy.AssumedRole
	}
	return p
}

// holder is the ID of the user or the role whose policies count for c.
func holder(c Caller) string {
	if c.Session != nil {
		return c.Session.UserID
	}
	id, _, _ := strings.Cut(c.UserID, ":")
	return id
}

// standsFor reports whether c has policies of its own: root and nobody have not.
func (s *Service) standsFor(c Caller) bool { return c.UserID != "" && holder(c) != Root }

// ruling decides r for a caller whose standing is st, nil for one who has none.
func (s *Service) ruling(r *Request, st *standing) (policy.Decision, error) {
	if s.settings.NoPolicies {
		return policy.Decision{Outcome: policy.Allowed}, nil
	}
	set := policy.Set{Resource: r.ResourcePolicies}
	var err error
	if set.Session, err = s.sessionPolicies(r.Caller); err != nil {
		return policy.Decision{}, err
	}
	p := s.principal(r.Caller)
	if st != nil {
		set.Identity, set.Boundary = st.identity, st.boundary
		if p.Type != policy.User {
			p.Base = st.arn
		}
	}
	if st == nil && p.Type == policy.FederatedUser { // root's: nothing limits it but what it was passed
		set.Identity = set.Session
	}
	c := s.contextOf(r, st, &p)
	return set.Decide(&policy.Request{Caller: p, Action: r.Action, Resource: r.Resource, Owner: r.Owner, Context: c}), nil
}

// contextOf returns all that is known of a request of p, whose standing is st.
func (s *Service) contextOf(r *Request, st *standing, p *policy.Caller) *policy.Context {
	c := policy.NewContext(r.Now)
	if st != nil {
		for i := range st.tags {
			c.Set(st.tags[i].key, st.tags[i].values...)
		}
	}
	s.know(c, r, p)
	if r.Set != nil {
		r.Set(c)
	}
	return c
}

// know sets the global keys: IAM User Guide, "AWS global condition context keys". The MFA keys are those of temporary
// credentials alone (AWS MFA, Section 4.1).
func (s *Service) know(c *policy.Context, r *Request, p *policy.Caller) {
	c.Set(policy.UserID, p.ID)
	c.Set(policy.PrincipalType, principalTypes[p.Type])
	c.SetBool(policy.SecureTransport, r.Secure)
	c.SetBool(policy.ViaAWSService, false)
	arn := p.ARN
	if p.Type == policy.AssumedRole {
		arn = p.Base
	}
	given := func(k policy.Key, v string) {
		if v != "" {
			c.Set(k, v)
		}
	}
	given(policy.PrincipalARN, arn)
	given(policy.PrincipalAccount, p.Account)
	given(policy.UserName, r.Caller.UserName)
	given(policy.SourceIP, r.SourceIP)
	given(policy.UserAgent, r.UserAgent)
	given(policy.RequestedRegion, r.Region)
	if x := r.Caller.Session; x != nil {
		knowSession(c, x, r.Now)
	}
}

// principalTypes are the values of aws:PrincipalType.
var principalTypes = map[policy.CallerType]string{policy.Anonymous: "Anonymous", policy.Root: "Account", policy.User: "User",
	policy.AssumedRole: "AssumedRole", policy.FederatedUser: "FederatedUser"}

// target is what an operation acts on.
type target struct {
	arn      string
	shown    string // in the text of a denial, which often names things in words of its own; "" is arn
	set      func(*policy.Context)
	policies []policy.Attached
	granted  bool // whatever the policies say
}

// permit refuses a call that the caller's policies do not allow. Root may do everything.
func (o *operating) permit(op *operation) error {
	action := op.needs
	if action == "" && op.service != "signin" && !op.free {
		action = op.service + ":" + op.name
	}
	if action == "" || o.settings.NoPolicies || o.Caller.IsRoot() || o.Caller.UserID == "" {
		return nil
	}
	t := target{arn: "*"}
	if op.on != nil {
		var err error
		if t, err = op.on(o); err != nil {
			return err
		}
	}
	if t.granted {
		return nil
	}
	on := t.set
	t.set = func(c *policy.Context) {
		if on != nil {
			on(c)
		}
		o.passed(op, c)
	}
	return o.authorize(action, t)
}

// tagged sets the keys of a resource's tags, under the global name and under IAM's.
func tagged(tags []Tag) func(*policy.Context) {
	if len(tags) == 0 {
		return nil
	}
	return func(c *policy.Context) {
		for _, t := range tags {
			c.Set(policy.ResourceTag(t.Key), t.Value)
			c.Set(policy.Key("iam:ResourceTag/"+t.Key), t.Value)
		}
	}
}

// lower is how names are told apart: they are unique whatever their case.
func lower(name string) string { return strings.ToLower(name) }
