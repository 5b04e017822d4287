package policy

// Attached is a document where it is attached, under the name that explanations call it by.
type Attached struct {
	Name string // a policy's name or ARN
	*Document
}

// A Set is what applies to a caller and a resource.
//
//	                      explicit deny anywhere ─────────────────────────────▶ explicitDeny
//	resource names the caller directly ───────────────────────────────────────▶ allowed
//	resource names its role, or everybody ─┐
//	an identity policy allows ─────────────┴─▶ boundary allows ─▶ session allows ─▶ allowed
//	otherwise ────────────────────────────────────────────────────────────────▶ implicitDeny
//
// That is the rule within one account. A role's trust policy must allow besides, if only by naming the account; from
// another account the resource and the identity side must both allow (Section 4.3; User Guide, "Policy evaluation logic").
type Set struct {
	Identity []Attached // of the user and its groups, or of the role; one that allows is enough
	Boundary []Attached // empty: no boundary. More than one limit together only as their union
	Session  []Attached // empty: no session policy, which for a federated user means that nothing is allowed
	Resource []Attached // of the resource, or the role's trust policy
}

// A Request is one thing that a caller wants to do.
type Request struct {
	Caller   Caller
	Action   string   // such as "iam:CreateUser"; its case does not count
	Resource string   // an ARN, or "*" for an action that knows no resources
	Owner    string   // the account of the resource; "" for the caller's own
	Context  *Context // nil for one that knows nothing
}

// A judge decides one request. It lives on the caller's stack.
type judge struct {
	*Request
	arn   arn
	isARN bool
}

// A verdict is what the documents of one kind say together.
type verdict struct {
	grant grant // of the allowing statement that names the caller most closely; for identities directly or not at all
	allow finding
	deny  finding
	near  finding // the first Allow that only a condition kept from applying
}

// A finding is a statement with the condition that made the difference.
type finding struct {
	policy    string
	kind      Kind
	statement *Statement
	condition *Condition
	absent    bool
}

// Decide decides a request. It does not change the set and may be called by many at once. Actions that are always
// allowed, such as sts:GetCallerIdentity, are the caller's to leave out.
func (s *Set) Decide(r *Request) Decision {
	j := judge{Request: r}
	j.arn, j.isARN = parseARN(r.Resource)
	identity, boundary := j.all(Identity, s.Identity), j.all(Boundary, s.Boundary)
	session, resource := j.all(Session, s.Session), j.all(Resource, s.Resource)
	for _, v := range [...]*verdict{&identity, &boundary, &session, &resource} {
		if v.deny.statement != nil {
			return v.deny.decision(ExplicitDeny)
		}
	}
	trust := len(s.Resource) > 0 && s.Resource[0].Kind == Trust
	foreign := r.Owner != "" && r.Owner != r.Caller.Account
	mandatory := trust || foreign || r.Caller.Type == Anonymous || r.Caller.Type == Provider || r.Caller.Type == ServiceCaller
	if mandatory && resource.grant == unnamed {
		kind := Resource
		if trust {
			kind = Trust
		}
		return resource.near.implicit(kind)
	}
	switch {
	case r.Caller.Type == Root:
		return rootOr(resource.allow)
	case r.Caller.Type == Anonymous, r.Caller.Type == Provider, r.Caller.Type == ServiceCaller,
		resource.grant == directly && !foreign:
		return resource.allow.decision(Allowed)
	}
	open := resource.grant == byBase && !foreign
	switch {
	case identity.grant == unnamed && !open:
		return identity.near.implicit(Identity)
	case len(s.Boundary) > 0 && boundary.grant == unnamed:
		return boundary.near.implicit(Boundary)
	case (len(s.Session) > 0 || r.Caller.Type == FederatedUser) && session.grant == unnamed:
		return session.near.implicit(Session)
	case identity.grant == unnamed:
		return resource.allow.decision(Allowed)
	}
	return identity.allow.decision(Allowed)
}

// rootOr allows the root user what nothing denies; a statement that says so is named.
func rootOr(f finding) Decision {
	if f.statement == nil {
		return Decision{Outcome: Allowed, Kind: Identity}
	}
	return f.decision(Allowed)
}

// all asks every statement of the documents of one kind. It stops at the first that denies.
func (j *judge) all(kind Kind, documents []Attached) (v verdict) {
	for i := range documents {
		d := &documents[i]
		for k := range d.Statements {
			s := &d.Statements[k]
			m := j.ask(s, kind)
			f := finding{d.Name, d.Kind, s, m.condition, m.absent}
			switch {
			case m.stopped == atCondition && s.Effect == Allow && v.near.statement == nil:
				v.near = f
			case m.stopped != applies:
			case s.Effect == Deny:
				v.deny = f
				return v
			case m.grant > v.grant:
				v.grant, v.allow = m.grant, f
			}
		}
	}
	return v
}
