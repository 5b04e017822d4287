package client

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// Names of extensions as keys call them. See CTAP Section 12.
const (
	extCredBlob     = "credBlob"
	extCredProtect  = "credProtect"
	extHMACSecret   = "hmac-secret"
	extHMACSecretMC = "hmac-secret-mc"
	extLargeBlob    = "largeBlob"
	extLargeBlobKey = "largeBlobKey"
	extMinPINLength = "minPinLength"
)

// sorted puts extensions in canonical order. See CTAP Section 8.
func sorted(list []ctap.Extension) []ctap.Extension {
	slices.SortFunc(list, func(x, y ctap.Extension) int {
		if len(x.Name) != len(y.Name) {
			return len(x.Name) - len(y.Name)
		}
		return strings.Compare(x.Name, y.Name)
	})
	return list
}

// prfPrefix stands before what a page gives prf, so that no page gets at what others keep in hmac-secret. See Section
// 10.1.4.
const prfPrefix = "WebAuthn PRF\x00"

// salts returns what the key evaluates for a page's values. See Section 10.1.4.
func (v *prfValues) salts() []byte {
	first := sha256.Sum256(append([]byte(prfPrefix), v.First...))
	if v.Second == nil {
		return first[:]
	}
	second := sha256.Sum256(append([]byte(prfPrefix), v.Second...))
	return append(first[:], second[:]...)
}

func (h *hmacInput) salts() []byte { return slices.Concat([]byte(h.Salt1), h.Salt2) }

// encryptSalts returns the input of hmac-secret or hmac-secret-mc, and the secret that the answer is encrypted with. See
// CTAP Sections 12.7 and 12.8.
func (k *key) encryptSalts(salts []byte) ([]byte, *pinuv.Secret, error) {
	req, secret, err := k.agree()
	if err != nil {
		return nil, nil, err
	}
	in := ctap.HMACSecretInput{KeyAgreement: req.KeyAgreement, Protocol: *req.Protocol}
	if in.SaltEnc, err = secret.Encrypt(k.client.Random, salts); err != nil {
		return nil, nil, err
	}
	in.SaltAuth = secret.Authenticate(in.SaltEnc)
	return in.Append(nil), secret, nil
}

// decryptOutputs returns the one or two outputs of an answer, nil where it has none that fit.
func decryptOutputs(secret *pinuv.Secret, encrypted []byte) (first, second []byte) {
	if secret == nil || encrypted == nil {
		return nil, nil
	}
	out, err := secret.Decrypt(encrypted)
	switch {
	case err == nil && len(out) == saltSize:
		return out, nil
	case err == nil && len(out) == 2*saltSize:
		return out[:saltSize], out[saltSize:]
	}
	return nil, nil
}
