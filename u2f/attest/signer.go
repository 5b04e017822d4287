package attest

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
)

// A SignerFlaw is what is wrong with a signer of metadata, on purpose.
type SignerFlaw int

// The flaws that there are.
const (
	NoFlaw  SignerFlaw = iota
	Expired            // the signer's certificate has run out
	NotCA              // the issuer's certificate is not that of an authority: RFC 5280, Section 6.1.4 (k)
)

// expiredAfter is how long the certificate of an Expired signer was good. Our choice.
var expiredAfter = time.Date(2020, 12, 31, 23, 59, 59, 0, time.UTC)

// A Signer signs what the lab says of its keys: metadata. Its text forms say nothing of its secret.
type Signer struct {
	key         *cose.PrivateKey
	certificate *x509.Certificate
	issuer      *authority
}

// NewSigner returns the signer of metadata. Its certificate is issued by an authority for that alone, whose certificate is the
// root's, as the chain of FIDO's own metadata has it. See FIDO Metadata Service 3.1.1, "Metadata BLOB".
func (r *Root) NewSigner(flaw SignerFlaw) (*Signer, error) {
	s := &Signer{}
	purpose := "metadata"
	switch flaw {
	case Expired:
		purpose = "expired metadata"
	case NotCA:
		purpose = "powerless metadata"
	}
	var err error
	if s.issuer, err = r.metadataIssuer(purpose, flaw != NotCA); err != nil {
		return nil, err
	}
	if s.key, err = cose.NewPrivateKey(cose.ES256, derive(r.seed, "metadata key", Model{})); err != nil {
		return nil, err
	}
	template := r.template(purpose, Model{})
	if template.RawSubject, err = subject("Metadata", "mfalab Metadata BLOB Signing"); err != nil {
		return nil, err
	}
	if r.published != "" {
		template.CRLDistributionPoints = []string{r.published + "/" + MetadataCRL}
		template.IssuingCertificateURL = []string{r.published + "/" + MetadataIssuer}
	}
	if flaw == Expired {
		template.NotAfter = expiredAfter
	}
	s.certificate, err = create(template, s.issuer.certificate, s.key, s.issuer.key)
	return s, err
}

// metadataIssuer returns the authority that issues the certificate of who signs metadata, or what looks like it.
func (r *Root) metadataIssuer(purpose string, authorised bool) (*authority, error) {
	key, err := cose.NewPrivateKey(cose.ES256, derive(r.seed, "metadata issuer key", Model{}))
	if err != nil {
		return nil, err
	}
	template := r.template(purpose+" issuer", Model{})
	if template.RawSubject, err = subject("Metadata", "mfalab Metadata Authority"); err != nil {
		return nil, err
	}
	if template.IsCA, template.MaxPathLenZero = authorised, authorised; authorised {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	certificate, err := create(template, r.certificate, key, r.key)
	return &authority{key: key, certificate: certificate}, err
}

// Certificate returns the certificate, DER. It must not be changed.
func (s *Signer) Certificate() []byte { return s.certificate.Raw }

// Chain returns the signer's certificate and its issuer's, DER, whose issuer is the root. They must not be changed.
func (s *Signer) Chain() [][]byte { return [][]byte{s.certificate.Raw, s.issuer.certificate.Raw} }

// SignJWS returns the ES256 signature of message as JSON Web Signatures have it, R and S of 32 bytes each: RFC 7518, Section
// 3.4. It is the same each time.
func (s *Signer) SignJWS(message []byte) ([]byte, error) {
	der, err := s.key.Sign(message)
	if err != nil {
		return nil, err
	}
	var point struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &point); err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	point.R.FillBytes(signature[:32])
	point.S.FillBytes(signature[32:])
	return signature, nil
}

// Format writes what s is, for every verb.
func (s *Signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "attest.Signer") }

// LogValue is like Format, for log/slog.
func (s *Signer) LogValue() slog.Value { return slog.StringValue("attest.Signer") }
