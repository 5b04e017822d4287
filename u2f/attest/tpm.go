package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f/cose"
)

// FormatTPM is the format identifier of Section 8.3.
const FormatTPM = "tpm"

// From the specification: TCG EK Credential Profile for TPM Family 2.0, 2.4 r3, Sections 3.1.2 and 3.2.9, and Section 8.3.1.
var (
	oidTPMManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	oidTPMModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	oidTPMVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
	oidAIKCertificate  = asn1.ObjectIdentifier{2, 23, 133, 8, 3} // tcg-kp-AIKCertificate
	oidSubjectAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// From the specification.
const (
	tpmVersion    = "2.0" // Section 8.3
	directoryName = 4     // the tag of a GeneralName. RFC 5280 Section 4.2.1.6
)

// Our choice. The manufacturer is that of the FIDO Alliance's conformance tests, which stands for no maker of the TCG's list
// and which relying parties know.
const (
	tpmManufacturer = "id:FFFFF1D0"
	tpmModel        = organization
	tpmFirmware     = "id:00000001"
)

// A Certification is what a TPM says of the key of a credential: what TPM2_Certify answers (TPM 2.0 Library, Part 3, Section
// 18.2), and the public area that it is about. The bytes are the TPM's own, without the size before a TPM2B.
type Certification struct {
	PubArea   []byte // TPMT_PUBLIC of the credential's key
	CertInfo  []byte // TPMS_ATTEST
	Signature []byte // TPMT_SIGNATURE: RSASSA or ECDSA, with SHA-256 or SHA-384
}

// QualifyingData returns what a TPM is to certify a credential's key with, so that the statement holds for authData and the
// client data: their digest by the hash of the attestation key's algorithm, ES256, ES384 or RS256. See Section 8.3.
func QualifyingData(aik cose.Algorithm, authData, clientDataHash []byte) ([]byte, error) {
	if err := checkSigned(authData, clientDataHash); err != nil {
		return nil, err
	}
	message := slices.Concat(authData, clientDataHash)
	switch aik {
	case cose.ES256, cose.RS256:
		digest := sha256.Sum256(message)
		return digest[:], nil
	case cose.ES384:
		digest := sha512.Sum384(message)
		return digest[:], nil
	}
	return nil, fmt.Errorf("attest: no TPM attests with %v: use ES256, ES384 or RS256", aik)
}

// CertifyAIK returns the certificates of the attestation key of a TPM, as x5c has them: its own, which is as Section 8.3.1
// demands, and that of the authority under the root that issued it. The key is an *ecdsa.PublicKey of P-256 or P-384, or an
// *rsa.PublicKey.
func (r *Root) CertifyAIK(m Model, aik crypto.PublicKey) (x5c [][]byte, err error) {
	template, err := r.aikTemplate(m, aik)
	if err != nil {
		return nil, err
	}
	by, err := r.authority("TPM")
	if err != nil {
		return nil, err
	}
	certificate, err := by.issue(template, aik)
	if err != nil {
		return nil, fmt.Errorf("attest: %w", err)
	}
	return [][]byte{certificate, by.certificate.Raw}, nil
}

// aikTemplate is what the certificate of an attestation key says.
func (r *Root) aikTemplate(m Model, aik crypto.PublicKey) (*x509.Certificate, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(aik)
	if err != nil {
		return nil, fmt.Errorf("attest: the attestation key cannot be certified: %w", err)
	}
	template := r.template(fmt.Sprintf("aik %x", sha256.Sum256(spki)), m)
	template.RawSubject = []byte{asn1.TagSequence | 0x20, 0} // empty: Section 8.3.1
	template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oidAIKCertificate}
	name, err := tpmName(tpmManufacturer, tpmModel, tpmFirmware)
	if err != nil {
		return nil, err
	}
	aaguid, err := extensionOf(oidAAGUID, false, m.AAGUID[:])
	template.ExtraExtensions = []pkix.Extension{name, aaguid}
	return template, err
}

// tpmName returns the subject alternative name, which is critical where there is no subject: RFC 5280 Section 4.2.1.6. What
// is empty is left out.
func tpmName(manufacturer, model, version string) (pkix.Extension, error) {
	var rdn pkix.RDNSequence
	for _, v := range []struct {
		id   asn1.ObjectIdentifier
		text string
	}{{oidTPMManufacturer, manufacturer}, {oidTPMModel, model}, {oidTPMVersion, version}} {
		if v.text != "" {
			rdn = append(rdn, pkix.RelativeDistinguishedNameSET{{Type: v.id, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(v.text)}}})
		}
	}
	name, err := asn1.Marshal(rdn)
	if err != nil {
		return pkix.Extension{}, err
	}
	return extensionOf(oidSubjectAltName, true, []asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: directoryName, IsCompound: true, Bytes: name}})
}

