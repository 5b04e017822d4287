package live

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/mfalab/mfalab/token"
)

// A Seed is a fob's seed on its way into the lab: in JSON it is hexadecimal, everywhere else it says only its length.
type Seed []byte

// String says how long the seed is.
func (s Seed) String() string { return token.Seed(s).String() }

// GoString is String.
func (s Seed) GoString() string { return s.String() }

// Format writes String whatever the verb.
func (s Seed) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText writes the seed in hexadecimal: for files that only their owner may read.
func (s Seed) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s)), nil }

// UnmarshalText reads hexadecimal. Its error never quotes the text.
func (s *Seed) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return errors.New("a seed is written in hexadecimal: two digits 0-9 a-f for each byte")
	}
	*s = b
	return nil
}
