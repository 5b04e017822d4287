package token

import (
	"fmt"
	"strings"
	"time"
)

// check reports the first value that no fob can have.
func (p Profile) check() error {
	if _, err := profileNamed(p.Name); err != nil {
		return err
	}
	if err := p.Algorithm.check(); err != nil {
		return err
	}
	switch {
	case p.Digits < minDigits || p.Digits > maxDigits:
		return fmt.Errorf("token: profile %q has %d digits; use %d to %d", p.Name, p.Digits, minDigits, maxDigits)
	case p.T0.Before(unixEpoch) || p.T0.After(horizon):
		return fmt.Errorf("token: profile %q counts steps from %s; use 1970 to 9999", p.Name, p.T0)
	case p.LitFor < 0 || p.LitFor > maxLitFor:
		return fmt.Errorf("token: profile %q is lit for %s; use 0 (always) to %s", p.Name, p.LitFor, maxLitFor)
	case p.LitFor == 0 && !p.Redraw:
		return fmt.Errorf("token: profile %q is always lit and shows the first code for ever; it must redraw", p.Name)
	case p.Bars < 0 || p.Bars > maxBars:
		return fmt.Errorf("token: profile %q has %d time bars; use 0 to %d", p.Name, p.Bars, maxBars)
	case p.Life < 0 || p.PressesInLife < 0:
		return fmt.Errorf("token: profile %q has a battery for %s or %d presses; use 0 or more", p.Name, p.Life, p.PressesInLife)
	case p.Setting > Restricted:
		return fmt.Errorf("token: profile %q has a clock of kind %d; use sealed, unrestricted or restricted", p.Name, p.Setting)
	}
	if err := p.checkFactor(); err != nil {
		return err
	}
	return p.checkCrystal()
}

// checkFactor reports what does not go with the moving factor.
func (p Profile) checkFactor() error {
	switch {
	case p.Factor > ChallengeResponse:
		return fmt.Errorf("token: profile %q moves by %d; use time, event or challenge", p.Name, p.Factor)
	case p.Factor == TimeBased && p.Step < time.Second:
		return fmt.Errorf("token: profile %q has a step of %s; use one second or more", p.Name, p.Step)
	case p.Factor != TimeBased && (p.Step != 0 || p.Redraw || p.Bars != 0):
		return fmt.Errorf("token: profile %q counts no time; it has no step, no redrawing and no time bars", p.Name)
	case p.Factor != ChallengeResponse && p.Suite != "":
		return fmt.Errorf("token: profile %q has the OCRA suite %.60q and is no challenge-response card; leave it out", p.Name, p.Suite)
	case p.Factor == ChallengeResponse:
		return p.checkSuite()
	}
	return nil
}

// checkSuite reports what a card with ten keys, one counter and an LCD cannot do.
func (p Profile) checkSuite() error {
	suite, err := ParseSuite(p.Suite)
	switch {
	case err != nil:
		return err
	case suite.format != 'N' || suite.pin || suite.session > 0 || suite.counter && suite.step > 0:
		return fmt.Errorf("token: profile %q has the OCRA suite %.60q; use one with QN and at most one of C and T", p.Name, p.Suite)
	case suite.digits != p.Digits || suite.algorithm != p.Algorithm:
		return fmt.Errorf("token: profile %q has %d digits of %s; its OCRA suite %.60q says otherwise", p.Name, p.Digits, p.Algorithm, p.Suite)
	}
	return nil
}

func (p Profile) checkCrystal() error {
	for _, v := range []struct {
		what             string
		value, low, high int64
	}{
		{"a tolerance (ppb)", p.TolerancePPB, 0, maxTolerancePPB},
		{"an ageing (ppb)", p.AgeingPPB, -maxAgeingPPB, maxAgeingPPB},
		{"a parabola (ppb/°C²)", p.ParabolaPPBPerC2, 0, maxParabolaPPB},
		{"a turnover (m°C)", p.TurnoverMilliC, minMilliC, maxMilliC},
	} {
		if v.value < v.low || v.value > v.high {
			return fmt.Errorf("token: profile %q has %s of %d; use %d to %d", p.Name, v.what, v.value, v.low, v.high)
		}
	}
	return nil
}

// checkSerial accepts what can be engraved on a fob and typed into IAM.
func checkSerial(serial string) error {
	if serial == "" || len(serial) > maxSerial {
		return fmt.Errorf("token: a serial number has 1 to %d characters, not %d", maxSerial, len(serial))
	}
	for _, r := range serial {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (r < '0' || r > '9') && !strings.ContainsRune("_+=/:,.@-", r) {
			return fmt.Errorf("token: serial number %.40q has the character %q; use letters, digits and _+=/:,.@-", serial, r)
		}
	}
	return nil
}
