package live

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Span is a duration that reads and writes itself in JSON as Go writes durations: "1m30s".
type Span time.Duration

// String returns the duration as Go writes it.
func (s Span) String() string { return time.Duration(s).String() }

// MarshalJSON writes the duration as a string.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads a duration such as "10s"; anything else is refused.
func (s *Span) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("a duration is written like \"10s\" or \"2h\", not %s", b)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no duration: write it like \"10s\" or \"2h\"", text)
	}
	*s = Span(d)
	return nil
}
