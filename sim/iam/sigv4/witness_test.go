package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

var signedAt = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)

// order is one request to be signed by a witness.
type order struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Token   string      `json:"token"`
	Service string      `json:"service"`
	Region  string      `json:"region"`
	Presign bool        `json:"presign"`
}

func (o order) request(t require.TestingT) *http.Request {
	r, err := http.NewRequest(o.Method, o.URL, strings.NewReader(o.Body))
	require.NoError(t, err)
	for _, h := range o.Headers {
		r.Header.Add(h[0], h[1])
	}
	return r
}

func text(of string, min, max int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune(of)), min, max, -1)
}

func genOrder(t *rapid.T) order {
	const odd = "abzAZ09-_.~ +/=&%?#;:@!$'()*,é\u20ac\"<>[]{}|\\^`"
	pick := func(name string, v ...string) string { return rapid.SampledFrom(v).Draw(t, name) }
	o := order{
		Method:  pick("method", "POST", "GET"),
		Service: pick("service", "iam", "sts"),
		Region:  pick("region", "us-east-1", "eu-central-1", "mars-north-7"),
		Token:   pick("token", "", "IQoJb3JpZ2lu//////////wEaCXVzLWVhc3QtMSJ=="),
		Presign: rapid.Bool().Draw(t, "presign"),
	}
	u := url.URL{Scheme: "http", Host: pick("host", "iam.amazonaws.com", "127.0.0.1:6325", "localhost", "[::1]:8080")}
	u.Path = pick("path", "/", "", "/a b/c", "/x~y/", "/%41/é", "/console;v=1/a+b")
	q := url.Values{}
	for range rapid.IntRange(0, 4).Draw(t, "parameters") {
		q.Add(text(odd, 1, 5).Draw(t, "name"), text(odd, 0, 8).Draw(t, "value"))
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	o.URL = u.String()
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		name := pick("header", "My-Header", "X-Amz-Meta-A", "Accept", "Content-Type")
		o.Headers = append(o.Headers, [2]string{name, text("abc  ,;=\"", 0, 12).Draw(t, "content")})
	}
	if o.Method == "POST" && !o.Presign { // botocore moves the body of a presigned request into its query
		o.Body = text(odd, 0, 40).Draw(t, "body")
	}
	return o
}

// signSDK signs with aws-sdk-go-v2 and returns what goes over the wire.
func signSDK(t require.TestingT, o order) []byte {
	r := o.request(t)
	sum := sha256.Sum256([]byte(o.Body))
	c := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secrets["AKIDEXAMPLE"], SessionToken: o.Token}
	if o.Presign {
		uri, header, err := signer.NewSigner().PresignHTTP(context.Background(), c, r, hex.EncodeToString(sum[:]), o.Service, o.Region, signedAt)
		require.NoError(t, err)
		r.URL, err = url.Parse(uri)
		require.NoError(t, err)
		for name, v := range header {
			if name != "Host" && name != "Content-Length" {
				r.Header[http.CanonicalHeaderKey(name)] = v
			}
		}
		return wireOf(t, r)
	}
	require.NoError(t, signer.NewSigner().SignHTTP(context.Background(), c, r, hex.EncodeToString(sum[:]), o.Service, o.Region, signedAt))
	return wireOf(t, r)
}

func requireVerified(t require.TestingT, o order, wire []byte, at time.Time) {
	r, body := arrived(t, wire)
	var keys sigv4.Keys
	s, err := keys.Verify(r, o.Service, body, at, secretOf)
	require.NoError(t, err, "%s", wire)
	require.Equal(t, []any{"AKIDEXAMPLE", o.Token, o.Region, o.Service, o.Presign},
		[]any{s.AccessKeyID, s.SessionToken, s.Region, s.Service, s.Presigned})
}

func TestRequestsSignedByTheGoSDKAreTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := genOrder(t)
		requireVerified(t, o, signSDK(t, o), signedAt)
	})
}

