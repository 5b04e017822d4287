package ctaphid

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// FuzzReports hands a device any reports, some time apart, between the packets of a well-behaved client. Whatever they
// are: the device is silent after as many packets as it can hold, an answer on a channel that is not allocated is
// always an ERROR, and a new client finds the device well.
//
// Of each 66 bytes the first is a delay, the second where the report goes: bit 0 reads before it, bit 1 lets the user touch
// before it, bit 2 puts it on channel 1.
func FuzzReports(f *testing.F) {
	for _, seed := range []string{
		"", "0000ffffffff860008" + "0102030405060708",
		"00000000000181ffff", "0005000000018600080102030405060708", "000400000000900002", "ff0400000000900001",
		"040400000000840001" + "0a",
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(b, make([]byte, (66-len(b)%66)%66)...), byte(len(b)))
	}
	f.Fuzz(func(t *testing.T, data []byte, knobs byte) {
		cfg := Config{
			Wink: knobs&1 != 0, LockBlocksInit: knobs&2 != 0, LockFollowsTraffic: knobs&4 != 0,
			BusyBeatsInvalidChannel: knobs&8 != 0, SameChannel: SameChannelPolicy(knobs >> 4 & 3),
			MaxChannels: int(knobs >> 6), TableFull: TableFullPolicy(knobs >> 7),
		}
		w := &watcher{T: t, app: &key{status: StatusUPNeeded}, now: start, allocated: map[uint32]bool{}}
		w.dev = NewDevice(w.app, cfg)
		w.send(Broadcast, CmdInit, make([]byte, 8))
		for ; len(data) >= 66; data = data[66:] {
			w.now = w.now.Add(time.Duration(data[0]) * 10 * time.Millisecond)
			if data[1]&1 != 0 {
				w.drain()
			}
			w.app.ready = data[1]&2 != 0
			r := hid.Report(data[2:66])
			if data[1]&4 != 0 {
				copy(r[:4], []byte{0, 0, 0, 1})
			}
			w.dev.Receive(w.now, &r)
		}
		w.recover()
	})
}

// watcher judges what a device says.
type watcher struct {
	*testing.T
	app       *key
	dev       *Device
	now       time.Time
	allocated map[uint32]bool
}

func (w *watcher) send(channel uint32, cmd Command, message []byte) {
	var r hid.Report
	putInit(&r, channel, cmd, message)
	w.dev.Receive(w.now, &r)
	w.drain()
}

func (w *watcher) drain() {
	var r hid.Report
	for n := 0; w.dev.Transmit(w.now, &r); n++ {
		if n > queueSize+1+maxPackets {
			w.Fatal("the device does not fall silent")
		}
		p := ParsePacket(&r)
		switch {
		case p.Init && p.Command == CmdError:
		case p.Init && p.Command == CmdInit:
			w.allocated[uint32(p.Data[8])<<24|uint32(p.Data[9])<<16|uint32(p.Data[10])<<8|uint32(p.Data[11])] = true
		case !w.allocated[p.Channel]:
			w.Fatalf("channel %x is not allocated and hears %s", p.Channel, line(&r))
		}
	}
	if wake := w.dev.Wake(); !wake.IsZero() && !wake.After(w.now) {
		w.Fatalf("silent, and wakes in the past: %v", wake)
	}
}

// recover lets every transaction and lock end, and checks that a new client is served.
func (w *watcher) recover() {
	w.app.ready = true
	w.drain()
	w.now = w.now.Add(11 * time.Second)
	w.drain()
	if w.dev.config.TableFull == FullBusy {
		return // a table that others filled stays full
	}
	h := new(Host)
	h.Open([8]byte{1, 2, 3})
	exchange(h, w.dev, w.now)
	if err := h.Send(CmdPing, []byte("well")); err != nil {
		w.Fatalf("a new client gets no channel: %v", err)
	}
	exchange(h, w.dev, w.now)
	if answer, err := h.Answer(); err != nil || string(answer) != "well" {
		w.Fatalf("a new client is answered %q, %v", answer, err)
	}
}

// FuzzHost hands a host any reports: it says nothing that was not asked for, and its own device still gets through.
func FuzzHost(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0xbf, 0, 1, 6})
	f.Add([]byte{0, 0, 0, 1, 0x81, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, d := connect(t, Config{})
		_ = h.Send(CmdPing, make([]byte, 300))
		for len(data) > 0 {
			var r hid.Report
			data = data[copy(r[:], data):]
			h.Receive(&r)
		}
		if h.Done() {
			if answer, err := h.Answer(); err == nil && len(answer) > MaxMessage {
				t.Fatal("an answer that no message holds")
			}
		}
		h.Open([8]byte{42})
		exchange(h, d, start)
		if _, err := h.Answer(); err != nil {
			t.Fatalf("the host does not find its device again: %v", err)
		}
	})
}
