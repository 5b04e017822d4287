package token

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// stateVersion is the version of the state that this package writes. It reads version 1,
// too, which is the same without what is marked as new.
const stateVersion = 2

// state is the JSON form of a Fob. It holds everything that a fob lives by, the numbers
// of its profile included, so that a later edition of a profile changes no fob that is
// already in somebody's drawer. Field order is part of the format.
type state struct {
	Version int          `json:"version"`
	Serial  string       `json:"serial"`
	Seed    string       `json:"seed"` // lower-case hex; "" where it is gone
	Now     time.Time    `json:"now"`
	Profile stateProfile `json:"profile"`
	Clock   stateClock   `json:"clock"`
	Presses int64        `json:"presses"`
	stateBody
	LCD stateLCD `json:"lcd"`
}

// stateBody is new in version 2.
type stateBody struct {
	Spent   time.Duration `json:"spent_ns,omitzero"`
	Held    time.Time     `json:"held_since,omitzero"`
	Pressed time.Time     `json:"pressed,omitzero"`
	Counter int64         `json:"counter,omitzero"`
	Faults  *Faults       `json:"faults,omitempty"`
	Opened  bool          `json:"opened,omitzero"`
}

type stateProfile struct {
	Name             string        `json:"name"`
	Digits           int           `json:"digits"`
	Algorithm        Algorithm     `json:"algorithm"`
	Step             time.Duration `json:"step_ns"`
	T0               time.Time     `json:"t0"`
	LitFor           time.Duration `json:"lit_for_ns"`
	Redraw           bool          `json:"redraw"`
	Life             time.Duration `json:"life_ns"`
	PressesInLife    int64         `json:"presses_in_life"`
	TolerancePPB     int64         `json:"tolerance_ppb"`
	AgeingPPB        int64         `json:"ageing_ppb"`
	ParabolaPPBPerC2 int64         `json:"parabola_ppb_per_c2"`
	TurnoverMilliC   int64         `json:"turnover_milli_c"`
	stateProduct
}

// stateProduct is new in version 2.
type stateProduct struct {
	Factor  Factor  `json:"factor,omitzero"`
	Suite   string  `json:"suite,omitzero"`
	Setting Setting `json:"setting,omitzero"`
	Bars    int     `json:"bars,omitzero"`
}

type stateClock struct {
	TolerancePPB int64     `json:"tolerance_ppb"`
	Born         time.Time `json:"born"`
	Anchor       time.Time `json:"anchor"`
	DriftNS      int64     `json:"drift_ns"`          // at the anchor
	DriftAS      int64     `json:"drift_as"`          // and this many attoseconds, 0 to 999999999
	MilliC       *int64    `json:"milli_c,omitempty"` // where the climate is one temperature without a name
	Climate      *Climate  `json:"climate,omitempty"` // elsewhere; new in version 2
	Forced       bool      `json:"forced,omitzero"`   // the drift was set by the lab; new in version 2
}

type stateLCD struct {
	Phase     phase      `json:"phase"`
	Step      *int64     `json:"step,omitempty"`     // while lit
	Until     *time.Time `json:"until,omitempty"`    // while lit, if it goes dark
	Challenge string     `json:"challenge,omitzero"` // while lit, on a card with a keypad; new in version 2
	LastShown *int64     `json:"last_shown,omitempty"`
}

var phases = [...]string{dead: "dead", dark: "dark", lit: "lit", wiped: "wiped"}

// MarshalText returns the word for the phase in a saved state.
func (p phase) MarshalText() ([]byte, error) { return []byte(phases[p]), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *phase) UnmarshalText(text []byte) error {
	for i, word := range phases {
		if word == string(text) {
			*p = phase(i)
			return nil
		}
	}
	return fmt.Errorf("the LCD is %.20q; use dark, lit, wiped or dead", text)
}

// MarshalJSON returns the whole state of the fob, the seed included: whoever can read it
// can make codes, so it belongs in a file with mode 0600 and in no log. What UnmarshalJSON
// reads from it gives the same bytes again. The zero Fob gives an error.
func (f *Fob) MarshalJSON() ([]byte, error) { return f.marshal(stateVersion) }

