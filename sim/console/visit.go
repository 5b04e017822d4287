package console

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// The cookies: of who has not signed in yet, of who has, of the role that who has acts in, and which of several kinds of device somebody chose last.
const (
	visitCookie   = "mfalab-visit"
	sessionCookie = "mfalab-session"
	roleCookie    = "mfalab-role"
	choiceCookie  = "mfalab-mfa-choice"
)

// Our choices.
const (
	visitTime   = 15 * time.Minute // by the wall's clock: as long as a sign-in takes by the lab's
	visitsKept  = 10000
	wizardsKept = 1000
)

// A visit is what is known of a browser that has not signed in.
type visit struct {
	signIn  iam.SignIn // how far it has come
	account string     // what was typed
	email   string
	root    bool
	until   time.Time // wall time
	// recovery is how far root has come without the device.
	recovery *iam.Recovery
}

// visit returns the visit of r, a new one where there is none. The caller may read and change it as long as it holds mu.
func (c *Console) visit(w http.ResponseWriter, r *http.Request) (*visit, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, err := r.Cookie(visitCookie); err == nil {
		if v := c.visits[k.Value]; v != nil && time.Now().Before(v.until) {
			return v, k.Value
		}
	}
	return c.newVisit(w, r, &visit{})
}

// newVisit gives a browser a new cookie: with each step of a sign-in that counts, so that nobody who knew the old one has
// what has been signed in. The caller holds mu.
func (c *Console) newVisit(w http.ResponseWriter, r *http.Request, v *visit) (*visit, string) {
	if len(c.visits) >= visitsKept {
		c.prune()
	}
	id := rand.Text()
	v.until = time.Now().Add(visitTime)
	c.visits[id] = v
	setCookie(w, r, visitCookie, id)
	return v, id
}

// advance puts what a step of a sign-in gave in the place of the visit of r.
func (c *Console) advance(w http.ResponseWriter, r *http.Request, old *visit, id string, s iam.SignIn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.visits, id)
	v := *old
	v.signIn = s
	c.newVisit(w, r, &v)
}

// leave forgets a visit.
func (c *Console) leave(w http.ResponseWriter, r *http.Request, id string) {
	c.mu.Lock()
	delete(c.visits, id)
	c.mu.Unlock()
	dropCookie(w, r, visitCookie)
}

// prune forgets what is over, and the older half where that is not enough. The caller holds mu.
func (c *Console) prune() {
	now := time.Now()
	maps.DeleteFunc(c.visits, func(_ string, v *visit) bool { return !now.Before(v.until) })
	maps.DeleteFunc(c.wizards, func(_ string, z *wizard) bool { return !now.Before(z.until) })
	forgetHalf(c.visits, visitsKept, func(v *visit) time.Time { return v.until })
	forgetHalf(c.wizards, wizardsKept, func(z *wizard) time.Time { return z.until })
}

func forgetHalf[T any](m map[string]T, most int, until func(T) time.Time) {
	if len(m) < most {
		return
	}
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return until(m[a]).Compare(until(m[b])) })
	for _, k := range keys[:len(keys)/2] {
		delete(m, k)
	}
}

// setCookie sets a cookie that no script reads and no other site's form sends.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: Root, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil})
}

func dropCookie(w http.ResponseWriter, r *http.Request, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: Root, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil, MaxAge: -1})
}

// A session is who has signed in.
type session struct {
	caller iam.Caller  // who acts: the user, or the role to which the user has switched
	user   iam.Caller  // who signed in
	role   *actingRole // nil for who has not switched
	over   bool        // the browser came in a role whose session has ended
	cookie string      // what it is known by; another one with each switch
}

// session returns who sent r, nil for somebody who has not signed in or whose session is over.
func (c *Console) session(r *http.Request) (*session, error) {
	k, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, nil
	}
	user, err := c.credential(r, k.Value)
	if user == nil || user.Session.From != "" {
		return nil, err
	}
	s := &session{caller: *user, user: *user, cookie: k.Value}
	c.inRole(r, s)
	return s, nil
}

// credential returns who has the session of the console that a cookie names, nil for what names none.
func (c *Console) credential(r *http.Request, value string) (*iam.Caller, error) {
	id, text, _ := strings.Cut(value, ".")
	token, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(token) == 0 {
		return nil, nil
	}
	_, caller, err := c.cfg.IAM.Credential(r.Context(), id, string(token), c.now())
	if err != nil {
		return nil, err
	}
	if caller.Session == nil || !caller.Session.Console {
		return nil, nil // a session of GetSessionToken is not for browsers
	}
	return &caller, nil
}

// begin gives the browser the session that it has signed in for.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, s *iam.ConsoleSession) {
	setCookie(w, r, sessionCookie, cookieOf(s))
	dropRole(w, r)
}

// cookieOf is how a cookie names a session.
func cookieOf(s *iam.ConsoleSession) string {
	return s.AccessKeyID + "." + base64.RawURLEncoding.EncodeToString([]byte(s.SessionToken))
}
