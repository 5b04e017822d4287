package attest

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"strings"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
)

func androidKeyMutations() []Mutation {
	const cbor, sig, public, scope = "8.4: syntax", "8.4: sig", "8.4: credentialPublicKey", "8.4: allApplications"
	hardware := func(tag int, v any, set bool) func(*draft) error {
		return func(d *draft) (err error) {
			d.android.Hardware, err = d.android.Hardware.with(tag, v, set)
			return err
		}
	}
	return of(FormatAndroidKey, syntax(cbor, "alg", "sig", "x5c"), []mutating{
		{"sig", sig, "one bit of the signature is wrong", nil, flipped},
		{"replay", sig, "the signature is that of another ceremony", ofOtherData, nil},
		{"other-signer", sig, "another key has signed than the certificate's", bySomebodyElse, nil},
		{"alg", sig, "the signature is said to be of ES384", changed(func(d *draft) { d.says = int64(cose.ES384) }), nil},
		{"sig-text", cbor, "the signature is a text", nil, inText("sig")},
		{"other-key", public, "the certificate's key, which has signed, is another one than the credential's", func(d *draft) error {
			key, err := d.otherKey(d.key)
			if err == nil {
				d.key, d.leaf.public = key, key.Public()
			}
			return err
		}, nil},
		{"challenge", "8.4: attestationChallenge", "the challenge is that of another ceremony", changed(func(d *draft) {
			d.android.Challenge = derive(d.attester.root.seed, "client data of another", Model{})
		}), nil},
		{"no-challenge", "8.4: attestationChallenge", "the challenge is empty", changed(func(d *draft) { d.android.Challenge = nil }), nil},
		{"all-applications-tee", scope, "teeEnforced lets all applications use the key", hardware(tagAllApplications, nil, false), nil},
		{"all-applications-software", scope, "softwareEnforced lets all applications use the key", func(d *draft) (err error) {
			d.android.Software, err = d.android.Software.with(tagAllApplications, nil, false)
			return err
		}, nil},
		{"origin", "8.4: origin", "the key was imported", hardware(tagOrigin, originImported, false), nil},
		{"no-origin", "8.4: origin", "nothing is said of the key's origin",
			changed(func(d *draft) { d.android.Hardware = d.android.Hardware.without(tagOrigin) }), nil},
		{"purpose", "8.4: purpose", "the key is for encryption", hardware(tagPurpose, []int{purposeEncrypt}, true), nil},
		{"no-purpose", "8.4: purpose", "nothing is said of the key's purpose",
			changed(func(d *draft) { d.android.Hardware = d.android.Hardware.without(tagPurpose) }), nil},
		{"software", "8.4: teeEnforced", "all that is said of the key is enforced by software alone (allowed)", changed(func(d *draft) {
			d.android.Software, d.android.Hardware = d.android.Hardware.and(d.android.Software), authorizations{}
			d.android.AttestationLevel, d.android.KeymasterLevel = 0, 0
		}), nil},
		{"no-description", "8.4.1: extension", "the certificate has no description of the key", changed(func(d *draft) { d.android = nil }), nil},
		{"description", "8.4.1: extension", "the description of the key is no SEQUENCE", changed(func(d *draft) {
			d.android = nil
			d.leaf.template.ExtraExtensions = []pkix.Extension{{Id: oidKeyDescription, Value: []byte{4, 1, 0}}}
		}), nil},
	}, chains(cbor), between(cbor), []mutating{
		{"no-root", trust, "the root is not in x5c (allowed)", changed(func(d *draft) { d.behind = d.behind[:1] }), nil},
	})
}

func safetyNetMutations() []Mutation {
	const cbor, response, nonce, host = "8.5: syntax", "8.5: response", "8.5: nonce", "8.5: SafetyNet service"
	payload := func(f func(*safetyNetPayload)) func(*draft) error {
		return changed(func(d *draft) { f(&d.response.payload) })
	}
	after := func(f func(jws string) string) func(*draft) error {
		return changed(func(d *draft) { d.response.change = f })
	}
	return of(FormatSafetyNet, syntax(cbor, "response"), []mutating{
		{"no-ver", cbor, "there is no version", nil, without("ver")},
		{"ver", "8.5: ver", "the version is empty", changed(func(d *draft) { d.response.version = "" }), nil},
		{"response-text", cbor, "the response is a text", nil, changed(func(d *draft) { d.members.setText("response", "e30.e30.e30") })},
		{"sig", response, "one bit of the signature is wrong", after(func(jws string) string {
			head, sig := jws[:strings.LastIndex(jws, ".")+1], jws[strings.LastIndex(jws, ".")+1:]
			b, err := base64.RawURLEncoding.DecodeString(sig)
			if err != nil {
				return ""
			}
			b[0] ^= 1
			return head + base64.RawURLEncoding.EncodeToString(b)
		}), nil},
		{"alg-none", response, "the response is not signed: alg is none", changed(func(d *draft) {
			d.response.header.Algorithm = "none"
			d.response.change = func(jws string) string { return jws[:strings.LastIndex(jws, ".")+1] }
		}), nil},
		{"other-signer", response, "another key has signed than the certificate's", bySomebodyElse, nil},
		{"no-json", response, "the response is no JSON Web Signature", after(func(string) string { return "response" }), nil},
		{"nonce", nonce, "the nonce is that of another ceremony", func(d *draft) error {
			d.response.payload.Nonce = base64.StdEncoding.EncodeToString(derive(d.attester.root.seed, "client data of another", Model{}))
			return nil
		}, nil},
		{"nonce-url", nonce, "the nonce is in base64url", func(d *draft) error {
			message, err := d.signedData()
			d.response.payload.Nonce = base64.RawURLEncoding.EncodeToString(digest(message))
			return err
		}, nil},
		{"cts", response, "ctsProfileMatch is false: the telephone is not what was certified", payload(func(p *safetyNetPayload) { p.CTS = false }), nil},
		{"integrity", response, "basicIntegrity is false: the telephone has been tampered with",
			payload(func(p *safetyNetPayload) { p.CTS, p.Integrity = false, false }), nil},
		{"old", response, "the response is a day old", payload(func(p *safetyNetPayload) { p.Timestamp -= (24 * time.Hour).Milliseconds() }), nil},
		{"early", response, "the response is a day ahead", payload(func(p *safetyNetPayload) { p.Timestamp += (24 * time.Hour).Milliseconds() }), nil},
		{"no-time", response, "the response does not say when it was made", payload(func(p *safetyNetPayload) { p.Timestamp = 0 }), nil},
		{"host", host, "the certificate is another host's", changed(func(d *draft) {
			d.leaf.template.Subject.CommonName, d.leaf.template.DNSNames = "attest.example.test", []string{"attest.example.test"}
		}), nil},
		{"host-name-only", host, "the certificate's common name is right, and its subject alternative name another host's",
			changed(func(d *draft) { d.leaf.template.DNSNames = []string{"attest.example.test"} }), nil},
	}, inJWS(chains(response)), []mutating{between(response)[0]}, rooted())
}

