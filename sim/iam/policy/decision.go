package policy

import "strings"

// An Outcome is how a request was decided. Its text is that of the policy simulator, Section 4.5.
type Outcome string

// The outcomes.
const (
	Allowed      Outcome = "allowed"
	ExplicitDeny Outcome = "explicitDeny"
	ImplicitDeny Outcome = "implicitDeny"
)

// A Decision is an outcome with its explanation.
type Decision struct {
	Outcome Outcome
	// Kind is the kind of policy that decided: that of Statement, or for an implicit deny the kind in which nothing
	// allows.
	Kind Kind
	// Policy and Statement are what allowed or denied. Under an implicit deny they are the statement that would have
	// allowed but for Condition, if there is one. A root user is allowed without a statement.
	Policy    string
	Statement *Statement
	// Condition is the one that kept Statement from applying, or that was met because its key is absent; nil if none.
	Condition *Condition
	// Absent says that Condition's key is not in the request.
	Absent bool
}

// decision is for a statement that applied.
func (f finding) decision(o Outcome) Decision {
	return Decision{o, f.kind, f.policy, f.statement, f.condition, f.absent}
}

// implicit is for a kind in which nothing applied; the finding is the statement that came nearest, if any did.
func (f finding) implicit(kind Kind) Decision {
	return Decision{ImplicitDeny, kind, f.policy, f.statement, f.condition, f.absent}
}

// Reason returns the clause that ends the denial texts of Section 4.3 for an action, such as "with an explicit deny in an
// identity-based policy"; "" for what is allowed.
func (d Decision) Reason(action string) string {
	switch d.Outcome {
	case ExplicitDeny:
		return "with an explicit deny in " + kinds[d.Kind].denies
	case ImplicitDeny:
		return "because " + kinds[d.Kind].allows + " allows the " + action + " action"
	}
	return ""
}

// String explains the decision in one line for people, naming the statement and the key that made the difference.
func (d Decision) String() string {
	var b strings.Builder
	b.WriteString(string(d.Outcome))
	switch {
	case d.Outcome == ImplicitDeny:
		b.WriteString(": " + kinds[d.Kind].allows + " allows it")
	case d.Statement == nil:
		b.WriteString(": the root user may")
	}
	if d.Statement == nil {
		return b.String()
	}
	where := d.Statement.Label() + " of the " + d.Kind.String() + " policy " + d.Policy
	switch {
	case d.Outcome == ImplicitDeny && d.Absent:
		b.WriteString("; " + where + " would, but " + string(d.Condition.Key) + " is missing for its " + d.Condition.Operator)
	case d.Outcome == ImplicitDeny:
		b.WriteString("; " + where + " would, but its " + d.Condition.String() + " is not met")
	case d.Absent:
		b.WriteString(" by " + where + ", since " + string(d.Condition.Key) + " is missing and so its " +
			d.Condition.Operator + " is met")
	default:
		b.WriteString(" by " + where)
	}
	return b.String()
}

// String returns the condition as "operator key values".
func (c *Condition) String() string {
	return c.Operator + " " + string(c.Key) + " " + strings.Join(c.Values, ", ")
}
