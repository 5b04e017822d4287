package u2f

import (
	"bytes"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// A PIN's length counts code points, and bytes at the other end. See Section 6.5.1.
func TestPINPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		plaintext []byte
		want      ctap.Status
	}{
		"four digits":                         {padded("1234"), ctap.OK},
		"three digits":                        {padded("123"), ctap.ErrPINPolicyViolation},
		"nothing":                             {make([]byte, 64), ctap.ErrPINPolicyViolation},
		"two characters of six bytes":         {padded("密码"), ctap.ErrPINPolicyViolation},
		"four characters of eight bytes":      {padded("ÄÖÜß"), ctap.OK},
		"63 bytes":                            {padded(string(bytes.Repeat([]byte{'x'}, 63))), ctap.OK},
		"64 bytes":                            {bytes.Repeat([]byte{'x'}, 64), ctap.ErrPINPolicyViolation},
		"32 characters of 64 bytes":           {bytes.Repeat([]byte("ä"), 32), ctap.ErrPINPolicyViolation},
		"a zero inside, which is not padding": {padded("12\x0034"), ctap.OK},
		"48 bytes":                            {padded("1234")[:48], ctap.ErrInvalidParameter},
		"80 bytes":                            {append(padded("1234"), make([]byte, 16)...), ctap.ErrInvalidParameter},
		"no block at all":                     {nil, ctap.ErrInvalidParameter},
	} {
		t.Run(name, func(t *testing.T) {
			h := newPlatform(t, "ctap2.1")
			_, status := h.send(h.setPINRequest(c.plaintext))
			require.Equal(t, c.want, status)
			require.Equal(t, c.want == ctap.OK, h.k.pinSet())
		})
	}
	t.Run("bytes that are no UTF-8 are the platform's affair", func(t *testing.T) {
		require.Equal(t, ctap.OK, newPlatform(t, "ctap2.1").setPIN("\xff\xfe\xfd\xfc"))
	})
	t.Run("the profile asks for eight", func(t *testing.T) {
		h := newPlatform(t, "ctap2.1", func(p *Profile) { p.MinPINLength = 8 })
		require.Equal(t, ctap.ErrPINPolicyViolation, h.setPIN("1234567"))
		require.Equal(t, ctap.OK, h.setPIN("12345678"))
	})
	t.Run("the profile has another answer to a PIN that is not padded", func(t *testing.T) {
		h := newPlatform(t, "ctap2.1", func(p *Profile) { p.PINLengthError = Answer(ctap.ErrPINPolicyViolation) })
		_, status := h.send(h.setPINRequest(padded("1234")[:48]))
		require.Equal(t, ctap.ErrPINPolicyViolation, status)
	})
	t.Run("the profile has another answer to an unknown subcommand", func(t *testing.T) {
		h := newPlatform(t, "ctap2.1", func(p *Profile) { p.SubcommandError = Answer(ctap.ErrInvalidParameter) })
		_, status := h.send(ctap.ClientPINRequest{Subcommand: 0x55})
		require.Equal(t, ctap.ErrInvalidParameter, status)
	})
}

// Wrong PINs to the block and beyond. See Section 6.5.2.2.
func TestWrongPINsUntilTheKeyIsBlocked(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	h.events = nil
	wrong := func(want ctap.Status, left uint64, powerCycle bool) {
		t.Helper()
		_, status := h.token(wrongPIN, ctap.PermissionGA, "example.com")
		require.Equal(t, want, status)
		gotLeft, gotCycle := h.retries()
		require.Equal(t, left, gotLeft)
		require.Equal(t, powerCycle, gotCycle)
	}
	wrong(ctap.ErrPINInvalid, 7, false)
	wrong(ctap.ErrPINInvalid, 6, false)
	wrong(ctap.ErrPINAuthBlocked, 5, true) // the third itself says so
	wrong(ctap.ErrPINAuthBlocked, 5, true) // and no attempt is spent any more
	_, status := h.token(goodPIN, ctap.PermissionGA, "example.com")
	require.Equal(t, ctap.ErrPINAuthBlocked, status, "nor is the right PIN looked at")
	require.Equal(t, ctap.ErrPINAuthBlocked, h.changePIN(goodPIN, "567890"))

	h.powerCycle()
	wrong(ctap.ErrPINInvalid, 4, false)
	wrong(ctap.ErrPINInvalid, 3, false)
	wrong(ctap.ErrPINAuthBlocked, 2, true)
	h.powerCycle()
	wrong(ctap.ErrPINInvalid, 1, false)
	wrong(ctap.ErrPINBlocked, 0, false)
	wrong(ctap.ErrPINBlocked, 0, false)
	require.Equal(t, ctap.ErrPINBlocked, h.changePIN(goodPIN, "567890"))
	h.powerCycle()
	_, status = h.token(goodPIN, 0, "")
	require.Equal(t, ctap.ErrPINBlocked, status, "no power cycle helps")
	require.Equal(t, ctap.ErrPINAuthInvalid, h.setPIN("567890"))

	var names []string
	for _, e := range h.events {
		names = append(names, e.Name)
	}
	require.Equal(t, []string{PINWrong, PINWrong, PINWrong, PINBlocked, PINWrong, PINWrong, PINWrong, PINBlocked,
		PINWrong, PINWrong, PINBlocked}, names)
	require.Equal(t, 5, h.events[3].Left)
	require.Zero(t, h.events[10].Left)
}

