package token

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Profile is a product: what all fobs of one model have in common. Numbers in it may be
// changed before it is handed to [NewFob], to get a fob that no factory makes; the name
// must stay one of [Profiles].
type Profile struct {
	Name  string // how the profile is asked for: "ezio"
	Title string // what is printed on the box
	// SerialFormat is how the factory numbers its fobs; every '#' stands for a digit.
	SerialFormat string

	Digits    int           // 6 to 8
	Algorithm Algorithm     // the hash inside HMAC
	Step      time.Duration // X of TOTP Section 4.1; one second or longer
	T0        time.Time     // T0 of TOTP Section 4.1, between 1970 and 9999

	// LitFor is how long the LCD stays lit after a press, at most a day; 0 means that it is
	// always lit, which needs Redraw. Redraw says what the LCD does when the step ends while it is
	// lit: true, it shows the new code; false, it freezes the code shown.
	LitFor time.Duration
	Redraw bool

	// Life is how long the battery lasts when nobody presses, PressesInLife how many
	// presses drain it when no time passes; idling and presses add up. A zero Life is a
	// battery that never ends, zero PressesInLife are presses that cost nothing.
	Life          time.Duration
	PressesInLife int64

	// The crystal, in parts per billion. TolerancePPB is the spread (one standard
	// deviation) of the units that leave the factory; the error of one unit is in
	// [Config]. AgeingPPB is what the rate gains in the first year, and may be negative.
	// ParabolaPPBPerC2 is what the crystal loses per square degree away from
	// TurnoverMilliC, which is in thousandths of a degree Celsius.
	TolerancePPB     int64
	AgeingPPB        int64
	ParabolaPPBPerC2 int64
	TurnoverMilliC   int64

	Source string // where the numbers come from
}

// Our choice: bounds of what a profile may say. Within them 64 bits hold every drift, and
// a crystal's clock always runs forward.
const (
	maxLitFor       = 24 * time.Hour
	maxTolerancePPB = 1_000_000 // 20 times the worst tuning-fork crystal on sale
	maxAgeingPPB    = 100_000   // 20 times the worst data sheet
	maxParabolaPPB  = 200       // 4 times the worst data sheet
	maxSerial       = 256       // IAM's serialNumberType ends there
)

var unixEpoch = time.Unix(0, 0).UTC()

// profiles are in the order in which they are offered.
var profiles = [...]Profile{{
	Name:             "ezio",
	Title:            "Gemalto Ezio Time-based 6-digit Token for Use with Amazon Web Services Only",
	SerialFormat:     "GAHT########",
	Digits:           6,
	Algorithm:        SHA1,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	LitFor:           20 * time.Second,
	Life:             5 * 365 * 24 * time.Hour,
	PressesInLife:    14_000,
	TolerancePPB:     4_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "AWS IAM User Guide (serial, digits, step, button); no data sheet is public, so the LCD time-out, " +
		"battery and crystal are those of comparable push-button fobs and of 32.768 kHz tuning-fork crystals",
}, {
	Name:           "app",
	Title:          "virtual MFA app on a phone",
	SerialFormat:   "APP-########",
	Digits:         6,
	Algorithm:      SHA1,
	Step:           30 * time.Second,
	T0:             unixEpoch,
	Redraw:         true,
	TurnoverMilliC: 25_000,
	Source:         "Key Uri Format of Google Authenticator; the phone keeps network time and is charged every night",
}}

// Profiles returns the products known, in a fixed order. The caller owns the slice.
func Profiles() []Profile { return append([]Profile(nil), profiles[:]...) }

// ProfileNamed returns the product of that name, or an error that lists the names.
func ProfileNamed(name string) (Profile, error) {
	names := make([]string, 0, len(profiles))
	for _, p := range profiles {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("token: profile %.40q is not known; use one of %s", name, strings.Join(names, ", "))
}

// Serial returns the nth serial number of the factory, with leading zeros. An error means
// that n needs more digits than SerialFormat has.
func (p Profile) Serial(n uint64) (string, error) {
	digits := strconv.FormatUint(n, 10)
	places := strings.Count(p.SerialFormat, "#")
	if len(digits) > places {
		return "", fmt.Errorf("token: serial number %d does not fit %q; use at most %d digits", n, p.SerialFormat, places)
	}
	digits = strings.Repeat("0", places-len(digits)) + digits
	serial := []byte(p.SerialFormat)
	for i, c := range serial {
		if c == '#' {
			serial[i], digits = digits[0], digits[1:]
		}
	}
	return string(serial), nil
}

// check reports the first value that no fob can have.
func (p Profile) check() error {
	if _, err := ProfileNamed(p.Name); err != nil {
		return err
	}
	if err := p.Algorithm.check(); err != nil {
		return err
	}
	switch {
	case p.Digits < minDigits || p.Digits > maxDigits:
		return fmt.Errorf("token: profile %q has %d digits; use %d to %d", p.Name, p.Digits, minDigits, maxDigits)
	case p.Step < time.Second:
		return fmt.Errorf("token: profile %q has a step of %s; use one second or more", p.Name, p.Step)
	case p.T0.Before(unixEpoch) || p.T0.After(horizon):
		return fmt.Errorf("token: profile %q counts steps from %s; use 1970 to 9999", p.Name, p.T0)
	case p.LitFor < 0 || p.LitFor > maxLitFor:
		return fmt.Errorf("token: profile %q is lit for %s; use 0 (always) to %s", p.Name, p.LitFor, maxLitFor)
	case p.LitFor == 0 && !p.Redraw:
		return fmt.Errorf("token: profile %q is always lit and shows the first code for ever; it must redraw", p.Name)
	case p.Life < 0 || p.PressesInLife < 0:
		return fmt.Errorf("token: profile %q has a battery for %s or %d presses; use 0 or more", p.Name, p.Life, p.PressesInLife)
	}
	return p.checkCrystal()
}

func (p Profile) checkCrystal() error {
	for _, v := range []struct {
		what             string
		value, low, high int64
	}{
		{"a tolerance (ppb)", p.TolerancePPB, 0, maxTolerancePPB},
		{"an ageing (ppb)", p.AgeingPPB, -maxAgeingPPB, maxAgeingPPB},
		{"a parabola (ppb/°C²)", p.ParabolaPPBPerC2, 0, maxParabolaPPB},
		{"a turnover (m°C)", p.TurnoverMilliC, minMilliC, maxMilliC},
	} {
		if v.value < v.low || v.value > v.high {
			return fmt.Errorf("token: profile %q has %s of %d; use %d to %d", p.Name, v.what, v.value, v.low, v.high)
		}
	}
	return nil
}

// checkSerial accepts what can be engraved on a fob and typed into IAM.
func checkSerial(serial string) error {
	if serial == "" || len(serial) > maxSerial {
		return fmt.Errorf("token: a serial number has 1 to %d characters, not %d", maxSerial, len(serial))
	}
	for _, r := range serial {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (r < '0' || r > '9') && !strings.ContainsRune("_+=/:,.@-", r) {
			return fmt.Errorf("token: serial number %.40q has the character %q; use letters, digits and _+=/:,.@-", serial, r)
		}
	}
	return nil
}
