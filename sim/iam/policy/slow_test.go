package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The slow evaluator decides the same questions from the JSON itself, with regular expressions, without any preparation,
// and with no line of the package: what both say is hardly a slip of one. It knows what the generator of random_test.go
// writes, not the whole language.

type slowRequest struct {
	action, resource      string
	kind                  string // root, user, role, federated, anonymous, service
	account, arn, base    string
	owner                 string
	context               map[string][]string // keys in lower case
	identity, bound, sess []string            // documents
	resourcePolicy        string
	trust                 bool
}

type slowDocument struct {
	Version   string
	Statement []map[string]any
}

func strs(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, x := range v {
			all = append(all, x.(string))
		}
		return all
	}
	return []string{v.(string)}
}

var slowVariable = regexp.MustCompile(`\$\{([^}]*)\}`)

// slowPattern makes a regular expression of a pattern; nil is one that matches nothing.
func slowPattern(r *slowRequest, text string, variables, wild bool) *regexp.Regexp {
	var b strings.Builder
	plain := func(s string) {
		q := regexp.QuoteMeta(s)
		if wild {
			q = strings.ReplaceAll(strings.ReplaceAll(q, `\*`, `.*`), `\?`, `.`)
		}
		b.WriteString(q)
	}
	for variables {
		at := slowVariable.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		plain(text[:at[0]])
		inside := text[at[2]:at[3]]
		text = text[at[1]:]
		if inside == "*" || inside == "?" || inside == "$" {
			b.WriteString(regexp.QuoteMeta(inside))
			continue
		}
		name, fallback, has := strings.Cut(inside, ", ")
		if v := r.context[strings.ToLower(name)]; len(v) == 1 {
			b.WriteString(regexp.QuoteMeta(v[0]))
		} else if has {
			b.WriteString(regexp.QuoteMeta(strings.Trim(fallback, "'")))
		} else {
			return nil
		}
	}
	plain(text)
	return regexp.MustCompile("(?s)^" + b.String() + "$")
}

func slowMatches(r *slowRequest, text, got string, variables, wild bool) bool {
	re := slowPattern(r, text, variables, wild)
	return re != nil && re.MatchString(got)
}

// slowARN compares field by field. Colons of variables are hidden while the pattern is split.
func slowARN(r *slowRequest, pattern, got string, variables bool) bool {
	fields := strings.SplitN(got, ":", 6)
	if len(fields) < 6 || fields[0] != "arn" {
		return false
	}
	if variables {
		pattern = slowVariable.ReplaceAllStringFunc(pattern, func(v string) string { return strings.ReplaceAll(v, ":", "\x00") })
	}
	parts := strings.SplitN(pattern, ":", 6)
	for i := 1; i < 6; i++ {
		want := "*"
		if i < len(parts) {
			want = strings.ReplaceAll(parts[i], "\x00", ":")
		}
		if !slowMatches(r, want, fields[i], variables, true) {
			return false
		}
	}
	return true
}

