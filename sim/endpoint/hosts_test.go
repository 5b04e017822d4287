package endpoint_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

var pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("page " + r.URL.Path)) })

func TestHosts(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Pages = pages
	cfg.AllowHosts = []string{"MFALAB:6325", "*.lab.example", "192.0.2.7"}
	e := endpoint.New(cfg)
	answers := map[int][]string{
		200: {"localhost", "localhost:1", "LOCALHOST.", "a.b.localhost:80", "127.0.0.1:6325", "127.9.9.9", "[::1]:6325", "[::1]",
			"[::ffff:127.0.0.1]:1", "mfalab", "mfalab:99", "x.lab.example", "x.y.lab.example", "192.0.2.7:6325"},
		403: {"", "evil.example", "evil.example:6325", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost", "127.1",
			"2130706433", "0.0.0.0", "[::]", "192.0.2.8", "lab.example", "xlab.example", "mfalab.evil.example", "lambda.amazonaws.com",
			"iam.amazonaws.com.evil.example", "xiam.amazonaws.com", "sts.evil.amazonaws.com", "lambda.us-east-1.amazonaws.com", "s3.evil.amazonaws.com", "xs3.amazonaws.com",
			"sts.us-east-1.amazonaws.com@evil.example"},
	}
	for status, hosts := range answers {
		for _, host := range hosts {
			r := get("/bench")
			r.Host = host
			w := serve(e, r)
			require.Equal(t, status, w.Code, "%q: %s", host, w.Body)
		}
	}
}

// TestAnAWSNameIsNeverAPages keeps what is meant for AWS away from the lab's pages.
func TestAnAWSNameIsNeverAPages(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Pages = pages
	e := endpoint.New(cfg)
	for _, host := range []string{"iam.amazonaws.com", "sts.amazonaws.com:443", "sts.eu-north-1.amazonaws.com",
		"sts.us-gov-west-1.amazonaws.com", "STS-FIPS.us-east-1.amazonaws.com", "iam.us-gov.amazonaws.com",
		"iam.cn-north-1.amazonaws.com.cn", "sts.ap-southeast-2.api.aws", "iam.global.api.aws"} {
		r := get("/v1/fobs")
		r.Host = host
		w := serve(e, r)
		require.Equal(t, 400, w.Code, host)
		require.Contains(t, w.Body.String(), "<Code>MissingAction</Code>")
	}
}

func TestARefusedHostIsToldWhatToDo(t *testing.T) {
	_, cfg := newDesk(t)
	e := endpoint.New(cfg)
	r := get("/")
	r.Host = "Evil.example:6325"
	w := serve(e, r)
	require.Equal(t, `mfalab: this lab does not answer to the host "evil.example": use 127.0.0.1 or localhost, or start it with `+
		"--allow-host evil.example\n", w.Body.String())

	signed := post(whoami)
	signed.Host = "evil.example"
	w = serve(e, sign(t, signed, "sts"))
	require.Equal(t, 403, w.Code)
	require.Equal(t, refusalBody(faultNamespace, "AccessDenied", "    <Message>this lab does not answer to the host \"evil.example\": "+
		"use 127.0.0.1 or localhost, or start it with --allow-host evil.example</Message>\n"), w.Body.String())
}

func TestOrigins(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Pages = pages
	e := endpoint.New(cfg)
	tests := []struct {
		name, origin, site string
		status             int
	}{
		{"no browser", "", "", 200},
		{"typed by hand", "", "none", 200},
		{"the lab's own page", "http://127.0.0.1:6325", "same-origin", 200},
		{"an old browser on the lab's own page", "http://127.0.0.1:6325", "", 200},
		{"a page elsewhere", "https://evil.example", "cross-site", 403},
		{"an old browser on a page elsewhere", "https://evil.example", "", 403},
		{"an image in a page elsewhere", "", "cross-site", 403},
		{"a page on another port", "http://127.0.0.1:3000", "same-site", 403},
		{"an image in a page on another port", "", "same-site", 403},
		{"the same machine by another name", "http://localhost:6325", "", 403},
		{"a sandboxed frame", "null", "", 403},
		{"an origin that is none", "http://%", "", 403},
		{"a value of tomorrow", "", "near-by", 403},
	}
	for _, tt := range tests {
		for _, r := range []*http.Request{get("/bench"), post(whoami)} {
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			w := serve(e, r)
			if tt.status == 200 && r.Method == "POST" { // no page, but it got as far as being told that it is not signed
				require.Contains(t, w.Body.String(), "MissingAuthenticationToken", tt.name)
				continue
			}
			require.Equal(t, tt.status, w.Code, "%s: %s", tt.name, w.Body)
		}
	}
	two := get("/bench")
	two.Header["Origin"] = []string{"http://127.0.0.1:6325", "https://evil.example"}
	require.Equal(t, 403, serve(e, two).Code)
}

func TestASignedRequestMayComeFromAnyOrigin(t *testing.T) {
	_, cfg := newDesk(t)
	r := post(whoami)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	require.Equal(t, 200, serve(endpoint.New(cfg), sign(t, r, "sts")).Code)
}

func TestPagesGetTheRest(t *testing.T) {
	_, cfg := newDesk(t)
	require.Equal(t, 404, serve(endpoint.New(cfg), get("/bench")).Code)
	cfg.Pages = pages
	e := endpoint.New(cfg)
	for _, path := range []string{"/", "/console", "/v1/clock", "//evil.example/"} {
		require.Equal(t, "page "+path, serve(e, get("http://127.0.0.1"+path)).Body.String())
	}
	r := post("{}")
	r.URL.Path = "/v1/clock/advance"
	require.Equal(t, "page /v1/clock/advance", serve(e, r).Body.String())
}
