package console

import (
	"bytes"
	"context"
	"embed"
	"encoding/xml"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

//go:embed page
var pageFiles embed.FS

// pages are the templates by file name, each with the frame around it. They are read with the first page: most commands
// show none.
var pages = sync.OnceValue(func() map[string]*template.Template {
	frame := template.Must(template.New("frame.html").Funcs(template.FuncMap{"when": when, "date": date, "via": Via, "here": Here, "path": url.PathEscape, "formed": formed,
		"nopolicy": func() *passwordPolicy { return &passwordPolicy{} }}).
		ParseFS(pageFiles, "page/frame.html", "page/permissions.html"))
	names, err := pageFiles.ReadDir("page")
	if err != nil {
		panic("console: internal error: " + err.Error())
	}
	m := map[string]*template.Template{}
	for _, f := range names {
		if f.Name() != "frame.html" && f.Name() != "permissions.html" {
			m[strings.TrimSuffix(f.Name(), ".html")] = template.Must(template.Must(frame.Clone()).ParseFS(pageFiles, "page/"+f.Name()))
		}
	}
	return m
})

// formed is what a part of a page needs that several pages have.
func formed(form string, data any) sheet { return sheet{Form: form, Data: data} }

// when writes a time as the pages show it.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// date writes a time as the account's answers have it as the pages show times; "" is never.
func date(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil && s != "" {
		return s
	}
	return when(t)
}

// Here marks the link of the page that is shown, or of the one above it (WAI-ARIA 1.2, aria-current).
func Here(at, link string) template.HTMLAttr {
	switch {
	case at == link:
		return ` aria-current="page"`
	case strings.HasPrefix(at, link+"/"):
		return ` aria-current="true"`
	}
	return ""
}

// A sheet is one answer to a browser: what every page shows, and what is this one's.
type sheet struct {
	Title    string
	Path     string // under which it is shown
	Form     string // what its forms carry
	Who      *session
	Name     string // of who has signed in
	Role     *actingRole
	Switches bool // who has signed in may switch roles
	Account  string
	Error    string
	Notice   string
	Weakened []string
	Now      time.Time
	Phone    bool // there is an app
	Data     any
}

// show writes a page. cookie is the one whose forms it is.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name, cookie string, s sheet) {
	s.Form, s.Account, s.Weakened, s.Now = c.marks.Of(cookie), c.cfg.IAM.Account(), c.cfg.IAM.Settings().Weakened(), c.now()
	s.Path, s.Phone = r.URL.Path, c.cfg.Phone != nil
	if s.Notice == "" && r.Method == http.MethodGet {
		s.Notice = notices[r.URL.Query().Get("done")]
	}
	if s.Who != nil {
		s.Name, s.Role, s.Switches = nameOf(s.Who.user), s.Who.role, !s.Who.user.IsRoot()
	}
	var b bytes.Buffer
	if err := pages()[name].ExecuteTemplate(&b, "frame.html", s); err != nil {
		http.Error(w, "the page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that has gone is no error of ours
}

// nameOf is what a page calls somebody.
func nameOf(caller iam.Caller) string {
	if caller.IsRoot() {
		return "root user"
	}
	return caller.UserName
}

// A page is what somebody who has signed in sees or does. What it returns is shown, or sent to by way of a redirect.
type page func(w http.ResponseWriter, r *http.Request, s *session)

// signed serves p to who has signed in; others are sent to do so. What changes something carries the mark of its page.
func (c *Console) signed(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := c.session(r)
		if s == nil {
			if err != nil || hasCookie(r, sessionCookie) {
				dropCookie(w, r, sessionCookie)
			}
			dropRole(w, r)
			reason := ""
			if err != nil {
				reason = "?done=expired"
			}
			http.Redirect(w, r, Root+"/signin"+reason, http.StatusSeeOther)
			return
		}
		if s.over && r.URL.Path != Root+"/signout" { // what was meant for the role is not done as the user
			dropRole(w, r)
			http.Redirect(w, r, Root+"/home?done=role", http.StatusSeeOther)
			return
		}
		if r.Method == http.MethodPost && !c.marks.On(r, s.cookie) {
			c.forbid(w, r, s)
			return
		}
		p(w, r, s)
	}
}

// notFound is the page for what there is none of: it says as well what this place is.
func (c *Console) notFound(w http.ResponseWriter, r *http.Request) {
	s, _ := c.session(r) // whoever has a session or none: there is no such page
	c.show(w, r, http.StatusNotFound, "message", "", sheet{Title: "There is no such page", Who: s,
		Error: "There is no page " + quote(r.URL.Path) + " here."})
}

// forbid refuses a form that this page did not send.
func (c *Console) forbid(w http.ResponseWriter, r *http.Request, s *session) {
	cookie := ""
	if s != nil {
		cookie = s.cookie
	}
	c.show(w, r, http.StatusForbidden, "message", cookie, sheet{Title: "Not sent by this page", Who: s,
		Error: "The form was not sent by a page of this session. Open the page again and send it anew."})
}

func hasCookie(r *http.Request, name string) bool {
	_, err := r.Cookie(name)
	return err == nil
}

// call calls the account as caller, and reads its answer as a client does.
func call[T any](c *Console, r *http.Request, caller iam.Caller, service, action string, params ...string) (T, error) {
	var out T
	result, err := c.do(r.Context(), r, caller, service, action, params...)
	if err != nil || result == nil {
		return out, err
	}
	if same, ok := result.(T); ok {
		return same, nil
	}
	b, err := xml.Marshal(result)
	if err != nil {
		return out, err
	}
	return out, xml.Unmarshal(b, &out)
}

// do calls the account as caller.
func (c *Console) do(ctx context.Context, r *http.Request, caller iam.Caller, service, action string, params ...string) (any, error) {
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		if params[i+1] != "" {
			form.Set(params[i], params[i+1])
		}
	}
	now, wall := c.cfg.Clock()
	x := iam.Call{Service: service, Action: action, Params: form, Caller: caller, Region: "us-east-1", Now: now, Wall: wall,
		SourceIP: address(r), UserAgent: r.UserAgent()}
	if c.cfg.RequestID != nil {
		x.RequestID = c.cfg.RequestID()
	}
	return c.cfg.IAM.Do(ctx, x)
}

