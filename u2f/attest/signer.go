package attest

import (
	"encoding/asn1"
	"fmt"
	"log/slog"
	"math/big"

	"github.com/mfalab/mfalab/u2f/cose"
)

// A Signer signs what the lab says of its keys: metadata. Its text forms say nothing of its secret.
type Signer struct {
	key         *cose.PrivateKey
	certificate []byte
}

// NewSigner returns the signer of metadata, whose certificate is the root's. See FIDO Metadata Service 3.1.1,
// "Metadata BLOB".
func (r *Root) NewSigner() (*Signer, error) {
	key, err := cose.NewPrivateKey(cose.ES256, derive(r.seed, "metadata key", Model{}))
	if err != nil {
		return nil, err
	}
	template := r.template("metadata", Model{})
	if template.RawSubject, err = subject("Metadata", "mfalab Metadata BLOB Signing"); err != nil {
		return nil, err
	}
	certificate, err := create(template, r.certificate, key, r.key)
	if err != nil {
		return nil, err
	}
	return &Signer{key, certificate.Raw}, nil
}

// Certificate returns the certificate, DER, whose issuer is the root. It must not be changed.
func (s *Signer) Certificate() []byte { return s.certificate }

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
