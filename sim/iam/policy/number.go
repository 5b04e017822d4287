package policy

import "strings"

// A number is a decimal number of any length, compared exactly: no digit of an account number is lost, and comparing
// allocates nothing.
type number struct {
	negative        bool
	whole, fraction string // without zeros that say nothing
}

// parseNumber reads digits with at most one sign and one point.
func parseNumber(text string) (n number, ok bool) {
	digits := strings.TrimPrefix(text, "-")
	n.negative = len(digits) < len(text)
	if !n.negative {
		digits = strings.TrimPrefix(text, "+")
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || !allDigits(fraction) || whole == "" || point && fraction == "" {
		return number{}, false
	}
	n.whole, n.fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if n.whole == "" && n.fraction == "" {
		n.negative = false
	}
	return n, true
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n number) compare(m number) int {
	if n.negative != m.negative {
		if n.negative {
			return -1
		}
		return 1
	}
	if n.negative {
		n, m = m, n
	}
	if len(n.whole) != len(m.whole) {
		if len(n.whole) < len(m.whole) {
			return -1
		}
		return 1
	}
	if c := strings.Compare(n.whole, m.whole); c != 0 {
		return c
	}
	return strings.Compare(n.fraction, m.fraction)
}
