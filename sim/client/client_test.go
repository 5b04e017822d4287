package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

const (
	page = "https://signin.example.test"
	rpID = "example.test"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stream is randomness that repeats itself.
type stream struct{ n byte }

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	for i := range b {
		s.n++
		sum := sha256.Sum256([]byte{s.n})
		b[i] = sum[0]
	}
	return len(b), nil
}

// A bench is a key in a browser's hands, and a user who touches it.
type bench struct {
	t       testing.TB
	key     *u2f.Key
	browser client.Client
	sent    [][]byte // requests, with their command
}

func newBench(t testing.TB, profile string, change ...func(*u2f.Profile)) *bench {
	return newBenchOf(t, 7, profile, change...)
}

// newBenchOf is newBench with the key of that seed.
func newBenchOf(t testing.TB, seed byte, profile string, change ...func(*u2f.Profile)) *bench {
	p, err := u2f.ProfileNamed(profile)
	require.NoError(t, err)
	for _, c := range change {
		c(&p)
	}
	b := &bench{t: t}
	b.key, err = u2f.New(u2f.Config{Profile: p, Flash: &flash.Memory{}})
	require.NoError(t, err)
	require.NoError(t, b.key.PowerUp(noon, bytes.Repeat([]byte{seed}, 32)))
	b.key.SetPresence(noon, u2f.Presence{Mode: u2f.Auto})
	b.browser = client.Client{Keys: []client.Key{{Ask: b.ask}}, Random: &stream{}}
	return b
}

func (b *bench) ask(req []byte) ([]byte, error) {
	b.sent = append(b.sent, bytes.Clone(req))
	b.key.CBOR(noon, 1, req)
	reply, ok := b.key.Reply(noon)
	if !ok {
		return nil, errors.New("the key does not answer")
	}
	return bytes.Clone(reply), nil
}

// setPIN gives the key a PIN.
func (b *bench) setPIN(pin string) {
	b.t.Helper()
	info, err := ctap.ParseGetInfoResponse(b.must([]byte{4}))
	require.NoError(b.t, err)
	p := pinuv.Protocol(info.Protocols[0])
	req := ctap.ClientPINRequest{Protocol: new(uint64(p)), Subcommand: ctap.GetKeyAgreement}
	agreed, err := ctap.ParseClientPINResponse(b.must(req.Append([]byte{6})))
	require.NoError(b.t, err)
	public, secret, err := p.Encapsulate(&stream{}, agreed.KeyAgreement)
	require.NoError(b.t, err)
	req.Subcommand, req.KeyAgreement = ctap.SetPIN, public
	req.NewPINEnc, err = secret.Encrypt(&stream{}, append([]byte(pin), make([]byte, 64-len(pin))...))
	require.NoError(b.t, err)
	req.UVAuthParam = secret.Authenticate(req.NewPINEnc)
	b.must(req.Append([]byte{6}))
}

func (b *bench) must(req []byte) []byte {
	b.t.Helper()
	reply, err := b.ask(req)
	require.NoError(b.t, err)
	require.Equal(b.t, ctap.OK, ctap.Status(reply[0]))
	return reply[1:]
}

// commands returns what has been sent since the last call, by command.
func (b *bench) commands() string {
	var names []string
	for _, req := range b.sent {
		names = append(names, map[byte]string{1: "make", 2: "assert", 4: "info", 6: "pin"}[req[0]])
	}
	b.sent = nil
	return strings.Join(names, " ")
}

// object is JSON in a test.
type object = map[string]any

// creation returns options, with changes; a nil value takes a member away.
func creation(change object) []byte {
	o := object{"rp": object{"id": rpID, "name": "Example"}, "user": object{"id": "AQID", "name": "alice", "displayName": "Alice"},
		"challenge": b64([]byte("challenge of sixteen bytes")), "pubKeyCredParams": []object{{"type": "public-key", "alg": -7}},
		"authenticatorSelection": object{"userVerification": "discouraged"}}
	return changed(o, change)
}

func request(change object) []byte {
	return changed(object{"rpId": rpID, "challenge": b64([]byte("challenge of sixteen bytes")), "userVerification": "discouraged"}, change)
}