func TestTheRightPINForgivesTheWrongOnes(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	for range 5 {
		for range 2 {
			_, status := h.token(wrongPIN, 0, "")
			require.Equal(t, ctap.ErrPINInvalid, status)
		}
		_, status := h.token(goodPIN, 0, "")
		require.Equal(t, ctap.OK, status)
		left, powerCycle := h.retries()
		require.Equal(t, uint64(8), left)
		require.False(t, powerCycle)
	}
}

// A new PIN that is refused costs nothing, because the old one was right: Section 6.5.5.6, step 8 comes before step 12.
func TestChangePINForgivesBeforeItLooksAtTheNewPIN(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	_, status := h.token(wrongPIN, 0, "")
	require.Equal(t, ctap.ErrPINInvalid, status)
	require.Equal(t, ctap.ErrPINPolicyViolation, h.changePIN(goodPIN, "1"))
	left, _ := h.retries()
	require.Equal(t, uint64(8), left)
	require.Equal(t, ctap.OK, h.changePIN(goodPIN, "567890"))
	_, status = h.token(goodPIN, 0, "")
	require.Equal(t, ctap.ErrPINInvalid, status)
	_, status = h.token("567890", 0, "")
	require.Equal(t, ctap.OK, status)
}

// See regenerate in Section 6.5.4, and Section 6.5.5.6, step 7.1.1.
func TestAWrongPINEndsTheKeyAgreement(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	agreement := func(p pinuv.Protocol) []byte {
		response, status := h.send(ctap.ClientPINRequest{Protocol: new(uint64(p)), Subcommand: ctap.GetKeyAgreement})
		require.Equal(t, ctap.OK, status)
		return response.KeyAgreement
	}
	one, two := agreement(pinuv.One), agreement(pinuv.Two)
	require.NotEqual(t, one, two)
	require.Equal(t, two, agreement(pinuv.Two), "it lasts")
	right, secret := h.tokenRequest(goodPIN, 0, "")
	wrong := right
	wrong.PINHashEnc = h.encrypt(secret, pinHash(wrongPIN))
	_, status := h.send(wrong)
	require.Equal(t, ctap.ErrPINInvalid, status)
	_, status = h.send(right)
	require.Equal(t, ctap.ErrPINInvalid, status, "what was agreed before the mismatch is void")
	require.NotEqual(t, two, agreement(pinuv.Two))
	require.Equal(t, one, agreement(pinuv.One), "the other protocol's key stays")
}

func TestThePINOutlivesThePower(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	_, status := h.token(wrongPIN, 0, "")
	require.Equal(t, ctap.ErrPINInvalid, status)
	h.powerCycle()
	require.True(t, h.k.pinSet())
	left, _ := h.retries()
	require.Equal(t, uint64(7), left)
	_, status = h.token(goodPIN, 0, "")
	require.Equal(t, ctap.OK, status)
}

// The attempt is in flash before the PIN is compared: where that write fails, the right PIN gets no token.
func TestNoPINIsComparedBeforeTheAttemptIsStored(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	r, _ := h.tokenRequest(goodPIN, 0, "")
	h.flash.(*refusing).name = recordRetries
	_, status := h.send(r)
	require.Equal(t, ctap.ErrOther, status)
	left, _ := h.retries()
	require.Equal(t, uint64(7), left, "whether it was spent is not known, so it was")
	require.False(t, h.k.tokenInUse(h.now))
	h.flash.(*refusing).name = ""
	_, status = h.token(goodPIN, 0, "")
	require.Equal(t, ctap.OK, status)
}

