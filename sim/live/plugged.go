package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/plug"
	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/hid/tcp"
	"github.com/mfalab/mfalab/hid/udp"
	"github.com/mfalab/mfalab/hid/uhid"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// hidFolder is the bus folder, in the lab's directory.
const hidFolder = "hid"

// BusDir returns where the lab's keys are found by programs that see its HID bus.
func (l *Lab) BusDir() string { return l.files.join(hidFolder) }

// OpenBus gives the lab a HID bus, into which its keys are plugged from now on. A second call does nothing. Without one
// keys have power and no host.
func (l *Lab) OpenBus(ctx context.Context) error {
	dir, err := filepath.Abs(l.BusDir())
	if err != nil {
		return err
	}
	return l.Do(ctx, func(w *sim.World) error {
		if l.bus != nil {
			return nil
		}
		if l.bus, err = sock.Open(dir); err != nil {
			return err
		}
		l.served = true
		return l.bench.connect()
	})
}

// serveKeys opens the ways in of the keys that are not on the bus: those have an address of their own, and are there for
// as long as the lab is.
func (l *Lab) serveKeys() error {
	return l.Do(context.Background(), func(*sim.World) error {
		l.served = true
		return l.bench.connect()
	})
}

// connect gives the keys that have power and no host yet their way in.
func (b *bench) connect() (err error) {
	for _, k := range b.allKeys() {
		if k.port != nil && k.port.port == nil {
			err = errors.Join(err, k.connect())
		}
	}
	return err
}

// plugged is a key's place on the bus.
type plugged struct {
	via   string    // where: "" is the lab's bus
	port  io.Closer // nil where the lab serves no ways in
	node  string    // what clients call it
	pokes chan func(time.Time)
	stop  context.CancelFunc
	ended chan struct{}
	lent  bool // an importer has it, and it has power; guarded by the lab's turn
	out   bool // guarded by the lab's turn: the key has been pulled out
}

// poke makes the port's goroutine ask the device for reports. One that is under way already is enough.
func (p *plugged) poke() {
	select {
	case p.pokes <- func(time.Time) {}:
	default:
	}
}

// plug gives the key power and, where the lab has a bus, a host.
func (k *key) plug(w *sim.World, via string) error {
	if k.port != nil || k.trouble != nil && (k.unread || k.element.Element == "") {
		return k.trouble
	}
	k.trouble = nil // a secure element may be there again
	p := &plugged{via: via, pokes: make(chan func(time.Time), 1)}
	if !p.exported() {
		if err := k.power(w); err != nil {
			return err
		}
	}
	k.port = p
	k.lab.bench.unsavedKeys[k] = true
	w.Changed(k)
	if err := k.connect(); err != nil {
		k.unplug(w)
		return err
	}
	return nil
}

// power begins a power cycle of the key.
func (k *key) power(w *sim.World) error {
	entropy, err := k.lab.entropy(k)
	if err != nil {
		return err
	}
	k.at = w.Now()
	if err := k.core.PowerUp(k.at, entropy); err != nil {
		err = fmt.Errorf("the key %q does not start: %w", k.serial, err)
		if k.element.Element != "" {
			k.trouble = err // until the element is there
		}
		return err
	}
	k.core.SetPresence(k.at, k.presence) // anew: the clock may have been set back behind the moment it was said
	_, wall := k.lab.clock.Now()
	k.device.PowerCycle(wall)
	return nil
}

// Ways in besides the bus, each with an address of its own.
const (
	viaTCP  = "tcp"
	viaUDP  = "udp"
	viaSock = "sock"
	viaUHID = "uhid"
	viaUSB  = "usbip"
)

func checkVia(via string) error {
	way, _, addressed := strings.Cut(via, ":")
	switch way {
	case viaTCP, viaUDP, viaSock, viaUSB:
		return nil
	case viaUHID, "":
		if !addressed {
			return nil
		}
	}
	return fmt.Errorf("a key cannot be plugged in via %q: give tcp, udp, sock or usbip, with :ADDRESS if you like, or uhid, or nothing for the bus",
		via)
}

