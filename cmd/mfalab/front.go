package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"path/filepath"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/live"
)

//go:embed web/front.html
var frontHTML string

var frontPage = template.Must(template.New("front").Parse(frontHTML))

// front is the lab's first page: what it is, how to use it, what lies on the bench.
func front(lab *live.Lab) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "there is no page "+r.URL.Path+" here; / has what there is", http.StatusNotFound)
			return
		}
		fobs, err := lab.List(r.Context(), live.Fobs)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		now, _ := lab.Clock().Now()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		w.Header().Set("Cache-Control", "no-store")
		// An error here is a client that went away.
		_ = frontPage.Execute(w, map[string]any{"URL": lab.URL(), "Account": lab.IAM().Account(), "Fobs": fobs,
			"Now": now.Format("2006-01-02 15:04:05 UTC"), "Rate": lab.Clock().Rate(), "Weakened": lab.IAM().Settings().Weakened(),
			"Version": control.Version})
	})
}

// authority returns the lab's own certificate authority, which its proxy and its clients use, and keeps it beside the lab:
// ca.pem for clients, ca-key.pem for the next start.
func (c *cli) authority(lab *live.Lab) (*endpoint.Authority, error) {
	key, err := lab.File("ca-key.pem", func() ([]byte, error) {
		a, err := endpoint.NewAuthority()
		if err != nil {
			return nil, err
		}
		return a.AppendPEM(nil), nil
	})
	if err != nil {
		return nil, err
	}
	a, err := endpoint.ParseAuthority(key)
	if err != nil {
		return nil, hinted{fmt.Errorf("%s: %w", filepath.Join(lab.Dir(), "ca-key.pem"), err),
			"move ca-key.pem and ca.pem away: the next start makes new ones"}
	}
	if _, err = lab.File("ca.pem", func() ([]byte, error) { return a.CertificatePEM(), nil }); err != nil {
		return nil, err
	}
	return c.renewed(lab, a)
}

// renewed puts a certificate in the place of one that a lab of before some names were served has made.
func (c *cli) renewed(lab *live.Lab, a *endpoint.Authority) (*endpoint.Authority, error) {
	a, again, err := a.Renewed()
	if err != nil || !again {
		return a, err
	}
	// The key last: with the one of before the next start does it again.
	if err := lab.PutFile("ca.pem", a.CertificatePEM()); err != nil {
		return nil, err
	}
	if err := lab.PutFile("ca-key.pem", a.AppendPEM(nil)); err != nil {
		return nil, err
	}
	fmt.Fprintf(c.err, "mfalab: hint: %s is good for more of the proxy's names than before: where you have copied it to, copy it again\n",
		filepath.Join(lab.Dir(), "ca.pem"))
	return a, nil
}
