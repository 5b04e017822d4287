package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

// A FobSpec says what a new fob is like. The zero value is a fob of the default profile as the factory makes it.
type FobSpec struct {
	Profile string `json:"profile,omitempty"` // "ezio" where empty
	Serial  string `json:"serial,omitempty"`  // numbered as the profile's factory does where empty
	Seed    Seed   `json:"seed,omitempty"`    // drawn where empty
	// PPM is the crystal's own error at 25 degrees Celsius, in parts per million; nil draws one as the profile spreads.
	PPM *float64 `json:"ppm,omitempty"`
}

// DefaultProfile is the fob that `mfalab fob new` makes.
const DefaultProfile = "ezio"

// From RFC 4226 Section 4, R6, in bytes: how long a seed must be, and what it recommends, which is what the factory draws.
const (
	leastSeed  = 16
	seedLength = 20
)

// maxPPM is the most that a crystal may be wrong. Our choice: twenty times the untrimmed part of oath.md section 5.1.
const maxPPM = 1000

// NewFob makes a fob with its serial and seed, writes it into the factory's inventory that the relying party knows, and
// lays it on the bench.
func (l *Lab) NewFob(ctx context.Context, spec FobSpec) (Shown, error) {
	made, err := l.newFobs(ctx, []FobSpec{spec})
	if err != nil {
		return Shown{}, err
	}
	return made[0], nil
}

// MaxBox bounds how many fobs [Lab.NewFobs] makes at once. Our choice: ten boxes of ten thousand.
const MaxBox = 100_000

// NewFobs makes a box of n fobs as [Lab.NewFob] makes one, all of them or none. Only the factory can number them and draw
// their seeds: a spec that does is an error. [Lab.Arrival] counts them while they come.
func (l *Lab) NewFobs(ctx context.Context, spec FobSpec, n int) ([]Shown, error) {
	switch {
	case n < 1 || n > MaxBox:
		return nil, fmt.Errorf("a box of %d fobs cannot be made: give 1 to %d", n, MaxBox)
	case n > 1 && (spec.Serial != "" || len(spec.Seed) > 0):
		return nil, fmt.Errorf("%d fobs have serials and seeds of their own: leave serial and seed out", n)
	}
	l.shipping.Lock()
	defer l.shipping.Unlock()
	l.arrival.begin(n)
	defer l.arrival.end()
	return l.newFobs(ctx, slices.Repeat([]FobSpec{spec}, n))
}

// newFobs makes fobs, all of them or none.
func (l *Lab) newFobs(ctx context.Context, specs []FobSpec) ([]Shown, error) {
	var fobs []*token.Fob
	var stock []iam.HardwareDevice
	err := l.Do(ctx, func(w *sim.World) (err error) { fobs, stock, err = l.manufacture(w, specs); return err })
	if err != nil {
		return nil, err
	}
	// What has been drawn is never drawn again, whatever becomes of it: the count of fobs is stored first. Then comes the
	// inventory, for a fob that the relying party does not know could never be enrolled, while an inventory row without
	// a fob is only a fob that was lost in the post.
	if err := l.Save(ctx); err != nil {
		return nil, err
	}
	if err := l.service.Stock(ctx, stock); err != nil {
		return nil, err
	}
	return l.deliver(context.WithoutCancel(ctx), fobs, stock)
}

// manufacture makes the fobs and what the relying party is told of them.
func (l *Lab) manufacture(w *sim.World, specs []FobSpec) (fobs []*token.Fob, stock []iam.HardwareDevice, err error) {
	made := l.state.Made
	defer func() {
		if err != nil {
			l.state.Made = made
		}
	}()
	taken := map[string]bool{}
	for serial := range l.bench.shelves[Fobs] {
		taken[serial] = true
	}
	for _, spec := range specs {
		f, seed, err := l.factory(w.Now(), spec, taken)
		if err != nil {
			return nil, nil, err
		}
		if taken[f.Serial()] {
			return nil, nil, fmt.Errorf("a fob with the serial %q lies on the bench already: give another", f.Serial())
		}
		taken[f.Serial()] = true
		fobs = append(fobs, f)
		l.arrival.made.Add(1)
		// The relying party takes time-based fobs only, as the real one does; others lie on the bench all the same.
		if f.Profile().Factor == token.TimeBased {
			stock = append(stock, inventoried(f, seed))
		}
	}
	return fobs, stock, nil
}

// deliver lays new fobs on the bench. If they cannot be stored they are sent back, those in the inventory as well.
func (l *Lab) deliver(ctx context.Context, fobs []*token.Fob, stock []iam.HardwareDevice) ([]Shown, error) {
	made, placed, err := l.layBox(ctx, fobs)
	if err == nil {
		return made, nil
	}
	for _, d := range placed {
		err = errors.Join(err, l.lose(ctx, d, nil))
	}
	serials := make([]string, len(stock))
	for i, h := range stock {
		serials[i] = h.Serial
	}
	return nil, errors.Join(err, l.service.Unstock(ctx, serials...))
}

// layBox lays fobs on the bench and stores them, all of them or none.
func (l *Lab) layBox(ctx context.Context, fobs []*token.Fob) (made []Shown, placed []*device, err error) {
	l.saving.Lock() // nobody stores a part of the box
	defer l.saving.Unlock()
	err = l.Do(ctx, func(w *sim.World) error {
		for _, f := range fobs {
			d := l.lay(w, Fobs, f)
			placed, made = append(placed, d), append(made, d.shown(w.Now()))
		}
		return nil
	})
	if err == nil && !l.opt.Ephemeral {
		err = l.save(ctx, len(fobs) > 1)
	}
	return made, placed, err
}

