package cose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"filippo.io/mldsa"
)

// ParsePKCS8 returns the key of a PrivateKeyInfo (RFC 5958): P-256 signs ES256, P-384 ES384, Ed25519 EdDSA, RSA of 2048
// bits with the usual exponent RS256, and the seed of ML-DSA-44 (RFC 9881, Section 6) that.
func ParsePKCS8(der []byte) (*PrivateKey, error) {
	if k, err := parseMLDSA(der); k != nil || err != nil {
		return k, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("cose: this is no private key in PKCS#8") // the error may quote it
	}
	k := &PrivateKey{}
	switch p := parsed.(type) {
	case *ecdsa.PrivateKey:
		if k.algorithm = ES256; p.Curve == elliptic.P384() {
			k.algorithm = ES384
		}
		k.signer = p
	case ed25519.PrivateKey:
		k.algorithm, k.signer = EdDSA, p
	case *rsa.PrivateKey:
		k.algorithm, k.signer = RS256, p
	default:
		return nil, fmt.Errorf("cose: no keys of type %T; use one of %v", parsed, Algorithms())
	}
	return k, k.publish()
}

// MarshalPKCS8 returns the key as [ParsePKCS8] reads it. It is the secret itself.
func (k *PrivateKey) MarshalPKCS8() ([]byte, error) {
	if p, is := k.signer.(*mldsa.PrivateKey); is {
		return asn1.Marshal(mldsaInfo{Algorithm: mldsaIdentifier{mldsa44}, Key: append([]byte{seedTag, mldsaSeed}, p.Bytes()...)})
	}
	return x509.MarshalPKCS8PrivateKey(k.signer)
}

// From the specification: RFC 9881. A private key is its seed, of 32 bytes, under the context tag 0.
const (
	seedTag   = 0x80
	mldsaSeed = 32
)

// mldsa44 is id-ml-dsa-44, RFC 9881, Section 2.
var mldsa44 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}

type mldsaIdentifier struct{ Algorithm asn1.ObjectIdentifier }

type mldsaInfo struct {
	Version   int
	Algorithm mldsaIdentifier
	Key       []byte
}

// parseMLDSA returns nil for what is no key of ML-DSA-44.
func parseMLDSA(der []byte) (*PrivateKey, error) {
	var in mldsaInfo
	rest, err := asn1.Unmarshal(der, &in)
	if err != nil || !in.Algorithm.Algorithm.Equal(mldsa44) {
		return nil, nil
	}
	if len(rest) > 0 || in.Version != 0 || len(in.Key) != 2+mldsaSeed || in.Key[0] != seedTag || in.Key[1] != mldsaSeed {
		return nil, errors.New("cose: a private key of ML-DSA-44 that is not its seed alone; give that")
	}
	k := &PrivateKey{algorithm: MLDSA44}
	if k.signer, err = mldsa.NewPrivateKey(mldsa.MLDSA44(), in.Key[2:]); err != nil {
		return nil, err
	}
	return k, k.publish()
}