func address(r *http.Request) string {
	host, _, found := strings.Cut(r.RemoteAddr, "]")
	if found {
		return strings.TrimPrefix(host, "[")
	}
	host, _, _ = strings.Cut(r.RemoteAddr, ":")
	return host
}

// refusal returns what a page says of err, and its status.
func refusal(err error) (text string, status int) {
	var e *iam.Error
	if !errors.As(err, &e) {
		return err.Error(), http.StatusInternalServerError
	}
	return e.Message, e.Status
}

// notices are what a page says after a redirect: words of ours, whatever stands in the address.
var notices = map[string]string{
	"expired":     "Your session has ended. Please sign in again.",
	"out":         "You have signed out.",
	"user":        "The user was created.",
	"deleted":     "The user was deleted.",
	"password":    "The password was set.",
	"ownpassword": "Your password was changed.",
	"permissions": "The permissions were changed.",
	"group":       "The group was created.",
	"nogroup":     "The group was deleted.",
	"assigned":    "The MFA device was assigned.",
	"resynced":    "The MFA device was resynchronised.",
	"removed":     "The MFA device was removed.",
	"orphan":      "The virtual MFA device that nobody had was deleted.",
	"key":         "The access key was changed.",
	"alias":       "The account alias was changed.",
	"changed":     "The change was made.",
	"answered":    "The number was typed. Go on in the window in which you sign in.",
	"registered":  "The security key was registered.",
	"scanned":     "The app has the account.",
	"role":        "The role's session has ended. You are yourself again.",
	"back":        "You are yourself again.",
}
