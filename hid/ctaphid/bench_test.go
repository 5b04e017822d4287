package ctaphid

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// key is an app that answers with reply once ready is true, and at once when it is told to cancel.
type key struct {
	cbor, apdu []string // requests, with their channels
	reply      []byte
	ready      bool
	status     byte
	cancelled  int
	winked     int
	wake       time.Time
}

func (k *key) CBOR(_ time.Time, channel uint32, req []byte) {
	k.cbor = append(k.cbor, fmt.Sprintf("%x %x", channel, req))
}

func (k *key) APDU(_ time.Time, channel uint32, req []byte) {
	k.apdu = append(k.apdu, fmt.Sprintf("%x %x", channel, req))
}

func (k *key) Reply(time.Time) ([]byte, bool) { return k.reply, k.ready }
func (k *key) Status(time.Time) byte          { return k.status }
func (k *key) Wink(time.Time)                 { k.winked++ }
func (k *key) Wake() time.Time                { return k.wake }
func (k *key) Cancel(time.Time) {
	k.cancelled++
	k.reply, k.ready = []byte{0x2d}, true
}

// bench is a device on a table, whose time stands still.
type bench struct {
	*testing.T
	app *key
	dev *Device
	now time.Time
}

func newBench(t *testing.T, cfg Config) *bench {
	b := &bench{T: t, app: &key{status: StatusProcessing}, now: start}
	b.dev = NewDevice(b.app, cfg)
	return b
}

