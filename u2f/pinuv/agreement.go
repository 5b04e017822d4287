package pinuv

import (
	"crypto"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/mfalab/mfalab/u2f/cose"
)

// A KeyAgreement is one end's key pair. The authenticator makes one for each protocol when
// it powers up and after each wrong PIN (initialize and regenerate in Section 6.5.4), the
// platform one for each exchange. Its text forms say nothing of the private half.
type KeyAgreement struct {
	private *ecdh.PrivateKey
	public  []byte // the COSE_Key
}

// NewKeyAgreement draws a key pair from random, 32 bytes for each attempt. Attempts that
// are no scalar of P-256 are one in 2^32; a reader that gives nothing else for long is an
// error.
func NewKeyAgreement(random io.Reader) (*KeyAgreement, error) {
	var candidate [keySize]byte
	for range maxAttempts {
		if _, err := io.ReadFull(random, candidate[:]); err != nil {
			return nil, fmt.Errorf("pinuv: drawing a key: %w", err)
		}
		private, err := ecdh.P256().NewPrivateKey(candidate[:])
		if err != nil {
			continue
		}
		public, err := cose.AppendPublicKey(nil, cose.ECDHES, private.PublicKey())
		if err != nil {
			return nil, err
		}
		return &KeyAgreement{private: private, public: public}, nil
	}
	return nil, fmt.Errorf("pinuv: %d draws gave no private key; the source of randomness is broken", maxAttempts)
}

// maxAttempts is our choice: no working source of randomness reaches it, and a broken one
// does not hang the caller.
const maxAttempts = 128

// PublicKey returns the public half as a COSE_Key; see getPublicKey in Section 6.5.6. It
// must not be changed.
func (a *KeyAgreement) PublicKey() []byte { return a.public }

// Decapsulate returns the secret shared with the other end, whose public key is given as a
// COSE_Key; see decapsulate in Section 6.5.6. A key that is not a point of P-256 or whose
// "alg" is not -25 is an error.
func (a *KeyAgreement) Decapsulate(p Protocol, peer []byte) (*Secret, error) {
	if !p.Valid() {
		return nil, fmt.Errorf("pinuv: protocol %d is not known; use 1 or 2", p)
	}
	public, err := parsePeer(peer)
	if err != nil {
		return nil, err
	}
	z, err := a.private.ECDH(public)
	if err != nil {
		return nil, fmt.Errorf("pinuv: key agreement: %w", err)
	}
	return newSecret(p, z)
}

// Encapsulate is the platform's end: it draws a key pair from random, and returns its
// public half to be sent as keyAgreement, and the secret shared with the authenticator
// whose public key is peer. See encapsulate in Section 6.5.6.
func (p Protocol) Encapsulate(random io.Reader, peer []byte) (public []byte, secret *Secret, err error) {
	pair, err := NewKeyAgreement(random)
	if err != nil {
		return nil, nil, err
	}
	secret, err = pair.Decapsulate(p, peer)
	if err != nil {
		return nil, nil, err
	}
	return pair.public, secret, nil
}

// parsePeer reads the other end's COSE_Key.
func parsePeer(b []byte) (*ecdh.PublicKey, error) {
	var public crypto.PublicKey
	_, public, err := cose.ParsePublicKey(b)
	if err != nil {
		return nil, err
	}
	key, ok := public.(*ecdh.PublicKey)
	if !ok {
		return nil, errors.New("pinuv: the key is not for key agreement; its alg must be -25")
	}
	return key, nil
}

// String says that there is a key pair, and not which.
func (a *KeyAgreement) String() string { return "pinuv.KeyAgreement" }

// GoString is like String, so that %#v does not show the private half.
func (a *KeyAgreement) GoString() string { return a.String() }

// Format is like String for every verb.
func (a *KeyAgreement) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// LogValue is like String, for log/slog.
func (a *KeyAgreement) LogValue() slog.Value { return slog.StringValue(a.String()) }
