package seedfile

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mfalab/mfalab/token"
)

// A Type is the kind of OATH token that a seed is for: the TYPE of the URI. The zero
// value is TOTP.
type Type uint8

// The types of the Key Uri Format.
const (
	TOTP Type = iota
	HOTP
)

var types = [...]string{TOTP: "totp", HOTP: "hotp"}

// String returns the type as the URI writes it: totp or hotp.
func (t Type) String() string {
	if int(t) >= len(types) {
		return fmt.Sprintf("Type(%d)", uint8(t))
	}
	return types[t]
}

// parseType reads a type in upper or lower case.
func parseType(name string) (Type, error) {
	for t, known := range types {
		if strings.EqualFold(known, name) {
			return Type(t), nil
		}
	}
	return 0, fmt.Errorf("type %s is not supported; hotp and totp are", shown(name))
}

// A Record is one seed with what a token must know to use it, and what its seed file
// says of the token. What a format has no place for is zero; see [Lost].
type Record struct {
	Serial       string // what is printed on its back; only a URI goes without
	Manufacturer string
	Model        string
	KeyID        string // PSKC: the Id of the key where it is not the serial

	Type      Type
	Issuer    string // who checks the codes; may be empty; in a URI without colon
	Account   string // whose codes they are; may be empty; in a URI without colon
	Realm     string // oath-csv: where the account is
	Resolver  string // oath-csv: what finds the account
	Seed      token.Seed
	Algorithm token.Algorithm
	Digits    int           // 6 to 8
	Step      time.Duration // TOTP: 1 s to 24 h in whole seconds; HOTP: 0
	Counter   uint64        // HOTP: the counter of the next code; TOTP: 0

	Drift   int64     // TOTP: steps that its clock is ahead, less than 0 behind; 32 bits. Section 4.2, TimeDrift
	Time    int64     // TOTP: steps that its clock had counted when the file was made, 0 to 2^31-1. Section 4.2, Time
	Starts  time.Time // when its use begins; zero: not said
	Expires time.Time // when its use ends; zero: not said
}

// From the specifications: what is meant where nothing is said, how long a secret must be
// (RFC 4226, Section 4, R6), and what 32 bits hold (xs:int).
const (
	goodSeed      = 16
	defaultDigits = 6
	defaultStep   = 30 * time.Second
	maxInt        = 1<<31 - 1
)

// Our choice.
const (
	maxStep  = 24 * time.Hour // no token waits longer, and a typing error in milliseconds is found
	maxSeed  = 1024           // bytes; HMAC hashes down what is longer than a block of 128
	maxText  = 256            // bytes of a name
	lastYear = 9999           // four digits in a date
)

// check finds what no format can carry.
func (r *Record) check() error {
	if int(r.Type) >= len(types) {
		return fmt.Errorf("seedfile: %s is not known; use TOTP or HOTP", r.Type)
	}
	if err := r.checkDigits(); err != nil {
		return err
	}
	if _, err := r.Algorithm.MarshalText(); err != nil {
		return fmt.Errorf("seedfile: %s is not known; use SHA1, SHA256 or SHA512", r.Algorithm)
	}
	switch {
	case len(r.Seed) == 0:
		return errNoSecret
	case r.Type == TOTP && r.Counter != 0:
		return fmt.Errorf("seedfile: a totp token has no counter, this one is %d; use 0", r.Counter)
	case r.Type == HOTP && r.Step != 0:
		return fmt.Errorf("seedfile: an hotp token has no period, this one is %s; use 0", r.Step)
	case r.Type == HOTP && (r.Drift != 0 || r.Time != 0):
		return fmt.Errorf("seedfile: an hotp token has no clock, this one has drift %d and time %d; use 0", r.Drift, r.Time)
	case r.Drift < -maxInt-1 || r.Drift > maxInt || r.Time < 0 || r.Time > maxInt:
		return fmt.Errorf("seedfile: drift %d or time %d is not possible; use 32 bits", r.Drift, r.Time)
	case r.Type == TOTP:
		return r.checkStep()
	}
	return nil
}

// checkFile finds what no file can carry.
func (r *Record) checkFile() error {
	if err := r.check(); err != nil {
		return err
	}
	if len(r.Seed) > maxSeed {
		return fmt.Errorf("the seed has %d bytes; at most %d are possible", len(r.Seed), maxSeed)
	}
	for _, f := range fields {
		if text, ok := f.of(r).(string); ok {
			if err := checkText(f.name, text); err != nil {
				return err
			}
		}
	}
	for _, date := range []time.Time{r.Starts, r.Expires} {
		if year := date.UTC().Year(); year < 1 || year > lastYear {
			return fmt.Errorf("a date in the year %d is not possible; use 1 to %d", year, lastYear)
		}
	}
	if !r.Starts.IsZero() && !r.Expires.IsZero() && r.Expires.Before(r.Starts) {
		return fmt.Errorf("it expires on %s and starts later, on %s", r.Expires.Format(time.DateOnly), r.Starts.Format(time.DateOnly))
	}
	return nil
}

// checkDigits finds lengths that RFC 4226, Section 5.3 does not have.
func (r *Record) checkDigits() error {
	if r.Digits < 6 || r.Digits > 8 {
		return fmt.Errorf("seedfile: codes of %d digits are not possible; use 6, 7 or 8", r.Digits)
	}
	return nil
}

// checkStep finds steps that no URI and no file can say.
func (r *Record) checkStep() error {
	if r.Step < time.Second || r.Step > maxStep || r.Step%time.Second != 0 {
		return fmt.Errorf("seedfile: a step of %s is not possible; use 1 s to 24 h in whole seconds", r.Step)
	}
	return nil
}

// checkText accepts what every format can carry and a terminal can show.
func checkText(name, text string) error {
	switch {
	case len(text) > maxText:
		return fmt.Errorf("the %s has %d bytes; at most %d are possible", name, len(text), maxText)
	case text != strings.TrimSpace(text):
		return fmt.Errorf("the %s begins or ends with a space; leave it out", name)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable):
		return fmt.Errorf("the %s is not plain UTF-8 text; leave out what is not", name)
	}
	return nil
}

// unprintable reports whether a rune is a control character, or none that XML may hold
// (XML 1.0, Section 2.2).
func unprintable(r rune) bool { return unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF' }

// fields are what some formats have no place for. Those that make codes are not among them.
var fields = [...]struct {
	name string
	of   func(*Record) any
}{
	{"serial", func(r *Record) any { return r.Serial }},
	{"manufacturer", func(r *Record) any { return r.Manufacturer }},
	{"model", func(r *Record) any { return r.Model }},
	{"key id", func(r *Record) any { return r.KeyID }},
	{"issuer", func(r *Record) any { return r.Issuer }},
	{"account", func(r *Record) any { return r.Account }},
	{"realm", func(r *Record) any { return r.Realm }},
	{"resolver", func(r *Record) any { return r.Resolver }},
	{"drift", func(r *Record) any { return r.Drift }},
	{"time", func(r *Record) any { return r.Time }},
	{"start", func(r *Record) any { return r.Starts }},
	{"expiry", func(r *Record) any { return r.Expires }},
}

// codes returns the part of r that makes its codes, and its serial.
func (r Record) codes() Record {
	return Record{Serial: r.Serial, Type: r.Type, Seed: r.Seed, Algorithm: r.Algorithm, Digits: r.Digits, Step: r.Step, Counter: r.Counter}
}
