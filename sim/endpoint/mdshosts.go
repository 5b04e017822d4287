package endpoint

import "net/http"

// metadataHosts are the names of the FIDO Metadata Service, which relying parties have written into them. They are served through
// the proxy only, like pages of AWS's.
var metadataHosts = map[string]bool{"mds.fidoalliance.org": true, "mds3.fidoalliance.org": true}

// metadataRoot is where the lab has its own.
const metadataRoot = "/mds/"

// serveMetadata serves what lies under one of these names: the BLOB is at the root.
func (e *Endpoint) serveMetadata(w http.ResponseWriter, r *http.Request) {
	switch {
	case e.cfg.Pages == nil:
		http.NotFound(w, r)
	case r.URL.Path == "/":
		e.cfg.Pages.ServeHTTP(w, withPath(r, metadataRoot))
	case len(r.URL.Path) > len(metadataRoot) && r.URL.Path[:len(metadataRoot)] == metadataRoot:
		e.cfg.Pages.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}
