package client

import (
	"crypto/sha256"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// From the specification, CTAP Section 6.5.1.
const (
	defaultLeastPIN = 4  // code points
	mostPIN         = 63 // bytes
	paddedPIN       = 64 // bytes
)

// uvAttempts is how often a user is asked for a finger before the client falls back on the PIN, where the key does not
// say. See CTAP Section 6.4 (preferredPlatformUvAttempts); the number is our choice, that of browsers.
const uvAttempts = 3

// verifies decides whether the user is to be verified. creating is for authenticatorMakeCredential, which a key with a PIN
// may refuse otherwise. See Section 5.8.6 and CTAP Sections 6.1.2, steps 7 and 8, and 6.4 (makeCredUvNotRqd, alwaysUv).
func (k *key) verifies(wish string, creating, resident bool) (bool, error) {
	set := k.info.Options["clientPin"] || k.info.Options["uv"]
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

// verify gets a token that the requests of the ceremony prove with that the user was verified: by the key itself where it
// can, else by PIN. A key of before tokens for that verifies in the request. See CTAP Sections 6.5.5.7.1 to 6.5.5.7.3.
func (k *key) verify(permission ctap.Permissions, rpID string) error {
	err := error(ctap.ErrUVBlocked)
	switch {
	case !k.info.Options["uv"]:
	case !k.info.Options["pinUvAuthToken"]:
		k.uv = true
		return nil
	default:
		for range k.attempts() {
			if err = k.fetchToken(ctap.GetPINUVAuthTokenUsingUVWithPermissions, nil, permission, rpID); ctap.StatusOf(err) != ctap.ErrUVInvalid {
				break
			}
		}
	}
	blocked := ctap.StatusOf(err) == ctap.ErrUVBlocked || ctap.StatusOf(err) == ctap.ErrUVInvalid
	if blocked && k.info.Options["clientPin"] {
		err = k.verifyPIN(permission, rpID)
	}
	if err != nil {
		return failed("the user was not verified", err)
	}
	return nil
}

func (k *key) attempts() uint64 {
	if k.more().UVAttempts > 0 {
		return min(k.more().UVAttempts, 100)
	}
	return uvAttempts
}

// verifyPIN has the user type the PIN until it is the key's, the key takes no more, or the user gives up. A PIN that the
// key wants changed is changed first. See CTAP Sections 6.5.5.7.1, 6.5.5.7.2 and 6.4 (forcePINChange).
func (k *key) verifyPIN(permission ctap.Permissions, rpID string) error {
	subcommand := ctap.GetPINToken
	if k.info.Options["pinUvAuthToken"] {
		subcommand = ctap.GetPINUVAuthTokenUsingPINWithPermissions
	}
	p := Prompt{Least: max(k.info.MinPINLength, defaultLeastPIN)}
	for {
		pin, err := k.prompt(p)
		if err != nil {
			return err
		}
		if k.more().ForcePINChange {
			if pin, err = k.change(pin, p.Least); err == nil {
				k.more().ForcePINChange = false
			}
		}
		if err == nil {
			hash := sha256.Sum256([]byte(pin))
			err = k.fetchToken(subcommand, hash[:16], permission, rpID)
		}
		if ctap.StatusOf(err) != ctap.ErrPINInvalid || k.Prompt == nil {
			return err
		}
		p.Wrong = true
	}
}

// prompt asks for the PIN. One that cannot be a PIN is not sent.
func (k *key) prompt(p Prompt) (PIN, error) {
	if k.client.Random == nil {
		return "", errors.New("a PIN cannot be sent without randomness")
	}
	pin, ok := k.PIN, k.PIN != ""
	if k.Prompt != nil {
		answer, err := k.clientPIN(ctap.ClientPINRequest{Protocol: k.preferred(), Subcommand: ctap.GetPINRetries})
		if err != nil {
			return "", err
		}
		if answer.PINRetries != nil {
			p.Retries = *answer.PINRetries
		}
		pin, ok = k.Prompt(p)
	}
	switch n := utf8.RuneCountInString(string(pin)); {
	case !ok:
		return "", errors.New("the key wants its PIN and the user types none")
	case !utf8.ValidString(string(pin)), len(pin) > mostPIN, p.New && uint64(n) < p.Least, n < defaultLeastPIN:
		return "", errors.New("what the user types is no PIN: it has 4 characters or more, and 63 bytes at most")
	}
	return pin, nil
}

// change has the user choose a new PIN, which the key wants. See CTAP Section 6.5.5.6.
func (k *key) change(old PIN, least uint64) (PIN, error) {
	if k.Prompt == nil {
		return "", errors.New("the key wants its PIN changed first")
	}
	pin, err := k.prompt(Prompt{New: true, Least: least})
	if err != nil {
		return "", err
	}
	req, secret, err := k.agree()
	if err != nil {
		return "", err
	}
	req.Subcommand = ctap.ChangePIN
	hash := sha256.Sum256([]byte(old))
	if req.NewPINEnc, err = secret.Encrypt(k.client.Random, append([]byte(pin), make([]byte, paddedPIN-len(pin))...)); err != nil {
		return "", err
	}
	if req.PINHashEnc, err = secret.Encrypt(k.client.Random, hash[:16]); err != nil {
		return "", err
	}
	req.UVAuthParam = secret.Authenticate(slices.Concat(req.NewPINEnc, req.PINHashEnc))
	_, err = k.clientPIN(req)
	k.kept = nil // it wanted another PIN until now
	return pin, err
}

// fetchToken gets a token for the PIN with that hash, or for the user whom the key verifies. See CTAP Section 6.5.5.7.
func (k *key) fetchToken(subcommand ctap.ClientPINSubcommand, pinHash []byte, permission ctap.Permissions, rpID string) error {
	req, secret, err := k.agree()
	if err != nil {
		return err
	}
	req.Subcommand = subcommand
	if pinHash != nil {
		if req.PINHashEnc, err = secret.Encrypt(k.client.Random, pinHash); err != nil {
			return err
		}
	}
	if subcommand != ctap.GetPINToken {
		req.Permissions, req.RPID = &permission, &rpID
	}
	answer, err := k.clientPIN(req)
	if err != nil {
		return err
	}
	k.token, err = secret.Decrypt(answer.UVAuthToken)
	k.protocol = *req.Protocol
	return err
}

// agree exchanges keys with the key. See CTAP Section 6.5.5.4.
func (k *key) agree() (req ctap.ClientPINRequest, secret *pinuv.Secret, err error) {
	if k.client.Random == nil {
		return req, nil, errors.New("a secret cannot be agreed on without randomness")
	}
	req = ctap.ClientPINRequest{Protocol: k.preferred(), Subcommand: ctap.GetKeyAgreement}
	if req.Protocol == nil {
		return req, nil, errors.New("the key speaks no PIN/UV auth protocol that is known here")
	}
	answer, err := k.clientPIN(req)
	if err != nil {
		return req, nil, err
	}
	req.KeyAgreement, secret, err = pinuv.Protocol(*req.Protocol).Encapsulate(k.client.Random, answer.KeyAgreement)
	return req, secret, err
}

// preferred returns the first of the key's protocols that is known here, nil for none.
func (k *key) preferred() *uint64 {
	i := slices.IndexFunc(k.info.Protocols, func(n uint64) bool { return pinuv.Protocol(n).Valid() })
	if i < 0 {
		return nil
	}
	return &k.info.Protocols[i]
}

// proof returns pinUvAuthParam and pinUvAuthProtocol over a message, nothing where the user was not verified. See CTAP
// Section 6.1.1.
func (k *key) proof(message []byte) ([]byte, *uint64) {
	if k.token == nil {
		return nil, nil
	}
	return pinuv.Protocol(k.protocol).Authenticate(k.token, message), new(k.protocol)
}

func (k *key) clientPIN(req ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	body, err := k.send(cmdClientPIN, req.Append(nil))
	if err != nil {
		return ctap.ClientPINResponse{}, err
	}
	return ctap.ParseClientPINResponse(body)
}
