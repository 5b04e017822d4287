package token

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// stateVersion is the version of the state that this package writes and reads.
const stateVersion = 1

// state is the JSON form of a Fob. It holds everything that a fob lives by, the numbers
// of its profile included, so that a later edition of a profile changes no fob that is
// already in somebody's drawer. Field order is part of the format.
type state struct {
	Version int          `json:"version"`
	Serial  string       `json:"serial"`
	Seed    string       `json:"seed"` // lower-case hex
	Now     time.Time    `json:"now"`
	Profile stateProfile `json:"profile"`
	Clock   stateClock   `json:"clock"`
	Presses int64        `json:"presses"`
	LCD     stateLCD     `json:"lcd"`
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
}

type stateClock struct {
	TolerancePPB int64     `json:"tolerance_ppb"`
	Born         time.Time `json:"born"`
	Anchor       time.Time `json:"anchor"`
	DriftNS      int64     `json:"drift_ns"` // at the anchor
	DriftAS      int64     `json:"drift_as"` // and this many attoseconds, 0 to 999999999
	MilliC       int64     `json:"milli_c"`
}

type stateLCD struct {
	Phase     phase      `json:"phase"`
	Step      *int64     `json:"step,omitempty"`  // while lit
	Until     *time.Time `json:"until,omitempty"` // while lit, if it goes dark
	LastShown *int64     `json:"last_shown,omitempty"`
}

var phases = [...]string{dead: "dead", dark: "dark", lit: "lit"}

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
	return fmt.Errorf("the LCD is %.20q; use dark, lit or dead", text)
}

// MarshalJSON returns the whole state of the fob, the seed included: whoever can read it
// can make codes, so it belongs in a file with mode 0600 and in no log. What UnmarshalJSON reads from it gives the same bytes again. The zero
// Fob gives an error.
func (f *Fob) MarshalJSON() ([]byte, error) {
	if f.secret == nil {
		return nil, errors.New("token: the fob was never made and has no state; use NewFob or UnmarshalJSON")
	}
	p, c := f.profile, f.crystal
	s := state{
		Version: stateVersion, Serial: f.serial, Seed: hex.EncodeToString(f.secret.seed), Now: f.now,
		Profile: stateProfile{
			p.Name, p.Digits, p.Algorithm, p.Step, p.T0, p.LitFor, p.Redraw, p.Life, p.PressesInLife,
			p.TolerancePPB, p.AgeingPPB, p.ParabolaPPBPerC2, p.TurnoverMilliC,
		},
		Clock:   stateClock{c.tolerance, c.born, c.anchor, c.drift.ns, c.drift.as, c.milliC},
		Presses: f.battery.presses,
		LCD:     stateLCD{Phase: f.lcd.phase},
	}
	if f.lcd.phase == lit {
		s.LCD.Step = &f.lcd.step
	}
	if !f.lcd.until.IsZero() {
		s.LCD.Until = &f.lcd.until
	}
	if f.lcd.last >= 0 {
		s.LCD.LastShown = &f.lcd.last
	}
	return json.Marshal(s)
}

