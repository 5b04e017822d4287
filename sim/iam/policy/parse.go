package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parse reads a document of a kind and makes it ready to decide. What is wrong with a document is found in the real
// service's order, as far as it is recorded, and returned as *Error. Quotas are the caller's to check: see Quota.
func Parse(kind Kind, text string) (*Document, error) {
	if len(text) > maxText {
		return nil, refuse(kind, tooLong, fmt.Sprintf("%d bytes", len(text)))
	}
	root, err := read(text)
	switch {
	case errors.Is(err, errDepth):
		return nil, refuse(kind, badSyntax, err.Error())
	case err != nil:
		return nil, refuse(kind, badJSON, err.Error())
	}
	d := &Document{Kind: kind}
	p := parser{kind: kind, text: text}
	if p.document(root, d); p.err != nil {
		return nil, p.err
	}
	if err := wellFormed(d, p.effects); err != nil {
		return nil, err
	}
	d.prepare()
	return d, nil
}

// A parser takes the elements out of the JSON. It keeps the first fault and goes on: what follows is thrown away.
type parser struct {
	kind    Kind
	text    string
	err     *Error
	effects []string // as written: the case is judged later than the rest of the syntax
}

// refuse keeps a fault: args go into its text, the rest is the detail.
func (p *parser) refuse(f fault, args []any, format string, values ...any) {
	if p.err == nil {
		p.err = refuse(p.kind, f, fmt.Sprintf(format, values...), args...)
	}
}

// syntax keeps a syntax error, whose text never says more than that.
func (p *parser) syntax(format string, values ...any) { p.refuse(badSyntax, nil, format, values...) }

// members checks that n is an object whose names are among those known, each once, and returns them.
func (p *parser) members(n node, where string, known ...string) map[string]node {
	if n.form != object {
		p.syntax("%s must be an object", where)
		return nil
	}
	if name := n.twice(); name != "" {
		p.syntax("%s has %q twice", where, name)
	}
	found := map[string]node{}
	for _, f := range n.fields {
		if known != nil && !slices.Contains(known, f.name) {
			hint := "the elements are " + strings.Join(known, ", ")
			if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, f.name) }); i >= 0 {
				hint = "write " + known[i]
			}
			p.refuse(unknownElement, []any{f.name}, "%s has the unknown element %q: %s", where, f.name, hint)
		}
		found[f.name] = f.value
	}
	return found
}

// word returns the string under name, "" if it is not there.
func (p *parser) word(in map[string]node, where, name string) string {
	n, ok := in[name]
	if ok && n.form != word {
		p.syntax("%s of %s must be a string", name, where)
	}
	return n.text
}

// document reads the outermost object into d.
func (p *parser) document(root node, d *Document) {
	const where = "the document"
	in := p.members(root, where, "Version", "Id", "Statement")
	d.Version, d.ID = p.word(in, where, "Version"), p.word(in, where, "Id")
	if _, ok := in["Version"]; ok && d.Version != Version2008 && d.Version != Version2012 {
		p.refuse(unknownVersion, nil, "the version %q is neither %s nor %s", d.Version, Version2008, Version2012)
	}
	statements, ok := in["Statement"]
	if list := statements.list(); ok && len(list) > 0 {
		d.Statements = make([]Statement, len(list))
		p.effects = make([]string, len(list))
		for i, n := range list {
			p.statement(n, i, &d.Statements[i])
			d.Statements[i].Start, d.Statements[i].End = span(p.text, n, statements.form != array)
			d.Statements[i].brace = position(p.text, max(n.opened-1, 0))
		}
		return
	}
	p.syntax("the document has no statement")
}

