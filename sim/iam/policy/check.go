package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Severity says how bad a trap is.
type Severity string

// The severities.
const (
	Wrong Severity = "wrong" // the statement does not do what it is there for
	Risky Severity = "risky" // it does, but somebody slips through or is locked out
	Note  Severity = "note"  // worth knowing
)

// A Finding is a trap that a document walked into.
type Finding struct {
	Rule      string // the trap's name, such as "deny-misses-access-keys"
	Severity  Severity
	Statement *Statement
	Condition *Condition // where one condition is to blame, else nil
	At        Position   // of that condition's key, else of the statement's opening brace
	Text      string     // what happens
	Fix       string     // what to write instead
	Section   string     // of AWS MFA, where the rule behind it is written
}

// String returns the finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s: %s; %s (%s)", f.Statement.Label(), f.Severity, f.Rule, f.Text, f.Fix, f.Section)
}

// A trap is one mistake that people make. Springs returns the condition to blame, if there is one, and whether the
// statement walked into it.
type trap struct {
	rule     string
	severity Severity
	section  string
	text     string
	fix      string
	springs  func(d *Document, s *Statement) (*Condition, bool)
}

// Check returns the traps that a document walked into, in the order of its statements. None does not mean that the
// document is safe: Check knows mistakes about MFA, not what the author wants. Beside are documents of the same kind that
// are attached to the same caller or resource: they may undo what d is there for, or complete it.
func Check(d *Document, beside ...*Document) []Finding {
	together := &Document{Kind: d.Kind, Version: d.Version, Statements: slices.Clone(d.Statements)}
	for _, b := range beside {
		together.Statements = append(together.Statements, b.Statements...)
	}
	var all []Finding
	for i := range d.Statements {
		s := &d.Statements[i]
		for _, t := range traps {
			if c, sprung := t.springs(together, s); sprung {
				at := s.brace
				if c != nil {
					at = c.at
				}
				all = append(all, Finding{t.rule, t.severity, s, c, at, t.text, t.fix, t.section})
			}
		}
	}
	return all
}

// A Trap is one mistake that people make, as documentation lists it.
type Trap struct {
	Rule      string
	Severity  Severity
	Text, Fix string
	Section   string
}

// Traps lists the traps that Check knows.
func Traps() []Trap {
	var all []Trap
	for _, t := range traps {
		all = append(all, Trap{t.rule, t.severity, t.text, t.fix, t.section})
	}
	return all
}

