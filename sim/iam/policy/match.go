package policy

// A Part is where a statement stopped speaking of a request.
type Part byte

// The parts, in the order in which they are asked.
const (
	applies Part = iota
	atAction
	atPrincipal
	atResource
	atCondition
)

var parts = [...]string{"applies", "action", "principal", "resource", "condition"}

// String returns "applies", or the part that did not match: "action", "principal", "resource" or "condition".
func (p Part) String() string { return parts[p] }

// A match says how a statement stands to a request. The condition is the one that failed, or in a statement that applies
// the first that was met because its key is absent.
type match struct {
	stopped   Part
	grant     grant
	condition *Condition
	absent    bool
}

// ask asks one statement. Kind is where its document is attached: only resources and roles name principals.
func (j *judge) ask(s *Statement, kind Kind) match {
	if !j.action(s) {
		return match{stopped: atAction}
	}
	m := match{grant: directly}
	if kind.granted() {
		if m.grant = j.principal(s); m.grant == unnamed {
			return match{stopped: atPrincipal}
		}
	}
	if !j.resource(s) {
		return match{stopped: atResource}
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		ok, absent := c.holds(j.Context)
		if !ok {
			return match{atCondition, unnamed, c, absent}
		}
		if absent && m.condition == nil {
			m.condition, m.absent = c, true
		}
	}
	return m
}

// action asks the actions. ASCII case does not count there; variables are not allowed there (User Guide, "Where you can use
// policy variables").
func (j *judge) action(s *Statement) bool {
	for i := range s.actions {
		if s.actions[i].match(j.Action, j.Context, true) {
			return !s.NotAction
		}
	}
	return s.NotAction
}

// resource asks the resources. A statement without any, as in a trust policy, speaks of what it is attached to.
func (j *judge) resource(s *Statement) bool {
	if len(s.resources) == 0 {
		return true
	}
	for i := range s.resources {
		if s.resources[i].match(&j.arn, j.isARN, j.Context) {
			return !s.NotResource
		}
	}
	return s.NotResource
}

// principal returns how closely the statement names the caller. A Deny that names the caller in any way means it.
func (j *judge) principal(s *Statement) grant {
	closest := unnamed
	for _, p := range s.Principals {
		closest = max(closest, p.grants(&j.Caller, s.NotPrincipal))
	}
	switch {
	case !s.NotPrincipal:
		return closest
	case closest != unnamed:
		return unnamed
	case j.Caller.Type == AssumedRole, j.Caller.Type == FederatedUser:
		return byBase
	}
	return directly
}
