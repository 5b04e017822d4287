package client

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A page is where options come from: a tuple origin. See HTML, "origin".
type page struct {
	origin string // as HTML serialises it: "https://example.org:8443"
	host   string // its effective domain
}

// parsePage reads an origin, and refuses one at which pages have no navigator.credentials (a secure context is needed) or
// whose host is no domain. See Section 5.1.3 and HTML, "effective domain".
func parsePage(origin string) (page, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return page{}, refuse(NotAllowedError, "%q is no origin: give a scheme and a host", origin)
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	switch {
	case !domain(host):
		return page{}, refuse(SecurityError, "the host %q is no domain", host)
	case u.Scheme != "https" && !(u.Scheme == "http" && local):
		return page{}, refuse(SecurityError, "%q is no secure context: only https is, and http on localhost", origin)
	}
	p := page{origin: u.Scheme + "://" + host, host: host}
	if port != "" && port != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		p.origin += ":" + port
	}
	return p, nil
}

// relyingParty returns the RP ID that the page may use: the one that it asks for, or its own host where it asks for none.
// See Section 5.1.3.
func (p page) relyingParty(asked string) (string, error) {
	if asked == "" || asked == p.host {
		return p.host, nil
	}
	if !registrableSuffix(p.host, asked) {
		return "", refuse(SecurityError, "the relying party ID %q is no registrable domain suffix of %q", asked, p.host)
	}
	return asked, nil
}

// registrableSuffix reports whether suffix is a registrable domain suffix of host, which is a domain and another one. See
// HTML, "is a registrable domain suffix of or is equal to".
func registrableSuffix(host, suffix string) bool {
	return domain(suffix) && strings.HasSuffix(host, "."+suffix) && !publicSuffix(suffix)
}

// domain reports whether s is a valid domain of ASCII in lower case, no address and no name that ends in a number.
func domain(s string) bool {
	if len(s) > 253 {
		return false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// publicSuffix reports whether names below s belong to different people. A single label always is one: the list's rule
// for what it does not name is "*".
func publicSuffix(s string) bool {
	return !strings.Contains(s, ".") || slices.Contains(publicSuffixes, s)
}

// publicSuffixes are those of more than one label. Our choice: a few from publicsuffix.org, the registries and hosts that
// people use in tests; the whole list has ten thousand.
var publicSuffixes = strings.Fields(`
	ac.jp ac.nz ac.uk ac.za co.id co.il co.in co.jp co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.cn com.hk com.mx
	com.my com.pl com.sg com.tr com.tw com.ua edu.au gov.au gov.br gov.uk go.jp ltd.uk me.uk ne.jp net.au net.br net.cn
	net.nz net.uk or.jp or.kr org.au org.br org.cn org.nz org.uk org.za plc.uk sch.uk
	amplifyapp.com azurewebsites.net blogspot.com cloudfront.net firebaseapp.com github.io gitlab.io herokuapp.com
	netlify.app pages.dev s3.amazonaws.com vercel.app web.app workers.dev`)
