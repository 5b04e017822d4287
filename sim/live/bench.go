package live

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

func (s Shelf) folder() string {
	if s == Apps {
		return appsFolder
	}
	return fobsFolder
}

// ErrNoDevice is wrapped by errors about a device that does not lie on the bench.
var ErrNoDevice = errors.New("no such device on the bench")

// A device is a fob in the world, on its shelf.
type device struct {
	*token.Fob
	shelf   Shelf
	world   *sim.World
	taken   int64 // the highest step that somebody was shown or promised; -1: none
	unsaved bool
}

// Step lets time pass for the fob and writes into the journal what people would see happen.
func (d *device) Step(now time.Time) {
	before := d.Display()
	_, wasDead := d.Battery(now)
	d.Fob.Step(now)
	d.unsaved = true
	if _, dead := d.Battery(now); dead && !wasDead {
		d.world.Record(string(d.shelf)+".died", sim.String("serial", d.Serial()))
		return
	}
	switch after := d.Display(); {
	case before.Lit && !after.Lit:
		d.world.Record(string(d.shelf)+".dark", sim.String("serial", d.Serial()))
	case after.Lit && after.Step != before.Step:
		d.world.Record(string(d.shelf)+".redrawn", sim.String("serial", d.Serial()), sim.Int("step", after.Step))
	}
}

// bench is every device of the lab, by shelf and serial.
type bench struct {
	world   *sim.World
	shelves map[Shelf]map[string]*device
}

func (b *bench) init() { b.shelves = map[Shelf]map[string]*device{Fobs: {}, Apps: {}} }

func (b *bench) put(w *sim.World, shelf Shelf, f *token.Fob) *device {
	b.world = w
	d := &device{Fob: f, shelf: shelf, world: w, taken: -1, unsaved: true}
	// A step ahead of the fob's own clock was shown before the lab's clock was reset: it says nothing about today.
	if last, ok := f.LastShown(); ok && last <= f.StepAt(w.Now()) {
		d.taken = last
	}
	b.shelves[shelf][f.Serial()] = d
	w.Add(d)
	return d
}

func (b *bench) get(shelf Shelf, serial string) (*device, error) {
	d := b.shelves[shelf][serial]
	if d == nil {
		return nil, fmt.Errorf("%w: %s %q; `mfalab %s list` shows what there is", ErrNoDevice, shelf, serial, shelf)
	}
	return d, nil
}

func (b *bench) changed(d *device) {
	d.unsaved = true
	b.world.Changed(d)
}

// clear takes every device off the bench.
func (b *bench) clear() {
	for _, d := range b.all() {
		b.world.Remove(d)
	}
	b.init()
}

// all returns the devices in the order of shelf and serial.
func (b *bench) all() []*device {
	return slices.Concat(b.on(Apps), b.on(Fobs))
}

func (b *bench) on(shelf Shelf) []*device {
	return slices.SortedFunc(maps.Values(b.shelves[shelf]), func(x, y *device) int { return cmp.Compare(x.Serial(), y.Serial()) })
}

// readBench puts the devices of the directory into the world.
func (l *Lab) readBench() error {
	for _, shelf := range []Shelf{Apps, Fobs} {
		files, err := filepath.Glob(filepath.Join(l.path(shelf.folder()), "*.json"))
		if err != nil {
			return err
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			f := &token.Fob{}
			if err := json.Unmarshal(b, f); err != nil {
				return fmt.Errorf("the device file %s cannot be read: %w; move it away to open the lab without it", file, err)
			}
			l.bench.put(l.world, shelf, f).unsaved = false
		}
	}
	return nil
}

// A FobSpec says what a new fob is like. The zero value is a fob of the default profile as the factory makes it.
type FobSpec struct {
	Profile string `json:"profile,omitempty"` // "ezio" where empty
	Serial  string `json:"serial,omitempty"`  // numbered as the profile's factory does where empty
	Seed    Seed   `json:"seed,omitempty"`    // drawn where empty
	// PPM is the crystal's own error at 25 degrees Celsius, in parts per million; nil draws one as the profile spreads.
	PPM *float64 `json:"ppm,omitempty"`
}

