package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Chance is the world's source of randomness: a secret seed from which everything that looks random is derived by
// name. The same seed and the same names give the same values for ever; values under different names tell nothing about
// each other.
type Chance struct{ key [sha256.Size]byte }

// NewChance returns the Chance that grows from seed, which may be of any length.
func NewChance(seed []byte) Chance {
	return Chance{sha256.Sum256(append([]byte("mfalab chance 1\x00"), seed...))}
}

// Derive returns an independent Chance for a part of the world, named by labels.
func (c Chance) Derive(labels ...string) Chance {
	name := make([]byte, 0, 64)
	for _, l := range labels {
		// With their lengths, so that "ab", "c" is not "a", "bc".
		name = binary.BigEndian.AppendUint64(name, uint64(len(l)))
		name = append(name, l...)
	}
	return Chance{c.mac(name)}
}

// Bytes returns the first n bytes of c's stream; n is not negative.
func (c Chance) Bytes(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	// No name begins like this: it would be that of a label of exabytes.
	block := append(make([]byte, 0, 16), "stream"...)
	for i := uint64(0); len(b) < n; i++ {
		sum := c.mac(binary.BigEndian.AppendUint64(block, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// mac returns the HMAC-SHA256 of text under c: RFC 2104, Section 2. Package crypto/hmac allocates two hashes for each, and
// there are dozens to a call of the account.
func (c Chance) mac(text []byte) [sha256.Size]byte {
	var inner, outer [sha256.BlockSize]byte
	for i := range inner {
		inner[i], outer[i] = 0x36, 0x5c
	}
	for i, k := range c.key {
		inner[i] ^= k
		outer[i] ^= k
	}
	b := make([]byte, 0, 4*sha256.BlockSize) // on the stack, and longer ones not
	b = append(append(b, inner[:]...), text...)
	sum := sha256.Sum256(b)
	return sha256.Sum256(append(append(b[:0], outer[:]...), sum[:]...))
}

// Text returns n characters of alphabet, each equally likely. An alphabet has from 1 to 256 characters of one byte each.
func (c Chance) Text(n int, alphabet string) string {
	if len(alphabet) == 0 || len(alphabet) > 256 {
		panic("sim: internal error: an alphabet has from 1 to 256 characters")
	}
	var s strings.Builder
	s.Grow(n)
	// A byte at or above the largest multiple of the alphabet would favour its first characters.
	fair := 256 - 256%len(alphabet)
	for i := 0; s.Len() < n; i++ {
		for _, b := range c.Derive("text", strconv.Itoa(i)).Bytes(2 * n) {
			if int(b) < fair && s.Len() < n {
				s.WriteByte(alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return s.String()
}

// UUID returns a random UUID of version 4 (RFC 9562, Section 5.4). It is the same one every time.
func (c Chance) UUID() string {
	b := c.Bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}

// Uniform returns one draw between 0, which it may be, and 1, which it is not. It is the same draw every time.
func (c Chance) Uniform() float64 {
	return float64(binary.BigEndian.Uint64(c.Derive("uniform").Bytes(8))>>11) / (1 << 53)
}

// Normal returns one draw of the normal distribution with mean 0 and standard deviation 1, by the Box-Muller transform.
// It is the same draw every time: derive a Chance for each.
func (c Chance) Normal() float64 {
	b := c.Bytes(16)
	u := (float64(binary.BigEndian.Uint64(b[:8])>>11) + 0.5) / (1 << 53)
	v := float64(binary.BigEndian.Uint64(b[8:])>>11) / (1 << 53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(float64(2*math.Pi*v))
}

// AppendKey appends the 32 secret bytes of c to b, for a store that must continue the same world later.
func (c Chance) AppendKey(b []byte) []byte { return append(b, c.key[:]...) }

// ParseChance returns the Chance whose 32 bytes AppendKey wrote.
func ParseChance(b []byte) (Chance, error) {
	var c Chance
	if len(b) != len(c.key) {
		return c, fmt.Errorf("a chance has %d bytes, found %d", len(c.key), len(b))
	}
	copy(c.key[:], b)
	return c, nil
}

// String says nothing: whoever knows the seed knows every key in the world.
func (c Chance) String() string { return "chance" }

// GoString returns what String does.
func (c Chance) GoString() string { return c.String() }

// Format writes what String returns, whatever the verb.
func (c Chance) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }
