package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// TestTheListOfSignedHeadersHasOneForm signs rightly, with the secret, what only the list's form makes wrong: otherwise
// two requests would share a signature.
func TestTheListOfSignedHeadersHasOneForm(t *testing.T) {
	for list, good := range map[string]bool{
		"host;x-amz-date":        true,
		"x-amz-date;host":        false,
		"host;host;x-amz-date":   false,
		"X-More;host;x-amz-date": false,
	} {
		var headers strings.Builder
		for name := range strings.SplitSeq(list, ";") {
			value := map[string]string{"host": "h", "x-amz-date": at, "X-More": "m"}[name]
			fmt.Fprintf(&headers, "%s:%s\n", name, value)
		}
		hash := func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
		canonical := "GET\n/\n\n" + headers.String() + "\n" + list + "\n" + hash("")
		key := []byte("AWS4" + secrets["AKIDEXAMPLE"])
		for _, step := range []string{"20150830", "us-east-1", "iam", "aws4_request",
			"AWS4-HMAC-SHA256\n" + at + "\n" + strings.TrimPrefix(scope, "AKIDEXAMPLE/") + "\n" + hash(canonical)} {
			m := hmac.New(sha256.New, key)
			m.Write([]byte(step))
			key = m.Sum(nil)
		}
		r, body := arrived(t, []byte("GET / HTTP/1.1\r\nHost: h\r\nX-More: m\r\nX-Amz-Date: "+at+
			"\r\nAuthorization: AWS4-HMAC-SHA256 Credential="+scope+", SignedHeaders="+list+", Signature="+hex.EncodeToString(key)+"\r\n\r\n"))
		s, err := sigv4.Parse(r)
		require.NoError(t, err)
		_, err = new(sigv4.Keys).Verify(r, "iam", body, s.Time, secretOf)
		require.Equal(t, good, err == nil, "%s: %v", list, err)
	}
}
