package policy

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads a date of a condition: seconds since 1970, or ISO 8601 in the W3C's forms, from a year alone to fractions
// of a second, with or without a zone (UTC then). Four digits are a year (ours). It is as generous as the real service was
// seen to be (the recordings of AWS MFA, Appendix B): "01T", a small t and hours of one digit pass; a zone of one digit and
// ten digits of fraction do not.
func parseDate(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && !(len(text) == 4 && allDigits(text)) {
		return time.Unix(n, 0).UTC(), true
	}
	day, clock, _ := strings.Cut(strings.Replace(text, "t", "T", 1), "T")
	ymd, ok := numbers(day, "-", [3]int{1, 1, 1})
	if !ok || ymd[1] < 1 || ymd[1] > 12 || ymd[2] < 1 || ymd[2] > 31 {
		return time.Time{}, false
	}
	zone := time.UTC
	if at := strings.IndexAny(clock, "zZ+-"); at >= 0 {
		if zone, ok = parseZone(clock[at:]); !ok {
			return time.Time{}, false
		}
		clock = clock[:at]
	}
	clock, fraction, dot := strings.Cut(clock, ".")
	nano, err := strconv.Atoi((fraction + "000000000")[:max(9, len(fraction))])
	if dot && (err != nil || fraction == "" || len(fraction) > 9 || fraction[0] == '-' || fraction[0] == '+') {
		return time.Time{}, false
	}
	hms := [3]int{}
	if clock != "" {
		hms, ok = numbers(clock, ":", hms)
	}
	if !ok || hms[0] > 24 || hms[1] > 59 || hms[2] > 60 {
		return time.Time{}, false
	}
	return time.Date(ymd[0], time.Month(ymd[1]), ymd[2], hms[0], hms[1], hms[2], nano, zone), true
}

// numbers reads up to three numbers of at most four digits; the rest keep what they are.
func numbers(text, sep string, n [3]int) ([3]int, bool) {
	parts := strings.Split(text, sep)
	if len(parts) > 3 {
		return n, false
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || len(p) > 4 || i > 0 && len(p) > 2 {
			return n, false
		}
		n[i] = int(v)
	}
	return n, true
}

// parseZone reads Z, +hh, +hhmm or +hh:mm.
func parseZone(text string) (*time.Location, bool) {
	digits := strings.Replace(text[1:], ":", "", 1)
	if digits == "" && (text[0] == 'Z' || text[0] == 'z') {
		return time.UTC, true
	}
	v, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) != 2 && len(digits) != 4 || text[0] == 'Z' || text[0] == 'z' {
		return nil, false
	}
	if len(digits) == 2 {
		v *= 100
	}
	seconds := int(v/100)*3600 + int(v%100)*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), v/100 < 24 && v%100 < 60
}
