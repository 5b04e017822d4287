package live_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// BenchmarkPress presses one fob for its next code, in a lab that keeps it on disk and in one that keeps nothing.
func BenchmarkPress(b *testing.B) {
	for name, keepsNothing := range map[string]bool{"stored": false, "ephemeral": true} {
		b.Run(name, func(b *testing.B) {
			lab, err := live.Open(b.Context(), live.Options{Dir: b.TempDir(), Ephemeral: keepsNothing, Seed: "benchmark",
				Virtual: true, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
			require.NoError(b, err)
			defer func() { require.NoError(b, lab.Close()) }()
			// An app has no battery to run down.
			fob, err := lab.NewFob(b.Context(), live.FobSpec{Profile: "app"})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := lab.Press(b.Context(), live.Fobs, fob.Serial, live.PressOptions{Next: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