// UnmarshalJSON sets f to a state that MarshalJSON wrote, with or without white space
// between the values. Anything else is refused: another version, an unknown, missing,
// doubled or misplaced field, an unknown profile, values that no fob can have or that
// contradict each other. After an error f is what it was, and the error does not show
// the seed.
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
	again, err := g.MarshalJSON()
	if err != nil || json.Compact(&given, data) != nil || !bytes.Equal(given.Bytes(), again) {
		return fmt.Errorf("token: state of fob %.40q is not in the form that this program writes; restore an unedited copy", s.Serial)
	}
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
	if head.Version == nil || *head.Version != stateVersion {
		have := "none"
		if head.Version != nil {
			have = fmt.Sprint(*head.Version)
		}
		return fmt.Errorf("token: fob state has version %s, this program reads version %d; use the program that wrote it", have, stateVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return fmt.Errorf("token: fob state cannot be read%s; restore an unedited copy", place(err))
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
	seed, err := hex.DecodeString(s.Seed)
	if err != nil {
		return nil, fmt.Errorf("token: seed of fob %q is not hex; restore an unedited copy", s.Serial)
	}
	secret, err := newSecret(seed, p)
	if err != nil {
		return nil, err
	}
	f := &Fob{profile: p, serial: s.Serial, secret: secret, now: s.Now.UTC()}
	f.build(s.Clock.TolerancePPB, s.Clock.Born.UTC())
	f.crystal.anchor, f.crystal.milliC = s.Clock.Anchor.UTC(), s.Clock.MilliC
	f.crystal.drift = drift{s.Clock.DriftNS, s.Clock.DriftAS}
	f.battery.presses = s.Presses
	f.lcd = s.LCD.lcd()
	if wrong := f.nonsense(); wrong != "" {
		return nil, fmt.Errorf("token: state of fob %q contradicts itself: %s; restore an unedited copy", s.Serial, wrong)
	}
	return f, nil
}

func (s *state) profile() (Profile, error) {
	p, err := ProfileNamed(s.Profile.Name)
	if err != nil {
		return Profile{}, err
	}
	q := s.Profile
	p.Digits, p.Algorithm, p.Step, p.T0 = q.Digits, q.Algorithm, q.Step, q.T0.UTC()
	p.LitFor, p.Redraw, p.Life, p.PressesInLife = q.LitFor, q.Redraw, q.Life, q.PressesInLife
	p.TolerancePPB, p.AgeingPPB = q.TolerancePPB, q.AgeingPPB
	p.ParabolaPPBPerC2, p.TurnoverMilliC = q.ParabolaPPBPerC2, q.TurnoverMilliC
	// A fob is born at T0 or later; after Rebase that may no longer be so.
	return p, Config{Profile: p, Serial: s.Serial, TolerancePPB: s.Clock.TolerancePPB, Born: p.T0}.check()
}

func (s stateLCD) lcd() lcd {
	l := lcd{phase: s.Phase, last: -1}
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

// nonsense returns what in the state of f could not have come about, or "".
func (f *Fob) nonsense() string {
	c, l, p := f.crystal, f.lcd, f.profile
	age, _ := elapsed(c.born, c.anchor)
	most := (age + 1) * (maxTolerancePPB + maxAgeingPPB*3 + maxParabolaPPB*125*125)
	switch {
	case f.now != inWorld(f.now):
		return "its time is not between 1970 and 9999"
	case c.anchor.Before(c.born) || f.now.Before(c.anchor):
		return "the order in time must be born, anchor, now"
	case c.milliC < minMilliC || c.milliC > maxMilliC:
		return "no crystal works at this temperature"
	case c.drift.as < 0 || c.drift.as >= 1e9:
		return "drift_as must be 0 to 999999999"
	case c.drift.ns < -most || c.drift.ns > most || c.anchor.Equal(c.born) && c.drift != drift{}:
		return "no crystal drifts so far in its age"
	case f.battery.presses < 0 || f.battery.presses > p.PressesInLife || f.battery.presses > 0 && p.Life == 0:
		return "the battery does not allow this number of presses"
	case l.phase != dead && f.empty(f.now):
		return "the battery is empty and the fob is not dead"
	case l.last < -1 || l.phase == lit && l.last < l.step:
		return "last_shown is below a step that was shown"
	}
	return f.nonsenseOnLCD()
}

func (f *Fob) nonsenseOnLCD() string {
	l, litFor := f.lcd, f.profile.LitFor
	left := l.until.Sub(f.now)
	switch {
	case l.phase != lit && (l.step != 0 || !l.until.IsZero()):
		return "an LCD that is not lit shows nothing"
	case l.phase == dark && litFor == 0:
		return "an LCD that is always lit is dark"
	case l.phase != lit:
		return ""
	case l.until.IsZero() != (litFor == 0):
		return "until must be there where the LCD goes dark, and only there"
	case litFor > 0 && (left <= 0 || left > litFor):
		return "the LCD goes dark in the past or too late"
	case l.step < 0 || l.step > f.stepAt(f.now) || f.profile.Redraw && l.step != f.stepAt(f.now):
		return "the LCD shows a step that the clock is not in"
	}
	return ""
}
