package u2f

import (
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// From the specification: Section 6.5.2.1.
const (
	initialUsageLimit = 30 * time.Second // over USB, until the token is used for the first time
	userPresentLimit  = 30 * time.Second // over USB
	maxUsagePeriod    = 600 * time.Second
)

// tokenState is the state of the pinUvAuthToken. There is one at most: a new one invalidates those of all protocols.
// Only built-in user verification sets the userPresent flag. See Section 6.5.2.1.
//
//	none ── newToken ──▶ unused ── authorize ──▶ used
//	unused ── 30 s ──▶ none      used ── 600 s ──▶ none      any ── dropTokens ──▶ none
//
// With a profile of 2.0 there are none and used only, and no timer: a token lasts as long as the power (2.0 Section
// 5.5.2).
type tokenState struct {
	phase        tokenPhase
	protocol     pinuv.Protocol
	value        [32]byte
	issued       time.Time
	userVerified bool
	userPresent  bool // for as long as userPresentLimit
	permissions  ctap.Permissions
	rpID         *string // the permissions RP ID, nil while the token is bound to none
}

// tokenPhase is where a token stands; its arrows are in the comment of tokenState.
type tokenPhase byte

const (
	noToken tokenPhase = iota
	unusedToken
	usedToken
)

// newToken is resetPinUvAuthToken for all protocols and beginUsingPinUvAuthToken(userIsPresent: false) for p. It returns
// the token. See Section 6.5.5.7.2, steps 13 to 16; with a profile of 2.0 a token that was issued since power-up is
// issued again.
func (k *Key) newToken(now time.Time, p pinuv.Protocol, permissions ctap.Permissions, rpID *string) []byte {
	t := &k.token
	if !k.profile.Permissions {
		if t.phase == noToken {
			*t = tokenState{phase: usedToken, protocol: p}
			k.random.read(t.value[:])
		}
		t.protocol = p
		return t.value[:]
	}
	*t = tokenState{phase: unusedToken, protocol: p, issued: now, userVerified: true, permissions: permissions, rpID: rpID}
	k.random.read(t.value[:])
	return t.value[:]
}

// dropTokens invalidates all tokens.
func (k *Key) dropTokens() { k.token = tokenState{} }

// tokenInUse lets the token's timers run until now and reports whether there is one still:
// pinUvAuthTokenUsageTimerObserver of Section 6.5.3.2. A timer that has run out to the instant has run out.
func (k *Key) tokenInUse(now time.Time) bool {
	age := now.Sub(k.token.issued)
	if k.profile.Permissions && (age >= maxUsagePeriod || k.token.phase == unusedToken && age >= initialUsageLimit) {
		k.dropTokens()
	}
	return k.token.phase != noToken
}

// authorize checks a pinUvAuthParam over message, and that the token was issued for permission and this relying party:
// Section 6.1.2, step 11.1, and Section 6.2.2, step 6.1. A token without a relying party is bound to rpID from here on.
// Everything that is wrong is CTAP2_ERR_PIN_AUTH_INVALID, and costs no PIN attempt. userVerified is the "uv" of the
// answer. With a profile of 2.0 a token is good for everything.
func (k *Key) authorize(now time.Time, protocol uint64, param, message []byte, permission byte, rpID string) (
	userVerified bool, err error) {
	t := &k.token
	if !k.tokenInUse(now) || uint64(t.protocol) != protocol || !t.protocol.Verify(t.value[:], message, param) {
		return false, ctap.ErrPINAuthInvalid
	}
	if !k.profile.Permissions {
		return true, nil
	}
	asked := ctap.Permissions(permission)
	forRP := asked&needRP != 0 // the others are never bound to a relying party
	if t.permissions&asked != asked || forRP && !t.userVerified || forRP && t.rpID != nil && *t.rpID != rpID {
		return false, ctap.ErrPINAuthInvalid
	}
	if forRP && t.rpID == nil {
		t.rpID = &rpID
	}
	t.phase = usedToken
	return true, nil
}

// tokenUsedUp follows a touch that a token has led to: clearUserPresentFlag, clearUserVerifiedFlag and
// clearPinUvAuthTokenPermissionsExceptLbw of Section 6.5.3.2. With a profile of 2.0 nothing is used up.
func (k *Key) tokenUsedUp(now time.Time) {
	if k.profile.Permissions && k.tokenInUse(now) {
		k.token.userVerified, k.token.userPresent = false, false
		k.token.permissions &= ctap.PermissionLBW
	}
}

// tokenPresent is getUserPresentFlagValue of Section 6.5.3.2: whether the user touched the key for this token, and not too
// long ago. A timer that has run out to the instant has run out.
func (k *Key) tokenPresent(now time.Time) bool {
	return k.tokenInUse(now) && k.token.userPresent && now.Sub(k.token.issued) < userPresentLimit
}
