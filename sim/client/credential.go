package client

import (
	"crypto"
	"crypto/x509"
	"encoding/json"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// credential is a RegistrationResponseJSON or an AuthenticationResponseJSON, its members in the order of Section 5.1.
type credential struct {
	ID         encoded  `json:"id"`
	RawID      encoded  `json:"rawId"`
	Response   response `json:"response"`
	Attachment string   `json:"authenticatorAttachment"`
	Extensions outputs  `json:"clientExtensionResults"`
	Type       string   `json:"type"`
}

// response is an AuthenticatorAttestationResponseJSON or an AuthenticatorAssertionResponseJSON.
type response struct {
	ClientData  encoded  `json:"clientDataJSON"`
	AuthData    encoded  `json:"authenticatorData"`
	Transports  []string `json:"transports,omitzero"` // in the order of the alphabet
	PublicKey   encoded  `json:"publicKey,omitempty"` // SubjectPublicKeyInfo, DER
	Algorithm   int64    `json:"publicKeyAlgorithm,omitempty"`
	Attestation encoded  `json:"attestationObject,omitempty"`
	Signature   encoded  `json:"signature,omitempty"`
	UserHandle  encoded  `json:"userHandle,omitempty"`
}

// outputs are the client extension results.
type outputs struct {
	CredProps *credProps `json:"credProps,omitempty"`
}

type credProps struct {
	RK bool `json:"rk"`
}

func (c *credential) encode() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, &Error{Name: NotAllowedError, Message: "the credential cannot be written", Err: err}
	}
	return b, nil
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
	b := []byte{0xa3}
	b = appendCBOR(appendCBOR(b, "fmt"), made.Format)
	b = append(appendCBOR(b, "attStmt"), made.Statement...)
	return appendCBOR(appendCBOR(b, "authData"), made.AuthData)
}

// appendCBOR appends a text or bytes.
func appendCBOR(b []byte, v any) []byte {
	item, err := cbor.Marshal(v)
	if err != nil {
		panic("client: internal error: " + err.Error())
	}
	return append(b, item...)
}