// TestRequestsSignedByBotocoreAreTaken asks the independent witness, all requests in one process.
func TestRequestsSignedByBotocoreAreTaken(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import botocore").Run() != nil {
		if os.Getenv("MFALAB_CLIENTS") != "required" {
			t.Skip("python3 with botocore is not installed: run with MFALAB_CLIENTS=required to make that a failure")
		}
		t.Fatal("python3 with botocore is not installed: apt-get install python3-botocore")
	}
	var orders []order
	for seed := range 300 {
		orders = append(orders, rapid.Custom(genOrder).Example(seed))
	}
	in, err := json.Marshal(map[string]any{"key": "AKIDEXAMPLE", "secret": secrets["AKIDEXAMPLE"], "orders": orders})
	require.NoError(t, err)
	cmd := exec.Command(python, "testdata/botocore_sign.py")
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for _, o := range orders {
		require.True(t, lines.Scan())
		var signed struct {
			URL     string      `json:"url"`
			Headers [][2]string `json:"headers"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &signed))
		o.URL, o.Headers = signed.URL, signed.Headers
		requireVerified(t, o, wireOf(t, o.request(t)), time.Now())
	}
}

// TestAnyMutationIsRefused changes one thing at a time in a request that is good.
func TestAnyMutationIsRefused(t *testing.T) {
	o := order{Method: "POST", URL: "http://iam.amazonaws.com/p/q?a=1&b=2&b=3", Service: "iam", Region: "us-east-1", Token: "token",
		Headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}, {"My-Header", "x y"}, {"My-Header", "z"}},
		Body:    "Action=ListUsers&Version=2010-05-08"}
	wire := string(signSDK(t, o))
	requireVerified(t, o, []byte(wire), signedAt)
	mutations := map[string][2]string{
		"method":               {"POST ", "PUT "},
		"path":                 {"/p/q", "/p/Q"},
		"path, encoded":        {"/p/q", "/p%2Fq"},
		"query value":          {"a=1", "a=2"},
		"query key":            {"a=1", "A=1"},
		"query parameter more": {"a=1", "a=1&c="},
		"query parameter less": {"a=1&", ""},
		"repeated value":       {"b=3", "b=2"},
		"host":                 {"Host: iam.amazonaws.com", "Host: sts.amazonaws.com"},
		"host, port":           {"Host: iam.amazonaws.com", "Host: iam.amazonaws.com:80"},
		"content type":         {"x-www-form-urlencoded", "json"},
		"header value":         {"My-Header: z", "My-Header: Z"},
		"header order":         {"My-Header: x y\r\nMy-Header: z", "My-Header: z\r\nMy-Header: x y"},
		"header more":          {"My-Header: z", "My-Header: z\r\nMy-Header: z"},
		"header less":          {"My-Header: z\r\n", ""},
		"date":                 {"X-Amz-Date: 20310203T040506Z", "X-Amz-Date: 20310203T040507Z"},
		"token":                {"X-Amz-Security-Token: token", "X-Amz-Security-Token: Token"},
		"token less":           {"X-Amz-Security-Token: token\r\n", ""},
		"token more":           {"X-Amz-Security-Token: token\r\n", "X-Amz-Security-Token: token\r\nX-Amz-Security-Token: other\r\n"},
		"body":                 {"Action=ListUsers", "Action=ListUserz"},
		"key":                  {"AKIDEXAMPLE", "AKIAIOSFODNN7EXAMPLE"},
		"scope date":           {"/20310203/", "/20310204/"},
		"region":               {"us-east-1", "us-east-2"},
		"service":              {"/iam/", "/sts/"},
		"terminator":           {"aws4_request", "aws4_requesx"},
		"signed headers less":  {";my-header", ""},
		"signed headers case":  {";my-header", ";My-Header"},
		"signed headers twice": {";my-header", ";my-header;my-header"},
		"claimed body hash":    {"My-Header: z", "My-Header: z\r\nX-Amz-Content-Sha256: " + strings.Repeat("0", 64)},
		"unsigned body":        {"My-Header: z", "My-Header: z\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD"},
		"signature, cut":       {"Signature=", "Signature=0"},
	}
	for name, m := range mutations {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, wire, m[0])
			requireRefused(t, strings.Replace(wire, m[0], m[1], 1))
		})
	}
	at := strings.Index(wire, "Signature=") + len("Signature=")
	for i := at; i < at+64; i++ {
		other := byte('0')
		if wire[i] == other {
			other = '1'
		}
		requireRefused(t, wire[:i]+string(other)+wire[i+1:])
	}
	requireRefused(t, wire[:at]+strings.ToUpper(wire[at:at+64])+wire[at+64:])
}

func requireRefused(t *testing.T, wire string) {
	t.Helper()
	r, body := arrived(t, []byte(wire))
	_, err := new(sigv4.Keys).Verify(r, "iam", body, signedAt, secretOf)
	var e *sigv4.Error
	require.ErrorAs(t, err, &e, "%s", wire)
}

// TestABodyThatTheClientDidNotSignIsRefused: the signature is good, for what the client says that the body is.
func TestABodyThatTheClientDidNotSignIsRefused(t *testing.T) {
	c := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secrets["AKIDEXAMPLE"]}
	for said, service := range map[string]string{
		"UNSIGNED-PAYLOAD":                   "iam",
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "s3",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": "iam", // the empty body's
	} {
		r, err := http.NewRequest("POST", "http://127.0.0.1/", strings.NewReader("Action=ListUsers"))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Content-Sha256", said)
		require.NoError(t, signer.NewSigner().SignHTTP(context.Background(), c, r, said, service, "us-east-1", signedAt))
		got, body := arrived(t, wireOf(t, r))
		_, err = new(sigv4.Keys).Verify(got, service, body, signedAt, secretOf)
		require.EqualError(t, err, "SignatureDoesNotMatch", said)
	}
}

// TestS3DiffersFromTheRest covers the row of the table of services: the path as sent, a body that is not signed.
func TestS3DiffersFromTheRest(t *testing.T) {
	r, err := http.NewRequest("PUT", "http://127.0.0.1/bucket/a%20b//c/../d", strings.NewReader("data"))
	require.NoError(t, err)
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	c := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secrets["AKIDEXAMPLE"]}
	raw := func(o *signer.SignerOptions) { o.DisableURIPathEscaping = true }
	require.NoError(t, signer.NewSigner(raw).SignHTTP(context.Background(), c, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", signedAt))
	got, body := arrived(t, wireOf(t, r))
	_, err = new(sigv4.Keys).Verify(got, "s3", body, signedAt, secretOf)
	require.NoError(t, err)
}

func TestAPresignedRequestLivesFifteenMinutes(t *testing.T) {
	o := order{Method: "GET", URL: "http://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60",
		Service: "sts", Region: "us-east-1", Presign: true}
	wire := signSDK(t, o)
	requireVerified(t, o, wire, signedAt.Add(15*time.Minute))
	r, body := arrived(t, wire)
	_, err := new(sigv4.Keys).Verify(r, "sts", body, signedAt.Add(15*time.Minute+time.Second), secretOf)
	require.ErrorContains(t, err, "Signature expired: 20310203T040506Z is now earlier than 20310203T040507Z (20310203T042007Z - 15 min.)")
}
