package u2f

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A key derives a secret for each credential id that it is asked about, lists of them included.
func TestDerivingLeavesTheHeapAlone(t *testing.T) {
	k := newPlatform(t, "ctap2.3").k
	var id [credentialIDSize]byte
	first := k.macOf([32]byte{1}, &id, nil)
	require.Zero(t, testing.AllocsPerRun(100, func() { k.macOf([32]byte{1}, &id, nil) }))
	require.Equal(t, first, k.macOf([32]byte{1}, &id, nil), "what was derived before is not derived from")
	require.NotEqual(t, first, k.macOf([32]byte{1}, &id, []byte{0}))
	require.NotEqual(t, first, k.master.derive(labelKey))
}
