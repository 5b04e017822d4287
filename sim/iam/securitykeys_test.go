package iam_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

const (
	signinPage = "https://signin.example.test"
	signinRP   = "example.test"
)

// A forger holds a credential's private key and says whatever it likes. It shares no code with the lab's keys and client.
type forger struct {
	key   *ecdsa.PrivateKey
	id    []byte
	count uint32
	// silent counts nothing: WebAuthn, Section 6.1.1, allows it.
	silent bool
}

func newForger(t testing.TB, seed byte) *forger {
	secret := make([]byte, 32)
	secret[31] = seed
	key, err := ecdsa.ParseRawPrivateKey(ecdsaCurve, secret)
	require.NoError(t, err)
	return &forger{key: key, id: []byte{seed, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}
}

// A claim is what an answer says. A zero one is filled with what is true.
type claim struct {
	kind, challenge, origin, rp string
	extra                       string // more of the client data
	flags                       byte
	count                       uint32
	alg                         int64
	format                      string
	statement                   any
	signature, handle, rawID    []byte
	edit                        func(answer map[string]any)
}

// b64 is base64url without padding.
func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// challengeIn returns the challenge of options.
func challengeIn(t testing.TB, options []byte) string {
	var o struct{ Challenge string }
	require.NoError(t, json.Unmarshal(options, &o))
	require.NotEmpty(t, o.Challenge)
	return o.Challenge
}

func (c claim) or(kind string, flags byte) claim {
	for field, value := range map[*string]string{&c.kind: kind, &c.origin: signinPage, &c.rp: signinRP, &c.format: "none"} {
		if *field == "" {
			*field = value
		}
	}
	if c.flags == 0 {
		c.flags = flags
	}
	if c.alg == 0 {
		c.alg = -7
	}
	if c.statement == nil {
		c.statement = map[string]any{}
	}
	return c
}

func (c claim) clientData() []byte {
	return []byte(`{"type":"` + c.kind + `","challenge":"` + c.challenge + `","origin":"` + c.origin + `","crossOrigin":false` + c.extra + `}`)
}

func (c claim) authData() []byte {
	hash := sha256.Sum256([]byte(c.rp))
	return binary.BigEndian.AppendUint32(append(hash[:], c.flags), c.count)
}

func encode(t testing.TB, v any) []byte {
	b, err := cbor.Marshal(v)
	require.NoError(t, err)
	return b
}

// create answers options for a new credential.
func (f *forger) create(t testing.TB, options []byte, c claim) string {
	c = c.or("webauthn.create", 0x41)
	if c.challenge == "" {
		c.challenge = challengeIn(t, options)
	}
	point, err := f.key.PublicKey.Bytes()
	require.NoError(t, err)
	public := encode(t, map[int]any{1: 2, 3: c.alg, -1: 1, -2: point[1:33], -3: point[33:]})
	data := append(c.authData(), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(f.id)))
	data = append(append(data, f.id...), public...)
	object := encode(t, map[string]any{"fmt": c.format, "attStmt": c.statement, "authData": data})
	return f.answer(t, c, map[string]any{"clientDataJSON": b64(c.clientData()), "attestationObject": b64(object)})
}

// assert answers options for a signature.
func (f *forger) assert(t testing.TB, options []byte, c claim) string {
	c = c.or("webauthn.get", 0x01)
	if c.challenge == "" {
		c.challenge = challengeIn(t, options)
	}
	if c.count == 0 && !f.silent {
		f.count++
		c.count = f.count
	}
	data, client := c.authData(), c.clientData()
	if c.signature == nil {
		hash := sha256.Sum256(client)
		digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
		var err error
		c.signature, err = f.key.Sign(nil, digest[:], sha256Hash)
		require.NoError(t, err)
	}
	response := map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(c.signature)}
	if c.handle != nil {
		response["userHandle"] = b64(c.handle)
	}
	return f.answer(t, c, response)
}

func (f *forger) answer(t testing.TB, c claim, response map[string]any) string {
	id := f.id
	if c.rawID != nil {
		id = c.rawID
	}
	answer := map[string]any{"id": b64(id), "rawId": b64(id), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}}
	if c.edit != nil {
		c.edit(answer)
	}
	b, err := json.Marshal(answer)
	require.NoError(t, err)
	return string(b)
}

// A desk is a clerk's at which people enrol security keys.
type desk struct {
	*clerk
	mu    sync.Mutex // several people may be at the desk
	heard []iam.Decision
}

