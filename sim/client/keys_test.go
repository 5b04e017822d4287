package client_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

func (b *bench) apdu(req []byte) ([]byte, error) {
	b.sent = append(b.sent, append([]byte{0xf0 + req[1]}, req...))
	b.key.APDU(noon, 1, req)
	reply, ok := b.key.Reply(noon)
	if !ok {
		return nil, errors.New("the key does not answer")
	}
	return append([]byte{}, reply...), nil
}

func TestAKeyThatKnowsU2FOnly(t *testing.T) {
	b := newBench(t, "u2f")
	b.browser.Keys[0] = client.Key{APDU: b.apdu}
	made := b.made(creation(object{"attestation": "direct"}))
	require.Equal(t, []string{"usb"}, made.Response.Transports)
	require.Contains(t, string(must(base64.RawURLEncoding.DecodeString(made.Response.AttestationObject))), "fido-u2f")
	got := b.got(request(object{"allowCredentials": allow("AQID", made.ID)}))
	require.Equal(t, made.ID, got.ID)
	require.Equal(t, byte(ctap.FlagUP), got.authData(t).Flags)
	_, err := b.browser.Create(page, creation(object{"excludeCredentials": allow("AQID", made.ID)}))
	require.Equal(t, client.InvalidStateError, name(err))

	for _, change := range []object{{"authenticatorSelection": object{"residentKey": "required"}}, {"authenticatorSelection": object{"userVerification": "required"}}} {
		_, err := b.browser.Create(page, creation(change))
		require.Equal(t, client.NotAllowedError, name(err))
	}
	_, err = b.browser.Create(page, creation(object{"pubKeyCredParams": []object{{"type": "public-key", "alg": -8}}}))
	require.Equal(t, client.NotSupportedError, name(err))
	for _, change := range []object{nil, {"allowCredentials": allow("AQID")}, {"allowCredentials": allow(made.ID), "userVerification": "required"}} {
		_, err := b.browser.Get(page, request(change))
		require.Equal(t, client.NotAllowedError, name(err))
	}

	const app = "https://signin.example.test"
	got = b.got(request(object{"rpId": rpID, "allowCredentials": allow(made.ID), "extensions": object{"appid": app}}))
	require.JSONEq(t, `false`, string(got.ClientExtensionResults["appid"]))

	// The user takes their time; a page that gives up ends it.
	b.key.SetPresence(noon, u2f.Presence{Mode: u2f.Manual})
	waits := 0
	b.browser.Keys[0].Pause = func() error {
		if waits++; waits == 3 {
			b.key.SetPresence(noon, u2f.Presence{Mode: u2f.Auto})
		}
		return nil
	}
	b.got(request(object{"allowCredentials": allow(made.ID)}))
	require.Equal(t, 3, waits)
	b.key.SetPresence(noon, u2f.Presence{Mode: u2f.Never})
	b.browser.Keys[0].Pause = func() error { return client.ErrAborted }
	_, err = b.browser.Get(page, request(object{"allowCredentials": allow(made.ID)}))
	require.Equal(t, client.AbortError, name(err))
	b.browser.Keys[0].Pause = nil
	_, err = b.browser.Create(page, creation(nil))
	require.Equal(t, client.NotAllowedError, name(err))
	for _, answer := range []string{"", "\x90", "\x90\x00", "\x05\x90\x00", "\x69\x85"} {
		b.browser.Keys[0].APDU = func([]byte) ([]byte, error) { return []byte(answer), nil }
		_, err = b.browser.Create(page, creation(nil))
		require.Equal(t, client.NotAllowedError, name(err))
		_, err = b.browser.Get(page, request(object{"allowCredentials": allow(made.ID)}))
		require.Equal(t, client.NotAllowedError, name(err))
	}
}

