package u2f_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A world is what everybody outside of a key knows of it, from its answers alone.
type world struct {
	pin         string // "" where there is none
	attempts    uint64 // Section 6.5.2.2
	credentials []issued
	counter     uint32 // the highest that went out
	factory     string // the record with the attestation key, which nothing changes
	sensor      bool
	uv          uint64   // attempts at the sensor, Section 6.5.2.2
	prints      []string // ids and names of enrolled fingerprints
	settings    string   // what getInfo says that is not as in a new key
	blobs       string   // the large-blob array, "" where it is empty
}

// issued is a credential that a key has made.
type issued struct {
	id       []byte
	alg      cose.Algorithm
	public   crypto.PublicKey
	rp, user string
	resident bool
	protect  uint64
	ctap1    bool   // made by U2F_REGISTER
	blob     string // of the extension largeBlob
}

func (w world) clone() world {
	w.credentials, w.prints = slices.Clone(w.credentials), slices.Clone(w.prints)
	return w
}

// wiped is w after a reset.
func (w world) wiped() world {
	return world{attempts: 8, counter: w.counter, factory: w.factory, sensor: w.sensor, uv: maxUV}
}

// with is w with so many PIN attempts left.
func (w world) with(attempts uint64) world {
	w.attempts = attempts
	return w
}

// blocked says that no PIN is looked at any more, so that nobody can be verified.
func (w world) blocked() bool { return w.pin != "" && w.attempts == 0 }

// String has all that can be seen from outside but the counter, which is a bound and no value.
func (w world) String() string {
	var list []string
	for _, c := range w.credentials {
		if c.protect < 3 || !w.blocked() && !w.forced() {
			list = append(list, strings.TrimRight(fmt.Sprintf("%s@%s %x %s", c.user, c.rp, c.id[32:36], c.blob), " "))
		}
	}
	slices.Sort(list)
	pin := w.pin
	if w.blocked() {
		pin = "blocked"
	}
	text := fmt.Sprintf("PIN %q, %d attempts, credentials [%s]", pin, w.attempts, strings.Join(list, ", "))
	if w.sensor {
		text += fmt.Sprintf(", %d attempts at the sensor", w.uv)
	}
	if w.sensor && !w.blocked() && !w.forced() {
		text += fmt.Sprintf(", fingerprints %q", w.prints)
	}
	if w.settings != "" || w.blobs != "" {
		text += fmt.Sprintf(", settings [%s], blobs %x", w.settings, w.blobs)
	}
	return text
}

// made is what the world learns from an answer to authenticatorMakeCredential.
func (w *world) made(h *host, rp, user string, protect uint64, rk bool, body []byte) {
	m, err := ctap.ParseMakeCredentialResponse(body)
	require.NoError(h.t, err)
	auth, err := ctap.ParseAuthData(m.AuthData)
	require.NoError(h.t, err)
	alg, public, err := cose.ParsePublicKey(auth.PublicKey)
	require.NoError(h.t, err)
	w.credentials = slices.DeleteFunc(w.credentials, func(c issued) bool {
		return rk && c.resident && c.rp == rp && c.user == user
	})
	w.credentials = append(w.credentials, issued{slices.Clone(auth.CredentialID), alg, public, rp, user, rk, protect, false, ""})
	w.counter = max(w.counter, auth.Counter)
}

// registered is what the world learns from an answer to U2F_REGISTER. See U2F Raw Message Formats, Section 4.3.
func (w *world) registered(h *host, rp string, body []byte) {
	point, length := body[1:66], int(body[66])
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(h.t, err)
	w.credentials = append(w.credentials, issued{id: slices.Clone(body[67 : 67+length]), alg: cose.ES256, public: public,
		rp: rp, user: "u2f", protect: 1, ctap1: true})
}

// signed is what the world learns from an assertion.
func (w *world) signed(h *host, body []byte) {
	g, err := ctap.ParseGetAssertionResponse(body)
	require.NoError(h.t, err)
	auth, err := ctap.ParseAuthData(g.AuthData)
	require.NoError(h.t, err)
	w.counter = max(w.counter, auth.Counter)
}

// guessed is what the world learns from an answer to a right PIN, or to a wrong one.
func (w *world) guessed(right bool) {
	switch {
	case w.attempts == 0:
	case right:
		w.attempts, w.uv = 8, maxUV
	default:
		w.attempts--
	}
}

// of returns the first credential for which want holds, and whether there is one.
func (w *world) of(want func(c issued) bool) (issued, bool) {
	if i := slices.IndexFunc(w.credentials, want); i >= 0 {
		return w.credentials[i], true
	}
	return issued{}, false
}

// look finds out, from outside, what the key is: which of the PINs it has, which of the known credentials work. What
// must not be, whatever the world was before, goes to h.wrong.
func (h *host) look(known []issued, pins []string) world {
	w := world{attempts: 8, factory: h.contents()["factory"], counter: h.floor, uv: maxUV}
	if w.sensor = h.profile.Sensor.Templates > 0; w.sensor {
		w.uv = h.uvRetries() // before a PIN that is right gives all back
	}
	if h.profile.CTAP2() {
		w.pin, w.attempts = h.lookForPIN(pins)
		w.settings, w.blobs = h.lookAtSettings()
	}
	h.lookForFingerprints(&w)
	residents := 0
	for _, rp := range []string{rpID, otherRP} {
		var token []byte
		if w.pin != "" && !w.blocked() {
			if token = h.fetchToken(w.pin, rp); len(token) == 0 {
				token = nil
			}
		}
		listed := h.lookForResidents(known, rp, token)
		for _, c := range known {
			if c.rp != rp || !h.works(c, token) {
				continue
			}
			c.blob = h.blobOf(c, token)
			w.credentials = append(w.credentials, c)
			if c.resident && (c.protect == 1 || token != nil) && !listed[string(c.id)] {
				h.wrong("resident credential %x of %s works and is not listed", c.id[32:36], c.user)
			}
			if c.resident {
				residents++
			}
		}
	}
	h.lookInside(w.credentials, residents, !w.blocked() && !w.forced())
	return w
}