var traps = []trap{
	{"deny-misses-access-keys", Wrong, "Section 4.2", "access keys have no MFA keys in their requests, so this Deny does not reach them",
		"write BoolIfExists (for ages NumericGreaterThanIfExists) instead", missed(func(s stance) bool { return s.key })},
	{"deny-misses-sessions", Wrong, "Section 4.2", "temporary credentials without MFA have the key with the value false, so this Deny does not reach them",
		`write "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}`, missed(func(s stance) bool { return s.plain })},
	{"deny-with-mfa", Wrong, "Section 4.2", "this denies who has just used MFA", `deny on "false", not on "true"`,
		stands(Deny, func(s stance) bool { return s.fresh && !(s.key && s.plain && s.old) })},
	{"allow-lets-access-keys-in", Wrong, "Section 4.2", "IfExists holds where the key is missing, so access keys are let in without MFA",
		`write Bool without IfExists in an Allow`, stands(Allow, func(s stance) bool { return s.key && s.fresh && !s.plain })},
	{"allow-lets-sessions-in", Wrong, "Section 4.2", "any temporary credentials have the key, so a session without MFA is let in",
		`write "Bool": {"aws:MultiFactorAuthPresent": "true"}`, stands(Allow, func(s stance) bool { return s.plain && s.fresh && !s.key })},
	{"allow-ignores-missing-age", Wrong, "Section 4.2", "where MFA was not used there is no age, so everybody without MFA is let in",
		"write NumericLessThan without IfExists in an Allow", stands(Allow, func(s stance) bool { return s.key && s.plain && s.fresh && !s.old })},
	{"allow-without-mfa", Wrong, "Section 4.2", "this allows only who has not used MFA",
		`allow on "true", not on "false"`, stands(Allow, func(s stance) bool { return (s.key || s.plain) && !s.fresh })},
	{"never-met", Wrong, "Section 4.2", "no credentials meet these MFA conditions: the statement does nothing", "remove the condition that contradicts",
		never},
	{"unreadable-value", Wrong, "Section 4.2", "the operator cannot read the value, so it matches nothing",
		"write true or false, a number, a date, an address range or base64, as the operator wants it", unreadable},
	{"unknown-mfa-key", Wrong, "Section 4.1", "there is no such key, so it is always missing",
		"the keys are aws:MultiFactorAuthPresent and aws:MultiFactorAuthAge", unknownKey},
	{"old-language", Wrong, "Section 4.3", "variables are ordinary text in the older language", `write "Version": "2012-10-17"`, oldLanguage},
	{"broader-allow", Wrong, "Section 4.3", "another statement allows the same without MFA, so this condition has no effect",
		"narrow the other Allow, or deny without MFA", broader},
	{"change-password-missing", Risky, "Section 4.4", "who must change an expired password cannot sign in to enrol a device: locked out",
		"add iam:ChangePassword to the NotAction list", unlisted("iam:ChangePassword", "")},
	{"cannot-enrol", Risky, "Section 4.4", "who has no device yet cannot enable one: locked out",
		"add iam:EnableMFADevice to the NotAction list", unlisted("iam:EnableMFADevice", "")},
	{"denies-enrolling", Risky, "Section 4.4", "it denies enabling a device, too: who has none can never use MFA: locked out",
		"list under NotAction what it takes to enrol, in place of Action: mfalab policy new --for force", deniesEnrolling},
	{"orphan-device", Risky, "Section 4.4", "a cancelled wizard leaves a virtual device that its user may not delete, and its name blocks the next try",
		"add iam:DeleteVirtualMFADevice to the NotAction list, or name devices freely",
		unlisted("iam:DeleteVirtualMFADevice", "iam:CreateVirtualMFADevice")},
	{"deactivate-without-mfa", Risky, "Section 4.4", "a stolen password or access key may take the device away",
		"take iam:DeactivateMFADevice off the NotAction list", deactivates},
	{"foreign-mfa-claim", Note, "Section 4.4", "whoever may create virtual devices in a trusted account can construct an MFA claim",
		"trust the people who administer that account, or name single users", claims},
	{"for-all-values", Risky, "Section 4.2", "ForAllValues holds where the key is missing, so who leaves it out is let in",
		`add "Null": {KEY: "false"}`, leftOut},
}

// stands springs for statements of an effect whose MFA conditions stand as bad says.
func stands(e Effect, bad func(stance) bool) func(*Document, *Statement) (*Condition, bool) {
	return func(_ *Document, s *Statement) (*Condition, bool) {
		st, ok := s.stance()
		return s.mfaCondition(), ok && s.Effect == e && bad(st)
	}
}

// missed springs for a Deny of who has no MFA, or only an old one, that does not reach one column of the grid, unless
// another Deny of the document does.
func missed(reached func(stance) bool) func(*Document, *Statement) (*Condition, bool) {
	return func(d *Document, s *Statement) (*Condition, bool) {
		st, ok := s.stance()
		if !ok || s.Effect != Deny || st.fresh || !(st.key || st.plain || st.old) || reached(st) {
			return nil, false
		}
		for i := range d.Statements {
			t := &d.Statements[i]
			other, ok := t.stance()
			if ok && t.Effect == Deny && reached(other) && !t.otherwise() && s.covered(t, false) {
				return nil, false
			}
		}
		return s.mfaCondition(), true
	}
}

// mfaCondition returns the first condition about MFA, nil if there is none.
func (s *Statement) mfaCondition() *Condition {
	i := slices.IndexFunc(s.Conditions, func(c Condition) bool { return c.aboutMFA() })
	if i < 0 {
		return nil
	}
	return &s.Conditions[i]
}

// never springs where the MFA conditions contradict each other.
func never(_ *Document, s *Statement) (*Condition, bool) {
	st, ok := s.stance()
	if !ok || st != (stance{}) {
		return nil, false
	}
	for _, n := range numbersOf(s) { // an age window, such as between 300 and 3600 seconds, lies between the columns
		if n {
			return nil, false
		}
	}
	return s.mfaCondition(), true
}

// numbersOf says for each condition whether it compares an age.
func numbersOf(s *Statement) []bool {
	var list []bool
	for i := range s.Conditions {
		c := &s.Conditions[i]
		list = append(list, c.Key.Is(MFAAge) && c.op.family == numerics)
	}
	return list
}

