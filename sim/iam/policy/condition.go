package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// An operand is a value of a condition, read as its operator wants it. One that cannot be read matches nothing.
type operand struct {
	ok     bool
	text   pattern
	number number
	date   time.Time
	net    netip.Prefix
	arn    arnPattern
}

// prepare reads the values once, as the operator wants them.
func (c *Condition) prepare(variables bool) {
	for _, v := range c.Values {
		c.values = append(c.values, readOperand(c.op.family, v, variables))
	}
}

// readOperand reads a value. Only strings and ARNs may hold variables.
func readOperand(f family, v string, variables bool) operand {
	var o operand
	switch f {
	case strs, foldedTexts, likes:
		o.text, o.ok = compile(v, variables, f == likes), true
	case numerics:
		o.number, o.ok = parseNumber(v)
	case dates:
		o.date, o.ok = parseDate(v)
	case bools, nulls:
		o.text.text = strings.ToLower(v)
		o.ok = o.text.text == "true" || o.text.text == "false"
	case binaries:
		raw, err := base64.StdEncoding.DecodeString(v)
		o.text.text, o.ok = string(raw), err == nil
	case addresses:
		o.net, o.ok = parseNet(v)
	case arns:
		o.arn, o.ok = compileARN(v, variables), true
	}
	return o
}

// parseNet reads an address or a range. An IPv4 address in IPv6 clothes is the IPv4 address.
func parseNet(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(text)
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), err == nil
}

// holds reports whether the condition is met in c, and whether its key was absent there.
func (c *Condition) holds(ctx *Context) (ok, absent bool) {
	got := ctx.Get(c.Key)
	absent = len(got) == 0
	switch {
	case c.op.family == nulls:
		return c.null(absent), absent
	case absent:
		return c.op.absent(), true
	case c.op.set == forAllValues:
		for _, g := range got {
			if c.anyMatches(g, ctx) == c.op.negative {
				return false, false
			}
		}
		return true, false
	case c.op.set == forAnyValue:
		for _, g := range got {
			if c.anyMatches(g, ctx) != c.op.negative {
				return true, false
			}
		}
		return false, false
	}
	for _, g := range got { // more than one without a set is not defined: ours is that one that matches is enough
		if c.anyMatches(g, ctx) {
			return !c.op.negative, false
		}
	}
	return c.op.negative, false
}

// null decides the Null operator: "true" wants the key to be absent, "false" to be there.
func (c *Condition) null(absent bool) bool {
	for i := range c.values {
		if v := &c.values[i]; v.ok && (v.text.text == "true") == absent {
			return true
		}
	}
	return false
}

// anyMatches reports whether got stands to one of the condition's values as its operator, taken positively, says.
func (c *Condition) anyMatches(got string, ctx *Context) bool {
	switch c.op.family {
	case numerics:
		return c.anyNumber(got)
	case dates:
		return c.anyDate(got)
	case addresses:
		return c.anyNet(got)
	case arns:
		a, isARN := parseARN(got)
		for i := range c.values {
			if isARN && c.values[i].arn.match(&a, isARN, ctx) {
				return true
			}
		}
		return false
	}
	for i := range c.values {
		if v := &c.values[i]; v.ok && v.matchText(c.op.family, got, ctx) {
			return true
		}
	}
	return false
}

// matchText compares what is text in some way. A variable in a text whose case does not count is filled in first.
func (o *operand) matchText(f family, got string, ctx *Context) bool {
	switch f {
	case strs, likes:
		return o.text.match(got, ctx, false)
	case bools:
		return strings.EqualFold(o.text.text, got)
	case binaries:
		raw, err := base64.StdEncoding.DecodeString(got)
		return err == nil && string(raw) == o.text.text
	}
	if o.text.vars == nil {
		return strings.EqualFold(o.text.text, got)
	}
	var room [256]byte
	filled, ok := o.text.expand(room[:0], ctx)
	return ok && strings.EqualFold(string(filled), got)
}

// anyNumber compares got as a number with each value; what is no number is in no relation to any.
func (c *Condition) anyNumber(got string) bool {
	g, ok := parseNumber(got)
	for i := range c.values {
		if v := &c.values[i]; ok && v.ok && c.op.relation.holds(g.compare(v.number)) {
			return true
		}
	}
	return false
}

// anyDate compares got as a date with each value.
func (c *Condition) anyDate(got string) bool {
	g, ok := parseDate(got)
	for i := range c.values {
		if v := &c.values[i]; ok && v.ok && c.op.relation.holds(g.Compare(v.date)) {
			return true
		}
	}
	return false
}

// anyNet looks for got in each address or range.
func (c *Condition) anyNet(got string) bool {
	g, err := netip.ParseAddr(got)
	for i := range c.values {
		if v := &c.values[i]; err == nil && v.ok && v.net.Contains(g.Unmap()) {
			return true
		}
	}
	return false
}

// holds reports whether a comparison that came out as cmp (-1, 0 or 1) is the relation.
func (r relation) holds(cmp int) bool {
	switch r {
	case less:
		return cmp < 0
	case lessEqual:
		return cmp <= 0
	case greater:
		return cmp > 0
	case greaterEqual:
		return cmp >= 0
	}
	return cmp == 0
}
