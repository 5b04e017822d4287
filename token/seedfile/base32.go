package seedfile

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/mfalab/mfalab/token"
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

var errNoSecret = errors.New("seedfile: there is no secret; give base32 text of two characters or more")

// ParseBase32 reads a seed written in base32, as IAM writes it for
// BootstrapMethod=Base32StringSeed: 64 characters, perhaps with a line end. White space
// anywhere, lower case and any number of = at the end make no difference. Bits that are
// left over after the last whole byte are dropped, as apps do. An error tells the place
// of a wrong character among those that count, and does not show the text.
func ParseBase32(text string) (token.Seed, error) {
	text = strings.TrimRight(strings.Map(upper, strings.Join(strings.Fields(text), "")), "=")
	if text == "" {
		return nil, errNoSecret
	}
	for i, r := range text {
		if (r < 'A' || r > 'Z') && (r < '2' || r > '7') {
			return nil, fmt.Errorf("seedfile: character %d of the secret is not base32; use A to Z and 2 to 7", i+1)
		}
	}
	switch len(text) % 8 {
	case 1, 3, 6:
		return nil, fmt.Errorf("seedfile: a secret of %d characters is cut off: base32 never ends there; copy all of it", len(text))
	}
	seed, err := encoding.DecodeString(text)
	if err != nil { // which quotes a character
		return nil, errors.New("seedfile: the secret is not base32; use A to Z and 2 to 7")
	}
	return seed, nil
}

// upper is for ASCII only: the upper case of the letter long s is an S.
func upper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}
