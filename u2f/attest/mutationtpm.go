package attest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f/cose"
)

// From the specification: Web Authentication Level 3, Section 8.3 and 8.3.1, clause by clause.
const (
	tpmSyntax  = "8.3: syntax"
	tpmPubArea = "8.3: pubArea"
	tpmSig     = "8.3: sig"
	tpmName83  = "8.3: attested name"
	tpmSAN     = "8.3.1: subject alternative name"
	tpmEKU     = "8.3.1: extended key usage"
)

func tpmMutations() []Mutation {
	return of(FormatTPM, syntax(tpmSyntax, "alg", "sig", "certInfo", "pubArea"), tpmStatements(), certInfos(), aikCertificates(),
		[]mutating{
			{"sig", tpmSig, "one bit of the signature is wrong", nil, flipped},
			{"other-signer", tpmSig, "another key has signed than the certificate's", bySomebodyElse, nil},
			{"alg", tpmSig, "the signature is said to be of ES256", nil, changed(func(d *draft) { d.members.setInt("alg", int64(cose.ES256)) })},
			{"tpmt-signature", tpmSig, "the signature is a TPMT_SIGNATURE, as the section's words are, and nobody's practice (allowed)", nil, func(d *draft) error {
				s, err := d.sign()
				d.members.setBytes("sig", tpm2.Marshal(tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgRSASSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA,
					&tpm2.TPMSSignatureRSA{Hash: tpm2.TPMAlgSHA256, Sig: tpm2.TPM2BPublicKeyRSA{Buffer: s}})}))
				return err
			}},
			{"rs1", tpmSig, "the attestation key signs with SHA-1, as that of early TPMs did (allowed)", func(d *draft) error {
				message, err := d.signedData()
				sum := sha1.Sum(message)
				d.tpm.data = sum[:]
				return err
			}, signedSHA1},
		}, aaguids("8.3: AAGUID"), second("8.3.1: version"), constraints("8.3.1: basic constraints"),
		chains(tpmSyntax), between(tpmSyntax), rooted())
}

// rs1 is RSASSA-PKCS1-v1_5 with SHA-1: RFC 8812 Section 2.
const rs1 = -65535

// signedSHA1 signs anew with SHA-1, which cose does not.
func signedSHA1(d *draft) error {
	message, err := d.toSign(d)
	if err != nil {
		return err
	}
	der, err := d.key.MarshalPKCS8()
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return err
	}
	sum := sha1.Sum(message)
	signature, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA1, sum[:])
	d.members.setInt("alg", rs1)
	d.members.setBytes("sig", signature)
	return err
}

// tpmStatements are mutations of the members, and of the public area.
func tpmStatements() []mutating {
	return []mutating{
		{"ver", "8.3: ver", "the version is 1.2", nil, changed(func(d *draft) { d.members.setText("ver", "1.2") })},
		{"no-ver", "8.3: ver", "there is no version", nil, without("ver")},
		{"sig-text", tpmSyntax, "the signature is a text", nil, inText("sig")},
		{"ecdaa", tpmSyntax, "ecdaaKeyId of Level 1 is in place of x5c", nil, changed(func(d *draft) {
			d.members.remove("x5c")
			d.members.setBytes("ecdaaKeyId", make([]byte, hashSize))
		})},
		{"no-x5c", "8.3: x5c", "there is no x5c", nil, without("x5c")},
		{"other-key", tpmPubArea, "the key that is certified is another one than the credential's", func(d *draft) error {
			other, err := d.otherKey(d.subject.Credential)
			if err != nil {
				return err
			}
			d.tpm.area, err = publicArea(other.Public())
			return err
		}, nil},
		{"parameters", tpmPubArea, "the certified key has another curve or another exponent", func(d *draft) error {
			if p, err := d.tpm.area.Parameters.ECCDetail(); err == nil {
				other := *p
				if other.CurveID = tpm2.TPMECCNistP384; p.CurveID == other.CurveID {
					other.CurveID = tpm2.TPMECCNistP256
				}
				d.tpm.area.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &other)
				return nil
			}
			p, err := d.tpm.area.Parameters.RSADetail()
			if err != nil {
				return err
			}
			other := *p
			other.Exponent = 3
			d.tpm.area.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &other)
			return nil
		}, nil},
		{"pub-area-trailing", tpmPubArea, "bytes follow the public area",
			changed(func(d *draft) { d.tpm.raw = func(area, info []byte) (_, _ []byte) { return append(area, 0, 0), info } }), nil},
		{"pub-area-cut", tpmPubArea, "the public area ends too early",
			changed(func(d *draft) { d.tpm.raw = func(area, info []byte) (_, _ []byte) { return area[:len(area)-1], info } }), nil},
	}
}