func changed(o, change object) []byte {
	for name, v := range change {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// name returns the exception's name, "" for none.
func name(err error) string {
	var e *client.Error
	if errors.As(err, &e) {
		return e.Name
	}
	if err != nil {
		return "no exception: " + err.Error()
	}
	return ""
}

// made makes a credential and returns the answer's members.
func (b *bench) made(options []byte) (answer registered) {
	b.t.Helper()
	out, err := b.browser.Create(page, options)
	require.NoError(b.t, err)
	require.NoError(b.t, json.Unmarshal(out, &answer))
	return answer
}

type registered struct {
	ID, RawID string
	Response  struct {
		ClientDataJSON, AuthenticatorData, AttestationObject, PublicKey string
		PublicKeyAlgorithm                                              int
		Transports                                                      []string
	}
	AuthenticatorAttachment, Type string
	ClientExtensionResults        map[string]json.RawMessage
}

func (r registered) authData(t testing.TB) ctap.AuthData {
	b, err := base64.RawURLEncoding.DecodeString(r.Response.AuthenticatorData)
	require.NoError(t, err)
	a, err := ctap.ParseAuthData(b)
	require.NoError(t, err)
	return a
}

func allow(ids ...string) []object {
	var list []object
	for _, id := range ids {
		list = append(list, object{"type": "public-key", "id": id})
	}
	return list
}

func TestClientDataIsSerialisedAsTheSpecificationSays(t *testing.T) {
	b := newBench(t, "ctap2.1")
	answer := b.made(creation(object{"challenge": "__-_AAECAwQFBgcICQoLDA"}))
	data, err := base64.RawURLEncoding.DecodeString(answer.Response.ClientDataJSON)
	require.NoError(t, err)
	require.Equal(t, `{"type":"webauthn.create","challenge":"__-_AAECAwQFBgcICQoLDA","origin":"https://signin.example.test","crossOrigin":false}`, string(data))
	out, err := b.browser.Get("https://SIGNIN.example.test:443/", request(object{"allowCredentials": allow(answer.ID)}))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &answer))
	data, err = base64.RawURLEncoding.DecodeString(answer.Response.ClientDataJSON)
	require.NoError(t, err)
	require.Equal(t, `{"type":"webauthn.get","challenge":"Y2hhbGxlbmdlIG9mIHNpeHRlZW4gYnl0ZXM","origin":"https://signin.example.test","crossOrigin":false}`, string(data))
}

func TestPagesAndRelyingParties(t *testing.T) {
	const ok, security, not = "", client.SecurityError, client.NotAllowedError
	for _, tt := range []struct{ origin, rp, want string }{
		{page, "signin.example.test", ok},
		{page, rpID, ok},
		{page, "", ok},
		{page + ":8443", rpID, ok},
		{"http://localhost:6325", "localhost", ok},
		{"http://localhost:6325", "", ok},
		{"http://a.localhost", "a.localhost", ok},
		{"https://signin.example.co.uk", "example.co.uk", ok},
		{"https://me.github.io", "me.github.io", ok},

		{page, "other.test", security},
		{page, "old.example.test", security},
		{page, "ample.test", security},
		{page, "test", security},
		{page, ".example.test", security},
		{page, "a.signin.example.test", security},
		{page, "EXAMPLE.test", security},
		{page, "https://example.test", security},
		{"https://signin.example-login.test", rpID, security},
		{"https://example.test.evil.test", rpID, security},
		{"https://signin.example.co.uk", "co.uk", security},
		{"https://me.github.io", "github.io", security},
		{"http://a.localhost", "localhost", security},
		{"http://signin.example.test", rpID, security},
		{"http://127.0.0.1:6325", "127.0.0.1", security},
		{"https://[::1]", "", security},
		{"https://10.1", "", security},
		{"https://example..test", "", security},
		{"https://-a.test", "", security},
		{"https://ex%C3%A4mple.test", "", security},

		{"null", "", not},
		{"", "", not},
		{"https://", "", not},
		{"https://user@example.test", "", not},
		{"https://example.test/page", "", not},
		{"https://example.test?x", "", not},
		{"://", "", not},
	} {
		t.Run(tt.origin+" "+tt.rp, func(t *testing.T) {
			b := newBench(t, "ctap2.1")
			rp := object{"name": "Example", "id": tt.rp}
			if tt.rp == "" {
				delete(rp, "id")
			}
			_, err := b.browser.Create(tt.origin, creation(object{"rp": rp}))
			require.Equal(t, tt.want, name(err), "%v", err)
			if tt.want != ok {
				require.Empty(t, b.sent, "the key is not asked")
				_, err = b.browser.Get(tt.origin, request(object{"rpId": tt.rp}))
				require.Equal(t, tt.want, name(err))
				require.Empty(t, b.sent)
			}
		})
	}
}

