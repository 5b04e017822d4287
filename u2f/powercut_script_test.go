package u2f_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// slots is how many discoverable credentials the keys of the replay hold: few, so that some are full.
const slots = 3

// A state is a key before the command whose power is cut.
type state struct {
	name    string
	profile string
	build   func(h *host)
	// reset is the write of authenticatorReset after which the power failed and has not come back since; 0: none.
	reset int
	bare  bool // it is not powered up yet: the only command is to do that
}

// states are all that change what a command writes.
func states() []state {
	list := []state{
		{name: "an empty flash", profile: "ctap2.1", bare: true},
		{name: "an empty flash of a U2F key", profile: "u2f", bare: true},
		{name: "fresh", profile: "ctap2.1"},
		{name: "credentials that are not resident", profile: "ctap2.1", build: (*host).useNonResident},
		{name: "PIN", profile: "ctap2.1", build: func(h *host) { h.must(h.settingPIN()) }},
		{name: "PIN, attempts spent", profile: "ctap2.1", build: func(h *host) { h.usePIN(2) }},
		{name: "PIN, one attempt left", profile: "ctap2.1", build: func(h *host) { h.usePIN(7) }},
		{name: "PIN, blocked", profile: "ctap2.1", build: func(h *host) { h.useResidents(2); h.usePIN(8) }},
		{name: "one resident credential", profile: "ctap2.1", build: func(h *host) { h.useResidents(1) }},
		{name: "resident credentials", profile: "ctap2.1", build: func(h *host) { h.useResidents(2) }},
		{name: "resident credentials, full", profile: "ctap2.1", build: func(h *host) { h.useResidents(3) }},
		{name: "resident credentials, PIN", profile: "ctap2.1", build: func(h *host) { h.useResidents(2); h.usePIN(0) }},
		{name: "everything, full", profile: "ctap2.1", build: (*host).useEverything},
		{name: "after a reset", profile: "ctap2.1", build: func(h *host) {
			h.useEverything()
			h.replug()
			h.must(h.resetting())
		}},
		{name: "after a reset that power-up finished", profile: "ctap2.1", build: func(h *host) {
			h.useEverything()
			h.interruptReset(3)
			h.replug()
		}},
		{name: "settings and large blobs", profile: "ctap2.3", build: (*host).useSettings},
		{name: "settings, PIN, credentials", profile: "ctap2.3", build: func(h *host) { h.useResidents(2); h.usePIN(0); h.useSettings() }},
		{name: "a large blob beside a credential", profile: "ctap2.3 largeBlob", build: (*host).useBlob},
		{name: "large blobs beside credentials, PIN", profile: "ctap2.3 largeBlob", build: func(h *host) { h.usePIN(0); h.useBlob(); h.useResidents(2) }},
		{name: "2.0, fresh", profile: "ctap2.0"},
		{name: "2.0, resident credentials, PIN", profile: "ctap2.0", build: func(h *host) { h.useResidents(2); h.usePIN(1) }},
		{name: "U2F, fresh", profile: "u2f"},
		{name: "U2F, credentials", profile: "u2f", build: (*host).useNonResident},
	}
	for _, mode := range []u2f.Counter{u2f.CountEach, u2f.CountRandom} {
		list = append(list, state{name: "counter " + string(mode) + ", credentials of both kinds", profile: "ctap2.1 counter=" + string(mode),
			build: func(h *host) { h.useNonResident(); h.useResidents(2) }})
	}
	list = append(list, importedStates()...)
	for n := 1; n < resetWrites; n++ {
		list = append(list, state{name: fmt.Sprintf("a reset without power since write %d", n), profile: "ctap2.1",
			build: (*host).useEverything, reset: n, bare: true})
	}
	return append(list, fingerStates()...)
}

// resetWrites is what a reset of everything writes: the marker, three resident credentials, PIN, attempts, settings,
// large blobs, master key, no marker.
const resetWrites = 10

// keyProfile is the profile of that name, perhaps with one field changed as in "ctap2.1 counter=random", with few slots.
func keyProfile(t testing.TB, name string) u2f.Profile {
	name, change, changed := strings.Cut(name, " ")
	p, err := u2f.ProfileNamed(name)
	require.NoError(t, err)
	if change == ctap.LargeBlob {
		p.Extensions, p.MaxLargeBlobs, p.MaxLargeBlob = []string{ctap.LargeBlob, ctap.CredProtect, ctap.HMACSecret}, 0, 40
	} else if changed {
		field, value, _ := strings.Cut(change, "=")
		p, err = p.With(field, value)
		require.NoError(t, err)
	}
	if p.ResidentSlots > 0 {
		p.ResidentSlots = slots
	}
	if p.Sensor.Templates > 0 {
		p.Sensor.Templates, p.Sensor.Samples = 2, 2
	}
	return p
}

// useNonResident leaves credentials of both protocols behind, and a counter.
func (h *host) useNonResident() {
	h.must(h.registering(rpID))
	if h.profile.CTAP2() {
		h.must(h.creating(rpID, "visitor", false))
	}
	c := h.world.credentials[0]
	h.must(h.authenticate(3, c))
	h.must(h.authenticate(3, c))
}