// lookInside looks for records that nobody can use: a counter without a credential that flash has nothing else of is one. With
// all, residents are all that there are.
func (h *host) lookInside(working []issued, residents int, all bool) {
	records, own := 0, map[string]bool{}
	for _, c := range working {
		if !c.resident {
			own["count/"+hex.EncodeToString(c.id[4:min(20, len(c.id))])] = true
		}
	}
	for name := range h.contents() {
		switch {
		case strings.HasPrefix(name, "rk/"):
			records++
		case own[name]:
		case strings.HasPrefix(name, "im/") && len(own) > 0:
		case h.profile.Sensor.Templates > 0 && (strings.HasPrefix(name, "fp/") || name == "uv"):
		case !slices.Contains([]string{"factory", "master", "counter", "pin", "retries", "settings", "blobs"}, name):
			h.wrong("record %q is left over", name)
		}
	}
	if all && records != residents {
		h.wrong("%d records of resident credentials, of which %d work", records, residents)
	}
}

// lookForPIN tries the PINs.
func (h *host) lookForPIN(pins []string) (pin string, attempts uint64) {
	body, err := h.send(infoCmd, nil)
	require.NoError(h.t, err)
	info, err := ctap.ParseGetInfoResponse(body)
	require.NoError(h.t, err)
	body, err = h.send(pinCmd, (&ctap.ClientPINRequest{Subcommand: ctap.GetPINRetries}).Append(nil))
	require.NoError(h.t, err)
	retries, err := ctap.ParseClientPINResponse(body)
	require.NoError(h.t, err)
	attempts = *retries.PINRetries
	if !info.Options["clientPin"] {
		return "", attempts
	}
	if attempts == 0 {
		return "blocked", 0
	}
	for _, pin := range pins {
		if pin != "" && h.fetchToken(pin, rpID) != nil {
			return pin, attempts
		}
	}
	h.wrong("the PIN is none of %q", pins)
	return "unknown", attempts
}

// lookForResidents lists the discoverable credentials of rp as a platform does, and checks each.
func (h *host) lookForResidents(known []issued, rp string, token []byte) map[string]bool {
	listed := map[string]bool{}
	if !h.profile.CTAP2() {
		return listed
	}
	ask := all(silent, forRP(rp), h.token(token))
	body, err := h.send(getCmd, asking(ask))
	for n := uint64(1); err == nil; n++ {
		g, parsed := ctap.ParseGetAssertionResponse(body)
		require.NoError(h.t, parsed)
		i := slices.IndexFunc(known, func(c issued) bool { return string(c.id) == string(g.CredentialID) })
		if i < 0 || !known[i].resident {
			h.wrong("credential %x is listed and nobody has made it", g.CredentialID)
		} else {
			h.verify(known[i], g)
		}
		listed[string(g.CredentialID)] = true
		body, err = h.send(nextCmd, nil)
	}
	return listed
}

// works reports whether the key signs with c.
func (h *host) works(c issued, token []byte) bool {
	worksInCTAP1 := false
	if c.ctap1 {
		worksInCTAP1 = h.worksInCTAP1(c)
		if !h.profile.CTAP2() {
			return worksInCTAP1
		}
	}
	body, err := h.send(getCmd, asking(all(silent, forRP(c.rp), allow(c.id), h.token(token))))
	if c.ctap1 && !h.key.Summary().AlwaysUV && worksInCTAP1 != (err == nil) {
		h.wrong("credential %x works in one protocol and not in the other", c.id[32:36])
	}
	if err != nil {
		require.Equal(h.t, ctap.ErrNoCredentials, err)
		return false
	}
	g, err := ctap.ParseGetAssertionResponse(body)
	require.NoError(h.t, err)
	h.verify(c, g)
	return true
}

// verify checks a signature, and that its counter is one that never went out.
func (h *host) verify(c issued, g ctap.GetAssertionResponse) {
	auth, err := ctap.ParseAuthData(g.AuthData)
	require.NoError(h.t, err)
	if !cose.Verify(c.alg, c.public, slices.Concat(g.AuthData, clientDataHash), g.Signature) ||
		auth.RPIDHash != sha256.Sum256([]byte(c.rp)) {
		h.wrong("credential %x of %s signs wrongly", c.id[32:36], c.user)
	}
	h.rises(auth.Counter)
}

func (h *host) rises(counter uint32) {
	if counter <= h.floor && h.profile.Counter != u2f.CountEach { // which TestCountersAcrossPowerCuts looks at
		h.wrong("the counter fell: %d after %d went out", counter, h.floor)
	}
	h.floor = max(h.floor, counter)
}

// worksInCTAP1 signs with control byte 0x08. See U2F Raw Message Formats, Section 5.
func (h *host) worksInCTAP1(c issued) bool {
	body, ok := h.apdu(authenticating(0x08, c))
	if !ok {
		return false
	}
	application := sha256.Sum256([]byte(c.rp))
	if !cose.Verify(c.alg, c.public, slices.Concat(application[:], body[:5], clientDataHash), body[5:]) {
		h.wrong("credential %x signs wrongly in CTAP1", c.id[32:36])
	}
	h.rises(binary.BigEndian.Uint32(body[1:]))
	return true
}
