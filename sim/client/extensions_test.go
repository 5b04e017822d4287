package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// got makes an assertion and returns the extensions' results.
func (b *bench) got(options []byte) (answer registered) {
	b.t.Helper()
	out, err := b.browser.Get(page, options)
	require.NoError(b.t, err)
	require.NoError(b.t, json.Unmarshal(out, &answer))
	return answer
}

func TestPRF(t *testing.T) {
	b := newBench(t, "ctap2.1")
	b.setPIN("1234")
	b.browser.Keys[0].PIN = "1234"
	first := b.made(creation(object{"extensions": object{"prf": object{}}}))
	require.JSONEq(t, `{"enabled":true}`, string(first.ClientExtensionResults["prf"]))
	other := b.made(creation(object{"user": object{"id": "AQIE", "name": "bob", "displayName": "Bob"}, "extensions": object{"prf": object{}}}))
	require.Empty(t, b.made(creation(nil)).ClientExtensionResults)

	evaluate := func(in object, ids ...string) string {
		answer := b.got(request(object{"allowCredentials": allow(ids...), "extensions": object{"prf": in}}))
		require.NotZero(t, answer.authData(t).Flags&ctap.FlagUV, "the secret of a verified user, although verification is discouraged")
		return string(answer.ClientExtensionResults["prf"])
	}
	one := evaluate(object{"eval": object{"first": "AA"}}, first.ID)
	require.Regexp(t, `^{"results":{"first":"[A-Za-z0-9_-]{43}"}}$`, one)
	require.Equal(t, one, evaluate(object{"eval": object{"first": "AA"}}, first.ID), "the same each time")
	require.NotEqual(t, one, evaluate(object{"eval": object{"first": "AQ"}}, first.ID))
	require.NotEqual(t, one, evaluate(object{"eval": object{"first": "AA"}}, other.ID))
	require.Regexp(t, `"first":"[A-Za-z0-9_-]{43}","second":"[A-Za-z0-9_-]{43}"`, evaluate(object{"eval": object{"first": "AA", "second": "AQ"}}, first.ID))

	// By credential: the one that the key has decides.
	by := object{"eval": object{"first": "AQ"}, "evalByCredential": object{first.ID: object{"first": "AA"}}}
	require.Equal(t, one, evaluate(by, first.ID))
	require.Equal(t, one, evaluate(by, "AQID", first.ID, "AQIE"))
	require.Equal(t, evaluate(object{"eval": object{"first": "AQ"}}, other.ID), evaluate(by2(by, other.ID), other.ID), "the others have eval")

	// The salt is the page's value behind a prefix: a page does not get at what others keep in hmac-secret.
	salt := sha256.Sum256([]byte("WebAuthn PRF\x00\x00"))
	raw := b.got(request(object{"userVerification": "required", "allowCredentials": allow(first.ID), "extensions": object{"hmacGetSecret": object{"salt1": b64(salt[:])}}}))
	var out struct{ Output1 string }
	require.NoError(t, json.Unmarshal(raw.ClientExtensionResults["hmacGetSecret"], &out))
	require.Contains(t, one, out.Output1)

	old := newBench(t, "ctap2.1", func(p *u2f.Profile) { p.Extensions = nil })
	require.JSONEq(t, `{"enabled":false}`, string(old.made(creation(object{"extensions": object{"prf": object{}}})).ClientExtensionResults["prf"]))
}

func by2(in object, id string) object {
	return object{"eval": in["eval"], "evalByCredential": object{id: in["eval"]}}
}

func TestExtensionsThatAPageCannotAskFor(t *testing.T) {
	b := newBench(t, "ctap2.1")
	ids := allow("AQID")
	for want, list := range map[string][]object{
		client.NotSupportedError: {{"prf": object{"evalByCredential": object{}}}, {"largeBlob": object{"read": true}}, {"largeBlob": object{"write": "AA"}},
			{"appid": "https://example.test"}},
		client.TypeError:     {{"prf": object{"eval": object{}}}, {"credentialProtectionPolicy": "maybe"}, {"credBlob": 5}, {"prf": "yes"}},
		client.EncodingError: {{"prf": object{"eval": object{"first": "A"}}}, {"credBlob": "=="}},
		client.SecurityError: {{"appidExclude": "https://other.test"}, {"appidExclude": "http://example.test/app"}, {"appidExclude": "://"}},
	} {
		for _, extensions := range list {
			_, err := b.browser.Create(page, creation(object{"extensions": extensions}))
			require.Equal(t, want, name(err), "%v", extensions)
		}
	}
	for want, list := range map[string][]object{
		client.NotSupportedError: {{"allowCredentials": nil, "extensions": object{"prf": object{"evalByCredential": object{"AQID": object{"first": "AA"}}}}},
			{"extensions": object{"largeBlob": object{"support": "required"}}}, {"extensions": object{"largeBlob": object{"read": true, "write": "AA"}}},
			{"allowCredentials": nil, "extensions": object{"largeBlob": object{"write": "AA"}}}, {"extensions": object{"appidExclude": "https://example.test"}}},
		client.SyntaxError: {{"extensions": object{"prf": object{"evalByCredential": object{"AQIE": object{"first": "AA"}}}}},
			{"extensions": object{"prf": object{"evalByCredential": object{"": object{"first": "AA"}}}}},
			{"extensions": object{"prf": object{"evalByCredential": object{"*": object{"first": "AA"}}}}}},
		client.TypeError: {{"extensions": object{"prf": object{"evalByCredential": object{"AQID": object{}}}}}, {"extensions": object{"hmacGetSecret": object{"salt1": "AA"}}}},
	} {
		for _, change := range list {
			o := object{"allowCredentials": ids}
			for k, v := range change {
				o[k] = v
			}
			_, err := b.browser.Get(page, request(o))
			require.Equal(t, want, name(err), "%v", change)
		}
	}
	require.Empty(t, b.sent, "the key is not asked")
}

