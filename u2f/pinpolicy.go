package u2f

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// A PINPolicy says which PINs of a good length are refused once it is in force. See CTAP 2.3, Section 7.5.
type PINPolicy struct {
	Say       bool     `json:"say"`       // getInfo says whether it is in force, and authenticatorConfig can put it in force
	Enforced  bool     `json:"enforced"`  // it is from the factory on
	URL       string   `json:"url"`       // where a person reads about it; empty: not said
	Distinct  int      `json:"distinct"`  // as many different characters at least; 0 and 1: no rule
	Sequences bool     `json:"sequences"` // no PIN whose characters rise or fall by one throughout, as 1234
	Forbidden []string `json:"forbidden"` // PINs
}

// mostForbidden is our choice: more would be a mistake in the file.
const mostForbidden = 10_000

func (p *PINPolicy) check(profile string) error {
	switch {
	case p.Distinct < 0 || p.Distinct > mostMinPIN:
		return fmt.Errorf("u2f: profile %q has %d for pin_policy.distinct; use 0 to %d", profile, p.Distinct, mostMinPIN)
	case len(p.Forbidden) > mostForbidden:
		return fmt.Errorf("u2f: profile %q has %d PINs in pin_policy.forbidden; use up to %d", profile, len(p.Forbidden), mostForbidden)
	case len(p.URL) > longestRPID || !utf8.ValidString(p.URL):
		return fmt.Errorf("u2f: profile %q has %.40q for pin_policy.url; use up to %d bytes of UTF-8", profile, p.URL, longestRPID)
	}
	return nil
}

// admits reports whether the policy lets a PIN pass.
func (p *PINPolicy) admits(pin string) bool {
	points := []rune(pin)
	seen := map[rune]bool{}
	rising, falling := true, true
	for i, r := range points {
		seen[r] = true
		if i > 0 {
			rising, falling = rising && r == points[i-1]+1, falling && r == points[i-1]-1
		}
	}
	return len(seen) >= p.Distinct && !(p.Sequences && (rising || falling)) && !slices.Contains(p.Forbidden, pin)
}
