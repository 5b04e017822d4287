package client

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
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

// pageAt is parsePage, which does not read the same origin twice in a row.
func (c *Client) pageAt(origin string) (page, error) {
	if origin == "" || origin != c.last.origin {
		p, err := parsePage(origin)
		if err != nil {
			return p, err
		}
		c.last.origin, c.last.page = origin, p
	}
	return c.last.page, nil
}

// relyingParty returns the RP ID that the page may use: the one that it asks for, or its own host where it asks for none.
// One that is no suffix of the host may name the page as one of its related origins. See Section 5.1.3.
func (c *Client) relyingParty(p page, asked string) (string, error) {
	if asked == "" || asked == p.host || registrableSuffix(p.host, asked) {
		return cmp.Or(asked, p.host), nil
	}
	if c.Related != nil && domain(asked) && !publicSuffix(asked) {
		document, err := c.Related(asked)
		if err != nil {
			return "", &Error{Name: SecurityError, Message: "the relying party names no related origins", Err: err}
		}
		return asked, p.related(asked, document)
	}
	return "", refuse(SecurityError, "the relying party ID %q is no registrable domain suffix of %q", asked, p.host)
}

// maxLabels is how many different names, but for their public suffixes, are looked at among related origins. Section
// 5.11.1 asks for five at least, and browsers take no more.
const maxLabels = 5

// related looks for the page among the origins that a relying party's document names. See Section 5.11.1.
func (p page) related(rpID string, document []byte) error {
	var d struct {
		Origins []string `json:"origins"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return &Error{Name: SecurityError, Message: "the related origins of the relying party cannot be read", Err: err}
	}
	labels := map[string]bool{}
	for _, o := range d.Origins {
		other, err := parsePage(o)
		if err != nil {
			continue
		}
		site, err := publicsuffix.EffectiveTLDPlusOne(other.host)
		if err != nil {
			continue
		}
		label, _, _ := strings.Cut(site, ".")
		if len(labels) >= maxLabels && !labels[label] {
			continue
		}
		if other.origin == p.origin {
			return nil
		}
		labels[label] = true
	}
	return refuse(SecurityError, "%q is not among the related origins of %q", p.origin, rpID)
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

// publicSuffix reports whether names below s belong to different people, by publicsuffix.org. A single label always is
// one: the list's rule for what it does not name is "*".
func publicSuffix(s string) bool {
	suffix, _ := publicsuffix.PublicSuffix(s)
	return suffix == s
}

// appID returns the U2F AppID that a page may use: its own origin where it asks for "", else an https URL of its own
// site. See Section 10.1.1 and FIDO AppID and Facet Specification, Section 3.1.2.
func (p page) appID(asked string) (string, error) {
	if asked == "" || asked == p.origin {
		return p.origin, nil
	}
	u, err := url.Parse(asked)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", refuse(SecurityError, "the AppID %q is no https URL", asked)
	}
	site := func(host string) string {
		s, err := publicsuffix.EffectiveTLDPlusOne(host)
		if err != nil {
			return host
		}
		return s
	}
	if host := strings.ToLower(u.Hostname()); !domain(host) || site(host) != site(p.host) {
		return "", refuse(SecurityError, "the AppID %q is of another site than %q", asked, p.host)
	}
	return asked, nil
}
