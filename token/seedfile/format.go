package seedfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Format is the name of a form of file; see the package comment. The empty format is
// whichever [Detect] finds.
type Format string

// The formats.
const (
	PSKC       Format = "pskc"
	OATHCSV    Format = "oath-csv"
	EntraCSV   Format = "entra-csv"
	DuoCSV     Format = "duo-csv"
	SafeNetXML Format = "safenet-xml"
	YubicoCSV  Format = "yubico-csv"
	OTPAuth    Format = "otpauth"
)

// MaxSize is how many bytes a file may have. Our choice: three times what 10,000 encrypted
// PSKC packages need.
const MaxSize = 32 << 20

// maxRecords is our choice: more fobs than any delivery.
const maxRecords = 100_000

// A Secret is a key or passphrase that a file is encrypted with. Like a [token.Seed] it
// never prints itself.
type Secret []byte

// String returns the length of the secret, not the secret.
func (s Secret) String() string { return fmt.Sprintf("secret of %d bytes", len(s)) }

// GoString returns what String does.
func (s Secret) GoString() string { return s.String() }

// Format writes what String returns, whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) { fmt.Fprint(state, s.String()) }

// MarshalText returns what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Options are what a file does not say. The zero value does for all that is neither
// encrypted nor for Duo.
type Options struct {
	PresharedKey Secret // pskc: the AES key, 16 bytes
	Passphrase   Secret // pskc: in place of the key; UTF-8
	KeyName      string // pskc, writing: what the other side calls the key or the passphrase
	Iterations   int    // pskc, writing: of PBKDF2; 0: 1,300,000
	// EncryptAll is for pskc, writing with a key or passphrase: counter, time, interval and drift are encrypted, too, not
	// the seed alone. Readers that Section 4.2 does not bind, such as privacyIDEA, know them in the clear only.
	EncryptAll bool
	Random     io.Reader // pskc, writing: where salt, MAC key and IVs come from; must not repeat itself between files

	Type   Type          // duo-csv, reading: of all tokens
	Digits int           // duo-csv, reading: 0: 6
	Step   time.Duration // duo-csv, reading, of TOTP tokens; 0: 30 s
}

// A File is what a seed file says.
type File struct {
	Format   Format
	Records  []Record
	Rows     []int    // where each record stands: its line, or its number where lines mean nothing (XML)
	Warnings []string // what a person should know before using it, like two rows with one seed; without secrets
}

// A form is how one format is read and written.
type form struct {
	title string
	unit  string // what its rows are
	parse func(*reading) error
	write func(*writing) error
	leave func(*Record) // clears what it has no place for
}

// forms is in the order of the package comment.
var forms = []struct {
	Format
	form
}{
	{PSKC, form{"Portable Symmetric Key Container (RFC 6030)", "package", parsePSKC, writePSKC, leavePSKC}},
	{OATHCSV, form{"OATH CSV of privacyIDEA and LinOTP", "line", parseOATHCSV, writeOATHCSV, leaveOATHCSV}},
	{EntraCSV, form{"Microsoft Entra ID hardware tokens", "line", parseEntra, writeEntra, leaveEntra}},
	{DuoCSV, form{"Duo hardware tokens", "line", parseDuo, writeDuo, leaveDuo}},
	{SafeNetXML, form{"SafeNet eToken PASS", "token", parseSafeNet, writeSafeNet, leaveSafeNet}},
	{YubicoCSV, form{"log of the YubiKey Personalization Tool", "line", parseYubico, writeYubico, leaveYubico}},
	{OTPAuth, form{"otpauth URIs, one a line", "line", parseURIs, writeURIs, leaveURI}},
}

// Formats returns the names of all formats.
func Formats() []Format {
	all := make([]Format, len(forms))
	for i, f := range forms {
		all[i] = f.Format
	}
	return all
}

// formatNames lists them for an error.
func formatNames() string {
	names := make([]string, len(forms))
	for i, f := range forms {
		names[i] = string(f.Format)
	}
	return strings.Join(names, ", ")
}

// Title returns what the format is, in words; "" where it is unknown.
func (f Format) Title() string {
	if known, err := f.form(); err == nil {
		return known.title
	}
	return ""
}

// form returns how f is read and written.
func (f Format) form() (form, error) {
	for _, known := range forms {
		if known.Format == f {
			return known.form, nil
		}
	}
	return form{}, fmt.Errorf("seedfile: format %q is not known; use one of %s", string(f), formatNames())
}

// A reading is a file while it is read.
type reading struct {
	form
	data    []byte // without byte order mark
	options Options
	File
	errs    Errors
	serials map[string]int // -> row
	seeds   map[string]int // -> row
	unsaid  int            // warnings beyond the bound
}

// Parse reads a file: every record, or none and an error, which is an [*Errors] where rows
// are at fault. The empty format is found by [Detect]. No error or warning contains a secret.
func Parse(format Format, data []byte, options Options) (File, error) {
	if format == "" {
		var err error
		if format, err = Detect(data); err != nil {
			return File{}, err
		}
	}
	known, err := format.form()
	if err != nil {
		return File{}, err
	}
	if data, err = text(data); err != nil {
		return File{}, err
	}
	in := &reading{form: known, data: data, options: options, File: File{Format: format},
		serials: map[string]int{}, seeds: map[string]int{}}
	if err := in.parse(in); err != nil {
		return File{}, err
	}
	if err := in.errs.result(); err != nil {
		return File{}, err
	}
	if len(in.Records) == 0 {
		return File{}, fmt.Errorf("seedfile: there is no token in the file; is it %s?", known.title)
	}
	if in.unsaid > 0 {
		in.Warnings = append(in.Warnings, fmt.Sprintf("and %d warnings more", in.unsaid))
	}
	return in.File, nil
}

