package policy

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxDepth is one more than the deepest place of a well-formed document (ours: a list of values of a key of an operator
// of the conditions of a statement of a list in a document).
const maxDepth = 7

// A form is what a JSON value is.
type form byte

const (
	null form = iota
	word      // a string, or a number or boolean without quotes, which the grammar lets pass for one in conditions
	bare      // such a number or boolean
	array
	object
)

// A node is a JSON value that remembers the order of members, so that names that come twice are seen.
type node struct {
	form           form
	text           string
	items          []node
	fields         []field
	before         int // of an item: where what was read before it ends, in bytes from the start of the text
	opened, closed int // of an object: where its braces end
}

// A field is a member of an object.
type field struct {
	name   string
	value  node
	before int // where what was read before the name ends
}

// errDepth and errTwice are syntax errors of the policy rather than of JSON.
var errDepth = errors.New("nested deeper than any element of a policy")

// read parses text as one JSON value, RFC 8259.
func read(text string) (node, error) {
	if !utf8.ValidString(text) {
		return node{}, errors.New("text is not UTF-8")
	}
	if err := json.Unmarshal([]byte(text), new(json.RawMessage)); err != nil {
		return node{}, err
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return value(d, 0)
}

// value reads the next value, which is depth arrays and objects deep.
func value(d *json.Decoder, depth int) (node, error) {
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := t.(type) {
	case string:
		return node{form: word, text: t}, nil
	case json.Number:
		return node{form: bare, text: t.String()}, nil
	case bool:
		return node{form: bare, text: map[bool]string{true: "true", false: "false"}[t]}, nil
	case json.Delim:
		if depth++; depth > maxDepth {
			return node{}, errDepth
		}
		if t == '[' {
			return elements(d, depth)
		}
		opened := int(d.InputOffset())
		n, err := members(d, depth)
		n.opened, n.closed = opened, int(d.InputOffset())
		return n, err
	}
	return node{}, nil
}

// elements reads an array whose bracket is open, to its end.
func elements(d *json.Decoder, depth int) (node, error) {
	n := node{form: array}
	for {
		before := int(d.InputOffset()) // More skips white space
		if !d.More() {
			break
		}
		item, err := value(d, depth)
		if err != nil {
			return n, err
		}
		item.before = before
		n.items = append(n.items, item)
	}
	_, err := d.Token()
	return n, err
}

// members reads an object whose brace is open, to its end.
func members(d *json.Decoder, depth int) (node, error) {
	n := node{form: object}
	for d.More() {
		before := int(d.InputOffset())
		name, err := d.Token()
		if err != nil {
			return n, err
		}
		item, err := value(d, depth)
		if err != nil {
			return n, err
		}
		n.fields = append(n.fields, field{name.(string), item, before})
	}
	_, err := d.Token()
	return n, err
}

// list returns the node's items, or the node itself where the grammar lets one stand for a list of one.
func (n node) list() []node {
	if n.form == array {
		return n.items
	}
	return []node{n}
}

// twice returns a name that n has more than once, "" if there is none.
func (n node) twice() string {
	seen := map[string]bool{}
	for _, f := range n.fields {
		if seen[f.name] {
			return f.name
		}
		seen[f.name] = true
	}
	return ""
}
