package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// maxUV is how many attempts the sensor of profile bio gives.
const maxUV = 3

// fingerStates are those of a key with a sensor.
func fingerStates() []state {
	list := []state{
		{name: "bio, PIN", profile: "bio", build: func(h *host) { h.must(h.settingPIN()) }},
		{name: "bio, a fingerprint", profile: "bio", build: func(h *host) { h.useFingers(1, 0) }},
		{name: "bio, a fingerprint, attempts spent", profile: "bio", build: func(h *host) { h.useResident(); h.useFingers(1, 2) }},
		{name: "bio, the sensor blocked", profile: "bio", build: func(h *host) { h.useFingers(1, maxUV) }},
		{name: "bio, full", profile: "bio", build: (*host).useAllFingers},
	}
	for n := 1; n < fingerResetWrites; n++ {
		list = append(list, state{name: fmt.Sprintf("bio, a reset without power since write %d", n), profile: "bio",
			build: (*host).useAllFingers, reset: n, bare: true})
	}
	return list
}

// fingerResetWrites is what a reset of a key with two fingerprints writes: the marker, a resident credential, two
// fingerprints, the sensor's attempts, PIN, attempts, settings, large blobs, master key, no marker.
const fingerResetWrites = 11

func (h *host) useAllFingers() {
	h.useFingers(1, 0)
	h.useResidents(1)
	m, ok := h.enrolling("left-thumb")
	require.True(h.t, ok)
	h.must(m)
	m, _ = h.touching("left-little")
	h.transmit(m)
}

// useResident leaves a credential and a PIN behind.
func (h *host) useResident() {
	h.must(h.settingPIN())
	h.useResidents(1)
}

// useFingers leaves a PIN and fingerprints behind, and attempts of a wrong finger.
func (h *host) useFingers(n, wrong int) {
	if h.world.pin == "" {
		h.must(h.settingPIN())
	}
	if n > 0 {
		m, ok := h.enrolling(u2f.UsualFinger)
		require.True(h.t, ok)
		h.must(m)
	}
	for range wrong {
		m, ok := h.touching("left-little")
		require.True(h.t, ok)
		h.transmit(m)
	}
}

// fingerCommands are those that a key with a sensor has besides.
func fingerCommands() []command {
	return []command{
		{"enrollCaptureNextSample, the last", func(h *host) (message, bool) { return h.enrolling("left-ring") }},
		{"setFriendlyName", func(h *host) (message, bool) { return h.managingFinger(ctap.SetFriendlyName) }},
		{"removeEnrollment", func(h *host) (message, bool) { return h.managingFinger(ctap.RemoveEnrollment) }},
		{"getPinUvAuthTokenUsingUvWithPermissions", func(h *host) (message, bool) { return h.touching(u2f.UsualFinger) }},
		{"getPinUvAuthTokenUsingUvWithPermissions, wrong finger", func(h *host) (message, bool) { return h.touching("left-little") }},
		{"getAssertion, a finger", func(h *host) (message, bool) {
			c, there := h.world.of(func(c issued) bool { return c.resident })
			if !there || h.world.uv == 0 || len(h.world.prints) == 0 {
				return message{}, false
			}
			m := h.signing(forRP(c.rp), askBuiltIn)
			learn := m.learn
			m.guess, m.learn = someFinger, func(w *world, body []byte, err error) {
				learn(w, body, err)
				w.uv = maxUV
			}
			return m, true
		}},
	}
}

// fingerToken fetches a token with permission be by PIN.
func (h *host) fingerToken(pin string) []byte {
	public, secret := h.secret(h.protocol())
	hash := sha256.Sum256([]byte(pin))
	enc, err := secret.Encrypt(bytes.NewReader(make([]byte, 16)), hash[:16])
	require.NoError(h.t, err)
	out := h.clientPIN(h.protocol(), ctap.ClientPINRequest{Subcommand: ctap.GetPINUVAuthTokenUsingPINWithPermissions,
		KeyAgreement: public, PINHashEnc: enc, Permissions: new(ctap.PermissionBE)})
	token, err := secret.Decrypt(out.UVAuthToken)
	require.NoError(h.t, err)
	return token
}

// enrolling is the last sample of an enrolment.
func (h *host) enrolling(finger string) (message, bool) {
	if !h.world.sensor || h.world.pin == "" || h.world.blocked() || h.world.forced() || len(h.world.prints) >= h.profile.Sensor.Templates {
		return message{}, false
	}
	token := h.fingerToken(h.world.pin)
	h.world.guessed(true)
	h.fingers(finger)
	_, _, id := h.capture(token, nil)
	h.fingers(finger)
	request := enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id})
	return message{bytes: append([]byte{bioCmd}, request...), learn: func(w *world, _ []byte, err error) {
		if err == nil {
			w.prints = append(w.prints, print(id, ""))
		}
	}}, true
}

func print(id []byte, name string) string { return fmt.Sprintf("%x %s", id, name) }

// managingFinger gives the first fingerprint a name, or removes it.
func (h *host) managingFinger(s ctap.BioEnrollmentSubcommand) (message, bool) {
	if len(h.world.prints) == 0 || h.world.blocked() || h.world.forced() {
		return message{}, false
	}
	token := h.fingerToken(h.world.pin)
	h.world.guessed(true)
	out, err := h.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnumerateEnrollments}))
	require.NoError(h.t, err)
	in := ctap.BioEnrollmentRequest{Subcommand: s, TemplateID: out.Templates[0].ID}
	if s == ctap.SetFriendlyName {
		in.FriendlyName = new("Zeigefinger")
	}
	return message{bytes: append([]byte{bioCmd}, enrolling(token, in)...), learn: func(w *world, _ []byte, err error) {
		switch {
		case err != nil:
		case s == ctap.SetFriendlyName:
			w.prints[0] = print(in.TemplateID, *in.FriendlyName)
		default:
			w.prints = slices.Delete(w.prints, 0, 1)
		}
	}}, true
}

// touching exchanges a finger for a token. See Section 6.5.5.7.3.
func (h *host) touching(finger string) (message, bool) {
	if len(h.world.prints) == 0 || h.world.uv == 0 {
		return message{}, false
	}
	public, _ := h.secret(h.protocol())
	h.fingers(finger)
	in := ctap.ClientPINRequest{Protocol: new(uint64(h.protocol())), Subcommand: ctap.GetPINUVAuthTokenUsingUVWithPermissions,
		KeyAgreement: public, Permissions: new(ctap.PermissionGA), RPID: new(string(rpID))}
	return message{bytes: append([]byte{pinCmd}, in.Append(nil)...), guess: someFinger, learn: func(w *world, _ []byte, err error) {
		if w.uv--; err == nil {
			w.uv = maxUV
		}
	}}, true
}

// lookForFingerprints lists them, as a platform does that has the PIN; with one that must be changed nobody can.
func (h *host) lookForFingerprints(w *world) {
	if !w.sensor || w.pin == "" || w.blocked() || w.forced() {
		return
	}
	out, err := h.bio(enrolling(h.fingerToken(w.pin), ctap.BioEnrollmentRequest{Subcommand: ctap.EnumerateEnrollments}))
	if err != nil {
		require.Equal(h.t, ctap.ErrInvalidOption, err)
	}
	for _, t := range out.Templates {
		w.prints = append(w.prints, print(t.ID, t.FriendlyName))
	}
	if records, err := h.flash.Names("fp/"); err != nil || len(records) != len(w.prints) {
		h.wrong("%d records of fingerprints, of which %d are listed: %v", len(records), len(w.prints), err)
	}
}
