package endpoint_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

var (
	_ endpoint.IAM = (*iam.Service)(nil)

	wall = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	lab  = wall.AddDate(1, 0, 0)

	credential = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
)

const requestID = "58c5dbae-abef-11e0-8cfe-09039844ac7d"

// desk stands for the relying party: it has the real one's texts, one key and the answers that a test gives it.
type desk struct {
	*iam.Service
	calls    []iam.Call
	rejected []string // the codes of calls that never became any
	asked    int
	result   any
	err      error
}

func (d *desk) Rejected(call iam.Call, refusal *iam.Error) {
	d.rejected = append(d.rejected, refusal.Code)
}

func (d *desk) Do(_ context.Context, call iam.Call) (any, error) {
	d.calls = append(d.calls, call)
	return d.result, d.err
}

func (d *desk) Credential(_ context.Context, id, token string, now time.Time) (string, iam.Caller, error) {
	d.asked++
	if id != credential.AccessKeyID || token == "bad" || !now.Equal(lab) {
		return "", iam.Caller{}, d.Refuse("InvalidClientTokenId")
	}
	return credential.SecretAccessKey, iam.Caller{AccessKeyID: id, UserID: "AIDA", UserName: "alice"}, nil
}

// newService returns an empty account.
func newService(t testing.TB, now time.Time) *iam.Service {
	store := memory.New()
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	s, err := iam.New(t.Context(), iam.Config{Store: store, Chance: sim.NewChance([]byte("endpoint"))}, now)
	require.NoError(t, err)
	return s
}

// newDesk returns a relying party and the configuration of an endpoint in front of it.
func newDesk(t testing.TB) (*desk, endpoint.Config) {
	d := &desk{Service: newService(t, lab)}
	return d, endpoint.Config{IAM: d, Clock: func() (time.Time, time.Time) { return lab, wall },
		RequestID: func() string { return requestID }}
}

