package client

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
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

// newClientData serialises client data byte for byte as Section 5.8.1.1 says, so that verifiers of the limited kind
// (Section 5.8.1.2) can read it as well. Nothing here has frames: crossOrigin is false.
func newClientData(kind string, challenge []byte, p page) clientData {
	b := appendString([]byte(`{"type":`), kind)
	b = appendString(append(b, `,"challenge":`...), base64.RawURLEncoding.EncodeToString(challenge))
	b = appendString(append(b, `,"origin":`...), p.origin)
	b = append(b, `,"crossOrigin":false}`...)
	return clientData{b, sha256.Sum256(b)}
}

// appendString implements CCDToString: it escapes what JSON has to, and nothing else. See Section 5.8.1.1.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
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
