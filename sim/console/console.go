package console

import (
	"embed"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// Root is the path under which the console lies.
const Root = "/console"

//go:embed static
var static embed.FS

// Config is what a Console needs.
type Config struct {
	// IAM is the account.
	IAM *iam.Service
	// Clock returns the lab's time and the wall's.
	Clock func() (lab, wall time.Time)
	// Phone is the lab's app, nil for none.
	Phone Phone
	// RequestID numbers calls of the account; nil means that they have no number.
	RequestID func() string
}

// A Console serves the pages under [Root]. Hosts and origins have been checked before. It may be used by many goroutines.
type Console struct {
	cfg     Config
	mux     *http.ServeMux
	guarded http.Handler
	marks   *Marks        // on forms
	lens    chan struct{} // whoever reads a picture holds it

	mu      sync.Mutex
	visits  map[string]*visit  // by cookie: who has not signed in yet
	wizards map[string]*wizard // by ID
}

// New returns a console.
func New(cfg Config) *Console {
	c := &Console{cfg: cfg, mux: http.NewServeMux(), visits: map[string]*visit{}, wizards: map[string]*wizard{}}
	c.marks, c.guarded, c.lens = NewMarks(), Guard(c.mux), make(chan struct{}, 1)
	c.mux.Handle("GET "+Root+"/static/{file}", http.StripPrefix(Root, cached(http.FileServerFS(static))))
	c.mux.HandleFunc("GET "+Root+"/", c.notFound)
	c.routeSignIn()
	c.routeAccount()
	c.routePermissions()
	c.routePasswords()
	c.routeDevices()
	c.routeRecovery()
	c.routeBilling()
	c.routeSwitch()
	c.routeApp()
	return c
}

// contentSecurityPolicy lets a page load what this console serves, and nothing run that stands in the page itself.
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP serves a page.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.guarded.ServeHTTP(w, r) }

// maxForm bounds what a browser can send. Our choice: more than the answer of a security key, or a picture of a QR code.
const maxForm = 4 << 20

// named returns where a page is found by the machine's name, "" where it was asked for so: security keys know no IP
// addresses (WebAuthn, Section 5.1.2), and cookies of the one are not those of the other.
func named(r *http.Request) string {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = r.Host, ""
	}
	if r.Method != http.MethodGet || r.TLS != nil || net.ParseIP(strings.Trim(host, "[]")) == nil {
		return ""
	}
	if !net.ParseIP(strings.Trim(host, "[]")).IsLoopback() {
		return ""
	}
	u := *r.URL
	u.Scheme, u.Host = "http", "localhost"
	if port != "" {
		u.Host = net.JoinHostPort("localhost", port)
	}
	return u.String()
}

// cached lets a browser keep a file for an hour: a file changes only with the program.
func cached(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		h.ServeHTTP(w, r)
	})
}

// now is the lab's time.
func (c *Console) now() time.Time {
	now, _ := c.cfg.Clock()
	return now
}