func slowTime(text string) (time.Time, bool) {
	if year, err := time.Parse("2006", text); err == nil {
		return year, true
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

// slowPair compares one value of the policy with one of the request, positively.
func slowPair(r *slowRequest, operator, want, got string, variables bool) bool {
	ordered := func(cmp int) bool {
		switch {
		case strings.HasSuffix(operator, "LessThan"):
			return cmp < 0
		case strings.HasSuffix(operator, "LessThanEquals"):
			return cmp <= 0
		case strings.HasSuffix(operator, "GreaterThan"):
			return cmp > 0
		case strings.HasSuffix(operator, "GreaterThanEquals"):
			return cmp >= 0
		}
		return cmp == 0
	}
	switch {
	case strings.HasSuffix(operator, "IgnoreCase"):
		re := slowPattern(r, want, variables, false)
		return re != nil && regexp.MustCompile("(?i)"+re.String()).MatchString(got)
	case strings.HasPrefix(operator, "String"):
		return slowMatches(r, want, got, variables, strings.HasSuffix(operator, "Like"))
	case strings.HasPrefix(operator, "Arn"):
		return slowARN(r, want, got, variables)
	case strings.HasPrefix(operator, "Numeric"):
		w, ok1 := new(big.Rat).SetString(want)
		g, ok2 := new(big.Rat).SetString(got)
		return ok1 && ok2 && ordered(g.Cmp(w))
	case strings.HasPrefix(operator, "Date"):
		w, ok1 := slowTime(want)
		g, ok2 := slowTime(got)
		return ok1 && ok2 && ordered(g.Compare(w))
	case operator == "Bool":
		w, g := strings.ToLower(want), strings.ToLower(got)
		return w == g && (w == "true" || w == "false")
	case operator == "BinaryEquals":
		_, err := base64.StdEncoding.DecodeString(want)
		return err == nil && want == got
	case strings.HasSuffix(operator, "IpAddress"):
		if !strings.Contains(want, "/") {
			return net.ParseIP(want) != nil && net.ParseIP(want).Equal(net.ParseIP(got))
		}
		_, n, err := net.ParseCIDR(want)
		return err == nil && net.ParseIP(got) != nil && n.Contains(net.ParseIP(got))
	}
	panic("slow: " + operator)
}

func slowCondition(r *slowRequest, name, key string, want []string, variables bool) bool {
	got := r.context[strings.ToLower(key)]
	set, operator, ok := strings.Cut(name, ":")
	if !ok {
		set, operator = "", name
	}
	if operator == "Null" {
		return slices.ContainsFunc(want, func(w string) bool { return strings.ToLower(w) == strconv.FormatBool(len(got) == 0) })
	}
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	positive := strings.Replace(operator, "Not", "", 1)
	negative := positive != operator
	one := func(g string) bool {
		return slices.ContainsFunc(want, func(w string) bool { return slowPair(r, positive, w, g, variables) })
	}
	switch {
	case set == "ForAllValues":
		for _, g := range got {
			if one(g) == negative {
				return false
			}
		}
		return true
	case set == "ForAnyValue":
		for _, g := range got {
			if one(g) != negative {
				return true
			}
		}
		return false
	case len(got) == 0:
		return negative || ifExists
	}
	return slices.ContainsFunc(got, one) != negative
}

// slowGrant says how a statement's principal element names the caller: 0 not, 1 by the account, 2 by the role or as
// everybody, 3 directly.
func slowGrant(r *slowRequest, s map[string]any) int {
	element, negative := s["Principal"], false
	if e, ok := s["NotPrincipal"]; ok {
		element, negative = e, true
	}
	session := r.kind == "role" || r.kind == "federated"
	everybody := 3
	if session {
		everybody = 2
	}
	best := 0
	consider := func(g int) { best = max(best, g) }
	if element == "*" {
		consider(everybody)
	} else {
		for kind, names := range element.(map[string]any) {
			for _, name := range strs(names) {
				whole := r.account != "" && (name == r.account || name == "arn:aws:iam::"+r.account+":root")
				switch {
				case kind == "Service":
					if r.kind == "service" && name == r.arn {
						consider(3)
					}
				case name == "*":
					consider(everybody)
				case whole && r.kind == "root":
					consider(3)
				case whole && !negative:
					consider(1)
				case r.kind != "service" && name == r.arn:
					consider(3)
				case r.base != "" && name == r.base:
					consider(2)
				}
			}
		}
	}
	switch {
	case !negative:
		return best
	case best > 0:
		return 0
	}
	return everybody
}

// slowLayer returns how far the documents allow (as slowGrant does), and whether they deny.
func slowLayer(r *slowRequest, documents []string, principals bool) (grant int, deny bool) {
	for _, text := range documents {
		var d slowDocument
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			panic(err)
		}
		variables := d.Version == "2012-10-17"
		for _, s := range d.Statement {
			g := 3
			if principals {
				g = slowGrant(r, s)
			}
			if g == 0 || !slowSpeaks(r, s, variables) {
				continue
			}
			if s["Effect"] == "Deny" {
				deny = true
			} else {
				grant = max(grant, g)
			}
		}
	}
	return grant, deny
}

// slowSpeaks reports whether a statement speaks of the request's action and resource, and its conditions are met.
func slowSpeaks(r *slowRequest, s map[string]any, variables bool) bool {
	action := func(p string) bool { return slowMatches(r, strings.ToLower(p), strings.ToLower(r.action), false, true) }
	resource := func(p string) bool { return p == "*" || slowARN(r, p, r.resource, variables) }
	if a, ok := s["Action"]; ok && !slices.ContainsFunc(strs(a), action) {
		return false
	}
	if a, ok := s["NotAction"]; ok && slices.ContainsFunc(strs(a), action) {
		return false
	}
	if a, ok := s["Resource"]; ok && !slices.ContainsFunc(strs(a), resource) {
		return false
	}
	if a, ok := s["NotResource"]; ok && slices.ContainsFunc(strs(a), resource) {
		return false
	}
	blocks, _ := s["Condition"].(map[string]any)
	for operator, block := range blocks {
		for key, want := range block.(map[string]any) {
			if !slowCondition(r, operator, key, strs(want), variables) {
				return false
			}
		}
	}
	return true
}

// slowDecide returns allowed, explicitDeny or implicitDeny.
func slowDecide(r *slowRequest) string {
	var resources []string
	if r.resourcePolicy != "" {
		resources = []string{r.resourcePolicy}
	}
	identity, d1 := slowLayer(r, r.identity, false)
	bound, d2 := slowLayer(r, r.bound, false)
	sess, d3 := slowLayer(r, r.sess, false)
	named, d4 := slowLayer(r, resources, true)
	if d1 || d2 || d3 || d4 {
		return "explicitDeny"
	}
	verdict := func(ok bool) string {
		if ok {
			return "allowed"
		}
		return "implicitDeny"
	}
	limits := (len(r.bound) == 0 || bound > 0) && (len(r.sess) == 0 && r.kind != "federated" || sess > 0)
	foreign := r.owner != "" && r.owner != r.account
	switch {
	case r.kind == "anonymous" || r.kind == "service":
		return verdict(named > 0)
	case r.kind == "root":
		return verdict(named > 0 || !r.trust && !foreign)
	case foreign:
		return verdict(named > 0 && identity > 0 && limits)
	case r.trust && named == 0:
		return "implicitDeny"
	case named == 3:
		return "allowed"
	case named == 2:
		return verdict(limits)
	}
	return verdict(identity > 0 && limits)
}
