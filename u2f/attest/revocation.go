package attest

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// What lies below the URL that certificates were published at: the lists of revoked certificates that the root issued, and that
// the issuer of metadata's signer did, and the certificates of these two. All are DER.
const (
	RootCRL         = "root.crl"
	MetadataCRL     = "metadata.crl"
	RootCertificate = "root.crt"
	MetadataIssuer  = "metadata-issuer.crt"
)

// A Reason is why a certificate was revoked, as RFC 5280, Section 5.3.1 calls it.
type Reason string

// reasons are all that a list of its own can have, by number. removeFromCRL belongs to delta lists.
var reasons = []struct {
	name   Reason
	number int
}{{"unspecified", 0}, {"keyCompromise", 1}, {"cACompromise", 2}, {"affiliationChanged", 3}, {"superseded", 4},
	{"cessationOfOperation", 5}, {"certificateHold", 6}, {"privilegeWithdrawn", 9}, {"aACompromise", 10}}

// ParseReason reads a reason as people write it: in small letters if they like, with hyphens between words. Nothing is "unspecified".
func ParseReason(s string) (Reason, error) {
	if s == "" {
		return reasons[0].name, nil
	}
	word := strings.ReplaceAll(s, "-", "")
	var words []string
	for _, r := range reasons {
		if strings.EqualFold(word, string(r.name)) {
			return r.name, nil
		}
		words = append(words, string(r.name))
	}
	return "", fmt.Errorf("there is no reason %.40q: there are %s", s, strings.Join(words, ", "))
}

func (r Reason) number() int {
	for _, known := range reasons {
		if known.name == r {
			return known.number
		}
	}
	return 0
}

// A Revocation says that a certificate is good no more.
type Revocation struct {
	Serial *big.Int
	At     time.Time // whole seconds
	Reason Reason
}

// A RevocationList is what an authority says of the certificates that it issued.
type RevocationList struct {
	Number     uint64 // higher than that of the list before
	ThisUpdate time.Time
	NextUpdate time.Time // later than ThisUpdate
	Revoked    []Revocation
}

// RevocationList returns the list of certificates that the root revoked, DER: RFC 5280, Section 5. It is the same each time.
func (r *Root) RevocationList(l RevocationList) ([]byte, error) { return l.sign(r.itself()) }

// RevocationList returns the list of certificates that the issuer of s revoked, s among them or not.
func (s *Signer) RevocationList(l RevocationList) ([]byte, error) {
	return l.sign(s.issuer)
}

func (l RevocationList) sign(by *authority) ([]byte, error) {
	template := &x509.RevocationList{Number: new(big.Int).SetUint64(l.Number), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	for _, r := range l.Revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: r.At, ReasonCode: r.Reason.number()})
	}
	der, err := x509.CreateRevocationList(nil, template, by.certificate, signer{by.key})
	if err != nil {
		return nil, fmt.Errorf("attest: a list of revoked certificates: %w", err)
	}
	return der, nil
}
