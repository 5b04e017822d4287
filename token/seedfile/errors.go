package seedfile

import (
	"fmt"
	"strings"
)

// Our choice: what fits on a screen, and what a person mends before trying again.
const (
	maxErrors   = 100 // kept
	maxWarnings = 20
	maxPrinted  = 5 // in one message
)

// A RowError is what is wrong with one record of a file.
type RowError struct {
	Unit   string // what Row counts: line (CSV, URIs), package (PSKC), token (SafeNet), record (of Append)
	Row    int    // from 1
	Serial string // whose it is; empty where it is unknown, or so long that it could be a seed
	Err    error
}

// Error returns place, serial and reason in one line.
func (e RowError) Error() string {
	what := fmt.Sprintf("%s %d", e.Unit, e.Row)
	if e.Serial != "" {
		what += fmt.Sprintf(" (serial %q)", e.Serial)
	}
	return what + ": " + strings.TrimPrefix(e.Err.Error(), prefix)
}

// Unwrap returns the reason.
func (e RowError) Unwrap() error { return e.Err }

// Errors are the faults of a file that is refused because of its rows.
type Errors struct {
	Rows  []RowError // the first 100, in the order of the file
	Total int        // how many there are
}

const prefix = "seedfile: "

// Error returns the first few in one line, and how many there are.
func (e *Errors) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%snothing is taken, because of %d faulty rows: ", prefix, e.Total)
	if e.Total == 1 {
		b.Reset()
		b.WriteString(prefix + "nothing is taken, because of one faulty row: ")
	}
	printed := e.Rows[:min(len(e.Rows), maxPrinted)]
	for i, row := range printed {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(row.Error())
	}
	if more := e.Total - len(printed); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap returns the faults that are kept.
func (e *Errors) Unwrap() []error {
	all := make([]error, len(e.Rows))
	for i, row := range e.Rows {
		all[i] = row
	}
	return all
}

// add counts a fault, and keeps the first ones without what could be a seed.
func (e *Errors) add(row RowError) {
	if e.Total++; len(e.Rows) < maxErrors {
		row.Serial = speakable(row.Serial)
		e.Rows = append(e.Rows, row)
	}
}

// result returns e as an error where there is one.
func (e *Errors) result() error {
	if e.Total == 0 {
		return nil
	}
	return e
}

// speakable returns text where it is too short to be a seed, and "" where it is not: in a
// file with its columns mixed up, the seed stands anywhere. Our choice: seeds have 16
// characters and more (RFC 4226, Section 4 asks for 128 bits), serials up to 12, or 19 digits.
func speakable(text string) string {
	if len(text) <= 12 || len(text) <= 19 && strings.Trim(text, "0123456789") == "" {
		return text
	}
	return ""
}

// shown quotes a text for an error, or tells its length where it could be a seed.
func shown(text string) string {
	if speakable(text) == "" && text != "" {
		return fmt.Sprintf("text of %d characters", len(text))
	}
	return fmt.Sprintf("%q", text)
}