// post returns a request as an SDK sends it.
func post(form string) *http.Request {
	r := httptest.NewRequest("POST", "http://127.0.0.1:6325/", strings.NewReader(form))
	r.URL.Scheme, r.URL.Host = "", ""
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

func get(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Host = "127.0.0.1:6325"
	return r
}

// sign signs r for service at wall.
func sign(t testing.TB, r *http.Request, service string) *http.Request {
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	sum := sha256.Sum256(body)
	require.NoError(t, signer.NewSigner().SignHTTP(t.Context(), credential, r, hex.EncodeToString(sum[:]), service, "eu-north-1", wall))
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	whoami = "Action=GetCallerIdentity&Version=2011-06-15"
	users  = "Action=ListUsers&Version=2010-05-08&PathPrefix=%2Fa%26b%2F"

	stsNamespace   = "https://sts.amazonaws.com/doc/2011-06-15/"
	iamNamespace   = "https://iam.amazonaws.com/doc/2010-05-08/"
	faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"
)

// refusalBody is an answer byte for byte as recorded from STS.
func refusalBody(namespace, code, message string) string {
	return "<ErrorResponse xmlns=\"" + namespace + "\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>" + code + "</Code>\n" +
		message + "  </Error>\n  <RequestId>" + requestID + "</RequestId>\n</ErrorResponse>\n"
}

func TestAnAnswerLooksAsTheRealOnesDo(t *testing.T) {
	d, cfg := newDesk(t)
	d.result = struct{ Arn, UserId, Account string }{`arn:aws:iam::1:user/a'b"c<d>&`, "AIDA", "123456789012"}
	w := serve(endpoint.New(cfg), sign(t, post(whoami), "sts"))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "text/xml", w.Header().Get("Content-Type"))
	require.Equal(t, requestID, w.Header().Get("x-amzn-RequestId"))
	require.Empty(t, w.Header().Get("X-Mfalab-Weakened"))
	require.Equal(t, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::1:user/a'b"c&lt;d&gt;&amp;</Arn>
    <UserId>AIDA</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>58c5dbae-abef-11e0-8cfe-09039844ac7d</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`, w.Body.String())
}

func TestAnOperationWithoutOutputHasNoResult(t *testing.T) {
	_, cfg := newDesk(t)
	w := serve(endpoint.New(cfg), sign(t, post("Action=DeleteUser&Version=2010-05-08&UserName=x"), "iam"))
	require.Equal(t, "<DeleteUserResponse xmlns=\""+iamNamespace+"\">\n  <ResponseMetadata>\n    <RequestId>"+requestID+
		"</RequestId>\n  </ResponseMetadata>\n</DeleteUserResponse>\n", w.Body.String())
}

func TestWhatTheRelyingPartyHears(t *testing.T) {
	d, cfg := newDesk(t)
	r := sign(t, post(users), "iam")
	r.Header.Set("User-Agent", "aws-cli/2.9.19")
	r.RemoteAddr = "[::ffff:127.0.0.1]:999"
	require.Equal(t, 200, serve(endpoint.New(cfg), r).Code)
	require.Equal(t, []iam.Call{{Service: "iam", Action: "ListUsers", Params: map[string][]string{"PathPrefix": {"/a&b/"}},
		Caller: iam.Caller{AccessKeyID: "AKIDEXAMPLE", UserID: "AIDA", UserName: "alice"}, Region: "eu-north-1",
		Now: lab, Wall: wall, RequestID: requestID, SourceIP: "127.0.0.1", UserAgent: "aws-cli/2.9.19"}}, d.calls)
}

func TestWaysToCall(t *testing.T) {
	presigned := func(t testing.TB) *http.Request {
		uri, _, err := signer.NewSigner().PresignHTTP(t.Context(), credential, get("http://127.0.0.1:6325/?"+whoami),
			"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "sts", "us-east-1", wall)
		require.NoError(t, err)
		return get(strings.TrimPrefix(uri, "http://127.0.0.1:6325"))
	}
	for name, r := range map[string]*http.Request{
		"POST with a form":              sign(t, post(whoami), "sts"),
		"GET with a query":              sign(t, get("/?"+whoami), "sts"),
		"GET, presigned":                presigned(t),
		"a path that pages have too":    sign(t, get("/console?"+whoami), "sts"),
		"half in the query":             sign(t, halves(), "sts"),
		"a parameter that nobody knows": sign(t, post(whoami+"&Unknown=value"), "sts"),
		"what comes twice: the first":   sign(t, post(whoami+"&Action=ListUsers&Version=2010-05-08"), "sts"),
	} {
		t.Run(name, func(t *testing.T) {
			d, cfg := newDesk(t)
			w := serve(endpoint.New(cfg), r)
			require.Equal(t, 200, w.Code, w.Body.String())
			require.Equal(t, "GetCallerIdentity", d.calls[0].Action)
			for name := range d.calls[0].Params {
				require.Equal(t, "Unknown", name)
			}
		})
	}
}

func halves() *http.Request {
	r := post("Version=2011-06-15")
	r.URL.RawQuery = "Action=GetCallerIdentity"
	return r
}

func signedPost(form, service string) func(*testing.T) *http.Request {
	return func(t *testing.T) *http.Request { return sign(t, post(form), service) }
}

// later returns a request that is changed after it has been signed.
func later(form string, change func(*http.Request)) func(*testing.T) *http.Request {
	return func(t *testing.T) *http.Request {
		r := sign(t, post(form), "sts")
		change(r)
		return r
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

var refusals = []struct {
	name            string
	request         func(*testing.T) *http.Request
	status          int
	namespace, code string
	message         string
}{
	{"an unknown action", signedPost("Action=NoSuchAction&Version=2011-06-15", "sts"), 400, faultNamespace, "InvalidAction",
		"Could not find operation NoSuchAction for version 2011-06-15"},
	{"an empty action", signedPost("Action=&Version=2011-06-15", "sts"), 400, faultNamespace, "InvalidAction",
		"Could not find operation  for version 2011-06-15"},
	{"no version", signedPost("Action=GetCallerIdentity", "sts"), 400, faultNamespace, "InvalidAction",
		"Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED"},
	{"an empty version", signedPost("Action=GetCallerIdentity&Version=", "sts"), 400, faultNamespace, "InvalidAction",
		"Could not find operation GetCallerIdentity for version "},
	{"the version of another service", signedPost("Action=GetCallerIdentity&Version=2010-05-08", "iam"), 400, faultNamespace,
		"InvalidAction", "Could not find operation GetCallerIdentity for version 2010-05-08"},
	{"no action", signedPost("Version=2011-06-15", "sts"), 400, faultNamespace, "MissingAction",
		"The request is missing an action or a required parameter."},
	{"a form that does not say so", func(t *testing.T) *http.Request {
		r := post(whoami)
		r.Header.Del("Content-Type")
		return sign(t, r, "sts")
	}, 400, faultNamespace, "MissingAction", "The request is missing an action or a required parameter."},
	{"a broken escape", signedPost("Action=%GG", "sts"), 404, faultNamespace, "MalformedQueryString",
		"The query string contains a syntax error."},
	{"a form that is not UTF-8", signedPost(whoami+"&a=%ff", "sts"), 404, faultNamespace, "MalformedQueryString",
		"The query string contains a syntax error."},
	{"no signature", func(*testing.T) *http.Request { return post(whoami) }, 403, stsNamespace, "MissingAuthenticationToken",
		"Request is missing Authentication Token"},
	{"no signature, in the query", func(*testing.T) *http.Request { return get("/?" + users) }, 403, iamNamespace,
		"MissingAuthenticationToken", "Request is missing Authentication Token"},
	{"the scope of another service", signedPost(whoami, "iam"), 403, stsNamespace, "SignatureDoesNotMatch",
		"Credential should be scoped to correct service: 'sts'. "},
	{"half a signature", later(whoami, header("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host")), 400,
		stsNamespace, "IncompleteSignature", "Authorization header requires 'Signature' parameter. " +
			"Authorization=AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host"},
	{"an old signature", later(whoami, header("X-Amz-Date", "20310203T040005Z")), 403, stsNamespace, "SignatureDoesNotMatch",
		"Signature expired: 20310203T040005Z is now earlier than 20310203T040006Z (20310203T040506Z - 5 min.)"},
	{"the host not signed", later(whoami, func(r *http.Request) {
		a := r.Header.Get("Authorization")
		r.Header.Set("Authorization", strings.Replace(a, "host;", "", 1))
	}), 403, stsNamespace, "SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
	{"another body", later(whoami, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(whoami + "&a=b")) }), 403,
		stsNamespace, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
	{"an unknown key", later(whoami, func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "AKIDEXAMPLE", "AKIDOTHER", 1))
	}), 403, stsNamespace, "InvalidClientTokenId", "The security token included in the request is invalid."},
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			d, cfg := newDesk(t)
			w := serve(endpoint.New(cfg), tt.request(t))
			require.Equal(t, refusalBody(tt.namespace, tt.code, "    <Message>"+tt.message+"</Message>\n"), w.Body.String())
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, "text/xml", w.Header().Get("Content-Type"))
			require.Equal(t, requestID, w.Header().Get("X-Amzn-RequestId"))
			require.Empty(t, d.calls, "the relying party decided it")
			require.Equal(t, []string{tt.code}, d.rejected, "the journal hears of it, once")
		})
	}
}

// TestTheOrderOfChecks gives every request a fault of a later stage too.
func TestTheOrderOfChecks(t *testing.T) {
	d, cfg := newDesk(t)
	e := endpoint.New(cfg)
	for _, tt := range []struct{ form, service, code string }{
		{"Action=NoSuch&Version=2011-06-15&a=%GG", "s3", "MalformedQueryString"}, // form before action
		{"Action=NoSuch&Version=2011-06-15", "s3", "InvalidAction"},              // action before signature
		{"Action=GetSessionToken&Version=2011-06-15&DurationSeconds=1", "s3", "SignatureDoesNotMatch"},
	} {
		require.Contains(t, serve(e, sign(t, post(tt.form), tt.service)).Body.String(), "<Code>"+tt.code+"</Code>")
	}
	require.Zero(t, d.asked, "the scope is checked before the key is looked up")
}

func TestErrorsOfTheRelyingParty(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		status int
		body   string
	}{
		"a refusal": {&iam.Error{Code: "AccessDenied", Status: 403, Message: "one time pass code. "}, 403,
			refusalBody(stsNamespace, "AccessDenied", "    <Message>one time pass code. </Message>\n")},
		"a refusal without a message": {&iam.Error{Code: "ReportNotPresent", Status: 410, NoMessage: true}, 410,
			refusalBody(stsNamespace, "ReportNotPresent", "")},
		"an error that is none of its own": {errors.New("disk full"), 500,
			strings.Replace(refusalBody(stsNamespace, "ServiceFailure", "    <Message>The request processing has failed because of an "+
				"unknown error, exception or failure.</Message>\n"), "Sender", "Receiver", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			d, cfg := newDesk(t)
			d.err = tt.err
			w := serve(endpoint.New(cfg), sign(t, post(whoami), "sts"))
			require.Equal(t, tt.body, w.Body.String())
			require.Equal(t, tt.status, w.Code)
		})
	}
}

func TestABodyThatIsTooLongIsRefused(t *testing.T) {
	d, cfg := newDesk(t)
	e := endpoint.New(cfg)
	long := whoami + "&x=" + strings.Repeat("v", 1<<20-len(whoami)-3)
	require.Equal(t, 200, serve(e, sign(t, post(long), "sts")).Code)
	for _, length := range []int64{1<<20 + 1, -1} { // announced, and chunked
		r := sign(t, post(long+"v"), "sts")
		r.ContentLength = length
		w := serve(e, r)
		require.Equal(t, 413, w.Code)
		require.Contains(t, w.Body.String(), "<Code>RequestEntityTooLarge</Code>\n"+
			"    <Message>The request is larger than 1048576 bytes.</Message>")
	}
	require.Len(t, d.calls, 1)
}

func TestAnotherKindOfServiceIsRefusedInItsOwnWords(t *testing.T) {
	_, cfg := newDesk(t)
	r := post("{}")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	w := serve(endpoint.New(cfg), sign(t, r, "dynamodb"))
	require.Equal(t, 400, w.Code)
	require.JSONEq(t, `{"__type":"UnknownOperationException","message":"dynamodb is not among the services of mfalab: `+
		`it serves IAM, STS, CloudTrail's LookupEvents and, as far as MFA reaches, S3 and EC2"}`, w.Body.String())
}

func TestEveryAnswerSaysWhatIsWeakened(t *testing.T) {
	_, cfg := newDesk(t)
	weak := []string{"replay", "window=20"}
	cfg.Weakened = func() []string { return weak }
	cfg.Pages = http.NotFoundHandler()
	e := endpoint.New(cfg)
	foreign := get("/")
	foreign.Host = "evil.example"
	connect := httptest.NewRequest("CONNECT", "http://evil.example:443", nil)
	for _, r := range []*http.Request{post(whoami), get("/bench"), foreign, connect} {
		require.Equal(t, "replay,window=20", serve(e, r).Header().Get("X-Mfalab-Weakened"))
	}
	weak = nil
	require.NotContains(t, serve(e, get("/bench")).Header(), "X-Mfalab-Weakened")
}

func TestRequestIDsAreUUIDs(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.RequestID = nil
	e := endpoint.New(cfg)
	one, two := serve(e, post(whoami)).Header().Get("X-Amzn-RequestId"), serve(e, post(whoami)).Header().Get("X-Amzn-RequestId")
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, one)
	require.NotEqual(t, one, two)
}
