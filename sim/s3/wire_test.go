package s3_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// sign signs as S3's clients do: the path as it is.
func sign(t testing.TB, r *http.Request, c aws.Credentials, body string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" {
		hash = said
	} else {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	err := signer.NewSigner(func(o *signer.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(), c, r, hash, "s3", "us-east-1", at)
	require.NoError(t, err)
}

func TestSkewedClocksAreRefused(t *testing.T) {
	l := newLab(t)
	l.bucket("records", false)
	for off, want := range map[time.Duration]int{0: 200, 14 * time.Minute: 200, -14 * time.Minute: 200, 16 * time.Minute: 403, -16 * time.Minute: 403} {
		r := l.request("GET", "/records", "", nil)
		sign(t, r, l.root, "", time.Now().Add(off))
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		b, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, "%v: %s", off, b)
		if want != 200 {
			require.Contains(t, string(b), "<Code>RequestTimeTooSkewed</Code>")
		}
	}
}

func TestPresignedURLs(t *testing.T) {
	l := newLab(t)
	put(t, l.bucket("records", false), "records", "a b/ü.txt", "hello")
	presigned := func(at time.Time, expires string, c aws.Credentials) string {
		r := l.request("GET", "/records/a%20b/%C3%BC.txt?X-Amz-Expires="+expires, "", nil)
		uri, _, err := signer.NewSigner(func(o *signer.SignerOptions) { o.DisableURIPathEscaping = true }).
			PresignHTTP(t.Context(), c, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
		require.NoError(t, err)
		return uri
	}
	get := func(uri string) (int, string) {
		response, err := http.Get(uri)
		require.NoError(t, err)
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(b)
	}
	now := time.Now()
	status, body := get(presigned(now, "60", l.root))
	require.Equal(t, 200, status, body)
	require.Equal(t, "hello", body)
	other, err := url.Parse(presigned(now, "60", l.root))
	require.NoError(t, err)
	for name, c := range map[string]struct{ uri, want string }{
		"expired":          {presigned(now.Add(-2*time.Minute), "60", l.root), "<Message>Request has expired</Message>"},
		"of the future":    {presigned(now.Add(20*time.Minute), "60", l.root), "<Message>Request is not yet valid</Message>"},
		"longer than week": {presigned(now, "604801", l.root), "<Code>AuthorizationQueryParametersError</Code>"},
		"no number":        {presigned(now, "soon", l.root), "<Code>AuthorizationQueryParametersError</Code>"},
		"another secret":   {presigned(now, "60", aws.Credentials{AccessKeyID: l.root.AccessKeyID, SecretAccessKey: "x"}), "<Code>SignatureDoesNotMatch</Code>"},
		"another key":      {presigned(now, "60", aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}), "<Code>InvalidAccessKeyId</Code>"},
		"longer expiry":    {strings.Replace(presigned(now, "60", l.root), "Expires=60", "Expires=61", 1), "<Code>SignatureDoesNotMatch</Code>"},
		"another object":   {strings.Replace(other.String(), "%C3%BC", "x", 1), "<Code>SignatureDoesNotMatch</Code>"},
		"signed twice":     {other.String() + "&X-Amz-Signature=0", "<Error>"},
	} {
		status, body := get(c.uri)
		require.GreaterOrEqual(t, status, 400, name)
		require.Contains(t, body, c.want, name)
	}
}

// TestUploadsThatAreCutOffLeaveTheObjectUnchanged closes the connection in the middle of a body, whole and in chunks.
func TestUploadsThatAreCutOffLeaveTheObjectUnchanged(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", true)
	put(t, root, "records", "a", "before")
	require.Equal(t, 1, l.files())
	for name, c := range map[string]struct{ said, body, trailer string }{
		"whole":            {"", strings.Repeat("x", 100), ""},
		"not signed":       {"UNSIGNED-PAYLOAD", strings.Repeat("x", 100), ""},
		"in chunks":        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", "64\r\n" + strings.Repeat("x", 100) + "\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "x-amz-checksum-crc32"},
		"a chunk too much": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", "64\r\n" + strings.Repeat("x", 100) + "\r\n1\r\nx\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "x-amz-checksum-crc32"},
	} {
		for _, cut := range []int{0, 50, len(c.body) / 2, len(c.body) - 1} {
			if name == "a chunk too much" {
				cut = len(c.body)
			}
			r := l.request("PUT", "/records/a", c.body, nil)
			if c.said != "" {
				r.Header.Set("X-Amz-Content-Sha256", c.said)
			}
			if c.trailer != "" {
				r.Header.Set("X-Amz-Trailer", c.trailer)
				r.Header.Set("X-Amz-Decoded-Content-Length", "100")
				r.Header.Set("Content-Encoding", "aws-chunked")
			}
			sign(t, r, l.root, c.body, time.Now())
			conn, err := net.Dial("tcp", r.URL.Host)
			require.NoError(t, err)
			var head strings.Builder
			require.NoError(t, r.Header.Write(&head))
			_, err = fmt.Fprintf(conn, "PUT /records/a HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n%s", r.URL.Host, len(c.body), head.String(), c.body[:cut])
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			response, err := http.ReadResponse(bufio.NewReader(conn), r)
			require.NoError(t, err, name)
			b, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, 400, response.StatusCode, "%s, %d: %s", name, cut, b)
			require.Contains(t, string(b), "<Code>IncompleteBody</Code>", name)
			require.NoError(t, conn.Close())
		}
		require.Equal(t, "before", content(t, root, "records", "a"), name)
		require.Equal(t, 1, l.files(), "%s: what was cut off lies around", name)
	}
	list, err := root.ListObjectVersions(t.Context(), &client.ListObjectVersionsInput{Bucket: aws.String("records")})
	require.NoError(t, err)
	require.Len(t, list.Versions, 1)
}

func TestBodiesThatAreNotWhatTheHeadersSay(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", false)
	for name, c := range map[string]struct {
		header, value, want string
	}{
		"another hash":      {"X-Amz-Content-Sha256", strings.Repeat("0", 64), "XAmzContentSHA256Mismatch"},
		"no hash":           {"X-Amz-Content-Sha256", "nonsense", "InvalidArgument"},
		"another MD5":       {"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"},
		"no MD5":            {"Content-MD5", "nonsense", "InvalidDigest"},
		"a short MD5":       {"Content-MD5", "AAAA", "InvalidDigest"},
		"another CRC32":     {"X-Amz-Checksum-Crc32", "AAAAAA==", "BadDigest"},
		"another SHA1":      {"X-Amz-Checksum-Sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BadDigest"},
		"another CRC64NVME": {"X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=", "BadDigest"},
		"no CRC32":          {"X-Amz-Checksum-Crc32", "nonsense", "InvalidDigest"},
	} {
		body := l.send("PUT", "/records/a", "hello", map[string]string{c.header: c.value}, 400)
		require.Contains(t, body, "<Code>"+c.want+"</Code>", name)
	}
	_, err := root.HeadObject(t.Context(), &client.HeadObjectInput{Bucket: aws.String("records"), Key: aws.String("a")})
	require.Error(t, err)
	require.Zero(t, l.files())
	// The check value of CRC-64/NVME.
	l.send("PUT", "/records/a", "123456789", map[string]string{"X-Amz-Checksum-Crc64nvme": "rosUhgp5mIg="}, 200)
}
