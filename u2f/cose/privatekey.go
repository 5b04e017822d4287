package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
)

// From the specification.
const scalarSize = 32 // bytes of a private key of P-256, and of Ed25519's "seed"

// Our choice.
const (
	// MinSeed is the fewest bytes that a seed may have: as many as the strongest key made
	// from it, so that the derivation weakens none.
	MinSeed = 32

	// The labels keep the keys of one seed apart: a seed used with two algorithms gives
	// keys that tell nothing of each other.
	labelES256 = "mfalab cose ES256"
	labelEdDSA = "mfalab cose EdDSA"
)

// A PrivateKey signs for one credential. It is prepared: the public half is computed once,
// when the key is made, and not again for each signature. It may be used by several
// goroutines at once. Its text forms say nothing of the secret.
type PrivateKey struct {
	algorithm Algorithm
	signer    crypto.Signer
	public    []byte // the COSE_Key
}

// NewPrivateKey derives the key of seed for a. The same seed and algorithm give the same
// key. The seed has at least [MinSeed] bytes and is not kept.
func NewPrivateKey(a Algorithm, seed []byte) (*PrivateKey, error) {
	if len(seed) < MinSeed {
		return nil, fmt.Errorf("cose: a seed of %d bytes is too short; give %d or more", len(seed), MinSeed)
	}
	var signer crypto.Signer
	switch a {
	case ES256:
		key, err := newScalar(func(attempt byte) []byte { return derive(seed, labelES256, attempt) })
		if err != nil {
			return nil, err
		}
		signer = key
	case EdDSA:
		signer = ed25519.NewKeyFromSeed(derive(seed, labelEdDSA, 0))
	default:
		return nil, fmt.Errorf("cose: no private keys for algorithm %v; use ES256 or EdDSA", a)
	}
	public, err := AppendPublicKey(nil, a, signer.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{algorithm: a, signer: signer, public: public}, nil
}

// newScalar returns the first of up to 256 candidates that lies in [1, n-1]. Taking a
// candidate modulo n would make some keys likelier than others (FIPS 186-5 Appendix A.2.2);
// one in 2^32 candidates is refused, so the last is never reached.
func newScalar(candidate func(attempt byte) []byte) (*ecdsa.PrivateKey, error) {
	for attempt := 0; attempt <= 0xff; attempt++ {
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), candidate(byte(attempt))); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("cose: no candidate of %d bytes is a private key of P-256; use another seed", scalarSize)
}

// derive is HKDF-Expand (RFC 5869 Section 2.3) of one block, with the attempt in the info.
func derive(seed []byte, label string, attempt byte) []byte {
	mac := hmac.New(sha256.New, seed)
	mac.Write([]byte(label))
	mac.Write([]byte{attempt, 1})
	return mac.Sum(nil)
}

// Algorithm returns what the key was made for.
func (k *PrivateKey) Algorithm() Algorithm { return k.algorithm }

// Public returns the public half: an *ecdsa.PublicKey or an ed25519.PublicKey. It must not
// be changed.
func (k *PrivateKey) Public() crypto.PublicKey { return k.signer.Public() }

// AppendPublicKey appends the public half as a COSE_Key.
func (k *PrivateKey) AppendPublicKey(b []byte) []byte { return append(b, k.public...) }

// Sign returns the signature of message: for ES256 the DER form of ECDSA over its SHA-256
// digest, with the nonce of RFC 6979; for EdDSA the 64 bytes of RFC 8032. See CTAP 2.1
// Section 6.2.2 and Web Authentication Level 2, Section 6.5.6.
func (k *PrivateKey) Sign(message []byte) ([]byte, error) {
	if k.algorithm == ES256 {
		digest := sha256.Sum256(message)
		return k.signer.Sign(nil, digest[:], crypto.SHA256)
	}
	return k.signer.Sign(nil, message, crypto.Hash(0))
}

// String returns the algorithm alone.
func (k *PrivateKey) String() string { return fmt.Sprintf("cose.PrivateKey(%v)", k.algorithm) }

// GoString is like String, so that %#v does not show the secret.
func (k *PrivateKey) GoString() string { return k.String() }

// Format is like String for every verb.
func (k *PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue is like String, for log/slog.
func (k *PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }
