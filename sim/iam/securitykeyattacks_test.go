package iam_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

var ecdsaCurve, sha256Hash = elliptic.P256(), crypto.SHA256

func set(name string, value any) func(map[string]any) {
	return func(answer map[string]any) { answer[name] = value }
}

// Each step of WebAuthn, Section 7.1, broken alone.
func TestBrokenEnrolments(t *testing.T) {
	self := map[string]any{"alg": -7, "sig": []byte("no signature")}
	for _, tt := range []struct {
		name     string
		claim    claim
		settings []string
		rule     string
		step     string
	}{
		{"the answer of a sign-in", claim{kind: "webauthn.get"}, nil, "type", ", step 7"},
		{"another challenge", claim{challenge: b64(make([]byte, 32))}, nil, "challenge", ", step 8"},
		{"another page", claim{origin: "https://signin.example-login.test"}, nil, "origin", ", step 9"},
		{"a page on the same host without TLS", claim{origin: "http://signin.example.test"}, nil, "origin", ", step 9"},
		{"another port", claim{origin: signinPage + ":8443"}, nil, "origin", ", step 9"},
		{"a frame in another page", claim{extra: `,"crossOrigin":true`}, nil, "origin", ", step 9"},
		{"another relying party", claim{rp: "signin.example.test"}, nil, "rp-id-hash", ", step 13"},
		{"nobody was there", claim{flags: 0x40}, nil, "user-presence", ", step 14"},
		{"the user was not verified", claim{}, []string{"user-verification=required"}, "user-verification", ", step 15"},
		{"an algorithm that nobody knows", claim{alg: -47}, nil, "algorithm", ", step 16"},
		{"an extension that nobody asked for", claim{edit: set("clientExtensionResults", map[string]any{"credProps": map[string]any{"rk": true}})},
			nil, "extensions", ", step 17"},
		{"attestation that is not signed", claim{format: "packed", statement: self}, nil, "attestation", ", step 19"},
		{"none with attestation", claim{statement: self}, nil, "attestation", ", step 19"},
		{"attestation of an unknown kind", claim{format: "telepathy"}, nil, "attestation", ", step 19"},
		{"another credential than the one that was made", claim{rawID: []byte("another one here")}, nil, "form", ""},
		{"a backup of what has none", claim{flags: 0x51}, nil, "form", ""},
		{"an ID that is not the raw ID", claim{edit: set("id", "AAAA")}, nil, "form", ""},
		{"another type", claim{edit: set("type", "password")}, nil, "form", ""},
		{"nothing", claim{edit: set("response", map[string]any{})}, nil, "form", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.settings...)
			c, f := d.enrolling(), newForger(t, 1)
			before := d.dump()
			_, e := d.enrolled("bob", c, f.create(t, c.Options, tt.claim))
			require.NotNil(t, e)
			require.Equal(t, []any{"InvalidInput", 400}, []any{e.Code, e.Status})
			require.Equal(t, []string{tt.rule, "WebAuthn, Section 7.1" + tt.step}, []string{e.Rule, e.Section})
			onlyTheChallengeIsGone(t, before, d)
			_, e = d.enrolled("bob", c, f.create(t, c.Options, claim{}))
			require.Equal(t, "challenge-reuse", e.Rule)
		})
	}
	t.Run("a credential that somebody has", func(t *testing.T) {
		d := newDesk(t)
		f, _ := d.bobsKey(1)
		c := d.begin("BeginSecurityKeyEnrolment", "UserName", "eve", "SecurityKeyName", "mine")
		_, e := d.enrolled("eve", c, f.create(t, c.Options, claim{}))
		require.Equal(t, []string{"credential-id", "WebAuthn, Section 7.1, step 22"}, []string{e.Rule, e.Section})
	})
}

// remembered checks that a count that has not grown is told of, and that the one before it stands.
func remembered(t *testing.T, before map[string]string, d *desk, said uint32) {
	t.Helper()
	list, e := d.signin("DescribeMFADevices", "UserName", "bob")
	require.Nil(t, e)
	k := list.([]iam.DeviceDetails)[0].Key
	require.Equal(t, []any{uint32(5), 1, said, d.now}, []any{k.Count, k.Regressions, k.RegressedTo, k.RegressedAt})
	require.Len(t, d.dump(), len(before)-1)
}

