package seedfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mfalab/mfalab/token"
)

// delimiter returns what the first line that says something divides its fields with:
// spreadsheets write semicolons in some countries.
func delimiter(data []byte) rune {
	line := first(data)
	for _, d := range ",;\t" {
		if strings.ContainsRune(line, d) {
			return d
		}
	}
	return ','
}

// first returns the first line that is neither empty nor a comment, without spaces around.
func first(data []byte) string {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line)
		}
	}
	return ""
}

// rows calls f with every line of fields, without the empty ones at the end. What f
// returns ends it.
func (in *reading) rows(f func(line int, fields []string) error) error {
	comma, n := delimiter(in.data), 0
	var fields []string
	for line := range bytes.Lines(in.data) {
		n++
		line = bytes.Trim(line, " \r\n") // a tab may divide, even at the beginning
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var err error
		if fields, err = split(fields[:0], string(line), comma); err != nil {
			err = in.add(n, Record{}, err)
		} else if len(fields) > 0 {
			err = f(n, fields)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errQuote = errors.New("a quote is missing, or stands where none may be")

// split appends the fields of a line, without the spaces around them and the empty ones
// at the end. As RFC 4180, but that a field ends with its line and spaces may surround quotes.
func split(fields []string, line string, comma rune) ([]string, error) {
	for more := true; more; {
		var field string
		if line = strings.TrimLeft(line, " "); strings.HasPrefix(line, `"`) {
			var quoted strings.Builder
			for again := true; again; {
				part, rest, ended := strings.Cut(line[1:], `"`)
				if !ended {
					return nil, errQuote
				}
				quoted.WriteString(part)
				if again = strings.HasPrefix(rest, `"`); again {
					quoted.WriteByte('"')
				}
				line = rest
			}
			var after string
			if after, line, more = strings.Cut(line, string(comma)); strings.Trim(after, " ") != "" {
				return nil, errQuote
			}
			field = quoted.String()
		} else if field, line, more = strings.Cut(line, string(comma)); strings.Contains(field, `"`) {
			return nil, errQuote
		}
		fields = append(fields, strings.TrimSpace(field))
	}
	for len(fields) > 0 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	return fields, nil
}

// at returns a field, "" where there is none.
func at(fields []string, i int) string {
	if i >= len(fields) {
		return ""
	}
	return fields[i]
}

// row appends a line of fields.
func (out *writing) row(fields ...string) {
	for i, field := range fields {
		if i > 0 {
			out.b = append(out.b, ',')
		}
		if strings.ContainsAny(field, ",;\"#") {
			field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		out.b = append(out.b, field...)
	}
	out.b = append(out.b, '\n')
}

// parseHex reads a seed written in hexadecimal; spaces and case make no difference.
func parseHex(text string) (token.Seed, error) {
	text = strings.Join(strings.Fields(text), "")
	if text == "" {
		return nil, errors.New("there is no seed; give hexadecimal text")
	}
	for i, r := range text {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return nil, fmt.Errorf("character %d of the seed is not hexadecimal; use 0 to 9 and a to f", i+1)
		}
	}
	if len(text)%2 != 0 {
		return nil, fmt.Errorf("a seed of %d hexadecimal characters is cut off; copy all of it", len(text))
	}
	return hex.DecodeString(text)
}

// parseDigits takes one character, so that 06 and +6 are typing errors.
func parseDigits(text string) (int, error) {
	if len(text) != 1 || text[0] < '6' || text[0] > '8' {
		return 0, fmt.Errorf("digits %s are not possible; use 6, 7 or 8", shown(text))
	}
	return int(text[0] - '0'), nil
}

// parseStep reads seconds. Some makers write milliseconds, which is beyond what any token has.
func parseStep(text string) (time.Duration, error) {
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil || seconds == 0 || seconds > uint64(maxStep/time.Second) {
		return 0, fmt.Errorf("step %s is not possible; use 1 to %d seconds", shown(text), maxStep/time.Second)
	}
	return time.Duration(seconds) * time.Second, nil
}

// parseCounter reads a moving factor: RFC 4226, Section 5.1 has 8 bytes for it.
func parseCounter(text string) (uint64, error) {
	counter, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("counter %s is not possible; use 0 or more", shown(text))
	}
	return counter, nil
}

// byLength returns the hash that privacyIDEA and LinOTP take a seed to be for.
func byLength(seed token.Seed) token.Algorithm {
	switch len(seed) {
	case 32:
		return token.SHA256
	case 64:
		return token.SHA512
	}
	return token.SHA1
}

// seconds writes what parseStep reads.
func seconds(step time.Duration) string { return strconv.FormatInt(int64(step/time.Second), 10) }
