package token

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"
)

// An Algorithm is the hash inside HMAC. The zero value is SHA1, the default of HOTP
// Section 5.2 and of every fob known to us.
type Algorithm uint8

// The hashes of TOTP Section 1.2.
const (
	SHA1 Algorithm = iota
	SHA256
	SHA512
)

// algorithms is indexed by Algorithm.
var algorithms = [...]struct {
	name string
	hash func() hash.Hash
}{
	SHA1:   {"SHA1", sha1.New},
	SHA256: {"SHA256", sha256.New},
	SHA512: {"SHA512", sha512.New},
}

// ParseAlgorithm returns the algorithm of that name: SHA1, SHA256 or SHA512. Upper and
// lower case and a hyphen ("sha-1") make no difference.
func ParseAlgorithm(name string) (Algorithm, error) {
	plain := strings.ToUpper(strings.Replace(name, "-", "", 1))
	for a, known := range algorithms {
		if known.name == plain {
			return Algorithm(a), nil
		}
	}
	return 0, fmt.Errorf("token: algorithm %.20q is not known; use SHA1, SHA256 or SHA512", name)
}

// String returns the name of the algorithm as otpauth URIs write it.
func (a Algorithm) String() string {
	if a.check() != nil {
		return fmt.Sprintf("Algorithm(%d)", uint8(a))
	}
	return algorithms[a].name
}

// MarshalText returns the name of the algorithm, or an error where it has none.
func (a Algorithm) MarshalText() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return []byte(a.String()), nil
}

// UnmarshalText sets a to the algorithm that text names, as [ParseAlgorithm] does.
func (a *Algorithm) UnmarshalText(text []byte) error {
	parsed, err := ParseAlgorithm(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

func (a Algorithm) check() error {
	if int(a) >= len(algorithms) {
		return fmt.Errorf("token: algorithm number %d is not known; use SHA1, SHA256 or SHA512", uint8(a))
	}
	return nil
}

func (a Algorithm) hash() func() hash.Hash { return algorithms[a].hash }
