package seedfile

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mfalab/mfalab/token"
)

// maxURI is our choice: the largest QR code holds 2953 bytes.
const maxURI = 4096

// ParseURI reads an otpauth URI. See the package comment for what it accepts. An error
// names the part that is wrong, and never shows the secret.
func ParseURI(uri string) (Record, error) {
	if len(uri) > maxURI {
		return Record{}, fmt.Errorf("seedfile: the URI has %d bytes; an otpauth URI has at most %d", len(uri), maxURI)
	}
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil { // which quotes the URI
		return Record{}, errors.New("seedfile: the URI is not well-formed; check its percent-encoding")
	}
	if u.Scheme != "otpauth" || u.Opaque != "" {
		return Record{}, errors.New("seedfile: the URI does not begin with otpauth://; give one that does")
	}
	if u.User != nil || u.Fragment != "" {
		return Record{}, errors.New("seedfile: the URI has a user or a fragment; write @ after the slash, and # as %23")
	}
	r := Record{}
	switch strings.ToLower(u.Host) {
	case "totp":
		r.Type = TOTP
	case "hotp":
		r.Type = HOTP
	default:
		return Record{}, fmt.Errorf("seedfile: type %.20q is not known; use otpauth://totp/ or otpauth://hotp/", u.Host)
	}
	q, err := parameters(u.RawQuery)
	if err != nil {
		return Record{}, err
	}
	if err := r.setLabel(strings.TrimPrefix(u.Path, "/"), q["issuer"]); err != nil {
		return Record{}, err
	}
	if err := r.setParameters(q); err != nil {
		return Record{}, err
	}
	return r, nil
}

// parameters returns the parameters that mean something, each once.
func parameters(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil { // which quotes the query
		return nil, errors.New("seedfile: the part of the URI after the ? is not well-formed; check its percent-encoding")
	}
	q := make(map[string]string)
	for _, name := range []string{"secret", "issuer", "algorithm", "digits", "period", "counter"} {
		switch v := values[name]; len(v) {
		case 0:
		case 1:
			q[name] = v[0]
		default:
			return nil, fmt.Errorf("seedfile: the URI has %s %d times, and apps differ in which counts; leave one", name, len(v))
		}
	}
	return q, nil
}

// setLabel reads the label, issuer ":" *SP account, and the issuer parameter.
func (r *Record) setLabel(label, issuer string) error {
	prefix, account, found := strings.Cut(label, ":")
	if !found {
		prefix, account = "", label
	}
	prefix, issuer = strings.TrimSpace(prefix), strings.TrimSpace(issuer)
	r.Account, r.Issuer = strings.TrimSpace(account), prefix
	if issuer != "" {
		r.Issuer = issuer
	}
	if prefix != "" && prefix != r.Issuer {
		return fmt.Errorf("seedfile: the label says issuer %.40q, the parameter %.40q; make them equal", prefix, issuer)
	}
	return r.checkLabel()
}

func (r *Record) setParameters(q map[string]string) (err error) {
	if r.Seed, err = ParseBase32(q["secret"]); err != nil {
		return err
	}
	if name, ok := q["algorithm"]; ok {
		if r.Algorithm, err = token.ParseAlgorithm(name); err != nil {
			return fmt.Errorf("seedfile: algorithm %.20q is not known; use SHA1, SHA256 or SHA512", name)
		}
	}
	r.Digits = defaultDigits
	if digits, ok := q["digits"]; ok {
		n, err := strconv.ParseUint(digits, 10, 8)
		if r.Digits = int(n); err != nil || r.checkDigits() != nil {
			return fmt.Errorf("seedfile: digits=%.20q is not possible; use 6, 7 or 8", digits)
		}
	}
	if r.Type == HOTP {
		return r.setCounter(q)
	}
	r.Step = defaultStep
	if period, ok := q["period"]; ok {
		seconds, err := strconv.ParseUint(period, 10, 31)
		r.Step = time.Duration(seconds) * time.Second
		if err != nil || r.checkStep() != nil {
			return fmt.Errorf("seedfile: period=%.20q is not possible; use 1 to 86400 seconds", period)
		}
	}
	return nil
}

func (r *Record) setCounter(q map[string]string) (err error) {
	counter, ok := q["counter"]
	if !ok {
		return errors.New("seedfile: an hotp URI must have a counter; add counter=0 for a new token")
	}
	if r.Counter, err = strconv.ParseUint(counter, 10, 64); err != nil {
		return fmt.Errorf("seedfile: counter=%.20q is not possible; use 0 to 18446744073709551615", counter)
	}
	return nil
}

// URI writes r as an otpauth URI that every app reads: the parameters in a fixed order,
// without those that have their default, spaces as %20, the secret without padding. What
// [ParseURI] reads from it is r again, but for what a URI has no place for (the serial,
// dates, ...). It gives an error where r has a value that would change the codes or the
// label. The URI contains the secret.
func (r Record) URI() (string, error) {
	if err := r.checkLabel(); err != nil {
		return "", err
	}
	if err := r.check(); err != nil {
		return "", err
	}
	label := escape(r.Account)
	if r.Issuer != "" {
		label = escape(r.Issuer) + ":" + label
	}
	var b strings.Builder
	fmt.Fprintf(&b, "otpauth://%s/%s?secret=%s", r.Type, label, encoding.EncodeToString(r.Seed))
	if r.Issuer != "" {
		fmt.Fprintf(&b, "&issuer=%s", escape(r.Issuer))
	}
	if r.Algorithm != token.SHA1 {
		fmt.Fprintf(&b, "&algorithm=%s", r.Algorithm)
	}
	if r.Digits != defaultDigits {
		fmt.Fprintf(&b, "&digits=%d", r.Digits)
	}
	if r.Type == HOTP {
		fmt.Fprintf(&b, "&counter=%d", r.Counter)
	} else if r.Step != defaultStep {
		fmt.Fprintf(&b, "&period=%d", r.Step/time.Second)
	}
	if b.Len() > maxURI {
		return "", fmt.Errorf("seedfile: the URI would have %d bytes; an otpauth URI has at most %d", b.Len(), maxURI)
	}
	return b.String(), nil
}

// escape escapes everything but letters, digits, "-_.~" and the @ of an account: more
// than RFC 3986 asks for, because apps differ in what they take + for.
func escape(s string) string {
	return strings.NewReplacer("+", "%20", "%40", "@").Replace(url.QueryEscape(s))
}

// checkLabel accepts what can be read back, and shown on a terminal.
func (r *Record) checkLabel() error {
	for _, part := range []struct{ name, text string }{{"issuer", r.Issuer}, {"account", r.Account}} {
		switch {
		case strings.Contains(part.text, ":"):
			return fmt.Errorf("seedfile: %s %.40q has a colon, which ends the issuer; leave it out", part.name, part.text)
		case part.text != strings.TrimSpace(part.text):
			return fmt.Errorf("seedfile: %s %.40q begins or ends with a space; leave it out", part.name, part.text)
		case !utf8.ValidString(part.text) || strings.ContainsFunc(part.text, unicode.IsControl):
			return fmt.Errorf("seedfile: %s %.40q is not plain UTF-8 text; leave out what is not", part.name, part.text)
		}
	}
	return nil
}
