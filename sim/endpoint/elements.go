package endpoint

import (
	"bytes"
	"encoding"
	"encoding/xml"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Most answers are elements within elements with texts, numbers and truths in them. Those are written here, as encoding/xml
// writes them; its encoder allocates more for one of them than all the rest of a call. What else there may be in an answer is
// left to it.

// An element is how the values of one type are written inside their element's tags.
type element struct {
	kind    reflect.Kind // Struct, Slice, Pointer, String, Bool or Int64
	members []member     // of a struct, those of one that is embedded in it among them
	of      *element     // what a slice or a pointer is of
}

// A member is a field of a struct.
type member struct {
	name      string
	index     []int
	omitEmpty bool
	*element
}

// elements remembers what elementOf returned: *element, nil for a type that is left to encoding/xml.
var elements sync.Map

// elementOf returns how values of t are written, nil where only encoding/xml can.
func elementOf(t reflect.Type) *element {
	if e, ok := elements.Load(t); ok {
		return e.(*element)
	}
	e := newElement(t)
	elements.Store(t, e)
	return e
}

// Types that say themselves how they are written.
var marshalers = []reflect.Type{reflect.TypeFor[xml.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()}

func newElement(t reflect.Type) *element {
	for _, m := range marshalers {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return nil
		}
	}
	switch kind := t.Kind(); kind {
	case reflect.String, reflect.Bool:
		return &element{kind: kind}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &element{kind: reflect.Int64}
	case reflect.Slice, reflect.Pointer:
		of := newElement(t.Elem())
		if of == nil || of.kind == reflect.Slice || of.kind == reflect.Pointer || t.Elem().Kind() == reflect.Uint8 {
			return nil
		}
		return &element{kind: kind, of: of}
	case reflect.Struct:
		e := &element{kind: kind}
		var ok bool
		if e.members, ok = appendFields(nil, t, nil); !ok {
			return nil
		}
		return e
	}
	return nil
}

// appendFields appends the fields of t, which stands at index of the struct that it is embedded in; ok is false where there
// is one that encoding/xml treats in a way of its own.
func appendFields(members []member, t reflect.Type, index []int) (out []member, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		tag := f.Tag.Get("xml")
		name, flags, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && tag == "":
			if members, ok = appendFields(members, f.Type, at); !ok {
				return nil, false
			}
			continue
		case !f.IsExported() || tag == "-":
			continue
		case f.Anonymous, flags != "" && flags != "omitempty", strings.ContainsAny(name, "> "), f.Name == "XMLName":
			return nil, false
		case name == "":
			name = f.Name
		}
		e := newElement(f.Type)
		if e == nil {
			return nil, false
		}
		members = append(members, member{name, at, flags == "omitempty", e})
	}
	return members, true
}

// appendElement appends v in tags of that name, depth steps within others.
func appendElement(b []byte, name string, e *element, v reflect.Value, depth int) []byte {
	switch e.kind {
	case reflect.Pointer:
		if v.IsNil() {
			return b
		}
		return appendElement(b, name, e.of, v.Elem(), depth)
	case reflect.Slice:
		for i := range v.Len() {
			b = appendElement(b, name, e.of, v.Index(i), depth)
		}
		return b
	case reflect.Struct:
		return appendMembers(b, name, e, v, depth)
	}
	b = appendTag(appendLine(b, depth), "<", name)
	b = appendValue(b, e, v)
	return appendTag(b, "</", name)
}

// appendMembers is appendElement for a struct.
func appendMembers(b []byte, name string, e *element, v reflect.Value, depth int) []byte {
	b = appendTag(appendLine(b, depth), "<", name)
	mark := len(b)
	for i := range e.members {
		m := &e.members[i]
		field := v.FieldByIndex(m.index)
		switch {
		case m.omitEmpty && m.kind == reflect.Slice: // its empty elements are left out, too
			for i := range field.Len() {
				if x := field.Index(i); !empty(x) {
					b = appendElement(b, m.name, m.of, x, depth+1)
				}
			}
		case !m.omitEmpty || !empty(field):
			b = appendElement(b, m.name, m.element, field, depth+1)
		}
	}
	if len(b) > mark {
		b = appendLine(b, depth)
	}
	return appendTag(b, "</", name)
}

func appendValue(b []byte, e *element, v reflect.Value) []byte {
	switch e.kind {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	default:
		return appendEscaped(b, v.String())
	}
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool { return v.Kind() != reflect.Struct && v.IsZero() }

// appendLine begins a line, two spaces in for each step.
func appendLine(b []byte, depth int) []byte {
	b = append(b, '\n')
	for range depth {
		b = append(b, "  "...)
	}
	return b
}

func appendTag(b []byte, begin, name string) []byte {
	return append(append(append(b, begin...), name...), '>')
}

// appendEscaped appends s as text between tags. Quotes need no escape there, and the real services write none.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '&' || c == '<' || c == '>' {
			var out bytes.Buffer
			_ = xml.EscapeText(&out, []byte(s)) // a bytes.Buffer never fails
			return append(b, plainQuotes.Replace(out.String())...)
		}
	}
	return append(b, s...)
}
