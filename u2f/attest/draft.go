package attest

import (
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f/cose"
)

// batch takes the key and the certificate of one of the batches.
func (d *draft) batch(purpose, suffix string, m Model, extensions ...pkix.Extension) error {
	key, err := d.attester.secret(cose.ES256, purpose, m)
	if err != nil {
		return err
	}
	template, err := d.attester.root.batchTemplate(purpose, m, suffix, true, extensions...)
	d.leaf = &leaf{template: template, public: key.Public(), by: d.attester.root.itself()}
	d.signs(key)
	return err
}

// draftPacked is Section 8.2 with the certificate of Section 8.2.1.
func draftPacked(d *draft) error {
	aaguid, err := extensionOf(oidAAGUID, false, d.attester.model.AAGUID[:])
	if err != nil {
		return err
	}
	return d.batch("batch", " Batch", d.attester.model, aaguid)
}

// draftSelf is Section 8.2 without a certificate.
func draftSelf(d *draft) error {
	d.signs(d.subject.Credential)
	return nil
}

// draftEnterprise is Section 8.2 with the certificate of Web Authentication Level 3, Section 8.2.2.
func draftEnterprise(d *draft) error {
	aaguid, err := extensionOf(oidAAGUID, false, d.attester.model.AAGUID[:])
	if err != nil {
		return err
	}
	number, err := extensionOf(oidSerial, false, derive(d.attester.root.seed, "serial number", d.attester.model)[:8])
	if err != nil {
		return err
	}
	return d.batch("enterprise", " Enterprise", d.attester.model, aaguid, number)
}

// draftFIDOU2F is Section 8.6. The AAGUID is zero: CTAP 2.1, Section 6.1.2.
func draftFIDOU2F(d *draft) error {
	m := d.attester.model
	m.AAGUID = [16]byte{}
	if err := d.batch("u2f batch", " U2F Batch", m); err != nil {
		return err
	}
	if _, _, err := attested(d.authData); err != nil {
		return err
	}
	clear(d.authData[authDataSize:credentialSizeAt])
	d.toSign = func(d *draft) ([]byte, error) {
		id, point, err := attested(d.authData)
		return slices.Concat([]byte{0}, d.authData[:hashSize], d.subject.ClientDataHash, id, point), err
	}
	d.finish = func(d *draft) error {
		err := d.conclude()
		d.members.remove("alg")
		return err
	}
	return nil
}

// draftNone is Section 8.7.
func draftNone(*draft) error { return nil }

// A tpmDraft is what a TPM says of a key, before it signs.
type tpmDraft struct {
	area tpm2.TPMTPublic
	info tpm2.TPMSAttest
	name *tpm2.TPM2BName // of the area; nil: what it comes to
	data []byte          // for extraData; nil: what it is to be
	raw  func(pubArea, certInfo []byte) (_, _ []byte)
}

// draftTPM is Section 8.3, with a TPM of software: its attestation key is an RSA key, as those of most TPMs are.
func draftTPM(d *draft) error {
	aik, err := d.attester.secret(cose.RS256, "aik", d.attester.model)
	if err != nil {
		return err
	}
	template, err := d.attester.root.aikTemplate(d.attester.model, aik.Public())
	if err != nil {
		return err
	}
	by, err := d.attester.root.authority("TPM")
	if err != nil {
		return err
	}
	d.leaf, d.behind = &leaf{template: template, public: aik.Public(), by: by}, [][]byte{by.certificate.Raw}
	d.signs(aik)
	area, err := publicArea(d.subject.Credential.Public())
	signer := sha256.Sum256(d.leaf.template.SerialNumber.Bytes())
	d.tpm = &tpmDraft{area: area, info: tpm2.TPMSAttest{Magic: tpm2.TPMGeneratedValue, Type: tpm2.TPMSTAttestCertify,
		QualifiedSigner: tpm2.TPM2BName{Buffer: slices.Concat([]byte{0, byte(tpm2.TPMAlgSHA256)}, signer[:])},
		ClockInfo:       tpm2.TPMSClockInfo{Clock: 1, Safe: true}, FirmwareVersion: 1}}
	d.finish = (*draft).certify
	return err
}

