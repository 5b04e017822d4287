//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// results returns what the extensions of the page's last credential came to.
func (d *desk) results(t *testing.T) (results struct {
	CredProps   struct{ RK bool }
	CredBlob    bool
	GetCredBlob string
	LargeBlob   struct {
		Supported, Written bool
		Blob               string
	}
	PRF struct {
		Enabled bool
		Results struct{ First, Second string }
	}
}) {
	t.Helper()
	require.NoError(t, json.Unmarshal(d.eval(t, "last.clientExtensionResults"), &results))
	return results
}

// withPIN plugs in a key that has a PIN and is touched at once.
func (d *desk) withPIN(t *testing.T) (serial string, w *watch, s *sheet) {
	serial = d.plugIn(t, "--touch", "auto")
	d.do(t, "key", "pin", serial, "--new", "1234")
	return serial, d.watch(t, serial), d.sheet(t)
}

// discoverable is a wish for a credential that a key keeps.
func discoverable(extensions map[string]any) wish {
	return wish{Resident: "required", Verified: "required", Extensions: extensions}
}

func (d *desk) evaluatesPRF(t *testing.T) {
	_, _, s := d.withPIN(t)
	d.begin(t, "register", discoverable(map[string]any{"prf": map[string]any{}}))
	s.enter("1234")
	d.content(t, "registered with none attestation")
	require.True(t, d.results(t).PRF.Enabled)
	evaluate := func(first string) string {
		d.begin(t, "login", wish{Verified: "required", Extensions: map[string]any{"prf": map[string]any{"eval": map[string]string{"first": first}}}})
		s.enter("1234")
		d.content(t, "logged in")
		return d.results(t).PRF.Results.First
	}
	one := evaluate("AA")
	require.Len(t, one, 43)
	require.Equal(t, one, evaluate("AA"))
	require.NotEqual(t, one, evaluate("AQ"))
}

func (d *desk) keepsLargeBlobs(t *testing.T) {
	_, _, s := d.withPIN(t)
	d.begin(t, "register", discoverable(map[string]any{"largeBlob": map[string]string{"support": "required"}}))
	s.enter("1234")
	d.content(t, "registered with none attestation")
	require.True(t, d.results(t).LargeBlob.Supported)
	login := func(in map[string]any) {
		d.begin(t, "login", wish{Verified: "required", Only: true, Extensions: map[string]any{"largeBlob": in}})
		s.enter("1234")
		d.content(t, "logged in")
	}
	login(map[string]any{"write": "YSBibG9i"})
	require.True(t, d.results(t).LargeBlob.Written)
	login(map[string]any{"read": true})
	require.Equal(t, "YSBibG9i", d.results(t).LargeBlob.Blob)
}

// letsAskForPINLength puts the page's relying party on the list of those that a key tells its minimum PIN length, with
// python3-fido2.
const letsAskForPINLength = `
from fido2.hid import CtapHidDevice
from fido2.ctap2 import Ctap2, ClientPin, Config
ctap = Ctap2(next(CtapHidDevice.list_devices()))
client = ClientPin(ctap)
token = client.get_pin_token("1234", ClientPin.PERMISSION.AUTHENTICATOR_CFG)
Config(ctap, client.protocol, token).set_min_pin_length(4, ["localhost"])
`

// minPINLength returns what the page's last new credential says of the key's minimum PIN length, 0 for nothing.
func (d *desk) minPINLength(t *testing.T) uint64 {
	t.Helper()
	var said struct {
		Response struct{ AuthenticatorData string }
	}
	require.NoError(t, json.Unmarshal(d.eval(t, "last"), &said))
	b, err := base64.RawURLEncoding.DecodeString(said.Response.AuthenticatorData)
	require.NoError(t, err)
	data, err := ctap.ParseAuthData(b)
	require.NoError(t, err)
	var outputs struct {
		MinPINLength uint64 `cbor:"minPinLength"`
	}
	require.NoError(t, cbor.Unmarshal(data.Extensions, &outputs))
	return outputs.MinPINLength
}

