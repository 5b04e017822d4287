package u2f

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// This file holds the steps that authenticatorMakeCredential (Section 6.1.2) and authenticatorGetAssertion (6.2.2) have
// in common.

// probes reports whether a request only asks the user which of several keys is meant: its pinUvAuthParam is there and
// empty. See step 1 of both.
func (k *Key) probes(param []byte) bool {
	return param != nil && len(param) == 0 && len(k.profile.PINUVAuthProtocols) > 0
}

// probe answers such a request: a touch, and then whether there is a PIN. See step 1 of both.
func (k *Key) probe(now time.Time, what Request) ([]byte, error) {
	return k.awaitOr(now, what, ctap.ErrOperationDenied, func(time.Time) ([]byte, error) {
		if k.pinSet() {
			return nil, ctap.ErrPINInvalid
		}
		return nil, ctap.ErrPINNotSet
	})
}

// checkProtocol is step 2 of both.
func (k *Key) checkProtocol(param []byte, protocol *uint64) error {
	switch {
	case param == nil:
		return nil
	case protocol == nil:
		return ctap.ErrMissingParameter
	case !slices.Contains(k.profile.PINUVAuthProtocols, *protocol):
		return k.profile.ProtocolError
	}
	return nil
}

// checkUV refuses option "uv" where no fingerprint is enrolled; beside a pinUvAuthParam it counts as false. See Section
// 6.1.2, step 5, and Section 6.2.2, step 4.
func (k *Key) checkUV(uv ctap.Option, param []byte) error {
	if uv == ctap.True && param == nil && !k.uvEnabled() {
		return k.profile.UVOptionError
	}
	return nil
}

// checkList limits a list of credentials to what getInfo says. See maxCredentialCountInList in Section 6.4.
func (k *Key) checkList(list []ctap.Descriptor) error {
	if k.profile.Quirks.RejectLists && len(list) > 1 {
		return ctap.ErrLimitExceeded
	}
	if most := k.profile.MaxCredentialCountInList; most > 0 && len(list) > most {
		return ctap.ErrLimitExceeded
	}
	return nil
}

// find returns the credential that a descriptor names; other types than public keys name none.
func (k *Key) find(rpIDHash [32]byte, d ctap.Descriptor) (credential, bool) {
	if d.Type != ctap.PublicKey {
		return credential{}, false
	}
	return k.findCredential(rpIDHash, d.ID)
}

// verified checks the pinUvAuthParam of a request and returns the "uv" bit of its answer. A key that knows no way
// to verify the user does not look at it. See Section 6.1.2, step 11, and Section 6.2.2, step 6.
func (k *Key) verified(now time.Time, param []byte, protocol *uint64, hash []byte, permission ctap.Permissions,
	rpID string) (bool, error) {
	if param == nil || !k.protected() {
		return false, nil
	}
	return k.authorize(now, *protocol, param, hash, byte(permission), rpID)
}
