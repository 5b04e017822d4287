// Package site is the portal's pages, on which people sign in to it and look after their devices. Everything that is decided
// package portal decides. The pages share the console's style and guard.
package site

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/portal"
)

// Root is the path under which the portal lies.
const Root = "/portal"

// The cookies: of a sign-in, of who has signed in, and of a device that is trusted.
const (
	visitCookie   = "mfalab-portal-visit"
	sessionCookie = "mfalab-portal-session"
	deviceCookie  = "mfalab-portal-device"
)

//go:embed page
var pageFiles embed.FS

// pages are the templates by file name, each with the frame around it. They are read with the first page: most commands
// show none.
var pages = sync.OnceValue(func() map[string]*template.Template {
	frame := template.Must(template.New("frame.html").Funcs(template.FuncMap{"when": console.When, "via": console.Via, "here": console.Here}).ParseFS(pageFiles, "page/frame.html"))
	names, err := pageFiles.ReadDir("page")
	if err != nil {
		panic("site: internal error: " + err.Error())
	}
	m := map[string]*template.Template{}
	for _, f := range names {
		if f.Name() != "frame.html" {
			m[strings.TrimSuffix(f.Name(), ".html")] = template.Must(template.Must(frame.Clone()).ParseFS(pageFiles, "page/"+f.Name()))
		}
	}
	return m
})

// Config is what a Site needs.
type Config struct {
	// Directory decides.
	Directory *portal.Directory
	// Clock returns the lab's time and the wall's.
	Clock func() (lab, wall time.Time)
	// RequestID numbers what is asked; nil means that it has no number.
	RequestID func() string
}

// A Site serves the pages under [Root]. Hosts and origins have been checked before. It may be used by many goroutines.
type Site struct {
	cfg     Config
	marks   *console.Marks
	guarded http.Handler
}

// New returns the pages of a portal.
func New(cfg Config) *Site {
	s := &Site{cfg: cfg, marks: console.NewMarks()}
	mux := http.NewServeMux()
	s.routeSignIn(mux)
	s.routeDevices(mux)
	s.routeExternal(mux)
	s.guarded = console.Guard(mux)
	return s
}

// ServeHTTP serves a page.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.guarded.ServeHTTP(w, r) }

// at is when and from where r comes.
func (s *Site) at(r *http.Request) portal.At {
	now, wall := s.cfg.Clock()
	at := portal.At{Now: now, Wall: wall, IP: console.Address(r), Agent: r.UserAgent(), Device: cookieOf(r, deviceCookie)}
	if s.cfg.RequestID != nil {
		at.RequestID = s.cfg.RequestID()
	}
	return at
}

// A sheet is one answer to a browser: what every page shows, and what is this one's.
type sheet struct {
	Title    string
	Path     string // under which it is shown
	Form     string // what its forms carry
	Rules    portal.Rules
	Weakened []string
	Name     string // of who has signed in, "" for nobody
	Error    string
	Notice   string
	Now      time.Time
	Data     any
}

// notices are what a page says after a redirect: words of ours, whatever stands in the address.
var notices = map[string]string{
	"out":      "You have signed out.",
	"expired":  "Your session has ended. Sign in again.",
	"enrolled": "The device was registered.",
	"renamed":  "The device has another name.",
	"removed":  "The device was removed.",
	"resynced": "The device was resynchronised.",
}

// show writes a page. cookie is the one whose forms it is.
func (s *Site) show(w http.ResponseWriter, r *http.Request, name, cookie string, err error, x sheet) {
	var failed error
	if x.Rules, failed = s.cfg.Directory.Rules(r.Context()); failed != nil {
		http.Error(w, "the portal cannot be read: "+failed.Error(), http.StatusInternalServerError)
		return
	}
	x.Path = r.URL.Path
	x.Form, x.Weakened, x.Now = s.marks.Of(cookie), s.cfg.Directory.Weakened(), s.at(r).Now
	status := http.StatusOK
	if err != nil {
		x.Error, status = refusal(err)
	} else if r.Method == http.MethodGet {
		x.Notice = notices[r.URL.Query().Get("done")]
	}
	var b bytes.Buffer
	if err := pages()[name].ExecuteTemplate(&b, "frame.html", x); err != nil {
		http.Error(w, "the page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that has gone is no error of ours
}

// refusal returns what a page says of err, and its status.
func refusal(err error) (text string, status int) {
	var e *iam.Error
	if errors.As(err, &e) {
		return e.Message, e.Status
	}
	return err.Error(), http.StatusInternalServerError
}

// answerJSON answers a script.
func answerJSON(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		var text string
		text, status = refusal(err)
		v = map[string]string{"Error": text}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a browser that has gone is no error of ours
}

// cookieOf returns a cookie's value, "" where there is none.
func cookieOf(r *http.Request, name string) string {
	k, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return k.Value
}

// setCookie sets a cookie that no script reads and no other site's form sends. Age is in seconds; 0 is for as long as the
// browser runs, -1 takes it away.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: Root, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil, MaxAge: age})
}

// visit returns the cookie of a browser that has not signed in, a new one where it has none. It names the sign-in, once there is
// one: Begin gives a new one, so that a cookie that somebody else knew is worth nothing.
func visit(w http.ResponseWriter, r *http.Request) string {
	if id := cookieOf(r, visitCookie); id != "" && len(id) <= 64 {
		return id
	}
	id := rand.Text()
	setCookie(w, r, visitCookie, id, 0)
	return id
}

// to sends the browser on.
func to(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, Root+path, http.StatusSeeOther)
}

// errNoPage is what who looks for a page is told where there is none.
var errNoPage = &iam.Error{Status: http.StatusNotFound, Message: "There is nothing at this address."}

// errForm is what a form that this page did not send is told.
var errForm = &iam.Error{Status: http.StatusForbidden, Message: "This page took too long, or its form was sent by another. Open it again."}

// notFound is the page for what there is none of: it says as well what this place is.
func (s *Site) notFound(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "message", "", errNoPage, sheet{Title: "There is no such page"})
}

// visiting serves a page of a sign-in. What changes something carries the mark of its page.
func (s *Site) visiting(p func(w http.ResponseWriter, r *http.Request, id string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := visit(w, r)
		if r.Method == http.MethodPost && !s.marks.On(r, id) {
			s.show(w, r, "message", id, errForm, sheet{Title: "Sign in"})
			return
		}
		p(w, r, id)
	}
}

// A guest is who has signed in.
type guest struct {
	*portal.Session
	user  portal.User
	token string
}

// signed serves p to who has signed in; others are sent to do so.
func (s *Site) signed(p func(w http.ResponseWriter, r *http.Request, g guest)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g := guest{token: cookieOf(r, sessionCookie)}
		var err error
		if g.Session, g.user, err = s.cfg.Directory.Session(r.Context(), s.at(r), g.token); err != nil {
			reason := ""
			if g.token != "" {
				setCookie(w, r, sessionCookie, "", -1)
				reason = "?done=expired"
			}
			to(w, r, "/signin"+reason)
			return
		}
		if r.Method == http.MethodPost && !s.marks.On(r, g.token) {
			s.show(w, r, "message", g.token, errForm, sheet{Title: "Not sent by this page", Name: g.Name})
			return
		}
		p(w, r, g)
	}
}
