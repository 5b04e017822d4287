package endpoint

import (
	"net/http"
	"regexp"
	"strings"
)

// pageHosts are the names of AWS's sign-in pages and of its console, which scripts have written into them. They are served
// through the proxy only: nobody but who trusts the lab's authority comes here by them. "AWS MFA", Section 6.1.
var pageHosts = regexp.MustCompile(`^(?:([a-z0-9][a-z0-9-]{0,62})\.)?(signin|console)\.aws\.amazon\.com$`)

// pageSession is the cookie of who has signed in on the pages: at a sign-in name /console/home is theirs alone.
const pageSession = "mfalab-session"

// regions are what stands before those names without being an account's alias.
var regions = regexp.MustCompile(`^(us-gov|[a-z]{2})(-[a-z]{1,16}){1,3}-\d{1,2}$`)

// pageName reports whether name is one of theirs.
func pageName(name string) bool { return pageHosts.MatchString(name) }

// tunnelledName reports whether the proxy takes somebody to name. Names of AWS's services that are not served are among them:
// their clients are told so inside.
func tunnelledName(name string) bool {
	return servedName(name) || pageName(name) || metadataHosts[name] || awsDomains.MatchString(name)
}

// servePage serves a page under one of AWS's names. The lab's console lies under /console; what the real ones have elsewhere
// leads there.
func (e *Endpoint) servePage(w http.ResponseWriter, r *http.Request) {
	if e.cfg.Pages == nil {
		http.NotFound(w, r)
		return
	}
	const root = "/console"
	if strings.HasPrefix(r.URL.Path, root+"/") && r.URL.Path != root+"/home" {
		e.cfg.Pages.ServeHTTP(w, r)
		return
	}
	m := pageHosts.FindStringSubmatch(hostname(r.Host))
	switch alias := m[1]; {
	case r.URL.Path == root+"/home" && (m[2] == "console" || len(r.CookiesNamed(pageSession)) > 0):
		e.cfg.Pages.ServeHTTP(w, r)
	case r.Method != http.MethodGet:
		http.NotFound(w, r)
	case r.URL.Path == "/switchrole": // what people have as a bookmark
		http.Redirect(w, r, root+r.URL.RequestURI(), http.StatusFound)
	case m[2] == "signin" && alias != "" && !regions.MatchString(alias):
		http.Redirect(w, r, root+"/"+alias, http.StatusFound)
	default:
		e.cfg.Pages.ServeHTTP(w, withPath(r, root))
	}
}

// withPath returns r as if it had asked for path.
func withPath(r *http.Request, path string) *http.Request {
	other := r.Clone(r.Context())
	other.URL.Path, other.URL.RawPath = path, ""
	return other
}
