package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

func TestAKeyThatNobodyHasAttachedTellsNothingOfItself(t *testing.T) {
	var b bytes.Buffer
	tellKey(&b, live.KeyShown{Serial: "KEY001", Plugged: true, Unpowered: true, Node: "usbip:127.0.0.1:3240 1-1"})
	require.Contains(t, b.String(), "plugged in   usbip:127.0.0.1:3240 1-1 (no power: nobody has attached it)\n")
	require.NotContains(t, b.String(), "credentials")
	require.Equal(t, "unknown", pin(live.KeyShown{Unpowered: true}))
}