func TestSeveralKeys(t *testing.T) {
	one, two, none := newBenchOf(t, 1, "ctap2.1"), newBenchOf(t, 2, "ctap2.1"), newBenchOf(t, 3, "u2f")
	all := client.Client{Random: &stream{}, Keys: []client.Key{{APDU: none.apdu}, {Ask: one.ask}, {Ask: two.ask}}}
	id := two.made(creation(nil)).ID
	old := none
	old.browser.Keys[0] = client.Key{APDU: none.apdu}
	handle := old.made(creation(nil)).ID
	for _, want := range []string{id, handle} {
		out, err := all.Get(page, request(object{"allowCredentials": allow(want, "AQID")}))
		require.NoError(t, err, "the key that knows it is the one to touch")
		require.Contains(t, string(out), `"id":"`+want+`"`)
	}
	var able []int
	all.Pick = func(list []int) int {
		able = list
		return list[len(list)-1]
	}
	_, err := all.Get(page, request(object{"allowCredentials": allow(id)}))
	require.ErrorIs(t, err, ctap.ErrNoCredentials, "the user touches another one")
	require.Equal(t, []int{2, 0, 1}, able)
	_, err = all.Create(page, creation(object{"authenticatorSelection": object{"residentKey": "required", "userVerification": "discouraged"}}))
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, able, "those that keep discoverable credentials")
	out, err := all.Get(page, request(nil))
	require.NoError(t, err)
	require.Contains(t, string(out), `"userHandle":"AQID"`)
	all.Pick = func([]int) int { return -1 }
	_, err = all.Get(page, request(nil))
	require.Equal(t, client.NotAllowedError, name(err))
	all.Keys = nil
	_, err = all.Get(page, request(nil))
	require.EqualError(t, err, "NotAllowedError: no key is plugged in")
	all = client.Client{Keys: []client.Key{{Ask: func([]byte) ([]byte, error) { return nil, fmt.Errorf("interrupted: %w", client.ErrAborted) }}}}
	_, err = all.Create(page, creation(nil))
	require.Equal(t, client.AbortError, name(err))
}

func TestTheUserTakesAnAccount(t *testing.T) {
	b := newBench(t, "ctap2.1")
	b.setPIN("1234")
	b.browser.Keys[0].PIN = "1234"
	var want []string
	for _, user := range []string{"alice", "bob", "carol"} {
		want = append(want, b.made(creation(object{"user": object{"id": b64([]byte(user)), "name": user, "displayName": "D"},
			"authenticatorSelection": object{"residentKey": "required"}})).ID)
	}
	var seen []client.Account
	b.browser.Choose = func(accounts []client.Account) int {
		seen = accounts
		return 2
	}
	require.Equal(t, want[0], b.got(request(object{"userVerification": "required"})).ID)
	require.Len(t, seen, 3)
	require.Equal(t, "carol", seen[0].Name, "the newest first")
	require.Equal(t, "alice", string(seen[2].UserHandle))
	b.got(request(nil))
	require.Empty(t, seen[0].Name, "names are for a verified user")
	b.browser.Choose = func([]client.Account) int { return 3 }
	_, err := b.browser.Get(page, request(nil))
	require.Equal(t, client.NotAllowedError, name(err))
	b.browser.Choose = nil
	require.Equal(t, want[2], b.got(request(nil)).ID)
}

func TestThePINIsAskedForAgain(t *testing.T) {
	b := newBench(t, "ctap2.1")
	b.setPIN("1234")
	var prompts []client.Prompt
	type typing = func(p client.Prompt) (client.PIN, bool)
	typed := func(pins ...client.PIN) typing {
		prompts = nil
		return func(p client.Prompt) (client.PIN, bool) {
			prompts = append(prompts, p)
			if len(pins) == 0 {
				return "", false
			}
			pin := pins[0]
			pins = pins[1:]
			return pin, true
		}
	}
	verified := request(object{"userVerification": "required", "allowCredentials": allow(b.made(creation(nil)).ID)})
	b.browser.Keys[0].Prompt = typed("9999", "1234")
	b.got(verified)
	require.Equal(t, []client.Prompt{{Retries: 8, Least: 4}, {Wrong: true, Retries: 7, Least: 4}}, prompts)
	b.browser.Keys[0].Prompt = typed()
	_, err := b.browser.Get(page, verified)
	require.Equal(t, client.NotAllowedError, name(err))
	for _, pin := range []client.PIN{"123", client.PIN(make([]byte, 64)), "\xff\xff\xff\xff"} {
		b.browser.Keys[0].Prompt = typed(pin)
		_, err = b.browser.Get(page, verified)
		require.ErrorContains(t, err, "is no PIN")
	}
	b.browser.Keys[0].Prompt = typed("9999", "9999", "9999", "9999", "1234")
	_, err = b.browser.Get(page, verified)
	require.ErrorIs(t, err, ctap.ErrPINAuthBlocked, "three in one power cycle")
	require.Len(t, prompts, 3)
}