// newDesk returns a desk with the users bob and eve.
func newDesk(t testing.TB, settings ...string) *desk {
	d := &desk{clerk: &clerk{t: t, store: memory.New(), now: opening,
		caller: iam.Caller{UserID: iam.Root, ARN: "arn:aws:iam::123456789012:root"}}}
	t.Cleanup(func() { _ = d.store.Close() })
	s := iam.Defaults()
	for _, x := range append([]string{"rp-id=" + signinRP, "rp-origin=" + signinPage}, settings...) {
		require.NoError(t, s.Set(x))
	}
	var err error
	d.service, err = iam.New(t.Context(), iam.Config{Store: d.store, Chance: sim.NewChance([]byte("desk")), Settings: s,
		Root: func(sim.Chance) ([]byte, error) { return testRoot, nil },
		Record: func(x iam.Decision) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.heard = append(d.heard, x)
		}}, d.now)
	require.NoError(t, err)
	d.must("CreateUser", "UserName", "bob")
	d.must("CreateUser", "UserName", "eve")
	return d
}

// signin calls one of the console's operations.
func (d *desk) signin(action string, params ...string) (any, *iam.Error) {
	result, err := d.service.Do(d.t.Context(), iam.Call{Service: "signin", Action: action, Params: url.Values(form(params...)),
		Caller: d.caller, Region: "us-east-1", Now: d.now, Wall: d.now})
	if err != nil {
		require.IsType(d.t, (*iam.Error)(nil), err)
		return nil, err.(*iam.Error)
	}
	return result, nil
}

func (d *desk) begin(action string, params ...string) *iam.Ceremony {
	d.t.Helper()
	result, e := d.signin(action, params...)
	require.Nil(d.t, e)
	return result.(*iam.Ceremony)
}

// enrolling begins the enrolment of bob's key, signingIn his sign-in.
func (d *desk) enrolling() *iam.Ceremony {
	d.t.Helper()
	return d.begin("BeginSecurityKeyEnrolment", "UserName", "bob", "SecurityKeyName", "blue")
}

func (d *desk) signingIn() *iam.Ceremony {
	d.t.Helper()
	return d.begin("BeginSecurityKeySignIn", "UserName", "bob")
}

// enrolled finishes an enrolment, signedIn a sign-in.
func (d *desk) enrolled(user string, c *iam.Ceremony, answer string) (string, *iam.Error) {
	result, e := d.signin("FinishSecurityKeyEnrolment", "UserName", user, "CeremonyId", c.ID, "Response", answer)
	if e != nil {
		return "", e
	}
	return result.(*iam.EnrolledKey).SerialNumber, nil
}

func (d *desk) signedIn(user string, c *iam.Ceremony, answer string) (*iam.ConsoleSession, *iam.Error) {
	result, e := d.signin("FinishSecurityKeySignIn", "UserName", user, "CeremonyId", c.ID, "Response", answer)
	if e != nil {
		return nil, e
	}
	return result.(*iam.ConsoleSession), nil
}

// bobsKey enrols a key for bob.
func (d *desk) bobsKey(seed byte) (*forger, string) {
	d.t.Helper()
	f, c := newForger(d.t, seed), d.enrolling()
	serial, e := d.enrolled("bob", c, f.create(d.t, c.Options, claim{}))
	require.Nil(d.t, e)
	return f, serial
}