func TestCredProtectAndWhatAKeyHasNot(t *testing.T) {
	b := newBench(t, "ctap2.1")
	made := b.made(creation(object{"extensions": object{"credentialProtectionPolicy": "userVerificationRequired", "enforceCredentialProtectionPolicy": true}}))
	require.Equal(t, "\xa1\x6bcredProtect\x03", string(made.authData(t).Extensions))
	old := newBench(t, "ctap2.0")
	policy := object{"credentialProtectionPolicy": "userVerificationRequired"}
	old.made(creation(object{"extensions": policy}))
	policy["enforceCredentialProtectionPolicy"] = true
	_, err := old.browser.Create(page, creation(object{"extensions": policy}))
	require.Equal(t, client.NotAllowedError, name(err))
	_, err = old.browser.Create(page, creation(object{"extensions": object{"largeBlob": object{"support": "required"}}}))
	require.Equal(t, client.NotAllowedError, name(err))
	made = old.made(creation(object{"extensions": object{"credBlob": "AAEC", "minPinLength": true, "largeBlob": object{"support": "preferred"}, "hmacCreateSecret": true}}))
	results, err := json.Marshal(made.ClientExtensionResults)
	require.NoError(t, err)
	require.JSONEq(t, `{"credBlob":false,"largeBlob":{"supported":false},"hmacCreateSecret":true}`, string(results))
	got := old.got(request(object{"allowCredentials": allow(made.ID), "extensions": object{"getCredBlob": true, "largeBlob": object{"read": true}}}))
	results, err = json.Marshal(got.ClientExtensionResults)
	require.NoError(t, err)
	require.JSONEq(t, `{"largeBlob":{}}`, string(results))
	got = old.got(request(object{"allowCredentials": allow(made.ID), "extensions": object{"largeBlob": object{"write": "AA"}}}))
	require.JSONEq(t, `{"written":false}`, string(got.ClientExtensionResults["largeBlob"]))
}

// A blobKey is a key in front of which large blobs are kept, as CTAP Section 6.10 has it.
type blobKey struct {
	*bench
	array, draft []byte
	key          []byte // of the credential
	capacity     uint64
}

func newBlobKey(t *testing.T) *blobKey {
	empty := sha256.Sum256([]byte{0x80})
	b := &blobKey{bench: newBench(t, "ctap2.1", func(p *u2f.Profile) { p.MaxMsgSize = 1024 }), array: append([]byte{0x80}, empty[:16]...),
		key: bytes.Repeat([]byte{9}, 32), capacity: 4096}
	b.browser.Keys[0].Ask = b.ask
	return b
}

func (b *blobKey) ask(req []byte) ([]byte, error) {
	if req[0] == 0x0c {
		return b.largeBlobs(req[1:])
	}
	reply, err := b.bench.ask(req)
	if err != nil || reply[0] != 0 {
		return reply, err
	}
	var m map[int]any
	if err := cbor.Unmarshal(reply[1:], &m); err != nil {
		return nil, err
	}
	switch req[0] {
	case 4:
		m[11] = b.capacity
		m[4].(map[any]any)["largeBlobs"] = true
		m[2] = append(m[2].([]any), "largeBlobKey")
	case 1:
		m[5] = b.key
	case 2:
		m[7] = b.key
	}
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	body, err := mode.Marshal(m)
	return append([]byte{0}, body...), err
}

func (b *blobKey) largeBlobs(params []byte) ([]byte, error) {
	var r struct {
		Get    *int   `cbor:"1,keyasint"`
		Set    []byte `cbor:"2,keyasint"`
		Offset int    `cbor:"3,keyasint"`
		Length int    `cbor:"4,keyasint"`
	}
	if err := cbor.Unmarshal(params, &r); err != nil {
		return nil, err
	}
	if r.Get != nil {
		body, err := cbor.Marshal(map[int][]byte{1: b.array[min(r.Offset, len(b.array)):min(r.Offset+*r.Get, len(b.array))]})
		return append([]byte{0}, body...), err
	}
	if r.Offset == 0 {
		b.draft = make([]byte, 0, r.Length)
	}
	if r.Offset != len(b.draft) || len(r.Set) > 960 {
		return []byte{byte(ctap.ErrInvalidSeq)}, nil
	}
	if b.draft = append(b.draft, r.Set...); len(b.draft) == cap(b.draft) {
		b.array = b.draft
	}
	return []byte{0}, nil
}

