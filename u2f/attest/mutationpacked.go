package attest

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/mfalab/mfalab/u2f/cose"
)

// signatures are mutations of alg and sig.
func signatures(sig string) []mutating {
	return []mutating{
		{"sig", sig, "one bit of the signature is wrong", nil, flipped},
		{"sig-empty", sig, "the signature is empty", nil, changed(func(d *draft) { d.members.setBytes("sig", nil) })},
		{"other-signer", sig, "another key has signed than the certificate's", bySomebodyElse, nil},
		{"replay", sig, "the signature is that of another ceremony", ofOtherData, nil},
	}
}

func packedMutations() []Mutation {
	const cbor, sig, cert = "8.2: syntax", "8.2: sig", "8.2.1: subject"
	aaguid := func(critical bool, value []byte) *pkix.Extension {
		return &pkix.Extension{Id: oidAAGUID, Critical: critical, Value: value}
	}
	return of(FormatPacked, syntax(cbor, "alg", "sig"), []mutating{
		{"unknown-format", "7.1: fmt; 8.1", "the format is one that nobody has registered", nil, changed(func(d *draft) { d.format = "x-mfalab" })},
		{"format-case", "7.1: fmt; 8.1", "the format is in capital letters", nil, changed(func(d *draft) { d.format = "PACKED" })},
		{"sig-text", cbor, "the signature is a text", nil, inText("sig")},
		{"alg-text", cbor, "the algorithm is a text", nil, changed(func(d *draft) { d.members.setText("alg", "ES256") })},
		{"ecdaa", cbor, "ecdaaKeyId of Level 1 is in place of x5c", nil, changed(func(d *draft) {
			d.members.remove("x5c")
			d.members.setBytes("ecdaaKeyId", make([]byte, hashSize))
		})},
		{"x5c-left-out", "8.2: self, sig", "x5c is left out, so that the credential would have signed", nil, without("x5c")},
		{"alg", "8.2: alg", "the signature is said to be of ES384", changed(func(d *draft) { d.says = int64(cose.ES384) }), nil},
		{"alg-unknown", "8.2: alg", "the signature is said to be of an algorithm that there is not", changed(func(d *draft) { d.says = -65000 }), nil},
		{"country", cert, "the country is none of ISO 3166", subjectOf("OO", organization, unitAttestation, "Batch"), nil},
		{"no-country", cert, "there is no country", subjectOf("", organization, unitAttestation, "Batch"), nil},
		{"no-organization", cert, "there is no organization", subjectOf(country, "", unitAttestation, "Batch"), nil},
		{"unit", cert, "the organizational unit is another text", subjectOf(country, organization, "Authenticator", "Batch"), nil},
		{"no-name", cert, "there is no common name", subjectOf(country, organization, unitAttestation, ""), nil},
		{"aaguid-critical", "8.2.1: AAGUID", "the AAGUID's extension is critical",
			func(d *draft) error {
				value, err := asn1.Marshal(d.attester.model.AAGUID[:])
				if err != nil {
					return err
				}
				return replaced(oidAAGUID, aaguid(true, value))(d)
			}, nil},
		{"aaguid-bare", "8.2.1: AAGUID", "the AAGUID is in its extension without being an OCTET STRING", func(d *draft) error {
			return replaced(oidAAGUID, aaguid(false, d.attester.model.AAGUID[:]))(d)
		}, nil},
		{"no-aaguid", "8.2.1: AAGUID", "there is no extension with the AAGUID, although the root has many models", replaced(oidAAGUID, nil), nil},
		{"serial", "8.2.2: serial number", "the certificate tells a serial number, although no enterprise has asked", numbered(false), nil},
	}, aaguids("8.2: AAGUID"), signatures(sig), second("8.2.1: version"), constraints("8.2.1: basic constraints"), chains(cbor), rooted())
}

// subjectOf gives the certificate a subject; what is empty is left out.
func subjectOf(c, o, ou, cn string) func(*draft) error {
	return func(d *draft) (err error) {
		var name pkix.RDNSequence
		for _, v := range []struct {
			id   asn1.ObjectIdentifier
			tag  int
			text string
		}{{oidCountry, asn1.TagPrintableString, c}, {oidOrganization, asn1.TagUTF8String, o}, {oidOrganizationUnit, asn1.TagUTF8String, ou},
			{oidCommonName, asn1.TagUTF8String, cn}} {
			if v.text != "" {
				name = append(name, pkix.RelativeDistinguishedNameSET{{Type: v.id, Value: asn1.RawValue{Tag: v.tag, Bytes: []byte(v.text)}}})
			}
		}
		d.leaf.template.RawSubject, err = asn1.Marshal(name)
		return err
	}
}

