package console

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mfalab/mfalab/sim/iam"
)

// routeSwitch serves the way into a role and back: IAM User Guide, id_roles_use_switch-role-console. The names of the fields, in
// a link too, are those of the real page.
func (c *Console) routeSwitch() {
	c.mux.HandleFunc("GET "+Root+"/switchrole", c.signed(c.switchPage))
	c.mux.HandleFunc("POST "+Root+"/switchrole", c.signed(c.switchRole))
	c.mux.HandleFunc("POST "+Root+"/switchrole/back", c.signed(c.switchBack))
}

// From the page: how long a display name may be.
const displayMax = 64

// displayColors are the colours that the head of a page can have in a role.
var displayColors = []string{"red", "orange", "yellow", "green", "blue"}

// An actingRole is what the pages show of the role in which somebody acts.
type actingRole struct {
	Name    string // the role's
	Display string // what was typed, "" for the role's name
	Color   string // one of displayColors, or ""
}

// inRole makes s act in the role that the browser has a cookie of: the session's, and what the pages show of it.
func (c *Console) inRole(r *http.Request, s *session) {
	k, err := r.Cookie(roleCookie)
	if err != nil {
		return
	}
	id, shown, _ := strings.Cut(k.Value, "~")
	caller, err := c.credential(r, id)
	if s.over = err != nil || caller == nil || caller.Session.From != s.user.AccessKeyID; s.over {
		return
	}
	text, color, _ := strings.Cut(shown, "~")
	display, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || utf8.RuneCount(display) > displayMax {
		display = nil
	}
	s.caller, s.cookie = *caller, s.cookie+" "+k.Value
	s.role = &actingRole{Name: caller.Session.IssuerName, Display: string(display), Color: knownColor(color)}
}

// dropRole makes the browser forget the role.
func dropRole(w http.ResponseWriter, r *http.Request) {
	if hasCookie(r, roleCookie) {
		dropCookie(w, r, roleCookie)
	}
}

func knownColor(name string) string {
	if slices.Contains(displayColors, name) {
		return name
	}
	return ""
}

// switchData is what stands in the fields.
type switchData struct {
	Account, RoleName, DisplayName, Color string
	Colors                                []string
}

// switchFields reads them from a link or a form.
func switchFields(value func(string) string) *switchData {
	field := func(name string) string { return strings.ToValidUTF8(strings.TrimSpace(value(name)), "�") }
	return &switchData{field("account"), field("roleName"), field("displayName"), knownColor(field("color")), displayColors}
}

func (c *Console) switchPage(w http.ResponseWriter, r *http.Request, s *session) {
	if s.user.IsRoot() {
		c.showSwitch(w, r, s, c.cfg.IAM.Refuse("RootSwitchesRole"), nil)
		return
	}
	c.showSwitch(w, r, s, nil, switchFields(r.URL.Query().Get))
}

func (c *Console) showSwitch(w http.ResponseWriter, r *http.Request, s *session, err error, in *switchData) {
	text, status := "", http.StatusOK
	if err != nil {
		text, status = refusal(err)
	}
	page := sheet{Title: "Switch role", Who: s, Error: text}
	if in != nil {
		page.Data = in
	}
	c.show(w, r, status, "switchrole", s.cookie, page)
}

// switchRole has the account decide whether who signed in, and not the role in which they act, may act in another one.
func (c *Console) switchRole(w http.ResponseWriter, r *http.Request, s *session) {
	in := switchFields(r.PostFormValue)
	if utf8.RuneCountInString(in.DisplayName) > displayMax {
		c.showSwitch(w, r, s, c.cfg.IAM.Refuse("RoleSwitchFailed"), in)
		return
	}
	x, err := call[*iam.RoleSwitch](c, r, s.user, "signin", "SwitchRole", "Account", in.Account, "RoleName", in.RoleName, "RedirectTo", homeOf(r))
	if err != nil {
		switch _, status := refusal(err); {
		case s.user.IsRoot():
			in = nil
		case status < http.StatusInternalServerError: // whatever is wrong with what was typed is said in the same words
			err = c.cfg.IAM.Refuse("RoleSwitchFailed")
		}
		c.showSwitch(w, r, s, err, in)
		return
	}
	setCookie(w, r, roleCookie, cookieOf(x.Session)+"~"+base64.RawURLEncoding.EncodeToString([]byte(in.DisplayName))+"~"+in.Color)
	http.Redirect(w, r, Root+"/home", http.StatusSeeOther)
}

// homeOf is where a switch leads, as the trail has it.
func homeOf(r *http.Request) string {
	u := url.URL{Scheme: "http", Host: r.Host, Path: Root + "/home"}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// switchBack ends the role's session. The user's is there still.
func (c *Console) switchBack(w http.ResponseWriter, r *http.Request, s *session) {
	dropRole(w, r)
	if s.role != nil {
		if _, err := c.do(r.Context(), r, s.caller, "signin", "ExitRole"); err != nil {
			text, status := refusal(err)
			c.show(w, r, status, "message", "", sheet{Title: "Switch role", Error: text})
			return
		}
	}
	http.Redirect(w, r, Root+"/home?done=back", http.StatusSeeOther)
}
