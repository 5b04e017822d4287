package endpoint

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// IAM is the relying party behind the port; *iam.Service is one.
type IAM interface {
	// Do decides a call whose signature has been checked. The error is an *iam.Error.
	Do(ctx context.Context, call iam.Call) (result any, err error)
	// Credential returns the secret of an access key and who holds it; now is the lab's time.
	Credential(ctx context.Context, accessKeyID, sessionToken string, now time.Time) (
		secret string, caller iam.Caller, err error)
	// Refuse returns the answer with that ID of the table of texts.
	Refuse(id string, args ...any) *iam.Error
	// Rejected hears of a call that is refused before it could be decided.
	Rejected(call iam.Call, refusal *iam.Error)
}

// Config is what an Endpoint needs.
type Config struct {
	IAM IAM
	// Clock returns the lab's time and the wall's. It is asked once for each request, at its start.
	Clock func() (lab, wall time.Time)
	// Beside are the services beside IAM and STS, by the name that requests are signed for: "s3".
	Beside map[string]Beside
	// Pages answers what is not AWS's and comes from the lab's own origin; nil answers 404.
	Pages http.Handler
	// AllowHosts are further names that the lab answers to besides the loopback ones: "mfalab", or "*.lab.example" for
	// all names below one. Ports do not matter.
	AllowHosts []string
	// Authority makes the proxy's certificates; nil means no proxy.
	Authority *Authority
	// Weakened names the rules that are switched off now; while there are any, every answer says so. It may be nil.
	Weakened func() []string
	// RequestID makes the ID of a request; nil means a random UUID.
	RequestID func() string
}

// An Endpoint is the handler of the lab's port. Shutdown ends it.
type Endpoint struct {
	cfg        Config
	keys       sigv4.Keys
	operations map[string]bool // "sts:GetCallerIdentity"
	hosts      map[string]bool
	tunnels    tunnels
}

// New returns the handler of the lab's port.
func New(cfg Config) *Endpoint {
	if cfg.RequestID == nil {
		cfg.RequestID = randomUUID
	}
	e := &Endpoint{cfg: cfg, operations: map[string]bool{}, hosts: map[string]bool{}}
	for _, name := range iam.Operations() {
		e.operations[name] = true
	}
	for _, host := range cfg.AllowHosts {
		e.hosts[strings.ToLower(hostname(host))] = true
	}
	e.tunnels.init(e)
	return e
}

// ServeHTTP decides whose a request is.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if weak := e.weakened(); weak != "" {
		w.Header().Set("X-Mfalab-Weakened", weak)
	}
	signed := sigv4.Signed(r)
	switch reason := e.foreignHost(r); {
	case r.Method == http.MethodConnect:
		e.connect(w, r)
	case signed && foreignService(r):
		e.refuseService(w, r, e.cfg.RequestID())
	case reason != "" && signed:
		// An AWS client shows this to its user only in the form that it knows.
		e.writeError(w, e.cfg.RequestID(), faultNamespace, &iam.Error{Code: "AccessDenied", Status: 403, Message: reason})
	case reason != "":
		forbid(w, reason)
	default:
		if service, b := e.beside(r); b != nil && (signed || foreignOrigin(r) == "") {
			e.serveBeside(w, r, service, b)
		} else if signed {
			e.serveQuery(w, r)
		} else {
			e.serveUnsigned(w, r)
		}
	}
}

// serveUnsigned serves what anybody can send, a web page elsewhere too: hence the check of the origin.
func (e *Endpoint) serveUnsigned(w http.ResponseWriter, r *http.Request) {
	root := r.URL.Path == "/"
	switch reason := foreignOrigin(r); {
	case reason != "":
		forbid(w, reason)
	case metadataHosts[hostname(r.Host)]:
		e.serveMetadata(w, r)
	case pageName(hostname(r.Host)):
		e.servePage(w, r)
	case servedName(hostname(r.Host)),
		root && r.Method == http.MethodPost,
		root && r.URL.Query().Has("Action"):
		e.serveQuery(w, r) // to be told that it is not signed
	case e.cfg.Pages == nil:
		http.NotFound(w, r)
	default:
		e.cfg.Pages.ServeHTTP(w, r)
	}
}

// weakened returns the rules that are switched off as the header names them.
func (e *Endpoint) weakened() string {
	if e.cfg.Weakened == nil {
		return ""
	}
	return strings.Join(e.cfg.Weakened(), ",")
}

// forbid refuses with one line for people.
func forbid(w http.ResponseWriter, reason string) {
	http.Error(w, "mfalab: "+reason, http.StatusForbidden)
}

// randomUUID returns a random UUID (RFC 9562, Section 5.4), as the real services number requests.
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program first
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
