package u2f

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

const newerPIN = "567890"

// The power fails at each write of each subcommand that writes, before it, inside it and after it. What is left is the
// old PIN or the new one, whole; attempts grow only where the right PIN was given; what was answered is true.
func TestPINCut(t *testing.T) {
	type outcome struct {
		pin  string // that is set then, "" for none
		left uint64
	}
	scenarios := map[string]struct {
		pin      string
		spent    int // wrong PINs before
		do       func(h *platform) ctap.Status
		want     ctap.Status
		outcomes []outcome // old to new, in the order of writes
	}{
		"setPIN": {"", 0, func(h *platform) ctap.Status { return h.setPIN(goodPIN) }, ctap.OK,
			[]outcome{{"", 8}, {goodPIN, 8}}},
		"changePIN": {goodPIN, 2, func(h *platform) ctap.Status { return h.changePIN(goodPIN, newerPIN) }, ctap.OK,
			[]outcome{{goodPIN, 6}, {goodPIN, 5}, {goodPIN, 8}, {newerPIN, 8}}},
		"changePIN with a wrong PIN": {goodPIN, 1, func(h *platform) ctap.Status { return h.changePIN(wrongPIN, newerPIN) },
			ctap.ErrPINInvalid, []outcome{{goodPIN, 7}, {goodPIN, 6}}},
		"changePIN to a PIN that is too short": {goodPIN, 1, func(h *platform) ctap.Status { return h.changePIN(goodPIN, "1") },
			ctap.ErrPINPolicyViolation, []outcome{{goodPIN, 7}, {goodPIN, 6}, {goodPIN, 8}}},
		"a token": {goodPIN, 2, func(h *platform) ctap.Status {
			_, status := h.token(goodPIN, ctap.PermissionMC, "example.com")
			return status
		}, ctap.OK, []outcome{{goodPIN, 6}, {goodPIN, 5}, {goodPIN, 8}}},
		"a token with a wrong PIN": {goodPIN, 2, func(h *platform) ctap.Status {
			_, status := h.token(wrongPIN, ctap.PermissionMC, "example.com")
			return status
		}, ctap.ErrPINInvalid, []outcome{{goodPIN, 6}, {goodPIN, 5}}},
	}
	cuts := 0
	for name, s := range scenarios {
		writes := len(s.outcomes) - 1
		for n := 1; n <= writes+1; n++ {
			for _, at := range []flash.Cut{flash.Before, flash.Torn, flash.After} {
				t.Run(fmt.Sprintf("%s, write %d, %v", name, n, at), func(t *testing.T) {
					memory := &flash.Memory{}
					profile, err := ProfileNamed("ctap2.1")
					require.NoError(t, err)
					h := newPlatformOn(t, profile, memory)
					if s.pin != "" {
						require.Equal(t, ctap.OK, h.setPIN(s.pin))
					}
					for range s.spent {
						_, status := h.token(wrongPIN, 0, "")
						require.Equal(t, ctap.ErrPINInvalid, status)
					}
					cutting := flash.CutAfter(memory, n, at)
					h = newPlatformOn(t, profile, cutting)
					status := s.do(h)
					require.Equal(t, n > writes, !cutting.Off(), "the scenario has %d writes", writes)
					want := s.outcomes[writes]
					if cutting.Off() {
						cuts++
						require.Equal(t, ctap.ErrOther, status, "what is not in flash is not said")
						if want = s.outcomes[n-1]; at == flash.After {
							want = s.outcomes[n]
						}
						require.NoError(t, cutting.Restore())
					} else {
						require.Equal(t, s.want, status)
					}
					h.powerCycle()
					left, powerCycle := h.retries()
					require.Equal(t, want, outcome{pinOf(h), left})
					require.False(t, powerCycle)
				})
			}
		}
	}
	require.Equal(t, 30, cuts)
}

// pinOf returns which PIN is set.
func pinOf(h *platform) string {
	for _, pin := range []string{goodPIN, newerPIN} {
		if h.k.pinSet() && string(h.k.pin.locked) == string(pinHash(pin)) {
			return pin
		}
	}
	return ""
}
