package live

import (
	"context"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

// decided writes a decision of the relying party into the journal: what was asked, by whom, what came of it and which
// rule decided. Codes and passwords are not in it.
func (l *Lab) decided(d iam.Decision) {
	attrs := []sim.Attr{sim.String("service", d.Service), sim.String("action", d.Action), sim.String("caller", d.Caller.ARN)}
	for _, p := range d.Params {
		attrs = append(attrs, sim.Attr{Key: "param." + p.Name, Value: p.Value})
	}
	if d.Err == nil {
		attrs = append(attrs, sim.String("result", "ok"))
	} else {
		attrs = append(attrs, sim.String("result", d.Err.Code), sim.Int("status", int64(d.Err.Status)),
			sim.String("message", d.Err.Message))
	}
	if d.Rule != "" {
		attrs = append(attrs, sim.String("rule", d.Rule), sim.String("section", d.Section))
	}
	for _, f := range d.Facts {
		attrs = append(attrs, sim.Attr{Key: f.Name, Value: f.Value})
	}
	if d.Cause != nil {
		attrs = append(attrs, sim.String("cause", d.Cause.Error()))
	}
	// The only error is that the lab is closed: then nobody reads its journal.
	_ = l.Do(context.Background(), func(w *sim.World) error {
		w.Record("iam.call", attrs...)
		return nil
	})
}