func (f *Fob) marshal(version int) ([]byte, error) {
	if f.profile == nil {
		return nil, errors.New("token: the fob was never made and has no state; use NewFob or UnmarshalJSON")
	}
	p, b := f.profile, f.battery
	s := state{
		Version: version, Serial: f.serial, Now: f.now,
		Profile: stateProfile{
			p.Name, p.Digits, p.Algorithm, p.Step, p.T0, p.LitFor, p.Redraw, p.Life, p.PressesInLife,
			p.TolerancePPB, p.AgeingPPB, p.ParabolaPPBPerC2, p.TurnoverMilliC,
			stateProduct{p.Factor, p.Suite, p.Setting, p.Bars},
		},
		Clock:     f.crystal.state(),
		Presses:   b.presses,
		stateBody: stateBody{b.spent, b.held, f.pressed, f.counter, nil, f.opened},
		LCD:       f.lcd.state(),
	}
	if f.secret != nil {
		s.Seed = hex.EncodeToString(f.secret.seed)
	}
	if f.faults != (Faults{}) {
		s.Faults = &f.faults
	}
	return json.Marshal(s)
}

func (o *oscillator) state() stateClock {
	s := stateClock{TolerancePPB: o.tolerance, Born: o.born, Anchor: o.anchor, DriftNS: o.drift.ns, DriftAS: o.drift.as,
		Forced: o.forced}
	if milliC := int64(o.climate.low); o.climate == Constant(milliC) {
		s.MilliC = &milliC
	} else {
		s.Climate = &o.climate
	}
	return s
}

func (l *lcd) state() stateLCD {
	s := stateLCD{Phase: l.phase, Challenge: l.challenge}
	if l.phase == lit {
		s.Step = &l.step
	}
	if !l.until.IsZero() {
		s.Until = &l.until
	}
	if l.last >= 0 {
		s.LastShown = &l.last
	}
	return s
}

// UnmarshalJSON sets f to a state that MarshalJSON wrote, now or in version 1, with or
// without white space between the values. Anything else is refused: another version, an
// unknown, missing, doubled or misplaced field, an unknown profile, values that no fob can
// have or that contradict each other. After an error f is what it was, and the error does
// not show the seed.
func (f *Fob) UnmarshalJSON(data []byte) error {
	var s state
	if err := decode(data, &s); err != nil {
		return err
	}
	g, err := s.fob()
	if err != nil {
		return err
	}
	// Writing it again is the whole of the strictness about form.
	var given bytes.Buffer
	again, err := g.marshal(s.Version)
	if err != nil || json.Compact(&given, data) != nil || !bytes.Equal(given.Bytes(), again) {
		return fmt.Errorf("token: state of fob %.40q is not in the form that this program writes; restore an unedited copy", s.Serial)
	}
	g.Step(g.now) // version 1 knew no cold that ends a battery
	*f = *g
	return nil
}

// decode reads the fields of a state. The errors of encoding/json quote the input, which
// may be the seed, so that only the place is passed on.
func decode(data []byte, s *state) error {
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("token: fob state is not a JSON object with a version%s; restore an unedited copy", place(err))
	}
	if head.Version == nil || *head.Version < 1 || *head.Version > stateVersion {
		have := "none"
		if head.Version != nil {
			have = fmt.Sprint(*head.Version)
		}
		return fmt.Errorf("token: fob state has version %s, this program reads versions 1 and %d; use the program that wrote it",
			have, stateVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return fmt.Errorf("token: fob state cannot be read%s; restore an unedited copy", place(err))
	}
	if s.Version == 1 && (s.stateBody != stateBody{} || s.Profile.stateProduct != stateProduct{} ||
		s.Clock.Climate != nil || s.Clock.Forced || s.LCD.Challenge != "" || s.LCD.Phase == wiped) {
		return errors.New("token: fob state of version 1 has a field of version 2; restore an unedited copy")
	}
	return nil
}

// place says where in the input an error of encoding/json is.
func place(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf(": bad syntax at byte %d", syntax.Offset)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf(": field %q, which ends at byte %d, is not a %s", kind.Field, kind.Offset, kind.Type.Kind())
	}
	return ": a field is unknown or its value is not understood"
}