// lay puts a new device on the bench.
func (l *Lab) lay(w *sim.World, shelf Shelf, f *token.Fob) *device {
	d := l.bench.put(shelf, Device{Fob: f})
	l.bench.changed(d)
	w.Record(string(shelf)+".made", sim.String("serial", f.Serial()), sim.String("profile", f.Profile().Name))
	return d
}

// lose takes a device that could not be stored off the bench again and puts back what lay there before, if anything did.
func (l *Lab) lose(ctx context.Context, d *device, before *device) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	err := l.Do(ctx, func(w *sim.World) error {
		l.bench.take(d)
		if before != nil {
			l.bench.changed(l.bench.put(d.shelf, before.saved()))
		}
		w.Record(string(d.shelf)+".lost", sim.String("serial", d.Serial()))
		return nil
	})
	if err != nil || before != nil || l.opt.Ephemeral {
		return err
	}
	return l.files.remove(deviceFile(d.shelf, d.Serial()))
}

// factory makes a fob as spec says, drawing what it leaves open, a serial that is not taken among it.
func (l *Lab) factory(now time.Time, spec FobSpec, taken map[string]bool) (*token.Fob, []byte, error) {
	if spec.Profile == "" {
		spec.Profile = DefaultProfile
	}
	profile, err := token.ProfileNamed(spec.Profile)
	if err != nil {
		return nil, nil, err
	}
	l.state.Made++
	l.unsaved = true
	chance := l.chance.Derive("fob", fmt.Sprint(l.state.Made))
	switch {
	case len(spec.Seed) == 0:
		spec.Seed = chance.Derive("seed").Bytes(seedLength)
	case len(spec.Seed) < leastSeed:
		return nil, nil, fmt.Errorf("a seed of %d bytes is too short: RFC 4226 asks for %d or more; only `mfalab fob import` takes it, as its file has it",
			len(spec.Seed), leastSeed)
	}
	for n := 0; spec.Serial == ""; n++ {
		s, err := drawSerial(profile, chance.Derive("serial", fmt.Sprint(n)))
		if err != nil {
			return nil, nil, err
		}
		if !taken[s] {
			spec.Serial = s
		}
	}
	ppm := crystal(profile, chance.Derive("crystal"))
	if spec.PPM != nil {
		ppm = *spec.PPM
	}
	if err := checkPPM(ppm); err != nil {
		return nil, nil, err
	}
	f, err := token.NewFob(token.Config{Profile: profile, Serial: spec.Serial, Seed: token.Seed(spec.Seed),
		TolerancePPB: int64(math.Round(ppm * 1000)), Born: now})
	return f, spec.Seed, err
}

// crystal draws how wrong one unit's crystal is, in parts per million.
func crystal(p token.Profile, chance sim.Chance) float64 {
	most := float64(p.TolerancePPB) / 1000
	if p.Spread == token.Uniform {
		return most * (2*chance.Uniform() - 1)
	}
	return most * chance.Normal()
}

// drawSerial draws a serial number as the factory of a profile numbers its fobs.
func drawSerial(p token.Profile, chance sim.Chance) (string, error) {
	n, err := strconv.ParseUint(chance.Text(strings.Count(p.SerialFormat, "#"), "0123456789"), 10, 64)
	if err != nil {
		return "", fmt.Errorf("the profile %q numbers no fobs: give --serial", p.Name)
	}
	return p.Serial(n)
}

// inventoried is what the factory tells the relying party of a fob.
func inventoried(f *token.Fob, seed []byte) iam.HardwareDevice {
	p := f.Profile()
	return iam.HardwareDevice{Serial: f.Serial(), Seed: seed, Digits: p.Digits, Algorithm: otpAlgorithm(p.Algorithm), Period: p.Step}
}

// appLit is how long the app shows a code: people open it, read one and put the phone away. Our choice.
const appLit = time.Second

// AddApp puts an account into the virtual MFA app: what the app does when it scans a QR picture with this otpauth URI.
// The account is called name, or the URI's account where name is empty. An account of that name is replaced, as a scan on
// a phone does.
func (l *Lab) AddApp(ctx context.Context, uri seedfile.Record, name string) (Shown, error) {
	if name == "" {
		name = uri.Account
	}
	if uri.Type != seedfile.TOTP {
		return Shown{}, fmt.Errorf("the app shows time-based codes only, and %q is event-based", name)
	}
	if strings.Trim(name, ".") == "" {
		return Shown{}, fmt.Errorf("an account in the app cannot be called %q: give a name with a letter in it", name)
	}
	profile, err := token.ProfileNamed("app")
	if err != nil {
		return Shown{}, err
	}
	profile.Digits, profile.Algorithm, profile.Step = uri.Digits, uri.Algorithm, uri.Step
	profile.LitFor, profile.Redraw = appLit, true
	var shown Shown
	var old, d *device
	err = l.Do(ctx, func(w *sim.World) error {
		f, err := token.NewFob(token.Config{Profile: profile, Serial: name, Seed: uri.Seed, Born: w.Now()})
		if err != nil {
			return err
		}
		if old = l.bench.shelves[Apps][name]; old != nil {
			l.bench.take(old)
		}
		d = l.lay(w, Apps, f)
		shown = d.shown(w.Now())
		return nil
	})
	if err != nil {
		return Shown{}, err
	}
	if err := l.Save(ctx); err != nil {
		return Shown{}, errors.Join(err, l.lose(context.WithoutCancel(ctx), d, old))
	}
	return shown, nil
}