// AppendTPM appends a tpm statement of what a TPM certified, with the certificates of [Root.CertifyAIK]. The signature goes in
// as Windows has it and relying parties read it, RSASSA's bytes or ECDSA's DER, although Section 8.3 speaks of a
// TPMT_SIGNATURE. It fails where the bytes are no structures of a TPM.
func AppendTPM(b []byte, x5c [][]byte, c Certification) ([]byte, error) {
	if _, err := exactly[tpm2.TPMTPublic](c.PubArea); err != nil {
		return nil, fmt.Errorf("attest: what is to be pubArea is no TPMT_PUBLIC: %w", err)
	}
	if _, err := exactly[tpm2.TPMSAttest](c.CertInfo); err != nil {
		return nil, fmt.Errorf("attest: what is to be certInfo is no TPMS_ATTEST: %w", err)
	}
	algorithm, signature, err := parseTPMSignature(c.Signature)
	if err != nil {
		return nil, err
	}
	m := members{}
	m.setText("ver", tpmVersion)
	m.setInt("alg", int64(algorithm))
	m.setBytes("sig", signature)
	m.setBytes("certInfo", c.CertInfo)
	m.setBytes("pubArea", c.PubArea)
	m.setChain("x5c", x5c)
	return m.append(b), nil
}

// parseTPMSignature reads a TPMT_SIGNATURE: TPM 2.0 Library, Part 2, Section 11.3.4.
func parseTPMSignature(b []byte) (cose.Algorithm, []byte, error) {
	s, err := exactly[tpm2.TPMTSignature](b)
	if err != nil {
		return 0, nil, fmt.Errorf("attest: what is to be a signature is no TPMT_SIGNATURE: %w", err)
	}
	if v, err := s.Signature.RSASSA(); err == nil && v.Hash == tpm2.TPMAlgSHA256 {
		return cose.RS256, v.Sig.Buffer, nil
	}
	v, err := s.Signature.ECDSA()
	if err != nil {
		return 0, nil, fmt.Errorf("attest: a TPM's signature of algorithm 0x%x: use RSASSA with SHA-256, or ECDSA", uint16(s.SigAlg))
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(v.SignatureR.Buffer), new(big.Int).SetBytes(v.SignatureS.Buffer)})
	switch v.Hash {
	case tpm2.TPMAlgSHA256:
		return cose.ES256, der, err
	case tpm2.TPMAlgSHA384:
		return cose.ES384, der, err
	}
	return 0, nil, fmt.Errorf("attest: a TPM's ECDSA with the hash 0x%x: use SHA-256 or SHA-384", uint16(v.Hash))
}

// errTrailing is for bytes behind a structure, which nobody would look at.
var errTrailing = errors.New("bytes that its structure does not have")

// exactly reads a structure that is all of b. A TPM's structures have one form each, so that what is not written as it was
// read had more to it.
func exactly[T tpm2.Marshallable, P interface {
	*T
	tpm2.Unmarshallable
}](b []byte) (*T, error) {
	v, err := tpm2.Unmarshal[T, P](b)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(tpm2.Marshal(*v), b) {
		return nil, errTrailing
	}
	return v, nil
}

// authValuePolicy is the digest of the policy that the key's own authorization is needed, TPM2_PolicyAuthValue: SHA-256 of 32 zeros
// and the command's code. Keys that a platform makes for credentials have a policy, and libfido2 knows no others. See TPM 2.0 Library,
// Part 3, Section 23.17.
var authValuePolicy = digest(append(make([]byte, sha256.Size), 0, 0, 0x01, 0x6b))

// publicArea returns the public area that a TPM has of a key that signs: of an *ecdsa.PublicKey of P-256 or P-384, or an
// *rsa.PublicKey. See TPM 2.0 Library, Part 2, Section 12.2.4.
func publicArea(key crypto.PublicKey) (tpm2.TPMTPublic, error) {
	area := tpm2.TPMTPublic{NameAlg: tpm2.TPMAlgSHA256, AuthPolicy: tpm2.TPM2BDigest{Buffer: authValuePolicy},
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, SignEncrypt: true}}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		curve, known := map[elliptic.Curve]tpm2.TPMECCCurve{elliptic.P256(): tpm2.TPMECCNistP256, elliptic.P384(): tpm2.TPMECCNistP384}[key.Curve]
		point, err := key.Bytes()
		if err != nil || !known {
			return area, fmt.Errorf("attest: no TPM has a key of the curve %s: use P-256 or P-384", key.Params().Name)
		}
		size := (len(point) - 1) / 2
		area.Type = tpm2.TPMAlgECC
		area.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: curve})
		area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: point[1 : 1+size]}, Y: tpm2.TPM2BECCParameter{Buffer: point[1+size:]}})
	case *rsa.PublicKey:
		area.Type = tpm2.TPMAlgRSA
		area.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{KeyBits: tpm2.TPMKeyBits(key.N.BitLen())}) // exponent 0: 65537
		area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.Bytes()})
	default:
		return area, fmt.Errorf("attest: no TPM has a key of the kind %T: use ECDSA or RSA", key)
	}
	return area, nil
}
