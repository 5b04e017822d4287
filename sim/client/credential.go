package client

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// credential is a RegistrationResponseJSON or an AuthenticationResponseJSON. See Section 5.1.
type credential struct {
	id         []byte
	attachment string // of the key
	response   response
	extensions outputs
}

// response is an AuthenticatorAttestationResponseJSON, which has an attestation object, or an
// AuthenticatorAssertionResponseJSON.
type response struct {
	clientData  []byte
	authData    []byte
	transports  []string // in the order of the alphabet
	publicKey   []byte   // SubjectPublicKeyInfo, DER; nil where it has no such form
	algorithm   int64
	attestation []byte
	signature   []byte
	userHandle  []byte // nil where there is none
}

// outputs are the client extension results. See Section 10.1 and CTAP Section 12.
type outputs struct {
	AppID        *bool            `json:"appid,omitempty"`
	AppIDExclude *bool            `json:"appidExclude,omitempty"`
	CredProps    *credProps       `json:"credProps,omitempty"`
	PRF          *prfOutput       `json:"prf,omitempty"`
	LargeBlob    *largeBlobOutput `json:"largeBlob,omitempty"`
	CredBlob     *bool            `json:"credBlob,omitempty"`
	GetCredBlob  encoded          `json:"getCredBlob,omitzero"` // no bytes where the credential has no blob
	HMACCreate   *bool            `json:"hmacCreateSecret,omitempty"`
	HMACGet      *hmacOutput      `json:"hmacGetSecret,omitempty"`
}

type credProps struct {
	RK bool `json:"rk"`
}

// prfOutput is an AuthenticationExtensionsPRFOutputs. See Section 10.1.4.
type prfOutput struct {
	Enabled *bool      `json:"enabled,omitempty"` // at registration
	Results *prfValues `json:"results,omitempty"`
}

// set takes what the key came to; nil is nothing.
func (p *prfOutput) set(first, second []byte) {
	if first != nil {
		p.Results = &prfValues{first, second}
	}
}

// hmacOutput is an HMACGetSecretOutput. See CTAP Section 12.7.
type hmacOutput struct {
	First  encoded `json:"output1"`
	Second encoded `json:"output2,omitempty"`
}

// largeBlobOutput is an AuthenticationExtensionsLargeBlobOutputs. See Section 10.1.5.
type largeBlobOutput struct {
	Supported *bool   `json:"supported,omitempty"` // at registration
	Blob      encoded `json:"blob,omitzero"`
	Written   *bool   `json:"written,omitempty"`
}

// encode writes the members in the order of Section 5.1.
func (c *credential) encode() ([]byte, error) {
	results := []byte("{}")
	if !reflect.ValueOf(&c.extensions).Elem().IsZero() {
		var err error
		if results, err = json.Marshal(&c.extensions); err != nil {
			return nil, &Error{Name: NotAllowedError, Message: "the credential cannot be written", Err: err}
		}
	}
	r := &c.response
	b := make([]byte, 0, 512+4*(len(c.id)+len(r.clientData)+len(r.authData)+len(r.attestation)+len(r.publicKey)+len(r.signature))/3+len(results))
	member := func(name string, value []byte) {
		b = append(append(append(b, '"'), name...), `":"`...)
		b = append(base64.RawURLEncoding.AppendEncode(b, value), `",`...)
	}
	b = append(b, '{')
	member("id", c.id)
	member("rawId", c.id)
	b = append(b, `"response":{`...)
	member("clientDataJSON", r.clientData)
	member("authenticatorData", r.authData)
	if r.attestation != nil {
		b = append(b, `"transports":[`...)
		for _, t := range r.transports {
			b = append(appendString(b, t), ',')
		}
		b = append(bytes.TrimSuffix(b, []byte(",")), `],`...)
		if r.publicKey != nil {
			member("publicKey", r.publicKey)
		}
		b = append(strconv.AppendInt(append(b, `"publicKeyAlgorithm":`...), r.algorithm, 10), ',')
		member("attestationObject", r.attestation)
	} else {
		member("signature", r.signature)
		if r.userHandle != nil {
			member("userHandle", r.userHandle)
		}
	}
	b = append(bytes.TrimSuffix(b, []byte(",")), `},"authenticatorAttachment":"`+c.attachment+`","clientExtensionResults":`...)
	return append(append(b, results...), `,"type":"`+publicKey+`"}`...), nil
}

// From the specification: what an ES256 key is in COSE, in canonical form, before x and before y (CTAP Section 6.5.6), and as
// SubjectPublicKeyInfo before both of them (RFC 5480, Section 2).
const (
	cosePoint = "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"
	coseY     = "\x22\x58\x20"
	spkiPoint = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"
	pointHalf = 32
)

// public returns the algorithm of a COSE_Key and the key as SubjectPublicKeyInfo, nil for one that has no such form. What
// most keys are is copied: whether it is a point is the relying party's to check. See Section 5.2.1.1.
func public(key []byte) (algorithm int64, info []byte) {
	if x, ok := bytes.CutPrefix(key, []byte(cosePoint)); ok && len(x) == 2*pointHalf+len(coseY) && string(x[pointHalf:][:len(coseY)]) == coseY {
		return int64(cose.ES256), slices.Concat([]byte(spkiPoint), x[:pointHalf], x[pointHalf+len(coseY):])
	}
	a, public, err := cose.ParsePublicKey(key)
	if err != nil {
		var said struct {
			Alg int64 `cbor:"3,keyasint"`
		}
		_ = unmarshal(key, &said) // an algorithm that is not known here: 0 where not even that can be read
		return said.Alg, nil
	}
	return int64(a), spki(public)
}

// spki returns the key as SubjectPublicKeyInfo, nil for one that has no such form. See Section 5.2.1.1.
func spki(public crypto.PublicKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil
	}
	return b
}

// attestationObject encodes an answer with names in the place of numbers. See Section 6.5.
func attestationObject(made ctap.MakeCredentialResponse) []byte {
	b := make([]byte, 0, 64+len(made.Format)+len(made.Statement)+len(made.AuthData))
	b = append(append(b, "\xa3\x63fmt"...), marshal(made.Format)...)
	b = append(append(b, "\x67attStmt"...), made.Statement...)
	return append(append(b, "\x68authData"...), ctap.EncodeBytes(made.AuthData)...)
}
