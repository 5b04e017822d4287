package client_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// What the default key has, the client uses: every extension against the key itself.
func TestExtensionsOfTheDefaultKey(t *testing.T) {
	b := newBench(t, u2f.DefaultProfile)
	b.setPIN("1234")
	b.browser.Keys[0].PIN = "1234"
	made := b.made(creation(object{"authenticatorSelection": object{"residentKey": "required"}, "extensions": object{
		"credBlob": "AAEC", "minPinLength": true, "largeBlob": object{"support": "required"}, "prf": object{"eval": object{"first": "AA"}}}}))
	var results struct {
		CredBlob  bool
		LargeBlob struct{ Supported bool }
		PRF       struct {
			Enabled bool
			Results struct{ First string }
		}
	}
	require.NoError(t, json.Unmarshal(must(json.Marshal(made.ClientExtensionResults)), &results))
	require.True(t, results.CredBlob)
	require.True(t, results.LargeBlob.Supported)
	require.True(t, results.PRF.Enabled)
	require.Len(t, results.PRF.Results.First, 43, "hmac-secret-mc: the secret is there at once")

	got := b.got(request(object{"allowCredentials": allow(made.ID), "extensions": object{"getCredBlob": true, "prf": object{"eval": object{"first": "AA"}}}}))
	require.JSONEq(t, `"AAEC"`, string(got.ClientExtensionResults["getCredBlob"]))
	require.Contains(t, string(got.ClientExtensionResults["prf"]), results.PRF.Results.First, "and the same later")

	blob := func(in object) string {
		return string(b.got(request(object{"allowCredentials": allow(made.ID), "extensions": object{"largeBlob": in}})).ClientExtensionResults["largeBlob"])
	}
	require.Equal(t, `{}`, blob(object{"read": true}))
	require.Equal(t, `{"written":true}`, blob(object{"write": "YSBibG9i"}))
	require.Equal(t, `{"blob":"YSBibG9i"}`, blob(object{"read": true}))

	long := b.made(creation(object{"authenticatorSelection": object{"residentKey": "required"}, "extensions": object{"credBlob": b64(make([]byte, 33))}}))
	require.JSONEq(t, `false`, string(long.ClientExtensionResults["credBlob"]), "longer than the key keeps")
}

// The page may say which formats of attestation it likes; a key that has none of them does as always.
func TestAttestationFormats(t *testing.T) {
	b := newBench(t, u2f.DefaultProfile)
	for format, want := range map[string]string{"packed": "\x66packed", "tpm": "\x66packed", "none": "\x64none"} {
		made := b.made(creation(object{"attestation": "direct", "attestationFormats": []string{format}}))
		require.Contains(t, string(must(base64.RawURLEncoding.DecodeString(made.Response.AttestationObject))), want, format)
	}
	made := b.made(creation(object{"attestationFormats": []string{"packed"}}))
	require.Contains(t, string(must(base64.RawURLEncoding.DecodeString(made.Response.AttestationObject))), "\x64none", "nobody asked for attestation")
}

// A key with a sensor verifies the user itself, and the PIN is there for when it does not.
func TestAKeyWithASensor(t *testing.T) {
	b := newBench(t, "bio")
	info, err := ctap.ParseGetInfoResponse(b.must([]byte{4}))
	require.NoError(t, err)
	uv, has := info.Options["uv"]
	require.True(t, has)
	require.False(t, uv, "no finger is enrolled")
	_, err = b.browser.Create(page, creation(object{"authenticatorSelection": object{"userVerification": "required"}}))
	require.Equal(t, client.NotAllowedError, name(err))
	first := b.made(creation(nil)).ID

	// With a finger enrolled, as the key says it, the client asks the key and not the user.
	var asked []byte
	answers := map[byte]byte{}
	b.browser.Keys[0].Ask = func(req []byte) ([]byte, error) {
		if req[0] == 6 {
			r, err := ctap.ParseClientPINRequest(req[1:])
			require.NoError(t, err)
			if r.Subcommand == ctap.GetPINUVAuthTokenUsingUVWithPermissions {
				asked = append(asked, byte(r.Subcommand))
				return []byte{answers[6]}, nil
			}
		}
		reply, err := b.ask(req)
		if req[0] == 4 && err == nil {
			reply = bytes.Replace(reply, []byte("\x62uv\xf4"), []byte("\x62uv\xf5"), 1)
		}
		return reply, err
	}
	verified := request(object{"userVerification": "required", "allowCredentials": allow(first)})
	answers[6] = byte(ctap.ErrUVInvalid)
	_, err = b.browser.Get(page, verified)
	require.Equal(t, client.NotAllowedError, name(err))
	require.NotEmpty(t, asked)
	require.LessOrEqual(t, len(asked), 25, "the key says how often")
	asked = nil
	answers[6] = byte(ctap.ErrUVBlocked)
	b.setPIN("1234")
	b.browser.Keys[0].PIN = "1234"
	require.NotZero(t, b.got(verified).authData(t).Flags&ctap.FlagUV, "the PIN instead")
	require.Len(t, asked, 1)
}

// A key of CTAP 2.3 may keep a credential's large blob itself, Section 12.4: then there is no array of them.
func TestLargeBlobsThatTheKeyKeeps(t *testing.T) {
	b := newBench(t, "ctap2.3", func(p *u2f.Profile) {
		p.Extensions, p.MaxLargeBlobs, p.MaxLargeBlob = []string{"largeBlob"}, 0, 200
	})
	wanted := object{"largeBlob": object{"support": "required"}}
	_, err := b.browser.Create(page, creation(object{"extensions": wanted}))
	require.Error(t, err, "the key keeps blobs beside discoverable credentials")
	made := b.made(creation(object{"extensions": object{"largeBlob": object{"support": "preferred"}}}))
	require.JSONEq(t, `{"supported":false}`, string(made.ClientExtensionResults["largeBlob"]))
	made = b.made(creation(object{"authenticatorSelection": object{"residentKey": "required"}, "extensions": wanted}))
	require.JSONEq(t, `{"supported":true}`, string(made.ClientExtensionResults["largeBlob"]))
	blob := func(in object) string {
		return string(b.got(request(object{"allowCredentials": allow(made.ID), "extensions": object{"largeBlob": in}})).ClientExtensionResults["largeBlob"])
	}
	require.Equal(t, `{}`, blob(object{"read": true}), "there is none yet")
	random := make([]byte, 300)
	_, err = (&stream{}).Read(random)
	require.NoError(t, err)
	for _, text := range []string{"a blob", string(bytes.Repeat([]byte("long "), 1000)), ""} {
		require.Equal(t, `{"written":true}`, blob(object{"write": b64([]byte(text))}))
		require.Equal(t, fmt.Sprintf(`{"blob":%q}`, b64([]byte(text))), blob(object{"read": true}))
		require.Equal(t, `{"written":false}`, blob(object{"write": b64(random)}), "it does not fit")
		require.Equal(t, fmt.Sprintf(`{"blob":%q}`, b64([]byte(text))), blob(object{"read": true}))
	}
}