func TestOptionsThatAreNone(t *testing.T) {
	b := newBench(t, "ctap2.1")
	for want, list := range map[string][]object{
		client.TypeError: {
			{"challenge": nil}, {"rp": nil}, {"user": nil}, {"pubKeyCredParams": nil}, {"rp": object{"id": rpID}},
			{"user": object{"id": "AQID", "name": "alice"}}, {"user": object{"id": "", "name": "alice", "displayName": "Alice"}},
			{"user": object{"id": b64(make([]byte, 65)), "name": "alice", "displayName": "Alice"}}, {"challenge": 5},
			{"excludeCredentials": []object{{"type": "public-key"}}}, {"excludeCredentials": []object{{"id": "AA"}}}, {"rp": "example.test"},
		},
		client.EncodingError: {{"challenge": "AA=="}, {"challenge": "A+/A"}, {"challenge": "A\nA"}, {"user": object{"id": "*", "name": "", "displayName": ""}}},
		client.NotSupportedError: {{"pubKeyCredParams": []object{{"type": "password", "alg": -7}}},
			{"pubKeyCredParams": []object{{"type": "public-key", "alg": -257}}}},
	} {
		for _, change := range list {
			_, err := b.browser.Create(page, creation(change))
			require.Equal(t, want, name(err), "%v", change)
		}
	}
	for _, options := range []string{"", "null", "[]", "{}", `{"challenge":null}`, `{"challenge":"AA","rpId":5}`, `{"challenge":"AA","allowCredentials":[{}]}`} {
		_, err := b.browser.Get(page, []byte(options))
		require.Equal(t, client.TypeError, name(err), options)
		_, err = b.browser.Create(page, []byte(options))
		require.Equal(t, client.TypeError, name(err), options)
	}
}

func TestAttestationIsShownToWhoAsks(t *testing.T) {
	lab := func(p *u2f.Profile) {}
	self := func(p *u2f.Profile) { p.Attestation = u2f.PackedSelf }
	anonymous := func(p *u2f.Profile) { p.Attestation, p.AAGUID = u2f.PackedSelf, u2f.AAGUID{} }
	for _, tt := range []struct {
		name       string
		key        func(*u2f.Profile)
		preference any
		format     string
		model      bool
	}{
		{"nobody asks", lab, nil, "none", false},
		{"none", lab, "none", "none", false},
		{"a word that is unknown", lab, "please", "none", false},
		{"direct", lab, "direct", "packed", true},
		{"indirect", lab, "indirect", "packed", true},
		{"self-attestation names the model", self, "none", "none", false},
		{"self-attestation does not name the model", anonymous, "none", "packed", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "ctap2.1", tt.key)
			answer := b.made(creation(object{"attestation": tt.preference}))
			raw, err := base64.RawURLEncoding.DecodeString(answer.Response.AttestationObject)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(raw, []byte("\xa3\x63fmt"+string(rune(0x60+len(tt.format)))+tt.format)), "%x", raw)
			require.Equal(t, tt.model, answer.authData(t).AAGUID != [16]byte{})
			require.Equal(t, "public-key", answer.Type)
			require.Equal(t, "cross-platform", answer.AuthenticatorAttachment)
			require.Equal(t, []string{"usb"}, answer.Response.Transports)
			require.Equal(t, -7, answer.Response.PublicKeyAlgorithm)
			require.NotEmpty(t, answer.Response.PublicKey)
		})
	}
}