// open allocates a channel.
func (b *bench) open() uint32 {
	b.Helper()
	b.init(Broadcast, CmdInit, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	var r hid.Report
	require.True(b, b.dev.Transmit(b.now, &r))
	p := ParsePacket(&r)
	require.Equal(b, CmdInit, p.Command, "%x", r)
	return uint32(p.Data[8])<<24 | uint32(p.Data[9])<<16 | uint32(p.Data[10])<<8 | uint32(p.Data[11])
}

// init sends an initialization packet that announces length bytes.
func (b *bench) init(channel uint32, cmd Command, length int, data ...byte) {
	var r hid.Report
	putInit(&r, channel, cmd, data)
	r[5], r[6] = byte(length>>8), byte(length)
	b.dev.Receive(b.now, &r)
}

// cont sends a continuation packet.
func (b *bench) cont(channel uint32, seq byte, data ...byte) {
	var r hid.Report
	putCont(&r, channel, seq, data)
	b.dev.Receive(b.now, &r)
}

// message sends a whole message.
func (b *bench) message(channel uint32, cmd Command, message []byte) {
	var s splitter
	var r hid.Report
	for s.start(channel, cmd, message); s.open; {
		s.next(&r)
		b.dev.Receive(b.now, &r)
	}
}

func (b *bench) wait(d time.Duration) { b.now = b.now.Add(d) }

// want checks all that the device has to say now, one line for each packet.
func (b *bench) want(lines ...string) {
	b.Helper()
	var got []string
	var r hid.Report
	for b.dev.Transmit(b.now, &r) {
		got = append(got, line(&r))
		require.LessOrEqual(b, len(got), 200, "the device does not fall silent")
	}
	require.Equal(b, lines, got)
}

func line(r *hid.Report) string {
	p := ParsePacket(r)
	switch {
	case !p.Init:
		return fmt.Sprintf("%x #%d", p.Channel, p.Seq)
	case p.Command == CmdError:
		return fmt.Sprintf("%x %v", p.Channel, Error(p.Data[0]))
	}
	return fmt.Sprintf("%x %v %d %x", p.Channel, p.Command, p.Length, p.Data[:min(p.Length, len(p.Data))])
}

// What devices say often.
const (
	busy     = "ERR_CHANNEL_BUSY (0x06)"
	badLen   = "ERR_INVALID_LEN (0x03)"
	badSeq   = "ERR_INVALID_SEQ (0x04)"
	badPar   = "ERR_INVALID_PAR (0x02)"
	badCmd   = "ERR_INVALID_CMD (0x01)"
	badCID   = "ERR_INVALID_CHANNEL (0x0b)"
	timedOut = "ERR_MSG_TIMEOUT (0x05)"
	other    = "ERR_OTHER (0x7f)"
	nonce    = "0102030405060708"
)

// echo is a key that answers every command with itself.
type echo struct{ reply []byte }

func (e *echo) CBOR(_ time.Time, _ uint32, req []byte) { e.reply = append(e.reply[:0], req...) }
func (e *echo) APDU(_ time.Time, _ uint32, req []byte) { e.reply = append(e.reply[:0], req...) }
func (e *echo) Reply(time.Time) ([]byte, bool)         { return e.reply, true }
func (e *echo) Status(time.Time) byte                  { return StatusProcessing }
func (e *echo) Cancel(time.Time)                       {}
func (e *echo) Wink(time.Time)                         {}
func (e *echo) Wake() time.Time                        { return time.Time{} }

// exchange carries packets between h and d until both are silent.
func exchange(h *Host, d *Device, now time.Time) {
	var r hid.Report
	for h.Transmit(&r) {
		d.Receive(now, &r)
	}
	for d.Transmit(now, &r) {
		h.Receive(&r)
	}
}

func connect(tb testing.TB, cfg Config) (*Host, *Device) {
	h, d := new(Host), NewDevice(&echo{}, cfg)
	h.Open([8]byte{1, 2, 3, 4, 5, 6, 7, 8})
	exchange(h, d, start)
	_, err := h.Answer()
	require.NoError(tb, err)
	return h, d
}

func TestEveryLengthIsTheSameAfterHostAndDevice(t *testing.T) {
	h, d := connect(t, Config{})
	message := make([]byte, MaxMessage)
	for i := range message {
		message[i] = byte(i*7 + i>>8)
	}
	for n := 0; n <= MaxMessage; n++ {
		for _, cmd := range []Command{CmdPing, CmdCBOR} {
			if n == 0 && cmd == CmdCBOR {
				continue
			}
			require.NoError(t, h.Send(cmd, message[:n]))
			exchange(h, d, start)
			answer, err := h.Answer()
			if err != nil || !bytes.Equal(message[:n], answer) {
				t.Fatalf("%v of %d bytes came back as %d bytes, %v", cmd, n, len(answer), err)
			}
		}
	}
}

func TestPacketsDoNotAllocate(t *testing.T) {
	h, d := connect(t, Config{})
	message := make([]byte, MaxMessage)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"PING of 57 bytes", func() { _ = h.Send(CmdPing, message[:57]); exchange(h, d, start) }},
		{"PING of 7609 bytes", func() { _ = h.Send(CmdPing, message); exchange(h, d, start) }},
		{"CBOR", func() { _ = h.Send(CmdCBOR, message[:200]); exchange(h, d, start) }},
		{"LOCK", func() { _ = h.Send(CmdLock, []byte{0}); exchange(h, d, start) }},
		{"INIT on its channel", func() { h.Resync([8]byte{9}); exchange(h, d, start) }},
		{"INIT on the broadcast channel", func() { h.Open([8]byte{9}); exchange(h, d, start) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(100, c.run))
			_, err := h.Answer()
			require.NoError(t, err)
		})
	}
}

func BenchmarkPing57(b *testing.B)   { benchmarkPing(b, 57) }
func BenchmarkPing7609(b *testing.B) { benchmarkPing(b, MaxMessage) }

func benchmarkPing(b *testing.B, n int) {
	h, d := connect(b, Config{})
	message := make([]byte, n)
	b.ReportAllocs()
	b.SetBytes(int64(2 * n))
	for b.Loop() {
		if h.Send(CmdPing, message) != nil {
			b.Fatal("not sent")
		}
		exchange(h, d, start)
		if !h.Done() {
			b.Fatal("no answer")
		}
	}
}
