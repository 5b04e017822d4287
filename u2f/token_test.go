package u2f

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

var tokenMessage = []byte("client data hash")

// use authorizes permission for rpID with token and returns the status.
func (h *platform) use(token []byte, permission ctap.Permissions, rpID string) ctap.Status {
	verified, err := h.k.authorize(h.now, uint64(h.p), h.p.Authenticate(token, tokenMessage), tokenMessage,
		byte(permission), rpID)
	require.Equal(h.t, err == nil, verified)
	return ctap.StatusOf(err)
}

func (h *platform) mustToken(permissions ctap.Permissions, rpID string) []byte {
	token, status := h.token(goodPIN, permissions, rpID)
	require.Equal(h.t, ctap.OK, status)
	return token
}

// newHolder returns a platform whose key has a PIN.
func newHolder(t testing.TB, profile string) *platform {
	h := newPlatform(t, profile)
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	return h
}

const (
	mcga  = ctap.PermissionMC | ctap.PermissionGA
	site  = "example.com"
	other = "example.org"
)

// What a token is good for. See Section 6.1.2, step 11.1.
func TestAuthorize(t *testing.T) {
	t.Run("a token is good for its permission and its relying party", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		token := h.mustToken(ctap.PermissionMC, site)
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionGA, site), "step 11.1.2")
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionMC, other), "step 11.1.3")
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionMC, site))
	})
	t.Run("a token of getPinToken is bound by its first use", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		token := h.mustToken(0, "")
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionGA, site))
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionGA, other))
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionMC, site))
	})
	t.Run("a use that is refused binds nothing", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		token := h.mustToken(0, "")
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionCM, other))
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionGA, site))
	})
	t.Run("undefined permissions are ignored, not granted", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		token := h.mustToken(ctap.PermissionGA|0x80, site)
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, 0x80, site))
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionGA, site))
	})
	t.Run("a forged parameter costs no attempt", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		h.mustToken(mcga, site)
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(make([]byte, 32), ctap.PermissionMC, site))
		left, _ := h.retries()
		require.Equal(t, uint64(8), left)
	})
	t.Run("without a token nothing verifies, a MAC under zeros either", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(make([]byte, 32), ctap.PermissionMC, site))
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(make([]byte, 32), 0, ""))
	})
	t.Run("a token belongs to the protocol that it was issued with", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		token := h.mustToken(mcga, site)
		h.p = pinuv.One
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionMC, site))
		_, err := h.k.authorize(h.now, uint64(pinuv.One), pinuv.Two.Authenticate(token, tokenMessage), tokenMessage,
			byte(ctap.PermissionMC), site)
		require.Equal(t, ctap.ErrPINAuthInvalid, err, "a MAC of the one under the name of the other")
		h.p = pinuv.Two
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionMC, site))
	})
	t.Run("an empty relying party is one too", func(t *testing.T) {
		h := newHolder(t, "ctap2.1")
		token := h.mustToken(mcga, "")
		require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionMC, site))
		require.Equal(t, ctap.OK, h.use(token, ctap.PermissionMC, ""))
	})
}

// What ends a token. See Sections 6.5.3 and 6.5.5.
func TestTokensEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(h *platform)
		want ctap.Status
	}{
		"nothing happens": {func(*platform) {}, ctap.OK},
		"a new token, of any protocol": {func(h *platform) {
			h.p = pinuv.One
			h.mustToken(mcga, site)
			h.p = pinuv.Two
		}, ctap.ErrPINAuthInvalid},
		"changePIN":               {func(h *platform) { require.Equal(h.t, ctap.OK, h.changePIN(goodPIN, "567890")) }, ctap.ErrPINAuthInvalid},
		"a wrong PIN ends none":   {func(h *platform) { h.token(wrongPIN, mcga, site) }, ctap.OK},
		"power":                   {(*platform).powerCycle, ctap.ErrPINAuthInvalid},
		"almost 30 seconds":       {func(h *platform) { h.now = h.now.Add(30*time.Second - 1) }, ctap.OK},
		"30 seconds without use":  {func(h *platform) { h.now = h.now.Add(30 * time.Second) }, ctap.ErrPINAuthInvalid},
		"30 seconds after a use":  {func(h *platform) { h.useOnce(); h.now = h.now.Add(30 * time.Second) }, ctap.OK},
		"almost 600 seconds":      {func(h *platform) { h.useOnce(); h.now = h.now.Add(600*time.Second - 1) }, ctap.OK},
		"600 seconds after a use": {func(h *platform) { h.useOnce(); h.now = h.now.Add(600 * time.Second) }, ctap.ErrPINAuthInvalid},
		"a use that failed is none": {func(h *platform) {
			h.use(make([]byte, 32), ctap.PermissionMC, site)
			h.now = h.now.Add(30 * time.Second)
		}, ctap.ErrPINAuthInvalid},
		"a touch takes all permissions": {func(h *platform) { h.k.tokenUsedUp(h.now) }, ctap.ErrPINAuthInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t, "ctap2.1")
			h.last = h.mustToken(mcga, site)
			c.end(h)
			require.Equal(t, c.want, h.use(h.last, ctap.PermissionMC, site))
		})
	}
}

// useOnce uses the last token once.
func (h *platform) useOnce() {
	require.Equal(h.t, ctap.OK, h.use(h.last, ctap.PermissionMC, site))
}

// See clearPinUvAuthTokenPermissionsExceptLbw in Section 6.5.3.2.
func TestATouchLeavesLargeBlobWrites(t *testing.T) {
	h := newHolder(t, "ctap2.1")
	h.mustToken(mcga, site)
	h.k.token.permissions |= ctap.PermissionLBW
	h.k.tokenUsedUp(h.now)
	require.Equal(t, ctap.PermissionLBW, h.k.token.permissions)
	require.True(t, h.k.tokenInUse(h.now))
	h.k.token.permissions |= ctap.PermissionMC
	require.Equal(t, ctap.ErrPINAuthInvalid, h.use(h.k.token.value[:], ctap.PermissionMC, site), "nobody is verified any more")
}

// A key of 2.0 has one token for as long as it has power, good for everything. See 2.0 Section 5.5.2.
func TestTokensOf20(t *testing.T) {
	h := newHolder(t, "ctap2.0")
	token := h.mustToken(0, "")
	require.Equal(t, token, h.mustToken(0, ""), "the same again")
	require.Equal(t, ctap.OK, h.use(token, ctap.PermissionMC, site))
	h.k.tokenUsedUp(h.now)
	h.now = h.now.Add(24 * time.Hour)
	require.Equal(t, ctap.OK, h.use(token, ctap.PermissionGA, other))
	require.Equal(t, ctap.ErrPINAuthInvalid, h.use(make([]byte, 32), ctap.PermissionGA, other))
	require.Equal(t, ctap.OK, h.changePIN(goodPIN, "567890"))
	require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionGA, other))

	h = newHolder(t, "ctap2.0")
	token = h.mustToken(0, "")
	h.k.PowerDown(h.now)
	require.NoError(t, h.k.PowerUp(h.now, make([]byte, 32)))
	require.Equal(t, ctap.ErrPINAuthInvalid, h.use(token, ctap.PermissionGA, other))
	require.NotEqual(t, token, h.mustToken(0, ""))

	r, _ := h.tokenRequest(goodPIN, 0, "")
	r.Permissions = new(ctap.PermissionMC)
	_, status := h.send(r)
	require.Equal(t, ctap.OK, status, "2.0 does not know the parameter and ignores it")
}
