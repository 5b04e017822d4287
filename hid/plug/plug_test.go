package plug_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/pipe"
	"github.com/mfalab/mfalab/hid/plug"
)

// touched is an app whose answer waits for the user.
type touched struct {
	ready bool
	reply []byte
	wake  time.Time
}

func (a *touched) CBOR(time.Time, uint32, []byte) { a.ready = false }
func (a *touched) APDU(time.Time, uint32, []byte) { a.ready = true }
func (a *touched) Status(time.Time) byte          { return ctaphid.StatusUPNeeded }
func (a *touched) Cancel(time.Time)               { a.ready, a.reply = true, []byte{0x2d} }
func (a *touched) Wink(time.Time)                 {}
func (a *touched) Wake() time.Time                { return a.wake }
func (a *touched) Reply(now time.Time) ([]byte, bool) {
	if !a.wake.IsZero() && !now.Before(a.wake) {
		a.ready, a.reply, a.wake = true, []byte{0x2f}, time.Time{}
	}
	return a.reply, a.ready
}

// lab is a served device and its client.
type lab struct {
	*testing.T
	app    *touched
	host   ctaphid.Host
	port   hid.Port // the client's
	do     chan func(now time.Time)
	cancel context.CancelFunc
	ended  chan error
}

func newLab(t *testing.T) *lab {
	device, host := pipe.New()
	ctx, cancel := context.WithCancel(t.Context())
	l := &lab{T: t, app: &touched{}, port: host, do: make(chan func(now time.Time)), cancel: cancel, ended: make(chan error, 1)}
	go func() { l.ended <- plug.Serve(ctx, device, ctaphid.NewDevice(l.app, ctaphid.Config{}), l.do) }()
	l.host.Open([8]byte{1})
	l.finish()
	return l
}

func (l *lab) write() {
	var r hid.Report
	for l.host.Transmit(&r) {
		require.NoError(l, l.port.WriteReport(&r))
	}
}

func (l *lab) read() {
	var r hid.Report
	require.NoError(l, l.port.ReadReport(&r))
	l.host.Receive(&r)
}

func (l *lab) finish() {
	for l.write(); !l.host.Done(); l.read() {
	}
}

// stop unplugs. A goroutine that stays behind hangs the bubble, and the test fails.
func (l *lab) stop() {
	l.cancel()
	require.NoError(l, <-l.ended)
	var r hid.Report
	require.Error(l, l.port.WriteReport(&r))
}

func TestATouchWhileTheHostWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		begun := time.Now()
		require.NoError(t, l.host.Send(ctaphid.CmdCBOR, []byte{1}))
		go func() {
			<-time.After(310 * time.Millisecond) // of the bubble
			l.do <- func(now time.Time) {
				require.Equal(t, 310*time.Millisecond, now.Sub(begun))
				l.app.ready, l.app.reply = true, []byte{0}
			}
		}()
		l.finish()
		require.Equal(t, 310*time.Millisecond, time.Since(begun))
		n, status := l.host.Keepalives()
		require.Equal(t, 4, n, "at once, and after 80, 160 and 240 ms")
		require.Equal(t, ctaphid.StatusUPNeeded, status)
		answer, err := l.host.Answer()
		require.NoError(t, err)
		require.Equal(t, []byte{0}, answer)
		l.stop()
	})
}

func TestTheAppsOwnTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		begun := time.Now()
		l.do <- func(now time.Time) { l.app.wake = now.Add(30*time.Second + 1) }
		require.NoError(t, l.host.Send(ctaphid.CmdCBOR, []byte{1}))
		l.finish()
		require.Equal(t, 30*time.Second+1, time.Since(begun))
		answer, err := l.host.Answer()
		require.NoError(t, err)
		require.Equal(t, []byte{0x2f}, answer)
		l.stop()
	})
}

func TestHalfAMessageTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		begun := time.Now()
		require.NoError(t, l.host.Send(ctaphid.CmdPing, make([]byte, 100)))
		var r hid.Report
		l.host.Transmit(&r)
		require.NoError(t, l.port.WriteReport(&r))
		l.read()
		_, err := l.host.Answer()
		require.Equal(t, ctaphid.ErrMsgTimeout, err)
		require.Equal(t, ctaphid.Timeout, time.Since(begun))
		l.stop()
	})
}

func TestCancelWhileTheUserIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		require.NoError(t, l.host.Send(ctaphid.CmdCBOR, []byte{1}))
		l.write()
		l.read()
		l.host.Cancel()
		l.finish()
		answer, err := l.host.Answer()
		require.NoError(t, err)
		require.Equal(t, []byte{0x2d}, answer)
		l.stop()
	})
}

func TestAnIdleDeviceSetsNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		close(l.do)
		<-time.After(time.Hour) // of the bubble; a loop that spins never lets this return
		require.NoError(t, l.host.Send(ctaphid.CmdPing, []byte{1}))
		l.finish()
		l.stop()
	})
}

func TestAPortThatFailsEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		require.NoError(t, l.port.Close())
		require.ErrorIs(t, <-l.ended, io.EOF)
		l.cancel()
	})
}

func TestAHostThatDoesNotReadEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		require.NoError(t, l.host.Send(ctaphid.CmdPing, make([]byte, ctaphid.MaxMessage)))
		l.write()
		synctest.Wait()
		l.stop()
	})
}

// broken is a port whose writes fail.
type broken struct{ hid.Port }

var errBroken = errors.New("broken")

func (broken) WriteReport(*hid.Report) error { return errBroken }

func TestAWriteThatFailsEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device, host := pipe.New()
		ended := make(chan error, 1)
		go func() {
			ended <- plug.Serve(t.Context(), broken{device}, ctaphid.NewDevice(&touched{}, ctaphid.Config{}), nil)
		}()
		var h ctaphid.Host
		var r hid.Report
		h.Open([8]byte{1})
		h.Transmit(&r)
		require.NoError(t, host.WriteReport(&r))
		require.ErrorIs(t, <-ended, errBroken)
	})
}

// BenchmarkPing57 is one request through two pipes and the goroutine of Serve.
func BenchmarkPing57(b *testing.B) {
	device, port := pipe.New()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(b.Context())
	go func() { ended <- plug.Serve(ctx, device, ctaphid.NewDevice(&touched{}, ctaphid.Config{}), nil) }()
	var h ctaphid.Host
	var r hid.Report
	turn := func() {
		for h.Transmit(&r) {
			if port.WriteReport(&r) != nil {
				b.Fatal("not written")
			}
		}
		for !h.Done() {
			if port.ReadReport(&r) != nil {
				b.Fatal("not read")
			}
			h.Receive(&r)
		}
	}
	h.Open([8]byte{1})
	turn()
	message := make([]byte, 57)
	b.ReportAllocs()
	for b.Loop() {
		_ = h.Send(ctaphid.CmdPing, message)
		turn()
	}
	cancel()
	require.NoError(b, <-ended)
}