// open makes the place where a key is plugged in: a hid.Port, or what importers attach it from.
func (k *key) open(via string) (port io.Closer, node string, err error) {
	way, address, _ := strings.Cut(via, ":")
	id := k.profile.USB
	id.Serial = k.serial
	switch way {
	default:
		s, err := k.lab.bus.Plug(id)
		if err != nil {
			return nil, "", err
		}
		return s, "/dev/" + s.Name(), nil
	case viaTCP:
		p, err := tcp.Listen(cmp.Or(address, tcp.DefaultAddress))
		if err != nil {
			return nil, "", err
		}
		return p, viaTCP + ":" + p.Addr().String(), nil
	case viaUDP:
		p, err := udp.Listen(cmp.Or(address, udp.DefaultAddress))
		if err != nil {
			return nil, "", err
		}
		return p, viaUDP + ":" + p.Addr().String(), nil
	case viaSock:
		s, err := sock.Listen(cmp.Or(address, k.lab.files.join(k.serial+".sock")))
		if err != nil {
			return nil, "", err
		}
		return s, viaSock + ":" + s.Path(), nil
	case viaUHID:
		p, err := uhid.Plug(id)
		if err != nil {
			return nil, "", err
		}
		return p, p.Node(), nil
	case viaUSB:
		d, err := k.lab.exports.plug(address, id)
		if err != nil {
			return nil, "", err
		}
		return d, viaUSB + ":" + d.server.Addr().String() + " " + d.BusID(), nil
	}
}

// connect gives a key that has power its way in.
func (k *key) connect() error {
	p := k.port
	if p.via == "" && k.lab.bus == nil || !k.lab.served {
		return nil
	}
	port, node, err := k.open(p.via)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	p.port, p.node, p.stop, p.ended = port, node, stop, make(chan struct{})
	go func() {
		defer close(p.ended)
		switch port := port.(type) {
		case hid.Port:
			p.serve(ctx, k, port)
		case *export:
			p.lend(ctx, k, port)
		}
	}()
	return nil
}

// A connected way in hears of a client that ends: those of its clients are connections.
type connected interface {
	Left(gone func(channel uint32))
}

// serve lets a host have the key until one of both goes.
func (p *plugged) serve(ctx context.Context, k *key, port hid.Port) {
	if c, ok := port.(connected); ok {
		c.Left(func(channel uint32) { p.abandon(ctx, k, channel) })
	}
	// The port's error is that it was closed: the bus has gone, and the key with it.
	_ = plug.Serve(ctx, port, hid.Tap(inTurn{k, p}, k.watch), p.pokes)
}

// abandon ends what a program wanted of the key that has gone: the lab's clock may stand, and the key would blink for ever.
func (p *plugged) abandon(ctx context.Context, k *key, channel uint32) {
	select {
	case p.pokes <- func(now time.Time) {
		inTurn{k, p}.turn(func(w *sim.World) {
			k.device.Abandon(now, channel)
			k.settle(w)
		})
	}:
	case <-ctx.Done():
	}
}

// unplug pulls the key out: volatile state is lost, clients see it go.
func (k *key) unplug(w *sim.World) {
	p := k.port
	if p == nil {
		return
	}
	p.out, k.port = true, nil
	k.at = w.Now()
	k.core.PowerDown(k.at)
	if p.port != nil {
		p.stop()
		_ = p.port.Close() // its name may have been taken away from outside; nobody is served either way
	}
	k.lab.bench.unsavedKeys[k] = true
	w.Changed(k)
}

// inTurn is a key's device as the port's goroutine has it: each call waits for its turn in the world.
type inTurn struct {
	k *key
	p *plugged
}

var _ hid.Device = inTurn{}

// turn runs f, unless the key has been pulled out.
func (t inTurn) turn(f func(w *sim.World)) {
	// The only error is that the lab is closed: then the key has gone, too.
	_ = t.k.lab.Do(context.Background(), func(w *sim.World) error {
		if !t.p.out {
			t.k.at = w.Now()
			f(w)
		}
		return nil
	})
}

// Receive implements hid.Device.
func (t inTurn) Receive(now time.Time, r *hid.Report) {
	t.turn(func(w *sim.World) {
		t.k.device.Receive(now, r)
		t.k.settle(w)
	})
}