func TestResidentKeys(t *testing.T) {
	for _, tt := range []struct {
		wish object
		rk   bool
	}{
		{object{}, false}, {object{"residentKey": "discouraged"}, false}, {object{"residentKey": "preferred"}, true},
		{object{"residentKey": "required"}, true}, {object{"requireResidentKey": true}, true},
		{object{"residentKey": "discouraged", "requireResidentKey": true}, false}, {object{"residentKey": "maybe"}, false},
	} {
		b := newBench(t, "ctap2.1")
		answer := b.made(creation(object{"authenticatorSelection": tt.wish, "extensions": object{"credProps": true, "unknown": 1}}))
		require.JSONEq(t, fmt.Sprintf(`{"rk":%t}`, tt.rk), string(answer.ClientExtensionResults["credProps"]))
		out, err := b.browser.Get(page, request(nil))
		if !tt.rk {
			require.Equal(t, client.NotAllowedError, name(err))
			require.ErrorIs(t, err, ctap.ErrNoCredentials)
			continue
		}
		require.NoError(t, err)
		require.Contains(t, string(out), `"userHandle":"AQID"`)
		require.Contains(t, string(out), `"id":"`+answer.ID+`"`)
	}
	b := newBench(t, "ctap2.1", func(p *u2f.Profile) { p.ResidentSlots = 0 })
	_, err := b.browser.Create(page, creation(object{"authenticatorSelection": object{"residentKey": "required"}}))
	require.Equal(t, client.NotAllowedError, name(err))
	require.NotContains(t, string(b.made(creation(nil)).ClientExtensionResults["credProps"]), "rk", "nobody asked")
	_, err = b.browser.Create(page, creation(object{"authenticatorSelection": object{"authenticatorAttachment": "platform"}}))
	require.Equal(t, client.NotAllowedError, name(err))
}

func TestTheUserIsVerified(t *testing.T) {
	const uv = ctap.FlagUV
	for _, tt := range []struct {
		profile  string
		pin      string // that the key has
		typed    client.PIN
		wish     any
		creation string // the exception, or "uv", or ""
		sent     string
		request  string
	}{
		{"ctap2.1", "", "", "required", "NotAllowedError", "info", "NotAllowedError"},
		{"ctap2.1", "", "", "preferred", "", "info make", ""},
		{"ctap2.1", "", "", "discouraged", "", "info make", ""},
		{"ctap2.1", "1234", "1234", "required", "uv", "info pin pin make", "uv"},
		{"ctap2.1", "1234", "1234", "preferred", "uv", "info pin pin make", "uv"},
		{"ctap2.1", "1234", "1234", nil, "uv", "info pin pin make", "uv"},
		{"ctap2.1", "1234", "", "preferred", "NotAllowedError", "info", "NotAllowedError"},
		{"ctap2.1", "1234", "9999", "required", "NotAllowedError", "info pin pin", "NotAllowedError"},
		{"ctap2.0", "1234", "1234", "required", "uv", "info pin pin make", "uv"},
	} {
		t.Run(fmt.Sprint(tt.profile, " ", tt.pin, " ", string(tt.typed), " ", tt.wish), func(t *testing.T) {
			b := newBench(t, tt.profile)
			first := b.made(creation(nil))
			if tt.pin != "" {
				b.setPIN(tt.pin)
			}
			b.browser.Keys[0].PIN = tt.typed
			b.commands()
			outcome := func(answer []byte, err error) string {
				if err != nil {
					return name(err)
				}
				var r registered
				require.NoError(t, json.Unmarshal(answer, &r))
				if r.authData(t).Flags&uv != 0 {
					return "uv"
				}
				return ""
			}
			require.Equal(t, tt.creation, outcome(b.browser.Create(page, creation(object{"authenticatorSelection": object{"userVerification": tt.wish}}))))
			require.Equal(t, tt.sent, b.commands())
			require.Equal(t, tt.request, outcome(b.browser.Get(page, request(object{"userVerification": tt.wish, "allowCredentials": allow(first.ID)}))))
		})
	}
	t.Run("a key with a PIN wants it for a discoverable credential, discouraged or not", func(t *testing.T) {
		b := newBench(t, "ctap2.1")
		b.setPIN("1234")
		b.browser.Keys[0].PIN = "1234"
		answer := b.made(creation(object{"authenticatorSelection": object{"userVerification": "discouraged", "residentKey": "required"}}))
		require.NotZero(t, answer.authData(t).Flags&uv)
	})
	t.Run("the PIN cannot be sent without randomness", func(t *testing.T) {
		b := newBench(t, "ctap2.1")
		b.setPIN("1234")
		b.browser.Keys[0].PIN, b.browser.Random = "1234", nil
		_, err := b.browser.Get(page, request(object{"userVerification": "required"}))
		require.Equal(t, client.NotAllowedError, name(err))
	})
	require.Equal(t, "PIN PIN PIN", fmt.Sprintf("%v %#v %q", client.PIN("1234"), client.PIN("1234"), client.PIN("1234")))
}

