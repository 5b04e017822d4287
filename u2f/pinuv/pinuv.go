// Package pinuv is the PIN/UV auth protocols one and two of CTAP 2.1 (PS 2021-06-15,
// errata 2022-06-21; cited as "Section"), both ends: the authenticator's, which the key
// uses, and the platform's.
//
// Both ends agree on a [Secret] by ECDH on P-256 and then encrypt and authenticate with it.
// The protocols differ in these points (Sections 6.5.6 and 6.5.7):
//
//	                 One                     Two
//	keys             SHA-256(x), one key     HKDF-SHA-256(x), a key for HMAC and one for AES
//	encryption       AES-256-CBC, zero IV    AES-256-CBC, random IV before the ciphertext
//	authentication   HMAC, first 16 bytes    HMAC, 32 bytes
//
// The package is pure: randomness comes from a reader that the caller gives, and a reader
// that repeats itself gives the same keys. Public keys that are not points of the curve are
// refused when they are parsed, by [Protocol.Encapsulate] and [KeyAgreement.Decapsulate].
//
// Not implemented: what a pinUvAuthToken may be used for; that is the key's.
package pinuv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

// A Protocol is a PIN/UV auth protocol by its number on the wire.
type Protocol uint64

// From the specification.
const (
	One Protocol = 1 // Section 6.5.6
	Two Protocol = 2 // Section 6.5.7

	keySize     = 32 // bytes of each derived key and of a pinUvAuthToken. Sections 6.5.6, 6.5.7
	oneMACSize  = 16 // bytes of protocol one's authenticate. Section 6.5.6
	hmacKeyInfo = "CTAP2 HMAC key"
	aesKeyInfo  = "CTAP2 AES key"
)

// Valid reports whether p is one of the two protocols.
func (p Protocol) Valid() bool { return p == One || p == Two }

// Authenticate returns protocol p's MAC of message under key: 16 bytes with protocol one,
// 32 with protocol two. The key is a pinUvAuthToken or an HMAC key. See authenticate in
// Sections 6.5.6 and 6.5.7.
func (p Protocol) Authenticate(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	sum := mac.Sum(nil)
	if p == One {
		return sum[:oneMACSize]
	}
	return sum
}

// Verify reports, in constant time, whether signature is the MAC of message under key. A
// signature of another protocol's length is none.
func (p Protocol) Verify(key, message, signature []byte) bool {
	return p.Valid() && hmac.Equal(p.Authenticate(key, message), signature)
}

// A Secret is what both ends of a key agreement share. Its text forms say nothing of it.
type Secret struct {
	protocol Protocol
	hmacKey  [keySize]byte
	aesKey   [keySize]byte
}

// newSecret is kdf of Sections 6.5.6 and 6.5.7; z is the x coordinate of the shared point.
func newSecret(p Protocol, z []byte) (*Secret, error) {
	s := &Secret{protocol: p}
	if p == One {
		s.hmacKey = sha256.Sum256(z)
		s.aesKey = s.hmacKey
		return s, nil
	}
	salt := make([]byte, keySize)
	for _, half := range []struct {
		key  *[keySize]byte
		info string
	}{{&s.hmacKey, hmacKeyInfo}, {&s.aesKey, aesKeyInfo}} {
		key, err := hkdf.Key(sha256.New, z, salt, half.info, keySize)
		if err != nil {
			return nil, fmt.Errorf("pinuv: deriving the shared secret: %w", err)
		}
		copy(half.key[:], key)
	}
	return s, nil
}

// Encrypt returns the ciphertext of plaintext, which is a multiple of 16 bytes long. With
// protocol two 16 bytes of iv are read and stand before the ciphertext; protocol one reads
// nothing, and iv may be nil.
func (s *Secret) Encrypt(iv io.Reader, plaintext []byte) ([]byte, error) {
	if len(plaintext)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("pinuv: a plaintext of %d bytes; give a multiple of %d", len(plaintext), aes.BlockSize)
	}
	var first [aes.BlockSize]byte
	var out []byte
	if s.protocol == Two {
		if _, err := io.ReadFull(iv, first[:]); err != nil {
			return nil, fmt.Errorf("pinuv: drawing an initialisation vector: %w", err)
		}
		out = append(out, first[:]...)
	}
	block, err := aes.NewCipher(s.aesKey[:])
	if err != nil {
		return nil, fmt.Errorf("pinuv: %w", err)
	}
	n := len(out)
	out = append(out, plaintext...)
	cipher.NewCBCEncrypter(block, first[:]).CryptBlocks(out[n:], out[n:])
	return out, nil
}

// Decrypt returns the plaintext of ciphertext. A length that is no multiple of 16, and with
// protocol two less than the 16 bytes of the initialisation vector, is an error; a wrong
// key is not noticed, so verify first.
func (s *Secret) Decrypt(ciphertext []byte) ([]byte, error) {
	var first [aes.BlockSize]byte
	if len(ciphertext)%aes.BlockSize != 0 || (s.protocol == Two && len(ciphertext) < aes.BlockSize) {
		return nil, fmt.Errorf("pinuv: a ciphertext of %d bytes; give whole blocks of %d", len(ciphertext), aes.BlockSize)
	}
	if s.protocol == Two {
		ciphertext = ciphertext[copy(first[:], ciphertext):]
	}
	block, err := aes.NewCipher(s.aesKey[:])
	if err != nil {
		return nil, fmt.Errorf("pinuv: %w", err)
	}
	out := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, first[:]).CryptBlocks(out, ciphertext)
	return out, nil
}

// Authenticate returns the MAC of message under the secret's HMAC key.
func (s *Secret) Authenticate(message []byte) []byte {
	return s.protocol.Authenticate(s.hmacKey[:], message)
}

// Verify reports, in constant time, whether signature is the MAC of message.
func (s *Secret) Verify(message, signature []byte) bool {
	return s.protocol.Verify(s.hmacKey[:], message, signature)
}

// Protocol returns the protocol that the secret was agreed for.
func (s *Secret) Protocol() Protocol { return s.protocol }

// String says that there is a secret, and not which.
func (s *Secret) String() string { return "pinuv.Secret" }

// GoString is like String, so that %#v does not show the secret.
func (s *Secret) GoString() string { return s.String() }

// Format is like String for every verb.
func (s *Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is like String, for log/slog.
func (s *Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