func TestTheLifeOfASecurityKey(t *testing.T) {
	d := newDesk(t)
	f, serial := d.bobsKey(1)
	require.Regexp(t, `\Aarn:aws:iam::123456789012:u2f/user/bob/blue-[A-Z2-7]{26}\z`, serial)
	listed := d.must("ListMFADevices", "UserName", "bob")
	require.Equal(t, serial, field(listed, "SerialNumber"))
	require.Equal(t, "2026-02-17T09:44:55Z", field(listed, "EnableDate"))
	require.Equal(t, "bob", field(d.must("GetMFADevice", "SerialNumber", serial), "UserName"))
	require.Empty(t, fields(d.must("ListVirtualMFADevices"), "SerialNumber"))
	require.Contains(t, d.must("GetAccountSummary"), "<key>MFADevicesInUse</key><value>1</value>")

	for range 2 {
		c := d.signingIn()
		session, e := d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		require.Nil(t, e)
		secret, caller, err := d.service.Credential(t.Context(), session.AccessKeyID, session.SessionToken, d.now)
		require.NoError(t, err)
		require.Equal(t, session.SecretAccessKey, secret)
		require.True(t, caller.Session.MFA)
		require.Equal(t, serial, caller.Session.MFASerial)
		require.Equal(t, "bob", caller.UserName)
		require.Equal(t, d.now.Add(12*time.Hour), session.Expires)
		require.NotContains(t, session.String(), session.SecretAccessKey)
	}

	require.Equal(t, "DeleteConflict", d.refused("DeleteUser", "UserName", "bob").Code)
	d.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", serial)
	require.Empty(t, fields(d.must("ListMFADevices", "UserName", "bob"), "SerialNumber"))
	require.Equal(t, "NoSuchEntity", d.refused("GetMFADevice", "SerialNumber", serial).Code)
	_, e := d.signin("BeginSecurityKeySignIn", "UserName", "bob")
	require.Equal(t, "NoSuchEntity", e.Code)

	d.bobsKey(1) // the credential may come back: nobody has it
	d.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", field(d.must("ListMFADevices", "UserName", "bob"), "SerialNumber"))
	d.must("DeleteUser", "UserName", "bob")
}

func TestRootsSecurityKey(t *testing.T) {
	d := newDesk(t)
	f := newForger(t, 1)
	c := d.begin("BeginSecurityKeyEnrolment", "SecurityKeyName", "safe")
	result, e := d.signin("FinishSecurityKeyEnrolment", "CeremonyId", c.ID, "Response", f.create(t, c.Options, claim{}))
	require.Nil(t, e)
	require.Regexp(t, `\Aarn:aws:iam::123456789012:u2f/root/safe-[A-Z2-7]{26}\z`, result.(*iam.EnrolledKey).SerialNumber)
	c = d.begin("BeginSecurityKeySignIn")
	result, e = d.signin("FinishSecurityKeySignIn", "CeremonyId", c.ID, "Response", f.assert(t, c.Options, claim{handle: []byte("root")}))
	require.Nil(t, e)
	require.Equal(t, d.now.Add(time.Hour), result.(*iam.ConsoleSession).Expires)
}

func TestSecurityKeysCountAsDevices(t *testing.T) {
	d := newDesk(t, "devices-per-user=2")
	d.bobsKey(1)
	c := d.enrolling()
	d.bobsKey(2)
	_, e := d.signin("BeginSecurityKeyEnrolment", "UserName", "bob", "SecurityKeyName", "third")
	require.Equal(t, "LimitExceeded", e.Code)
	_, e = d.enrolled("bob", c, newForger(t, 3).create(t, c.Options, claim{}))
	require.Equal(t, "LimitExceeded", e.Code)
	require.Len(t, fields(d.must("ListMFADevices", "UserName", "bob"), "SerialNumber"), 2)
}

func TestASecurityKeyHasNoCodes(t *testing.T) {
	d := newDesk(t)
	_, serial := d.bobsKey(1)
	require.Equal(t, "InvalidAuthenticationCode", d.refused("ResyncMFADevice", "UserName", "bob", "SerialNumber", serial,
		"AuthenticationCode1", "123456", "AuthenticationCode2", "234567").Code)
	require.Equal(t, "EntityAlreadyExists", d.refused("EnableMFADevice", "UserName", "eve", "SerialNumber", serial,
		"AuthenticationCode1", "123456", "AuthenticationCode2", "234567").Code)
	require.Equal(t, "NoSuchEntity", d.refused("DeleteVirtualMFADevice", "SerialNumber", serial).Code)
	require.Equal(t, "InvalidInput", d.refused("TagMFADevice", "SerialNumber", serial, "Tags.member.1.Key", "k", "Tags.member.1.Value", "v").Code)
	bob := d.as("bob").caller
	_, err := d.service.Do(t.Context(), iam.Call{Service: "sts", Action: "GetSessionToken", Caller: bob, Now: d.now, Wall: d.now,
		Params: form("SerialNumber", serial, "TokenCode", "123456")})
	require.ErrorContains(t, err, "unable to validate MFA code.  Please verify")
}

