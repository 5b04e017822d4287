package attest

import (
	"cmp"
	"slices"
)

// members are the members of a statement. They are written in the order of CTAP2 canonical form: CTAP 2.1, Section 8.
type members []member

type member struct {
	name  string
	value []byte // CBOR
}

// set gives a member a value, CBOR, and takes it away where there is none.
func (m *members) set(name string, value []byte) {
	m.remove(name)
	*m = append(*m, member{name, value})
}

func (m *members) remove(name string) {
	*m = slices.DeleteFunc(*m, func(x member) bool { return x.name == name })
}

func (m *members) setText(name, s string)         { m.set(name, appendText(nil, s)) }
func (m *members) setBytes(name string, b []byte) { m.set(name, appendBytes(nil, b)) }
func (m *members) setInt(name string, n int64)    { m.set(name, appendInt(nil, n)) }

// setChain gives a member an array of byte strings.
func (m *members) setChain(name string, chain [][]byte) {
	b := appendHead(nil, majorArray, len(chain))
	for _, c := range chain {
		b = appendBytes(b, c)
	}
	m.set(name, b)
}

// append appends the map.
func (m members) append(b []byte) []byte {
	sorted := slices.SortedFunc(slices.Values(m), func(x, y member) int {
		return cmp.Or(cmp.Compare(len(x.name), len(y.name)), cmp.Compare(x.name, y.name))
	})
	b = appendHead(b, majorMap, len(sorted))
	for _, x := range sorted {
		b = append(appendText(b, x.name), x.value...)
	}
	return b
}

// appendInt appends an integer of less than 2^16 in size.
func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorNegative, int(-1-n))
	}
	return appendHead(b, majorUnsigned, int(n))
}
