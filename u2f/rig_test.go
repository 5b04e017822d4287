package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// rig is a key on the bench: with its flash, the time, and what it has said.
type rig struct {
	t      testing.TB
	key    *u2f.Key
	flash  u2f.Flash
	now    time.Time
	events []u2f.Event
}

const (
	channel   = 1
	rpID      = "example.org"
	pin       = "1234"
	makeCmd   = 0x01
	getCmd    = 0x02
	infoCmd   = 0x04
	pinCmd    = 0x06
	resetCmd  = 0x07
	nextCmd   = 0x08
	selectCmd = 0x0b
	blobsCmd  = 0x0c
	configCmd = 0x0d
)

var (
	clientDataHash = bytes.Repeat([]byte{0xcd}, 32)
	entropy        = bytes.Repeat([]byte{0x5e}, 32)
	epoch          = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
)

// newRig powers up a key of the profile called name, changed by change, that is touched at once.
func newRig(t testing.TB, name string, change func(*u2f.Profile)) *rig {
	t.Helper()
	p, err := u2f.ProfileNamed(name)
	require.NoError(t, err)
	if change != nil {
		change(&p)
	}
	return newRigOn(t, p, &flash.Memory{})
}

func newRigOn(t testing.TB, p u2f.Profile, f u2f.Flash) *rig {
	t.Helper()
	r := &rig{t: t, flash: f, now: epoch}
	var err error
	r.key, err = u2f.New(u2f.Config{Profile: p, Flash: f, Observe: func(e u2f.Event) { r.events = append(r.events, e) }})
	require.NoError(t, err)
	require.NoError(t, r.key.PowerUp(r.now, entropy))
	r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto})
	return r
}

// send hands the key a request and returns its answer, waiting included.
func (r *rig) send(cmd byte, params []byte) ([]byte, error) { return r.sendOn(channel, cmd, params) }

func (r *rig) sendOn(channel uint32, cmd byte, params []byte) ([]byte, error) {
	r.key.CBOR(r.now, channel, append([]byte{cmd}, params...))
	return r.reply()
}

// reply returns the answer to the last request, letting the time pass that it takes.
func (r *rig) reply() ([]byte, error) {
	r.t.Helper()
	for range 3 {
		if reply, ok := r.key.Reply(r.now); ok {
			require.NotEmpty(r.t, reply)
			if reply[0] != 0 {
				require.Len(r.t, reply, 1, "an error has no body")
				return nil, ctap.Status(reply[0])
			}
			require.LessOrEqual(r.t, len(reply), r.key.Profile().MaxMsgSize)
			return slices.Clone(reply[1:]), nil
		}
		if wake := r.key.Wake(); wake.After(r.now) {
			r.now = wake
		}
	}
	require.FailNow(r.t, "the key never answers")
	return nil, nil
}

// begin hands the key a request that must wait for the user.
func (r *rig) begin(cmd byte, params []byte) {
	r.t.Helper()
	r.key.CBOR(r.now, channel, append([]byte{cmd}, params...))
	_, ok := r.key.Reply(r.now)
	require.False(r.t, ok, "the key answers before it is touched")
	require.Equal(r.t, byte(2), r.key.Status(r.now))
}

// manual makes the key wait.
func (r *rig) manual() { r.key.SetPresence(r.now, u2f.Presence{}) }

// making returns a request for a credential, changed by change.
func making(change func(*ctap.MakeCredentialRequest)) []byte {
	m := ctap.MakeCredentialRequest{ClientDataHash: clientDataHash, RP: ctap.RelyingParty{ID: rpID, Name: "Example"},
		User:   ctap.User{ID: []byte("u1"), Name: "alice", DisplayName: "Alice"},
		Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(cose.ES256)}}}
	if change != nil {
		change(&m)
	}
	return m.Append(nil)
}

// asking returns a request for an assertion, changed by change.
func asking(change func(*ctap.GetAssertionRequest)) []byte {
	g := ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: clientDataHash}
	if change != nil {
		change(&g)
	}
	return g.Append(nil)
}

func allow(ids ...[]byte) func(*ctap.GetAssertionRequest) {
	return func(g *ctap.GetAssertionRequest) {
		for _, id := range ids {
			g.AllowList = append(g.AllowList, ctap.Descriptor{Type: ctap.PublicKey, ID: id})
		}
	}
}

func resident(user string) func(*ctap.MakeCredentialRequest) {
	return func(m *ctap.MakeCredentialRequest) {
		m.User.ID, m.Options.RK = []byte(user), ctap.True
	}
}

func protect(level uint64) func(*ctap.MakeCredentialRequest) {
	return func(m *ctap.MakeCredentialRequest) {
		m.Extensions = append(m.Extensions, ctap.Extension{Name: "credProtect", Value: ctap.EncodeUint(level)})
	}
}

func withToken(token []byte) func(*ctap.MakeCredentialRequest) {
	return func(m *ctap.MakeCredentialRequest) {
		m.UVAuthParam, m.Protocol = pinuv.Two.Authenticate(token, m.ClientDataHash), new(uint64(2))
	}
}

func askWithToken(token []byte) func(*ctap.GetAssertionRequest) {
	return func(g *ctap.GetAssertionRequest) {
		g.UVAuthParam, g.Protocol = pinuv.Two.Authenticate(token, g.ClientDataHash), new(uint64(2))
	}
}