// numbered gives the certificate a serial number.
func numbered(critical bool) func(*draft) error {
	return func(d *draft) error {
		e, err := extensionOf(oidSerial, critical, []byte("12345678"))
		if err != nil {
			return err
		}
		return replaced(oidSerial, &e)(d)
	}
}

func selfMutations() []Mutation {
	const alg, sig = "8.2: self, alg", "8.2: self, sig"
	return of(KindSelf, []mutating{
		{"alg", alg, "the algorithm is another one than the credential's", changed(func(d *draft) { d.says = int64(cose.ES384) }), nil},
		{"sig", sig, "one bit of the signature is wrong", nil, flipped},
		{"other-signer", sig, "another key has signed than the credential's", bySomebodyElse, nil},
		{"replay", sig, "the signature is that of another ceremony", ofOtherData, nil},
		{"x5c-empty", "8.2: syntax", "there is an x5c, and it is empty", nil, changed(func(d *draft) { d.members.setChain("x5c", nil) })},
	}, syntax("8.2: syntax", "alg", "sig"))
}

func enterpriseMutations() []Mutation {
	return of(KindEnterprise, []mutating{
		{"serial-critical", "8.2.2: serial number", "the serial number's extension is critical", numbered(true), nil},
	})
}

func noneMutations() []Mutation {
	return of(FormatNone, []mutating{
		{"members", "8.7: syntax", "the statement is not empty", nil, changed(func(d *draft) { d.members.setBytes("sig", make([]byte, 8)) })},
	})
}

func u2fMutations() []Mutation {
	const cbor, one, sig, xy = "8.6: syntax", "8.6: x5c", "8.6: sig", "8.6: x and y"
	return of(FormatFIDOU2F, syntax(cbor, "sig", "x5c"), alone(chains(cbor)), []mutating{
		{"two-certificates", one, "x5c has two certificates", changed(func(d *draft) { d.behind = append(d.behind, d.attester.root.Certificate()) }), nil},
		{"p384", "8.6: P-256", "the certificate's key is on P-384", withKey(cose.ES384), nil},
		{"rsa", "8.6: P-256", "the certificate's key is an RSA key", withKey(cose.RS256), nil},
		{"sig-text", cbor, "the signature is a text", nil, inText("sig")},
		{"sig", sig, "one bit of the signature is wrong", nil, flipped},
		{"other-signer", sig, "another key has signed than the certificate's", bySomebodyElse, nil},
		{"replay", sig, "the signature is that of another ceremony", changed(func(d *draft) {
			sign := d.toSign
			d.toSign = func(d *draft) ([]byte, error) {
				message, err := sign(d)
				if err == nil {
					message[1+hashSize] ^= 1 // of the client data
				}
				return message, err
			}
		}), nil},
		{"packed-signature", "8.6: verificationData", "what is signed is what packed statements sign",
			changed(func(d *draft) { d.toSign = (*draft).signedData }), nil},
		{"reserved", "8.6: verificationData", "the byte before what is signed is not 0", changed(func(d *draft) {
			sign := d.toSign
			d.toSign = func(d *draft) ([]byte, error) {
				message, err := sign(d)
				if err == nil {
					message[0] = 5
				}
				return message, err
			}
		}), nil},
		{"short-x", xy, "x has 31 bytes", shortened(labelX), nil},
		{"short-y", xy, "y has 31 bytes", shortened(labelY), nil},
	})
}

// alone are those of the mutations that leave one certificate.
func alone(list []mutating) []mutating {
	return slices.DeleteFunc(list, func(m mutating) bool { return m.name == "issuer-no-ca" })
}

// withKey has a key of another kind sign, by its own certificate.
func withKey(a cose.Algorithm) func(*draft) error {
	return func(d *draft) error {
		key, err := d.attester.secret(a, "u2f "+a.String(), Model{})
		if err != nil {
			return err
		}
		d.leaf.public, d.key = key.Public(), key
		return nil
	}
}

// From the specification: a COSE_Key of ES256 in canonical form. CTAP 2.1, Section 6.5.6 shows one.
const (
	labelX     = -2
	labelY     = -3
	coordinate = 32
	sizeOfX    = 9 // where it is said how long x is
)

// shortened takes the first byte of a coordinate away, in authenticator data and in what is signed.
func shortened(label int) func(*draft) error {
	return func(d *draft) error {
		id, point, err := attested(d.authData)
		if err != nil {
			return err
		}
		at, drop := credentialAt+len(id)+sizeOfX, 1
		if label == labelY {
			at, drop = at+coordinate+3, 1+coordinate // the label of y and the head before it take three
		}
		d.authData = slices.Concat(d.authData[:at], []byte{coordinate - 1}, d.authData[at+2:])
		signed := slices.Concat([]byte{0}, d.authData[:hashSize], d.subject.ClientDataHash, id, point[:drop], point[drop+1:])
		d.toSign = func(*draft) ([]byte, error) { return signed, nil }
		return nil
	}
}
