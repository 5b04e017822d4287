package cose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"filippo.io/mldsa"
	"github.com/fxamacker/cbor/v2"
)

// From the specification: RFC 8230 Section 6.1 wants a modulus of 2048 bits or more. Our choice: no more than 4096, and
// the exponent that everybody uses, so that nobody makes us work.
const (
	leastModulus = 256 // bytes
	mostModulus  = 512
)

// AppendPublicKey appends public as a COSE_Key for use with a, in CTAP2 canonical form. An ES256 key is an
// *ecdsa.PublicKey on P-256, an ES384 key one on P-384, an EdDSA key an ed25519.PublicKey, an RS256 key an
// *rsa.PublicKey of 2048 to 4096 bits, an ML-DSA-44 key an *mldsa.PublicKey, an ECDHES key an *ecdh.PublicKey on P-256;
// another combination is an error.
func AppendPublicKey(b []byte, a Algorithm, public crypto.PublicKey) ([]byte, error) {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		if pub == nil || (a != ES256 || pub.Curve != elliptic.P256()) && (a != ES384 || pub.Curve != elliptic.P384()) {
			break
		}
		point, err := pub.Bytes()
		if err != nil {
			return nil, fmt.Errorf("cose: the public key is not a point of its curve: %w", err)
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
		b = appendInt(append(b, 0xa4, 0x01, keyOKP, 0x03), int64(a))
		return appendBytes(append(b, 0x20, ed25519Curve, 0x21), pub), nil
	case *rsa.PublicKey:
		if a != RS256 || pub == nil || !usual(pub) {
			break
		}
		b = appendInt(append(b, 0xa4, 0x01, keyRSA, 0x03), int64(a))
		b = appendBytes(append(b, 0x20), pub.N.Bytes())
		return appendBytes(append(b, 0x21), big.NewInt(int64(pub.E)).Bytes()), nil
	case *mldsa.PublicKey:
		if a != MLDSA44 || pub == nil || pub.Parameters() != mldsa.MLDSA44() {
			break
		}
		b = appendInt(append(b, 0xa3, 0x01, keyAKP, 0x03), int64(a))
		return appendBytes(append(b, 0x20), pub.Bytes()), nil
	}
	return nil, fmt.Errorf("cose: a public key of type %T does not go with %v; use %v", public, a, Algorithms())
}

// usual reports whether an RSA key has a size and an exponent that are taken.
func usual(pub *rsa.PublicKey) bool {
	return pub.N != nil && pub.E == publicExponent && pub.N.Sign() > 0 && pub.N.Bit(0) == 1 && pub.N.BitLen() > 8*leastModulus-8 &&
		pub.N.BitLen() <= 8*mostModulus
}

// appendEC2 appends the COSE_Key of an uncompressed point: 0x04, x, y.
func appendEC2(b []byte, a Algorithm, point []byte) []byte {
	size, curve := len(point)/2, byte(p256)
	if size == coordinate384 {
		curve = p384
	}
	b = appendInt(append(b, 0xa5, 0x01, keyEC2, 0x03), int64(a))
	b = appendBytes(append(b, 0x20, curve, 0x21), point[1:1+size])
	return appendBytes(append(b, 0x22), point[1+size:])
}

// appendInt appends a negative integer of at most two bytes in its shortest form.
func appendInt(b []byte, v int64) []byte { return appendHead(b, 0x20, int(-1-v)) }

// appendBytes appends a byte string of less than 2^16 bytes.
func appendBytes(b, v []byte) []byte { return append(appendHead(b, 0x40, len(v)), v...) }

func appendHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	}
	return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
}