func TestACeremonyIsForOneUserOneAnswerAndAWhile(t *testing.T) {
	d := newDesk(t)
	f, _ := d.bobsKey(1)
	unknown := func(e *iam.Error, rule string) {
		t.Helper()
		require.NotNil(t, e)
		require.Equal(t, []string{"AccessDenied", rule, "WebAuthn, Section 13.4.3"}, []string{e.Code, e.Rule, e.Section})
	}
	t.Run("one answer", func(t *testing.T) {
		c := d.signingIn()
		_, e := d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		require.Nil(t, e)
		_, e = d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		unknown(e, "challenge-reuse")
	})
	t.Run("one answer, though it was a bad one", func(t *testing.T) {
		c := d.signingIn()
		_, e := d.signedIn("bob", c, "{}")
		require.Equal(t, "form", e.Rule)
		_, e = d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		unknown(e, "challenge-reuse")
	})
	t.Run("one user", func(t *testing.T) {
		c := d.signingIn()
		_, e := d.signedIn("eve", c, f.assert(t, c.Options, claim{}))
		unknown(e, "challenge-reuse")
		_, e = d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		require.Nil(t, e)
	})
	t.Run("one purpose", func(t *testing.T) {
		c := d.signingIn()
		_, e := d.enrolled("bob", c, newForger(t, 9).create(t, c.Options, claim{}))
		unknown(e, "challenge-reuse")
		c = d.enrolling()
		_, e = d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		unknown(e, "challenge-reuse")
	})
	t.Run("a while", func(t *testing.T) {
		c := d.signingIn()
		d.wait(5*time.Minute - 1)
		late := d.signingIn()
		_, e := d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
		require.Nil(t, e)
		d.wait(5 * time.Minute)
		_, e = d.signedIn("bob", late, f.assert(t, late.Options, claim{}))
		unknown(e, "challenge-time")
	})
	t.Run("sixteen at a time", func(t *testing.T) {
		first := d.signingIn()
		d.wait(time.Second)
		for range 16 {
			d.signingIn()
		}
		_, e := d.signedIn("bob", first, f.assert(t, first.Options, claim{}))
		unknown(e, "challenge-reuse")
		kept := 0
		for name := range d.dump() {
			if strings.HasPrefix(name, "ceremony ") {
				kept++
			}
		}
		require.Equal(t, 16, kept)
	})
}

func TestSecurityKeysInTheRecord(t *testing.T) {
	d := newDesk(t)
	f, serial := d.bobsKey(1)
	c := d.signingIn()
	answer := f.assert(t, c.Options, claim{})
	_, e := d.signedIn("bob", c, answer)
	require.Nil(t, e)
	last := d.heard[len(d.heard)-1]
	require.Equal(t, []iam.Fact{{"UserName", "bob"}, {"CeremonyId", c.ID}, {"Response", "***"}}, last.Params)
	require.Equal(t, []iam.Fact{{"serial", serial}, {"count", int64(1)}, {"known", int64(0)}}, last.Facts)
	c = d.signingIn()
	_, e = d.signedIn("bob", c, f.assert(t, c.Options, claim{origin: "https://evil.test"}))
	require.Equal(t, "AccessDenied: MultiFactorAuthentication failed, the answer of the security key is not valid.", e.Error())
	last = d.heard[len(d.heard)-1]
	require.Equal(t, []string{"origin", "WebAuthn, Section 7.2, step 13"}, []string{last.Rule, last.Section})
}

func TestNoSecurityKeysOnTheWire(t *testing.T) {
	for _, name := range iam.Operations() {
		require.NotContains(t, name, "SecurityKey", "clients of AWS have no such operation")
	}
	require.Contains(t, iam.Operations(), "iam:ListMFADevices")
}

func TestTheSameSeedAsksTheSame(t *testing.T) {
	a, b := newDesk(t), newDesk(t)
	require.Equal(t, a.enrolling(), b.enrolling())
	a.bobsKey(1)
	b.bobsKey(1)
	again := a.signingIn()
	require.Equal(t, again, b.signingIn())
	require.NotEqual(t, again.Options, a.signingIn().Options)
	require.Equal(t, a.dump()["account account"], func() string { b.signingIn(); return b.dump()["account account"] }())
}

func TestASavedAccountKeepsItsSecurityKeys(t *testing.T) {
	d := newDesk(t)
	f, _ := d.bobsKey(1)
	c := d.signingIn()
	saved, err := d.service.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.service.Restore(t.Context(), nil, sim.NewChance(nil), d.now))
	require.NoError(t, d.service.Restore(t.Context(), saved, sim.NewChance(nil), d.now))
	_, e := d.signedIn("bob", c, f.assert(t, c.Options, claim{}))
	require.Nil(t, e)
}
