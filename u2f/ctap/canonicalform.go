package ctap

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Canonical returns msg in CTAP2 canonical form, for a key that takes any well-formed CBOR ([CheckWellFormed]): heads
// are shortened, strings put together, map keys sorted, of equal keys the last one kept, tags taken off, and bytes of
// a text that are not UTF-8 replaced by U+FFFD. The error is ErrInvalidCBOR. See Section 8.
func Canonical(msg []byte) ([]byte, error) {
	if err := CheckWellFormed(msg); err != nil {
		return nil, err
	}
	s := scanner{msg: msg}
	return s.appendCanonical(make([]byte, 0, len(msg))), nil
}

// appendCanonical appends the next item, which is known to be well-formed.
func (s *scanner) appendCanonical(b []byte) []byte {
	start := s.pos
	h, _ := s.head()
	for h.major == majorTag {
		start = s.pos
		h, _ = s.head()
	}
	switch h.major {
	case majorBytes, majorText:
		return s.appendString(b, h)
	case majorArray:
		var n uint64
		var body []byte
		for ; s.more(h, n); n++ {
			body = s.appendCanonical(body)
		}
		return append(appendShort(b, majorArray, n), body...)
	case majorMap:
		return s.appendMap(b, h)
	case majorSimple:
		return append(b, s.msg[start:s.pos]...)
	}
	return appendShort(b, h.major, h.arg)
}

// more reports whether the map or array that h opened goes on after n entries, and steps over its break.
func (s *scanner) more(h head, n uint64) bool {
	if h.indefinite() {
		return !s.atBreak()
	}
	return n < h.arg
}

func (s *scanner) appendString(b []byte, h head) []byte {
	var text []byte
	take := func(h head) {
		text = append(text, s.msg[s.pos:s.pos+int(h.arg)]...)
		s.pos += int(h.arg)
	}
	if !h.indefinite() {
		take(h)
	}
	for h.indefinite() && !s.atBreak() {
		piece, _ := s.head()
		take(piece)
	}
	if h.major == majorText && !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return append(appendShort(b, h.major, uint64(len(text))), text...)
}

func (s *scanner) appendMap(b []byte, h head) []byte {
	type entry struct{ key, value []byte }
	var entries []entry
	for n := uint64(0); s.more(h, n); n++ {
		e := entry{key: s.appendCanonical(nil)}
		e.value = s.appendCanonical(nil)
		if at := slices.IndexFunc(entries, func(o entry) bool { return bytes.Equal(o.key, e.key) }); at >= 0 {
			entries[at] = e
			continue
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(x, y entry) int {
		if keyLess(x.key, y.key) {
			return -1
		}
		return 1
	})
	b = appendShort(b, majorMap, uint64(len(entries)))
	for _, e := range entries {
		b = append(append(b, e.key...), e.value...)
	}
	return b
}
