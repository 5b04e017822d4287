package hid_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

func TestALongMessageIsSpread(t *testing.T) {
	var p hid.Pace
	for range 2 {
		for n := range 32 {
			require.Zero(t, p.Next(), n)
		}
		for n := 32; n < 129; n++ {
			require.Equal(t, hid.PollInterval, p.Next(), n)
		}
		for range 1000 {
			require.Zero(t, p.Next(), "nobody waits for more than a message")
		}
		p.Heard()
	}
}
