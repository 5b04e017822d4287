package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

func TestEventsSayWhatThereIsToKnow(t *testing.T) {
	for want, e := range map[string]u2f.Event{
		"watching":                   {Name: live.Watching},
		"pin-set":                    {Name: u2f.PINSet, Left: 8},
		"waiting authenticatorReset": {Name: u2f.Waiting, Command: "authenticatorReset"},
		"registered authenticatorMakeCredential example.org counter 0": {Name: u2f.Registered, Command: "authenticatorMakeCredential", RP: "example.org"},
		"signed authenticatorGetAssertion example.org counter 7":       {Name: u2f.Signed, Command: "authenticatorGetAssertion", RP: "example.org", Counter: 7},
		"pin-wrong 7 tries left":                                       {Name: u2f.PINWrong, Left: 7},
		"pin-blocked 0 tries left":                                     {Name: u2f.PINBlocked},
		"not-verified authenticatorGetAssertion example.org mallory-1 2 tries left": {Name: u2f.NotVerified, Command: "authenticatorGetAssertion", RP: "example.org",
			Finger: "mallory-1", Left: 2},
		"sample authenticatorBioEnrollment left-thumb too-fast 5 more": {Name: u2f.SampleTaken, Command: "authenticatorBioEnrollment", Finger: "left-thumb",
			Sample: "too-fast", Left: 5},
		"element-failed the TPM is gone": {Name: u2f.ElementFailed, Why: "the TPM is gone"},
	} {
		require.Equal(t, want, eventWords(&e))
	}
}

func TestNamesDoNotMoveTheCursor(t *testing.T) {
	require.Equal(t, "J\u00fcrgen \u68ee \ufffd[2J\ufffd", printable("J\u00fcrgen \u68ee \x1b[2J\n"))
}
