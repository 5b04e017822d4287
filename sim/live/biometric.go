package live

import (
	"context"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// AddBiometric says of the sensor of a model, named by its AAGUID or by its profile, that it was certified; the zero report takes all
// that was said back. A report without a day is one of today, and one without a modality is about fingerprints.
func (l *Lab) AddBiometric(ctx context.Context, name string, r metadata.BioReport) (Model, error) {
	clear := r == metadata.BioReport{}
	if r.Modality == "" {
		r.Modality = "fingerprint_internal"
	}
	if err := r.Check(); err != nil && !clear {
		return Model{}, err
	}
	return l.remodel(ctx, name, func(w *sim.World, p *u2f.Profile, today string) error {
		if clear {
			delete(l.state.Publishing.Biometrics, modelID(p))
			w.Record("model.biometric.dropped", sim.String("profile", p.Name))
			return nil
		}
		if r.Since == "" {
			r.Since = today
		}
		return l.addBiometric(w, p, r)
	})
}

// addBiometric is AddBiometric for whose turn it is.
func (l *Lab) addBiometric(w *sim.World, p *u2f.Profile, r metadata.BioReport) error {
	root, err := l.root()
	if err != nil {
		return err
	}
	for _, product := range l.models() {
		if modelID(&product.Key) != modelID(p) {
			continue
		}
		s, err := l.statement(root, product)
		if err != nil {
			return err
		}
		if !s.Verifies(r.Modality) {
			return fmt.Errorf("keys of the model %q verify nobody by %s: use a profile with a sensor, such as bio", p.Name, r.Modality)
		}
	}
	all := &l.state.Publishing.Biometrics
	if *all == nil {
		*all = map[string][]metadata.BioReport{}
	}
	(*all)[modelID(p)] = append(slices.Clone((*all)[modelID(p)]), r)
	w.Record("model.biometric", sim.String("profile", p.Name), sim.Int("level", int64(r.Level)))
	return nil
}
