package endpoint_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

// The names of the metadata service are served through the proxy, and lead nowhere but to the metadata.
func TestTheProxyServesTheMetadataService(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	cfg.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page ", r.URL.Path) })
	address, _ := start(t, endpoint.New(cfg))
	client := through(t, address, cfg.Authority, false)
	for ask, want := range map[string]string{
		"mds3.fidoalliance.org/":             "page /mds/",
		"mds.fidoalliance.org":               "page /mds/",
		"MDS3.FIDOALLIANCE.ORG/mds/root.pem": "page /mds/root.pem",
		"mds3.fidoalliance.org/mds/":         "404 page not found\n",
		"mds3.fidoalliance.org/v1/fobs":      "404 page not found\n",
		"mds3.fidoalliance.org/console":      "404 page not found\n",
	} {
		answer, err := client.Get("https://" + ask)
		require.Equal(t, want, read(t, answer, err), ask)
	}
	// Without the proxy's certificate nobody comes here by that name.
	plain, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
	require.NoError(t, err)
	plain.Host = "mds3.fidoalliance.org"
	answer, err := http.DefaultClient.Do(plain)
	require.Contains(t, read(t, answer, err), "does not answer to the host")
	_, err = client.Get("https://mds2.fidoalliance.org/")
	require.ErrorContains(t, err, "Forbidden")
	cfg.Pages = nil
	address, _ = start(t, endpoint.New(cfg))
	answer, err = through(t, address, cfg.Authority, false).Get("https://mds3.fidoalliance.org/")
	require.Equal(t, "404 page not found\n", read(t, answer, err))
}
