package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/s3"
)

// A Snapshot is a whole lab in one value, the clock included: what `mfalab save` writes. It holds every seed and key.
type Snapshot struct {
	Version int          `json:"mfalab"` // 1
	Saved   time.Time    `json:"saved"`  // the lab's time
	Rate    float64      `json:"rate"`
	Chance  []byte       `json:"chance"`
	Made    uint64       `json:"made"`
	Fobs    []Device     `json:"fobs"`
	Apps    []Device     `json:"apps"`
	Account iam.Snapshot `json:"account"`
	Keys    Credentials  `json:"keys"`
	// SecurityKeys are the keys with all that is in their flash.
	SecurityKeys []SecurityKey `json:"securityKeys,omitempty"`
	// Objects are what the objects of S3 consist of, by the names that the account's records have for them.
	Objects  map[string][]byte `json:"objects,omitempty"`
	Plan     *Plan             `json:"plan,omitempty"` // what the lab was made by, where it was
	Metadata []ModelReport     `json:"metadata,omitempty"`
	// Publishing is how the metadata are published.
	Publishing publishing `json:"publishing,omitzero"`
}

const snapshotVersion = 1

// Snapshot returns the whole lab as it is now.
func (l *Lab) Snapshot(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{Version: snapshotVersion}
	err := l.Do(ctx, func(w *sim.World) (err error) {
		s.Saved, s.Rate, s.Chance, s.Made, s.Plan = w.Now(), l.clock.Rate(), l.state.Chance, l.state.Made, l.plan
		s.Keys, s.Metadata, s.Publishing = l.credents, slices.Clone(l.state.Metadata), l.state.Publishing.copied()
		s.Keys.Users = maps.Clone(s.Keys.Users)
		if s.Fobs, err = l.bench.copies(Fobs); err != nil {
			return err
		}
		if s.Apps, err = l.bench.copies(Apps); err != nil {
			return err
		}
		for _, k := range l.bench.allKeys() {
			copied, err := k.copied()
			if err != nil {
				return err
			}
			s.SecurityKeys = append(s.SecurityKeys, copied)
		}
		// This reads the store on the lab's goroutine, so that account and devices are of one instant.
		s.Objects, err = l.objects.Copy(func() (err error) {
			s.Account, err = l.service.Snapshot(ctx)
			return err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// copies returns devices of their own, so that a snapshot stands still while the lab goes on. They have lived up to now,
// whenever they were stepped last.
func (b *bench) copies(shelf Shelf) ([]Device, error) {
	list := []Device{}
	for _, d := range b.on(shelf) {
		c, err := d.saved().copied()
		if err != nil {
			return nil, err
		}
		c.Fob.Step(b.world.Now())
		list = append(list, c)
	}
	return list, nil
}

func (d Device) copied() (c Device, err error) {
	b, err := json.Marshal(d)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}

// ParseSnapshot reads what `mfalab save` wrote, and nothing else.
func ParseSnapshot(b []byte) (*Snapshot, error) {
	s := &Snapshot{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("this is no saved lab: %w", err)
	}
	if s.Version != snapshotVersion {
		return nil, s.check()
	}
	if err := strict(b, &Snapshot{}); err != nil {
		return nil, fmt.Errorf("this saved lab has something that this mfalab does not know: %w", err)
	}
	return s, s.check()
}

// strict decodes b, refusing fields that there are not and anything that follows.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows its closing brace")
	}
	return nil
}

// check reports what makes s unfit to be loaded.
func (s *Snapshot) check() error {
	if s.Version != snapshotVersion {
		return fmt.Errorf("this is no saved lab of version %d (\"mfalab\": %d)", snapshotVersion, s.Version)
	}
	for shelf, list := range map[Shelf][]Device{Fobs: s.Fobs, Apps: s.Apps} {
		seen := map[string]bool{}
		for i, d := range list {
			if err := d.check(); err != nil {
				return fmt.Errorf("this saved lab is damaged: %s %d: %w", shelf, i+1, err)
			}
			if seen[d.Fob.Serial()] {
				return fmt.Errorf("this saved lab is damaged: it has the %s %q twice", shelf, d.Fob.Serial())
			}
			seen[d.Fob.Serial()] = true
		}
	}
	for i, k := range s.SecurityKeys {
		if err := k.check(); err != nil {
			return fmt.Errorf("this saved lab is damaged: key %d: %w", i+1, err)
		}
	}
	_, err := sim.ParseChance(s.Chance)
	if err == nil {
		err = s3.CheckCopy(s.Objects)
	}
	for _, check := range []func() error{reading{Lab: s.Saved, Rate: s.Rate}.check, s.Account.Check, s.Plan.check} {
		if err == nil {
			err = check()
		}
	}
	if err != nil {
		return fmt.Errorf("this saved lab is damaged: %w", err)
	}
	return nil
}