// fob builds the fob that s describes, or reports what contradicts.
func (s *state) fob() (*Fob, error) {
	p, err := s.profile()
	if err != nil {
		return nil, err
	}
	f := &Fob{profile: p.shared(), serial: s.Serial, now: s.Now.UTC(), counter: s.Counter, opened: s.Opened}
	if err := s.unseal(f); err != nil {
		return nil, err
	}
	f.build(s.Clock.TolerancePPB, s.Clock.Born.UTC())
	f.crystal.anchor, f.crystal.drift = s.Clock.Anchor.UTC(), drift{s.Clock.DriftNS, s.Clock.DriftAS}
	f.crystal.forced = s.Clock.Forced
	if s.Clock.MilliC != nil {
		if f.crystal.climate = Constant(*s.Clock.MilliC); int64(f.crystal.climate.low) != *s.Clock.MilliC {
			return nil, fmt.Errorf("token: state of fob %q: no crystal works at this temperature; restore an unedited copy", s.Serial)
		}
	}
	if s.Clock.Climate != nil {
		f.crystal.climate = *s.Clock.Climate
	}
	f.battery.presses, f.battery.spent, f.battery.held, f.pressed = s.Presses, s.Spent, s.Held.UTC(), s.Pressed.UTC()
	if s.Faults != nil {
		f.faults = *s.Faults
	}
	f.lcd = s.LCD.lcd()
	f.crystal.settle()
	if wrong := f.nonsense(); wrong != "" {
		return nil, fmt.Errorf("token: state of fob %q contradicts itself: %s; restore an unedited copy", s.Serial, wrong)
	}
	f.reckon()
	if s.Version > 1 && f.lcd.phase != dead && f.empty(f.now) {
		return nil, fmt.Errorf("token: state of fob %q contradicts itself: the battery cannot bear the cold and the fob is not dead; "+
			"restore an unedited copy", s.Serial)
	}
	return f, nil
}

// unseal puts the seed into f.
func (s *state) unseal(f *Fob) error {
	phase := s.LCD.Phase
	switch {
	case (phase == wiped || s.Opened) && s.Seed != "" || s.Opened && phase != wiped && phase != dead:
		return fmt.Errorf("token: state of fob %q contradicts itself: its seed is gone and there; restore an unedited copy", s.Serial)
	case s.Seed == "" && (phase == wiped || phase == dead):
		return nil
	}
	seed, err := hex.DecodeString(s.Seed)
	if err != nil {
		return fmt.Errorf("token: seed of fob %q is not hex; restore an unedited copy", s.Serial)
	}
	f.secret, err = newSecret(seed, *f.profile)
	return err
}

func (s *state) profile() (Profile, error) {
	p, err := ProfileNamed(s.Profile.Name)
	if err != nil {
		return Profile{}, err
	}
	q := s.Profile
	p.Digits, p.Algorithm, p.Step, p.T0 = q.Digits, q.Algorithm, q.Step, q.T0.UTC()
	p.Factor, p.Suite, p.Setting, p.Bars = q.Factor, q.Suite, q.Setting, q.Bars
	p.LitFor, p.Redraw, p.Life, p.PressesInLife = q.LitFor, q.Redraw, q.Life, q.PressesInLife
	p.TolerancePPB, p.AgeingPPB = q.TolerancePPB, q.AgeingPPB
	p.ParabolaPPBPerC2, p.TurnoverMilliC = q.ParabolaPPBPerC2, q.TurnoverMilliC
	// A fob is born at T0 or later; after Rebase that may no longer be so.
	return p, Config{Profile: p, Serial: s.Serial, TolerancePPB: s.Clock.TolerancePPB, Born: p.T0}.check()
}

func (s stateLCD) lcd() lcd {
	l := lcd{phase: s.Phase, last: -1, challenge: s.Challenge}
	if s.Step != nil {
		l.step = *s.Step
	}
	if s.Until != nil {
		l.until = s.Until.UTC()
	}
	if s.LastShown != nil {
		l.last = *s.LastShown
	}
	return l
}