// Transmit implements hid.Device.
func (t inTurn) Transmit(now time.Time, r *hid.Report) (ok bool) {
	t.turn(func(*sim.World) { ok = t.k.device.Transmit(now, r) })
	return ok
}

// Wake implements hid.Device.
func (t inTurn) Wake() (at time.Time) {
	t.turn(func(*sim.World) { at = t.k.device.Wake() })
	return at
}

// entropy returns the chance of one power cycle of a key: the system's, or, in a lab that was made from a seed, the next
// that this seed gives. What a chip is to keep to itself nobody works out from a seed that lies in the directory.
func (l *Lab) entropy(k *key) ([]byte, error) {
	if l.opt.Seed == "" || k.element.Element != "" {
		c, err := newChance("")
		return c.Bytes(entropySize), err
	}
	l.state.Powered++
	l.unsaved = true
	return l.chance.Derive("security key", k.serial, "power", fmt.Sprint(l.state.Powered)).Bytes(entropySize), nil
}

// cyclesOfALife is how many power cycles a seeded lab counts for each time that it is opened. Our choice: more than there can
// be. A lab that is killed has not stored its count, and must not give a key the chance of an earlier cycle again.
const cyclesOfALife = 1 << 20

// beginLife counts, in a seeded lab that has keys, that it was opened, before any of them has power.
func (l *Lab) beginLife(ctx context.Context) error {
	keys, err := l.files.list(keysFolder)
	if err != nil || len(keys) == 0 || l.opt.Seed == "" {
		return err
	}
	l.state.Powered = (l.state.Powered/cyclesOfALife + 1) * cyclesOfALife
	l.unsaved = true
	return l.Save(ctx)
}

// entropySize is what u2f.Key.PowerUp asks for.
const entropySize = 32

// PlugKey plugs a key in: into the lab's bus, or via "tcp", "udp", "sock" or "usbip", with ":" and an address of the user's
// choice, or via "uhid". What is plugged in stays so when the lab is opened again. Via "usbip" it has no power before
// somebody attaches it.
func (l *Lab) PlugKey(ctx context.Context, serial, via string) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		if k.port != nil {
			return fmt.Errorf("the key %q is plugged in already", k.serial)
		}
		if err := checkVia(via); err != nil {
			return err
		}
		err := k.plug(w, via)
		if err == nil {
			w.Record("key.plugged", sim.String("serial", k.serial))
		}
		return err
	})
}

// UnplugKey pulls a key out: it loses power, and what it keeps is only what is in its flash.
func (l *Lab) UnplugKey(ctx context.Context, serial string) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		if k.port == nil {
			return fmt.Errorf("the key %q is not plugged in", k.serial)
		}
		k.unplug(w)
		w.Record("key.unplugged", sim.String("serial", k.serial))
		return nil
	})
}

// SetKeyPresence says who touches the key from now on, for a request that waits already as well.
func (l *Lab) SetKeyPresence(ctx context.Context, serial string, p u2f.Presence) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		k.presence = p
		k.core.SetPresence(w.Now(), p)
		l.bench.unsavedKeys[k] = true
		return nil
	})
}

// saveAfter is onKey for what changes a key's file.
func (l *Lab) saveAfter(ctx context.Context, serial string, f func(w *sim.World, k *key) error) (KeyShown, error) {
	shown, err := l.onKey(ctx, serial, f)
	if err != nil {
		return shown, err
	}
	return shown, l.Save(context.WithoutCancel(ctx))
}

// closeKeys takes the bus away and closes the keys' flash, when the lab ends. It must not be called in the world's turn.
func (l *Lab) closeKeys() error {
	var errs []error
	var ended []chan struct{}
	l.turn.Lock()
	for _, k := range l.bench.allKeys() {
		if p := k.port; p != nil && p.port != nil {
			p.out = true
			p.stop()
			ended = append(ended, p.ended)
		}
		if k.inside != nil {
			_ = k.inside.Close() // what it had loaded is gone then, one way or the other
		}
		errs = append(errs, k.close())
	}
	bus := l.bus
	l.bus = nil
	l.turn.Unlock()
	for _, e := range ended {
		<-e
	}
	errs = append(errs, l.exports.close())
	if bus != nil {
		if err := bus.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
