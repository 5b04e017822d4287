package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"

	"filippo.io/mldsa"
)

// NewSigner returns a key whose private half somebody else has, such as a chip. The signer is asked as [crypto.Signer]
// says, with a nil reader, for ECDSA in DER, or for PKCS #1 v1.5; the algorithm is ES256, ES384 or RS256, and its public
// key of the type that [AppendPublicKey] takes. Such a key cannot be marshalled.
func NewSigner(a Algorithm, signer crypto.Signer) (*PrivateKey, error) {
	if a != ES256 && a != ES384 && a != RS256 {
		return nil, fmt.Errorf("cose: no keys of others for algorithm %v; use %v, %v or %v", a, ES256, ES384, RS256)
	}
	k := &PrivateKey{algorithm: a, signer: signer}
	return k, k.publish()
}

// Signer returns who has the private half, nil where the key itself has it.
func (k *PrivateKey) Signer() crypto.Signer {
	switch k.signer.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey, *mldsa.PrivateKey:
		return nil
	}
	return k.signer
}
