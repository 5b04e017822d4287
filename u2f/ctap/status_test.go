package ctap

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every one of the 256 codes is what testdata/status.txt, typed from the specification, says it is.
func TestStatusTable(t *testing.T) {
	want := map[Status]string{}
	text, err := os.ReadFile("testdata/status.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		var code byte
		var name string
		_, err := fmt.Sscanf(line, "0x%02X %s", &code, &name)
		require.NoError(t, err, line)
		want[Status(code)] = name
	}
	for c := range 256 {
		s := Status(c)
		name, listed := want[s]
		switch {
		case listed:
		case c >= 0xF0:
			name = "vendor"
		case c >= 0xE0:
			name = "extension"
		default:
			name = "reserved"
		}
		require.Equal(t, name, s.Name(), "0x%02x", c)
		require.EqualError(t, s, fmt.Sprintf("%s (0x%02x)", name, c))
		require.Equal(t, s, StatusOf(s))
	}
	require.Len(t, want, 55)
}

func TestStatusOf(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want Status
	}{
		"no error is OK":                            {nil, OK},
		"a status is itself":                        {ErrPINInvalid, ErrPINInvalid},
		"a wrapped status is found":                 {fmt.Errorf("pin: %w", ErrPINBlocked), ErrPINBlocked},
		"the first of several joined statuses wins": {errors.Join(errors.New("x"), ErrNotAllowed, ErrOther), ErrNotAllowed},
		"an error of ours is CTAP1_ERR_OTHER":       {errors.New("flash: stuck"), ErrOther},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, StatusOf(tt.err)) })
	}
}
