package endpoint_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

func TestTheProxyServesTheSignInPages(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	cfg.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page ", r.URL.Path) })
	address, _ := start(t, endpoint.New(cfg))
	client := through(t, address, cfg.Authority, false)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for ask, want := range map[string]string{
		"signin.aws.amazon.com/":                            "page /console",
		"signin.aws.amazon.com/console":                     "page /console",
		"signin.aws.amazon.com/oauth?x=1":                   "page /console",
		"us-east-1.signin.aws.amazon.com/":                  "page /console",
		"console.aws.amazon.com/console/home":               "page /console/home",
		"eu-north-1.console.aws.amazon.com/iam/home":        "page /console",
		"signin.aws.amazon.com/console/signin/user":         "page /console/signin/user",
		"signin.aws.amazon.com/v1/fobs":                     "page /console",
		"acme-lab.signin.aws.amazon.com/console/signin/mfa": "page /console/signin/mfa",
	} {
		answer, err := client.Get("https://" + ask)
		require.Equal(t, want, read(t, answer, err), ask)
	}
	bookmark, err := client.Get("https://signin.aws.amazon.com/switchrole?account=acme&roleName=ops")
	require.NoError(t, err)
	require.Equal(t, "/console/switchrole?account=acme&roleName=ops", bookmark.Header.Get("Location"))
	require.NoError(t, bookmark.Body.Close())
	answer, err := client.Get("https://acme-lab.signin.aws.amazon.com/console")
	_ = read(t, answer, err)
	require.Equal(t, "/console/acme-lab", answer.Header.Get("Location"))
	signed, err := http.NewRequest(http.MethodGet, "https://acme-lab.signin.aws.amazon.com/console/home", nil)
	require.NoError(t, err)
	answer, err = client.Do(signed)
	_ = read(t, answer, err)
	require.Equal(t, "/console/acme-lab", answer.Header.Get("Location"), "nobody has signed in")
	signed.AddCookie(&http.Cookie{Name: "mfalab-session", Value: "x"})
	answer, err = client.Do(signed)
	require.Equal(t, "page /console/home", read(t, answer, err))
	answer, err = client.Post("https://signin.aws.amazon.com/v1/down", "application/json", nil)
	_ = read(t, answer, err)
	require.Equal(t, http.StatusNotFound, answer.StatusCode, "the lab's API has no name of AWS's")
	_, err = client.Get("https://evil.aws.amazon.com/")
	require.Error(t, err)

	// Whoever does not come through the proxy has no business with these names: a page elsewhere could be pointed here.
	r, err := http.NewRequest(http.MethodGet, "http://"+address+"/console", nil)
	require.NoError(t, err)
	r.Host = "signin.aws.amazon.com"
	answer, err = http.DefaultClient.Do(r)
	require.Contains(t, read(t, answer, err), "does not answer to the host")
}
