//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
)

// commanded is a command of the Chrome DevTools Protocol that is carried out.
func commanded[P, R any](t *testing.T, ctx context.Context, cmd cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(ctx, cmd, params)
	require.NoError(t, err)
	return result
}

// addCredential is WebAuthn.addCredential, with what it is given as it is.
var addCredential = cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}

// virtually runs the test with a virtual authenticator in Chromium, which hides all keys from it.
func (d *desk) virtually(t *testing.T, test func(authenticator webauthn.AuthenticatorID)) {
	t.Helper()
	ctx := d.browser.(chromium).ctx
	commanded(t, ctx, webauthn.Enable, webauthn.EnableParams{})
	options := &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
		Transport: webauthn.AuthenticatorTransportUsb, HasResidentKey: true, HasUserVerification: true, HasLargeBlob: true,
		AutomaticPresenceSimulation: true, IsUserVerified: true}
	id := commanded(t, ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: options}).AuthenticatorID
	test(id)
	commanded(t, ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: id})
	commanded(t, ctx, webauthn.Disable, cdp.Empty{})
}

// A credential that Chromium's virtual authenticator has made, large blob included, logs in with our key.
func (d *desk) comesFromChromium(t *testing.T) {
	var file string
	d.virtually(t, func(id webauthn.AuthenticatorID) {
		d.goes(t, "register", discoverable(map[string]any{"largeBlob": map[string]string{"support": "required"}}), "registered with none attestation")
		d.goes(t, "login", wish{Verified: "required", Only: true,
			Extensions: map[string]any{"largeBlob": map[string]any{"write": "YSBibG9i"}}}, "logged in")
		list := commanded(t, d.browser.(chromium).ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: id}).Credentials
		require.Len(t, list, 1)
		text, err := json.Marshal(list)
		require.NoError(t, err)
		file = filepath.Join(t.TempDir(), "chromium.json")
		require.NoError(t, os.WriteFile(file, text, 0o600))
	})
	d.visit(t, "localhost")
	serial, _, s := d.withPIN(t)
	d.do(t, "key", "import", file, "--into", serial)
	d.begin(t, "login", wish{Anyone: true, Verified: "required"})
	s.enter("1234")
	d.content(t, "logged in")
	d.begin(t, "login", wish{Verified: "required", Only: true, Extensions: map[string]any{"largeBlob": map[string]any{"read": true}}})
	s.enter("1234")
	d.content(t, "logged in")
	require.Equal(t, "YSBibG9i", d.results(t).LargeBlob.Blob)
}

// A credential of our key logs in with Chromium's virtual authenticator, and comes back from there.
func (d *desk) goesToChromium(t *testing.T) {
	serial, _, s := d.withPIN(t)
	d.begin(t, "register", discoverable(map[string]any{"largeBlob": map[string]string{"support": "required"}}))
	s.enter("1234")
	d.content(t, "registered with none attestation")
	d.begin(t, "login", wish{Verified: "required", Only: true, Extensions: map[string]any{"largeBlob": map[string]any{"write": "YSBibG9i"}}})
	s.enter("1234")
	d.content(t, "logged in")
	exported := []byte(d.do(t, "key", "export", serial, "-", "--credentials=cdp"))
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(exported, &list))
	require.Len(t, list, 1)
	ours, err := u2f.ParseVirtualCredentials(exported)
	require.NoError(t, err)
	d.virtually(t, func(id webauthn.AuthenticatorID) {
		ctx := d.browser.(chromium).ctx
		commanded(t, ctx, addCredential, map[string]any{"authenticatorId": id, "credential": list[0]})
		d.goes(t, "login", wish{Anyone: true, Verified: "required"}, "logged in")
		d.goes(t, "login", wish{Verified: "required", Only: true, Extensions: map[string]any{"largeBlob": map[string]any{"read": true}}}, "logged in")
		require.Equal(t, "YSBibG9i", d.results(t).LargeBlob.Blob)
		back := commanded(t, ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: id}).Credentials
		text, err := json.Marshal(back)
		require.NoError(t, err)
		read, err := u2f.ParseVirtualCredentials(text)
		require.NoError(t, err)
		require.Len(t, read, 1)
		require.Equal(t, ours[0].PrivateKey, read[0].PrivateKey)
		require.Equal(t, ours[0].UserHandle, read[0].UserHandle)
		require.Greater(t, read[0].SignCount, ours[0].SignCount)
	})
}

// virtual is what goes between a key and Chromium's own virtual authenticator.
var virtual = []part{
	{"a credential of Chromium's works in a key", (*desk).comesFromChromium},
	{"a credential of a key works in Chromium's", (*desk).goesToChromium},
}
