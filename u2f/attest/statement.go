// Package attest makes what a security key says about where it comes from: attestation statements, and the lab's
// certificates behind them.
//
// It follows Web Authentication Level 2 (W3C Recommendation, 2021-04-08); Sections are that document's unless Level 3 is said.
// Everything is a function of its arguments: certificates and signatures come out the same for the same seed.
//
// A statement is a map in CTAP2 canonical form (CTAP 2.1, Section 8), of a compound an array:
//
//	packed             {"alg": -7, "sig": bytes, "x5c": [certificate]}    8.2, signed by a batch
//	packed             {"alg": alg, "sig": bytes}                         8.2, signed by the credential itself
//	tpm                {"alg", "sig", "ver", "x5c", "pubArea", "certInfo"} 8.3, signed by a TPM's attestation key
//	android-key        {"alg", "sig", "x5c"}                              8.4, signed by the credential; the certificate is its own
//	android-safetynet  {"ver", "response"}                                8.5, a JSON Web Signature
//	fido-u2f           {"sig": bytes, "x5c": [certificate]}               8.6
//	none               {}                                                 8.7
//	apple              {"x5c"}                                            8.8, the certificate is the credential's own
//	compound           [{"fmt", "attStmt"}, {"fmt", "attStmt"}]           Level 3, 8.9
//
// [Attester] makes any of them, and, by [Mutations], any that is wrong in one thing.
//
// Not implemented: ECDAA, which Level 2 has taken out.
package attest

import (
	"crypto/ecdsa"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/u2f/cose"
)

// The attestation statement format identifiers. See Sections 8.2, 8.6 and 8.7.
const (
	FormatPacked  = "packed"
	FormatFIDOU2F = "fido-u2f"
	FormatNone    = "none"
)

// From the specification: offsets into authenticator data. See Section 6.1.
const (
	hashSize         = 32 // SHA-256
	flagsAt          = 32
	flagAT           = 0x40 // attested credential data follows
	authDataSize     = 37   // at least
	credentialSizeAt = 53
	credentialAt     = 55
	es256KeySize     = 77 // a COSE_Key of ES256 in canonical form. CTAP 2.1, Section 6.5.6 shows one
)

// AppendPacked appends a packed statement signed by batch. clientDataHash has 32 bytes. See Section 8.2.
func AppendPacked(b []byte, batch *Batch, authData, clientDataHash []byte) ([]byte, error) {
	return appendPacked(b, batch.key, batch.certificate, authData, clientDataHash)
}

// AppendPackedSelf appends a packed statement signed by the key of the credential in authData itself. See Section 8.2.
func AppendPackedSelf(b []byte, credential *cose.PrivateKey, authData, clientDataHash []byte) ([]byte, error) {
	return appendPacked(b, credential, nil, authData, clientDataHash)
}

func appendPacked(b []byte, key *cose.PrivateKey, certificate, authData, clientDataHash []byte) ([]byte, error) {
	if err := checkSigned(authData, clientDataHash); err != nil {
		return nil, err
	}
	signature, err := key.Sign(slices.Concat(authData, clientDataHash))
	if err != nil {
		return nil, err
	}
	entries := 2
	if certificate != nil {
		entries = 3
	}
	b = slices.Grow(b, 32+len(signature)+len(certificate))
	b = appendHead(b, majorMap, entries)
	b = appendHead(appendText(b, "alg"), majorNegative, int(-1-key.Algorithm()))
	b = appendBytes(appendText(b, "sig"), signature)
	if certificate != nil {
		b = appendChain(b, certificate)
	}
	return b, nil
}

// AppendFIDOU2F appends a fido-u2f statement signed by batch. The credential in authData is one of ES256; its AAGUID
// is to be zero. See Section 8.6.
func AppendFIDOU2F(b []byte, batch *Batch, authData, clientDataHash []byte) ([]byte, error) {
	if err := checkSigned(authData, clientDataHash); err != nil {
		return nil, err
	}
	id, point, err := attested(authData)
	if err != nil {
		return nil, err
	}
	signature, err := batch.Sign(slices.Concat([]byte{0}, authData[:hashSize], clientDataHash, id, point))
	if err != nil {
		return nil, err
	}
	b = slices.Grow(b, 32+len(signature)+len(batch.certificate))
	b = appendBytes(appendText(appendHead(b, majorMap, 2), "sig"), signature)
	return appendChain(b, batch.certificate), nil
}

// AppendNone appends the statement of who says nothing. See Section 8.7.
func AppendNone(b []byte) []byte { return appendHead(b, majorMap, 0) }

// checkSigned reports what is wrong with what is to be signed.
func checkSigned(authData, clientDataHash []byte) error {
	if len(clientDataHash) != hashSize {
		return fmt.Errorf("attest: a client data hash of %d bytes: give the %d of SHA-256", len(clientDataHash), hashSize)
	}
	if len(authData) < authDataSize {
		return fmt.Errorf("attest: authenticator data of %d bytes: it has %d at least", len(authData), authDataSize)
	}
	return nil
}

// attested returns the id of the credential in authData and its public key as X9.62 writes it.
func attested(authData []byte) (id, point []byte, err error) {
	if len(authData) < credentialAt || authData[flagsAt]&flagAT == 0 {
		return nil, nil, errors.New("attest: authenticator data without a credential: fido-u2f has nothing to attest")
	}
	end := credentialAt + int(binary.BigEndian.Uint16(authData[credentialSizeAt:]))
	if len(authData) < end+es256KeySize {
		return nil, nil, fmt.Errorf("attest: authenticator data of %d bytes has no ES256 key at %d: fido-u2f attests no other", len(authData), end)
	}
	algorithm, public, err := cose.ParsePublicKey(authData[end : end+es256KeySize])
	if err != nil {
		return nil, nil, err
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || algorithm != cose.ES256 {
		return nil, nil, fmt.Errorf("attest: a credential of %v: fido-u2f attests ES256 only", algorithm)
	}
	point, err = key.Bytes()
	return authData[credentialAt:end], point, err
}

// The major types of CBOR that statements are made of. See RFC 8949 Section 3.1.
const (
	majorUnsigned = 0
	majorNegative = 1
	majorBytes    = 2
	majorText     = 3
	majorArray    = 4
	majorMap      = 5
)

// appendHead appends the shortest head for n below 2^16; certificates and signatures are shorter.
func appendHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major<<5|byte(n))
	case n < 1<<8:
		return append(b, major<<5|24, byte(n))
	}
	return append(b, major<<5|25, byte(n>>8), byte(n))
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, len(s)), s...)
}

func appendBytes(b, s []byte) []byte { return append(appendHead(b, majorBytes, len(s)), s...) }

func appendChain(b, certificate []byte) []byte {
	return appendBytes(appendHead(appendText(b, "x5c"), majorArray, 1), certificate)
}