// wire is a COSE_Key as it is read. What the labels -1 and -2 mean depends on the key type. Alg is a pointer because CTAP
// demands what COSE leaves optional.
type wire struct {
	Kty *int64          `cbor:"1,keyasint"`
	Alg *int64          `cbor:"3,keyasint"`
	One cbor.RawMessage `cbor:"-1,keyasint"` // crv, n, pub
	Two cbor.RawMessage `cbor:"-2,keyasint"` // x, e
	Y   []byte          `cbor:"-3,keyasint"`
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

// decode reads one item.
func decode(b []byte, v any) error {
	err := decoder.Unmarshal(b, v)
	if _, ok := errors.AsType[*cbor.UnmarshalTypeError](err); ok {
		return ErrType
	}
	if err != nil {
		return fmt.Errorf("cose: not a COSE_Key: %w", err)
	}
	return nil
}

// ParsePublicKey reads the COSE_Key that is the whole of b. The type of public follows from
// the algorithm, as for [AppendPublicKey]. A point that is not on the curve, a coordinate
// of another length than the curve's, a missing "alg", a parameter that does not belong there:
// each is an error. The bytes of an Ed25519 key are not checked to be a point; a signature under
// a key that is none does not verify. Nothing returned refers to b.
func ParsePublicKey(b []byte) (a Algorithm, public crypto.PublicKey, err error) {
	var w wire
	if err := decode(b, &w); err != nil {
		return 0, nil, err
	}
	if w.Kty == nil || w.Alg == nil || w.One == nil {
		return 0, nil, errors.New("cose: the COSE_Key lacks kty, alg or the parameter -1; give all three")
	}
	a = Algorithm(*w.Alg)
	switch *w.Kty {
	case keyRSA:
		public, err = w.rsa(a)
	case keyAKP:
		public, err = w.akp(a)
	default:
		public, err = w.curve(a)
	}
	if err != nil {
		return 0, nil, err
	}
	return a, public, nil
}

// curve reads a key that is a point.
func (w *wire) curve(a Algorithm) (crypto.PublicKey, error) {
	var crv int64
	var x []byte
	if err := decode(w.One, &crv); err != nil {
		return nil, err
	}
	if w.Two != nil {
		if err := decode(w.Two, &x); err != nil {
			return nil, err
		}
	}
	switch {
	case (a == ES256 || a == ECDHES) && *w.Kty == keyEC2 && crv == p256:
		return point(a, elliptic.P256(), coordinateSize, x, w.Y)
	case a == ES384 && *w.Kty == keyEC2 && crv == p384:
		return point(a, elliptic.P384(), coordinate384, x, w.Y)
	case a == EdDSA && *w.Kty == keyOKP && crv == ed25519Curve:
		if len(x) != ed25519.PublicKeySize || w.Y != nil {
			return nil, fmt.Errorf("cose: an Ed25519 key of %d bytes; give %d and no y", len(x), coordinateSize)
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, fmt.Errorf("cose: algorithm %v with key type %d and curve %d is not known; use %v", a, *w.Kty, crv, Algorithms())
}

func point(a Algorithm, curve elliptic.Curve, size int, x, y []byte) (public crypto.PublicKey, err error) {
	if len(x) != size || len(y) != size {
		return nil, fmt.Errorf("cose: coordinates of %d and %d bytes; %s has %d each", len(x), len(y), curve.Params().Name, size)
	}
	uncompressed := append(append([]byte{4}, x...), y...)
	if a == ECDHES {
		public, err = ecdh.P256().NewPublicKey(uncompressed)
	} else {
		public, err = ecdsa.ParseUncompressedPublicKey(curve, uncompressed)
	}
	if err != nil {
		return nil, fmt.Errorf("cose: the public key is not a point of %s", curve.Params().Name)
	}
	return public, nil
}

// rsa reads a modulus and an exponent, both without leading zeros. See RFC 8230 Section 4.
func (w *wire) rsa(a Algorithm) (crypto.PublicKey, error) {
	var n, e []byte
	if w.Two == nil || w.Y != nil || a != RS256 {
		return nil, fmt.Errorf("cose: an RSA key for %v that has not n and e alone; use RS256", a)
	}
	if err := errors.Join(decode(w.One, &n), decode(w.Two, &e)); err != nil {
		return nil, err
	}
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if len(e) != 3 || e[0] == 0 || len(n) == 0 || n[0] == 0 || !usual(pub) {
		return nil, fmt.Errorf("cose: an RSA key of %d bytes with an exponent of %d; give %d to %d and 65537, without leading zeros",
			len(n), len(e), leastModulus, mostModulus)
	}
	return pub, nil
}

// akp reads a key whose algorithm says what it looks like. See RFC 9964 Section 4.
func (w *wire) akp(a Algorithm) (crypto.PublicKey, error) {
	var pub []byte
	if w.Two != nil || w.Y != nil || a != MLDSA44 {
		return nil, fmt.Errorf("cose: an AKP key for %v that has not pub alone; use ML-DSA-44", a)
	}
	if err := decode(w.One, &pub); err != nil {
		return nil, err
	}
	public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), pub)
	if err != nil {
		return nil, fmt.Errorf("cose: an ML-DSA-44 key of %d bytes; give %d", len(pub), mldsa44Size)
	}
	return public, nil
}

// Verify reports whether signature is one of message under public with a, in the form that
// [PrivateKey.Sign] gives it.
func Verify(a Algorithm, public crypto.PublicKey, message, signature []byte) bool {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		if a == ES384 {
			digest := sha512.Sum384(message)
			return pub.Curve == elliptic.P384() && ecdsa.VerifyASN1(pub, digest[:], signature)
		}
		digest := sha256.Sum256(message)
		return a == ES256 && ecdsa.VerifyASN1(pub, digest[:], signature)
	case ed25519.PublicKey:
		return a == EdDSA && len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, message, signature)
	case *rsa.PublicKey:
		digest := sha256.Sum256(message)
		return a == RS256 && rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], signature) == nil
	case *mldsa.PublicKey:
		return a == MLDSA44 && mldsa.Verify(pub, message, signature, nil) == nil
	}
	return false
}