func TestLargeBlobs(t *testing.T) {
	b := newBlobKey(t)
	made := b.made(creation(object{"authenticatorSelection": object{"residentKey": "required"}, "extensions": object{"largeBlob": object{"support": "required"}}}))
	require.JSONEq(t, `{"supported":true}`, string(made.ClientExtensionResults["largeBlob"]))
	blob := func(in object) string {
		return string(b.got(request(object{"allowCredentials": allow(made.ID), "extensions": object{"largeBlob": in}})).ClientExtensionResults["largeBlob"])
	}
	require.Equal(t, `{}`, blob(object{"read": true}), "there is none yet")
	for _, text := range []string{"", "a blob", string(bytes.Repeat([]byte("long "), 1000))} {
		require.Equal(t, `{"written":true}`, blob(object{"write": b64([]byte(text))}))
		require.Equal(t, fmt.Sprintf(`{"blob":%q}`, b64([]byte(text))), blob(object{"read": true}))
		var list []cbor.RawMessage
		require.NoError(t, cbor.Unmarshal(b.array[:len(b.array)-16], &list))
		require.Len(t, list, 1, "the one before is gone")
	}
	// Others' blobs stay, one that takes several fragments among them, and what cannot be read is not ours to delete.
	random := make([]byte, 2000)
	_, err := (&stream{}).Read(random)
	require.NoError(t, err)
	mine := b.key
	b.key = bytes.Repeat([]byte{8}, 32)
	require.Equal(t, `{}`, blob(object{"read": true}))
	require.Equal(t, `{"written":true}`, blob(object{"write": b64(random)}))
	b.key = mine
	require.NotEqual(t, `{}`, blob(object{"read": true}))
	require.Equal(t, `{"written":true}`, blob(object{"write": "AA"}))
	b.key = bytes.Repeat([]byte{8}, 32)
	require.Contains(t, blob(object{"read": true}), b64(random[:99]))

	b.capacity = uint64(len(b.array)) - 1
	require.Equal(t, `{"written":false}`, blob(object{"write": b64(append(random, 1))}), "it does not fit")
	b.capacity = 4096
	b.array[0] ^= 1
	require.Equal(t, `{}`, blob(object{"read": true}), "a damaged array is an empty one")
	require.Equal(t, `{"written":true}`, blob(object{"write": "AA"}))
	b.key = []byte("no key")
	require.Equal(t, `{"written":false}`, blob(object{"write": "AA"}))
	require.Equal(t, `{}`, blob(object{"read": true}))
}

func TestAppIDs(t *testing.T) {
	const app = "https://example.test/app-id.json"
	b := newBench(t, "ctap2.1")
	old := b.registeredFor(app)
	got := b.got(request(object{"allowCredentials": allow(old), "extensions": object{"appid": app}}))
	require.JSONEq(t, `{"appid":true}`, string(must(json.Marshal(got.ClientExtensionResults))))
	require.Equal(t, sha256.Sum256([]byte(app)), got.authData(t).RPIDHash)
	now := b.made(creation(nil)).ID
	got = b.got(request(object{"allowCredentials": allow(old, now), "extensions": object{"appid": app}}))
	require.JSONEq(t, `{"appid":false}`, string(must(json.Marshal(got.ClientExtensionResults))))
	require.Equal(t, now, got.ID)
	_, err := b.browser.Get(page, request(object{"allowCredentials": allow(old)}))
	require.ErrorIs(t, err, ctap.ErrNoCredentials)

	_, err = b.browser.Create(page, creation(object{"excludeCredentials": allow(old), "extensions": object{"appidExclude": app}}))
	require.Equal(t, client.InvalidStateError, name(err))
	made := b.made(creation(object{"excludeCredentials": allow("AQID"), "extensions": object{"appidExclude": ""}}))
	require.JSONEq(t, `{"appidExclude":true}`, string(must(json.Marshal(made.ClientExtensionResults))))
}

// registeredFor makes a credential for an AppID, as a browser of long ago did.
func (b *bench) registeredFor(app string) (id string) {
	b.t.Helper()
	req := ctap.MakeCredentialRequest{ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: app}, User: ctap.User{ID: []byte{1}},
		Params: []ctap.CredentialParameter{{Type: "public-key", Alg: -7}}}
	made, err := ctap.ParseMakeCredentialResponse(b.must(req.Append([]byte{1})))
	require.NoError(b.t, err)
	data, err := ctap.ParseAuthData(made.AuthData)
	require.NoError(b.t, err)
	return base64.RawURLEncoding.EncodeToString(data.CredentialID)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
