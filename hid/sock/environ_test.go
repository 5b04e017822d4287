package sock

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnviron(t *testing.T) {
	const (
		lib   = "/home/u/.cache/mfalab/amd64-0123456789abcdef.so"
		older = "/tmp/mfalab-1000/amd64-fedcba9876543210.so"
	)
	for name, c := range map[string]struct{ before, want []string }{
		"nothing":         {nil, []string{"LD_PRELOAD=" + lib, "MFALAB_HID=/bus"}},
		"other variables": {[]string{"A=1", "B="}, []string{"A=1", "B=", "LD_PRELOAD=" + lib, "MFALAB_HID=/bus"}},
		"another library": {[]string{"LD_PRELOAD=libfaketime.so.1"}, []string{"LD_PRELOAD=" + lib + ":libfaketime.so.1", "MFALAB_HID=/bus"}},
		"within another bus": {
			[]string{"LD_PRELOAD=" + lib + ":a.so", "A=1", "MFALAB_HID=/outer"},
			[]string{"A=1", "LD_PRELOAD=" + lib + ":a.so", "MFALAB_HID=/bus"},
		},
		"within a bus of another version": {
			[]string{"LD_PRELOAD=a.so " + older + " b.so", "MFALAB_HID=/outer"},
			[]string{"LD_PRELOAD=" + lib + ":a.so:b.so", "MFALAB_HID=/bus"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := append([]string(nil), c.before...)
			require.Equal(t, c.want, Environ(c.before, lib, "/bus"))
			require.Equal(t, before, c.before, "the argument was changed")
		})
	}
	require.Equal(t, []string{"A=1"}, Without([]string{"LD_PRELOAD=" + lib, "A=1", "MFALAB_HID=/bus"}))
	require.Equal(t, []string{"LD_PRELOAD=a.so"}, Without([]string{"LD_PRELOAD=a.so:" + lib}))
}

// Within a program that sees one bus, a program that sees another.
func TestNested(t *testing.T) {
	outer, inner := newBus(t), newBus(t)
	plugKey(t, outer)
	plugKey(t, inner)
	plugKey(t, inner)
	need(t, "bash")
	lib := shim(t)
	list := "ls -d /dev/hidraw*; "
	cmd := exec.CommandContext(t.Context(), "bash", "-c", list+`MFALAB_HID="$INNER" bash -c "$LIST"; `+list)
	cmd.Env = append(Environ(Environ(os.Environ(), lib, inner.Dir()), lib, outer.Dir()), "INNER="+inner.Dir(), "LIST="+list)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "/dev/hidraw0\n/dev/hidraw0\n/dev/hidraw1\n/dev/hidraw0\n", string(out))
}