// text returns data without byte order mark, if it is UTF-8 and not too long.
func text(data []byte) ([]byte, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("seedfile: the file has %d bytes; at most %d are read; split it", len(data), MaxSize)
	}
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if len(data) >= 2 && string(data[:2]) == mark {
			return nil, errors.New("seedfile: the file is UTF-16; save it as UTF-8")
		}
	}
	if len(data) >= 3 && string(data[:3]) == "\xef\xbb\xbf" {
		data = data[3:]
	}
	if !utf8.Valid(data) {
		return nil, errors.New("seedfile: the file is not UTF-8 text; save it as UTF-8")
	}
	return data, nil
}

var errTooMany = fmt.Errorf("seedfile: the file has more than %d tokens; split it", maxRecords)

// add takes a record, or what is wrong with it. It keeps the first serial of each and every
// error: a person mends the file once. What it returns ends the reading.
func (in *reading) add(row int, r Record, err error) error {
	if len(in.Records)+in.errs.Total >= maxRecords {
		return errTooMany
	}
	if err == nil {
		err = r.checkFile()
	}
	if err == nil && r.Serial == "" && in.Format != OTPAuth {
		err = errors.New("there is no serial")
	}
	if first, twice := in.serials[r.Serial]; err == nil && twice {
		err = fmt.Errorf("the serial is that of %s %d; a token has one seed", in.unit, first)
	}
	if err != nil {
		in.errs.add(RowError{in.unit, row, r.Serial, err})
		return nil
	}
	if r.Serial != "" {
		in.serials[r.Serial] = row
	}
	if first, twice := in.seeds[string(r.Seed)]; twice {
		in.warn("%ss %d and %d have the same seed", in.unit, first, row)
	} else {
		in.seeds[string(r.Seed)] = row
	}
	if len(r.Seed) < goodSeed {
		in.warn("%s %d: the seed has %d bytes; HOTP asks for %d and more. Are columns mixed up?", in.unit, row, len(r.Seed), goodSeed)
	}
	in.Records, in.Rows = append(in.Records, r), append(in.Rows, row)
	return nil
}

// warn keeps a bounded number of warnings, and counts the others.
func (in *reading) warn(format string, args ...any) {
	if len(in.Warnings) == maxWarnings {
		in.unsaid++
		return
	}
	in.Warnings = append(in.Warnings, fmt.Sprintf(format, args...))
}

// A writing is a file while it is written.
type writing struct {
	b       []byte
	records []Record
	options Options
	errs    Errors
}

// refuse keeps what is wrong with a record, counted from 0, and goes on to the next.
func (out *writing) refuse(i int, err error) {
	out.errs.add(RowError{"record", i + 1, out.records[i].Serial, err})
}

// Append appends the records as a file of that format to b, without what [Lost] names. On
// an error, an [*Errors] where records are at fault, it returns b as it was. Without the
// option of a key or passphrase, what it writes shows the seeds.
func Append(b []byte, format Format, records []Record, options Options) ([]byte, error) {
	known, err := format.form()
	if err != nil {
		return b, err
	}
	if len(records) == 0 {
		return b, errors.New("seedfile: there is no token to write; give one or more")
	}
	if len(records) > maxRecords {
		return b, errTooMany
	}
	out := &writing{b: slices.Clip(b), records: records, options: options}
	serials := map[string]int{}
	for i, r := range records {
		err := r.checkFile()
		first, twice := serials[r.Serial]
		switch {
		case err != nil:
		case r.Serial == "" && format != OTPAuth:
			err = errors.New("there is no serial")
		case r.Serial != "" && twice:
			err = fmt.Errorf("the serial is that of record %d; a token has one seed", first)
		}
		if err != nil {
			out.refuse(i, err)
		}
		serials[r.Serial] = i + 1
	}
	if err := out.errs.result(); err != nil {
		return b, err
	}
	if err := known.write(out); err != nil {
		return b, err
	}
	if err := out.errs.result(); err != nil {
		return b, err
	}
	if len(out.b)-len(b) > MaxSize {
		return b, fmt.Errorf("seedfile: the file would have more than %d bytes; split it", MaxSize)
	}
	return out.b, nil
}

// Lost returns the names of what the records say and the format has no place for, as
// "model" or "expiry". A format that is not known loses nothing; [Append] refuses it.
func Lost(format Format, records []Record) []string {
	known, err := format.form()
	if err != nil {
		return nil
	}
	var lost []string
	for _, f := range fields {
		if slices.ContainsFunc(records, func(r Record) bool {
			kept := r
			known.leave(&kept)
			return f.of(&r) != f.of(&Record{}) && f.of(&kept) != f.of(&r)
		}) {
			lost = append(lost, f.name)
		}
	}
	return lost
}
