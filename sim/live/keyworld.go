package live

import (
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

var (
	_ ctaphid.App = (*u2f.Key)(nil)
	_ ctaphid.App = keyApp{}
	_ sim.Machine = (*key)(nil)
)

// A keyApp stands between the framing, which goes by the wall's clock, and the key, which goes by the lab's: the wire's
// time-outs are the other program's business, touches and tokens are the world's. The world tells the key the time and
// the port when to look, so the framing never has to wait for it.
type keyApp struct{ *key }

// CBOR implements ctaphid.App.
func (a keyApp) CBOR(_ time.Time, channel uint32, req []byte) {
	a.core.CBOR(a.at, channel, req)
}

// APDU implements ctaphid.App.
func (a keyApp) APDU(_ time.Time, channel uint32, req []byte) {
	a.core.APDU(a.at, channel, req)
}

// Reply implements ctaphid.App.
func (a keyApp) Reply(time.Time) ([]byte, bool) { return a.core.Reply(a.at) }

// Status implements ctaphid.App.
func (a keyApp) Status(time.Time) byte { return a.core.Status(a.at) }

// Cancel implements ctaphid.App.
func (a keyApp) Cancel(time.Time) { a.core.Cancel(a.at) }

// Wink implements ctaphid.App.
func (a keyApp) Wink(time.Time) { a.core.Wink(a.at) }

// Wake implements ctaphid.App.
func (a keyApp) Wake() time.Time { return time.Time{} }

// Wake implements sim.Machine.
func (k *key) Wake() time.Time { return k.core.Wake() }

// Step implements sim.Machine.
func (k *key) Step(now time.Time) {
	k.at = now
	k.core.Step(now)
	k.poke()
}

// settle follows up what has been done to the key in this turn: who waited to touch it does so now.
func (k *key) settle(w *sim.World) {
	k.at = w.Now()
	for r, blinks := k.core.Waiting(); blinks; r, blinks = k.core.Waiting() {
		b := &k.lab.bench
		i := b.nextTouch(k)
		if i < 0 {
			break
		}
		t := b.touching[i]
		given := outcome{Touch: Touch{Serial: k.serial, Request: r}}
		if need := time.Duration(r.Hold); t.hold < need {
			given = outcome{err: fmt.Errorf("the key %q wants the finger to rest for %s: give --hold %s", k.serial, need, need)}
		} else if !k.core.Hold(k.at, t.hold) {
			break
		}
		t.done <- given
		b.touching = slices.Delete(b.touching, i, i+1)
	}
	w.Changed(k)
	k.poke()
}

// poke has the port look for reports.
func (k *key) poke() {
	if k.port != nil {
		k.port.poke()
	}
}

// observe hears from the key what happens in it.
func (k *key) observe(e u2f.Event) {
	attrs := []sim.Attr{sim.String("serial", k.serial)}
	if e.Command != "" {
		attrs = append(attrs, sim.String("command", e.Command))
	}
	if e.RP != "" {
		attrs = append(attrs, sim.String("rp", e.RP))
	}
	if e.Finger != "" {
		attrs = append(attrs, sim.String("finger", e.Finger))
	}
	if e.Why != "" {
		attrs = append(attrs, sim.String("why", e.Why))
	}
	switch e.Name {
	case u2f.Registered, u2f.Signed:
		attrs = append(attrs, sim.Int("counter", int64(e.Counter)))
	case u2f.PINWrong, u2f.PINBlocked, u2f.NotVerified:
		attrs = append(attrs, sim.Int("left", int64(e.Left)))
	case u2f.SampleTaken:
		attrs = append(attrs, sim.String("sample", e.Sample), sim.Int("left", int64(e.Left)))
	case u2f.Touched, u2f.TimedOut:
		if k.scripted { // one of the fingers may have done its work
			k.lab.bench.unsavedKeys[k] = true
		}
	}
	k.lab.world.Record("key."+e.Name, attrs...)
	k.tell(Frame{At: e.At, Event: &e})
}