// statement reads the i-th statement. The effect is taken in any case here: another case than Allow or Deny is not a syntax
// error but one of the older parser, which looks after the version (see legacy).
func (p *parser) statement(n node, i int, s *Statement) {
	where := ordinal(i)
	in := p.members(n, where, "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
	s.Index, s.Sid = i, p.word(in, where, "Sid")
	if _, ok := in["Effect"]; !ok {
		p.refuse(missingEffect, nil, "%s has no Effect", where)
	}
	p.effects[i] = p.word(in, where, "Effect")
	switch {
	case strings.EqualFold(p.effects[i], string(Allow)):
		s.Effect = Allow
	case strings.EqualFold(p.effects[i], string(Deny)):
		s.Effect = Deny
	default:
		p.syntax("%s has the effect %q: it must be Allow or Deny", where, p.effects[i])
	}
	s.Actions, s.NotAction = p.either(in, where, "Action")
	s.Resources, s.NotResource = p.either(in, where, "Resource")
	p.principals(in, where, s)
	if c, ok := in["Condition"]; ok {
		p.conditions(c, where, s)
	}
}

// either returns the strings under element or under its Not form; both at once are refused.
func (p *parser) either(in map[string]node, where, element string) (list []string, negative bool) {
	n, plain := in[element]
	m, negative := in["Not"+element]
	if plain && negative {
		p.syntax("%s has both %s and Not%s: keep one", where, element, element)
	}
	if negative {
		n = m
	}
	if !plain && !negative {
		return nil, false
	}
	list = []string{} // an empty list is there, and judged later
	for _, item := range n.list() {
		if item.form != word {
			p.syntax("%s of %s must be a string or a list of strings", element, where)
		}
		list = append(list, item.text)
	}
	return list, negative
}

// principals reads Principal or NotPrincipal. The asterisk alone is everybody; any other name needs a type.
func (p *parser) principals(in map[string]node, where string, s *Statement) {
	n, plain := in["Principal"]
	m, negative := in["NotPrincipal"]
	if plain && negative {
		p.syntax("%s has both Principal and NotPrincipal: keep one", where)
	}
	if negative {
		n, s.NotPrincipal = m, true
	}
	switch {
	case !plain && !negative:
		return
	case n.form == word && n.text == "*":
		s.Principals = []Principal{{"*", "*"}}
		return
	case n.form != object || len(n.fields) == 0:
		p.syntax(`Principal of %s must be "*" or an object such as {"AWS": "123456789012"}`, where)
	}
	p.members(n, "Principal of "+where)
	for _, f := range n.fields {
		for _, name := range f.value.list() {
			if name.form != word {
				p.syntax("%s in Principal of %s must be a string or a list of strings", f.name, where)
			}
			s.Principals = append(s.Principals, Principal{f.name, name.text})
		}
	}
	slices.SortStableFunc(s.Principals, func(a, b Principal) int { return strings.Compare(a.Type, b.Type) })
}

// conditions reads the blocks of Condition. Numbers and booleans may stand there without quotes (User Guide, "Grammar of the
// IAM JSON policy language"); they are kept as they are written.
func (p *parser) conditions(n node, where string, s *Statement) {
	where = "Condition of " + where
	p.members(n, where)
	for _, block := range n.fields {
		p.members(block.value, block.name+" in "+where)
		op, ok := operators(block.name)
		if !ok && len(block.value.fields) > 0 { // an empty block of any name passes (recorded)
			p.refuse(badOperator, []any{block.name}, "%s has the unknown operator %q", where, block.name)
		}
		for _, f := range block.value.fields {
			c := Condition{Operator: block.name, Key: Key(f.name), op: op, at: begins(p.text, f.before)}
			for _, v := range f.value.list() {
				if v.form != word && v.form != bare {
					p.syntax("%s: the values of %q must be strings", where, f.name)
				}
				c.Values = append(c.Values, v.text)
			}
			s.Conditions = append(s.Conditions, c)
		}
	}
}

// ordinal names a statement without Sid for people, counted from 1.
func ordinal(i int) string { return "statement " + strconv.Itoa(i+1) }

// prepare makes every statement ready to decide.
func (d *Document) prepare() {
	variables := d.Version == Version2012
	for i := range d.Statements {
		s := &d.Statements[i]
		for _, a := range s.Actions {
			s.actions = append(s.actions, compile(strings.ToLower(a), false, true))
		}
		for _, r := range s.Resources {
			s.resources = append(s.resources, compileARN(r, variables))
		}
		for j := range s.Conditions {
			s.Conditions[j].prepare(variables)
		}
	}
}
