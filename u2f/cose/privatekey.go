package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"log/slog"

	"filippo.io/mldsa"
)

// Our choice.
const (
	// MinSeed is the fewest bytes that a seed may have: as many as the strongest key made
	// from it, so that the derivation weakens none.
	MinSeed = 32

	// The labels keep the keys of one seed apart: a seed used with two algorithms gives
	// keys that tell nothing of each other.
	labelES256   = "mfalab cose ES256"
	labelEdDSA   = "mfalab cose EdDSA"
	labelES384   = "mfalab cose ES384"
	labelRS256   = "mfalab cose RS256"
	labelMLDSA44 = "mfalab cose ML-DSA-44"
)

// A PrivateKey signs for one credential. It is prepared: the public half is computed once,
// when the key is made, and not again for each signature. It may be used by several
// goroutines at once. Its text forms say nothing of the secret.
type PrivateKey struct {
	algorithm Algorithm
	signer    crypto.Signer
	public    []byte // the COSE_Key
	place     uint32 // where RS256's primes were found
}

// NewPrivateKey derives the key of seed for a. The same seed and algorithm give the same
// key. The seed has at least [MinSeed] bytes and is not kept. An RS256 key takes a tenth of
// a second or more: see [NewPrivateKeyAt].
func NewPrivateKey(a Algorithm, seed []byte) (*PrivateKey, error) { return NewPrivateKeyAt(a, seed, 0) }

// NewPrivateKeyAt is NewPrivateKey with what [PrivateKey.Place] said of the same key before,
// which spares RS256 the search for primes. Another place is an error, or gives a key whose
// signatures do not verify.
func NewPrivateKeyAt(a Algorithm, seed []byte, place uint32) (*PrivateKey, error) {
	if len(seed) < MinSeed {
		return nil, fmt.Errorf("cose: a seed of %d bytes is too short; give %d or more", len(seed), MinSeed)
	}
	k := &PrivateKey{algorithm: a}
	var err error
	switch a {
	case ES256:
		k.signer, err = newScalar(elliptic.P256(), func(attempt byte) []byte { return derive(seed, labelES256, attempt) })
	case ES384:
		k.signer, err = newScalar(elliptic.P384(), func(attempt byte) []byte { return expand(seed, labelES384, attempt, coordinate384) })
	case EdDSA:
		k.signer = ed25519.NewKeyFromSeed(derive(seed, labelEdDSA, 0))
	case RS256:
		k.signer, k.place, err = newRSA(seed, place)
	case MLDSA44:
		k.signer, err = mldsa.NewPrivateKey(mldsa.MLDSA44(), derive(seed, labelMLDSA44, 0))
	default:
		return nil, fmt.Errorf("cose: no private keys for algorithm %v; use %v", a, Algorithms())
	}
	if err != nil {
		return nil, err
	}
	return k, k.publish()
}

// publish computes the public half.
func (k *PrivateKey) publish() (err error) {
	k.public, err = AppendPublicKey(nil, k.algorithm, k.signer.Public())
	return err
}

// newScalar returns the first of up to 256 candidates that lies in [1, n-1]. Taking a
// candidate modulo n would make some keys likelier than others (FIPS 186-5 Appendix A.2.2);
// one in 2^32 candidates is refused at most, so the last is never reached.
func newScalar(curve elliptic.Curve, candidate func(attempt byte) []byte) (*ecdsa.PrivateKey, error) {
	for attempt := 0; attempt <= 0xff; attempt++ {
		if key, err := ecdsa.ParseRawPrivateKey(curve, candidate(byte(attempt))); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("cose: no candidate is a private key of %s; use another seed", curve.Params().Name)
}

// derive is HKDF-Expand (RFC 5869 Section 2.3) of one block, with the attempt in the info.
func derive(seed []byte, label string, attempt byte) []byte {
	return expand(seed, label, attempt, sha256.Size)
}

// expand is HKDF-Expand of n bytes, with the attempt in the info.
func expand(seed []byte, label string, attempt byte, n int) []byte {
	var out, last []byte
	for block := byte(1); len(out) < n; block++ {
		mac := hmac.New(sha256.New, seed)
		mac.Write(last)
		mac.Write([]byte(label))
		mac.Write([]byte{attempt, block})
		last = mac.Sum(nil)
		out = append(out, last...)
	}
	return out[:n]
}

// Algorithm returns what the key was made for.
func (k *PrivateKey) Algorithm() Algorithm { return k.algorithm }

// Place returns where the primes of an RS256 key were found, for [NewPrivateKeyAt]; it says
// nothing of them to who does not know the seed. It is 0 for other algorithms.
func (k *PrivateKey) Place() uint32 { return k.place }

// Public returns the public half: an *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey or
// *mldsa.PublicKey. It must not be changed.
func (k *PrivateKey) Public() crypto.PublicKey { return k.signer.Public() }

// AppendPublicKey appends the public half as a COSE_Key.
func (k *PrivateKey) AppendPublicKey(b []byte) []byte { return append(b, k.public...) }

// Sign returns the signature of message: for ES256 and ES384 the DER form of ECDSA over its
// digest, with the nonce of RFC 6979; for EdDSA the 64 bytes of RFC 8032; for RS256 as many
// bytes as the modulus has; for ML-DSA-44 2420 bytes. See CTAP 2.1 Section 6.2.2 and Web
// Authentication Level 2, Section 6.5.6.
func (k *PrivateKey) Sign(message []byte) ([]byte, error) {
	switch k.algorithm {
	case ES256, RS256:
		digest := sha256.Sum256(message)
		return k.signer.Sign(nil, digest[:], crypto.SHA256)
	case ES384:
		digest := sha512.Sum384(message)
		return k.signer.Sign(nil, digest[:], crypto.SHA384)
	case MLDSA44:
		return k.signer.(*mldsa.PrivateKey).SignDeterministic(message, nil)
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
