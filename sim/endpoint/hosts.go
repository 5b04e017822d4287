package endpoint

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// served are the AWS names that the lab answers to, by service: global, in a region, FIPS, dual-stack, in China and
// GovCloud. From the endpoint rule sets of botocore 1.43.11.
var served = map[string]*regexp.Regexp{
	"iam": awsNames("iam"),
	"sts": awsNames("sts"),
	"ec2": awsNames("ec2"),
	"s3":  s3Names,

	"cloudtrail": awsNames("cloudtrail"),
}

func awsNames(service string) *regexp.Regexp {
	return regexp.MustCompile(`^` + service +
		`(-fips)?(\.(global|us-gov|[a-z]{2}(-[a-z]{1,16}){1,3}-\d{1,2}))?\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)
}

// servedName reports whether name is one of AWS's that the lab answers to.
func servedName(name string) bool {
	for _, names := range served {
		if names.MatchString(name) {
			return true
		}
	}
	return false
}

// hostname returns the host of "host:port" in lower case, without the port, brackets and a trailing dot.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// loopback reports whether name always means this machine. Names that a name server may answer as it likes are not among
// them: that is what makes the check safe against a page whose name is made to point here.
func loopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761, Section 6.3
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap().IsLoopback()
}

// foreignHost says why the lab does not answer to the host of r, or "".
func (e *Endpoint) foreignHost(r *http.Request) string {
	name := hostname(r.Host)
	if loopback(name) || servedName(name) || e.hosts[name] || r.TLS != nil && (pageName(name) || metadataHosts[name]) {
		return ""
	}
	// "*.lab.example" is for every name below lab.example, however deep, and not for lab.example itself.
	for rest := name; rest != ""; {
		_, rest, _ = strings.Cut(rest, ".")
		if e.hosts["*."+rest] {
			return ""
		}
	}
	if r.URL.IsAbs() {
		return refusedByProxy(name)
	}
	return fmt.Sprintf("this lab does not answer to the host %q: use 127.0.0.1 or localhost, "+
		"or start it with --allow-host %[1]s", name)
}

// foreignOrigin says why a request without a signature may have been sent by somebody else's web page, or "". Browsers
// attach both headers and pages cannot forge them; a client that is no browser sends neither. Fetch Metadata Request
// Headers, Section 2; RFC 6454, Section 7.
func foreignOrigin(r *http.Request) string {
	for _, origin := range r.Header["Origin"] {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return fmt.Sprintf("a page of %q may not drive the lab: open the lab's own page instead", origin)
		}
	}
	// A page on another port of this machine is "same-site": just as foreign.
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
		return ""
	default:
		return fmt.Sprintf("a %s page may not drive the lab: open the lab's address by hand instead", site)
	}
}
