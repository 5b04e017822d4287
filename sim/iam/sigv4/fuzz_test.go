package sigv4_test

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// FuzzParse asserts that a signature that is read can be written again and is then read as the same one, and that what
// was not signed with the secret is refused.
func FuzzParse(f *testing.F) {
	for _, wire := range published(f) {
		r, _ := arrived(f, wire)
		f.Add(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), r.URL.RawQuery)
	}
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20150830%2Fr%2Fsts%2Faws4_request"+
		"&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00")
	f.Add("AWS4-HMAC-SHA256 Credential=a//b/c/d,SignedHeaders=;;,Signature==", "20150830T123600Z", "%")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := &http.Request{Method: "GET", Host: "h", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if date != "" {
			r.Header.Set("X-Amz-Date", date)
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			var e *sigv4.Error
			require.ErrorAs(t, err, &e)
			require.Zero(t, s)
			return
		}
		require.Equal(t, time.UTC, s.Time.Location())
		require.True(t, sigv4.Signed(r) || !strings.HasPrefix(authorization, "AWS4-"))
		_, err = new(sigv4.Keys).Verify(r, s.Service, sha256.Sum256(nil), s.Time, func(sigv4.Signature) (string, error) {
			return "a secret that the input does not know", nil
		})
		require.Error(t, err)
		if !s.Presigned {
			again := *r
			again.Header = http.Header{"X-Amz-Date": {s.Time.Format("20060102T150405Z")}, "Authorization": {authorization}}
			got, err := sigv4.Parse(&again)
			require.NoError(t, err)
			require.Equal(t, s, got)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r, body := arrived(b, published(b)["list-users"])
	s, err := sigv4.Parse(r)
	require.NoError(b, err)
	for name, keys := range map[string]*sigv4.Keys{"key derived": nil, "key remembered": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Verify(r, "iam", body, s.Time, secretOf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
