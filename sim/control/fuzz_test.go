package control

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// Whatever a client sends is answered with JSON, and what is refused as wrong leaves the lab as it was.
func FuzzRequests(f *testing.F) {
	for _, seed := range [][3]string{
		{"POST", "/v1/fobs", `{"serial":"GAHT00000002","ppm":20,"seed":"3132333435363738393031323334353637383930"}`},
		{"POST", "/v1/fobs/GAHT00000001/press", `{"next":true,"minLeft":"10s"}`},
		{"POST", "/v1/fobs/GAHT%2F0/press", `{"wait":1}`},
		{"GET", "/v1/fobs/GAHT00000001/peek?step=%2B1", ""},
		{"GET", "/v1/journal?after=18446744073709551615&limit=18446744073709551615", ""},
		{"POST", "/v1/clock/advance", `{"by":"1h"}`},
		{"POST", "/v1/clock/rate", `{"rate":1e999}`},
		{"POST", "/v1/clock/wait", `{"for":"2540400h"}`},
		{"POST", "/v1/apps", `{"uri":"otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQ&digits=8&period=1"}`},
		{"POST", "/v1/apps/alice/code", `null`},
		{"POST", "/v1/load", `{"mfalab":1,"fobs":[null],"account":{}}`},
		{"PATCH", "/v1/../v1/./status", "\x00"},
		{"GET", "/v1/fobs/?x=;", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	l := lab(f)
	_, err := l.NewFob(f.Context(), live.FobSpec{Serial: "GAHT00000001"})
	require.NoError(f, err)
	api := New(l, nil)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://localhost/"+strings.TrimPrefix(path, "/"), strings.NewReader(body))
		if err != nil || strings.HasSuffix(r.URL.Path, "/stream") {
			return // no request, or an answer without an end
		}
		before := saved(t, l)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code >= 300 && w.Code < 400 {
			return // a path that is not in its shortest form
		}
		if w.Code == 500 || w.Code != 200 && w.Code < 400 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		if w.Code != 200 && w.Code != 409 {
			require.Equal(t, before, saved(t, l))
		}
	})
}
