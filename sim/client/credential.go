package client

import (
	"crypto"
	"crypto/x509"
	"encoding/json"

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
	b := append([]byte{0xa3}, marshal("fmt")...)
	b = append(append(b, marshal(made.Format)...), marshal("attStmt")...)
	b = append(append(b, made.Statement...), marshal("authData")...)
	return append(b, marshal(made.AuthData)...)
}
