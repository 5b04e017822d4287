package control

import (
	"context"
	"time"

	"github.com/mfalab/mfalab/sim/live"
)

// Treatment is what is done to a fob; each operation reads the field that it needs.
type Treatment struct {
	Serial string `json:"-" path:"serial"`
	// Climate is where it is left: "drawer", "cold-car", "21.5", "daily:-5..30", "random:7".
	Climate string `json:"climate,omitempty"`
	// Left is how much of a full battery is left, from 0 to 1.
	Left float64 `json:"left,omitempty"`
	// Faults are what is broken: "stuck", "weak", "3g"; empty mends it.
	Faults string `json:"faults,omitempty"`
	// By is how far from the lab's clock its own is set.
	By live.Span `json:"by,omitempty"`
	// Challenge is what is typed into its keypad.
	Challenge string `json:"challenge,omitempty"`
}

// treatments are the operations that do something to one fob.
func (s *Server) treatments() []route {
	l := s.lab
	treat := func(what, summary string, do func(ctx context.Context, in Treatment) (live.Shown, error)) route {
		return on("POST", "/v1/fobs/{serial}/"+what, summary, do)
	}
	return []route{
		treat("leave", "put a fob into a climate", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Leave(ctx, in.Serial, in.Climate)
		}),
		treat("drain", "drain its battery", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Drain(ctx, in.Serial, in.Left)
		}),
		treat("break", "break its button or its LCD, or mend them", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Break(ctx, in.Serial, in.Faults)
		}),
		treat("tamper", "break its case open: the seed is gone", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Tamper(ctx, in.Serial)
		}),
		treat("kill", "take its battery out", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Kill(ctx, in.Serial)
		}),
		treat("setclock", "set the clock of a programmable fob", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.SetFobClock(ctx, in.Serial, time.Duration(in.By))
		}),
		treat("challenge", "type a challenge into its keypad", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Challenge(ctx, in.Serial, in.Challenge)
		}),
	}
}
