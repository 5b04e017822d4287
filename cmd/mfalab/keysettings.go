package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/mfalab/mfalab/sim/live"
)

// showSettings writes what authenticatorConfig and authenticatorLargeBlobs have changed of a key; a new one has none of it.
func showSettings(w io.Writer, s live.KeyShown) {
	for _, line := range []struct {
		there bool
		text  string
	}{
		{s.AlwaysUV, "always UV    yes"},
		{s.MinPINLength > leastPIN, fmt.Sprintf("shortest PIN %d characters", s.MinPINLength)},
		{len(s.PINTold) > 0, "which know   " + strings.Join(s.PINTold, ", ")},
		{s.PINPolicy, "PIN policy   in force"},
		{s.Enterprise, "enterprise   attestation enabled"},
		{s.LongTouch, "reset        by a long touch"},
		{s.LargeBlobs > leastBlobs, fmt.Sprintf("large blobs  %d of %d bytes", s.LargeBlobs, s.MaxLargeBlobs)},
	} {
		if line.there {
			fmt.Fprintln(w, line.text)
		}
	}
}

// From the specification of CTAP 2.1.
const (
	leastPIN   = 4  // Section 6.5.1
	leastBlobs = 17 // Section 6.10: the array without entries
)