// inJWS are those of the mutations that change a certificate before it is issued: afterwards it is signed already.
func inJWS(list []mutating) (out []mutating) {
	for _, m := range list {
		if m.before != nil {
			out = append(out, m)
		}
	}
	return out
}

func appleMutations() []Mutation {
	const cbor, nonce, key = "8.8: syntax", "8.8: nonce", "8.8: Subject Public Key"
	return of(FormatApple, syntax(cbor, "x5c"), []mutating{
		{"nonce", nonce, "the nonce is that of another ceremony", changed(func(d *draft) {
			d.nonce = derive(d.attester.root.seed, "client data of another", Model{})
		}), nil},
		{"nonce-cut", nonce, "the nonce is the first half of what it is to be", func(d *draft) error {
			message, err := d.signedData()
			d.nonce = digest(message)[:hashSize/2]
			return err
		}, nil},
		{"nonce-unhashed", nonce, "the nonce is what is to be hashed, without being hashed", func(d *draft) (err error) {
			d.nonce, err = d.signedData()
			return err
		}, nil},
		{"no-nonce", nonce, "the certificate has no nonce", changed(func(d *draft) {
			d.finish = (*draft).conclude
		}), nil},
		{"nonce-bare", nonce, "the nonce is an OCTET STRING, in no SEQUENCE", func(d *draft) error {
			message, err := d.signedData()
			if err != nil {
				return err
			}
			e, err := extensionOf(oidAppleNonce, false, digest(message))
			d.leaf.template.ExtraExtensions = []pkix.Extension{e}
			return err
		}, nil},
		{"other-key", key, "the certificate's key is another one than the credential's", func(d *draft) error {
			other, err := d.otherKey(d.subject.Credential)
			if err == nil {
				d.leaf.public = other.Public()
			}
			return err
		}, nil},
	}, chains(cbor), between(cbor), rooted())
}

func compoundMutations() []Mutation {
	const cbor, each, many = "8.9: syntax", "8.9: each statement", "8.9: two or more"
	return of(FormatCompound, []mutating{
		{"one", many, "there is one statement only", changed(func(d *draft) { d.parts = d.parts[:1] }), nil},
		{"empty", many, "there is no statement", changed(func(d *draft) { d.parts = nil }), nil},
		{"map", cbor, "the statement is a map, as those of other formats are", nil, changed(func(d *draft) { d.encoded = d.parts[0].encode() })},
		{"nested", cbor, "one of the statements is a compound", nil, changed(func(d *draft) {
			inner := &draft{format: FormatCompound, encoded: d.encoded}
			d.encoded = array(d.parts[0].object(), inner.object())
		})},
		{"no-format", cbor, "one of the statements does not say its format", nil, changed(func(d *draft) {
			m := members{}
			m.set("attStmt", d.parts[1].encode())
			d.encoded = array(d.parts[0].object(), m.append(nil))
		})},
		{"unknown-format", each, "one of the statements is of a format that nobody has registered", changed(func(d *draft) { d.parts[1].format = "x-mfalab" }), nil},
		{"first", each, "the first statement has a bit of its signature wrong", nil, broken(0)},
		{"last", each, "the last statement has a bit of its signature wrong", nil, broken(1)},
		{"all", each, "every statement has a bit of its signature wrong", nil, func(d *draft) error {
			for i := range d.parts {
				if err := broken(i)(d); err != nil {
					return err
				}
			}
			return nil
		}},
	})
}

// broken changes the signature of one statement of a compound.
func broken(i int) func(*draft) error {
	return func(d *draft) error {
		if err := flipped(d.parts[i]); err != nil {
			return err
		}
		var objects [][]byte
		for _, part := range d.parts {
			objects = append(objects, part.object())
		}
		d.encoded = array(objects...)
		return nil
	}
}

// array is one of items that are CBOR.
func array(items ...[]byte) []byte {
	b := appendHead(nil, majorArray, len(items))
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}