func all[T any](changes ...func(*T)) func(*T) {
	return func(v *T) {
		for _, change := range changes {
			change(v)
		}
	}
}

// made is a credential as the platform sees it.
type made struct {
	ctap.MakeCredentialResponse
	auth ctap.AuthData
}

func (r *rig) make(change ...func(*ctap.MakeCredentialRequest)) made {
	r.t.Helper()
	body, err := r.send(makeCmd, making(all(change...)))
	require.NoError(r.t, err)
	requireCanonical(r.t, body)
	m, err := ctap.ParseMakeCredentialResponse(body)
	require.NoError(r.t, err)
	auth, err := ctap.ParseAuthData(m.AuthData)
	require.NoError(r.t, err)
	return made{m, auth}
}

// got is an assertion as the platform sees it.
type got struct {
	ctap.GetAssertionResponse
	auth ctap.AuthData
}

func (r *rig) get(change ...func(*ctap.GetAssertionRequest)) got {
	r.t.Helper()
	body, err := r.send(getCmd, asking(all(change...)))
	require.NoError(r.t, err)
	return r.parse(body)
}

func (r *rig) next() got {
	r.t.Helper()
	body, err := r.send(nextCmd, nil)
	require.NoError(r.t, err)
	return r.parse(body)
}

func (r *rig) parse(body []byte) got {
	r.t.Helper()
	requireCanonical(r.t, body)
	g, err := ctap.ParseGetAssertionResponse(body)
	require.NoError(r.t, err)
	auth, err := ctap.ParseAuthData(g.AuthData)
	require.NoError(r.t, err)
	return got{g, auth}
}

// requireSigned checks an assertion with the public key of the credential.
func requireSigned(t testing.TB, m made, g got) {
	t.Helper()
	alg, public, err := cose.ParsePublicKey(m.auth.PublicKey)
	require.NoError(t, err)
	require.True(t, cose.Verify(alg, public, slices.Concat(g.AuthData, clientDataHash), g.Signature))
	require.Equal(t, sha256.Sum256([]byte(rpID)), g.auth.RPIDHash)
}

// contents returns what is in flash.
func (r *rig) contents() map[string]string {
	r.t.Helper()
	names, err := r.flash.Names("")
	require.NoError(r.t, err)
	all := map[string]string{}
	for _, name := range names {
		value, err := r.flash.Get(name)
		require.NoError(r.t, err)
		all[name] = string(value)
	}
	return all
}

// said returns what the key has said since the last call.
func (r *rig) said() (names []string) {
	for _, e := range r.events {
		names = append(names, e.Name)
	}
	r.events = nil
	return names
}

// secret agrees on keys with the authenticator. See Section 6.5.5.4.
func (r *rig) secret(p pinuv.Protocol) (public []byte, s *pinuv.Secret) {
	r.t.Helper()
	out := r.clientPIN(p, ctap.ClientPINRequest{Subcommand: ctap.GetKeyAgreement})
	public, s, err := p.Encapsulate(bytes.NewReader(bytes.Repeat([]byte{7, 9, 1}, 100)), out.KeyAgreement)
	require.NoError(r.t, err)
	return public, s
}

func (r *rig) clientPIN(p pinuv.Protocol, in ctap.ClientPINRequest) ctap.ClientPINResponse {
	r.t.Helper()
	in.Protocol = new(uint64(p))
	body, err := r.send(pinCmd, in.Append(nil))
	require.NoError(r.t, err)
	out, err := ctap.ParseClientPINResponse(body)
	require.NoError(r.t, err)
	return out
}

// setPIN sets the first PIN. See Section 6.5.5.5.
func (r *rig) setPIN() { r.setPINWith(pinuv.Two) }

func (r *rig) setPINWith(p pinuv.Protocol) {
	r.t.Helper()
	public, s := r.secret(p)
	enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), append([]byte(pin), make([]byte, 64-len(pin))...))
	require.NoError(r.t, err)
	r.clientPIN(p, ctap.ClientPINRequest{Subcommand: ctap.SetPIN, KeyAgreement: public, NewPINEnc: enc,
		UVAuthParam: s.Authenticate(enc)})
}

// token fetches a pinUvAuthToken. See Section 6.5.5.7.2.
func (r *rig) token(permissions ctap.Permissions) []byte {
	r.t.Helper()
	public, s := r.secret(pinuv.Two)
	hash := sha256.Sum256([]byte(pin))
	enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), hash[:16])
	require.NoError(r.t, err)
	out := r.clientPIN(pinuv.Two, ctap.ClientPINRequest{Subcommand: ctap.GetPINUVAuthTokenUsingPINWithPermissions,
		KeyAgreement: public, PINHashEnc: enc, Permissions: &permissions, RPID: new(string(rpID))})
	token, err := s.Decrypt(out.UVAuthToken)
	require.NoError(r.t, err)
	return token
}

// requireCanonical checks an answer with two readers that share no code.
func requireCanonical(t testing.TB, body []byte) {
	t.Helper()
	require.NoError(t, ctap.CheckCanonical(body), "%x", body)
	var v any
	require.NoError(t, decoder.Unmarshal(body, &v))
	again, err := encoder.Marshal(v)
	require.NoError(t, err)
	require.Equal(t, again, body)
}