// useResidents leaves n discoverable credentials behind.
func (h *host) useResidents(n int) {
	token, _ := h.verified(rpID)
	h.must(h.creating(rpID, "alice", true, h.makingToken(token)))
	h.must(h.signing(allow(h.world.credentials[0].id)))
	if n > 1 {
		token, _ = h.verified(rpID)
		h.must(h.creating(rpID, "bob", true, params(eddsa), protect(2), h.makingToken(token)))
	}
	if n > 2 {
		token, _ = h.verified(otherRP)
		h.must(h.creating(otherRP, "carol", true, extension("hmac-secret", ctap.EncodeBool(true)), h.makingToken(token)))
	}
}

// usePIN leaves a PIN behind that was guessed wrongly so many times.
func (h *host) usePIN(wrong int) {
	if h.world.pin == "" {
		h.must(h.settingPIN())
	}
	for range wrong {
		h.replug() // three in one power cycle are too many
		h.transmit(h.guessing(h.protocol(), h.tokenSubcommand(), wrongPIN, ""))
	}
}

// useEverything leaves one of each behind.
func (h *host) useEverything() {
	h.must(h.settingPIN())
	h.useNonResident()
	h.useResidents(2)
	token, _ := h.verified(otherRP)
	h.must(h.creating(otherRP, "dora", true, protect(3), h.makingToken(token)))
	h.usePIN(1)
}

// interruptReset lets the power fail right after the n-th write of a reset. The key is off then.
func (h *host) interruptReset(n int) {
	h.replug()
	m := h.resetting()
	h.breaker.arm(n, flash.After)
	h.transmit(m)
	require.True(h.t, h.breaker.cut.Off())
	require.NoError(h.t, h.breaker.cut.Restore())
	h.breaker.arm(0, 0)
	h.world = h.world.wiped()
}

// A command is one message that may write, and what has to come before it.
type command struct {
	name string
	// message does what comes before and returns the message; false where the state has no use for it.
	message func(h *host) (message, bool)
}

// powerUp is the command that is no message.
const powerUp = "power-up"

// commands are all that write.
func commands() []command {
	return append(fingerCommands(), []command{
		{powerUp, nil},
		{"makeCredential, not resident", func(h *host) (message, bool) {
			token, ok := h.verified(rpID)
			return h.creating(rpID, "visitor", false, h.makingToken(token)), ok && h.profile.CTAP2()
		}},
		{"makeCredential, resident", func(h *host) (message, bool) { return h.creatingResident("erin") }},
		{"makeCredential, resident, protected", func(h *host) (message, bool) {
			return h.creatingResident("erin", params(eddsa), h.protected(), extension("hmac-secret", ctap.EncodeBool(true)))
		}},
		{"makeCredential, resident, in the place of another", func(h *host) (message, bool) {
			_, there := h.world.of(func(c issued) bool { return c.resident && c.user == "alice" })
			if !there {
				return message{}, false
			}
			return h.creatingResident("alice")
		}},
		{"getAssertion, not resident", func(h *host) (message, bool) {
			c, there := h.world.of(func(c issued) bool { return !c.resident })
			return h.signing(forRP(c.rp), allow(c.id)), there && h.profile.CTAP2()
		}},
		{"getAssertion, resident", func(h *host) (message, bool) {
			c, there := h.world.of(func(c issued) bool { return c.resident })
			return h.signing(forRP(c.rp), allow(c.id)), there
		}},
		{"getAssertion, discoverable", func(h *host) (message, bool) {
			c, there := h.world.of(func(c issued) bool { return c.resident })
			token, ok := h.verified(c.rp)
			return h.signing(forRP(c.rp), h.token(token)), there && ok
		}},
		{"getAssertion, silent", func(h *host) (message, bool) {
			c, there := h.world.of(func(c issued) bool { return c.resident && c.alg == cose.EdDSA })
			return h.signing(silent, allow(c.id)), there
		}},
		{"getNextAssertion", (*host).signingNext},
		{"setPIN", func(h *host) (message, bool) {
			if !h.hasPIN() || h.world.pin != "" {
				return message{}, false
			}
			return h.settingPIN(), true
		}},
		{"changePIN", overOne(ctap.ChangePIN, pin, newPIN)},
		{"changePIN, wrong PIN", overOne(ctap.ChangePIN, wrongPIN, newPIN)},
		{"changePIN, too short", overOne(ctap.ChangePIN, pin, "123")},
		{"getPinToken", overOne(ctap.GetPINToken, pin, "")},
		{"getPinToken, wrong PIN", overOne(ctap.GetPINToken, wrongPIN, "")},
		{"getPinUvAuthTokenUsingPinWithPermissions", func(h *host) (message, bool) {
			return h.guess(h.protocol(), h.tokenSubcommand(), pin, "")
		}},
		{"getPinUvAuthTokenUsingPinWithPermissions, wrong PIN", func(h *host) (message, bool) {
			return h.guess(h.protocol(), h.tokenSubcommand(), wrongPIN, "")
		}},
		{"getPinToken, wrong PIN for the third time", func(h *host) (message, bool) {
			for range 2 {
				if m, ok := h.guess(pinuv.One, ctap.GetPINToken, wrongPIN, ""); ok {
					h.transmit(m)
				}
			}
			return h.guess(pinuv.One, ctap.GetPINToken, wrongPIN, "")
		}},
		{"enableEnterpriseAttestation", configuringCut(ctap.EnableEnterpriseAttestation, nil)},
		{"toggleAlwaysUv", configuringCut(ctap.ToggleAlwaysUV, nil)},
		{"setMinPINLength", configuringCut(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(4)),
			RPIDs: []string{rpID}}))},
		{"setMinPINLength, so that the PIN must be changed", configuringCut(ctap.SetMinPINLength,
			minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(6))}))},
		{"enableLongTouchForReset", configuringCut(ctap.EnableLongTouchForReset, nil)},
		{"changePIN, which must be", (*host).changingForced},
		{"authenticatorLargeBlobs", func(h *host) (message, bool) { return h.writingBlobs(60, 0) }},
		{"authenticatorLargeBlobs, the last fragment", func(h *host) (message, bool) { return h.writingBlobs(60, 25) }},
		{"deleteCredential", (*host).deleting},
		{"import of a discoverable credential", func(h *host) (message, bool) { return h.importing(true, "") }},
		{"import of a credential with a large blob", func(h *host) (message, bool) { return h.importing(true, alongBlob) }},
		{"import of a credential that is not discoverable", func(h *host) (message, bool) { return h.importing(false, "") }},
		{"getAssertion, writing a large blob", func(h *host) (message, bool) { return h.writingBlob("new") }},
		{"reset", func(h *host) (message, bool) { return h.resetting(), h.profile.CTAP2() }},
		{"U2F_REGISTER", func(h *host) (message, bool) { return h.registering(rpID), true }},
		{"U2F_AUTHENTICATE", func(h *host) (message, bool) { return h.authenticateFirst(3) }},
		{"U2F_AUTHENTICATE, without presence", func(h *host) (message, bool) { return h.authenticateFirst(8) }},
	}...)
}

