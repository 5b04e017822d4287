package control

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// operations is the document's operations by "GET /v1/status".
func operations(t *testing.T, s *Server) map[string]object {
	t.Helper()
	all := map[string]object{}
	for path, item := range s.OpenAPI()["paths"].(object) {
		for method, op := range item.(object) {
			all[strings.ToUpper(method)+" "+path] = op.(object)
		}
	}
	return all
}

func TestTheDocumentHasEveryRouteAndNoOther(t *testing.T) {
	s := New(lab(t), nil)
	var described []string
	ids := map[string]bool{}
	for name, op := range operations(t, s) {
		described = append(described, name)
		id := op["operationId"].(string)
		require.False(t, ids[id], id)
		ids[id] = true
		require.NotEmpty(t, op["summary"], name)
	}
	var served []string
	for _, r := range append(s.routes(), s.streams()...) {
		served = append(served, r.method+" "+r.path)
	}
	require.ElementsMatch(t, served, described)
}

func TestEveryRouteOfTheDocumentIsThere(t *testing.T) {
	s := New(lab(t), nil)
	for name := range operations(t, s) {
		method, path, _ := strings.Cut(name, " ")
		if slices.ContainsFunc(s.streams(), func(r route) bool { return r.path == path }) {
			continue // has no end
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, strings.ReplaceAll(path, "{serial}", "GAHT00000001"), nil))
		require.NotEqual(t, http.StatusMethodNotAllowed, w.Code, name)
		require.NotContains(t, w.Body.String(), "/v1/openapi.json has what there is", name)
	}
}

func TestTheDocumentNamesEveryParameter(t *testing.T) {
	s := New(lab(t), nil)
	for name, op := range operations(t, s) {
		params, _ := op["parameters"].([]object)
		for _, found := range inPath.FindAllStringSubmatch(name, -1) {
			require.True(t, slices.ContainsFunc(params, func(p object) bool {
				return p["name"] == found[1] && p["in"] == "path" && p["required"] == true
			}), name)
		}
	}
}
