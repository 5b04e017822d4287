package sigv4_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// The two worked examples of the S3 API Reference, "Transferring Payload in Multiple Chunks" and "Including Trailing
// Headers": 66560 letters a in chunks of 64 KiB.
const (
	exampleHeader = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// example is one of the two; change may spoil it.
func example(trailer bool) (headers map[string]string, body string) {
	chunk := func(n int, signature string) string {
		return fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n", n, signature, strings.Repeat("a", n))
	}
	headers = map[string]string{"X-Amz-Date": "20130524T000000Z", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
		"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "66560"}
	if !trailer {
		headers["X-Amz-Content-Sha256"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
		headers["Authorization"] = fmt.Sprintf(exampleHeader, "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"+
			"x-amz-decoded-content-length;x-amz-storage-class", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
		return headers, chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") +
			chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497") +
			chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")
	}
	headers["X-Amz-Content-Sha256"], headers["X-Amz-Trailer"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-checksum-crc32c"
	headers["Authorization"] = fmt.Sprintf(exampleHeader, "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"+
		"x-amz-storage-class;x-amz-trailer", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
	return headers, chunk(65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2") +
		chunk(1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7") +
		strings.TrimSuffix(chunk(0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"), "\r\n") +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
}

// stream reads the body of a request to the end.
func stream(t testing.TB, headers map[string]string, body string, length int64) (content []byte, trailer http.Header, err error) {
	r, err := http.NewRequest("PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(body))
	require.NoError(t, err)
	r.ContentLength = length
	for name, v := range headers {
		r.Header.Set(name, v)
	}
	var keys sigv4.Keys
	_, p, err := keys.VerifyStream(r, "s3", exampleTime, func(sigv4.Signature) (string, error) { return exampleSecret, nil })
	if err != nil {
		return nil, nil, err
	}
	content, err = io.ReadAll(p)
	return content, p.Trailer(), err
}

func TestTheWorkedExamplesOfChunkedBodies(t *testing.T) {
	for _, trailer := range []bool{false, true} {
		headers, body := example(trailer)
		content, end, err := stream(t, headers, body, int64(len(body)))
		require.NoError(t, err, "trailer: %v", trailer)
		require.Equal(t, bytes.Repeat([]byte("a"), 66560), content)
		require.Equal(t, trailer, end.Get("x-amz-checksum-crc32c") == "sOO8/Q==")
	}
}

func TestAChunkedBodyThatWasTouchedIsRefused(t *testing.T) {
	for _, trailer := range []bool{false, true} {
		headers, body := example(trailer)
		length := int64(len(body))
		for name, change := range map[string]func(string) string{
			"a byte of the first chunk":   func(s string) string { return strings.Replace(s, "aaa", "aba", 1) },
			"a byte of a later chunk":     func(s string) string { return s[:66000] + "b" + s[66001:] },
			"a chunk signature":           func(s string) string { return strings.Replace(s, "=", "=0", 1) },
			"no chunk signature":          func(s string) string { return strings.Replace(s, ";chunk-signature", ";chunk", 1) },
			"no size":                     func(s string) string { return "x" + s },
			"a size that is huge":         func(s string) string { return "ffffffffffffffff" + s },
			"a bare newline":              func(s string) string { return strings.Replace(s, "\r\n", "\n", 1) },
			"no newline behind the chunk": func(s string) string { return strings.Replace(s, "a\r\n", "aa\r\n", 1) },
			"the chunks in another order": func(s string) string { return s[65536+88:] + s[:65536+88] },
		} {
			spoilt := change(body)
			require.NotEqual(t, body, spoilt, name)
			_, _, err := stream(t, headers, spoilt, length)
			require.Error(t, err, "%s, trailer: %v", name, trailer)
		}
		for cut := range len(body) {
			if cut%997 != 0 && len(body)-cut > 400 {
				continue
			}
			_, _, err := stream(t, headers, body[:cut], length)
			require.ErrorIs(t, err, sigv4.ErrCutOff, "cut off after %d of %d", cut, len(body))
		}
	}
}

func TestATrailerThatWasTouchedIsRefused(t *testing.T) {
	headers, body := example(true)
	for name, change := range map[string]func(string) string{
		"its value":     func(s string) string { return strings.Replace(s, "sOO8", "sOO9", 1) },
		"its name":      func(s string) string { return strings.Replace(s, "crc32c:", "crc32:", 1) },
		"its signature": func(s string) string { return strings.Replace(s, "trailer-signature:d", "trailer-signature:e", 1) },
		"no colon":      func(s string) string { return strings.Replace(s, "crc32c:", "crc32c ", 1) },
		"one that was not announced": func(s string) string {
			return strings.Replace(s, "x-amz-checksum", "x-amz-evil:1\r\nx-amz-checksum", 1)
		},
		"none at all": func(s string) string { return s[:strings.Index(s, "x-amz-checksum")] + "\r\n" },
	} {
		_, _, err := stream(t, headers, change(body), int64(len(body)))
		var refused *sigv4.Error
		require.True(t, errors.As(err, &refused), "%s: %v", name, err)
	}
}

func TestWhatAClientSaysOfItsBodyIsChecked(t *testing.T) {
	// A word that is none is signed, too, and the signature is judged first.
	for said, want := range map[string]string{"": "MissingContentSHA256", "nonsense": "SignatureDoesNotMatch"} {
		headers, body := example(false)
		headers["X-Amz-Content-Sha256"] = said
		if said == "" {
			delete(headers, "X-Amz-Content-Sha256")
		}
		_, _, err := stream(t, headers, body, int64(len(body)))
		require.ErrorContains(t, err, want)
	}
}

// FuzzChunks holds that no body of chunks gives content that was not signed.
func FuzzChunks(f *testing.F) {
	for _, trailer := range []bool{false, true} {
		_, body := example(trailer)
		f.Add(trailer, body[:100], body[65000:])
		f.Add(trailer, "", "")
		f.Add(trailer, "0\r\n", "\r\n")
	}
	f.Fuzz(func(t *testing.T, trailer bool, begin, end string) {
		headers, whole := example(trailer)
		body := begin + strings.Repeat("a", 100) + end
		content, _, err := stream(t, headers, body, int64(len(body)))
		if err == nil {
			require.Equal(t, bytes.Repeat([]byte("a"), 66560), content)
			require.True(t, strings.HasPrefix(whole, body[:50]))
		}
	})
}
