package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/portal"
)

// A Plan says what a new lab holds: the file of `mfalab up --init`.
type Plan struct {
	Account string   `json:"account,omitempty"` // 12 digits
	Alias   string   `json:"alias,omitempty"`
	Set     []string `json:"set,omitempty"`    // settings: "devices-per-user=1"
	Weaken  []string `json:"weaken,omitempty"` // weaknesses: "replay"
	// Texts replaces answers' texts by their name.
	Texts map[string]string `json:"texts,omitempty"`
	// Start and Rate set the clock; without them it is the wall's.
	Start time.Time  `json:"start,omitzero"`
	Rate  *float64   `json:"rate,omitempty"`
	Fobs  []PlanFob  `json:"fobs,omitempty"`
	Users []PlanUser `json:"users,omitempty"`
	// Portal is the portal beside the account.
	Portal *PlanPortal `json:"portal,omitempty"`
}

// A PlanFob is one fob of a plan, or Count alike but for serial and seed.
type PlanFob struct {
	FobSpec
	Count int `json:"count,omitempty"`
}

// A PlanUser is one user of a plan.
type PlanUser struct {
	Name     string            `json:"name"`
	Path     string            `json:"path,omitempty"`
	Password string            `json:"password,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	// AccessKey makes an access key, which `mfalab env --user NAME` gives out.
	AccessKey bool `json:"accessKey,omitempty"`
	// Policies are attached to the user, without which it may do nothing: names of AWS managed policies, such as
	// ReadOnlyAccess.
	Policies []string `json:"policies,omitempty"`
	// Fobs are the serials of fobs of this plan that are enrolled for the user.
	Fobs []string `json:"fobs,omitempty"`
}

// maxPlanFobs bounds what one entry of a plan makes.
const maxPlanFobs = 100_000

// ParsePlan reads a plan; a field that there is not is refused, so that a slip of the pen is not silently nothing.
func ParsePlan(b []byte) (*Plan, error) {
	p := &Plan{}
	if err := strict(b, p); err != nil {
		return nil, fmt.Errorf("this is no plan of a lab: %w", err)
	}
	return p, p.check()
}

// check reports what is wrong with a plan as far as it can be known without following it.
func (p *Plan) check() error {
	if p == nil {
		return nil
	}
	for i, f := range p.Fobs {
		if f.Count < 0 || f.Count > maxPlanFobs || f.Count > 1 && (f.Serial != "" || len(f.Seed) > 0) {
			return fmt.Errorf("fobs[%d] of the plan: a count is 1 to %d, and only fobs without serial and seed can be counted",
				i, maxPlanFobs)
		}
	}
	if p.Portal != nil {
		if _, err := portal.DefaultRules().Changed(p.Portal.Set); err != nil {
			return err
		}
	}
	_, err := Settings(p.Set, p.Weaken)
	return err
}

// onlyAccount reports whether the plan names an account and nothing else.
func (p *Plan) onlyAccount() bool {
	same, err := p.equal(&Plan{Account: p.Account})
	return same && err == nil
}

// equal reports whether two plans, of which either may be nil, say the same.
func (p *Plan) equal(q *Plan) (bool, error) {
	a, err := json.Marshal(p)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(q)
	return bytes.Equal(a, b), err
}

// Settings returns the default rules changed by settings such as "window=2" and weakened by names such as "replay".
func Settings(set, weaken []string) (iam.Settings, error) {
	s := iam.Defaults()
	for _, nameValue := range set {
		if err := s.Set(nameValue); err != nil {
			return s, err
		}
	}
	for _, names := range weaken {
		if err := s.Weaken(names); err != nil {
			return s, err
		}
	}
	return s, nil
}