func TestAPINThatHasToBeChanged(t *testing.T) {
	b := newBench(t, "ctap2.1")
	b.setPIN("1234")
	verified := request(object{"userVerification": "required", "allowCredentials": allow(b.made(creation(nil)).ID)})
	force := true
	b.browser.Keys[0].Ask = func(req []byte) ([]byte, error) {
		reply, err := b.ask(req)
		if req[0] == 4 && force && err == nil {
			var m map[int]any
			require.NoError(t, cbor.Unmarshal(reply[1:], &m))
			m[12] = true // forcePINChange
			mode := must(cbor.CTAP2EncOptions().EncMode())
			reply = append([]byte{0}, must(mode.Marshal(m))...)
		}
		return reply, err
	}
	b.browser.Keys[0].PIN, b.browser.Keys[0].Open = "1234", true
	_, err := b.browser.Get(page, verified)
	require.ErrorContains(t, err, "wants its PIN changed first")
	var prompts []client.Prompt
	b.browser.Keys[0].Prompt = func(p client.Prompt) (client.PIN, bool) {
		prompts = append(prompts, p)
		return map[bool]client.PIN{false: "1234", true: "567890"}[p.New], true
	}
	b.got(verified)
	require.Len(t, prompts, 2)
	force = false
	b.browser.Keys[0].Prompt, b.browser.Keys[0].PIN = nil, "567890"
	b.got(verified)
}

func TestFrames(t *testing.T) {
	b := newBench(t, "ctap2.1")
	for top, want := range map[string]string{
		"":                           `"crossOrigin":false}`,
		page:                         `"crossOrigin":false}`,
		"https://shop.example.com/":  `"crossOrigin":true,"topOrigin":"https://shop.example.com"}`,
		"https://other.example.test": `"crossOrigin":true,"topOrigin":"https://other.example.test"}`,
	} {
		b.browser.Top = top
		answer := b.made(creation(nil))
		data := must(base64.RawURLEncoding.DecodeString(answer.Response.ClientDataJSON))
		require.Contains(t, string(data), `"origin":"https://signin.example.test",`+want)
	}
	b.browser.Top = "http://plain.test"
	_, err := b.browser.Get(page, request(nil))
	require.Equal(t, client.SecurityError, name(err))
}

func TestRelatedOrigins(t *testing.T) {
	const related = "https://signin.example.co.uk"
	b := newBench(t, "ctap2.1")
	named := func(origins ...string) {
		b.browser.Related = func(string) ([]byte, error) { return json.Marshal(object{"origins": origins}) }
	}
	for _, tt := range []struct {
		name    string
		origins []string
		want    string
	}{
		{"it is there", []string{"https://example.com", "no origin", "https://example.uk", related}, ""},
		{"it is not", []string{"https://example.com", "https://example.co.uk"}, client.SecurityError},
		{"nothing is", nil, client.SecurityError},
		{"behind five other names", []string{"https://a.com", "https://b.com", "https://c.com", "https://d.com", "https://e.com", related}, client.SecurityError},
		{"behind many of the same name", []string{"https://a.com", "https://a.de", "https://a.fr", "https://a.org", "https://a.net", related}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			named(tt.origins...)
			_, err := b.browser.Create(related, creation(nil))
			require.Equal(t, tt.want, name(err))
			_, err = b.browser.Create("https://a.co.uk", creation(object{"rp": object{"id": "co.uk", "name": "x"}}))
			require.Equal(t, client.SecurityError, name(err), "nobody speaks for a public suffix")
		})
	}
	b.browser.Related = func(string) ([]byte, error) { return []byte("<html>"), nil }
	_, err := b.browser.Create(related, creation(nil))
	require.Equal(t, client.SecurityError, name(err))
	b.browser.Related = func(string) ([]byte, error) { return nil, errors.New("404") }
	_, err = b.browser.Create(related, creation(nil))
	require.Equal(t, client.SecurityError, name(err))
}

func TestTimeouts(t *testing.T) {
	for options, want := range map[string]time.Duration{`{}`: 5 * time.Minute, `{"timeout":1000}`: 5 * time.Minute,
		`{"timeout":400000}`: 400 * time.Second, `{"timeout":4294967295}`: 10 * time.Minute} {
		got, err := client.Timeout([]byte(options))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, options := range []string{``, `{"timeout":-1}`, `{"timeout":"1"}`} {
		_, err := client.Timeout([]byte(options))
		require.Equal(t, client.TypeError, name(err))
	}
}

func TestListsThatDoNotFitAMessage(t *testing.T) {
	b := newBench(t, "ctap2.0", func(p *u2f.Profile) { p.MaxMsgSize = 1024 })
	own := b.made(creation(nil)).ID
	var ids []string
	for i := range 20 {
		ids = append(ids, b64(append(make([]byte, 100), byte(i))))
	}
	require.Equal(t, own, b.got(request(object{"allowCredentials": allow(append(ids, own)...)})).ID)
	_, err := b.browser.Create(page, creation(object{"excludeCredentials": allow(append(ids, own)...)}))
	require.Equal(t, client.InvalidStateError, name(err))
	for _, req := range b.sent {
		require.LessOrEqual(t, len(req), 1024)
	}
}
