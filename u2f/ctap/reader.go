package ctap

import "math"

// A reader takes a message in canonical form apart, one item after the other. The first error stays, and everything
// read after it is zero: ErrInvalidCBOR where no item of canonical form comes next, ErrCBORUnexpectedType where it has
// another type than was asked for. What it returns lies in the message.
type reader struct {
	s   scanner
	err error
}

func newReader(b []byte) reader { return reader{s: scanner{msg: b, canonical: true}} }

func (r *reader) fail(err Status) {
	if r.err == nil {
		r.err = err
	}
}

// next reads the head of an item of a major type.
func (r *reader) next(major byte) (h head, ok bool) {
	if r.err != nil {
		return h, false
	}
	h, ok = r.s.head()
	switch {
	case !ok || h.indefinite() || !h.short && h.major != majorSimple:
		r.fail(ErrInvalidCBOR)
	case h.major != major:
		r.fail(ErrCBORUnexpectedType)
	default:
		return h, true
	}
	return h, false
}

// count reads the head of a map or an array. The loop over its entries asks [reader.left].
func (r *reader) count(major byte) uint64 {
	h, ok := r.next(major)
	if !ok {
		return 0
	}
	return h.arg
}

// room is how many of n elements there can be in what is left of the message: what is made for them is not larger.
func (r *reader) room(n uint64) int { return int(min(n, uint64(len(r.s.msg)-r.s.pos))) }

// left reports whether n entries are left to read and nothing has gone wrong.
func (r *reader) left(n uint64) bool { return n > 0 && r.err == nil }

func (r *reader) unsigned() uint64 {
	h, _ := r.next(majorUnsigned)
	return h.arg
}

// integer reads an integer of either sign that fits 64 bits; one that does not is ErrInvalidParameter.
func (r *reader) integer() int64 {
	major := r.major()
	if major != majorNegative {
		major = majorUnsigned
	}
	h, _ := r.next(major)
	if h.arg > math.MaxInt64 {
		r.fail(ErrInvalidParameter)
		return 0
	}
	if major == majorNegative {
		return -1 - int64(h.arg)
	}
	return int64(h.arg)
}

// bytes reads a byte string; it is never nil without an error.
func (r *reader) bytes() []byte { return r.string(majorBytes) }

// text reads a text string.
func (r *reader) text() string { return textOf(r.string(majorText)) }

func (r *reader) string(major byte) []byte {
	h, ok := r.next(major)
	if !ok {
		return nil
	}
	if h.arg > uint64(len(r.s.msg)-r.s.pos) {
		r.fail(ErrInvalidCBOR)
		return nil
	}
	start := r.s.pos
	r.s.pos += int(h.arg)
	return r.s.msg[start:r.s.pos:r.s.pos]
}

// boolean reads false or true.
func (r *reader) boolean() bool {
	h, ok := r.next(majorSimple)
	if ok && h.info != simpleFalse && h.info != simpleTrue {
		r.fail(ErrCBORUnexpectedType)
	}
	return ok && h.info == simpleTrue
}

// encoded reads any item, as it is encoded.
func (r *reader) encoded() []byte {
	start := r.s.pos
	if r.err != nil {
		return nil
	}
	if !r.s.item(maxNesting) {
		r.fail(ErrInvalidCBOR)
		return nil
	}
	return r.s.msg[start:r.s.pos:r.s.pos]
}

// skip reads any item for nothing.
func (r *reader) skip() { r.encoded() }

// major returns the major type of the item that comes next, without reading it.
func (r *reader) major() byte {
	if r.err != nil || r.s.pos >= len(r.s.msg) {
		return majorSimple
	}
	return r.s.msg[r.s.pos] >> 5
}

// parameter reads the key of a map of parameters. One that is no small unsigned integer is unknown, and 0 like all
// that have no meaning.
func (r *reader) parameter() uint64 {
	if r.major() == majorUnsigned {
		return r.unsigned()
	}
	r.skip()
	return 0
}

// name reads the key of a map of named members, "" for one that is no text and so unknown.
func (r *reader) name() string {
	if r.major() == majorText {
		return r.text()
	}
	r.skip()
	return ""
}

// end returns the error of everything read, and ErrInvalidCBOR where bytes are left over.
func (r *reader) end() error {
	if r.err == nil && r.s.pos != len(r.s.msg) {
		return ErrInvalidCBOR
	}
	return r.err
}

// The simple values of RFC 8949 Section 3.3 that CTAP2 knows.
const (
	simpleFalse = 20
	simpleTrue  = 21
)

func appendBytes(b, v []byte) []byte {
	return append(appendShort(b, majorBytes, uint64(len(v))), v...)
}

func appendText(b []byte, v string) []byte {
	return append(appendShort(b, majorText, uint64(len(v))), v...)
}

func appendInteger(b []byte, v int64) []byte {
	if v < 0 {
		return appendShort(b, majorNegative, uint64(-1-v))
	}
	return appendShort(b, majorUnsigned, uint64(v))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, majorSimple<<5|simpleTrue)
	}
	return append(b, majorSimple<<5|simpleFalse)
}
