package seedfile

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/mfalab/mfalab/token"
)

// version is how privacyIDEA marks a file with users in it. What is there is any number.
var version = regexp.MustCompile(`^#\s*version:\s*(\d{1,9})\s*(?:\n|\r|$)`)

// users are the columns that version 2 puts before the others.
const users = 3

// parseOATHCSV reads rows as privacyIDEA does (lib/importotp.py), and the hash in the sixth
// column as LinOTP does (lib/ImportOTP/oath.py). The mark of version 2 says that users come first.
func parseOATHCSV(in *reading) error {
	before := 0
	if m := version.FindSubmatch(bytes.TrimLeft(in.data, " \t\r\n")); m != nil {
		switch string(m[1]) {
		case "0", "1":
		case "2":
			before = users
		default:
			return fmt.Errorf("seedfile: version %s of the file is not supported; 1 and 2 are", m[1])
		}
	}
	return in.rows(func(line int, fields []string) error {
		r := Record{}
		if before > 0 {
			r.Account, r.Resolver, r.Realm = at(fields, 0), at(fields, 1), at(fields, 2)
			fields = fields[min(before, len(fields)):]
		}
		r.Serial = at(fields, 0)
		return in.add(line, r, r.setOATH(fields))
	})
}

// setOATH reads serial, seed, type, digits, counter or step, hash. After the seed all may
// be absent: hotp, 6 digits, counter 0 or 30 s, and the hash for which the seed is as long.
func (r *Record) setOATH(fields []string) (err error) {
	if len(fields) > 6 {
		return fmt.Errorf("there are %d fields; at most 6 are known: serial, seed, type, digits, counter or step, hash", len(fields))
	}
	if r.Seed, err = parseHex(at(fields, 1)); err != nil {
		return err
	}
	r.Type, r.Digits, r.Algorithm = HOTP, defaultDigits, byLength(r.Seed)
	if name := at(fields, 2); name != "" {
		if r.Type, err = parseType(name); err != nil {
			return err
		}
	}
	if digits := at(fields, 3); digits != "" {
		if r.Digits, err = parseDigits(digits); err != nil {
			return err
		}
	}
	if hash := at(fields, 5); hash != "" {
		if r.Algorithm, err = token.ParseAlgorithm(hash); err != nil {
			return fmt.Errorf("hash %s is not known; use sha1, sha256 or sha512", shown(hash))
		}
	}
	factor := at(fields, 4)
	switch {
	case r.Type == TOTP && factor == "":
		r.Step = defaultStep
	case r.Type == TOTP:
		r.Step, err = parseStep(factor)
	case factor != "":
		r.Counter, err = parseCounter(factor)
	}
	return err
}

// writeOATHCSV writes the hash only where the length of the seed says another: privacyIDEA
// knows no such column, LinOTP does.
func writeOATHCSV(out *writing) error {
	withUsers := false
	for _, r := range out.records {
		withUsers = withUsers || r.Account != "" || r.Realm != "" || r.Resolver != ""
	}
	if withUsers {
		out.b = append(out.b, "# version: 2\n"...)
	}
	for _, r := range out.records {
		var row []string
		if withUsers {
			row = append(row, r.Account, r.Resolver, r.Realm)
		}
		factor := strconv.FormatUint(r.Counter, 10)
		if r.Type == TOTP {
			factor = seconds(r.Step)
		}
		row = append(row, r.Serial, hex.EncodeToString(r.Seed), r.Type.String(), strconv.Itoa(r.Digits), factor)
		if r.Algorithm != byLength(r.Seed) {
			row = append(row, r.Algorithm.String())
		}
		out.row(row...)
	}
	return nil
}

// leaveOATHCSV keeps the user, for whom version 2 has a place.
func leaveOATHCSV(r *Record) {
	account, realm, resolver := r.Account, r.Realm, r.Resolver
	*r = r.codes()
	r.Account, r.Realm, r.Resolver = account, realm, resolver
}

// parseDuo reads what Duo takes: tokens of one kind, which is chosen in a form beside the
// file. A third column for totp is refused: nothing that we read says what Duo makes of it.
func parseDuo(in *reading) error {
	kind := Record{Type: in.options.Type, Digits: cmp.Or(in.options.Digits, defaultDigits)}
	if kind.Type == TOTP {
		kind.Step = cmp.Or(in.options.Step, defaultStep)
	}
	return in.rows(func(line int, fields []string) (err error) {
		r := kind
		r.Serial = at(fields, 0)
		r.Seed, err = parseHex(at(fields, 1))
		counter := at(fields, 2)
		switch {
		case err != nil:
		case len(fields) > 3:
			err = fmt.Errorf("there are %d fields; at most 3 are known: serial, seed, counter", len(fields))
		case counter != "" && r.Type == TOTP:
			err = errors.New("it has a counter, and a totp token has none; read the file as hotp")
		case counter != "":
			r.Counter, err = parseCounter(counter)
		}
		return in.add(line, r, err)
	})
}

// writeDuo takes tokens of one kind only: with a second kind, every code of it would be wrong.
func writeDuo(out *writing) error {
	kind := out.records[0]
	for i, r := range out.records {
		switch {
		case r.Algorithm != token.SHA1:
			out.refuse(i, fmt.Errorf("%s is nothing for Duo, which knows SHA1 only", r.Algorithm))
		case r.Type != kind.Type || r.Digits != kind.Digits || r.Step != kind.Step:
			out.refuse(i, errors.New("it is of another kind than record 1; give Duo a file for each type, digits and step"))
		case r.Type == TOTP:
			out.row(r.Serial, hex.EncodeToString(r.Seed))
		default:
			out.row(r.Serial, hex.EncodeToString(r.Seed), strconv.FormatUint(r.Counter, 10))
		}
	}
	return nil
}

// leaveDuo keeps nothing but serial, seed and counter.
func leaveDuo(r *Record) { *r = r.codes() }
