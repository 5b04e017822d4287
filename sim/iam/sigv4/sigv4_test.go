package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

var secrets = map[string]string{
	"AKIDEXAMPLE":          "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}

var errUnknown = errors.New("unknown key")

func secretOf(s sigv4.Signature) (string, error) {
	if v, ok := secrets[s.AccessKeyID]; ok {
		return v, nil
	}
	return "", errUnknown
}

// arrived returns r as a server gets it over the wire, and the hash of its body.
func arrived(t require.TestingT, wire []byte) (*http.Request, [sha256.Size]byte) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r, sha256.Sum256(body)
}

func wireOf(t require.TestingT, r *http.Request) []byte {
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	return b.Bytes()
}

func published(t testing.TB) map[string][]byte {
	a, err := txtar.ParseFile("testdata/published.txtar")
	require.NoError(t, err)
	m := map[string][]byte{}
	for _, f := range a.Files {
		head, body, _ := strings.Cut(string(f.Data), "\n\n")
		m[f.Name] = []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + strings.TrimSuffix(body, "\n"))
	}
	return m
}

func TestPublishedRequests(t *testing.T) {
	var keys sigv4.Keys
	vectors := published(t)
	require.Len(t, vectors, 13)
	for name, wire := range vectors {
		t.Run(name, func(t *testing.T) {
			r, body := arrived(t, wire)
			s, err := sigv4.Parse(r)
			require.NoError(t, err)
			for range 2 { // the second time with the remembered key
				got, err := keys.Verify(r, s.Service, body, s.Time, secretOf)
				require.NoError(t, err)
				require.Equal(t, s, got)
			}
		})
	}
}

const usual = "" // the message where the row of package iam's table has the words

const (
	at    = "20150830T123600Z"
	scope = "AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request"
)

var good = authorization(scope, "host;x-amz-date")

func authorization(credential, headers string) string {
	return "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=" + headers +
		", Signature=" + strings.Repeat("0", 64)
}

