package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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
	m := hmac.New(sha256.New, c.key[:])
	for _, l := range labels {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(l)))
		m.Write(n[:])
		m.Write([]byte(l))
	}
	var d Chance
	m.Sum(d.key[:0])
	return d
}

// Bytes returns the first n bytes of c's stream.
func (c Chance) Bytes(n int) []byte {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		var at [8]byte
		binary.BigEndian.PutUint64(at[:], i)
		m := hmac.New(sha256.New, c.key[:])
		m.Write([]byte("stream"))
		m.Write(at[:])
		b = m.Sum(b)
	}
	return b[:n]
}

// Text returns n characters of alphabet, which has from 2 to 256 characters, each equally likely.
func (c Chance) Text(n int, alphabet string) string {
	var s strings.Builder
	// A byte at or above the largest multiple of the alphabet would favour its first characters.
	fair := 256 - 256%len(alphabet)
	for i := 0; s.Len() < n; i++ {
		for _, b := range c.Derive("text", fmt.Sprint(i)).Bytes(2 * n) {
			if int(b) < fair && s.Len() < n {
				s.WriteByte(alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return s.String()
}

// Normal returns one draw of the normal distribution with mean 0 and standard deviation 1, by the Box-Muller transform.
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
		return c, errors.New("a chance has 32 bytes, found " + fmt.Sprint(len(b)))
	}
	copy(c.key[:], b)
	return c, nil
}

// String says nothing: whoever knows the seed knows every key in the world.
func (c Chance) String() string { return "chance" }

// GoString is String.
func (c Chance) GoString() string { return c.String() }
