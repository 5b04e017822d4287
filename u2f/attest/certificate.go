package attest

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mfalab/mfalab/u2f/cose"
)

// From the specification.
var (
	oidAAGUID     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4} // id-fido-gen-ce-aaguid. Section 8.2.1
	oidSerial     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2} // id-fido-gen-ce-sernum. Web Authentication Level 3, Section 8.2.2
	oidTransports = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 2, 1, 1} // id-fido-u2f-ce-transports. U2F Authenticator Transports Extension 1.2, Section 3

	oidCountry          = asn1.ObjectIdentifier{2, 5, 4, 6} // RFC 5280 Appendix A.1, with those below
	oidOrganization     = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOrganizationUnit = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidCommonName       = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// From the specification.
const (
	unitAttestation = "Authenticator Attestation" // Section 8.2.1: this literal
	transportUSB    = 0x20                        // bit 2, counted from the left. U2F Authenticator Transports Extension 1.2, Section 3.1
)

// Our choice.
const (
	country      = "AQ"     // Antarctica: relying parties look for it in ISO 3166, and nobody is incorporated there
	organization = "mfalab" // that the certificate is a toy's is to be seen by whoever reads it
	rootName     = "mfalab Attestation Root"
	maxSerial    = 32 // bytes
	maxModelName = 40 // bytes: with what is added to it a common name has at most 64, RFC 5280 Appendix A.1
	minSeed      = cose.MinSeed
	secretSize   = sha256.Size
)

// Certificates hold for all times that a test may live in.
var (
	notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC)
)

// A Model is what all keys of one batch are.
type Model struct {
	Name   string   // 1 to 40 bytes of printable text
	AAGUID [16]byte // what authenticator data says
}

func (m Model) check() error {
	if m.Name == "" || len(m.Name) > maxModelName || !utf8.ValidString(m.Name) {
		return fmt.Errorf("attest: model name %q: give it 1 to %d bytes of UTF-8", m.Name, maxModelName)
	}
	for _, r := range m.Name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("attest: model name %q has the character %U, which cannot be seen: leave it out", m.Name, r)
		}
	}
	return nil
}

// A Root is the lab's certification authority: what a relying party trusts. Its text forms say nothing of its secret.
type Root struct {
	seed        []byte
	key         *cose.PrivateKey
	certificate *x509.Certificate
	published   string // the URL below which lists of revoked certificates lie, "" for nowhere
}

// NewRoot returns the authority of seed, which has at least 32 bytes and stays secret. The same seed gives the same
// authority, and the same batches.
func NewRoot(seed []byte) (*Root, error) {
	if len(seed) < minSeed {
		return nil, fmt.Errorf("attest: a seed of %d bytes is too short: give %d or more", len(seed), minSeed)
	}
	r := &Root{seed: append([]byte{}, seed...)}
	var err error
	if r.key, err = cose.NewPrivateKey(cose.ES256, derive(seed, "root key", Model{})); err != nil {
		return nil, err
	}
	template := r.template("root", Model{})
	template.IsCA, template.MaxPathLen = true, 1
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if template.RawSubject, err = subject("Root", rootName); err != nil {
		return nil, err
	}
	r.certificate, err = create(template, template, r.key, r.key)
	return r, err
}

// Certificate returns the certificate, DER. It must not be changed.
func (r *Root) Certificate() []byte { return r.certificate.Raw }

// PublishedAt returns the same authority, whose certificates from now on name, below url, the list that they would stand in if
// they were revoked, and the certificate of who issued them. They have other serial numbers than those that name none. See RFC 5280, Sections 4.2.1.13
// and 4.2.2.1.
func (r *Root) PublishedAt(url string) *Root {
	other := *r
	other.published = url
	return &other
}

// Format writes what r is, for every verb.
func (r *Root) Format(f fmt.State, _ rune) { fmt.Fprint(f, "attest.Root") }

// LogValue is like Format, for log/slog.
func (r *Root) LogValue() slog.Value { return slog.StringValue("attest.Root") }

// derive returns 32 secret bytes for one purpose and model: HKDF-Expand (RFC 5869 Section 2.3) of one block.
func derive(seed []byte, purpose string, m Model) []byte {
	mac := hmac.New(sha256.New, seed)
	fmt.Fprintf(mac, "mfalab attest %s\x00%s%s\x01", purpose, m.AAGUID[:], m.Name)
	return mac.Sum(nil)
}

// template returns what all certificates have, with a serial number (RFC 5280 Section 4.1.2.2) from the seed.
func (r *Root) template(purpose string, m Model) *x509.Certificate {
	if r.published != "" {
		purpose += " published at " + r.published
	}
	serial := new(big.Int).SetBytes(derive(r.seed, purpose+" serial", m)[:16])
	template := &x509.Certificate{
		SerialNumber:          serial.SetBit(serial, 126, 1).SetBit(serial, 127, 0),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	if r.published != "" {
		template.CRLDistributionPoints = []string{r.published + "/" + RootCRL}
		template.IssuingCertificateURL = []string{r.published + "/" + RootCertificate}
	}
	return template
}

// subject returns a name whose strings have the types that Section 8.2.1 demands, which pkix.Name would not give them.
func subject(unit, name string) ([]byte, error) {
	text := func(tag int, s string) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte(s)} }
	return asn1.Marshal(pkix.RDNSequence{
		{{Type: oidCountry, Value: text(asn1.TagPrintableString, country)}},
		{{Type: oidOrganization, Value: text(asn1.TagUTF8String, organization)}},
		{{Type: oidOrganizationUnit, Value: text(asn1.TagUTF8String, unit)}},
		{{Type: oidCommonName, Value: text(asn1.TagUTF8String, name)}},
	})
}

// create signs a certificate for key.
func create(template, parent *x509.Certificate, key, by *cose.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(nil, template, parent, key.Public(), signer{by})
	if err != nil {
		return nil, fmt.Errorf("attest: %w", err)
	}
	return x509.ParseCertificate(der)
}

// A signer lets x509 sign with a key whose signatures depend on nothing but the message.
type signer struct{ key *cose.PrivateKey }

func (s signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign is never asked for: x509 prefers SignMessage.
func (s signer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("attest: internal error: a digest is not signed")
}

func (s signer) SignMessage(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(message)
}
