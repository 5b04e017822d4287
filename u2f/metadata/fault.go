package metadata

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/u2f/attest"
)

// A Fault is what is wrong with a BLOB on purpose, "" for nothing.
type Fault string

// A FaultKind is one of the faults that there are.
type FaultKind struct {
	Name Fault `json:"name"`
	// Rule is the one that a verifier breaks who believes the BLOB all the same.
	Rule string `json:"rule"`
	What string `json:"what"`
}

// rules of Service that are broken more than once.
const (
	rules     = "Service, processing rules" // "Metadata BLOB object processing rules"
	chainRule = rules + ": the chain leads to the root"
	signRule  = rules + ": the signature"
)

var faults = []FaultKind{
	{"signature", signRule, "one bit of the signature is wrong"},
	{"payload", signRule, "the statuses were taken out after it was signed"},
	{"unsigned", signRule, `no signature, and "alg" is "none"`},
	{"confusion", "RFC 8725, Section 3.1: the algorithm", `"alg" is "HS256", and the key is the signer's public key`},
	{"other-certificate", signRule, "the signer's certificate is another's, of the same chain"},
	{"no-certificates", chainRule, "no x5c: the root itself should have signed"},
	{"elsewhere", rules + ": x5u", "no x5c, but x5u, which names another origin"},
	{"other-root", chainRule, "all of it is right, under a root of the same name that nobody trusts"},
	{"expired", chainRule, "the signer's certificate ended with 2020"},
	{"not-ca", chainRule, "the certificate that issued the signer's is not that of an authority"},
	{"number", rules + ": the number rises", "the number is lower than that of the BLOB before"},
	{"statement", `Service, MetadataBLOBPayloadEntry: aaguid`, "each entry has the statement of the model after it"},
	{"truncated", "RFC 7515, Section 7.1", "half of the file"},
}

// Faults returns all that there are.
func Faults() []FaultKind { return slices.Clone(faults) }

// ParseFault reads the name of a fault; "none" and nothing are none.
func ParseFault(s string) (Fault, error) {
	if s == "" || s == "none" {
		return "", nil
	}
	var words []string
	for _, known := range faults {
		if s == string(known.Name) {
			return known.Name, nil
		}
		words = append(words, string(known.Name))
	}
	return "", fmt.Errorf("no BLOB is wrong in the way %.40q: there are none, %s", s, strings.Join(words, ", "))
}

// Our choice: what the root grows from that nobody trusts, whatever the lab's own grows from.
const otherRoot = "the root of metadata that nobody trusts"

// forge returns b with a fault, or without any.
func (b BLOB) forge(root *attest.Root, fault Fault) ([]byte, error) {
	flaw := map[Fault]attest.SignerFlaw{"expired": attest.Expired, "not-ca": attest.NotCA}[fault]
	if fault == "other-root" {
		var err error
		if root, err = attest.NewRoot([]byte(otherRoot)); err != nil {
			return nil, err
		}
	}
	by, err := root.NewSigner(flaw)
	if err != nil {
		return nil, err
	}
	header := map[string]any{"alg": "ES256", "typ": "JWT", "x5c": by.Chain()}
	switch fault {
	case "unsigned":
		header["alg"] = "none"
		delete(header, "x5c")
	case "confusion":
		header["alg"] = "HS256"
	case "no-certificates":
		delete(header, "x5c")
	case "elsewhere":
		delete(header, "x5c")
		header["x5u"] = "https://metadata.example.test/chain.pem"
	case "other-certificate":
		other, err := root.NewBatch(attest.Model{Name: "somebody else"})
		if err != nil {
			return nil, err
		}
		header["x5c"] = [][]byte{other.Certificate(), by.Chain()[1]}
	}
	text, err := b.misnumbered(fault).payload()
	if err != nil {
		return nil, err
	}
	return signed(header, text, by, fault)
}

// misnumbered returns b with what is wrong in what is signed.
func (b BLOB) misnumbered(fault Fault) BLOB {
	switch {
	case fault == "number" && b.Number > 0:
		b.Number--
	case fault == "statement":
		entries := slices.Clone(b.Entries)
		for i := range entries {
			entries[i].Statement = b.Entries[(i+1)%len(entries)].Statement
		}
		b.Entries = entries
	}
	return b
}

// signed returns a JWS, and spoils it as fault says.
func signed(header map[string]any, text []byte, by *attest.Signer, fault Fault) ([]byte, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	message := encode(append(encode(nil, head), '.'), text)
	var signature []byte
	switch fault {
	case "unsigned":
	case "confusion":
		certificate, err := x509.ParseCertificate(by.Certificate())
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, certificate.RawSubjectPublicKeyInfo)
		mac.Write(message)
		signature = mac.Sum(nil)
	default:
		if signature, err = by.SignJWS(message); err != nil {
			return nil, err
		}
	}
	switch fault {
	case "signature":
		signature[len(signature)-1] ^= 1
	case "payload":
		message = encode(append(encode(nil, head), '.'), withoutReports(text))
	}
	whole := append(append(message, '.'), base64.RawURLEncoding.EncodeToString(signature)...)
	if fault == "truncated" {
		whole = whole[:len(whole)/2]
	}
	return whole, nil
}

// withoutReports is text in which no model is worse than certified.
func withoutReports(text []byte) []byte {
	for _, s := range statuses {
		if s != NotCertified {
			text = bytes.ReplaceAll(text, fmt.Appendf(nil, `"status":%q`, s), []byte(`"status":"FIDO_CERTIFIED"`))
		}
	}
	return bytes.Replace(text, []byte(NotCertified), []byte("FIDO_CERTIFIED"), 1)
}
