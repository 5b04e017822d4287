package ctap

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// maxNesting is how many maps and arrays may stand inside one another, the outermost counted. See Section 8.
const maxNesting = 4

// The major types of CBOR. See RFC 8949 Section 3.1.
const (
	majorUnsigned = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// What the low five bits of a head say from 24 up. See RFC 8949 Section 3.
const (
	argByte       = 24
	argDouble     = 27
	argIndefinite = 31
)

// CheckCanonical reports whether msg is one item in CTAP2 canonical form: integers and lengths as short as they can
// be, definite lengths, map keys in order and each once, no tags, texts in UTF-8, four levels of maps and arrays at
// most, nothing behind the item. A floating-point number may have any of its three widths, for its width is part of
// its value. The error is ErrInvalidCBOR. Nothing is allocated. See Section 8.
func CheckCanonical(msg []byte) error { return check(msg, true) }

// CheckWellFormed reports whether msg is one well-formed item (RFC 8949 Section 5.3) of four levels at most with
// nothing behind it; its heads may be long, its lengths indefinite, its keys in disorder or repeated, its texts not in
// UTF-8, and it may have tags. The error is ErrInvalidCBOR. It is for profiles of keys that are that lenient.
func CheckWellFormed(msg []byte) error { return check(msg, false) }

func check(msg []byte, canonical bool) error {
	s := scanner{msg: msg, canonical: canonical}
	if !s.item(maxNesting) || s.pos != len(msg) {
		return ErrInvalidCBOR
	}
	return nil
}

// A scanner walks over CBOR without building anything.
type scanner struct {
	msg       []byte
	pos       int
	canonical bool
}

// A head is how an item begins. See RFC 8949 Section 3.
type head struct {
	major, info byte
	arg         uint64
	short       bool // arg could not have been written in fewer bytes
}

// indefinite reports whether h opens an item that a break closes; of majorSimple it is that break.
func (h head) indefinite() bool { return h.info == argIndefinite }

// head reads a head. It fails at the end of the message and on the reserved values 28 to 30.
func (s *scanner) head() (h head, ok bool) {
	if s.pos >= len(s.msg) {
		return h, false
	}
	b := s.msg[s.pos]
	s.pos++
	h = head{major: b >> 5, info: b & 0x1f, short: true}
	switch {
	case h.info < argByte:
		h.arg = uint64(h.info)
		return h, true
	case h.indefinite():
		return h, h.major != majorUnsigned && h.major != majorNegative && h.major != majorTag
	case h.info > argDouble:
		return h, false
	}
	n := 1 << (h.info - argByte)
	if len(s.msg)-s.pos < n {
		return h, false
	}
	for _, b := range s.msg[s.pos : s.pos+n] {
		h.arg = h.arg<<8 | uint64(b)
	}
	s.pos += n
	h.short = h.arg >= argByte && (n == 1 || h.arg>>(n*4) != 0)
	return h, true
}

// item walks over one item that may open levels more maps and arrays.
func (s *scanner) item(levels int) bool {
	h, ok := s.head()
	for ok && h.major == majorTag && !s.canonical {
		h, ok = s.head()
	}
	return ok && s.rest(h, levels)
}

// rest walks over what follows h.
func (s *scanner) rest(h head, levels int) bool {
	if h.major == majorSimple {
		return h.info != argIndefinite && (h.info != argByte || h.arg >= 32)
	}
	if s.canonical && (!h.short || h.indefinite()) {
		return false
	}
	switch h.major {
	case majorUnsigned, majorNegative:
		return true
	case majorBytes, majorText:
		if h.indefinite() {
			return s.chunks(h.major)
		}
		return s.text(h)
	case majorArray, majorMap:
		return levels > 0 && s.items(h, levels-1)
	}
	return false
}

// text walks over the bytes of a definite string.
func (s *scanner) text(h head) bool {
	if h.arg > uint64(len(s.msg)-s.pos) {
		return false
	}
	t := s.msg[s.pos : s.pos+int(h.arg)]
	s.pos += len(t)
	return h.major == majorBytes || !s.canonical || utf8.Valid(t)
}

// chunks walks over the pieces of an indefinite string and its break. See RFC 8949 Section 3.2.3.
func (s *scanner) chunks(major byte) bool {
	for {
		h, ok := s.head()
		switch {
		case !ok:
			return false
		case h.major == majorSimple && h.indefinite():
			return true
		case h.major != major || h.indefinite() || !s.text(h):
			return false
		}
	}
}

// items walks over what an array or a map holds. Each round either uses up input or ends, so that a great count
// costs no more than the message is long.
func (s *scanner) items(h head, levels int) bool {
	n := h.arg
	if h.indefinite() {
		n = math.MaxUint64
	}
	var last []byte
	for ; n > 0; n-- {
		if h.indefinite() && s.atBreak() {
			return true
		}
		start := s.pos
		if !s.item(levels) {
			return false
		}
		if h.major != majorMap {
			continue
		}
		key := s.msg[start:s.pos]
		if s.canonical && last != nil && !keyLess(last, key) {
			return false
		}
		last = key
		if !s.item(levels) {
			return false
		}
	}
	return true
}

// atBreak steps over a break if one comes next.
func (s *scanner) atBreak() bool {
	if s.pos < len(s.msg) && s.msg[s.pos] == majorSimple<<5|argIndefinite {
		s.pos++
		return true
	}
	return false
}

// keyLess reports whether the encoded map key a stands before b: lower major type, then shorter, then lower bytes.
// Two keys of which neither is less are the same key. See Section 8.
func keyLess(a, b []byte) bool {
	if x, y := a[0]>>5, b[0]>>5; x != y {
		return x < y
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return bytes.Compare(a, b) < 0
}