// unreadable springs for a value that its operator cannot read. Dates are refused by Parse already.
func unreadable(_ *Document, s *Statement) (*Condition, bool) {
	for i := range s.Conditions {
		if slices.ContainsFunc(s.Conditions[i].values, func(o operand) bool { return !o.ok }) {
			return &s.Conditions[i], true
		}
	}
	return nil, false
}

// unknownKey springs for keys that look like one of the two and are not.
func unknownKey(_ *Document, s *Statement) (*Condition, bool) {
	for i := range s.Conditions {
		c := &s.Conditions[i]
		name := strings.ToLower(string(c.Key))
		if !c.aboutMFA() && (strings.HasPrefix(name, "aws:multi") || strings.HasPrefix(name, "aws:mfa")) {
			return c, true
		}
	}
	return nil, false
}

// oldLanguage springs for variables in a document whose version has none.
func oldLanguage(d *Document, s *Statement) (*Condition, bool) {
	if d.Version == Version2012 {
		return nil, false
	}
	for i := range s.Conditions {
		if slices.ContainsFunc(s.Conditions[i].Values, func(v string) bool { return strings.Contains(v, "${") }) {
			return &s.Conditions[i], true
		}
	}
	return nil, slices.ContainsFunc(s.Resources, func(r string) bool { return strings.Contains(r, "${") })
}

// broader springs for an Allow that asks for MFA beside one that does not and speaks of some of the same.
func broader(d *Document, s *Statement) (*Condition, bool) {
	st, ok := s.stance()
	if !ok || s.Effect != Allow || !st.fresh || st.key && st.plain {
		return nil, false
	}
	for i := range d.Statements {
		t := &d.Statements[i]
		if _, asks := t.stance(); t.Effect == Allow && !asks && !t.otherwise() && s.covered(t, true) &&
			slices.Equal(s.Principals, t.Principals) && !forced(d) {
			return s.mfaCondition(), true
		}
	}
	return nil, false
}

// forced reports whether a document denies without MFA, whatever its Allows say.
func forced(d *Document) bool {
	return slices.ContainsFunc(d.Statements, func(s Statement) bool { return s.forcesMFA() })
}

// unlisted springs for a force-MFA Deny whose list lacks an action, if it has the other one or none is asked for.
func unlisted(action, beside string) func(*Document, *Statement) (*Condition, bool) {
	return func(_ *Document, s *Statement) (*Condition, bool) {
		return nil, s.forcesMFA() && !s.lists(action) && (beside == "" || s.lists(beside))
	}
}

// deniesEnrolling springs for a policy of users that denies, without MFA, things by name of which enabling a device of their own
// is one, as "*" and "iam:*" are. The traps of the lists under NotAction never see it, and it locks out more people than they do.
func deniesEnrolling(_ *Document, s *Statement) (*Condition, bool) {
	st, ok := s.stance()
	return nil, ok && s.Effect == Deny && !s.NotAction && (st.key || st.plain) && !st.fresh && len(s.Principals) == 0 && !s.otherwise() &&
		s.speaksOf("iam:EnableMFADevice", ownUser, false)
}

// deactivates springs for a force-MFA list that lets the device itself be taken away.
func deactivates(_ *Document, s *Statement) (*Condition, bool) {
	return nil, s.forcesMFA() && s.lists("iam:DeactivateMFADevice")
}

// claims springs for a trust policy that asks a whole account for MFA. Whether the account is foreign, the document does not
// say; in the role's own account the same is true of whoever may create devices there.
func claims(d *Document, s *Statement) (*Condition, bool) {
	_, ok := s.stance()
	return nil, ok && d.Kind == Trust && s.Effect == Allow &&
		slices.ContainsFunc(s.Principals, func(p Principal) bool { return p.account() != "" || p.Name == "*" })
}

// leftOut springs for an Allow by ForAllValues that does not ask for the key to be there.
func leftOut(_ *Document, s *Statement) (*Condition, bool) {
	for i := range s.Conditions {
		c := &s.Conditions[i]
		guarded := slices.ContainsFunc(s.Conditions, func(g Condition) bool {
			return g.op.family == nulls && g.Key.Is(c.Key) && slices.Contains(g.Values, "false")
		})
		if s.Effect == Allow && c.op.set == forAllValues && c.op.family != nulls && !guarded {
			return c, true
		}
	}
	return nil, false
}