func TestLists(t *testing.T) {
	few := func(p *u2f.Profile) { p.MaxCredentialCountInList = 3 }
	foreign := newBenchOf(t, 8, "ctap2.1").made(creation(nil)).ID
	t.Run("a credential that is there already", func(t *testing.T) {
		b := newBench(t, "ctap2.1", few)
		own := b.made(creation(nil)).ID
		for _, ids := range [][]string{{own}, {own, "AQID"}, {"AQID", "AQIE", "AQIF", "AQIG", own}, {own, "AQID", "AQIE", "AQIF"}} {
			_, err := b.browser.Create(page, creation(object{"excludeCredentials": allow(ids...)}))
			require.Equal(t, client.InvalidStateError, name(err), ids)
			require.ErrorIs(t, err, ctap.ErrCredentialExcluded)
		}
		b.made(creation(object{"excludeCredentials": allow("AQID", "AQIE", "AQIF", "AQIG", "AQIH")}))
		b.made(creation(object{"excludeCredentials": []object{{"type": "password", "id": own}}}))
	})
	t.Run("a credential that may sign", func(t *testing.T) {
		b := newBench(t, "ctap2.1", few)
		own := b.made(creation(nil)).ID
		for _, ids := range [][]string{{own}, {"AQID", own}, {"AQID", "AQIE", "AQIF", "AQIG", own, "AQIH"}, {b64(make([]byte, 900)), own}} {
			out, err := b.browser.Get(page, request(object{"allowCredentials": allow(ids...)}))
			require.NoError(t, err)
			require.Contains(t, string(out), `"id":"`+own+`"`)
		}
	})
	t.Run("none that may sign", func(t *testing.T) {
		b := newBench(t, "ctap2.1", few)
		b.made(creation(object{"authenticatorSelection": object{"residentKey": "required"}}))
		long := b64(make([]byte, 900))
		for _, list := range [][]object{allow(foreign), allow(long), allow("AQID", "AQIE", "AQIF", "AQIG"), {{"type": "password", "id": "AQID"}}} {
			_, err := b.browser.Get(page, request(object{"allowCredentials": list}))
			require.Equal(t, client.NotAllowedError, name(err))
			require.ErrorIs(t, err, ctap.ErrNoCredentials, "not even the discoverable one")
		}
	})
}

func TestKeysThatFail(t *testing.T) {
	gone := errors.New("the key was pulled out")
	for _, answer := range []string{"", "\x00", "\x00\xff", "\x2e", "\x00\xa0", "\x00\xa1\x01"} {
		for fails := range 3 {
			b := newBench(t, "ctap2.1")
			id := b.made(creation(nil)).ID
			n := 0
			b.browser.Keys[0].Ask = func(req []byte) ([]byte, error) {
				if n++; n > fails {
					return []byte(answer), nil
				}
				return b.ask(req)
			}
			_, err := b.browser.Create(page, creation(nil))
			if fails < 2 {
				require.Equal(t, client.NotAllowedError, name(err))
			}
			n = 0
			_, err = b.browser.Get(page, request(object{"allowCredentials": allow(id)}))
			if fails < 2 {
				require.Equal(t, client.NotAllowedError, name(err))
			}
		}
	}
	b := client.Client{Keys: []client.Key{{Ask: func([]byte) ([]byte, error) { return nil, gone }}}}
	_, err := b.Get(page, request(nil))
	require.ErrorIs(t, err, gone)
	require.EqualError(t, err, "NotAllowedError: the key does not say what it is: the key was pulled out")
	denied := newBench(t, "ctap2.1")
	denied.key.SetPresence(noon, u2f.Presence{Mode: u2f.Deny})
	_, err = denied.browser.Create(page, creation(nil))
	require.ErrorIs(t, err, ctap.ErrOperationDenied)
	require.Equal(t, client.NotAllowedError, name(err))
}

