package client

import (
	"crypto/sha256"
	"errors"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// verified is the proof that goes with a request: none where protocol is nil.
type verified struct {
	param    []byte
	protocol *uint64
}

// verifies decides whether the user is to be verified by PIN. creating is for authenticatorMakeCredential, which a key
// with a PIN may refuse otherwise. See Section 5.8.6 and CTAP Sections 6.1.2, steps 7 and 8,
// and 6.4 (makeCredUvNotRqd, alwaysUv).
func (k *key) verifies(wish string, creating, resident bool) (bool, error) {
	set := k.info.Options["clientPin"]
	switch {
	case k.info.Options["alwaysUv"], wish == required:
		if !set {
			return false, refuse(NotAllowedError, "the user has to be verified, and the key has no PIN")
		}
		return true, nil
	case creating && set && (resident || !k.info.Options["makeCredUvNotRqd"]):
		return true, nil
	}
	return set && wish == preferred, nil
}

// verify gets a token for the user's PIN and proves with it that the request with this client data is the user's. See
// CTAP Sections 6.5.5.7.1, 6.5.5.7.2 and 6.1.1.
func (k *key) verify(permission ctap.Permissions, rpID string, hash []byte) (verified, error) {
	token, protocol, err := k.token(permission, rpID)
	if err != nil {
		return verified{}, failed("the user was not verified", err)
	}
	return verified{protocol.Authenticate(token, hash), new(uint64(protocol))}, nil
}

func (k *key) token(permission ctap.Permissions, rpID string) ([]byte, pinuv.Protocol, error) {
	protocol, err := k.protocol()
	if err != nil {
		return nil, 0, err
	}
	req := ctap.ClientPINRequest{Protocol: new(uint64(protocol)), Subcommand: ctap.GetKeyAgreement}
	answer, err := k.clientPIN(req)
	if err != nil {
		return nil, 0, err
	}
	public, secret, err := protocol.Encapsulate(k.Random, answer.KeyAgreement)
	if err != nil {
		return nil, 0, err
	}
	hash := sha256.Sum256([]byte(k.PIN))
	req.KeyAgreement = public
	if req.PINHashEnc, err = secret.Encrypt(k.Random, hash[:16]); err != nil {
		return nil, 0, err
	}
	req.Subcommand = ctap.GetPINToken
	if k.info.Options["pinUvAuthToken"] {
		req.Subcommand = ctap.GetPINUVAuthTokenUsingPINWithPermissions
		req.Permissions, req.RPID = &permission, &rpID
	}
	if answer, err = k.clientPIN(req); err != nil {
		return nil, 0, err
	}
	token, err := secret.Decrypt(answer.UVAuthToken)
	return token, protocol, err
}

// protocol returns the first of the key's protocols that is known here.
func (k *key) protocol() (pinuv.Protocol, error) {
	switch {
	case k.PIN == "":
		return 0, errors.New("the key wants its PIN and the user types none")
	case k.Random == nil:
		return 0, errors.New("a PIN cannot be sent without randomness")
	}
	for _, n := range k.info.Protocols {
		if p := pinuv.Protocol(n); p.Valid() {
			return p, nil
		}
	}
	return 0, errors.New("the key speaks no PIN/UV auth protocol that is known here")
}

func (k *key) clientPIN(req ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	body, err := k.send(cmdClientPIN, req.Append(nil))
	if err != nil {
		return ctap.ClientPINResponse{}, err
	}
	return ctap.ParseClientPINResponse(body)
}
