package u2f

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// saltSize is the size of each of the one or two salts. See Section 12.5.
const saltSize = 32

// hmacSecret implements the extension hmac-secret of authenticatorGetAssertion: it returns the encrypted outputs for the
// salts in req, one or two, under the secret of c that belongs to whether the user is verified. An input that does not
// hold is CTAP1_ERR_INVALID_PARAMETER, a wrong saltAuth CTAP2_ERR_PIN_AUTH_INVALID. See Section 12.5.
func (k *Key) hmacSecret(_ time.Time, req ctap.HMACSecretInput, c credential, userVerified bool) ([]byte, error) {
	if !slices.Contains(k.profile.PINUVAuthProtocols, req.Protocol) {
		return nil, ctap.ErrInvalidParameter
	}
	secret, err := k.decapsulate(pinuv.Protocol(req.Protocol), req.KeyAgreement)
	if err != nil {
		return nil, err
	}
	if !secret.Verify(req.SaltEnc, req.SaltAuth) {
		return nil, ctap.ErrPINAuthInvalid
	}
	salts, err := secret.Decrypt(req.SaltEnc)
	if err != nil || len(salts) != saltSize && len(salts) != 2*saltSize {
		return nil, ctap.ErrInvalidParameter
	}
	random := k.credRandom(&c, userVerified)
	var out []byte
	for salt := range slices.Chunk(salts, saltSize) {
		mac := hmac.New(sha256.New, random[:])
		mac.Write(salt)
		out = mac.Sum(out)
	}
	return secret.Encrypt(&k.random, out)
}
