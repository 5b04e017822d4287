package live

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/token"
)

// A Shelf is a part of the bench: fobs lie on one, the accounts of a virtual MFA app on the other.
type Shelf string

// The two shelves; the words are those of the command line.
const (
	Fobs Shelf = "fob"
	Apps Shelf = "app"
)

// shelves is both, in the order in which anything that visits every device does so.
var shelves = []Shelf{Apps, Fobs}

func (s Shelf) folder() string {
	if s == Apps {
		return appsFolder
	}
	return fobsFolder
}

// ErrNoDevice is wrapped by errors about a device that does not lie on the bench.
var ErrNoDevice = errors.New("no such device on the bench")

// A Device is a fob, or an account in the app, as a file keeps it.
type Device struct {
	Fob *token.Fob `json:"fob"`
	// Got is the highest step whose code somebody got since the lab's clock was reset last; nil where nobody did.
	Got *int64 `json:"got,omitempty"`
}

// device is a fob in the world, on its shelf.
type device struct {
	*token.Fob
	shelf   Shelf
	world   *sim.World
	got     int64      // as Device.Got; -1: none
	waiting []*waiting // who waits for a press, in the order of their steps
}

// Step lets time pass for the fob and writes into the journal what people would see happen. Nothing has to be stored: a
// fob that is stepped later is the same.
func (d *device) Step(now time.Time) {
	before := d.Display()
	wasDead := d.dead(time.Time{}) // as of the last event
	d.Fob.Step(now)
	switch after := d.Display(); {
	case wasDead:
	case d.dead(now):
		d.perish()
	case before.Lit && !after.Lit:
		d.world.Record(string(d.shelf)+".dark", sim.String("serial", d.Serial()))
	case after.Lit && after.Step != before.Step && d.Profile().LitFor > 0: // one that is always lit would fill the journal
		d.world.Record(string(d.shelf)+".redrawn", sim.String("serial", d.Serial()), sim.Int("step", after.Step))
	}
}

func (d *device) dead(now time.Time) bool {
	_, dead := d.Battery(now)
	return dead
}

// perish says in the journal, and to all who wait, that the fob has died.
func (d *device) perish() {
	d.world.Record(string(d.shelf)+".died", sim.String("serial", d.Serial()))
	d.dismiss(errDead(d))
}

// rebase tells the fob that the world's clock is about to be set. Codes of the other time say nothing about the new one,
// so that all steps are free again, and whoever waits chooses anew.
func (d *device) rebase(from, to time.Time) {
	d.Rebase(from, to)
	d.got = -1
	queue := d.waiting
	d.waiting = nil
	for _, p := range queue {
		var err error
		if p.step, err = d.choose(to, p.opt); err != nil {
			p.end(Shown{}, err)
			continue
		}
		d.waiting = append(d.waiting, p)
	}
}

// saved returns the device as a file keeps it.
func (d *device) saved() Device {
	s := Device{Fob: d.Fob}
	if d.got >= 0 {
		s.Got = &d.got
	}
	return s
}

// bench is every device of the lab, by shelf and serial.
type bench struct {
	world   *sim.World
	shelves map[Shelf]map[string]*device
	unsaved map[*device]bool // whose files are out of date

	keys        map[string]*key // by serial
	unsavedKeys map[*key]bool
	touching    []*touching // in the order in which they came
}

func newBench(w *sim.World) bench {
	return bench{world: w, shelves: map[Shelf]map[string]*device{Fobs: {}, Apps: {}}, unsaved: map[*device]bool{},
		keys: map[string]*key{}, unsavedKeys: map[*key]bool{}}
}

// put lays a device on the bench. What it went through up to now has been told already.
func (b *bench) put(shelf Shelf, s Device) *device {
	d := &device{Fob: s.Fob, shelf: shelf, world: b.world, got: -1}
	if s.Got != nil {
		d.got = *s.Got
	}
	d.Fob.Step(b.world.Now())
	b.shelves[shelf][s.Fob.Serial()] = d
	b.world.Add(d)
	return d
}

// take takes a device off the bench.
func (b *bench) take(d *device) {
	b.world.Remove(d)
	delete(b.shelves[d.shelf], d.Serial())
	delete(b.unsaved, d)
	d.dismiss(fmt.Errorf("%w: the %s %q was taken away while you waited", ErrNoDevice, d.shelf, d.Serial()))
}

func (b *bench) get(shelf Shelf, serial string) (*device, error) {
	d := b.shelves[shelf][serial]
	if d == nil {
		return nil, fmt.Errorf("%w: %s %q; `mfalab %s list` shows what there is", ErrNoDevice, shelf, serial, shelf)
	}
	return d, nil
}

// changed says that something other than time happened to d.
func (b *bench) changed(d *device) {
	b.unsaved[d] = true
	b.world.Changed(d)
	for _, p := range d.waiting {
		b.world.Changed(p)
	}
}

// all returns the devices in the order of shelf and serial.
func (b *bench) all() []*device {
	return slices.Concat(b.on(Apps), b.on(Fobs))
}

func (b *bench) on(shelf Shelf) []*device {
	return slices.SortedFunc(maps.Values(b.shelves[shelf]), func(x, y *device) int { return cmp.Compare(x.Serial(), y.Serial()) })
}
