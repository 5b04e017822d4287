package pipe_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/pipe"
)

func TestPort(t *testing.T) {
	hidtest.TestPort(t, hidtest.WholeLoad, func(*testing.T) (device, host hid.Port) { return pipe.New() })
}

func TestReportsWrittenBeforeTheCloseAreRead(t *testing.T) {
	device, host := pipe.New()
	var r hid.Report
	for n := range 10 {
		r[0] = byte(n)
		require.NoError(t, host.WriteReport(&r))
	}
	require.NoError(t, host.Close())
	for n := range 10 {
		require.NoError(t, device.ReadReport(&r))
		require.Equal(t, byte(n), r[0])
	}
	require.ErrorIs(t, device.ReadReport(&r), io.EOF)
	require.ErrorIs(t, device.WriteReport(&r), io.ErrClosedPipe)
	require.ErrorIs(t, host.ReadReport(&r), io.ErrClosedPipe)
}

func TestAWriterWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device, host := pipe.New()
		var r hid.Report
		written := 0
		go func() {
			var r hid.Report
			for host.WriteReport(&r) == nil {
				written++
			}
		}()
		synctest.Wait()
		require.Equal(t, 64, written)
		require.NoError(t, device.ReadReport(&r))
		synctest.Wait()
		require.Equal(t, 65, written)
		require.NoError(t, device.Close())
		synctest.Wait()
	})
}
