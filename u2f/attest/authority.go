package attest

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"

	"github.com/mfalab/mfalab/u2f/cose"
)

// An authority issues certificates under the root, as the makers' own authorities do where a format has one for each TPM
// or telephone. Its certificate follows theirs in x5c.
type authority struct {
	key         *cose.PrivateKey
	certificate *x509.Certificate
	published   string // what its list of revoked certificates and its certificate are called, with the URL, but for the ending; "" for nowhere
}

// Authorities are the purposes of the authorities under the root, besides metadata. In small letters, with ".crl" and ".crt", they
// are what an authority's list of revoked certificates and its certificate are called below the URL that they were published at.
func Authorities() []string { return []string{"TPM", "Android", "SafetyNet", "Anonymous"} }

// Authority returns the certificate of the authority for a purpose, DER.
func (r *Root) Authority(purpose string) ([]byte, error) {
	a, err := r.authority(purpose)
	if err != nil {
		return nil, err
	}
	return a.certificate.Raw, nil
}

// AuthorityRevocationList returns the list of certificates that the authority for a purpose revoked.
func (r *Root) AuthorityRevocationList(purpose string, l RevocationList) ([]byte, error) {
	a, err := r.authority(purpose)
	if err != nil {
		return nil, err
	}
	return l.sign(a)
}

// authority returns the one for a purpose, which is part of its name.
func (r *Root) authority(purpose string) (*authority, error) {
	key, err := cose.NewPrivateKey(cose.ES256, derive(r.seed, purpose+" authority key", Model{}))
	if err != nil {
		return nil, err
	}
	template := r.template(purpose+" authority", Model{})
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if template.RawSubject, err = subject("Authority", organization+" "+purpose+" Attestation Authority"); err != nil {
		return nil, err
	}
	certificate, err := create(template, r.certificate, key, r.key)
	a := &authority{key: key, certificate: certificate}
	if r.published != "" {
		a.published = r.published + "/" + strings.ToLower(purpose)
	}
	return a, err
}

// itself returns the root as an authority.
func (r *Root) itself() *authority { return &authority{key: r.key, certificate: r.certificate} }

// issue signs a certificate for public.
func (a *authority) issue(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	if a.published != "" {
		template.CRLDistributionPoints, template.IssuingCertificateURL = []string{a.published + ".crl"}, []string{a.published + ".crt"}
	}
	return x509.CreateCertificate(nil, template, a.certificate, public, signer{a.key})
}

// extensionOf returns the one whose value is v in DER.
func extensionOf(id asn1.ObjectIdentifier, critical bool, v any) (pkix.Extension, error) {
	value, err := asn1.Marshal(v)
	return pkix.Extension{Id: id, Critical: critical, Value: value}, err
}
