package token

import "fmt"

// A Seed is the secret that a token shares with the side that checks its codes: the K of
// HOTP Section 5.1, as raw bytes. It never prints itself: fmt, text and JSON encoders
// show its length only, and what they wrote cannot be read back. Who means to write the
// secret out converts it to []byte.
type Seed []byte

// String returns the length of the seed, not the seed.
func (s Seed) String() string { return fmt.Sprintf("seed of %d bytes", len(s)) }

// GoString returns what String does.
func (s Seed) GoString() string { return s.String() }

// Format writes what String returns, whatever the verb.
func (s Seed) Format(state fmt.State, _ rune) { fmt.Fprint(state, s.String()) }

// MarshalText returns what String does; encoding/json and log/slog ask for it.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
