package live

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// labState is lab.json.
type labState struct {
	Version int     `json:"version"`
	Chance  []byte  `json:"chance"`
	Clock   reading `json:"clock"`
	// Now is the world's time when the file was written.
	Now  time.Time `json:"now"`
	Made uint64    `json:"made"` // fobs made so far, so that none is made twice
	// Powered counts the power cycles of keys whose chance came from the lab's.
	Powered uint64 `json:"powered,omitempty"`
	// Replaced counts how often the lab was replaced as a whole, its making included.
	Replaced uint64 `json:"replaced"`
	// Metadata are the statuses that models of keys were given, the oldest first.
	Metadata   []ModelReport `json:"metadata,omitempty"`
	Publishing publishing    `json:"publishing,omitzero"`
}

const stateVersion = 1

// check returns what lab.json's chance is, or why the file cannot be used.
func (s labState) check() (sim.Chance, error) {
	if s.Version != stateVersion {
		return sim.Chance{}, fmt.Errorf("its version is %d and this mfalab writes version %d: use the mfalab that made it", s.Version, stateVersion)
	}
	chance, err := sim.ParseChance(s.Chance)
	if err == nil {
		err = s.Clock.check()
	}
	if err == nil {
		err = reading{Lab: s.Now}.check()
	}
	return chance, err
}

// newChance is what a new lab grows from: the seed, or the system's chance where there is none.
func newChance(seed string) (sim.Chance, error) {
	b := []byte(seed)
	if seed == "" {
		b = make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return sim.Chance{}, err
		}
	}
	return sim.NewChance(b), nil
}

// firstReading is the clock of a new lab: the wall's, or standing at the start it was given.
func (l *Lab) firstReading() reading {
	wall := strip(l.opt.Wall())
	r := reading{Lab: wall, Wall: wall, Rate: 1}
	start := l.opt.Start
	if p := l.plan; p != nil {
		if start.IsZero() {
			start = p.Start
		}
		if p.Rate != nil {
			r.Rate = *p.Rate
		}
	}
	if !start.IsZero() {
		r.Lab = strip(start)
	}
	if l.opt.Virtual {
		r.Rate = 0
	}
	return r
}

// readState reads lab.json and what belongs to it, and reports whether there is a lab. The store is open, and nothing is
// pending any more.
func (l *Lab) readState() (found bool, err error) {
	if found, err = l.files.read(labFile, &l.state); err != nil || !found {
		return false, err
	}
	if l.chance, err = l.state.check(); err != nil {
		return false, l.files.damaged(labFile, err)
	}
	if l.opt.Seed != "" && l.chance != sim.NewChance([]byte(l.opt.Seed)) {
		return false, fmt.Errorf("the lab in %s was made from another seed: leave --seed out, or give another --dir", l.dir)
	}
	if _, err := l.files.read(credentialsFile, &l.credents); err != nil {
		return false, err
	}
	if err := l.readPlan(); err != nil {
		return false, err
	}
	return true, l.checkWall(l.state.Clock)
}

// checkWall refuses a lab whose clock is to be the wall's and is not. Our choice: a second is what a person allows.
func (l *Lab) checkWall(at reading) error {
	wall := strip(l.opt.Wall())
	if l.opt.WallOnly && (at.Rate != 1 || at.lab(wall).Sub(wall).Abs() > time.Second) {
		return fmt.Errorf("the clock of the lab in %s is not the wall's: `mfalab clock reset` puts it right", l.dir)
	}
	return nil
}

// readPlan reads the plan that the lab was made by. One that was given must be the same: a lab is made once.
func (l *Lab) readPlan() error {
	b, err := os.ReadFile(l.files.join(planFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	given := l.plan
	l.plan = nil
	if err == nil {
		if l.plan, err = ParsePlan(b); err != nil {
			return l.files.damaged(planFile, err)
		}
	}
	if given == nil || given.onlyAccount() {
		return nil // the account is compared with the store's
	}
	same, err := l.plan.equal(given)
	if err == nil && !same {
		err = fmt.Errorf("the lab in %s exists and was not made by this plan: leave --init out, or give another --dir", l.dir)
	}
	return err
}

// readBench puts the devices of the directory into the world.
func (l *Lab) readBench() error {
	for _, shelf := range shelves {
		names, err := l.files.list(shelf.folder())
		if err != nil {
			return err
		}
		for _, name := range names {
			var d Device
			if _, err := l.files.read(name, &d); err != nil {
				return err
			}
			if err := d.check(); err != nil {
				return l.files.damaged(name, err)
			}
			if want := deviceFile(shelf, d.Fob.Serial()); name != want {
				return l.files.damaged(name, fmt.Errorf("it holds the %s %q, whose file is %s", shelf, d.Fob.Serial(), want))
			}
			l.bench.put(shelf, d)
		}
	}
	return nil
}

func (d Device) check() error {
	if d.Fob == nil || d.Fob.Serial() == "" {
		return errors.New("it holds no device")
	}
	return nil
}

// deviceFile returns the name of a device's file.
func deviceFile(shelf Shelf, serial string) string { return shelf.folder() + "/" + fileName(serial) }

// encode returns the file of a value. The only values that do not marshal are our own mistakes.
func encode(name string, v any) (file, error) {
	b, err := json.Marshal(v)
	return file{name, append(b, '\n')}, err
}
