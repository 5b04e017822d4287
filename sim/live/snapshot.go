package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/token"
)

// A Snapshot is a whole lab in one value, the clock included: what `mfalab save` writes. It holds every seed and key.
type Snapshot struct {
	Version int             `json:"mfalab"` // 1
	Saved   time.Time       `json:"saved"`  // the lab's time
	Rate    float64         `json:"rate"`
	Chance  []byte          `json:"chance"`
	Made    uint64          `json:"made"`
	Fobs    []*token.Fob    `json:"fobs"`
	Apps    []*token.Fob    `json:"apps"`
	Account iam.Snapshot    `json:"account"`
	Keys    Credentials     `json:"keys"`
	Plan    json.RawMessage `json:"plan,omitempty"`
	// Reset asks for a new lab of the same seed and plan instead of what is above.
	Reset bool `json:"reset,omitempty"`
}

const snapshotVersion = 1

// pendingFile holds a snapshot that is being put in place. While it exists the directory may hold parts of two labs, and
// opening it puts the snapshot in place once more: a load or reset that lost its power has happened, or not.
const pendingFile = "pending.json"

// Snapshot returns the whole lab as it is now.
func (l *Lab) Snapshot(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{Version: snapshotVersion, Fobs: []*token.Fob{}, Apps: []*token.Fob{}}
	return s, l.Do(ctx, func(w *sim.World) (err error) {
		s.Saved, s.Rate, s.Chance, s.Made, s.Keys = w.Now(), l.clock.Rate(), l.state.Chance, l.state.Made, l.credents
		for shelf, list := range map[Shelf]*[]*token.Fob{Fobs: &s.Fobs, Apps: &s.Apps} {
			for _, d := range l.bench.on(shelf) {
				f, err := copied(d.Fob)
				if err != nil {
					return err
				}
				*list = append(*list, f)
			}
		}
		if l.opt.Plan != nil {
			if s.Plan, err = json.Marshal(l.opt.Plan); err != nil {
				return err
			}
		}
		s.Account, err = l.service.Snapshot(ctx)
		return err
	})
}

// copied returns a fob of its own, so that a snapshot stands still while the lab goes on.
func copied(f *token.Fob) (*token.Fob, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	c := &token.Fob{}
	return c, json.Unmarshal(b, c)
}

// ParseSnapshot reads what `mfalab save` wrote.
func ParseSnapshot(b []byte) (*Snapshot, error) {
	s := &Snapshot{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("this is no saved lab: %w", err)
	}
	return s, s.check()
}

func (s *Snapshot) check() error {
	if s.Version != snapshotVersion {
		return fmt.Errorf("this is no saved lab of version %d (\"mfalab\": %d)", snapshotVersion, s.Version)
	}
	if s.Reset {
		return nil
	}
	if _, err := sim.ParseChance(s.Chance); err != nil {
		return fmt.Errorf("this saved lab is damaged: %w", err)
	}
	for _, f := range append(append([]*token.Fob(nil), s.Fobs...), s.Apps...) {
		if f == nil || f.Serial() == "" {
			return errors.New("this saved lab is damaged: it has a device without a serial")
		}
	}
	return errors.Join(reading{Lab: s.Saved, Rate: s.Rate}.check(), s.Account.Check())
}

// Load replaces the whole lab by a snapshot. Refused snapshots change nothing.
func (l *Lab) Load(ctx context.Context, s *Snapshot) error {
	if err := s.check(); err != nil {
		return err
	}
	return l.replace(ctx, s)
}

// Reset makes the lab what it was when it was new: the same seed gives the same administrator again. The clock is the
// wall's again, or that of the plan.
func (l *Lab) Reset(ctx context.Context) error {
	return l.replace(ctx, &Snapshot{Version: snapshotVersion, Reset: true})
}

func (l *Lab) replace(ctx context.Context, s *Snapshot) error {
	if !l.opt.Ephemeral {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if err := write(l.path(pendingFile), b); err != nil {
			return fmt.Errorf("the lab cannot be stored: %w", err)
		}
	}
	return l.apply(ctx, s)
}

// pending returns the snapshot that was being put in place when the last owner ended, nil where there is none.
func (l *Lab) pending() (*Snapshot, error) {
	if l.opt.Ephemeral {
		return nil, nil
	}
	s := &Snapshot{}
	found, err := readJSON(l.path(pendingFile), s)
	if err != nil || !found {
		return nil, err
	}
	return s, s.check()
}

// apply puts a snapshot in place: the store first, then devices and clock, and last the note that it is under way.
func (l *Lab) apply(ctx context.Context, s *Snapshot) error {
	now, chance := s.Saved, l.chance
	if s.Reset {
		now = l.firstReading().Lab
	} else if c, err := sim.ParseChance(s.Chance); err == nil {
		chance = c
	}
	l.saving.Lock()
	err := l.service.Restore(ctx, s.Account, chance, now)
	if err == nil {
		err = l.Do(ctx, func(w *sim.World) error { return l.furnish(w, s) })
	}
	l.saving.Unlock()
	switch {
	case err != nil:
		return err
	case s.Reset:
		err = l.found(ctx)
	default:
		err = errors.Join(l.Save(ctx), l.storeCredentials())
	}
	if err != nil || l.opt.Ephemeral {
		return err
	}
	return l.forget()
}

func (l *Lab) forget() error {
	if err := os.Remove(l.path(pendingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(l.dir)
}

// furnish replaces the bench and the clock by a snapshot's.
func (l *Lab) furnish(w *sim.World, s *Snapshot) error {
	l.bench.clear()
	if !l.opt.Ephemeral {
		for _, shelf := range []Shelf{Fobs, Apps} {
			if err := os.RemoveAll(l.path(shelf.folder())); err != nil {
				return err
			}
		}
		if err := l.folders(); err != nil {
			return err
		}
	}
	if err := l.journal.restart(); err != nil {
		return err
	}
	w.Resume(0)
	at := reading{Lab: s.Saved, Rate: s.Rate}
	l.credents = s.Keys
	if s.Reset {
		at = l.firstReading()
	} else if chance, err := sim.ParseChance(s.Chance); err == nil {
		l.chance, l.state.Chance = chance, s.Chance
	}
	l.state.Made, l.unsaved = s.Made, true
	w.Set(at.Lab)
	l.clock.set(at.Lab, at.Rate)
	for shelf, list := range map[Shelf][]*token.Fob{Fobs: s.Fobs, Apps: s.Apps} {
		for _, f := range list {
			l.bench.put(w, shelf, f)
		}
	}
	if !s.Reset {
		w.Record("lab.loaded", sim.Int("fobs", int64(len(s.Fobs))), sim.Int("apps", int64(len(s.Apps))))
	}
	return nil
}

// keepPlan stores the plan of a new lab beside it, so that a reset follows it again.
func (l *Lab) keepPlan() error {
	if l.opt.Plan == nil || l.opt.Ephemeral {
		return nil
	}
	b, err := json.Marshal(l.opt.Plan)
	if err != nil {
		return err
	}
	return write(filepath.Join(l.dir, planFile), b)
}
