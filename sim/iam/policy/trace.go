package policy

import (
	"slices"
	"strings"
)

// A Step is how one statement stands to a request.
type Step struct {
	Kind      Kind
	Policy    string
	Statement *Statement
	// Part is where the statement stopped speaking of the request. Its String is "applies" for one that applies.
	Part      Part
	Condition *Condition // as in Decision
	Absent    bool
}

// Applies reports whether the statement speaks of the request.
func (s Step) Applies() bool { return s.Part == applies }

// Trace asks every statement of the set, in the order in which Decide asks, without stopping at one that denies.
func (s *Set) Trace(r *Request) []Step {
	j := judge{Request: r}
	j.arn, j.isARN = parseARN(r.Resource)
	var steps []Step
	for kind, documents := range s.layers() {
		for i := range documents {
			d := &documents[i]
			for k := range d.Statements {
				m := j.ask(&d.Statements[k], Kind(kind))
				steps = append(steps, Step{d.Kind, d.Name, &d.Statements[k], m.stopped, m.condition, m.absent})
			}
		}
	}
	return steps
}

// layers returns the documents by kind; a role's trust policy is with the resources.
func (s *Set) layers() [4][]Attached {
	return [4][]Attached{s.Identity, s.Boundary, s.Session, s.Resource}
}

// Missing returns the keys that statements about the request's action use and the request does not have: the
// MissingContextValues of the simulator, Section 4.5. Sorted, each once.
func (s *Set) Missing(r *Request) []Key {
	j := judge{Request: r}
	var keys []Key
	for _, documents := range s.layers() {
		for i := range documents {
			for k := range documents[i].Statements {
				if st := &documents[i].Statements[k]; j.action(st) {
					keys = st.keys(keys)
				}
			}
		}
	}
	return sortedKeys(slices.DeleteFunc(keys, func(k Key) bool { return len(r.Context.Get(k)) > 0 }))
}

// ContextKeys returns the keys that documents use, in conditions and as variables: the answer of GetContextKeysFor....
// Sorted, each once, spelt as in its first use.
func ContextKeys(documents ...*Document) []Key {
	var keys []Key
	for _, d := range documents {
		for i := range d.Statements {
			keys = d.Statements[i].keys(keys)
		}
	}
	return sortedKeys(keys)
}

// keys appends the keys of a statement.
func (s *Statement) keys(keys []Key) []Key {
	for i := range s.resources {
		keys = s.resources[i].keys(keys)
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		keys = append(keys, c.Key)
		for j := range c.values {
			keys = c.values[j].arn.keys(c.values[j].text.keys(keys))
		}
	}
	return keys
}

// keys appends the keys of the variables in all fields.
func (p *arnPattern) keys(keys []Key) []Key {
	for i := range p.fields {
		keys = p.fields[i].keys(keys)
	}
	return keys
}

// keys appends the keys of the variables.
func (p *pattern) keys(keys []Key) []Key {
	for _, v := range p.vars {
		keys = append(keys, v.key)
	}
	return keys
}

// sortedKeys sorts keys without regard to case and leaves one spelling of each.
func sortedKeys(keys []Key) []Key {
	fold := func(a, b Key) int { return strings.Compare(strings.ToLower(string(a)), strings.ToLower(string(b))) }
	slices.SortStableFunc(keys, fold)
	return slices.CompactFunc(keys, Key.Is)
}
