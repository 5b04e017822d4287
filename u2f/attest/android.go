package attest

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
)

// From the specification: Android's "Key and ID attestation", and its hardware abstraction layer for Keymaster 4, which Web
// Authentication Level 3, Section 8.4, refers to.
var oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// From the specification, likewise.
const (
	keymasterVersion   = 4
	attestationVersion = 3
	trustedEnvironment = 1 // SecurityLevel
	bootVerified       = 0 // VerifiedBootState

	tagPurpose         = 1
	tagAlgorithm       = 2
	tagKeySize         = 3
	tagDigest          = 5
	tagCurve           = 10
	tagNoAuthRequired  = 503
	tagAllApplications = 600
	tagCreation        = 701
	tagOrigin          = 702
	tagRootOfTrust     = 704

	purposeEncrypt  = 0
	purposeSign     = 2
	originGenerated = 0
	originImported  = 2

	keymasterRSA    = 1
	keymasterEC     = 3
	keymasterSHA256 = 4
	keymasterSHA384 = 5
)

// A keyDescription is what an Android telephone says of a key.
type keyDescription struct {
	AttestationVersion int
	AttestationLevel   asn1.Enumerated
	KeymasterVersion   int
	KeymasterLevel     asn1.Enumerated
	Challenge          []byte
	UniqueID           []byte
	Software           authorizations
	Hardware           authorizations
}

// authorizations are what a key may be used for, in the order of their tags.
type authorizations []asn1.RawValue

// A rootOfTrust is what the telephone started from.
type rootOfTrust struct {
	BootKey []byte
	Locked  bool
	State   asn1.Enumerated
	Hash    []byte
}

// with returns a with one more, or another value of a tag; v is what asn1 writes, nil for NULL.
func (a authorizations) with(tag int, v any, set bool) (authorizations, error) {
	value, err := []byte{asn1.TagNull, 0}, error(nil)
	switch {
	case v != nil && set:
		value, err = asn1.MarshalWithParams(v, "set")
	case v != nil:
		value, err = asn1.Marshal(v)
	}
	if err != nil {
		return nil, err
	}
	out := authorizations{}
	entry := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: value}
	placed := false
	for _, x := range a {
		if x.Tag >= tag && !placed {
			out, placed = append(out, entry), true
		}
		if x.Tag != tag {
			out = append(out, x)
		}
	}
	if !placed {
		out = append(out, entry)
	}
	return out, nil
}

// and returns a with those of b.
func (a authorizations) and(b authorizations) authorizations {
	return slices.SortedStableFunc(slices.Values(append(slices.Clone(a), b...)), func(x, y asn1.RawValue) int { return cmp.Compare(x.Tag, y.Tag) })
}

// without returns a without a tag.
func (a authorizations) without(tag int) (out authorizations) {
	out = authorizations{}
	for _, x := range a {
		if x.Tag != tag {
			out = append(out, x)
		}
	}
	return out
}

