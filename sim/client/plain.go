package client

import (
	"encoding/base64"
	"math"
)

// Most pages' options are plain: members that are known here and written as the specification has them, each once, texts of
// ASCII without escapes, whole numbers. Those are read here; encoding/json, which takes five times as long, has the last word
// on all others, and on what is wrong with them.

// A plain reads plain JSON. What is not plain makes it odd, and everything that it says from then on means nothing.
type plain struct {
	b   []byte
	pos int
	odd bool
}

// plainCreation reads plain options of Create.
func plainCreation(b []byte) (o creationOptions, ok bool) {
	r := plain{b: b}
	r.object([]string{"challenge", "rp", "user", "pubKeyCredParams", "timeout", "excludeCredentials", "authenticatorSelection",
		"attestation"}, func(member int) {
		switch member {
		case 0:
			o.Challenge = r.encoded()
		case 1:
			r.object([]string{"id", "name"}, func(member int) {
				if member == 0 {
					o.RP.ID = r.text()
				} else {
					o.RP.Name = new(r.text())
				}
			})
		case 2:
			r.object([]string{"id", "name", "displayName"}, func(member int) {
				switch member {
				case 0:
					o.User.ID = r.encoded()
				case 1:
					o.User.Name = new(r.text())
				default:
					o.User.DisplayName = new(r.text())
				}
			})
		case 3:
			o.Params = new(r.params())
		case 4:
			o.Timeout = r.timeout()
		case 5:
			o.Exclude = r.descriptors()
		case 6:
			r.selection(&o.Selection)
		default:
			o.Attestation = r.text()
		}
	})
	return o, r.ended()
}

// plainRequest reads plain options of Get.
func plainRequest(b []byte) (o requestOptions, ok bool) {
	r := plain{b: b}
	r.object([]string{"challenge", "timeout", "rpId", "allowCredentials", "userVerification"}, func(member int) {
		switch member {
		case 0:
			o.Challenge = r.encoded()
		case 1:
			o.Timeout = r.timeout()
		case 2:
			o.RPID = r.text()
		case 3:
			o.Allow = r.descriptors()
		default:
			o.UserVerification = r.text()
		}
	})
	return o, r.ended()
}

func (r *plain) selection(s *selection) {
	r.object([]string{"authenticatorAttachment", "residentKey", "userVerification", "requireResidentKey"}, func(member int) {
		switch member {
		case 0:
			s.Attachment = r.text()
		case 1:
			s.ResidentKey = r.text()
		case 2:
			s.UserVerification = r.text()
		default:
			s.RequireResidentKey = r.truth()
		}
	})
}

func (r *plain) params() []credentialParam {
	list := []credentialParam{}
	r.array(func() {
		var p credentialParam
		r.object([]string{"type", "alg"}, func(member int) {
			if member == 0 {
				p.Type = r.text()
			} else {
				p.Alg = r.number()
			}
		})
		list = append(list, p)
	})
	return list
}

func (r *plain) descriptors() []descriptor {
	list := []descriptor{}
	r.array(func() {
		var d descriptor
		r.object([]string{"type", "id", "transports"}, func(member int) {
			switch member {
			case 0:
				d.Type = r.text()
			case 1:
				d.ID = r.encoded()
			default:
				r.array(func() { r.raw() })
			}
		})
		list = append(list, d)
	})
	return list
}

func (r *plain) timeout() *uint32 {
	n := r.number()
	if n < 0 || n > math.MaxUint32 {
		r.odd = true
	}
	return new(uint32(n))
}

func (r *plain) space() {
	for r.pos < len(r.b) && (r.b[r.pos] == ' ' || r.b[r.pos] == '\n' || r.b[r.pos] == '\t' || r.b[r.pos] == '\r') {
		r.pos++
	}
}

// next reports whether c comes next, after space, and skips it.
func (r *plain) next(c byte) bool {
	r.space()
	if r.pos == len(r.b) || r.b[r.pos] != c {
		return false
	}
	r.pos++
	return true
}

func (r *plain) want(c byte) {
	if !r.next(c) {
		r.odd = true
	}
}

// ended reports whether all of it was plain.
func (r *plain) ended() bool {
	r.space()
	return r.pos == len(r.b) && !r.odd
}

// object calls member with the index of each member's name before its value.
func (r *plain) object(names []string, member func(int)) {
	r.want('{')
	seen := 0
	for first := true; !r.odd && !r.next('}'); first = false {
		if !first {
			r.want(',')
		}
		name, found := r.raw(), -1
		for i, known := range names {
			if string(name) == known {
				found = i
			}
		}
		r.want(':')
		if found < 0 || seen>>found&1 != 0 {
			r.odd = true
			return
		}
		seen |= 1 << found
		member(found)
	}
}

// array calls element before each of an array's values.
func (r *plain) array(element func()) {
	r.want('[')
	for first := true; !r.odd && !r.next(']'); first = false {
		if !first {
			r.want(',')
		}
		element()
	}
}

// raw reads a text as it stands.
func (r *plain) raw() []byte {
	r.want('"')
	for from := r.pos; r.pos < len(r.b) && !r.odd; r.pos++ {
		switch c := r.b[r.pos]; {
		case c == '"':
			r.pos++
			return r.b[from : r.pos-1]
		case c < ' ', c > '~', c == '\\':
			r.odd = true
		}
	}
	r.odd = true
	return nil
}

func (r *plain) text() string { return string(r.raw()) }

func (r *plain) encoded() encoded {
	text := r.raw()
	out := make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	if _, err := base64.RawURLEncoding.Decode(out, text); err != nil {
		r.odd = true
	}
	return out
}

// number reads a whole number of up to 15 digits.
func (r *plain) number() (n int64) {
	negative := r.next('-') // or what comes after space
	from := r.pos
	for ; r.pos < len(r.b) && r.b[r.pos] >= '0' && r.b[r.pos] <= '9' && r.pos-from < 16; r.pos++ {
		n = n*10 + int64(r.b[r.pos]-'0')
	}
	digits := r.pos - from
	if digits == 0 || digits > 15 || digits > 1 && r.b[from] == '0' {
		r.odd = true
	}
	if negative {
		return -n
	}
	return n
}

func (r *plain) truth() bool {
	for _, word := range []string{"true", "false"} {
		if r.next(word[0]) {
			r.pos--
			if len(r.b)-r.pos < len(word) || string(r.b[r.pos:r.pos+len(word)]) != word {
				r.odd = true
				return false
			}
			r.pos += len(word)
			return word == "true"
		}
	}
	r.odd = true
	return false
}
