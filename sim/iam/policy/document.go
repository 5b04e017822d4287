package policy

import (
	"encoding/json"
	"strings"
)

// The versions of the policy language (User Guide, "IAM JSON policy elements: Version"). Only the newer one has variables;
// a document that names none is of the older.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// A Document is a policy that Parse has read. It does not change; any number of callers may use it.
type Document struct {
	Kind       Kind
	Version    string // as written; "" where there is none
	ID         string
	Statements []Statement
}

// An Effect is what a statement says of the requests that it matches.
type Effect string

// The effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// A Statement is one rule of a document. Principals, Actions and Resources are as written; the Not fields say that all
// but those are meant.
type Statement struct {
	Sid          string
	Index        int // from 0, in its document
	Effect       Effect
	Principals   []Principal
	NotPrincipal bool
	Actions      []string
	NotAction    bool
	Resources    []string
	NotResource  bool
	Conditions   []Condition
	Start, End   Position // in the text that was parsed

	brace     Position // its opening one
	actions   []pattern
	resources []arnPattern
}

// A Principal is one name in a Principal or NotPrincipal element. Type is AWS, Service, Federated or CanonicalUser, or "*"
// for the bare asterisk.
type Principal struct{ Type, Name string }

// A Condition is one key under one operator; all conditions of a statement must hold, and of the values one is enough.
type Condition struct {
	Operator string // as written, such as "BoolIfExists"
	Key      Key
	Values   []string

	op     operator
	values []operand
	at     Position // of the key, in the text that was parsed
}

// Label returns the statement's Sid, or its place such as "statement 2" where it has none.
func (s *Statement) Label() string {
	if s.Sid != "" {
		return s.Sid
	}
	return ordinal(s.Index)
}

// JSON returns the document in one line and in one form: every list a list, elements in the grammar's order. Parsing it
// gives a document that decides every request alike.
func (d *Document) JSON() string {
	var b strings.Builder
	b.WriteByte('{')
	if d.Version != "" {
		b.WriteString(`"Version":` + quote(d.Version) + ",")
	}
	if d.ID != "" {
		b.WriteString(`"Id":` + quote(d.ID) + ",")
	}
	b.WriteString(`"Statement":[`)
	for i := range d.Statements {
		if i > 0 {
			b.WriteByte(',')
		}
		d.Statements[i].write(&b)
	}
	b.WriteString("]}")
	return b.String()
}

// write appends the statement. Elements that were not there stay away: an empty list would be another document.
func (s *Statement) write(b *strings.Builder) {
	b.WriteByte('{')
	if s.Sid != "" {
		b.WriteString(`"Sid":` + quote(s.Sid) + ",")
	}
	b.WriteString(`"Effect":` + quote(string(s.Effect)))
	if s.Principals != nil {
		b.WriteString("," + not(s.NotPrincipal, "Principal") + ":" + principalJSON(s.Principals))
	}
	b.WriteString("," + not(s.NotAction, "Action") + ":" + quote(s.Actions))
	if s.Resources != nil {
		b.WriteString("," + not(s.NotResource, "Resource") + ":" + quote(s.Resources))
	}
	if len(s.Conditions) > 0 {
		b.WriteString(`,"Condition":` + conditionJSON(s.Conditions))
	}
	b.WriteByte('}')
}

// not returns an element's name in quotes, in its Not form where it is negative.
func not(negative bool, element string) string {
	if negative {
		element = "Not" + element
	}
	return quote(element)
}

// principalJSON writes names grouped by type, since a type may stand there once only.
func principalJSON(list []Principal) string {
	if list[0].Type == "*" {
		return `"*"`
	}
	groups := map[string][]string{}
	for _, p := range list {
		groups[p.Type] = append(groups[p.Type], p.Name)
	}
	return quote(groups)
}

// conditionJSON writes the conditions grouped by operator. A condition without values keeps its empty list.
func conditionJSON(list []Condition) string {
	groups := map[string]map[Key][]string{}
	for _, c := range list {
		if groups[c.Operator] == nil {
			groups[c.Operator] = map[Key][]string{}
		}
		groups[c.Operator][c.Key] = append([]string{}, c.Values...)
	}
	return quote(groups)
}

// quote returns v as JSON; v is of strings only, which always can be.
func quote(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("policy: internal error: " + err.Error())
	}
	return string(text)
}
