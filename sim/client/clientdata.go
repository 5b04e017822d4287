package client

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Types of client data. See Section 5.8.1.
const (
	typeCreate = "webauthn.create"
	typeGet    = "webauthn.get"
)

// clientData is what the key signs of the page's side, serialised, and its hash.
type clientData struct {
	json []byte
	hash [sha256.Size]byte
}

// collected is what a client says of the page. See Section 5.8.1.
type collected struct {
	kind      string // typeCreate or typeGet
	challenge []byte
	origin    string
	cross     bool   // the page is in a frame of another origin
	top       string // that of the window then; "" is not said
}

// serialise writes client data byte for byte as Section 5.8.1.1 says, so that verifiers of the limited kind (Section
// 5.8.1.2) can read it as well: the members in this order, topOrigin behind them.
func (c collected) serialise() clientData {
	b := make([]byte, 0, 128+2*len(c.challenge)+len(c.origin)+len(c.top))
	b = appendString(append(b, `{"type":`...), c.kind)
	b = append(base64.RawURLEncoding.AppendEncode(append(b, `,"challenge":"`...), c.challenge), '"')
	b = appendString(append(b, `,"origin":`...), c.origin)
	b = strconv.AppendBool(append(b, `,"crossOrigin":`...), c.cross)
	if c.top != "" {
		b = appendString(append(b, `,"topOrigin":`...), c.top)
	}
	b = append(b, '}')
	return clientData{b, sha256.Sum256(b)}
}

// collect is what the client says of a page that asks with this challenge, and what a Forgery makes of it.
func (c *Client) collect(kind string, challenge []byte, p page) (clientData, error) {
	said := collected{kind: kind, challenge: challenge, origin: p.origin}
	if c.Top != "" {
		top, err := parsePage(c.Top)
		if err != nil {
			return clientData{}, err
		}
		if said.cross = top.origin != p.origin; said.cross {
			said.top = top.origin
		}
	}
	c.Forge.collected(&said)
	return said.serialise(), nil
}

// appendString implements CCDToString: it escapes what JSON has to, and nothing else. See Section 5.8.1.1.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	if !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' || r == utf8.RuneError }) {
		return append(append(b, s...), '"')
	}
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
