package policy

import "strings"

// An ARN has six fields between colons, the last of which may hold more colons:
//
//	arn : partition : service : region : account : resource
//
// A wildcard matches within its field only (User Guide, "IAM JSON policy elements: Resource").
type arn [6]string

// parseARN splits a request's ARN; it reports false for what is none.
func parseARN(text string) (a arn, ok bool) {
	for i := range 5 {
		at := strings.IndexByte(text, ':')
		if at < 0 {
			return a, false
		}
		a[i], text = text[:at], text[at+1:]
	}
	a[5] = text
	return a, a[0] == "arn"
}

// splitARN splits a pattern into at most six fields; colons inside of a variable do not count.
func splitARN(src string, variables bool) []string {
	var fields []string
	for at := 0; at < len(src) && len(fields) < 5; {
		if _, rest, ok := cutVariable(src[at:]); variables && ok {
			at = len(src) - len(rest)
			continue
		}
		if src[at] == ':' {
			fields = append(fields, src[:at])
			src, at = src[at+1:], 0
			continue
		}
		at++
	}
	return append(fields, src)
}

// An arnPattern is a pattern for ARNs, or "*" for everything.
type arnPattern struct {
	all    bool
	fields [6]pattern
}

// compileARN reads a pattern. Fields that are missing at the end are "*".
func compileARN(src string, variables bool) arnPattern {
	p := arnPattern{all: src == "*"}
	fields := splitARN(src, variables)
	fields[0] = "arn"
	for i := range p.fields {
		field := "*"
		if i < len(fields) {
			field = fields[i]
		}
		p.fields[i] = compile(field, variables, true)
	}
	return p
}

// match reports whether the pattern describes a; ok is false where a is no ARN.
func (p *arnPattern) match(a *arn, ok bool, c *Context) bool {
	if p.all {
		return true
	}
	if !ok {
		return false
	}
	for i := 5; i > 0; i-- { // the last field tells most of them apart
		if !p.fields[i].match(a[i], c, false) {
			return false
		}
	}
	return true
}