// onlyTheChallengeIsGone checks what a refused answer leaves behind.
func onlyTheChallengeIsGone(t *testing.T, before map[string]string, d *desk) {
	t.Helper()
	after := d.dump()
	for name, value := range after {
		require.Equal(t, before[name], value, name)
	}
	require.Len(t, after, len(before)-1)
}

// Each step of WebAuthn, Section 7.2, broken alone.
func TestBrokenSignIns(t *testing.T) {
	for _, tt := range []struct {
		name     string
		claim    claim
		settings []string
		rule     string
		step     string
	}{
		{"another credential", claim{rawID: []byte("somebody's other")}, nil, "credential", ", step 5"},
		{"another user", claim{handle: []byte("AIDAAAAAAAAAAAAAAAAAA")}, nil, "user-handle", ", step 6"},
		{"the answer of an enrolment", claim{kind: "webauthn.create"}, nil, "type", ", step 11"},
		{"another challenge", claim{challenge: b64(make([]byte, 32))}, nil, "challenge", ", step 12"},
		{"another page", claim{origin: "https://signin.example-login.test"}, nil, "origin", ", step 13"},
		{"a sister page", claim{origin: "https://old.example.test"}, nil, "origin", ", step 13"},
		{"another relying party", claim{rp: "old.example.test"}, nil, "rp-id-hash", ", step 15"},
		{"a backup of what has none", claim{flags: 0x11}, nil, "form", ""},
		{"nobody was there", claim{flags: 0x04}, nil, "user-presence", ", step 16"},
		{"the user was not verified", claim{}, []string{"user-verification=required"}, "user-verification", ", step 17"},
		{"an extension that nobody asked for", claim{edit: set("clientExtensionResults", map[string]any{"appid": true})}, nil, "extensions", ", step 18"},
		{"a signature of nothing", claim{signature: []byte{0x30, 0}}, nil, "signature", ", step 20"},
		{"the same count", claim{count: 5}, nil, "count-regress", ", step 21"},
		{"a smaller count", claim{count: 4}, nil, "count-regress", ", step 21"},
		{"nothing", claim{edit: set("response", map[string]any{})}, nil, "form", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			f, _ := d.bobsKey(1)
			f.count = 4
			c := d.signingIn()
			_, e := d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
			require.Nil(t, e)
			d = d.with(tt.settings...)
			c = d.signingIn()
			before := d.dump()
			_, e = d.signedIn("bob", c, f.assert(t, c.Options, tt.claim))
			require.NotNil(t, e)
			require.Equal(t, []any{"AccessDenied", 403}, []any{e.Code, e.Status})
			require.Equal(t, []string{tt.rule, "WebAuthn, Section 7.2" + tt.step}, []string{e.Rule, e.Section})
			if tt.rule == "count-regress" {
				remembered(t, before, d, tt.claim.count)
				return
			}
			onlyTheChallengeIsGone(t, before, d)
		})
	}
	t.Run("the key of another user", func(t *testing.T) {
		d := newDesk(t)
		f, _ := d.bobsKey(1)
		g := newForger(t, 2)
		c := d.begin("BeginSecurityKeyEnrolment", "UserName", "eve", "SecurityKeyName", "hers")
		_, e := d.enrolled("eve", c, g.create(t, c.Options, claim{}))
		require.Nil(t, e)
		c = d.signingIn()
		_, e = d.signedIn("bob", c, g.assert(t, c.Options, claim{}))
		require.Equal(t, "credential", e.Rule)
		g.id = f.id
		c = d.signingIn()
		_, e = d.signedIn("bob", c, g.assert(t, c.Options, claim{}))
		require.Equal(t, "signature", e.Rule)
	})
	t.Run("a key that counts nothing is believed for ever", func(t *testing.T) {
		d := newDesk(t)
		f, _ := d.bobsKey(1)
		f.silent = true
		for range 3 {
			c := d.signingIn()
			_, e := d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
			require.Nil(t, e)
		}
	})
}

// with returns a desk with the same books and other rules.
func (d *desk) with(settings ...string) *desk {
	if len(settings) == 0 {
		return d
	}
	s := iam.Defaults()
	for _, x := range append([]string{"rp-id=" + signinRP, "rp-origin=" + signinPage}, settings...) {
		require.NoError(d.t, s.Set(x))
	}
	service, err := iam.New(d.t.Context(), iam.Config{Store: d.store, Chance: sim.NewChance([]byte("desk")), Settings: s}, d.now)
	require.NoError(d.t, err)
	c := *d.clerk
	c.service = service
	return &desk{clerk: &c}
}

