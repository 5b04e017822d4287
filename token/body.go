package token

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Faults are what can be broken on a fob that still lives. The zero value is a whole one.
// As text they are words and digits with the segments that they lack, separated by commas:
// "stuck,weak,3g,6ad" is a stuck button, a weak LCD, a third digit from the left without
// its middle bar, and a sixth without its top and bottom.
type Faults struct {
	Stuck   bool                // the button is down and does not come back
	Weak    bool                // the segments of the LCD are hard to see at all times
	Missing [maxDigits]Segments // segments that stay dark, by digit from the left
}

// ParseFaults reads faults; "" is none.
func ParseFaults(text string) (Faults, error) {
	var faults Faults
	if text == "" {
		return faults, nil
	}
	for fault := range strings.SplitSeq(text, ",") {
		if err := faults.add(fault); err != nil {
			return Faults{}, err
		}
	}
	return faults, nil
}

func (f *Faults) add(fault string) error {
	switch fault {
	case "stuck":
		f.Stuck = true
		return nil
	case "weak":
		f.Weak = true
		return nil
	}
	if len(fault) < 2 || fault[0] < '1' || fault[0] > '0'+maxDigits {
		return fmt.Errorf("token: fault %.20q is not known; use stuck, weak, or a digit and its segments as in 3g", fault)
	}
	missing, err := ParseSegments(fault[1:])
	f.Missing[fault[0]-'1'] |= missing
	return err
}

// String returns the faults as [ParseFaults] reads them.
func (f Faults) String() string {
	var words []string
	if f.Stuck {
		words = append(words, "stuck")
	}
	if f.Weak {
		words = append(words, "weak")
	}
	for i, missing := range f.Missing {
		if missing != 0 {
			words = append(words, strconv.Itoa(i+1)+missing.String())
		}
	}
	return strings.Join(words, ",")
}

// MarshalText returns what String does.
func (f Faults) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText sets f to the faults that text names, as [ParseFaults] does.
func (f *Faults) UnmarshalText(text []byte) error {
	parsed, err := ParseFaults(string(text))
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}

// Break gives the fob these faults and mends all others. A button that gets stuck is
// pressed by that, and held; one that is mended is let go. An error means that the fob
// lacks the part: a button, or the digit. Then nothing has changed but the time.
func (f *Fob) Break(now time.Time, faults Faults) error {
	f.Step(now)
	if f.lcd.phase == dead {
		return fmt.Errorf("token: fob %q is dead and cannot break; take another", f.Serial())
	}
	if err := f.canHave(faults); err != nil {
		return fmt.Errorf("token: fob %q %w", f.Serial(), err)
	}
	was := f.faults
	f.faults = faults
	if was.Stuck && !faults.Stuck {
		f.release()
	}
	if faults.Stuck {
		f.Hold(f.now)
	}
	return nil
}

func (f *Fob) canHave(faults Faults) error {
	if faults.Stuck && f.profile.LitFor == 0 {
		return errors.New("has no button that could be stuck; leave that fault out")
	}
	for i, missing := range faults.Missing {
		if i >= f.profile.Digits && missing != 0 {
			return fmt.Errorf("has %d digits and none that could lack %q; use a lower digit", f.profile.Digits, missing)
		}
		if missing >= 1<<len(segmentNames) {
			return fmt.Errorf("has no segments %b; use a to g", uint8(missing))
		}
	}
	return nil
}

// Faults returns what is broken.
func (f *Fob) Faults() Faults { return f.faults }

// Open breaks the case open. The fob notices and forgets its seed: the LCD shows nothing
// any more, and no seed can be burnt into it. The clock runs on until the battery ends.
func (f *Fob) Open(now time.Time) {
	f.Step(now)
	if f.profile != nil {
		f.opened = true
		f.wipe()
	}
}

// Opened reports whether the case was broken open.
func (f *Fob) Opened() bool { return f.opened }

// Wiped reports whether the seed is gone, although the fob may live.
func (f *Fob) Wiped() bool { return f.secret == nil }

func (f *Fob) wipe() {
	f.secret = nil
	if f.lcd.phase != dead {
		f.lcd.blank(wiped)
	}
}

// Burn writes another seed into a programmable fob. Counter and the record of what was
// shown begin anew; the clock stays as it is. An error means that the seed is empty, or that
// no seed can be burnt into this fob: it is not programmable, was opened, or is dead. Then
// nothing has changed but the time.
func (f *Fob) Burn(now time.Time, seed Seed) error {
	f.Step(now)
	switch {
	case f.lcd.phase == dead:
		return fmt.Errorf("token: fob %q is dead and takes no seed; take another", f.Serial())
	case f.profile.Setting == Sealed:
		return fmt.Errorf("token: fob %q takes no seed; use one of a programmable profile", f.Serial())
	case f.opened:
		return fmt.Errorf("token: fob %q was opened and takes no seed; take another", f.Serial())
	}
	secret, err := newSecret(seed, *f.profile)
	if err != nil {
		return err
	}
	f.secret, f.counter, f.lcd = secret, 0, lcd{phase: dark, last: -1}
	f.reshow()
	return nil
}
