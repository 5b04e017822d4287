package seedfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mfalab/mfalab/token"
)

// The file that came with eToken PASS tokens (Aladdin, then SafeNet), as privacyIDEA and LinOTP read it.
const (
	safeNetRoot = "Tokens"
	safeNetDate = "01/02/2006"
)

// parseSafeNet reads a Token at a time.
func parseSafeNet(in *reading) error {
	w, err := newWalk(in.data)
	if err != nil {
		return err
	}
	root, err := w.root()
	if err != nil {
		return err
	}
	if root.Name.Local != safeNetRoot {
		return fmt.Errorf("seedfile: the root of the XML is %.40q; a SafeNet file has %s", root.Name.Local, safeNetRoot)
	}
	n := 0
	return w.children(func(t *node) error {
		n++
		r := Record{Serial: t.attr("serial"), Type: HOTP, Digits: defaultDigits}
		if t.name.Local != "Token" {
			return in.add(n, r, fmt.Errorf("%.40q stands where Token is meant", t.name.Local))
		}
		return in.add(n, r, r.setSafeNet(t))
	})
}

// setSafeNet reads one token. Of two applications on it, nobody knows which the LCD shows,
// and a value beside seed and factor could be one that changes the codes: both are refused.
func (r *Record) setSafeNet(t *node) error {
	parts, err := t.in("", "CaseModel", "Model", "ProductionDate", "ProductName", "Applications")
	if err != nil {
		return err
	}
	if r.Model = textOf(parts["ProductName"]); r.Model == "" {
		r.Model = textOf(parts["Model"])
	}
	if date := textOf(parts["ProductionDate"]); date != "" {
		if r.Starts, err = time.Parse(safeNetDate, date); err != nil {
			return fmt.Errorf("production date %s is not possible; write month/day/year", shown(date))
		}
	}
	applications, err := parts["Applications"].in("", "Application")
	if err != nil {
		return err
	}
	application, err := applications["Application"].in("", "Seed", "MovingFactor")
	if err != nil {
		return err
	}
	if r.Seed, err = parseHex(textOf(application["Seed"])); err != nil {
		return err
	}
	if r.Algorithm = byLength(r.Seed); r.Algorithm == token.SHA512 {
		return errors.New("a seed of 64 bytes is not possible; up to 32 are")
	}
	if factor := textOf(application["MovingFactor"]); factor != "" {
		r.Counter, err = parseCounter(factor)
	}
	return err
}

// writeSafeNet refuses a hash that readers would not guess from the length of the seed.
func writeSafeNet(out *writing) error {
	out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Tokens>\n")
	for i, r := range out.records {
		if r.Type != HOTP || r.Digits != defaultDigits || r.Algorithm != byLength(r.Seed) || r.Algorithm == token.SHA512 {
			out.refuse(i, fmt.Errorf("an eToken PASS is hotp with 6 digits and SHA1, or SHA256 with a seed of 32 bytes; it is %s with %d, %s and %d",
				r.Type, r.Digits, r.Algorithm, len(r.Seed)))
			continue
		}
		out.raw(`<Token serial="`)
		out.b = escaped(out.b, r.Serial)
		out.raw(`">`)
		out.leaf("ProductName", r.Model)
		if !r.Starts.IsZero() {
			out.leaf("ProductionDate", r.Starts.UTC().Format(safeNetDate))
		}
		out.raw("<Applications><Application>")
		out.leaf("Seed", hex.EncodeToString(r.Seed))
		out.leaf("MovingFactor", strconv.FormatUint(r.Counter, 10))
		out.raw("</Application></Applications></Token>\n")
	}
	out.raw("</Tokens>\n")
	return nil
}

// leaveSafeNet keeps the model, and the day on which the token was made.
func leaveSafeNet(r *Record) {
	model, starts := r.Model, r.Starts
	*r = r.codes()
	r.Model = model
	if day := starts.Truncate(24 * time.Hour); !day.Equal(starts) {
		starts = day
	}
	r.Starts = starts
}
