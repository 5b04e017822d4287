package attest

import (
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
)

// trust is the clause that asks for a chain to a root that the relying party trusts.
const trust = "7.1: trust anchors"

// expiry are the years in which certificates hold that hold no longer, or not yet.
var (
	past   = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	future = time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC)
)

// chains are mutations of who issued the certificate. The clause of syntax is that of the format.
func chains(clause string) []mutating {
	return []mutating{
		{"other-root", trust, "the certificate is issued under another root of the same name", underStranger, nil},
		{"issuer-no-ca", trust, "the certificate is issued by one that is no authority's", underLeaf, nil},
		{"expired", trust, "the certificate has expired", changed(func(d *draft) { d.leaf.template.NotAfter = past }), nil},
		{"not-yet-valid", trust, "the certificate is not valid yet", changed(func(d *draft) { d.leaf.template.NotBefore = future }), nil},
		{"cert-signature", trust, "one bit of the certificate's signature is wrong", nil, changedCertificate(func(c []byte) []byte {
			c[len(c)-1] ^= 1
			return c
		})},
		{"no-certificate", clause, "x5c is empty", nil, changed(func(d *draft) { d.members.setChain("x5c", nil) })},
		{"x5c-no-array", clause, "x5c is the certificate itself, no array", nil, changed(func(d *draft) { d.members.setBytes("x5c", d.x5c[0]) })},
		{"x5c-text", clause, "the certificate in x5c is a text", nil, changed(func(d *draft) {
			d.members.set("x5c", appendText(appendHead(nil, majorArray, 1), "a certificate"))
		})},
		{"cert-cut", clause, "the certificate ends too early", nil, changedCertificate(func(c []byte) []byte { return c[:len(c)-1] })},
		{"cert-trailing", clause, "bytes follow the certificate's DER", nil, changedCertificate(func(c []byte) []byte { return append(c, 0, 0) })},
	}
}

// between are mutations of a chain that has an authority between certificate and root.
func between(clause string) []mutating {
	return []mutating{
		{"no-authority", trust, "the authority's certificate, between this one and the root, is left out", changed(func(d *draft) { d.behind = nil }), nil},
		{"order", clause, "the authority's certificate comes first in x5c", nil, changed(func(d *draft) {
			slices.Reverse(d.x5c)
			d.members.setChain("x5c", d.x5c)
		})},
	}
}

// rooted adds the root to x5c, where it proves nothing: it is allowed, and some refuse it.
func rooted() []mutating {
	return []mutating{{"root-inside", trust, "the root is in x5c too (allowed)",
		changed(func(d *draft) { d.behind = append(d.behind, d.attester.root.Certificate()) }), nil}}
}

// underStranger has somebody else issue the certificate, by the same names.
func underStranger(d *draft) error {
	by := d.leaf.by
	if by.certificate.Equal(d.attester.root.certificate) {
		d.leaf.by = d.attester.stranger.itself()
		return nil
	}
	purposes := map[string]string{FormatTPM: "TPM", FormatAndroidKey: "Android", FormatSafetyNet: "SafetyNet", FormatApple: "Anonymous"}
	other, err := d.attester.stranger.authority(purposes[d.format])
	if err != nil {
		return err
	}
	for i, c := range d.behind {
		switch string(c) {
		case string(by.certificate.Raw):
			d.behind[i] = other.certificate.Raw
		case string(d.attester.root.Certificate()):
			d.behind[i] = d.attester.stranger.Certificate()
		}
	}
	d.leaf.by = other
	return nil
}

// underLeaf has one who attests for another model issue the certificate: whoever has the secrets of one key could make any
// other.
func underLeaf(d *draft) error {
	batch, err := d.attester.root.NewBatch(Model{Name: "another model", AAGUID: otherModel})
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(batch.certificate)
	if err != nil {
		return err
	}
	id := sha1.Sum(certificate.RawSubjectPublicKeyInfo)
	d.leaf.by, d.leaf.template.AuthorityKeyId = &authority{key: batch.key, certificate: certificate}, id[:]
	d.behind = append([][]byte{batch.certificate}, d.behind...)
	return nil
}

// changedCertificate changes the bytes of the first one, once it is signed.
func changedCertificate(f func([]byte) []byte) func(*draft) error {
	return changed(func(d *draft) {
		d.x5c[0] = f(slices.Clone(d.x5c[0]))
		d.members.setChain("x5c", d.x5c)
	})
}

// renumber signs a certificate anew with another version, which x509 would not make.
func renumber(certificate []byte, version byte, by *authority) ([]byte, error) {
	var c struct {
		Body      asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(certificate, &c); err != nil {
		return nil, err
	}
	body := c.Body.FullBytes
	at := len(body) - len(c.Body.Bytes)
	if string(body[at:at+4]) != "\xa0\x03\x02\x01" {
		return nil, errors.New("the certificate has no version where RFC 5280 Section 4.1 has it")
	}
	body[at+4] = version - 1
	signature, err := by.key.Sign(body)
	if err != nil {
		return nil, err
	}
	c.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(c)
}

// constraints are mutations of basic constraints.
func constraints(clause string) []mutating {
	return []mutating{
		{"ca", clause, "basic constraints say that the certificate is an authority's",
			changed(func(d *draft) { d.leaf.template.IsCA = true }), nil},
		{"no-constraints", clause, "there are no basic constraints",
			changed(func(d *draft) { d.leaf.template.BasicConstraintsValid = false }), nil},
	}
}

// second has a certificate of the second version.
func second(clause string) []mutating {
	return []mutating{{"version", clause, "the certificate is of version 2", changed(func(d *draft) { d.leaf.version = 2 }), nil}}
}

// replaced puts an extension in place of the one of the same name, and takes it away where there is none.
func replaced(id asn1.ObjectIdentifier, e *pkix.Extension) func(*draft) error {
	return changed(func(d *draft) {
		t := d.leaf.template
		t.ExtraExtensions = slices.DeleteFunc(slices.Clone(t.ExtraExtensions), func(x pkix.Extension) bool { return x.Id.Equal(id) })
		if e != nil {
			t.ExtraExtensions = append(t.ExtraExtensions, *e)
		}
	})
}

// otherModel is the AAGUID of nobody's.
var otherModel = [16]byte{0xee, 15: 0xee}

// aaguids are mutations of the extension that names the model.
func aaguids(clause string) []mutating {
	wrapped, err := asn1.Marshal(otherModel[:])
	if err != nil {
		panic("attest: internal error: " + err.Error()) // a byte string always can
	}
	return []mutating{{"aaguid", clause, "the certificate's AAGUID is another model's",
		replaced(oidAAGUID, &pkix.Extension{Id: oidAAGUID, Value: wrapped}), nil}}
}

// otherKey returns a key of the same algorithm as k, of somebody else.
func (d *draft) otherKey(k *cose.PrivateKey) (*cose.PrivateKey, error) {
	if other := d.attester.keys["other "+k.String()]; other != nil {
		return other, nil
	}
	other, err := cose.NewPrivateKey(k.Algorithm(), derive(d.attester.root.seed, "somebody else's key", Model{}))
	if err == nil {
		d.attester.keys["other "+k.String()] = other
	}
	return other, err
}