// keyAttacks are attacks on security keys: see attack.
var keyAttacks = []struct {
	name     string
	weakness string
	succeeds func(d *desk, f *forger) bool
	settings []string // that ask for what is then not looked at; bob has no key before
}{
	{"a page of the same site relays the sign-in", "origin", func(d *desk, f *forger) bool {
		c := d.signingIn()
		_, e := d.signedIn("bob", c, f.assert(d.t, c.Options, claim{origin: "https://old.example.test"}))
		return e == nil
	}, nil},
	{"a page in a frame of another relays the enrolment", "origin", func(d *desk, _ *forger) bool {
		c := d.enrolling()
		_, e := d.enrolled("bob", c, newForger(d.t, 2).create(d.t, c.Options, claim{extra: `,"crossOrigin":true,"topOrigin":"https://evil.test"`}))
		return e == nil
	}, nil},
	{"an answer for another relying party is handed on", "rp-id-hash", func(d *desk, f *forger) bool {
		c := d.signingIn()
		_, e := d.signedIn("bob", c, f.assert(d.t, c.Options, claim{rp: "evil.test"}))
		return e == nil
	}, nil},
	{"an answer that was got before is handed in", "challenge", func(d *desk, f *forger) bool {
		stolen := f.assert(d.t, d.signingIn().Options, claim{})
		_, e := d.signedIn("bob", d.signingIn(), stolen)
		return e == nil
	}, nil},
	{"a challenge is answered twice", "challenge-reuse", func(d *desk, f *forger) bool {
		c := d.signingIn()
		_, e := d.signedIn("bob", c, f.assert(d.t, c.Options, claim{}))
		require.Nil(d.t, e)
		_, e = d.signedIn("bob", c, f.assert(d.t, c.Options, claim{}))
		return e == nil
	}, nil},
	{"a challenge is answered an hour later", "challenge-time=2h", func(d *desk, f *forger) bool {
		c := d.signingIn()
		d.wait(time.Hour)
		_, e := d.signedIn("bob", c, f.assert(d.t, c.Options, claim{}))
		return e == nil
	}, nil},
	{"a clone of the key is used after the key", "count-regress", func(d *desk, f *forger) bool {
		clone := *f
		for range 2 {
			c := d.signingIn()
			_, e := d.signedIn("bob", c, f.assert(d.t, c.Options, claim{}))
			require.Nil(d.t, e)
		}
		c := d.signingIn()
		_, e := d.signedIn("bob", c, clone.assert(d.t, c.Options, claim{}))
		return e == nil
	}, nil},
	{"a key is enrolled by who found it", "uv-flag", enrolledUnproven, []string{"user-verification=required"}},
	{"a key is enrolled that says nothing of its model", "attestation-trust", enrolledUnproven, []string{"attestation=direct"}},
}

// enrolledUnproven enrols a key that proves neither its user nor its model.
func enrolledUnproven(d *desk, f *forger) bool {
	c := d.enrolling()
	_, e := d.enrolled("bob", c, f.create(d.t, c.Options, claim{}))
	return e == nil
}

func TestSecurityKeyAttacks(t *testing.T) {
	for _, a := range keyAttacks {
		t.Run(a.name, func(t *testing.T) {
			at := func(settings ...string) (*desk, *forger) {
				d, f := newDesk(t, settings...), newForger(t, 1)
				if a.settings == nil {
					f, _ = d.bobsKey(1)
				}
				return d, f
			}
			sound, f := at(a.settings...)
			require.False(t, a.succeeds(sound, f), "the rules let it through")
			weak, f := at(append(a.settings, a.weakness)...)
			require.True(t, a.succeeds(weak, f), "the weakness %q makes no difference", a.weakness)
		})
	}
}

