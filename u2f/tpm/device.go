package tpm

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// A device is a TPM that this program uses, whoever in it does. All keys of one TPM share one, for a swtpm has one
// connection.
type device struct {
	address Address
	users   int // guarded by devices

	mu     sync.Mutex
	wire   *wire    // nil while there is no connection
	loaded []object // by this connection, the one that was used last at the end
	idle   *time.Timer
}

// An object is something that was loaded into the TPM.
type object struct {
	id     string // what it was loaded from; a storage key's begins with parentID
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public tpm2.TPMTPublic
}

// parentID begins the ids of storage keys, which wrapped keys do not.
const parentID = "parent "

// Our choice.
const (
	// leastSlots is how many objects every TPM can hold (PC Client Platform TPM Profile 1.05, Section 4.4.1): the storage key,
	// and two more, of which one is left free for what is made or opened and forgotten.
	leastSlots = 3
	// silence is how long a TPM that serves one program at a time is kept without a command.
	silence = time.Second
)

var (
	devices  = map[string]*device{}
	devicing sync.Mutex
)

// share returns the device at an address; each call is answered with one of release.
func share(a Address) *device {
	devicing.Lock()
	defer devicing.Unlock()
	d := devices[a.where()]
	if d == nil {
		d = &device{address: a}
		devices[a.where()] = d
	}
	d.users++
	return d
}

// release lets go of the device; the last one to do so ends the connection.
func (d *device) release() error {
	devicing.Lock()
	defer devicing.Unlock()
	if d.users--; d.users > 0 {
		return nil
	}
	delete(devices, d.address.where())
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leave()
}

// do runs f, which may be run twice: what it loads may turn out to be gone, because the TPM was started anew, or the
// connection to be. What f gets is valid until it returns.
func (d *device) do(f func(*device) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.idle != nil {
		d.idle.Stop()
	}
	err := d.attempt(f)
	if lost(err) {
		d.forget()
		err = d.attempt(f)
	}
	if gone(err) || crowded(err) {
		if err = d.flushAll(); err == nil {
			err = d.attempt(f)
		}
	}
	if lost(err) {
		d.forget()
	}
	d.rest()
	return err
}

// lost reports whether err says that there is no connection any more.
func lost(err error) bool {
	_, is := errors.AsType[errLost](err)
	return is
}

func (d *device) attempt(f func(*device) error) error {
	if d.wire == nil {
		w, err := d.address.dial()
		if err != nil {
			return errLost{err}
		}
		d.wire = w
	}
	return f(d)
}

// gone reports whether err says that something is not loaded that we took to be.
func gone(err error) bool {
	rc, is := errors.AsType[tpm2.TPMRC](err)
	return is && (rc.Is(tpm2.TPMRCHandle) || rc >= tpm2.TPMRCReferenceH0 && rc <= tpm2.TPMRCReferenceS6)
}

// crowded reports whether err says that others have left no room for objects or sessions.
func crowded(err error) bool {
	for _, rc := range []tpm2.TPMRC{tpm2.TPMRCObjectMemory, tpm2.TPMRCObjectHandles, tpm2.TPMRCSessionMemory, tpm2.TPMRCSessionHandles,
		tpm2.TPMRCMemory} {
		if errors.Is(err, rc) {
			return true
		}
	}
	return false
}

// rest has a TPM that serves one program at a time let go of after a while.
func (d *device) rest() {
	if d.wire == nil || d.address.device() {
		return
	}
	if d.idle == nil {
		d.idle = time.AfterFunc(silence, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			_ = d.leave() // whoever needs it next learns what is wrong with it
		})
		return
	}
	d.idle.Reset(silence)
}

// leave flushes what was loaded, and ends the connection.
func (d *device) leave() error {
	if d.idle != nil {
		d.idle.Stop()
	}
	if d.wire == nil {
		return nil
	}
	for _, o := range d.loaded {
		if !o.persistent() {
			_, _ = tpm2.FlushContext{FlushHandle: o.handle}.Execute(d.wire) // it is gone then, one way or the other
		}
	}
	return d.forget()
}

// forget ends a connection that is of no use, and with it what it had loaded.
func (d *device) forget() error {
	d.loaded = nil
	if d.wire == nil {
		return nil
	}
	err := d.wire.close()
	d.wire = nil
	return err
}

func (o *object) persistent() bool { return o.handle >= firstPersistent && o.handle <= lastPersistent }

// flushAll empties the TPM of what this program, or one before it that ended without doing so, has loaded. Behind a
// resource manager a program sees its own alone.
func (d *device) flushAll() error {
	d.loaded = nil
	for _, first := range []tpm2.TPMHT{tpm2.TPMHTTransient, tpm2.TPMHTHMACSession, tpm2.TPMHTPolicySession} {
		list, err := d.handles(tpm2.TPMHandle(uint32(first) << 24))
		if err != nil {
			return err
		}
		for _, h := range list {
			if _, err := (tpm2.FlushContext{FlushHandle: h}).Execute(d.wire); err != nil && !gone(err) {
				return err
			}
		}
	}
	return nil
}

// handles returns those of one kind, from first on.
func (d *device) handles(first tpm2.TPMHandle) (all []tpm2.TPMHandle, err error) {
	const most = 64
	for {
		answer, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: uint32(first), PropertyCount: most}.Execute(d.wire)
		if err != nil {
			return nil, err
		}
		list, err := answer.CapabilityData.Data.Handles()
		if err != nil {
			return nil, err
		}
		all = append(all, list.Handle...)
		if !answer.MoreData || len(list.Handle) == 0 {
			return all, nil
		}
		first = list.Handle[len(list.Handle)-1] + 1
	}
}

// find returns what was loaded under an id, and notes that it was used.
func (d *device) find(id string) (object, bool) {
	at := slices.IndexFunc(d.loaded, func(o object) bool { return o.id == id })
	if at < 0 {
		return object{}, false
	}
	o := d.loaded[at]
	if last := len(d.loaded) - 1; at != last {
		d.loaded = append(slices.Delete(d.loaded, at, at+1), o)
	}
	return o, true
}

// room makes room for one more object beside parent, and, where that one is to stay, for it alone.
func (d *device) room(parent *object) error {
	for at := 0; at < len(d.loaded) && len(d.loaded) >= leastSlots; {
		o := d.loaded[at]
		if o.id == parent.id {
			at++
			continue
		}
		d.loaded = slices.Delete(d.loaded, at, at+1)
		if o.persistent() {
			continue
		}
		if _, err := (tpm2.FlushContext{FlushHandle: o.handle}).Execute(d.wire); err != nil {
			return err
		}
	}
	return nil
}
