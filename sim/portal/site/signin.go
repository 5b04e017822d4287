package site

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/portal"
)

// deviceAge is how long a browser keeps the cookie of a trusted device: longer than the portal trusts it, which decides.
const deviceAge = 400 * 24 * time.Hour

// routeSignIn serves the pages of a sign-in.
func (s *Site) routeSignIn(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Root, func(w http.ResponseWriter, r *http.Request) { to(w, r, "/home") })
	mux.HandleFunc("GET "+Root+"/{$}", func(w http.ResponseWriter, r *http.Request) { to(w, r, "/home") })
	mux.HandleFunc("GET "+Root+"/", s.notFound)
	mux.HandleFunc("GET "+Root+"/signin", s.visiting(s.signInPage))
	mux.HandleFunc("POST "+Root+"/signin", s.visiting(s.signIn))
	mux.HandleFunc("GET "+Root+"/signin/mfa", s.visiting(s.mfaPage))
	mux.HandleFunc("POST "+Root+"/signin/code", s.visiting(s.answered(func(r *http.Request, at portal.At, id string, trust bool) (*portal.SignIn, error) {
		return s.cfg.Directory.Code(r.Context(), at, id, r.PostFormValue("code"), trust)
	})))
	mux.HandleFunc("POST "+Root+"/signin/codes", s.visiting(s.answered(func(r *http.Request, at portal.At, id string, trust bool) (*portal.SignIn, error) {
		return s.cfg.Directory.TwoCodes(r.Context(), at, id, r.PostFormValue("code1"), r.PostFormValue("code2"), trust)
	})))
	mux.HandleFunc("POST "+Root+"/signin/send", s.visiting(s.answered(func(r *http.Request, at portal.At, id string, _ bool) (*portal.SignIn, error) {
		return s.cfg.Directory.SendCode(r.Context(), at, id, r.PostFormValue("via"))
	})))
	mux.HandleFunc("POST "+Root+"/signin/sent", s.visiting(s.answered(func(r *http.Request, at portal.At, id string, trust bool) (*portal.SignIn, error) {
		return s.cfg.Directory.SentCode(r.Context(), at, id, r.PostFormValue("sent_code"), trust)
	})))
	mux.HandleFunc("POST "+Root+"/signin/recovery", s.visiting(s.answered(func(r *http.Request, at portal.At, id string, trust bool) (*portal.SignIn, error) {
		return s.cfg.Directory.RecoveryCode(r.Context(), at, id, r.PostFormValue("recovery_code"), trust)
	})))
	mux.HandleFunc("POST "+Root+"/signin/key/begin", s.visiting(s.beginKey))
	mux.HandleFunc("POST "+Root+"/signin/key/finish", s.visiting(s.finishKey))
	mux.HandleFunc("GET "+Root+"/inbox", s.inbox)
	mux.HandleFunc("GET "+Root+"/home", s.signed(s.home))
	mux.HandleFunc("POST "+Root+"/signout", s.signed(s.signOut))
}

// signInPage asks for name and password, or sends the browser to the external identity provider.
func (s *Site) signInPage(w http.ResponseWriter, r *http.Request, id string) {
	rules, err := s.cfg.Directory.Rules(r.Context())
	if err == nil && rules.IDP == portal.External && !r.URL.Query().Has("done") {
		s.request(w, r)
		return
	}
	s.show(w, r, "signin", id, err, sheet{Title: "Sign in", Data: ""})
}

// signIn judges name and password.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request, id string) {
	name := strings.TrimSpace(r.PostFormValue("username"))
	x, err := s.cfg.Directory.Begin(r.Context(), s.at(r), name, r.PostFormValue("password"))
	if err != nil {
		s.show(w, r, "signin", id, err, sheet{Title: "Sign in", Data: name})
		return
	}
	s.goOn(w, r, x)
}

// goOn gives the browser what a step of a sign-in came to, and sends it to the next page.
func (s *Site) goOn(w http.ResponseWriter, r *http.Request, x *portal.SignIn) {
	to(w, r, s.next(w, r, x))
}

// next is where a sign-in goes on.
func (s *Site) next(w http.ResponseWriter, r *http.Request, x *portal.SignIn) string {
	if x.Session == nil {
		setCookie(w, r, visitCookie, x.ID, 0)
		if x.Enrol {
			return "/enrol"
		}
		return "/signin/mfa"
	}
	setCookie(w, r, visitCookie, "", -1)
	setCookie(w, r, sessionCookie, x.Session.Token, 0)
	if x.Session.Device != "" {
		setCookie(w, r, deviceCookie, x.Session.Device, int(deviceAge/time.Second))
	}
	return "/home"
}

func (s *Site) mfaPage(w http.ResponseWriter, r *http.Request, id string) { s.showMFA(w, r, id, nil) }

// showMFA asks for a second factor. A sign-in that is over begins anew.
func (s *Site) showMFA(w http.ResponseWriter, r *http.Request, id string, err error) {
	x, over := s.cfg.Directory.LookAt(r.Context(), s.at(r), id)
	switch {
	case over != nil && err == nil:
		to(w, r, "/signin")
	case over != nil:
		s.show(w, r, "message", id, err, sheet{Title: "Sign in"})
	case x.Enrol:
		to(w, r, "/enrol")
	default:
		s.show(w, r, "mfa", id, err, sheet{Title: "Additional verification required", Data: x})
	}
}

// answered takes a sign-in one step further, or says why not.
func (s *Site) answered(f func(r *http.Request, at portal.At, id string, trust bool) (*portal.SignIn, error)) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, id string) {
		x, err := f(r, s.at(r), id, r.PostFormValue("trust") != "")
		if err != nil {
			s.showMFA(w, r, id, err)
			return
		}
		s.goOn(w, r, x)
	}
}

// beginKey and finishKey are what the script of the page calls: between them stands navigator.credentials.get.
func (s *Site) beginKey(w http.ResponseWriter, r *http.Request, id string) {
	options, err := s.cfg.Directory.BeginKey(r.Context(), s.at(r), id)
	answerJSON(w, map[string]any{"ID": "", "Options": options}, err)
}

func (s *Site) finishKey(w http.ResponseWriter, r *http.Request, id string) {
	response, err := keyAnswer(r)
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	x, err := s.cfg.Directory.FinishKey(r.Context(), s.at(r), id, response, r.Header.Get("X-Mfalab-Trust") != "")
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	answerJSON(w, map[string]string{"Location": Root + s.next(w, r, x)}, nil)
}

// keyAnswer reads what a page sends of a security key's answer.
func keyAnswer(r *http.Request) (json.RawMessage, error) {
	var in struct{ Response json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Response) == 0 {
		return nil, &iam.Error{Status: http.StatusBadRequest, Message: "The answer of the security key cannot be read."}
	}
	return in.Response, nil
}

// inbox shows what was sent: a simulated phone, and a mail box.
func (s *Site) inbox(w http.ResponseWriter, r *http.Request) {
	list, err := s.cfg.Directory.Messages(r.Context())
	s.show(w, r, "inbox", "", err, sheet{Title: "Simulated phone and inbox", Data: list})
}

func (s *Site) home(w http.ResponseWriter, r *http.Request, g guest) {
	s.show(w, r, "home", g.token, nil, sheet{Title: "Your portal", Name: g.Name, Data: g.Session})
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request, g guest) {
	setCookie(w, r, sessionCookie, "", -1)
	if err := s.cfg.Directory.SignOut(r.Context(), s.at(r), g.token); err != nil {
		s.show(w, r, "message", "", err, sheet{Title: "Sign out"})
		return
	}
	to(w, r, "/signin?done=out")
}
