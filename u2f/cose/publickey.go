package cose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// AppendPublicKey appends public as a COSE_Key for use with a, in CTAP2 canonical form. An
// ES256 key is an *ecdsa.PublicKey on P-256, an EdDSA key an ed25519.PublicKey, an ECDHES
// key an *ecdh.PublicKey on P-256; another combination is an error.
func AppendPublicKey(b []byte, a Algorithm, public crypto.PublicKey) ([]byte, error) {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		if a != ES256 || pub == nil || pub.Curve != elliptic.P256() {
			break
		}
		point, err := pub.Bytes()
		if err != nil {
			return nil, fmt.Errorf("cose: the public key is not a point of P-256: %w", err)
		}
		return appendEC2(b, a, point), nil
	case *ecdh.PublicKey:
		if a != ECDHES || pub == nil || pub.Curve() != ecdh.P256() {
			break
		}
		return appendEC2(b, a, pub.Bytes()), nil
	case ed25519.PublicKey:
		if a != EdDSA || len(pub) != ed25519.PublicKeySize {
			break
		}
		b = append(b, 0xa4, 0x01, keyOKP, 0x03)
		b = appendInt(b, int64(a))
		b = append(b, 0x20, ed25519Curve, 0x21, 0x58, coordinateSize)
		return append(b, pub...), nil
	}
	return nil, fmt.Errorf("cose: a public key of type %T does not go with %v; use P-256 or Ed25519", public, a)
}

// appendEC2 appends the COSE_Key of an uncompressed point: 0x04, x, y.
func appendEC2(b []byte, a Algorithm, point []byte) []byte {
	x, y := point[1:1+coordinateSize], point[1+coordinateSize:]
	b = append(b, 0xa5, 0x01, keyEC2, 0x03)
	b = appendInt(b, int64(a))
	b = append(b, 0x20, p256, 0x21, 0x58, coordinateSize)
	b = append(b, x...)
	b = append(b, 0x22, 0x58, coordinateSize)
	return append(b, y...)
}

// appendInt appends a negative integer of at most one byte in its shortest form.
func appendInt(b []byte, v int64) []byte {
	if n := byte(-1 - v); n >= 24 {
		return append(b, 0x38, n)
	} else {
		return append(b, 0x20|n)
	}
}

// wire is a COSE_Key as it is read. Alg is a pointer because CTAP demands what COSE leaves
// optional.
type wire struct {
	Kty *int64 `cbor:"1,keyasint"`
	Alg *int64 `cbor:"3,keyasint"`
	Crv *int64 `cbor:"-1,keyasint"`
	X   []byte `cbor:"-2,keyasint"`
	Y   []byte `cbor:"-3,keyasint"`
}

// decoder refuses a parameter that is not in wire, because neither a credential's nor a
// key agreement's COSE_Key may hold other optional ones (CTAP 2.1 Section 6.5.6), and a
// text string where bytes belong.
var decoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		panic("cose: internal error: " + err.Error())
	}
	return mode
}()

// ErrType is the error for a parameter of a COSE_Key that has the wrong CBOR type, as
// opposed to a wrong value.
var ErrType = errors.New("cose: a parameter of the COSE_Key has the wrong type; write integers and byte strings")

// ParsePublicKey reads the COSE_Key that is the whole of b. The type of public follows from
// the algorithm, as for [AppendPublicKey]. A point that is not on the curve, a coordinate
// that is not 32 bytes long, a missing "alg", a parameter that does not belong there: each
// is an error. The bytes of an Ed25519 key are not checked to be a point; a signature under
// a key that is none does not verify. Nothing returned refers to b.
func ParsePublicKey(b []byte) (a Algorithm, public crypto.PublicKey, err error) {
	var w wire
	if err := decoder.Unmarshal(b, &w); err != nil {
		if _, ok := errors.AsType[*cbor.UnmarshalTypeError](err); ok {
			return 0, nil, ErrType
		}
		return 0, nil, fmt.Errorf("cose: not a COSE_Key: %w", err)
	}
	if w.Kty == nil || w.Alg == nil || w.Crv == nil {
		return 0, nil, errors.New("cose: the COSE_Key lacks kty, alg or crv; give all three")
	}
	a = Algorithm(*w.Alg)
	public, err = w.public(a)
	if err != nil {
		return 0, nil, err
	}
	return a, public, nil
}

// public checks what was read against its algorithm.
func (w *wire) public(a Algorithm) (crypto.PublicKey, error) {
	switch {
	case (a == ES256 || a == ECDHES) && *w.Kty == keyEC2 && *w.Crv == p256:
		if len(w.X) != coordinateSize || len(w.Y) != coordinateSize {
			return nil, fmt.Errorf("cose: coordinates of %d and %d bytes; P-256 has %d each",
				len(w.X), len(w.Y), coordinateSize)
		}
		point := append(append([]byte{4}, w.X...), w.Y...)
		var public crypto.PublicKey
		var err error
		if a == ECDHES {
			public, err = ecdh.P256().NewPublicKey(point)
		} else {
			public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		}
		if err != nil {
			return nil, errors.New("cose: the public key is not a point of P-256")
		}
		return public, nil
	case a == EdDSA && *w.Kty == keyOKP && *w.Crv == ed25519Curve:
		if len(w.X) != ed25519.PublicKeySize || w.Y != nil {
			return nil, fmt.Errorf("cose: an Ed25519 key of %d bytes; give %d and no y", len(w.X), coordinateSize)
		}
		return ed25519.PublicKey(w.X), nil
	}
	return nil, fmt.Errorf("cose: algorithm %v with key type %d and curve %d is not known; use ES256 or EdDSA",
		a, *w.Kty, *w.Crv)
}

// Verify reports whether signature is one of message under public with a, in the form that
// [PrivateKey.Sign] gives it.
func Verify(a Algorithm, public crypto.PublicKey, message, signature []byte) bool {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		return a == ES256 && ecdsa.VerifyASN1(pub, digest[:], signature)
	case ed25519.PublicKey:
		return a == EdDSA && len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, message, signature)
	}
	return false
}