// verifiedByFinger registers and logs in with a key that knows its user by the finger.
func (d *desk) verifiedByFinger(t *testing.T) {
	serial := d.plugIn(t, "--profile", "bio")
	d.do(t, "key", "pin", serial, "--new", "1234")
	d.do(t, "key", "enrol", "index", "--pin", "1234", "--key", serial)
	w := d.watch(t, serial)
	d.begin(t, "register", wish{Verified: "required"})
	w.event(u2f.Waiting)
	d.do(t, "key", "finger", "index", "--key", serial)
	d.content(t, "registered with none attestation")
	require.True(t, d.party.last(t).Flags.UserVerified)
	w.event(u2f.Registered)
	d.begin(t, "login", wish{Verified: "required"})
	w.event(u2f.Waiting)
	d.do(t, "key", "finger", "index", "--key", serial)
	d.content(t, "logged in")
}

func (d *desk) keepsCredBlobs(t *testing.T) {
	_, w, s := d.withPIN(t)
	d.do(t, "exec", "--", "/usr/bin/python3", "-c", letsAskForPINLength)
	d.begin(t, "register", discoverable(map[string]any{"credBlob": "AAEC", "minPinLength": true, "credProps": true}))
	s.enter("1234")
	d.content(t, "registered with none attestation")
	require.True(t, d.results(t).CredBlob)
	require.True(t, d.results(t).CredProps.RK)
	require.EqualValues(t, 4, d.minPINLength(t))
	w.event(u2f.Registered)
	d.begin(t, "login", wish{Verified: "required", Extensions: map[string]any{"getCredBlob": true}})
	s.enter("1234")
	d.content(t, "logged in")
	require.Equal(t, "AAEC", d.results(t).GetCredBlob)
}

func (d *desk) choosesAnAccount(t *testing.T) {
	_, w, s := d.withPIN(t)
	for _, user := range []string{"alice", "bob"} {
		u := map[string]string{"name": user, "displayName": user}
		if user == "bob" {
			u["id"] = "dXNlciAy"
		}
		d.begin(t, "register", wish{Resident: "required", Verified: "required", User: u})
		s.enter("1234")
		d.content(t, "registered with none attestation")
		w.event(u2f.Registered)
	}
	first := d.party.credentials[0].ID
	d.begin(t, "login", wish{Anyone: true, Verified: "required"})
	s.enter("1234")
	s.choose("alice")
	d.content(t, "logged in")
	require.Equal(t, base64.RawURLEncoding.EncodeToString(first), string(bytes.Trim(d.eval(t, "last.id"), `"`)))
	w.until(func(f live.Frame) bool { return strings.HasPrefix(f.Text, "authenticatorGetNextAssertion") })
}

// choose waits for an account of that name and takes it.
func (s *sheet) choose(name string) {
	s.t.Helper()
	finger, clicked := newFinger(s.t), false
	s.until(func() bool {
		v, there := s.account(name)
		if !there {
			return clicked
		}
		if finger.ready() {
			clicked = true
			s.click(v)
		}
		return false
	})
}

// account returns the button of an account.
func (s *sheet) account(name string) (view, bool) {
	var d struct {
		Root view `json:"root"`
	}
	s.call("DOM.getDocument", nil, &d)
	for _, button := range d.Root.all("WebAuthnHoverButton") {
		for _, label := range button.all("Label") {
			said, ok := s.text(label)
			if !ok {
				return s.account(name) // it changed under our eyes
			}
			if said == name {
				return button, true
			}
		}
	}
	return view{}, false
}

// extensions are what a key can do more.
var extensions = []part{
	{"prf", (*desk).evaluatesPRF},
	{"largeBlob", (*desk).keepsLargeBlobs},
	{"credBlob and minPinLength", (*desk).keepsCredBlobs},
	{"a finger instead of a PIN", (*desk).verifiedByFinger},
	{"the account chooser", (*desk).choosesAnAccount},
}
