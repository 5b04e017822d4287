package control

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

func document(t *testing.T, s *Server) *openapi3.T {
	t.Helper()
	b, err := json.Marshal(s.OpenAPI())
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(b)
	require.NoError(t, err)
	return doc
}

func TestTheDocumentIsValid(t *testing.T) {
	doc := document(t, New(lab(t), nil))
	require.NoError(t, doc.Validate(t.Context()))
	require.Equal(t, Version, doc.Info.Version)
}

// What the routes answer is what the document says that they answer.
func TestAnswersAreAsDescribed(t *testing.T) {
	l := lab(t)
	s := New(l, nil)
	_, err := l.NewFob(t.Context(), live.FobSpec{Serial: "GAHT00000001"})
	require.NoError(t, err)
	doc := document(t, s)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/status", ""}, {"GET", "/v1/credentials", ""}, {"GET", "/v1/clock", ""}, {"GET", "/v1/fobs", ""},
		{"POST", "/v1/fobs", `{}`}, {"POST", "/v1/clock/advance", `{"by":"1s"}`}, {"GET", "/v1/journal", ""},
		{"POST", "/v1/fobs/{serial}/press", `{"next":true}`}, {"GET", "/v1/fobs/{serial}", ""}, {"GET", "/v1/apps", ""},
		{"GET", "/v1/fobs/{serial}/drift", ""}, {"POST", "/v1/fobs/{serial}/drift", `{"by":"90s","ppm":-3}`}, {"GET", "/v1/shipments", ""},
		{"POST", "/v1/boxes", `{"count":3,"ppm":4}`},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(c.method, strings.ReplaceAll(c.path, "{serial}", "GAHT00000001"), strings.NewReader(c.body)))
		require.Equal(t, 200, w.Code, w.Body)
		var answer any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		schema := doc.Paths.Find(c.path).GetOperation(c.method).Responses.Value("200").Value.Content["application/json"].Schema.Value
		require.NoError(t, schema.VisitJSON(answer), "%s %s", c.method, c.path)
	}
}
