package seedfile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mfalab/mfalab/token"
)

// entraColumns is the header that Entra ID asks for: the page "Upload hardware OATH tokens
// in CSV format" of learn.microsoft.com, which also says: base32 of up to 128 characters, SHA-1,
// 30 or 60 seconds.
var entraColumns = []string{"upn", "serial number", "secret key", "time interval", "manufacturer", "model"}

const maxEntraSecret = 128

// parseEntra reads rows by the names in the header: columns come in any order, and the
// wrong one taken for the seed would be found by a user who cannot sign in.
func parseEntra(in *reading) error {
	var column map[string]int
	return in.rows(func(line int, fields []string) (err error) {
		if column == nil {
			column, err = entraHeader(fields)
			return err
		}
		field := func(name string) string {
			if i, ok := column[name]; ok {
				return at(fields, i)
			}
			return ""
		}
		r := Record{Serial: field("serialnumber"), Manufacturer: field("manufacturer"), Model: field("model"),
			Account: field("upn"), Digits: defaultDigits}
		if len(fields) > len(column) {
			return in.add(line, r, fmt.Errorf("there are %d fields under a header of %d", len(fields), len(column)))
		}
		secret := field("secretkey")
		r.Seed, err = ParseBase32(secret)
		if err == nil && len(secret) > maxEntraSecret {
			err = fmt.Errorf("the secret key has %d characters; Entra ID takes at most %d", len(secret), maxEntraSecret)
		}
		if err == nil {
			r.Step, err = parseStep(field("timeinterval"))
		}
		if err == nil {
			err = r.checkEntra()
		}
		return in.add(line, r, err)
	})
}

// entraHeader returns where each column is. Makers leave upn out, and spaces in names.
func entraHeader(fields []string) (map[string]int, error) {
	column := map[string]int{}
	for i, name := range fields {
		plain := strings.ToLower(strings.Join(strings.Fields(name), ""))
		if _, twice := column[plain]; twice {
			return nil, fmt.Errorf("seedfile: the header has the column %s twice", shown(name))
		}
		column[plain] = i
	}
	found := 0
	for _, name := range entraColumns {
		_, ok := column[strings.ReplaceAll(name, " ", "")]
		if !ok && name != "upn" {
			return nil, fmt.Errorf("seedfile: the header has no column %q; begin with %s", name, strings.Join(entraColumns, ","))
		}
		if ok {
			found++
		}
	}
	if found < len(column) {
		return nil, fmt.Errorf("seedfile: the header has a column that is not known; use %s", strings.Join(entraColumns, ","))
	}
	return column, nil
}

// checkEntra finds a step that Entra ID would refuse when the file is uploaded.
func (r *Record) checkEntra() error {
	if r.Step != 30*time.Second && r.Step != time.Minute {
		return fmt.Errorf("a step of %s is not possible; Entra ID knows 30 and 60 seconds", r.Step)
	}
	return nil
}

// writeEntra refuses what Entra ID would take and make other codes of.
func writeEntra(out *writing) error {
	out.row(entraColumns...)
	for i, r := range out.records {
		secret := encoding.EncodeToString(r.Seed)
		err := r.checkEntra()
		switch {
		case r.Type != TOTP:
			err = errors.New("an hotp token is nothing for Entra ID, which knows totp only")
		case r.Algorithm != token.SHA1 || r.Digits != defaultDigits:
			err = fmt.Errorf("%s with %d digits is nothing for Entra ID, which knows SHA1 with 6 only", r.Algorithm, r.Digits)
		case len(secret) > maxEntraSecret:
			err = fmt.Errorf("the secret key has %d characters; Entra ID takes at most %d", len(secret), maxEntraSecret)
		}
		if err != nil {
			out.refuse(i, err)
			continue
		}
		out.row(r.Account, r.Serial, secret, seconds(r.Step), r.Manufacturer, r.Model)
	}
	return nil
}

// leaveEntra keeps the six columns.
func leaveEntra(r *Record) {
	account, manufacturer, model := r.Account, r.Manufacturer, r.Model
	*r = r.codes()
	r.Account, r.Manufacturer, r.Model = account, manufacturer, model
}
