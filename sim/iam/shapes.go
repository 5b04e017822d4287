package iam

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A shape says which values a parameter takes: Appendix A of the service model. The pattern is kept in the model's own
// dialect because refusals quote it; match is its equivalent here.
type shape struct {
	min, max int    // characters, or the range of a number; max 0 means no limit
	pattern  string // as the service model writes it
	match    *regexp.Regexp
	enum     []string
	kind     kind
	secret   bool // never echoed, never recorded
}

// kind is the type of a parameter's value.
type kind uint8

const (
	plain       kind = iota // one string
	number                  // a whole number
	boolean                 // true or false
	tagList                 // Name.member.N.Key and Name.member.N.Value
	keyList                 // Name.member.N
	textList                // Name.member.N, of anything
	contextList             // Name.member.N.ContextKeyName, .ContextKeyValues.member.M and .ContextKeyType
)

func pattern(model, ours string) (string, *regexp.Regexp) {
	return model, regexp.MustCompile(`\A(?:` + ours + `)\z`)
}

func newShape(min, max int, model, ours string) shape {
	p, m := pattern(model, ours)
	return shape{min: min, max: max, pattern: p, match: m}
}

// The shapes of IAM, Appendix A.1 and A.2. In the model's dialect \w and \d are ASCII.
var (
	accountShape             = newShape(12, 12, `\d{12}`, `\d{12}`)
	userNameShape            = newShape(1, 64, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	existingUserNameShape    = newShape(1, 128, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	pathShape                = shape{min: 1, max: 512} // the pattern has its own refusal, InvalidPath
	pathPrefixShape          = newShape(1, 512, `\u002F[\u0021-\u007F]*`, `/[!-\x7f]*`)
	deviceNameShape          = newShape(1, 0, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	serialNumberShape        = newShape(9, 256, `[\w+=/:,.@-]+`, `[\w+=/:,.@-]+`)
	authCodeShape            = hidden(newShape(6, 6, `[\d]+`, `[\d]+`))
	passwordShape            = hidden(newShape(1, 128, `[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+`))
	accessKeyIDShape         = newShape(16, 128, `[\w]+`, `[\w]+`)
	accountAliasShape        = newShape(3, 63, `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, `[a-z0-9](?:[a-z0-9]|-[a-z0-9])+`)
	markerShape              = newShape(1, 320, `[\u0020-\u00FF]+`, `[\x{20}-\x{FF}]+`)
	maxItemsShape            = shape{min: 1, max: 1000, kind: number}
	assignmentStatusShape    = shape{enum: []string{"Assigned", "Unassigned", "Any"}}
	boundaryShape            = shape{min: 20, max: 2048}
	keyStatusShape           = shape{enum: []string{"Active", "Inactive", "Expired"}}
	bodyShape                = newShape(1, 16384, `[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+`)
	publicKeyIDShape         = newShape(20, 128, `[\w]+`, `[\w]+`)
	certificateIDShape       = newShape(24, 128, `[\w]+`, `[\w]+`)
	serviceCredentialIDShape = newShape(20, 128, `[\w]+`, `[\w]+`)
	encodingShape            = shape{enum: []string{"SSH", "PEM"}}
	boolValueShape           = shape{kind: boolean}
	tagsShape                = shape{max: 50, kind: tagList}
	tagKeysShape             = shape{max: 50, kind: keyList}
	tagKeyShape              = newShape(1, 128, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
	tagValueShape            = newShape(0, 256, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
	tokenSerialNumberShape   = newShape(9, 256, `[\w+=/:,.@-]*`, `[\w+=/:,.@-]*`)
	tokenCodeShape           = hidden(newShape(6, 6, `[\d]*`, `[\d]*`))
	groupNameShape           = newShape(1, 128, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	roleNameShape            = newShape(1, 64, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	policyNameShape          = newShape(1, 128, `[\w+=,.@-]+`, `[\w+=,.@-]+`)
	policyARNShape           = shape{max: 2048} // what is too short is no ARN, and has a refusal of its own
	policyPathShape          = newShape(1, 512, `((/[A-Za-z0-9\.,\+@=_-]+)*)/`, `((/[A-Za-z0-9.,+@=_-]+)*)/`)
	documentShape            = newShape(1, 131072, `[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+`)
	versionShape             = newShape(0, 0, `v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`, `v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`)
	policyTextShape          = shape{max: 1000} // policyDescriptionType
	roleDescriptionShape     = newShape(0, 1000, `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`, `[\x{9}\x{A}\x{D}\x{20}-\x{7E}\x{A1}-\x{FF}]*`)
	maxSessionShape          = shape{min: 3600, max: 43200, kind: number}
	textsShape               = shape{kind: textList}
	contextShape             = shape{kind: contextList}
	policyScopeShape         = shape{enum: []string{"All", "AWS", "Local"}}
	policyUsageShape         = shape{enum: []string{"PermissionsPolicy", "PermissionsBoundary"}}
	entityFilterShape        = shape{enum: []string{"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"}}
	sessionSecondsShape      = shape{min: 900, max: 129600, kind: number}
)

// pathPattern is pathType's: `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`.
var pathPattern = regexp.MustCompile(`\A(?:/|/[!-~]+/)\z`)

// boundaryPattern is what the ARN of a policy looks like.
var boundaryPattern = regexp.MustCompile(`\Aarn:[\w-]+:iam::(?:\d{12}|aws):policy/[!-~]+\z`)

// hidden makes a shape that of a secret: its values are in no refusal, no journal and no trail.
func hidden(s shape) shape { s.secret = true; return s }

// validate checks every parameter of a call against the operation's table and gathers all violations in one answer, as
// the real service does. Parameters that the operation does not know are ignored, as there, and of one that comes twice the
// first counts.
func (s *Service) validate(op *operation, call Call) *Error {
	var found []string
	for _, p := range op.params {
		values, given := call.Params[p.name]
		switch {
		case p.shape.kind == tagList || p.shape.kind == keyList:
			found = append(found, validateList(p, call)...)
		case p.shape.kind == textList || p.shape.kind == contextList:
			at := p.name + ".member.1"
			if p.required && !call.Params.Has(at) {
				found = append(found, violation(call.Service, p.name, "", true, false, "Member must not be null"))
			}
		case !given && p.required:
			found = append(found, violation(call.Service, p.name, "", true, false, "Member must not be null"))
		case given:
			for _, c := range p.shape.violations(values[0]) {
				found = append(found, violation(call.Service, p.name, values[0], false, p.shape.secret, c))
			}
			if p.shape.kind == number && !isNumber(values[0]) {
				return s.refuse("MalformedNumber", p.name)
			}
			if p.shape.kind == boolean && values[0] != "true" && values[0] != "false" {
				return s.refuse("MalformedBoolean", p.name)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	noun := "errors"
	if len(found) == 1 {
		noun = "error"
	}
	return s.refuse("Constraint", len(found), noun, strings.Join(found, "; "))
}

func isNumber(v string) bool { _, err := strconv.ParseInt(v, 10, 32); return err == nil }

// violation words one broken constraint. IAM does not echo the value, STS does (both recorded); a secret is never echoed.
func violation(service, name, value string, null, secret bool, constraint string) string {
	at := lowerCamel(name)
	switch {
	case service != "sts" || secret:
		return fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", at, constraint)
	case null:
		return fmt.Sprintf("Value null at '%s' failed to satisfy constraint: %s", at, constraint)
	default:
		return fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, at, constraint)
	}
}

// lowerCamel returns a parameter's name as refusals write it: "authenticationCode1", "virtualMFADeviceName".
func lowerCamel(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// violations returns the constraints that v breaks, in the service's words.
func (s shape) violations(v string) []string {
	var out []string
	n := utf8.RuneCountInString(v)
	unit := "length"
	if s.kind == number {
		unit = "value"
		i, err := strconv.Atoi(v)
		if err != nil {
			return nil
		}
		n = i
	}
	if s.match != nil && !s.match.MatchString(v) {
		out = append(out, "Member must satisfy regular expression pattern: "+s.pattern)
	}
	if s.enum != nil && !slices.Contains(s.enum, v) {
		out = append(out, "Member must satisfy enum value set")
	}
	if s.kind == plain && s.enum == nil || s.kind == number {
		if s.max > 0 && n > s.max {
			out = append(out, fmt.Sprintf("Member must have %s less than or equal to %d", unit, s.max))
		}
		if n < s.min {
			out = append(out, fmt.Sprintf("Member must have %s greater than or equal to %d", unit, s.min))
		}
	}
	return out
}

// validateList checks Tags and TagKeys; an element's place counts from 1 in the words (recorded for policies).
func validateList(p param, call Call) []string {
	list, at := tagsIn(p.name, call), lowerCamel(p.name)
	say := func(name, c string) string {
		return fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", name, c)
	}
	var out []string
	if len(list) == 0 && p.required {
		out = append(out, say(at, "Member must not be null"))
	}
	if len(list) > p.shape.max {
		out = append(out, say(at, fmt.Sprintf("Member must have length less than or equal to %d", p.shape.max)))
	}
	for i, t := range list {
		if p.shape.kind == keyList {
			if len(tagKeyShape.violations(t.Key)) > 0 {
				return []string{say(at, "Member must satisfy constraint: [Member must have length less than or equal to 128, "+
					"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: "+
					tagKeyShape.pattern+", Member must not be null]")}
			}
			continue
		}
		for _, part := range []struct {
			name, value string
			shape       shape
		}{{"Key", t.Key, tagKeyShape}, {"Value", t.Value, tagValueShape}} {
			where := fmt.Sprintf("%s.%d.member.%s", at, i+1, lowerCamel(part.name))
			if !call.Params.Has(fmt.Sprintf("%s.member.%d.%s", p.name, i+1, part.name)) {
				out = append(out, violation(call.Service, where, "", true, false, "Member must not be null"))
				continue
			}
			for _, c := range part.shape.violations(part.value) {
				out = append(out, say(where, c))
			}
		}
	}
	return out
}

// tagsIn reads the list name.member.N, or name.member.N.Key and .Value, from a call. The numbers need not be in order in the
// form, but must be 1, 2, 3 and so on.
func tagsIn(name string, call Call) []Tag {
	const most = 1000 // our choice: far beyond any valid list, and a bound on work
	var list []Tag
	for i := 1; i <= most; i++ {
		at := name + ".member." + strconv.Itoa(i)
		switch {
		case call.Params.Has(at):
			list = append(list, Tag{Key: call.Params.Get(at)})
		case call.Params.Has(at+".Key") || call.Params.Has(at+".Value"):
			list = append(list, Tag{call.Params.Get(at + ".Key"), call.Params.Get(at + ".Value")})
		default:
			return list
		}
	}
	return list
}

// textsIn reads the list name.member.N from a call.
func textsIn(name string, call Call) []string {
	var out []string
	for i := 1; ; i++ {
		v, ok := call.Params[name+".member."+strconv.Itoa(i)]
		if !ok {
			return out
		}
		out = append(out, v[0])
	}
}

// redacted returns the parameters of a call for the record, in the table's order, codes and passwords as "***"; those of a
// stranger, who is nobody's, all of them.
func redacted(call Call, stranger bool) []Fact {
	op := operations[call.Service+":"+call.Action]
	if op == nil {
		return nil
	}
	var out []Fact
	for _, p := range op.params {
		v, ok := call.Params[p.name]
		switch {
		case !ok:
		case p.shape.secret || stranger:
			out = append(out, Fact{p.name, "***"})
		default:
			out = append(out, Fact{p.name, v[0]})
		}
	}
	return out
}
