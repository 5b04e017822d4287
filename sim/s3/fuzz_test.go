package s3

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMFAHeader holds that what is taken has one form only: it can be put together again from its two parts.
func FuzzMFAHeader(f *testing.F) {
	for _, s := range []string{"", " ", "GAHT12345678 123456", "arn:aws:iam::123456789012:mfa/root-account-mfa-device 123456", "a  1", "a 1 ", "\x00 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		serial, code, ok := parseMFA([]string{header})
		if ok {
			require.Equal(t, header, serial+" "+code)
			require.NotContains(t, serial, " ")
			require.Empty(t, strings.Trim(code, "0123456789"))
		}
		_, _, ok = parseMFA([]string{header, header})
		require.False(t, ok)
	})
}

// FuzzCopySource holds that a source never leads out of a bucket.
func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"", "/", "a/b", "/a/b%2Fc?versionId=x", "a/%zz", "%2Fa%2Fb", "a/b?x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		bucket, key, _, err := parseSource(said)
		if err == nil {
			require.NotEmpty(t, bucket)
			require.NotEmpty(t, key)
			require.NotContains(t, bucket, "/")
		}
	})
}

// FuzzTarget holds that both styles name the same object.
func FuzzTarget(f *testing.F) {
	f.Add("records", "a/b")
	f.Add("my.bucket", "")
	f.Add("a", "//x")
	f.Fuzz(func(t *testing.T, bucket, key string) {
		if !validBucket(bucket) {
			return
		}
		for _, r := range []struct{ host, path string }{{"s3.us-east-1.amazonaws.com", "/" + bucket + "/" + key}, {bucket + ".s3.amazonaws.com", "/" + key},
			{bucket + ".s3.eu-central-1.amazonaws.com:443", "/" + key}, {bucket + ".localhost:6325", "/" + key}, {"127.0.0.1:6325", "/" + bucket + "/" + key}} {
			request := &http.Request{Host: r.host, URL: parsed(r.path)}
			b, k := target(request)
			require.Equal(t, []string{bucket, key}, []string{b, k}, r.host)
		}
	})
}

func parsed(path string) *url.URL { return &url.URL{Path: path} }