// certInfos are mutations of what the TPM has signed.
func certInfos() []mutating {
	name := func(b []byte) func(*draft) error {
		return changed(func(d *draft) { d.tpm.name = &tpm2.TPM2BName{Buffer: b} })
	}
	return []mutating{
		{"magic", "8.3: magic", "certInfo does not begin with TPM_GENERATED_VALUE", changed(func(d *draft) { d.tpm.info.Magic = 0x544347ff }), nil},
		{"type", "8.3: type", "what the TPM has signed is a quote of registers", changed(func(d *draft) {
			d.tpm.info.Type = tpm2.TPMSTAttestQuote
			d.tpm.info.Attested = tpm2.NewTPMUAttest(tpm2.TPMSTAttestQuote, &tpm2.TPMSQuoteInfo{PCRDigest: tpm2.TPM2BDigest{Buffer: make([]byte, hashSize)}})
		}), nil},
		{"type-number", "8.3: type", "certInfo is a certification whose type says that it is a quote", changed(func(d *draft) {
			d.tpm.raw = func(area, info []byte) (_, _ []byte) {
				info[5] = byte(tpm2.TPMSTAttestQuote & 0xff)
				return area, info
			}
		}), nil},
		{"extra-data", "8.3: extraData", "extraData are those of another ceremony", changed(func(d *draft) {
			d.tpm.data = derive(d.attester.root.seed, "client data of another", Model{})
		}), nil},
		{"no-extra-data", "8.3: extraData", "extraData are empty", changed(func(d *draft) { d.tpm.data = []byte{} }), nil},
		{"extra-data-hash", "8.3: extraData", "extraData are a digest of SHA-1, not of the hash that alg has", func(d *draft) error {
			message, err := d.signedData()
			sum := sha1.Sum(message)
			d.tpm.data = sum[:]
			return err
		}, nil},
		{"name", tpmName83, "the name that is certified is another key's", name(slices.Concat([]byte{0, byte(tpm2.TPMAlgSHA256)}, make([]byte, hashSize))), nil},
		{"name-empty", tpmName83, "the name that is certified is empty", name([]byte{}), nil},
		{"name-hash", tpmName83, "the name is computed with SHA-1, not with the public area's nameAlg", changed(func(d *draft) {
			sum := sha1.Sum(tpm2.Marshal(d.tpm.area))
			d.tpm.name = &tpm2.TPM2BName{Buffer: slices.Concat([]byte{0, byte(tpm2.TPMAlgSHA1)}, sum[:])}
		}), nil},
		{"cert-info-trailing", "8.3: certInfo", "bytes follow certInfo's structure, and are signed with it",
			changed(func(d *draft) { d.tpm.raw = func(area, info []byte) (_, _ []byte) { return area, append(info, 0, 0) } }), nil},
		{"cert-info-cut", "8.3: certInfo", "certInfo ends too early, and is signed so",
			changed(func(d *draft) { d.tpm.raw = func(area, info []byte) (_, _ []byte) { return area, info[:len(info)-1] } }), nil},
	}
}

// aikCertificates are mutations of what Section 8.3.1 demands.
func aikCertificates() []mutating {
	named := func(manufacturer, model, version string, critical bool) func(*draft) error {
		return func(d *draft) error {
			e, err := tpmName(manufacturer, model, version)
			e.Critical = critical
			if err != nil {
				return err
			}
			return replaced(oidSubjectAltName, &e)(d)
		}
	}
	usage := func(list ...asn1.ObjectIdentifier) func(*draft) error {
		return changed(func(d *draft) { d.leaf.template.UnknownExtKeyUsage = list })
	}
	return []mutating{
		{"subject", "8.3.1: subject", "the subject is not empty", subjectOf(country, organization, unitAttestation, tpmModel), nil},
		{"no-san", tpmSAN, "there is no subject alternative name", replaced(oidSubjectAltName, nil), nil},
		{"san-not-critical", tpmSAN, "the subject alternative name is not critical, although there is no subject",
			named(tpmManufacturer, tpmModel, tpmFirmware, false), nil},
		{"san-dns", tpmSAN, "the subject alternative name is a host's",
			replaced(oidSubjectAltName, &pkix.Extension{Id: oidSubjectAltName, Critical: true, Value: []byte("\x30\x0a\x82\x08tpm.test")}), nil},
		{"manufacturer", tpmSAN, "the manufacturer is none of the TCG's list", named("id:58585858", tpmModel, tpmFirmware, true), nil},
		{"no-manufacturer", tpmSAN, "there is no manufacturer", named("", tpmModel, tpmFirmware, true), nil},
		{"no-model", tpmSAN, "there is no model", named(tpmManufacturer, "", tpmFirmware, true), nil},
		{"no-version", tpmSAN, "there is no version of the firmware", named(tpmManufacturer, tpmModel, "", true), nil},
		{"no-usage", tpmEKU, "there is no extended key usage", usage(), nil},
		{"usage", tpmEKU, "the extended key usage is that of an endorsement key", usage(asn1.ObjectIdentifier{2, 23, 133, 8, 1}), nil},
	}
}
