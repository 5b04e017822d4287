package ctaphid

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// reports are those of a message.
func reports(channel uint32, cmd Command, message []byte) []hid.Report {
	var s splitter
	s.start(channel, cmd, message)
	var all []hid.Report
	for s.open {
		var r hid.Report
		s.next(&r)
		all = append(all, r)
	}
	return all
}

func TestAssemblyOfEveryLength(t *testing.T) {
	var a Assembly
	for n := 0; n <= MaxMessage; n += 13 {
		message := bytes.Repeat([]byte{byte(n)}, n)
		all := reports(7, CmdCBOR, message)
		for i := range all {
			m, whole := a.Add(&all[i])
			require.Equal(t, i == len(all)-1, whole, "report %d of %d", i, len(all))
			if whole {
				require.Equal(t, Message{7, CmdCBOR, m.Data}, m)
				require.True(t, bytes.Equal(message, m.Data))
			}
		}
	}
}

func TestAssemblyLeavesOut(t *testing.T) {
	long := reports(7, CmdPing, make([]byte, 200))
	other := reports(8, CmdPing, []byte("other"))
	for name, c := range map[string]struct {
		in   []hid.Report
		want int // messages
	}{
		"a continuation of nothing":            {long[1:], 0},
		"a packet that is missing":             {[]hid.Report{long[0], long[2], long[1]}, 0},
		"channels that take turns are no loss": {[]hid.Report{long[0], other[0], long[1], long[2], long[3]}, 2},
		"a message that begins anew":           {append(long[:2:2], long...), 1},
		"a length that no message has":         {[]hid.Report{{0, 0, 0, 7, 0x90, 0xff, 0xff}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var a Assembly
			got := 0
			for i := range c.in {
				if _, whole := a.Add(&c.in[i]); whole {
					got++
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzAssembly(f *testing.F) {
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Assembly
		for ; len(b) >= hid.ReportSize; b = b[hid.ReportSize:] {
			r := hid.Report(b[:hid.ReportSize])
			if m, whole := a.Add(&r); whole {
				require.LessOrEqual(t, len(m.Data), MaxMessage)
			}
			require.LessOrEqual(t, len(a.open), overheard)
		}
	})
}