// Attestation is judged where it is asked for. What the lab's keys attest is tested where they are.
func TestAttestationIsAskedFor(t *testing.T) {
	root := func(sim.Chance) ([]byte, error) { return testRoot, nil }
	s := iam.Defaults()
	for _, x := range []string{"rp-id=" + signinRP, "rp-origin=" + signinPage, "attestation=direct"} {
		require.NoError(t, s.Set(x))
	}
	try := func(root func(sim.Chance) ([]byte, error), c claim) *iam.Error {
		t.Helper()
		d := newDesk(t)
		var err error
		d.service, err = iam.New(t.Context(), iam.Config{Store: memory.New(), Settings: s, Root: root}, d.now)
		require.NoError(t, err)
		d.must("CreateUser", "UserName", "bob")
		result, e := d.signin("BeginSecurityKeyEnrolment", "UserName", "bob", "SecurityKeyName", "blue")
		if e != nil {
			return e
		}
		asked := result.(*iam.Ceremony)
		require.Contains(t, string(asked.Options), `"attestation":"direct"`)
		_, e = d.enrolled("bob", asked, newForger(t, 1).create(t, asked.Options, c))
		return e
	}
	require.Equal(t, []string{"attestation-trust", "WebAuthn, Section 7.1, step 21"},
		[]string{try(root, claim{}).Rule, try(root, claim{}).Section}, "none is not what was asked for")
	require.Equal(t, "ServiceFailure", try(nil, claim{}).Code, "there is no root")
	require.NoError(t, s.Set("attestation-trust"))
	require.Equal(t, []string{"attestation-trust"}, s.Weakened())
	require.Nil(t, try(root, claim{}), "it is weakened on purpose")
	require.Nil(t, try(nil, claim{}))
	require.NoError(t, s.Set("attestation-trust=off"))
	require.Equal(t, "ServiceFailure", try(func(sim.Chance) ([]byte, error) { return []byte("no certificate"), nil }, claim{}).Code)
}

// A key that has to verify its user and does not say so is refused, unless the lab is weakened.
func TestVerificationIsAskedFor(t *testing.T) {
	for _, weakness := range []string{"uv-flag=off", "uv-flag=on"} {
		d, f := newDesk(t, "user-verification=required", weakness), newForger(t, 1)
		weak := len(d.service.Settings().Weakened()) > 0
		c := d.enrolling()
		_, e := d.enrolled("bob", c, f.create(t, c.Options, claim{}))
		require.Equal(t, weak, e == nil, "%v", e)
		if !weak {
			require.Equal(t, "user-verification", e.Rule)
			c = d.enrolling()
			_, e = d.enrolled("bob", c, f.create(t, c.Options, claim{flags: 0x45}))
			require.Nil(t, e)
		}
		c = d.signingIn()
		_, e = d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		require.Equal(t, weak, e == nil, "%v", e)
	}
}

// testRoot is a certificate that signs nothing.
var testRoot = func() []byte {
	key, err := ecdsa.ParseRawPrivateKey(ecdsaCurve, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: opening.AddDate(50, 0, 0)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), unseeded{key})
	if err != nil {
		panic(err)
	}
	return der
}()

// unseeded signs without randomness.
type unseeded struct{ *ecdsa.PrivateKey }

func (u unseeded) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return u.PrivateKey.Sign(nil, digest, opts)
}

// Whatever a client sends, it is refused as a client's fault, and nobody has a key or a session from it.
func FuzzSecurityKeyAnswers(f *testing.F) {
	d := newDesk(f)
	forged, _ := d.bobsKey(1)
	good, c := newForger(f, 2), d.enrolling()
	f.Add(good.create(f, c.Options, claim{}), true)
	f.Add(forged.assert(f, d.signingIn().Options, claim{}), false)
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`, true)
	f.Add("null", false)
	f.Fuzz(func(t *testing.T, answer string, enrolment bool) {
		d := newDesk(t, "challenge-time=1s")
		_, serial := d.bobsKey(1)
		c := d.signingIn()
		if enrolment {
			c = d.enrolling()
		}
		before := d.dump()
		var e *iam.Error
		if enrolment {
			_, e = d.enrolled("bob", c, answer)
		} else {
			_, e = d.signedIn("bob", c, answer)
		}
		require.NotNil(t, e, "the challenge is another in each run")
		require.NotEqual(t, "ServiceFailure", e.Code)
		after := d.dump()
		delete(before, "ceremony "+ceremonyKey(t, c.ID, before))
		if len(after) == len(before)+1 { // it was no answer at all
			return
		}
		require.Equal(t, before, after)
		require.Equal(t, []string{serial}, fields(d.must("ListMFADevices", "UserName", "bob"), "SerialNumber"))
	})
}

func ceremonyKey(t *testing.T, id string, records map[string]string) string {
	for name, value := range records {
		var c struct{ ID, UserID string }
		if len(name) > 9 && name[:9] == "ceremony " && json.Unmarshal([]byte(value), &c) == nil && c.ID == id {
			return name[9:]
		}
	}
	require.Fail(t, "the ceremony is not in the store")
	return ""
}
