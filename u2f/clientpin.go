package u2f

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// A subcommand is one row of the table in Section 6.5.5. Its run function is called with parameters that are all
// there and a protocol that is supported; one without it, getPinUvAuthTokenUsingUvWithPermissions, waits for the user.
type subcommand struct {
	name    string
	section string
	edition int // of CTAP 2 that brought it: 0 or 1
	needs   parameter
	sensor  bool // it is of keys with built-in user verification
	run     func(k *Key, now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest) (ctap.ClientPINResponse, error)
}

// parameter is a set of the parameters of authenticatorClientPIN.
type parameter byte

const (
	needsProtocol parameter = 1 << iota
	needsKeyAgreement
	needsUVAuthParam
	needsNewPIN
	needsPINHash
	needsPermissions
)

// subcommands is the table. Those of keys with built-in user verification are answered, by a key without, like subcommands
// that no edition knows.
var subcommands = [...]subcommand{
	ctap.GetPINRetries:   {"getPINRetries", "6.5.5.2", 0, 0, false, (*Key).getPINRetries},
	ctap.GetKeyAgreement: {"getKeyAgreement", "6.5.5.4", 0, needsProtocol, false, (*Key).getKeyAgreement},
	ctap.SetPIN: {"setPIN", "6.5.5.5", 0,
		needsProtocol | needsKeyAgreement | needsUVAuthParam | needsNewPIN, false, (*Key).setPIN},
	ctap.ChangePIN: {"changePIN", "6.5.5.6", 0,
		needsProtocol | needsKeyAgreement | needsUVAuthParam | needsNewPIN | needsPINHash, false, (*Key).changePIN},
	ctap.GetPINToken: {"getPinToken", "6.5.5.7.1", 0,
		needsProtocol | needsKeyAgreement | needsPINHash, false, (*Key).getPINToken},
	ctap.GetPINUVAuthTokenUsingUVWithPermissions: {"getPinUvAuthTokenUsingUvWithPermissions", "6.5.5.7.3", 1,
		needsProtocol | needsKeyAgreement | needsPermissions, true, nil},
	ctap.GetUVRetries: {"getUVRetries", "6.5.5.3", 1, 0, true, (*Key).getUVRetries},
	ctap.GetPINUVAuthTokenUsingPINWithPermissions: {"getPinUvAuthTokenUsingPinWithPermissions", "6.5.5.7.2", 1,
		needsProtocol | needsKeyAgreement | needsPINHash | needsPermissions, false, (*Key).getTokenUsingPIN},
}

// clientPIN implements authenticatorClientPIN. See Section 6.5.5.
func (k *Key) clientPIN(now time.Time, req []byte) ([]byte, error) {
	r, err := ctap.ParseClientPINRequest(req)
	if err != nil {
		return nil, err
	}
	if r.Subcommand >= ctap.ClientPINSubcommand(len(subcommands)) {
		return nil, k.profile.SubcommandError
	}
	s := subcommands[r.Subcommand]
	if s.name == "" || s.edition > 0 && !k.profile.Permissions || s.sensor && !k.sensor() {
		return nil, k.profile.SubcommandError
	}
	if !given(&r).has(s.needs) {
		return nil, ctap.ErrMissingParameter
	}
	var p pinuv.Protocol
	if s.needs.has(needsProtocol) {
		if p = pinuv.Protocol(*r.Protocol); !slices.Contains(k.profile.PINUVAuthProtocols, *r.Protocol) {
			return nil, ctap.ErrInvalidParameter
		}
	}
	if s.run == nil {
		return k.getTokenUsingUV(now, p, &r)
	}
	response, err := s.run(k, now, p, &r)
	if err != nil {
		return nil, err
	}
	return response.Append(nil), nil
}

// given returns which parameters r has.
func given(r *ctap.ClientPINRequest) parameter {
	var have parameter
	for p, there := range map[parameter]bool{
		needsProtocol:     r.Protocol != nil,
		needsKeyAgreement: r.KeyAgreement != nil,
		needsUVAuthParam:  r.UVAuthParam != nil,
		needsNewPIN:       r.NewPINEnc != nil,
		needsPINHash:      r.PINHashEnc != nil,
		needsPermissions:  r.Permissions != nil,
	} {
		if there {
			have |= p
		}
	}
	return have
}

// has reports whether all of which are in the set.
func (p parameter) has(which parameter) bool { return p&which == which }

// getPINRetries implements getPINRetries, which a blocked key answers too. See Section 6.5.5.2.
func (k *Key) getPINRetries(time.Time, pinuv.Protocol, *ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	retries := uint64(k.pin.retries)
	response := ctap.ClientPINResponse{PINRetries: &retries}
	if k.profile.Permissions { // 2.0 has no powerCycleState
		powerCycle := k.pin.mismatches >= maxPINMismatches || k.pin.lockedOut
		response.PowerCycleState = &powerCycle
	}
	return response, nil
}

// getKeyAgreement implements getKeyAgreement. See Section 6.5.5.4.
func (k *Key) getKeyAgreement(_ time.Time, p pinuv.Protocol, _ *ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	a, err := k.agreement(p)
	if err != nil {
		return ctap.ClientPINResponse{}, err
	}
	return ctap.ClientPINResponse{KeyAgreement: a.PublicKey()}, nil
}

// setPIN implements setPIN. See Section 6.5.5.5, steps 3 to 12.
func (k *Key) setPIN(now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest) (
	none ctap.ClientPINResponse, err error) {
	if k.pinSet() {
		return none, ctap.ErrPINAuthInvalid
	}
	secret, err := k.decapsulate(p, r.KeyAgreement)
	if err != nil {
		return none, err
	}
	if !secret.Verify(r.NewPINEnc, r.UVAuthParam) {
		return none, ctap.ErrPINAuthInvalid
	}
	pin, err := k.readNewPIN(secret, r.NewPINEnc)
	if err != nil {
		return none, err
	}
	if k.pin.retries != maxPINRetries { // no attempt is spent without a PIN, so that one write is all as a rule
		if err := k.storeRetries(maxPINRetries); err != nil {
			return none, err
		}
	}
	return none, k.storePIN(now, pin)
}

