package u2f_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/flash"
)

// TestHeap plugs in many keys in one process: each has less than 32 KiB, what lies in its memory flash included.
func TestHeap(t *testing.T) {
	const keys = 100
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	all := make([]*u2f.Key, keys)
	before := used()
	for i := range all {
		r := newRigOn(t, u2f.Profiles()[0], &flash.Memory{})
		r.make(resident("u"))
		r.get()
		all[i] = r.key
	}
	require.Less(t, (used()-before)/keys, uint64(32<<10))
	t.Log((used()-before)/keys, "bytes each")
	runtime.KeepAlive(all)
}
