package endpoint

import (
	"crypto/tls"
	"net/http"
	"strings"

	"github.com/mfalab/mfalab/sim/trail"
)

// tlsDetails says how the client of r is connected, nil where it is without TLS. The words are CloudTrail's: "tlsDetails" in
// its record contents.
func tlsDetails(r *http.Request) *trail.TLS {
	if r.TLS == nil {
		return nil
	}
	return &trail.TLS{Version: strings.Replace(tls.VersionName(r.TLS.Version), "TLS ", "TLSv", 1),
		Suite: tls.CipherSuiteName(r.TLS.CipherSuite), Host: r.Host}
}