// changePIN implements changePIN. See Section 6.5.5.6, steps 3 to 19.
func (k *Key) changePIN(now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest) (
	none ctap.ClientPINResponse, err error) {
	if !k.pinSet() {
		return none, ctap.ErrPINNotSet
	}
	if err := k.pinBlocked(); err != nil {
		return none, err
	}
	secret, err := k.decapsulate(p, r.KeyAgreement)
	if err != nil {
		return none, err
	}
	if !secret.Verify(slices.Concat(r.NewPINEnc, r.PINHashEnc), r.UVAuthParam) {
		return none, ctap.ErrPINAuthInvalid
	}
	if err := k.verifyPIN(now, secret, r.PINHashEnc); err != nil {
		return none, err
	}
	pin, err := k.readNewPIN(secret, r.NewPINEnc)
	old, _ := secret.Decrypt(r.PINHashEnc) // it was right a moment ago
	switch {
	case err != nil:
		return none, err
	case k.mustChangePIN() && string(pin.hash[:]) == string(old): // Section 6.5.5.6, step 14: the same is no change
		return none, ctap.ErrPINPolicyViolation
	}
	if err := k.storePIN(now, pin); err != nil {
		return none, err
	}
	k.dropTokens()
	return none, nil
}

// getPINToken implements getPinToken, which 2.1 supersedes. See Section 6.5.5.7.1, steps 3 to 15.
func (k *Key) getPINToken(now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	if k.profile.Permissions && (r.Permissions != nil || r.RPID != nil) {
		return ctap.ClientPINResponse{}, ctap.ErrInvalidParameter
	}
	return k.issue(now, p, r, needRP&k.offered(), nil)
}

// From the specification: the table in Section 6.5.5.7.
const (
	defined = needRP | ctap.PermissionCM | ctap.PermissionBE | ctap.PermissionLBW | ctap.PermissionACFG | ctap.PermissionPCMR
	// needRP are those of which the table in Section 6.5.5.7 says that the RP ID is required.
	needRP = ctap.PermissionMC | ctap.PermissionGA
)

// offered are the permissions that a PIN may be exchanged for on this key. The others belong to options that
// authenticatorGetInfo does not have. See Section 6.5.5.7.2, step 4.
func (k *Key) offered() ctap.Permissions {
	offered := needRP
	if k.profile.NoMcGaPermissionsWithClientPin {
		offered = 0
	}
	for permission, there := range map[ctap.Permissions]bool{
		ctap.PermissionCM:   k.profile.CredentialManagement,
		ctap.PermissionBE:   k.sensor(),
		ctap.PermissionLBW:  k.profile.MaxLargeBlobs > 0,
		ctap.PermissionACFG: len(k.profile.ConfigCommands) > 0,
		ctap.PermissionPCMR: k.profile.PersistentTokens,
	} {
		if there {
			offered |= permission
		}
	}
	return offered
}

// getTokenUsingPIN implements getPinUvAuthTokenUsingPinWithPermissions. See Section 6.5.5.7.2, steps 1 to 17.
func (k *Key) getTokenUsingPIN(now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest) (
	none ctap.ClientPINResponse, err error) {
	switch asked := *r.Permissions; {
	case asked&needRP != 0 && r.RPID == nil:
		return none, ctap.ErrMissingParameter
	case asked == 0, asked&ctap.PermissionPCMR != 0 && k.profile.PersistentTokens && asked&defined != ctap.PermissionPCMR:
		return none, ctap.ErrInvalidParameter // pcmr stands alone: 2.3 Section 6.5.5.7.2
	case asked&defined&^k.offered() != 0:
		return none, ctap.ErrUnauthorizedPermission
	}
	return k.issue(now, p, r, *r.Permissions&k.offered(), r.RPID)
}

// tokenFor returns a new token, or the one that lasts where only that is asked for: 2.3 Section 6.5.5.7.2.
func (k *Key) tokenFor(now time.Time, p pinuv.Protocol, permissions ctap.Permissions, rpID *string) []byte {
	if permissions == ctap.PermissionPCMR {
		token := k.persistentToken()
		return token[:]
	}
	return k.newToken(now, p, permissions, rpID)
}

// issue exchanges the PIN for a pinUvAuthToken: what the two subcommands that do so have in common.
func (k *Key) issue(now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest, permissions ctap.Permissions,
	rpID *string) (none ctap.ClientPINResponse, err error) {
	if !k.pinSet() {
		return none, ctap.ErrPINNotSet
	}
	if err := k.pinBlocked(); err != nil {
		return none, err
	}
	secret, err := k.decapsulate(p, r.KeyAgreement)
	if err != nil {
		return none, err
	}
	if err := k.verifyPIN(now, secret, r.PINHashEnc); err != nil {
		return none, err
	}
	if k.mustChangePIN() { // Section 6.5.5.7.1, step 10, and Section 6.5.5.7.2, step 12
		if r.Subcommand == ctap.GetPINToken {
			return none, ctap.ErrPINInvalid
		}
		return none, ctap.ErrPINPolicyViolation
	}
	token := k.tokenFor(now, p, permissions, rpID)
	enc, err := secret.Encrypt(&k.random, token)
	if err != nil {
		return none, err
	}
	return ctap.ClientPINResponse{UVAuthToken: enc}, nil
}
