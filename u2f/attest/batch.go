package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mfalab/mfalab/u2f/cose"
)

// The first byte of a batch in flash says who has its secret: the record itself, or a secure element. Our choice.
const (
	recordVersion = 1
	keptVersion   = 2
)

// A Batch is the attestation key that keys of one model share, so that it tells the model and not the key (Section
// 14.4.1), and its certificate. Its text forms say nothing of its secret.
type Batch struct {
	secret      []byte // nil where somebody else has it
	key         *cose.PrivateKey
	certificate []byte
}

// NewBatch returns the batch of m for packed attestation. The certificate is as Section 8.2.1 demands, with the
// extension for the AAGUID, since the root is that of many models, and with the U2F extension that says USB.
func (r *Root) NewBatch(m Model) (*Batch, error) {
	aaguid, err := asn1.Marshal(m.AAGUID[:])
	if err != nil {
		return nil, err
	}
	return r.newBatch("batch", m, " Batch", true, pkix.Extension{Id: oidAAGUID, Value: aaguid})
}

// NewPlainBatch is NewBatch with the same key, and a certificate that does not say how the authenticator is connected.
func (r *Root) NewPlainBatch(m Model) (*Batch, error) {
	aaguid, err := asn1.Marshal(m.AAGUID[:])
	if err != nil {
		return nil, err
	}
	return r.newBatch("batch", m, " Batch", false, pkix.Extension{Id: oidAAGUID, Value: aaguid})
}

// NewU2FBatch returns the batch of m for U2F registration messages and fido-u2f attestation, where a key has no AAGUID:
// another key and another certificate than NewBatch. See U2F Raw Message Formats, Section 4.3.
func (r *Root) NewU2FBatch(m Model) (*Batch, error) {
	m.AAGUID = [16]byte{}
	return r.newBatch("u2f batch", m, " U2F Batch", true)
}

// NewEnterprise returns what one key of m attests with where an enterprise asks for it: the certificate is as that of
// NewBatch, and tells the key's serial number, 1 to 32 bytes, besides. See Web Authentication Level 3, Section 8.2.2.
func (r *Root) NewEnterprise(m Model, serial []byte) (*Batch, error) {
	if len(serial) == 0 || len(serial) > maxSerial {
		return nil, fmt.Errorf("attest: a serial number of %d bytes: give 1 to %d", len(serial), maxSerial)
	}
	aaguid, err := asn1.Marshal(m.AAGUID[:])
	if err != nil {
		return nil, err
	}
	number, err := asn1.Marshal(serial)
	if err != nil {
		return nil, err
	}
	return r.newBatch(fmt.Sprintf("enterprise %x", serial), m, " Enterprise", true, pkix.Extension{Id: oidAAGUID, Value: aaguid},
		pkix.Extension{Id: oidSerial, Value: number})
}

func (r *Root) newBatch(purpose string, m Model, suffix string, connected bool, extensions ...pkix.Extension) (*Batch, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	b := &Batch{secret: derive(r.seed, purpose+" key", m)}
	var err error
	if b.key, err = cose.NewPrivateKey(cose.ES256, b.secret); err != nil {
		return nil, err
	}
	template, err := r.batchTemplate(purpose, m, suffix, connected, extensions...)
	if err != nil {
		return nil, err
	}
	certificate, err := create(template, r.certificate, b.key, r.key)
	if err != nil {
		return nil, err
	}
	b.certificate = certificate.Raw
	return b, nil
}

// batchTemplate is what the certificate of a batch says.
func (r *Root) batchTemplate(purpose string, m Model, suffix string, connected bool, extensions ...pkix.Extension) (*x509.Certificate, error) {
	if !connected {
		purpose = "plain " + purpose // two certificates have two serial numbers
	}
	template := r.template(purpose, m)
	var err error
	if template.RawSubject, err = subject(unitAttestation, m.Name+suffix); err != nil {
		return nil, err
	}
	if template.ExtraExtensions = extensions; connected {
		transports, err := extensionOf(oidTransports, false, asn1.BitString{Bytes: []byte{transportUSB}, BitLength: 3})
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(extensions, transports)
	}
	return template, nil
}

