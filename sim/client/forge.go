package client

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Ceremony is one of the two that there are.
type Ceremony string

// The ceremonies.
const (
	Registration   Ceremony = "register"
	Authentication Ceremony = "assert"
)

// A ForgeryKind is a rule that can be broken.
type ForgeryKind struct {
	Name    string     // before the equals sign
	Example string     // a value
	At      []Ceremony // where it can be broken
	Breaks  string     // what is wrong then
	Clause  string     // of Web Authentication Level 3, which a relying party that accepts it has not kept
	check   func(value string) error
}

// A Forgery is a rule to break, and how. A nil Forgery breaks none.
type Forgery struct {
	Kind  ForgeryKind
	Value string
}

// String is what ParseForgery reads.
func (f *Forgery) String() string { return f.Kind.Name + "=" + f.Value }

var both = []Ceremony{Registration, Authentication}

// Forgeries returns the rules that can be broken, each alone: whatever else is signed with it is signed anew.
func Forgeries() []ForgeryKind {
	at := func(c Ceremony) []Ceremony { return []Ceremony{c} }
	return []ForgeryKind{
		{"type", "webauthn.other", both, "client data are of another ceremony", "7.1 and 7.2: C.type", text},
		{"challenge", "b3RoZXI", both, "the challenge is another one, as in a replay", "7.1 and 7.2: C.challenge", base64url},
		{"origin", "https://signin.example-login.test", both, "the page is another one, as with phishing", "7.1 and 7.2: C.origin; 13.4.9", text},
		{"crossorigin", "true", both, "the page is in a frame of another origin", "7.1 and 7.2: C.crossOrigin", oneOf("true")},
		{"rpid", "other.test", both, "the key has signed for another relying party", "7.1 and 7.2: rpIdHash", text},
		{"up", "0", both, "nobody touched the key", "7.1 and 7.2: the UP bit", oneOf("0")},
		{"uv", "0", both, "the user was not verified", "7.1 and 7.2: the UV bit", oneOf("0")},
		{"bs", "1", both, "a credential is backed up that cannot be: BS without BE", "7.1 and 7.2: the BE and BS bits; 6.1.3", oneOf("1")},
		{"flags", "00", both, "the flags are these, in hexadecimal", "6.1", octet},
		{"counter", "0", at(Authentication), "the signature counter is this one, as in a clone", "7.2: signCount; 6.1.1", counter},
		{"sig", "bad", both, "one bit of the signature is wrong", "7.1: attStmt; 7.2: sig", oneOf("bad")},
		{"alg", "-8", at(Registration), "the credential is of an algorithm that was not asked for", "7.1: alg in pubKeyCredParams", number},
		{"aaguid", "00112233-4455-6677-8899-aabbccddeeff", at(Registration), "the key is another model", "7.1: attStmt, trust anchors; 8.2", uuid},
		{"att", "unknown", at(Registration), "the attestation statement is of this format", "7.1: fmt", text},
		{"attestation", "tpm:extra-data", at(Registration), "the attestation is of this kind, and wrong in this; docs/attestation.md has them all",
			"8: the kind's own", attestation},
		{"credid", "AAAAAAAAAAAAAAAAAAAAAA", both, "the credential has another ID", "7.1: credentialId; 7.2: allowCredentials", base64url},
		{"userhandle", "b3RoZXI", at(Authentication), "the credential is of another user", "7.2: userHandle", base64url},
	}
}

// ParseForgery reads NAME=VALUE.
func ParseForgery(s string) (*Forgery, error) {
	name, value, given := strings.Cut(s, "=")
	var names []string
	for _, k := range Forgeries() {
		if k.Name != name {
			names = append(names, k.Name)
			continue
		}
		if !given {
			return nil, fmt.Errorf("the forgery %q has no value: write %s=%s", name, name, k.Example)
		}
		if err := k.check(value); err != nil {
			return nil, fmt.Errorf("the forgery %s cannot be %.60q: %w, such as %s=%s", name, value, err, name, k.Example)
		}
		return &Forgery{k, value}, nil
	}
	return nil, fmt.Errorf("there is no forgery %.60q: there are %s", s, strings.Join(names, ", "))
}

func text(s string) error {
	if s == "" {
		return errors.New("give a text")
	}
	return nil
}

func oneOf(word string) func(string) error {
	return func(s string) error {
		if s != word {
			return fmt.Errorf("give %s", word)
		}
		return nil
	}
}

func base64url(s string) error {
	if _, err := base64.RawURLEncoding.DecodeString(s); err != nil || s == "" {
		return errors.New("give base64url without padding")
	}
	return nil
}

func octet(s string) error {
	if b, err := hex.DecodeString(s); err != nil || len(b) != 1 {
		return errors.New("give two hexadecimal digits")
	}
	return nil
}

func counter(s string) error {
	_, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return errors.New("give a number below 2^32")
	}
	return nil
}

func number(s string) error {
	if _, err := strconv.ParseInt(s, 10, 64); err != nil {
		return errors.New("give a COSE number")
	}
	return nil
}

func uuid(s string) error {
	if b, err := hex.DecodeString(strings.ReplaceAll(s, "-", "")); err != nil || len(b) != 16 {
		return errors.New("give a UUID")
	}
	return nil
}

func attestation(s string) error {
	_, _, err := attest.ParseMutation(s)
	return err
}

// is reports whether f breaks the rule of that name.
func (f *Forgery) is(name string) bool { return f != nil && f.Kind.Name == name }

// bytes returns a value that is base64url.
func (f *Forgery) bytes() []byte {
	b, err := base64.RawURLEncoding.DecodeString(f.Value)
	if err != nil {
		return nil
	}
	return b
}

// collected changes what the client says of the page.
func (f *Forgery) collected(c *collected) {
	switch {
	case f.is("type"):
		c.kind = f.Value
	case f.is("challenge"):
		c.challenge = f.bytes()
	case f.is("origin"):
		c.origin = f.Value
	case f.is("crossorigin"):
		c.cross = true
	}
}

// params changes which algorithms the key is asked for.
func (f *Forgery) params(list []ctap.CredentialParameter) []ctap.CredentialParameter {
	if !f.is("alg") {
		return list
	}
	alg, _ := strconv.ParseInt(f.Value, 10, 64) // checked when it was parsed
	return []ctap.CredentialParameter{{Type: publicKey, Alg: alg}}
}

// From the specification, Section 6.1: offsets into authenticator data.
const (
	flagsAt   = 32
	counterAt = 33
	aaguidAt  = 37
	flagBS    = 0x10
)

// authData changes authenticator data in place, where f is about them.
func (f *Forgery) authData(b []byte) (changed bool) {
	switch {
	case f.is("rpid"):
		hash := hashOf(f.Value)
		copy(b, hash[:])
	case f.is("up"):
		b[flagsAt] &^= ctap.FlagUP
	case f.is("uv"):
		b[flagsAt] &^= ctap.FlagUV
	case f.is("bs"):
		b[flagsAt] |= flagBS
	case f.is("flags"):
		hex.Decode(b[flagsAt:flagsAt+1], []byte(f.Value))
	case f.is("counter"):
		n, _ := strconv.ParseUint(f.Value, 10, 32) // checked when it was parsed
		binary.BigEndian.PutUint32(b[counterAt:], uint32(n))
	case f.is("aaguid") && len(b) >= aaguidAt+16:
		hex.Decode(b[aaguidAt:aaguidAt+16], []byte(strings.ReplaceAll(f.Value, "-", "")))
	default:
		return false
	}
	return true
}
