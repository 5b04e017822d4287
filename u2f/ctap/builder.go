package ctap

import (
	"encoding/binary"
	"math"
)

// A mapBuilder builds a map whose keys are small integers, which must be added in rising order.
type mapBuilder struct {
	entries uint64
	body    []byte
}

// key adds a key.
func (m *mapBuilder) key(key byte) {
	m.entries++
	m.body = appendShort(m.body, majorUnsigned, uint64(key))
}

func (m *mapBuilder) unsigned(key byte, v uint64) {
	m.key(key)
	m.body = appendShort(m.body, majorUnsigned, v)
}

func (m *mapBuilder) bytes(key byte, v []byte) {
	m.key(key)
	m.body = appendBytes(m.body, v)
}

func (m *mapBuilder) text(key byte, v string) {
	m.key(key)
	m.body = appendText(m.body, v)
}

func (m *mapBuilder) boolean(key byte, v bool) {
	m.key(key)
	m.body = appendBool(m.body, v)
}

// encoded adds a value that is CBOR already.
func (m *mapBuilder) encoded(key byte, v []byte) {
	m.key(key)
	m.body = append(m.body, v...)
}

func (m *mapBuilder) appendTo(b []byte) []byte {
	return append(appendShort(b, majorMap, m.entries), m.body...)
}

// appendShort appends a head in its shortest form.
func appendShort(b []byte, major byte, arg uint64) []byte {
	switch major <<= 5; {
	case arg < argByte:
		return append(b, major|byte(arg))
	case arg <= math.MaxUint8:
		return append(b, major|argByte, byte(arg))
	case arg <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|(argByte+1)), uint16(arg))
	case arg <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|(argByte+2)), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major|argDouble), arg)
}