// Certificate returns the certificate, DER, whose issuer is the root. It must not be changed.
func (b *Batch) Certificate() []byte { return b.certificate }

// Sign returns the ES256 signature of message in DER, the same each time. A U2F registration is signed with it.
func (b *Batch) Sign(message []byte) ([]byte, error) { return b.key.Sign(message) }

// Key returns the private key, which signs.
func (b *Batch) Key() *cose.PrivateKey { return b.key }

// InClear reports whether the secret is there for whoever reads the record, and not in a secure element.
func (b *Batch) InClear() bool { return b.secret != nil }

// KeptAs returns the batch without its secret: key is the same private key, which somebody else has.
func (b *Batch) KeptAs(key *cose.PrivateKey) (*Batch, error) {
	if public, ok := key.Public().(*ecdsa.PublicKey); !ok || !public.Equal(b.key.Public()) {
		return nil, errOtherKey
	}
	return &Batch{key: key, certificate: b.certificate}, nil
}

// errOtherKey says that a certificate and a secret do not go together.
var errOtherKey = errors.New("attest: the batch certificate is another key's: make the key's factory record anew")

// Append appends b as a key keeps it in its flash, the secret in clear. ParseBatch reads it.
//
//	version 1 | secret 32 | certificate
func (b *Batch) Append(dst []byte) []byte {
	dst = append(append(dst, recordVersion), b.secret...)
	return append(dst, b.certificate...)
}

// AppendKept appends b as a key keeps it in its flash whose secure element has the secret, and kept is what it wants to be shown
// to find that again. ParseBatch reads it.
//
//	version 2 | length of kept 2, big-endian | kept | certificate
func (b *Batch) AppendKept(dst, kept []byte) []byte {
	dst = binary.BigEndian.AppendUint16(append(dst, keptVersion), uint16(len(kept)))
	return append(append(dst, kept...), b.certificate...)
}

// ParseBatch reads the whole of record, as Append or AppendKept wrote it; open returns the private key of what a secure element
// has kept. It fails where the certificate is not that of the secret.
func ParseBatch(record []byte, open func(kept []byte) (*cose.PrivateKey, error)) (*Batch, error) {
	record = bytes.Clone(record)
	b, err := parseSecret(record, open)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(b.certificate)
	if err != nil {
		return nil, fmt.Errorf("attest: batch certificate: %w", err)
	}
	if public, ok := certificate.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(b.key.Public()) {
		return nil, errOtherKey
	}
	return b, nil
}

// parseSecret reads what comes before the certificate.
func parseSecret(record []byte, open func([]byte) (*cose.PrivateKey, error)) (b *Batch, err error) {
	switch {
	case len(record) > 1+secretSize && record[0] == recordVersion:
		b = &Batch{secret: record[1 : 1+secretSize : 1+secretSize], certificate: record[1+secretSize:]}
		b.key, err = cose.NewPrivateKey(cose.ES256, b.secret)
		return b, err
	case len(record) > keptAt && record[0] == keptVersion:
		end := keptAt + int(binary.BigEndian.Uint16(record[1:]))
		if end >= len(record) {
			break
		}
		b = &Batch{certificate: record[end:]}
		b.key, err = open(record[keptAt:end:end])
		return b, err
	}
	return nil, fmt.Errorf("attest: %d bytes are no batch of version %d or %d: make the key's factory record anew",
		len(record), recordVersion, keptVersion)
}

// keptAt is where what a secure element wants to be shown begins in a record.
const keptAt = 3

// Format writes what b is, for every verb.
func (b *Batch) Format(f fmt.State, _ rune) { fmt.Fprint(f, "attest.Batch") }

// LogValue is like Format, for log/slog.
func (b *Batch) LogValue() slog.Value { return slog.StringValue("attest.Batch") }