// hasPIN reports whether the key knows PINs at all.
func (h *host) hasPIN() bool { return h.profile.CTAP2() && len(h.profile.PINUVAuthProtocols) > 0 }

// overOne is a subcommand over protocol one, which every key with a PIN knows.
func overOne(s ctap.ClientPINSubcommand, pin, replacement string) func(h *host) (message, bool) {
	return func(h *host) (message, bool) { return h.guess(pinuv.One, s, pin, replacement) }
}

func (h *host) guess(p pinuv.Protocol, s ctap.ClientPINSubcommand, pin, replacement string) (message, bool) {
	if !h.hasPIN() || h.world.pin == "" {
		return message{}, false
	}
	return h.guessing(p, s, pin, replacement), true
}

func (h *host) creatingResident(user string, change ...func(*ctap.MakeCredentialRequest)) (message, bool) {
	if !h.profile.CTAP2() {
		return message{}, false
	}
	token, ok := h.verified(rpID)
	return h.creating(rpID, user, true, append(slices.Clone(change), h.makingToken(token))...), ok
}

// protected asks for the level of credProtect at which a credential can be seen still.
func (h *host) protected() func(*ctap.MakeCredentialRequest) {
	switch {
	case !slices.Contains(h.profile.Extensions, ctap.CredProtect):
		return func(*ctap.MakeCredentialRequest) {}
	case h.world.pin == "":
		return protect(2)
	}
	return protect(3)
}

// signingNext needs two credentials of one relying party that are listed.
func (h *host) signingNext() (message, bool) {
	c, there := h.world.of(func(c issued) bool { return c.resident })
	token, ok := h.verified(c.rp)
	if !there || !ok {
		return message{}, false
	}
	body, err := h.send(getCmd, asking(all(forRP(c.rp), h.token(token))))
	require.NoError(h.t, err)
	g, err := ctap.ParseGetAssertionResponse(body)
	require.NoError(h.t, err)
	h.world.signed(h, body)
	return h.assertion([]byte{nextCmd}), g.NumberOfCredentials > 1
}

func (h *host) resetting() message {
	return message{bytes: []byte{resetCmd}, learn: func(w *world, _ []byte, err error) {
		if err == nil {
			*w = w.wiped()
		}
	}}
}

func (h *host) authenticate(control byte, c issued) message {
	return message{ctap1: true, bytes: authenticating(control, c), learn: func(w *world, body []byte, err error) {
		if err == nil {
			w.counter = max(w.counter, binary.BigEndian.Uint32(body[1:5]))
		}
	}}
}

func (h *host) authenticateFirst(control byte) (message, bool) {
	c, there := h.world.of(func(c issued) bool { return c.alg == cose.ES256 && c.protect < 3 })
	return h.authenticate(control, c), there
}
