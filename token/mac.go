package token

import (
	"encoding"
	"encoding/binary"
	"hash"
)

// A mac is HMAC (RFC 2104) of one key over one counter of eight bytes.
//
// crypto/hmac would do, at 1.4 to 1.7 times the cost of hashing 119 bytes: too near to
// the limit of 1.8 that a fleet of fobs is planned with. This takes about 1.0 times. All
// messages have one length, so that each half of the HMAC is a saved state (key ⊕ pad)
// followed by one block that carries its own padding; the result is the chaining value,
// read from the state that the hash saves. Its layout is four bytes of magic and then
// that value. Package hash promises to keep reading saved states, and the vectors would
// tell if the layout changed.
type mac struct {
	hash   resumable
	halves [2]half // inner, outer
	state  []byte  // room for a saved state
}

// A resumable is a hash that can be stopped and started again, as all in the standard
// library can.
type resumable interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

type half struct {
	keyed []byte // the state after key ⊕ pad
	block []byte // the message, padded
}

const magic = 4 // bytes before the chaining value in a saved state

func newMAC(key []byte, newHash func() hash.Hash) *mac {
	m := mac{hash: newHash().(resumable)}
	if len(key) > m.hash.BlockSize() {
		m.hash.Write(key)
		key = m.hash.Sum(nil)
	}
	m.halves[0] = m.half(key, 0x36, 8)
	m.halves[1] = m.half(key, 0x5c, m.hash.Size())
	m.state = make([]byte, 0, len(m.halves[1].keyed))
	return &m
}

// half prepares one half of the HMAC for messages of the given length.
func (m *mac) half(key []byte, pad byte, length int) half {
	size := m.hash.BlockSize()
	h := half{block: make([]byte, size)}
	copy(h.block, key)
	for i := range h.block {
		h.block[i] ^= pad
	}
	m.hash.Reset()
	m.hash.Write(h.block)
	h.keyed = m.save(nil)
	clear(h.block)
	h.block[length] = 0x80
	binary.BigEndian.PutUint64(h.block[size-8:], uint64(size+length)*8)
	return h
}

// sum returns the HMAC of counter; the slice is valid until the next call.
func (m *mac) sum(counter uint64) []byte {
	binary.BigEndian.PutUint64(m.halves[0].block, counter)
	copy(m.halves[1].block, m.digest(&m.halves[0]))
	return m.digest(&m.halves[1])
}

func (m *mac) digest(h *half) []byte {
	if m.hash.UnmarshalBinary(h.keyed) != nil {
		panic("token: internal error: a hash does not take its own state")
	}
	m.hash.Write(h.block)
	m.state = m.save(m.state[:0])
	return m.state[magic : magic+m.hash.Size()]
}

func (m *mac) save(b []byte) []byte {
	b, err := m.hash.AppendBinary(b)
	if err != nil {
		panic("token: internal error: a hash does not give its state")
	}
	return b
}
