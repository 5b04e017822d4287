package sock

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// However a client cuts its bytes, the reports are the same, and what is no whole report is none.
func FuzzStreamCuts(f *testing.F) {
	f.Add([]byte{}, byte(1))
	f.Add(bytes.Repeat([]byte{1}, hid.ReportSize), byte(1))
	f.Add(bytes.Repeat([]byte{2}, 3*hid.ReportSize+1), byte(63))
	f.Add(bytes.Repeat([]byte{3}, 2*hid.ReportSize-1), byte(65))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(f.TempDir(), "s"), Net: "unix"})
	require.NoError(f, err)
	f.Cleanup(func() { l.Close() })
	f.Fuzz(func(t *testing.T, sent []byte, cut byte) {
		if len(sent) > 1<<16 {
			t.Skip("longer than the socket's buffer")
		}
		client, err := net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
		require.NoError(t, err)
		conn, err := l.AcceptUnix()
		require.NoError(t, err)
		defer conn.Close()
		o, err := newOpener(conn, stream)
		require.NoError(t, err)
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(int(cut)+1, len(rest))
				if _, err := client.Write(rest[:n]); err != nil {
					break
				}
				rest = rest[n:]
			}
			client.Close()
		}()
		var r hid.Report
		var got []byte
		for o.receive(&r) == nil {
			got = append(got, r[:]...)
		}
		whole := len(sent) / hid.ReportSize * hid.ReportSize
		require.True(t, bytes.Equal(sent[:whole], got))
	})
}