// seedLength is the length of a factory's seeds in bytes: what RFC 4226 Section 4 recommends.
const seedLength = 20

// maxPPM is the most that a crystal may be wrong. Our choice: twenty times the untrimmed part of oath.md section 5.1.
const maxPPM = 1000

// NewFob makes a fob with its serial and seed, writes it into the factory's inventory that the relying party knows, and
// lays it on the bench.
func (l *Lab) NewFob(ctx context.Context, spec FobSpec) (Shown, error) {
	if spec.Profile == "" {
		spec.Profile = DefaultProfile
	}
	profile, err := token.ProfileNamed(spec.Profile)
	if err != nil {
		return Shown{}, err
	}
	var f *token.Fob
	err = l.Do(ctx, func(w *sim.World) error {
		if f, err = l.factory(w, profile, &spec); err != nil {
			return err
		}
		if l.bench.shelves[Fobs][f.Serial()] != nil {
			return fmt.Errorf("a fob with the serial %q lies on the bench already: give another", f.Serial())
		}
		return nil
	})
	if err != nil {
		return Shown{}, err
	}
	// The inventory first: a fob that the relying party does not know could never be enrolled, while an inventory row
	// without a fob is only a fob that was lost in the post.
	if err := l.stock(ctx, f, spec.Seed); err != nil {
		return Shown{}, err
	}
	return l.lay(ctx, Fobs, f)
}

// lay puts a new device on the bench and stores it.
func (l *Lab) lay(ctx context.Context, shelf Shelf, f *token.Fob) (Shown, error) {
	var shown Shown
	err := l.Do(ctx, func(w *sim.World) error {
		if l.bench.shelves[shelf][f.Serial()] != nil {
			return fmt.Errorf("the %s %q lies on the bench already: give another name", shelf, f.Serial())
		}
		d := l.bench.put(w, shelf, f)
		w.Record(string(shelf)+".made", sim.String("serial", f.Serial()), sim.String("profile", f.Profile().Name))
		shown = d.shown(w.Now())
		return nil
	})
	if err != nil {
		return Shown{}, err
	}
	return shown, l.Save(ctx)
}

// DefaultProfile is the fob that `mfalab fob new` makes.
const DefaultProfile = "ezio"

// factory makes a fob as spec says, drawing what it leaves open and writing the seed into it.
func (l *Lab) factory(w *sim.World, profile token.Profile, spec *FobSpec) (*token.Fob, error) {
	l.state.Made++
	l.unsaved = true
	chance := l.chance.Derive("fob", fmt.Sprint(l.state.Made))
	if len(spec.Seed) == 0 {
		spec.Seed = chance.Derive("seed").Bytes(seedLength)
	}
	cfg := token.Config{Profile: profile, Serial: spec.Serial, Seed: token.Seed(spec.Seed), Born: w.Now()}
	for n := 0; cfg.Serial == ""; n++ {
		s, err := l.serial(profile, chance.Derive("serial", fmt.Sprint(n)))
		if err != nil {
			return nil, err
		}
		if l.bench.shelves[Fobs][s] == nil {
			cfg.Serial = s
		}
	}
	ppm := chance.Derive("crystal").Normal() * float64(profile.TolerancePPB) / 1000
	if spec.PPM != nil {
		ppm = *spec.PPM
	}
	if !(ppm >= -maxPPM && ppm <= maxPPM) {
		return nil, fmt.Errorf("a crystal that is wrong by %v ppm cannot be made: give -%d to %d", ppm, maxPPM, maxPPM)
	}
	cfg.TolerancePPB = int64(ppm * 1000)
	return token.NewFob(cfg)
}

// serial draws a serial number as the factory of a profile numbers its fobs.
func (l *Lab) serial(p token.Profile, chance sim.Chance) (string, error) {
	n, err := strconv.ParseUint(chance.Text(strings.Count(p.SerialFormat, "#"), "0123456789"), 10, 64)
	if err != nil {
		return "", fmt.Errorf("the profile %q numbers no fobs: give --serial", p.Name)
	}
	return p.Serial(n)
}