func TestAPINThatCannotBeStoredIsNotSet(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	r := h.setPINRequest(padded(goodPIN))
	h.flash.(*refusing).name = recordPIN
	_, status := h.send(r)
	require.Equal(t, ctap.ErrOther, status)
	require.False(t, h.k.pinSet())
	h.flash.(*refusing).name = ""
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))

	h.flash.(*refusing).name = recordPIN
	require.Equal(t, ctap.ErrOther, h.changePIN(goodPIN, "567890"))
	_, status = h.token(goodPIN, 0, "")
	require.Equal(t, ctap.OK, status, "the old PIN stands")
}

func TestDamagedPINRecordsStopTheKey(t *testing.T) {
	for name, c := range map[string]struct {
		record string
		value  []byte
	}{
		"nine attempts":          {recordRetries, []byte{9}},
		"no attempts at all":     {recordRetries, []byte{}},
		"half a PIN":             {recordPIN, make([]byte, 9)},
		"a PIN of another key":   {recordPIN, make([]byte, pinRecordSize)},
		"two bytes of attempts":  {recordRetries, []byte{1, 1}},
		"a PIN that is too long": {recordPIN, append([]byte{pinVersion}, make([]byte, pinRecordSize)...)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newPlatform(t, "ctap2.1")
			require.Equal(t, ctap.OK, h.setPIN(goodPIN))
			require.NoError(t, h.flash.Put(c.record, c.value))
			require.ErrorContains(t, h.k.PowerUp(h.now, make([]byte, 32)), "damaged")
			h.k.CBOR(h.now, 1, []byte{cmdGetInfo})
			_, ok := h.k.Reply(h.now)
			require.False(t, ok, "the key is off")
		})
	}
}

// A flash that was tampered with may hold spent attempts and no PIN; setPIN starts anew. See Section 6.5.5.5, step 12.
func TestSetPINStartsWithAllAttempts(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	require.NoError(t, h.flash.Put(recordRetries, []byte{0}))
	h.powerCycle()
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	h.powerCycle()
	left, _ := h.retries()
	require.Equal(t, uint64(8), left)
}

func TestGetPINRetriesOf20HasNoPowerCycleState(t *testing.T) {
	h := newPlatform(t, "ctap2.0")
	response, status := h.send(ctap.ClientPINRequest{Subcommand: ctap.GetPINRetries, Protocol: new(uint64(1))})
	require.Equal(t, ctap.OK, status)
	require.Nil(t, response.PowerCycleState)
	require.Nil(t, response.UVRetries)
	for _, s := range []ctap.ClientPINSubcommand{ctap.GetPINUVAuthTokenUsingUVWithPermissions, ctap.GetUVRetries,
		ctap.GetPINUVAuthTokenUsingPINWithPermissions} {
		_, status := h.send(ctap.ClientPINRequest{Subcommand: s})
		require.Equal(t, h.k.profile.SubcommandError, Answer(status))
	}
}

// Whatever the parameters are, an error leaves flash as it was, but for attempts spent, and what is in flash is what
// the key believes.
func FuzzClientPIN(f *testing.F) {
	seeds := newPlatform(f, "ctap2.1")
	for _, r := range []ctap.ClientPINRequest{
		{Subcommand: ctap.GetPINRetries},
		{Subcommand: ctap.GetKeyAgreement, Protocol: new(uint64(1))},
		seeds.setPINRequest(padded(goodPIN)),
		seeds.changePINRequest(goodPIN, padded("567890")),
	} {
		f.Add(r.Append(nil), true)
		f.Add(r.Append(nil), false)
	}
	f.Add([]byte{0xa1, 0x02, 0xf6}, true)
	without := snapshot(f, seeds.flash)
	require.Equal(f, ctap.OK, seeds.setPIN(goodPIN))
	with := snapshot(f, seeds.flash)
	f.Fuzz(func(t *testing.T, params []byte, pin bool) {
		before := maps.Clone(without)
		if pin {
			before = maps.Clone(with)
		}
		memory := &flash.Memory{} // a key that was made before starts sooner
		for name, value := range before {
			require.NoError(t, memory.Put(name, []byte(value)))
		}
		h := newPlatformOn(t, seeds.k.profile, memory)
		status, _ := h.cbor(cmdClientPIN, params)
		after := snapshot(t, h.flash)
		left := h.k.pin.retries
		if status != ctap.OK {
			delete(before, recordRetries)
			delete(after, recordRetries)
			require.Equal(t, before, after)
		}
		h.powerCycle()
		require.Equal(t, left, h.k.pin.retries)
	})
}
