package live

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/usbip"
	"github.com/mfalab/mfalab/sim"
)

// exports is where USB/IP importers find the lab's keys: one server, for as long as a key is plugged in by it. Its zero
// value has none.
type exports struct {
	mu     sync.Mutex
	server *usbip.Server
	asked  string // the address it was asked for
	keys   int
}

// An export is a key that importers may attach.
type export struct {
	*usbip.Device
	server *usbip.Server
	from   *exports
	once   sync.Once
}

// plug exports a key that calls itself id at address, where the other keys are if that is empty.
func (e *exports) plug(address string, id hid.Identity) (*export, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil && address != "" && address != e.asked && address != e.server.Addr().String() {
		return nil, fmt.Errorf("the lab's keys are exported at %v already: leave the address %q out", e.server.Addr(), address)
	}
	if e.server == nil {
		server, err := usbip.Listen(cmp.Or(address, usbip.DefaultAddress))
		if err != nil {
			return nil, err
		}
		e.server, e.asked = server, address
	}
	d, err := e.server.Plug(id)
	if err != nil {
		e.emptied()
		return nil, err
	}
	e.keys++
	return &export{Device: d, server: e.server, from: e}, nil
}

// Close takes the key away from its importer, and with the last key the server goes.
func (x *export) Close() error {
	x.once.Do(func() {
		_ = x.Device.Close() // gives no error
		x.from.mu.Lock()
		defer x.from.mu.Unlock()
		x.from.keys--
		x.from.emptied()
	})
	return nil
}

// emptied ends a server without keys. The caller holds mu.
func (e *exports) emptied() {
	if e.keys == 0 && e.server != nil {
		_ = e.server.Close() // gives no error
		e.server = nil
	}
}

// close ends the server, with the lab.
func (e *exports) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return nil
	}
	return e.server.Close()
}

// exported reports whether importers have to attach the key before it has power.
func (p *plugged) exported() bool {
	way, _, _ := strings.Cut(p.via, ":")
	return way == viaUSB
}

// lend lets importers have the key, one after the other. Each attach is a power cycle.
func (p *plugged) lend(ctx context.Context, k *key, x *export) {
	for {
		port, err := x.Accept(ctx)
		if err != nil {
			return // it was pulled out
		}
		if p.attached(k) {
			p.serve(ctx, k, port)
		}
		_ = port.Close() // gives no error
		inTurn{k, p}.turn(func(w *sim.World) { p.detached(k, w) })
	}
}

// attached gives the key power, and reports whether it started.
func (p *plugged) attached(k *key) bool {
	inTurn{k, p}.turn(func(w *sim.World) {
		if err := k.power(w); err != nil {
			w.Record("key.trouble", sim.String("serial", k.serial), sim.String("message", err.Error()))
			return
		}
		p.lent = true
		w.Record("key.attached", sim.String("serial", k.serial))
		k.lab.bench.unsavedKeys[k] = true
		w.Changed(k)
	})
	return p.lent
}

// detached takes the power away again.
func (p *plugged) detached(k *key, w *sim.World) {
	if !p.lent {
		return
	}
	p.lent = false
	k.core.PowerDown(k.at)
	w.Record("key.detached", sim.String("serial", k.serial))
	w.Changed(k)
}

// cycle takes a key's power away and gives it back. One that an importer has stays attached: nobody but that could attach
// it again.
func (k *key) cycle(w *sim.World) error {
	p := k.port
	if !p.exported() {
		k.unplug(w)
		return k.plug(w, p.via)
	}
	return k.power(w)
}
