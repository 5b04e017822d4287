package policy

import (
	"slices"
	"strings"
)

// A stance says for which credentials a statement's MFA conditions are met: the columns of the grid of Section 4.2, with a
// second one for an MFA that is long ago. Asking the engine itself keeps the linter right whatever operator is written.
type stance struct {
	key   bool // a long-term access key: both MFA keys absent
	plain bool // temporary credentials without MFA: present, false
	fresh bool // MFA a moment ago
	old   bool // MFA years ago
}

// longAgo is an age in seconds that no policy takes for fresh (ours: ten years).
const longAgo = "315360000"

// columns holds what requests know of MFA, in the order of stance; nothing changes it.
var columns = [4]*Context{
	{},
	{[]entry{{MFAPresent, []string{"false"}}}},
	{[]entry{{MFAPresent, []string{"true"}}, {MFAAge, []string{"0"}}}},
	{[]entry{{MFAPresent, []string{"true"}}, {MFAAge, []string{longAgo}}}},
}

// aboutMFA reports whether the condition asks for one of the two MFA keys.
func (c *Condition) aboutMFA() bool { return c.Key.Is(MFAPresent) || c.Key.Is(MFAAge) }

// stance returns how the MFA conditions of s stand, and false if it has none.
func (s *Statement) stance() (st stance, ok bool) {
	met := [4]bool{true, true, true, true}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if !c.aboutMFA() {
			continue
		}
		ok = true
		for j, column := range columns {
			holds, _ := c.holds(column)
			met[j] = met[j] && holds
		}
	}
	return stance{met[0], met[1], met[2], met[3]}, ok
}

// otherwise reports whether s has conditions that are not about MFA, so that it may be silent where it seems to speak.
func (s *Statement) otherwise() bool {
	for i := range s.Conditions {
		if !s.Conditions[i].aboutMFA() {
			return true
		}
	}
	return false
}

// forcesMFA reports whether s denies all but a list of actions to who has no MFA, with an access key at least.
func (s *Statement) forcesMFA() bool {
	st, ok := s.stance()
	return ok && s.Effect == Deny && s.NotAction && (st.key || st.plain) && !st.fresh
}

// lists reports whether the element Action or NotAction, as written, holds an action.
func (s *Statement) lists(action string) bool {
	for i := range s.actions {
		if s.actions[i].match(action, nil, true) {
			return true
		}
	}
	return false
}

// speaksOf reports whether s speaks of everything that an action and a resource of another statement stand for, or of some
// of it where some is enough. Wildcards in them match wildcards only. A list of what is not meant may take a part out of an
// action with wildcards, never all of it unless it names it.
func (s *Statement) speaksOf(action, resource string, some bool) bool {
	if s.NotAction && !some && slices.ContainsFunc(s.Actions, func(a string) bool { return meet(a, action) }) {
		return false
	}
	return s.lists(action) != s.NotAction && s.reaches(resource)
}

// reaches reports whether the resources of s hold all of a resource of another statement.
func (s *Statement) reaches(resource string) bool {
	if len(s.Resources) == 0 {
		return true
	}
	found := false
	for i, r := range s.Resources {
		p := compile(s.Resources[i], false, true)
		found = found || r == resource || r == "*" || p.match(resource, nil, false)
	}
	return found != s.NotResource
}

// covered reports whether some action and resource of s are spoken of by t as well (some), or all of them (not some).
func (s *Statement) covered(t *Statement, some bool) bool {
	actions, resources := s.Actions, s.Resources
	if s.NotAction {
		actions = []string{"*"}
		if t.NotAction && subset(t.Actions, s.Actions) {
			actions = nil
		}
	}
	if s.NotResource || len(resources) == 0 {
		resources = []string{"*"}
	}
	if actions == nil {
		return t.reaches(resources[0])
	}
	for _, a := range actions {
		for _, r := range resources {
			if t.speaksOf(a, r, some) == some {
				return some
			}
		}
	}
	return !some
}

// meet reports whether two patterns of actions might have an action in common: their beginnings, up to a wildcard, agree.
func meet(a, b string) bool {
	x, y := beginning(a), beginning(b)
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

func beginning(action string) string {
	if at := strings.IndexAny(action, "*?"); at >= 0 {
		action = action[:at]
	}
	return strings.ToLower(action)
}

// subset reports whether b has all of a, whatever the case.
func subset(a, b []string) bool {
	has := map[string]bool{}
	for _, x := range b {
		has[strings.ToLower(x)] = true
	}
	for _, x := range a {
		if !has[strings.ToLower(x)] {
			return false
		}
	}
	return true
}
