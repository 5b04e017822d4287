// Package cose is the part of COSE that a security key speaks: public keys as COSE_Key
// maps in both directions, private keys that come from a seed, and their signatures.
//
// The keys are those of RFC 9052 Section 7 and RFC 9053 Section 7 (August 2022), the
// signatures those of RFC 9053 Section 2; cited as "COSE Section". RSA keys are RFC 8230's
// and their signatures RFC 8812's, ML-DSA is RFC 9964's. Which parameters a
// COSE_Key may hold, and in what order, is said by CTAP 2.1 (PS 2021-06-15, errata
// 2022-06-21), Sections 6.5.6 and 8.
//
// On the wire an EC2 key is a map of five entries, an OKP or RSA key one of four, an AKP key
// one of three, in this order:
//
//	 1: kty   2 (EC2)                        1 (OKP)      3 (RSA)           7 (AKP)
//	 3: alg  -7, -25 (P-256)   -35 (P-384)  -8           -257              -48
//	-1: crv   1 (P-256)         2 (P-384)    6 (Ed25519)  n, 256 bytes      pub, 1312 bytes
//	-2: x    32 bytes          48 bytes     32 bytes     e, 3 bytes
//	-3: y    32 bytes          48 bytes
//
// The package is pure: it draws no randomness. Keys are a function of their seed, ECDSA
// nonces follow RFC 6979, and ML-DSA signs in its deterministic form, so that the same key
// signs the same message alike.
//
// Not implemented: other algorithms than ES256, ES384, EdDSA, RS256, ML-DSA-44 and
// ECDH-ES+HKDF-256; compressed points; the COSE messages themselves.
package cose

import (
	"slices"
	"strconv"
)

// An Algorithm is a COSE algorithm identifier, as in the "alg" of a COSE_Key and in the
// pubKeyCredParams of authenticatorMakeCredential.
type Algorithm int64

// From the specification.
const (
	ES256        Algorithm = -7   // ECDSA with SHA-256, here always on P-256. COSE Section 2.1
	EdDSA        Algorithm = -8   // here always Ed25519. COSE Section 2.2
	ES384        Algorithm = -35  // ECDSA with SHA-384, here always on P-384. COSE Section 2.1
	MLDSA44      Algorithm = -48  // ML-DSA-44, without a context. RFC 9964 Section 3
	RS256        Algorithm = -257 // RSASSA-PKCS1-v1_5 with SHA-256. RFC 8812 Section 2
	ECDHES       Algorithm = -25  // ECDH-ES + HKDF-256: the label of key agreement keys. CTAP 2.1 Section 6.5.6
	keyEC2                 = 2    // kty. COSE Section 7.1
	keyOKP                 = 1    // kty. COSE Section 7.2
	keyRSA                 = 3    // kty. RFC 8230 Section 4
	keyAKP                 = 7    // kty. RFC 9964 Section 4
	p256                   = 1    // crv. COSE Section 7.1
	p384                   = 2    // crv. COSE Section 7.1
	ed25519Curve           = 6    // crv. COSE Section 7.1

	coordinateSize = 32   // bytes of a coordinate of P-256, and of an Ed25519 public key
	coordinate384  = 48   // bytes of a coordinate of P-384
	mldsa44Size    = 1312 // bytes of an ML-DSA-44 public key. FIPS 204, Section 4
)

// Algorithms returns those that [NewPrivateKey] makes keys for.
func Algorithms() []Algorithm { return []Algorithm{ES256, EdDSA, ES384, RS256, MLDSA44} }

// String returns the name in the IANA registry, or the number when it has none here.
func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case EdDSA:
		return "EdDSA"
	case ES384:
		return "ES384"
	case RS256:
		return "RS256"
	case MLDSA44:
		return "ML-DSA-44"
	case ECDHES:
		return "ECDH-ES + HKDF-256"
	}
	return strconv.FormatInt(int64(a), 10)
}

// Signs reports whether [NewPrivateKey] makes keys for a.
func (a Algorithm) Signs() bool { return slices.Contains(Algorithms(), a) }
