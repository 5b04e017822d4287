package sigv4

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// From the specification. Section "Elements of a request signature".
const (
	// Algorithm is the only one that is checked here.
	Algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	basicTime  = "20060102T150405Z"
	basicDate  = "20060102"
)

// A Signature is what a request says about how it was signed. Nothing in it is proven before Keys.Verify returned it.
type Signature struct {
	AccessKeyID string
	// SessionToken comes with temporary credentials; it is a secret.
	SessionToken string
	// Time is when the client signed, by its clock, in whole seconds.
	Time time.Time
	// Date, Region and Service are the credential scope.
	Date, Region, Service string
	// SignedHeaders are the names as given, in that order.
	SignedHeaders []string
	// Presigned is whether the signature is in the query; Expires is then how long the client wants the URL to live.
	Presigned bool
	Expires   time.Duration

	terminator string
	hex        string
}

// Signed reports whether r carries a signature of any version, good or bad, in a header or in the query.
func Signed(r *http.Request) bool {
	for _, v := range r.Header.Values("Authorization") {
		if strings.HasPrefix(v, "AWS4-") || strings.HasPrefix(v, "AWS ") {
			return true
		}
	}
	return r.URL.RawQuery != "" && r.URL.Query().Has("X-Amz-Algorithm")
}

// Parse reads the signature of r from the Authorization header or from the query. The error is an *Error. What it
// returns keeps no reference to r.
func Parse(r *http.Request) (Signature, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Signature{}, &Error{ID: "MalformedQueryString"}
	}
	authorization, header := r.Header["Authorization"]
	_, presigned := query["X-Amz-Algorithm"]
	switch {
	case header && presigned:
		return Signature{}, mismatch("Found both 'X-Amz-Algorithm' as a query-string param " +
			"and 'Authorization' as HTTP header.")
	case presigned:
		return parseQuery(query)
	case header && len(authorization) == 1:
		return parseHeader(authorization[0], r.Header)
	case header:
		return Signature{}, incomplete("Authorization header must be given once, found %d.", len(authorization))
	default:
		return Signature{}, &Error{ID: "MissingAuthenticationToken"}
	}
}

func parseHeader(authorization string, header http.Header) (Signature, error) {
	algorithm, rest, _ := strings.Cut(authorization, " ")
	if algorithm != Algorithm {
		return Signature{}, unsupported(algorithm)
	}
	field, err := authorizationFields(rest, authorization)
	if err != nil {
		return Signature{}, err
	}
	var lacks strings.Builder
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if field[name] == "" {
			fmt.Fprintf(&lacks, "Authorization header requires '%s' parameter. ", name)
		}
	}
	date := header.Get("X-Amz-Date")
	if date == "" {
		date = header.Get("Date")
	}
	if date == "" {
		lacks.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if lacks.Len() > 0 {
		return Signature{}, incomplete("%sAuthorization=%s", lacks.String(), authorization)
	}
	// A token in the header is covered by the signature or refused: checkCoverage sees to that.
	s := Signature{hex: field["Signature"], SessionToken: header.Get("X-Amz-Security-Token")}
	return s.fill(field["Credential"], field["SignedHeaders"], date)
}

// authorizationFields splits "Credential=a, SignedHeaders=b, Signature=c" at commas and spaces.
func authorizationFields(rest, whole string) (map[string]string, error) {
	field := map[string]string{}
	for _, pair := range strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' }) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, incomplete("'%s' not a valid key=value pair (missing equal-sign) in Authorization header: '%s'.",
				pair, whole)
		}
		if _, again := field[name]; again {
			return nil, incomplete("'%s' is given more than once in Authorization header: '%s'.", name, whole)
		}
		field[name] = value
	}
	return field, nil
}

func parseQuery(query url.Values) (Signature, error) {
	var lacks strings.Builder
	for _, name := range []string{"Algorithm", "Credential", "Signature", "SignedHeaders", "Date"} {
		if query.Get("X-Amz-"+name) == "" {
			fmt.Fprintf(&lacks, "AWS query-string parameters must include 'X-Amz-%s'. ", name)
		}
	}
	if lacks.Len() > 0 {
		return Signature{}, incomplete("%sRe-examine the query-string parameters.", lacks.String())
	}
	for name, values := range query {
		if strings.HasPrefix(name, "X-Amz-") && len(values) > 1 {
			return Signature{}, incomplete("'%s' is given more than once. Re-examine the query-string parameters.", name)
		}
	}
	if a := query.Get("X-Amz-Algorithm"); a != Algorithm {
		return Signature{}, unsupported(a)
	}
	s := Signature{hex: query.Get("X-Amz-Signature"), SessionToken: query.Get("X-Amz-Security-Token"), Presigned: true}
	if e := query.Get("X-Amz-Expires"); e != "" {
		seconds, err := strconv.ParseUint(e, 10, 32)
		if err != nil || seconds > 604800 {
			return Signature{}, incomplete("X-Amz-Expires must be a number from 0 to 604800, got '%s'.", e)
		}
		s.Expires = time.Duration(seconds) * time.Second
	}
	return s.fill(query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Date"))
}

// fill reads the parts that both ways to sign share.
func (s Signature) fill(credential, headers, date string) (Signature, error) {
	var err error
	if s.Time, err = parseTime(date); err != nil {
		return Signature{}, err
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 {
		return Signature{}, incomplete("Credential must have exactly 5 slash-delimited elements, "+
			"e.g. keyid/date/region/service/term, got '%s'", credential)
	}
	s.AccessKeyID, s.Date, s.Region, s.Service, s.terminator = scope[0], scope[1], scope[2], scope[3], scope[4]
	s.SignedHeaders = strings.Split(headers, ";")
	return s, nil
}

// parseTime reads X-Amz-Date, or Date in either of its forms.
func parseTime(v string) (time.Time, error) {
	// time.Parse would take a fraction of a second too; that is not the basic format.
	if t, err := time.Parse(basicTime, v); err == nil && len(v) == len(basicTime) {
		return t, nil
	}
	if t, err := http.ParseTime(v); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. "+
		"See http://en.wikipedia.org/wiki/ISO_8601", v)
}

func unsupported(algorithm string) *Error {
	return incomplete("Unsupported AWS 'algorithm': '%s'.", algorithm)
}

// String returns who signed, when and for what, without the session token.
func (s Signature) String() string {
	return fmt.Sprintf("%s/%s/%s/%s at %s", s.AccessKeyID, s.Date, s.Region, s.Service, s.Time.Format(basicTime))
}

// Format writes String whatever the verb, so that no verb writes the session token.
func (s Signature) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue returns String.
func (s Signature) LogValue() slog.Value { return slog.StringValue(s.String()) }
