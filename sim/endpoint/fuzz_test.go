package endpoint_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

// FuzzForm asserts that whatever the query, the form and their type, an answer is well-formed XML that names its request,
// and that nothing that is not signed reaches the relying party; and that what is signed reaches it as it was sent.
func FuzzForm(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add("", whoami, form)
	f.Add(whoami, "", "")
	f.Add("Action=a&Action=b", "Version=2011-06-15", form+"; charset=utf-8")
	f.Add("%", "a;b", form)
	f.Add("a=%ff", "&&&=&=", "text/plain; =")
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256", users, form)
	f.Add("", whoami+"&%3Ca%3E=%00%01%EF%BF%BF", form)
	d, cfg := newDesk(f)
	cfg.Pages = pages
	e := endpoint.New(cfg)
	f.Fuzz(func(t *testing.T, query, body, kind string) {
		r := post(body)
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", kind)
		d.calls = nil
		requireAnswer(t, serve(e, r).Body.Bytes(), kind)
		require.Empty(t, d.calls)

		// Only a query that an HTTP client would send can be signed.
		if strings.Contains(query+body, "X-Amz-") || strings.ContainsAny(query, " #\x00") {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(body))
		w := serve(e, sign(t, r, "sts"))
		requireAnswer(t, w.Body.Bytes(), kind)
		if w.Code != http.StatusOK {
			require.Empty(t, d.calls)
			return
		}
		require.Len(t, d.calls, 1)
		require.Equal(t, "sts", d.calls[0].Service)
		sent, err := url.ParseQuery(r.URL.RawQuery)
		require.NoError(t, err)
		if media, _, _ := mime.ParseMediaType(kind); media == form {
			inBody, err := url.ParseQuery(body)
			require.NoError(t, err)
			for name, values := range inBody {
				sent[name] = append(sent[name], values...)
			}
		}
		require.Equal(t, []string{d.calls[0].Action}, sent["Action"])
		sent.Del("Action")
		sent.Del("Version")
		require.Equal(t, sent, d.calls[0].Params)
	})
}

func requireAnswer(t *testing.T, answer []byte, kind string) {
	if strings.HasPrefix(kind, "application/x-amz-json") {
		return
	}
	require.Contains(t, string(answer), "<RequestId>"+requestID+"</RequestId>")
	for x := xml.NewDecoder(bytes.NewReader(answer)); ; {
		_, err := x.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err, "%s", answer)
	}
}
