package policy

import (
	"strings"
	"unicode/utf8"
)

// In a pattern's text these bytes stand for the wildcards; an asterisk or question mark there is itself. Neither byte
// occurs in UTF-8, and Parse takes nothing else.
const (
	anyRun = 0xff // *
	anyOne = 0xfe // ?
)

// A pattern is a string with wildcards and variables (User Guide, "IAM policy elements: Variables and tags").
type pattern struct {
	text string
	vars []variable // in the order of their places
}

// A variable is replaced by the value of a key of the request's context; its value is taken as it is, wildcards in it
// match themselves only.
type variable struct {
	at       int // in the pattern's text
	key      Key
	fallback string
	optional bool // it has a fallback
}

// compile reads src. Where variables is false, as in the older language, ${...} is ordinary text.
func compile(src string, variables, wildcards bool) pattern {
	var p pattern
	var b strings.Builder
	for len(src) > 0 {
		if name, rest, ok := cutVariable(src); variables && ok {
			switch src = rest; name {
			case "*", "?", "$":
				b.WriteString(name)
			default:
				v := parseVariable(name)
				v.at = b.Len()
				p.vars = append(p.vars, v)
			}
			continue
		}
		switch c := src[0]; {
		case c == '*' && wildcards:
			b.WriteByte(anyRun)
		case c == '?' && wildcards:
			b.WriteByte(anyOne)
		default:
			b.WriteByte(c)
		}
		src = src[1:]
	}
	p.text = b.String()
	return p
}

// cutVariable splits "${name}rest".
func cutVariable(src string) (name, rest string, ok bool) {
	if !strings.HasPrefix(src, "${") {
		return "", "", false
	}
	return strings.Cut(src[2:], "}")
}

// parseVariable reads "key" or "key, 'fallback'"; the spaces are free.
func parseVariable(inside string) variable {
	key, fallback, comma := strings.Cut(inside, ",")
	v := variable{key: Key(strings.TrimSpace(key))}
	fallback = strings.TrimSpace(fallback)
	if n := len(fallback); comma && n >= 2 && fallback[0] == '\'' && fallback[n-1] == '\'' {
		v.fallback, v.optional = fallback[1:n-1], true
	}
	return v
}

// expand appends the pattern with its variables replaced. It reports false where one has no single value in the request:
// then the pattern matches nothing.
func (p *pattern) expand(buf []byte, c *Context) ([]byte, bool) {
	from := 0
	for _, v := range p.vars {
		buf = append(buf, p.text[from:v.at]...)
		from = v.at
		switch values := c.Get(v.key); {
		case len(values) == 1:
			buf = appendLiteral(buf, values[0])
		case v.optional:
			buf = append(buf, v.fallback...)
		default:
			return buf, false
		}
	}
	return append(buf, p.text[from:]...), true
}

// appendLiteral appends a request's value; bytes that would be wildcards, which are no UTF-8, become the replacement
// character.
func appendLiteral(buf []byte, value string) []byte {
	if utf8.ValidString(value) {
		return append(buf, value...)
	}
	return append(buf, strings.ToValidUTF8(value, "\ufffd")...)
}

// match reports whether text, with folded ASCII letters if fold is set, is what p describes; a pattern to fold is in
// lower case already.
func (p *pattern) match(text string, c *Context, fold bool) bool {
	if p.vars != nil {
		return p.matchFilled(text, c, fold)
	}
	if !endsAlike(p.text, text, fold) {
		return false
	}
	ok, _ := glob(p.text, text, fold)
	return ok
}

// endsAlike reports whether text may match p by their last bytes. Nearly every action of a long list is told apart here,
// before its common beginning ("iam:") is walked through.
func endsAlike(p, text string, fold bool) bool {
	if p == "" || text == "" {
		return true // for glob to say
	}
	want, got := p[len(p)-1], text[len(text)-1]
	return want == anyRun || want == anyOne || want == got || fold && want == lower(got)
}

// matchFilled is match for a pattern with variables, apart from it so that patterns without do not pay for its room.
func (p *pattern) matchFilled(text string, c *Context, fold bool) bool {
	var room [256]byte
	filled, ok := p.expand(room[:0], c)
	if ok {
		ok, _ = glob(filled, text, fold)
	}
	return ok
}

// glob matches text against p and returns how many steps that took: at most (len(p)+1) * (len(text)+1), whatever the
// wildcards, since only the last run is ever tried again.
func glob[P string | []byte](p P, text string, fold bool) (ok bool, steps int) {
	i, t, run, mark := 0, 0, -1, 0
	for t < len(text) {
		steps++
		switch {
		case i < len(p) && p[i] == anyRun:
			if i++; i == len(p) {
				return true, steps
			}
			run, mark = i, t
		case i < len(p) && p[i] == anyOne:
			i++
			t += width(text[t:])
		case i < len(p) && (p[i] == text[t] || fold && p[i] == lower(text[t])):
			i++
			t++
		case run >= 0:
			mark += width(text[mark:])
			i, t = run, mark
		default:
			return false, steps
		}
	}
	for i < len(p) && p[i] == anyRun {
		i++
	}
	return i == len(p), steps
}

// width returns the length of the first character of text, which is not empty.
func width(text string) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(text)
	return n
}

// lower folds ASCII letters only: actions have no others.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