var refusals = []struct {
	name, target, header string // header lines separated by |
	later                time.Duration
	id, text             string
}{
	{"no signature", "/", "", 0, "MissingAuthenticationToken", ""},
	{"another scheme", "/", "Authorization: Bearer abc", 0, "IncompleteSignature", "Unsupported AWS 'algorithm': 'Bearer'."},
	{"an algorithm that is not checked", "/", "Authorization: AWS4-HMAC-SHA512 Credential=a", 0, "IncompleteSignature",
		"Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."},
	{"nothing but the algorithm", "/", "Authorization: AWS4-HMAC-SHA256", 0, "IncompleteSignature",
		"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
			"Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a " +
			"'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
	{"no date", "/", "Authorization: " + good, 0, "IncompleteSignature",
		"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=" + good},
	{"a space in the key", "/", "Authorization: AWS4-HMAC-SHA256 Credential=not valid/x, SignedHeaders=h", 0, "IncompleteSignature",
		"'valid/x' not a valid key=value pair (missing equal-sign) in Authorization header: " +
			"'AWS4-HMAC-SHA256 Credential=not valid/x, SignedHeaders=h'."},
	{"a field twice", "/", "Authorization: AWS4-HMAC-SHA256 Credential=a, Credential=b", 0, "IncompleteSignature",
		"'Credential' is given more than once in Authorization header: 'AWS4-HMAC-SHA256 Credential=a, Credential=b'."},
	{"the header twice", "/", "Authorization: " + good + "|Authorization: " + good, 0, "IncompleteSignature",
		"Authorization header must be given once, found 2."},
	{"header and query", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", "Authorization: " + good, 0, "SignatureDoesNotMatch",
		"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
	{"a date with dashes", "/", "Authorization: " + good + "|X-Amz-Date: 2015-08-30", 0, "IncompleteSignature",
		"Date must be in ISO-8601 'basic format'. Got '2015-08-30'. See http://en.wikipedia.org/wiki/ISO_8601"},
	{"a date with a fraction", "/", "Authorization: " + good + "|X-Amz-Date: 20150830T123600.5Z", 0, "IncompleteSignature",
		"Date must be in ISO-8601 'basic format'. Got '20150830T123600.5Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
	{"a short credential", "/", "Authorization: " + authorization("AKIDEXAMPLE", "host") + "|X-Amz-Date: " + at, 0,
		"IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE'"},
	{"six minutes old", "/", "Authorization: " + good + "|X-Amz-Date: " + at, 6 * time.Minute, "SignatureExpired",
		"20150830T123600Z 20150830T123700Z 20150830T124200Z"},
	{"six minutes early", "/", "Authorization: " + good + "|X-Amz-Date: " + at, -6 * time.Minute, "SignatureEarly",
		"20150830T123600Z 20150830T123500Z 20150830T123000Z"},
	{"the host is not signed", "/", "Authorization: " + authorization(scope, "x-amz-date") + "|X-Amz-Date: " + at, 0,
		"SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
	{"the date is not signed", "/", "Authorization: " + authorization(scope, "host") + "|X-Amz-Date: " + at, 0,
		"SignatureDoesNotMatch", "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
	{"the token is not signed", "/", "Authorization: " + good + "|X-Amz-Security-Token: t|X-Amz-Date: " + at, 0,
		"SignatureDoesNotMatch", "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."},
	{"another service", "/", "Authorization: " + authorization("AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request", "host;x-amz-date") +
		"|X-Amz-Date: " + at, 0, "SignatureScope", "iam"},
	{"all of the scope is wrong", "/", "Authorization: " + authorization("AKIDEXAMPLE/20150831/us-east-1/s3/aws5", "host;x-amz-date") +
		"|X-Amz-Date: " + at, 0, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'. Credential should be " +
		"scoped with a valid terminator: 'aws4_request', not 'aws5'. Date in Credential scope does not match YYYYMMDD from " +
		"ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'. "},
	{"a signature of zeros", "/", "Authorization: " + good + "|X-Amz-Date: " + at, 0, "SignatureDoesNotMatch", usual},
	{"signed headers out of order", "/", "Authorization: " + authorization(scope, "x-amz-date;host") + "|X-Amz-Date: " + at, 0,
		"SignatureDoesNotMatch", usual},
	{"a signed header that did not come", "/", "Authorization: " + authorization(scope, "host;x-amz-date;x-none") + "|X-Amz-Date: " + at,
		0, "SignatureDoesNotMatch", usual},
	{"a broken query", "/?a=%zz", "Authorization: " + good + "|X-Amz-Date: " + at, 0, "MalformedQueryString", ""},
	{"a presigned query that lacks much", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1", "", 0, "IncompleteSignature",
		"AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. " +
			"AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters."},
	{"a presigned query with a date twice", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1&X-Amz-Date=2&X-Amz-Credential=a" +
		"&X-Amz-Signature=b&X-Amz-SignedHeaders=host", "", 0, "IncompleteSignature",
		"'X-Amz-Date' is given more than once. Re-examine the query-string parameters."},
	{"a presigned query for ever", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1&X-Amz-Credential=a&X-Amz-Expires=604801" +
		"&X-Amz-Signature=b&X-Amz-SignedHeaders=host", "", 0, "IncompleteSignature",
		"X-Amz-Expires must be a number from 0 to 604800, got '604801'."},
}

func TestRefusals(t *testing.T) {
	signed, err := time.Parse("20060102T150405Z", at)
	require.NoError(t, err)
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			wire := "GET " + tt.target + " HTTP/1.1\r\nHost: iam.amazonaws.com\r\n"
			if tt.header != "" {
				wire += strings.ReplaceAll(tt.header, "|", "\r\n") + "\r\n"
			}
			r, body := arrived(t, []byte(wire+"\r\n"))
			var keys *sigv4.Keys
			_, err := keys.Verify(r, "iam", body, signed.Add(tt.later), secretOf)
			var e *sigv4.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.id, e.ID)
			text := e.Message
			if text == "" {
				text = strings.TrimSuffix(fmt.Sprintln(e.Args...), "\n")
			}
			require.Equal(t, tt.text, text)
			require.NotEmpty(t, e.Error())
		})
	}
}

func TestAnUnknownKeyIsSaidByTheLookUp(t *testing.T) {
	wire := bytes.ReplaceAll(published(t)["get-vanilla"], []byte("AKIDEXAMPLE"), []byte("AKIDOTHER"))
	r, body := arrived(t, wire)
	s, err := sigv4.Parse(r)
	require.NoError(t, err)
	var keys sigv4.Keys
	_, err = keys.Verify(r, "service", body, s.Time, secretOf)
	require.Equal(t, errUnknown, err)
}

func TestTheEndsOfTheIntervalAreGood(t *testing.T) {
	r, body := arrived(t, published(t)["list-users"])
	s, err := sigv4.Parse(r)
	require.NoError(t, err)
	var keys sigv4.Keys
	for d, good := range map[time.Duration]bool{
		-5*time.Minute - time.Second: false,
		-5 * time.Minute:             true,
		5 * time.Minute:              true,
		// The answer names whole seconds: one that says "X is now earlier than X" would be nonsense.
		5*time.Minute + 999*time.Millisecond: true,
		5*time.Minute + time.Second:          false,
	} {
		_, err := keys.Verify(r, "iam", body, s.Time.Add(d), secretOf)
		require.Equal(t, good, err == nil, "%v: %v", d, err)
	}
}

func TestNothingOfASignatureIsPrinted(t *testing.T) {
	s := sigv4.Signature{AccessKeyID: "AKIDEXAMPLE", SessionToken: "hush", Service: "iam"}
	var keys sigv4.Keys
	r, body := arrived(t, published(t)["get-vanilla"])
	parsed, err := sigv4.Parse(r)
	require.NoError(t, err)
	_, err = keys.Verify(r, "service", body, parsed.Time, secretOf)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		require.NotContains(t, fmt.Sprintf(verb, s), "hush")
		require.Contains(t, fmt.Sprintf(verb, s), "AKIDEXAMPLE")
		require.Equal(t, "signing keys", fmt.Sprintf(verb, &keys))
	}
	require.NotContains(t, s.LogValue().String(), "hush")
}