// hardware are the authorizations of a key that signs, made in the trusted environment.
func hardware(a cose.Algorithm) (list authorizations, err error) {
	algorithm, size, digest, curve := keymasterEC, 256, keymasterSHA256, 1
	switch a {
	case cose.RS256:
		algorithm, size, curve = keymasterRSA, 2048, -1
	case cose.ES384:
		size, digest, curve = 384, keymasterSHA384, 2
	case cose.EdDSA:
		curve = 4 // CURVE_25519
	}
	boot := sha256.Sum256([]byte("mfalab"))
	for _, v := range []struct {
		tag   int
		value any
		set   bool
	}{{tagPurpose, []int{purposeSign}, true}, {tagAlgorithm, algorithm, false}, {tagKeySize, size, false}, {tagDigest, []int{digest}, true},
		{tagCurve, curve, false}, {tagNoAuthRequired, nil, false}, {tagOrigin, originGenerated, false},
		{tagRootOfTrust, rootOfTrust{boot[:], true, bootVerified, boot[:]}, false}} {
		if v.tag == tagCurve && curve < 0 {
			continue
		}
		if list, err = list.with(v.tag, v.value, v.set); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// draftAndroidKey is Section 8.4: a certificate for the credential's own key, with which the credential signs. The root comes
// along, as Android has it.
func draftAndroidKey(d *draft) error {
	by, err := d.attester.root.authority("Android")
	if err != nil {
		return err
	}
	template := d.attester.root.template(fmt.Sprintf("android %x", sha256.Sum256(d.authData)), d.attester.model)
	template.BasicConstraintsValid = false
	template.Subject = pkix.Name{CommonName: "Android Keystore Key"}
	d.leaf = &leaf{template: template, public: d.subject.Credential.Public(), by: by}
	d.behind = [][]byte{by.certificate.Raw, d.attester.root.Certificate()}
	d.signs(d.subject.Credential)
	d.android = &keyDescription{AttestationVersion: attestationVersion, AttestationLevel: trustedEnvironment, KeymasterVersion: keymasterVersion,
		KeymasterLevel: trustedEnvironment, Challenge: d.subject.ClientDataHash}
	if d.android.Hardware, err = hardware(d.key.Algorithm()); err != nil {
		return err
	}
	if d.android.Software, err = d.android.Software.with(tagCreation, d.subject.Now.UnixMilli(), false); err != nil {
		return err
	}
	d.finish = func(d *draft) error {
		if d.android != nil {
			e, err := extensionOf(oidKeyDescription, false, *d.android)
			if err != nil {
				return err
			}
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
		return d.conclude()
	}
	return nil
}

// From the specification: SafetyNet Attestation API, and Web Authentication Level 3, Section 8.5.
const safetyNetHost = "attest.android.com"

// Our choice: a version of Play Services of the time when there was SafetyNet, and the package that asked.
const (
	playServices = "17122037"
	playPackage  = "com.google.android.gms"
)

// A safetyNet is a JSON Web Signature before it is signed.
type safetyNet struct {
	version string
	header  safetyNetHeader
	payload safetyNetPayload
	change  func(jws string) string // after it is signed
}

type safetyNetHeader struct {
	Algorithm string   `json:"alg"`
	X5C       []string `json:"x5c,omitempty"`
}

type safetyNetPayload struct {
	Nonce        string   `json:"nonce,omitempty"`
	Timestamp    int64    `json:"timestampMs,omitempty"` // after 1970
	Package      string   `json:"apkPackageName"`
	Digest       string   `json:"apkDigestSha256"`
	CTS          bool     `json:"ctsProfileMatch"`
	Certificates []string `json:"apkCertificateDigestSha256"`
	Integrity    bool     `json:"basicIntegrity"`
}

// draftSafetyNet is Section 8.5. RS256 is what JWS of SafetyNet are signed with.
func draftSafetyNet(d *draft) error {
	by, err := d.attester.root.authority("SafetyNet")
	if err != nil {
		return err
	}
	key, err := d.attester.secret(cose.RS256, "safetynet", Model{})
	if err != nil {
		return err
	}
	template := d.attester.root.template("safetynet", Model{})
	template.Subject = pkix.Name{Country: []string{country}, Organization: []string{organization}, CommonName: safetyNetHost}
	template.DNSNames = []string{safetyNetHost}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	d.leaf, d.behind = &leaf{template: template, public: key.Public(), by: by}, [][]byte{by.certificate.Raw}
	d.signs(key)
	digest := sha256.Sum256([]byte(playPackage))
	of := base64.StdEncoding.EncodeToString(digest[:])
	d.response = &safetyNet{version: playServices, header: safetyNetHeader{Algorithm: "RS256"}, payload: safetyNetPayload{
		Timestamp: d.subject.Now.Truncate(time.Millisecond).UnixMilli(), Package: playPackage, Digest: of, CTS: true,
		Certificates: []string{of}, Integrity: true}}
	d.finish = (*draft).respond
	return nil
}

// respond makes the JWS, and puts it into the statement.
func (d *draft) respond() error {
	r := d.response
	if err := d.issue(); err != nil {
		return err
	}
	for _, c := range d.x5c {
		r.header.X5C = append(r.header.X5C, base64.StdEncoding.EncodeToString(c))
	}
	if r.payload.Nonce == "" {
		message, err := d.signedData()
		if err != nil {
			return err
		}
		r.payload.Nonce = base64.StdEncoding.EncodeToString(digest(message))
	}
	header, err := json.Marshal(r.header)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(r.payload)
	if err != nil {
		return err
	}
	encoding := base64.RawURLEncoding
	jws := encoding.EncodeToString(header) + "." + encoding.EncodeToString(payload)
	signature, err := d.key.Sign([]byte(jws))
	if err != nil {
		return err
	}
	jws += "." + encoding.EncodeToString(signature)
	if r.change != nil {
		jws = r.change(jws)
	}
	d.members.setText("ver", r.version)
	d.members.setBytes("response", []byte(jws))
	return nil
}
