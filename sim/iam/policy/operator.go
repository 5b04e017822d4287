package policy

import "strings"

// A family is what an operator takes its values for.
type family byte

const (
	strs family = iota
	foldedTexts
	likes
	numerics
	dates
	bools
	binaries
	addresses
	arns
	nulls
)

// A relation is how a number or a date must stand to the policy's value.
type relation byte

const (
	equal relation = iota
	less
	lessEqual
	greater
	greaterEqual
)

// A set says which of several values of a key must match.
type set byte

const (
	single set = iota
	forAllValues
	forAnyValue
)

// An operator is a condition operator, taken apart.
type operator struct {
	family   family
	relation relation
	negative bool // holds where the positive one does not, and where the key is absent
	ifExists bool // holds where the key is absent
	set      set
}

// named has the operators (User Guide, "IAM JSON policy elements: Condition operators"); their case counts.
var namedOperators = map[string]operator{
	"StringEquals":              {family: strs},
	"StringNotEquals":           {family: strs, negative: true},
	"StringEqualsIgnoreCase":    {family: foldedTexts},
	"StringNotEqualsIgnoreCase": {family: foldedTexts, negative: true},
	"StringLike":                {family: likes},
	"StringNotLike":             {family: likes, negative: true},
	"NumericEquals":             {family: numerics},
	"NumericNotEquals":          {family: numerics, negative: true},
	"NumericLessThan":           {family: numerics, relation: less},
	"NumericLessThanEquals":     {family: numerics, relation: lessEqual},
	"NumericGreaterThan":        {family: numerics, relation: greater},
	"NumericGreaterThanEquals":  {family: numerics, relation: greaterEqual},
	"DateEquals":                {family: dates},
	"DateNotEquals":             {family: dates, negative: true},
	"DateLessThan":              {family: dates, relation: less},
	"DateLessThanEquals":        {family: dates, relation: lessEqual},
	"DateGreaterThan":           {family: dates, relation: greater},
	"DateGreaterThanEquals":     {family: dates, relation: greaterEqual},
	"Bool":                      {family: bools},
	"BinaryEquals":              {family: binaries},
	"IpAddress":                 {family: addresses},
	"NotIpAddress":              {family: addresses, negative: true},
	"ArnEquals":                 {family: arns},
	"ArnLike":                   {family: arns},
	"ArnNotEquals":              {family: arns, negative: true},
	"ArnNotLike":                {family: arns, negative: true},
	"Null":                      {family: nulls},
}

// operators takes a name such as "ForAnyValue:StringLikeIfExists" apart. Null has no IfExists form.
func operators(name string) (operator, bool) {
	base, all := strings.CutPrefix(name, "ForAllValues:")
	base, any := strings.CutPrefix(base, "ForAnyValue:")
	base, exists := strings.CutSuffix(base, "IfExists")
	op, ok := namedOperators[base]
	switch {
	case all && any, exists && op.family == nulls:
		return operator{}, false
	case all:
		op.set = forAllValues
	case any:
		op.set = forAnyValue
	}
	op.ifExists = exists
	return op, ok
}

// absent reports whether a condition holds where its key is not in the request, Section 4.2: a negative one does, one with
// IfExists does, ForAllValues does, any other does not. ForAnyValue asks for a value to be there and IfExists does not
// change that (seen in simulators of the real service; its pages do not say).
func (o operator) absent() bool {
	switch o.set {
	case forAllValues:
		return true
	case forAnyValue:
		return false
	}
	return o.negative || o.ifExists
}
