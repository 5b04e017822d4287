package console_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnswersAreCompressedWhereTheyHaveABody(t *testing.T) {
	l := newLab(t)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string, header ...string) (*http.Response, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.base()+path, nil)
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, b
	}
	for _, path := range []string{"/signin", "/static/console.css", "/no-such-alias"} {
		resp, body := get(path, "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"), path)
		require.Equal(t, "Accept-Encoding", resp.Header.Get("Vary"))
		z, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		long, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Greater(t, len(long), len(body), path)
		plain, body := get(path)
		require.Empty(t, plain.Header.Get("Content-Encoding"), path)
		require.Equal(t, resp.Header.Get("Content-Type"), plain.Header.Get("Content-Type"), path)
		require.Len(t, body, len(long), path)
	}
	resp, body := get("", "Accept-Encoding", "gzip")
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	require.Empty(t, resp.Header.Get("Content-Encoding"))
	require.NotEqual(t, byte(0x1f), append(body, 0)[0])
	resp, body = get("/static/console.css", "Accept-Encoding", "gzip", "Range", "bytes=0-4")
	require.Equal(t, http.StatusPartialContent, resp.StatusCode)
	require.Equal(t, ":root", string(body))
}
