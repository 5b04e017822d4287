package token

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Profile is a product: what all fobs of one model have in common. Numbers in it may be
// changed before it is handed to [NewFob], to get a fob that no factory makes; the name
// must stay one of [Profiles], and Title, SerialFormat, Case, Spread and Source are always
// those of that name. Profiles compare with ==.
type Profile struct {
	Name  string // how the profile is asked for: "ezio"
	Title string // what is printed on the box
	// SerialFormat is how the factory numbers its fobs; every '#' stands for a digit.
	SerialFormat string
	Case         Case // what it looks like

	Factor    Factor        // what makes the next code another one
	Digits    int           // 6 to 8
	Algorithm Algorithm     // the hash inside HMAC
	Step      time.Duration // X of TOTP Section 4.1; one second or longer; 0 where it is not time-based
	T0        time.Time     // T0 of TOTP Section 4.1, between 1970 and 9999
	Suite     string        // the OCRA suite of a challenge-response card, without PIN and session; else ""
	Setting   Setting       // who may set the clock

	// LitFor is how long the LCD stays lit after a press, at most a day; 0 means that it is
	// always lit and has no button, which needs Redraw. Redraw says what the LCD does when the
	// step ends while it is lit: true, it shows the new code; false, it freezes the code shown.
	// Bars is how many time bars show what is left of the step, at most 10.
	LitFor time.Duration
	Redraw bool
	Bars   int

	// Life is how long the battery lasts when nobody presses, PressesInLife how many
	// presses drain it when no time passes; idling and presses add up. A zero Life is a
	// battery that never ends, zero PressesInLife are presses that cost nothing.
	Life          time.Duration
	PressesInLife int64

	// The crystal, in parts per billion. TolerancePPB is the spread of the units that leave
	// the factory, as Spread says; the error of one unit is in [Config]. AgeingPPB is what the
	// rate gains in the first year, and may be negative. ParabolaPPBPerC2 is what the crystal
	// loses per square degree away from TurnoverMilliC, which is in thousandths of a degree
	// Celsius.
	Spread           Spread
	TolerancePPB     int64
	AgeingPPB        int64
	ParabolaPPBPerC2 int64
	TurnoverMilliC   int64

	// Source says where the numbers come from, one line for each group of facts.
	Source string
}

// A Factor is what makes the next code of a fob another one: the moving factor of HOTP.
type Factor uint8

// The moving factors.
const (
	TimeBased         Factor = iota // TOTP: the step of its clock
	EventBased                      // HOTP: a counter, one further with every press
	ChallengeResponse               // OCRA: what is typed into its keypad
)

var factorNames = [...]string{TimeBased: "time", EventBased: "event", ChallengeResponse: "challenge"}

// A Setting says whether the clock and the seed of a fob can be written from outside.
type Setting uint8

// The settings.
const (
	Sealed       Setting = iota // neither clock nor seed
	Unrestricted                // both, by whoever gets near it
	Restricted                  // both, but setting the clock wipes the seed
)

var settingNames = [...]string{Sealed: "sealed", Unrestricted: "unrestricted", Restricted: "restricted"}

// A Spread says how the crystals of one model differ when they leave the factory.
type Spread uint8

// The spreads.
const (
	Normal  Spread = iota // trimmed: TolerancePPB is one standard deviation
	Uniform               // untrimmed: evenly between -TolerancePPB and TolerancePPB
)

var spreadNames = [...]string{Normal: "normal", Uniform: "uniform"}

// String returns "time", "event" or "challenge".
func (f Factor) String() string { return word(factorNames[:], uint8(f)) }

// MarshalText returns what String does.
func (f Factor) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (f *Factor) UnmarshalText(text []byte) error { return readWord(factorNames[:], text, (*uint8)(f)) }

// String returns "sealed", "unrestricted" or "restricted".
func (s Setting) String() string { return word(settingNames[:], uint8(s)) }

// MarshalText returns what String does.
func (s Setting) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Setting) UnmarshalText(text []byte) error {
	return readWord(settingNames[:], text, (*uint8)(s))
}

// String returns "normal" or "uniform".
func (s Spread) String() string { return word(spreadNames[:], uint8(s)) }

// MarshalText returns what String does.
func (s Spread) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Spread) UnmarshalText(text []byte) error { return readWord(spreadNames[:], text, (*uint8)(s)) }

func word(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return strconv.Itoa(int(i))
}

func readWord(words []string, text []byte, to *uint8) error {
	for i, word := range words {
		if word == string(text) {
			*to = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("token: %.20q is not known; use one of %s", text, strings.Join(words, ", "))
}

// Untrimmed returns the profile with crystals as they come off the reel, ±20 ppm evenly,
// instead of trimmed ones: oath.md's second preset. Source: CTS TF20 and its like sort no
// finer.
func (p Profile) Untrimmed() Profile {
	p.Spread, p.TolerancePPB = Uniform, 20_000
	return p
}

// Our choice: bounds of what a profile may say. Within them 64 bits hold every drift, and
// a crystal's clock always runs forward.
const (
	maxLitFor       = 24 * time.Hour
	maxBars         = 10
	maxTolerancePPB = 1_000_000 // 20 times the worst tuning-fork crystal on sale
	maxAgeingPPB    = 100_000   // 20 times the worst data sheet
	maxParabolaPPB  = 200       // 4 times the worst data sheet
	maxSerial       = 256       // IAM's serialNumberType ends there
)

var unixEpoch = time.Unix(0, 0).UTC()

// Profiles returns the products known, in a fixed order. The caller owns the slice.
func Profiles() []Profile { return append([]Profile(nil), profiles[:]...) }

// ProfileNamed returns the product of that name, or an error that lists the names.
func ProfileNamed(name string) (Profile, error) {
	known, err := profileNamed(name)
	if err != nil {
		return Profile{}, err
	}
	return *known, nil
}

func profileNamed(name string) (*Profile, error) {
	for i := range profiles {
		if profiles[i].Name == name {
			return &profiles[i], nil
		}
	}
	names := make([]string, 0, len(profiles))
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("token: profile %.40q is not known; use one of %s", name, strings.Join(names, ", "))
}

// shared returns p with the words of the table: the row of the table itself, where the
// numbers are those, too.
func (p Profile) shared() *Profile {
	known, err := profileNamed(p.Name)
	if err != nil {
		panic("token: internal error: a profile that was not checked")
	}
	p.Title, p.SerialFormat, p.Case, p.Spread, p.Source = known.Title, known.SerialFormat, known.Case, known.Spread, known.Source
	if p == *known {
		return known
	}
	own := p
	return &own
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
