package iam

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
)

// revoked are the lists of revoked certificates that are known, each checked to be its issuer's. See RFC 5280, Section 6.3.
type revoked []*x509.RevocationList

// errRevoked is what is wrong with metadata whose signer is not to be believed any more.
var errRevoked = errors.New("a certificate of the metadata's signer has been revoked")

// readRevoked reads the lists, which the root signed or the issuer of the BLOB's signer, and looks for the certificates of the BLOB's
// signer in them.
func readRevoked(root *x509.Certificate, p Published) (r revoked, err error) {
	chain, err := chainOf(p.BLOB)
	if err != nil {
		return nil, err
	}
	for _, der := range p.Revoked {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("a list of revoked certificates: %w", err)
		}
		for _, issuer := range append(chain, root) {
			if bytes.Equal(issuer.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(issuer) == nil {
				r = append(r, list)
				break
			}
		}
	}
	for _, c := range chain {
		if r.has(c) {
			return nil, errRevoked
		}
	}
	return r, nil
}

// chainOf returns the certificates that a BLOB comes with. That they lead to the root has been checked.
func chainOf(blob []byte) (chain []*x509.Certificate, err error) {
	head, _, _ := strings.Cut(string(blob), ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, err
	}
	var header struct {
		Chain [][]byte `json:"x5c"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, err
	}
	for _, der := range header.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// has reports whether c stands in its issuer's list.
func (r revoked) has(c *x509.Certificate) bool {
	for _, list := range r {
		if !bytes.Equal(list.RawIssuer, c.RawIssuer) {
			continue
		}
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
				return true
			}
		}
	}
	return false
}

// attests reports whether one of the certificates that a new credential's attestation comes with has been revoked.
func (r revoked) attests(created *protocol.ParsedCredentialCreationData) bool {
	chain, _ := created.Response.AttestationObject.AttStatement["x5c"].([]any)
	for _, v := range chain {
		der, _ := v.([]byte)
		if c, err := x509.ParseCertificate(der); err == nil && r.has(c) {
			return true
		}
	}
	return false
}
