package live

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/token"
)

// A Window is what a kind of server accepts on either side of its own step, where it has learned nothing of the fob's
// drift: some count steps, others seconds. Source: oath.md section 7.
type Window struct {
	Steps   int64         // 0 where Time says it
	Time    time.Duration // steps that begin within it
	Servers string
}

// Windows are those of real servers, from the narrowest on.
func Windows() []Window {
	return []Window{
		{Steps: 1, Servers: "google-authenticator, Keycloak, this lab's IAM before it learns"},
		{Steps: 2, Servers: "Ceph RGW's ±2 steps"},
		{Time: 180 * time.Second, Servers: "privacyIDEA and LinOTP"},
		{Time: 300 * time.Second, Servers: "Okta's widest"},
	}
}

// Within returns by how much a clock may be off so that all its codes, of steps so long, are inside the window: a whole
// number of steps.
func (w Window) Within(step time.Duration) time.Duration {
	if w.Time > 0 {
		return w.Time.Truncate(step)
	}
	return time.Duration(w.Steps) * step
}

// A Verdict is what the servers of one window make of a fob. A clock that is off by less than the window's steps shows only
// codes inside; by up to a step more, it shows some inside and some outside; beyond, none inside.
type Verdict struct {
	Steps   int64  `json:"steps"` // on either side
	Window  Span   `json:"window"`
	Servers string `json:"servers"`
	Accepts bool   `json:"accepts"` // the code of this moment
	// From is when the first code is refused, Lost when the last one was accepted, if the fob stays where it is. They are not
	// there where the battery ends before.
	From time.Time `json:"from,omitzero"`
	Lost time.Time `json:"lost,omitzero"`
}

// A Drift is how far a fob's clock is off, how fast that changes, and what servers make of it.
type Drift struct {
	Serial  string    `json:"serial"`
	Profile string    `json:"profile"`
	Time    time.Time `json:"time"`  // the lab's
	Drift   Span      `json:"drift"` // ahead of the lab's clock; less than 0 behind it
	Steps   int64     `json:"steps"` // that its present code is ahead of the lab's step
	// The rate in parts per million at the present temperature and age, and its parts.
	PPM         float64 `json:"ppm"`
	Crystal     float64 `json:"crystalPPM"`
	Ageing      float64 `json:"ageingPPM"`
	Temperature float64 `json:"temperaturePPM"`
	PerDay      Span    `json:"perDay"`
	Climate     string  `json:"climate"`
	Celsius     float64 `json:"celsius"`
	// Windows are from the narrowest on.
	Windows []Verdict `json:"windows"`
}

// A DriftChange says what is changed of a fob's clock; nil leaves it.
type DriftChange struct {
	// By is how far the clock is put ahead of the lab's, or behind it where it is less than 0.
	By *Span `json:"by,omitempty"`
	// PPM is the crystal's own error at 25 degrees Celsius, in parts per million, from now on.
	PPM *float64 `json:"ppm,omitempty"`
}

// Drift returns how far the clock of a fob is off and when it will leave servers' windows. A fob that is dead or counts no
// time is an error.
func (l *Lab) Drift(ctx context.Context, serial string) (drift Drift, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		d, err := l.bench.get(Fobs, serial)
		switch {
		case err != nil:
			return err
		case d.dead(w.Now()):
			return errDead(d)
		case d.Profile().Factor != token.TimeBased:
			return fmt.Errorf("the fob %q is %s-based: no clock makes its codes, and none can drift", serial, d.Profile().Factor)
		}
		drift = driftOf(d.Fob, w.Now())
		return nil
	})
	return drift, err
}

// SetDrift sets the clock of any fob, sealed ones too, or gives it another crystal, and returns what has become of it.
func (l *Lab) SetDrift(ctx context.Context, serial string, change DriftChange) (drift Drift, err error) {
	if change.PPM != nil {
		if err := checkPPM(*change.PPM); err != nil {
			return Drift{}, err
		}
	}
	_, err = l.treat(ctx, serial, "drift", func(f *token.Fob, now time.Time) ([]sim.Attr, error) {
		var attrs []sim.Attr
		if change.By != nil {
			if err := f.SetDrift(now, time.Duration(*change.By)); err != nil {
				return nil, err
			}
			attrs = append(attrs, sim.Duration("by", time.Duration(*change.By)))
		}
		if change.PPM != nil {
			if err := f.SetTolerance(now, int64(math.Round(*change.PPM*1000))); err != nil {
				return nil, err
			}
			attrs = append(attrs, sim.String("ppm", fmt.Sprint(*change.PPM)))
		}
		if len(attrs) == 0 {
			return nil, fmt.Errorf("nothing of the clock of %q is to be changed: give by or ppm", serial)
		}
		drift = driftOf(f, now)
		return attrs, nil
	})
	return drift, err
}

func checkPPM(ppm float64) error {
	if !(ppm >= -maxPPM && ppm <= maxPPM) {
		return fmt.Errorf("a crystal that is wrong by %v ppm cannot be made: give -%d to %d", ppm, maxPPM, maxPPM)
	}
	return nil
}

// driftOf describes the clock of a living, time-based fob.
func driftOf(f *token.Fob, now time.Time) Drift {
	p, rate := f.Profile(), f.Rate(now)
	ppm := func(ppb int64) float64 { return float64(ppb) / 1000 }
	milliC, _ := f.Climate().At(now)
	d := Drift{Serial: f.Serial(), Profile: p.Name, Time: now, Drift: Span(f.Drift(now)),
		Steps: f.StepAt(now) - token.Step(now, p.T0, p.Step),
		PPM:   ppm(rate.Total()), Crystal: ppm(rate.Tolerance), Ageing: ppm(rate.Ageing), Temperature: ppm(rate.Temperature),
		PerDay: Span(rate.Total() * int64(24*time.Hour/time.Second)), Climate: f.Climate().String(), Celsius: float64(milliC) / 1000}
	for _, w := range Windows() {
		within := w.Within(p.Step)
		steps := int64(within / p.Step)
		d.Windows = append(d.Windows, Verdict{Steps: steps, Window: Span(within), Servers: w.Servers,
			Accepts: d.Steps >= -steps && d.Steps <= steps, From: f.Strays(now, within), Lost: f.Strays(now, within+p.Step)})
	}
	return d
}
