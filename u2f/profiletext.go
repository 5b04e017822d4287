package u2f

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Duration is a time.Duration that is "10s" in JSON.
type Duration time.Duration

// MarshalText writes d as [time.Duration.String] does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what [time.ParseDuration] takes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("u2f: %q is not a duration; write one as \"10s\" or \"500ms\"", text)
	}
	*d = Duration(v)
	return nil
}

// An Answer is a status that a key gives, by its name in JSON: "CTAP2_ERR_NOT_ALLOWED". See Section 8.2.
type Answer ctap.Status

// MarshalText returns the name in Section 8.2.
func (a Answer) MarshalText() ([]byte, error) { return []byte(ctap.Status(a).Name()), nil }

// UnmarshalText reads a name of Section 8.2.
func (a *Answer) UnmarshalText(text []byte) error {
	for s := range 256 {
		if s := ctap.Status(s); s.Name() == string(text) && strings.Contains(s.Name(), "_ERR_") {
			*a = Answer(s)
			return nil
		}
	}
	return fmt.Errorf("u2f: %q is no error of CTAP; write its name, as \"CTAP2_ERR_NOT_ALLOWED\"", text)
}

// Error returns the text of the status.
func (a Answer) Error() string { return ctap.Status(a).Error() }

// Unwrap returns the status.
func (a Answer) Unwrap() error { return ctap.Status(a) }

// An AAGUID says which model an authenticator is: a UUID. See Web Authentication Level 2, Section 6.5.1.
type AAGUID [16]byte

// String returns a in the form 8-4-4-4-12.
func (a AAGUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", a[:4], a[4:6], a[6:8], a[8:10], a[10:])
}

// MarshalText returns a in the form 8-4-4-4-12.
func (a AAGUID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the form 8-4-4-4-12.
func (a *AAGUID) UnmarshalText(text []byte) error {
	digits, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
	if err != nil || len(digits) != len(a) || AAGUID(digits).String() != strings.ToLower(string(text)) {
		return fmt.Errorf("u2f: %q is not an AAGUID; write one as \"00112233-4455-6677-8899-aabbccddeeff\"", text)
	}
	*a = AAGUID(digits)
	return nil
}