// certify does what TPM2_Certify does, and puts it into the statement.
func (d *draft) certify() error {
	t := d.tpm
	name := t.name
	if name == nil {
		var err error
		if name, err = tpm2.ObjectName(&t.area); err != nil {
			return err
		}
	}
	if t.info.Type == tpm2.TPMSTAttestCertify {
		t.info.Attested = tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{Name: *name, QualifiedName: *name})
	}
	if t.info.ExtraData.Buffer = t.data; t.data == nil {
		data, err := QualifyingData(cose.Algorithm(d.says), d.authData, d.subject.ClientDataHash)
		if err != nil {
			return err
		}
		t.info.ExtraData.Buffer = data
	}
	pubArea, certInfo := tpm2.Marshal(t.area), marshalAttest(t.info)
	if t.raw != nil {
		pubArea, certInfo = t.raw(pubArea, certInfo)
	}
	d.toSign = func(*draft) ([]byte, error) { return certInfo, nil }
	if err := d.conclude(); err != nil {
		return err
	}
	d.members.setText("ver", tpmVersion)
	d.members.setBytes("certInfo", certInfo)
	d.members.setBytes("pubArea", pubArea)
	return nil
}

// marshalAttest writes a TPMS_ATTEST whose first number may be wrong, which go-tpm would not write.
func marshalAttest(info tpm2.TPMSAttest) []byte {
	magic := info.Magic
	info.Magic = tpm2.TPMGeneratedValue
	b := tpm2.Marshal(info)
	b[0], b[1], b[2], b[3] = byte(magic>>24), byte(magic>>16), byte(magic>>8), byte(magic)
	return b
}

// oidAppleNonce is the extension of Web Authentication Level 3, Section 8.8.
var oidAppleNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// appleNonce is its value, for which there is no published schema.
type appleNonce struct {
	Nonce []byte `asn1:"tag:1,explicit"`
}

// draftApple is Web Authentication Level 3, Section 8.8: an authority says with a certificate for the credential's own key
// what others sign.
func draftApple(d *draft) error {
	by, err := d.attester.root.authority("Anonymous")
	if err != nil {
		return err
	}
	template := d.attester.root.template(fmt.Sprintf("anonymous %x", sha256.Sum256(d.authData)), d.attester.model)
	if template.RawSubject, err = subject("Anonymous Attestation", d.attester.model.Name); err != nil {
		return err
	}
	d.leaf, d.behind = &leaf{template: template, public: d.subject.Credential.Public(), by: by}, [][]byte{by.certificate.Raw}
	d.finish = func(d *draft) error {
		nonce := d.nonce
		if nonce == nil {
			message, err := d.signedData()
			if err != nil {
				return err
			}
			nonce = digest(message)
		}
		e, err := extensionOf(oidAppleNonce, false, appleNonce{nonce})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(template.ExtraExtensions, func(x pkix.Extension) bool { return x.Id.Equal(oidAppleNonce) }) {
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
		return d.conclude()
	}
	return nil
}

// draftCompound is Web Authentication Level 3, Section 8.9: packed and tpm.
func draftCompound(d *draft) error {
	for _, kind := range []string{FormatPacked, FormatTPM} {
		part, err := d.attester.draft(kind, d.subject)
		if err != nil {
			return err
		}
		d.parts = append(d.parts, part)
	}
	d.finish = func(d *draft) error {
		var objects [][]byte
		for _, part := range d.parts {
			if err := part.finish(part); err != nil {
				return err
			}
			objects = append(objects, part.object())
		}
		d.encoded = array(objects...)
		return nil
	}
	return nil
}

// object is a statement as a compound one has it.
func (d *draft) object() []byte {
	m := members{}
	m.setText("fmt", d.format)
	m.set("attStmt", d.encode())
	return m.append(nil)
}
