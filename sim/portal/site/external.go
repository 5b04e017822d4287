package site

import (
	"net/http"
	"net/url"
	"strings"
)

// routeExternal serves the pages of the simulated identity provider, and the one at which the browser comes back from it.
func (s *Site) routeExternal(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Root+"/idp", s.visiting(s.idpPage))
	mux.HandleFunc("POST "+Root+"/idp", s.visiting(s.assert))
	mux.HandleFunc("GET "+Root+"/acs", s.visiting(s.comeBack))
}

// request sends the browser to the identity provider. The portal's cookie holds the sign-in, the address the request.
func (s *Site) request(w http.ResponseWriter, r *http.Request) {
	id, request, err := s.cfg.Directory.Request(r.Context(), s.at(r))
	if err != nil {
		s.show(w, r, "message", "", err, sheet{Title: "Sign in"})
		return
	}
	setCookie(w, r, visitCookie, id, 0)
	to(w, r, "/idp?request="+url.QueryEscape(request))
}

// idpData is what the identity provider's page has in its fields.
type idpData struct{ Request, Name string }

func (s *Site) idpPage(w http.ResponseWriter, r *http.Request, id string) {
	s.show(w, r, "idp", id, nil, sheet{Title: "External identity provider", Data: idpData{Request: r.URL.Query().Get("request")}})
}

// assert is the identity provider: it sends the browser back with an assertion.
func (s *Site) assert(w http.ResponseWriter, r *http.Request, id string) {
	x := idpData{r.PostFormValue("request"), strings.TrimSpace(r.PostFormValue("username"))}
	code, err := s.cfg.Directory.Assert(r.Context(), s.at(r), x.Request, x.Name, r.PostFormValue("password"))
	if err != nil {
		s.show(w, r, "idp", id, err, sheet{Title: "External identity provider", Data: x})
		return
	}
	to(w, r, "/acs?"+url.Values{"request": {x.Request}, "code": {code}}.Encode())
}

// comeBack redeems the assertion.
func (s *Site) comeBack(w http.ResponseWriter, r *http.Request, id string) {
	x, err := s.cfg.Directory.Redeem(r.Context(), s.at(r), id, r.URL.Query().Get("request"), r.URL.Query().Get("code"))
	if err != nil {
		s.show(w, r, "message", id, err, sheet{Title: "Sign in"})
		return
	}
	s.goOn(w, r, x)
}
