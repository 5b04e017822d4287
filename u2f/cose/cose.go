// Package cose is the part of COSE that a security key speaks: public keys as COSE_Key
// maps in both directions, private keys that come from a seed, and their signatures.
//
// The keys are those of RFC 9052 Section 7 and RFC 9053 Section 7 (August 2022), the
// signatures those of RFC 9053 Section 2; cited as "COSE Section". Which parameters a
// COSE_Key may hold, and in what order, is said by CTAP 2.1 (PS 2021-06-15, errata
// 2022-06-21), Sections 6.5.6 and 8.
//
// On the wire an EC2 key is a map of five entries, an OKP key one of four, in this order:
//
//	 1: kty   2 (EC2)   1 (OKP)
//	 3: alg  -7, -25   -8
//	-1: crv   1 (P-256) 6 (Ed25519)
//	-2: x    32 bytes  32 bytes
//	-3: y    32 bytes
//
// The package is pure: it draws no randomness. Keys are a function of their seed, and
// ECDSA nonces follow RFC 6979, so that the same key signs the same message alike.
//
// Not implemented: algorithms other than ES256, EdDSA and ECDH-ES+HKDF-256; compressed
// points; the COSE messages themselves.
package cose

import "strconv"

// An Algorithm is a COSE algorithm identifier, as in the "alg" of a COSE_Key and in the
// pubKeyCredParams of authenticatorMakeCredential.
type Algorithm int64

// From the specification.
const (
	ES256        Algorithm = -7  // ECDSA with SHA-256, here always on P-256. COSE Section 2.1
	EdDSA        Algorithm = -8  // here always Ed25519. COSE Section 2.2
	ECDHES       Algorithm = -25 // ECDH-ES + HKDF-256: the label of key agreement keys. CTAP 2.1 Section 6.5.6
	keyEC2                 = 2   // kty. COSE Section 7.1
	keyOKP                 = 1   // kty. COSE Section 7.2
	p256                   = 1   // crv. COSE Section 7.1
	ed25519Curve           = 6   // crv. COSE Section 7.1

	coordinateSize = 32 // bytes of a coordinate of P-256, and of an Ed25519 public key
)

// String returns the name in the IANA registry, or the number when it has none here.
func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case EdDSA:
		return "EdDSA"
	case ECDHES:
		return "ECDH-ES + HKDF-256"
	}
	return strconv.FormatInt(int64(a), 10)
}

// Signs reports whether [NewPrivateKey] makes keys for a.
func (a Algorithm) Signs() bool {
	return a == ES256 || a == EdDSA
}