// party is a relying party's user.
type party struct{ keys []webauthn.Credential }

func (party) WebAuthnID() []byte                           { return []byte("AIDA1") }
func (party) WebAuthnName() string                         { return "alice" }
func (party) WebAuthnDisplayName() string                  { return "Alice" }
func (p party) WebAuthnCredentials() []webauthn.Credential { return p.keys }

// What the client makes, go-webauthn, which shares no code with us, accepts; and it does not where the page was another.
func TestARelyingPartyBelievesIt(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(r, name) }
		profile := draw("profile", "ctap2.1", "ctap2.0")
		b := newBench(t, profile, func(p *u2f.Profile) {
			p.Attestation = rapid.SampledFrom([]u2f.Attestation{u2f.None, u2f.Packed, u2f.PackedSelf, u2f.FIDOU2F}).Draw(r, "attestation")
			if p.Attestation == u2f.FIDOU2F {
				p.AAGUID = u2f.AAGUID{}
			}
		})
		if rapid.Bool().Draw(r, "pin") {
			b.setPIN("1234")
			b.browser.Keys[0].PIN = "1234"
		}
		verification := draw("verification", "discouraged", "preferred", "required")
		cfg := &webauthn.Config{RPID: rpID, RPDisplayName: "Example", RPOrigins: []string{page},
			AttestationPreference: protocol.ConveyancePreference(draw("conveyance", "none", "indirect", "direct"))}
		cfg.AuthenticatorSelection.ResidentKey = protocol.ResidentKeyRequirement(draw("resident", "discouraged", "preferred", "required"))
		cfg.AuthenticatorSelection.UserVerification = protocol.UserVerificationRequirement(verification)
		rp, err := webauthn.New(cfg)
		require.NoError(t, err)
		alg := protocol.CredentialParameter{Type: "public-key", Algorithm: -7}
		if rapid.Bool().Draw(r, "EdDSA") && b.supports(cose.EdDSA) {
			alg.Algorithm = -8
		}
		asked, session, err := rp.BeginRegistration(party{}, webauthn.WithCredentialParameters([]protocol.CredentialParameter{alg}))
		require.NoError(t, err)
		options, err := json.Marshal(asked.Response)
		require.NoError(t, err)
		answer, err := b.browser.Create(page, options)
		if verification == "required" && b.browser.Keys[0].PIN == "" {
			require.Equal(t, client.NotAllowedError, name(err))
			return
		}
		require.NoError(t, err)
		created, err := protocol.ParseCredentialCreationResponseBytes(answer)
		require.NoError(t, err)
		k, err := rp.CreateCredential(party{}, *session, created)
		require.NoError(t, err)

		for _, origin := range []string{page, "https://old." + rpID} {
			login, session, err := rp.BeginLogin(party{[]webauthn.Credential{*k}})
			require.NoError(t, err)
			options, err := json.Marshal(login.Response)
			require.NoError(t, err)
			answer, err := b.browser.Get(origin, options)
			require.NoError(t, err)
			asserted, err := protocol.ParseCredentialRequestResponseBytes(answer)
			require.NoError(t, err)
			_, err = rp.ValidateLogin(party{[]webauthn.Credential{*k}}, *session, asserted)
			require.Equal(t, origin != page, err != nil, "%v", err)
		}
	})
}

func (b *bench) supports(a cose.Algorithm) bool {
	info, err := ctap.ParseGetInfoResponse(b.must([]byte{4}))
	require.NoError(b.t, err)
	for _, x := range info.Algorithms {
		if x == int64(a) {
			return true
		}
	}
	return false
}

// BenchmarkCeremony is a registration and an assertion with an in-process key.
func BenchmarkCeremony(b *testing.B) {
	x := newBench(b, "ctap2.1")
	b.ReportAllocs()
	for b.Loop() {
		x.sent = nil
		id := x.made(creation(nil)).ID
		if _, err := x.browser.Get(page, request(object{"allowCredentials": allow(id)})); err != nil {
			b.Fatal(err)
		}
	}
}
