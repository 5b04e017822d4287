package u2f_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

const (
	otherRP  = "example.net"
	newPIN   = "567890"
	wrongPIN = "4321"
)

// A breaker is a flash whose power is cut where the replay wants it. What a key has done before that, in the same power
// cycle, is under power.
type breaker struct {
	medium flash.Medium
	cut    *flash.Cutting
	writes int // since arm
}

// arm cuts the power at the n-th write from now; 0 is no cut.
func (b *breaker) arm(n int, at flash.Cut) { b.cut, b.writes = flash.CutAfter(b.medium, n, at), 0 }

func (b *breaker) Get(name string) ([]byte, error)       { return b.cut.Get(name) }
func (b *breaker) Names(prefix string) ([]string, error) { return b.cut.Names(prefix) }

func (b *breaker) Put(name string, value []byte) error {
	b.writes++
	return b.cut.Put(name, value)
}

func (b *breaker) Delete(name string) error {
	b.writes++
	return b.cut.Delete(name)
}

// An order changes the order in which writes reach a flash. What it holds back is lost with the power.
type order func(u2f.Flash) u2f.Flash

// A host is a platform with a key in its socket, and the user beside it.
type host struct {
	*rig
	breaker *breaker
	order   order
	profile u2f.Profile
	world   world
	cycles  byte // how often the key was plugged in: each time the entropy is another

	permissions ctap.Permissions // of the next token; 0 are those for credentials

	deaf   bool   // to events
	told   bool   // the key has said, outside of an answer, that it is done
	floor  uint32 // the highest counter that went out, events included
	wrongs []string
}

func (h *host) wrong(format string, args ...any) {
	h.wrongs = append(h.wrongs, fmt.Sprintf(format, args...))
}

func newHost(t testing.TB, p u2f.Profile, m flash.Medium, o order) *host {
	h := &host{rig: &rig{t: t, now: epoch}, breaker: &breaker{medium: m}, order: o, profile: p,
		world: world{attempts: 8, uv: maxUV, sensor: p.Sensor.Templates > 0}}
	h.breaker.arm(0, 0)
	return h
}

// plug puts the key in, as after the loss of power: nothing is left of it but its flash.
func (h *host) plug() error {
	h.cycles++
	h.now = h.now.Add(time.Hour)
	h.flash = h.breaker
	if h.order != nil {
		h.flash = h.order(h.breaker)
	}
	key, err := u2f.New(u2f.Config{Profile: h.profile, Flash: h.flash, Observe: h.hear})
	require.NoError(h.t, err)
	h.key = key
	key.SetPresence(h.now, u2f.Presence{Mode: u2f.Auto})
	return key.PowerUp(h.now, bytes.Repeat([]byte{h.cycles}, 32))
}

// replug is plug where nothing may go wrong.
func (h *host) replug() {
	require.NoError(h.t, h.plug())
}

// hear notes what the key says while it has power.
func (h *host) hear(e u2f.Event) {
	if h.deaf || h.breaker.cut.Off() {
		return
	}
	switch e.Name {
	case u2f.Signed:
		h.floor = max(h.floor, e.Counter)
	case u2f.Configured, u2f.Registered, u2f.PINSet, u2f.PINWrong, u2f.WasReset, u2f.Verified, u2f.NotVerified, u2f.Enrolled, u2f.Removed:
		h.told = true
	}
}

// A message is a request, and what the world learns from the answer to it.
type message struct {
	ctap1 bool
	bytes []byte
	learn func(w *world, body []byte, err error)
	guess guess
	// direct is done to the key itself, by no host.
	direct func(k *u2f.Key) error
}

// A guess is the PIN that a message carries.
type guess int

const (
	noPIN guess = iota
	falsePIN
	rightPIN
	someFinger // instead of a PIN
)

// transmit sends m and returns whether an answer came that says that it is done; the world learns from it, unless the
// power was cut.
func (h *host) transmit(m message) (done bool) {
	body, err := h.exchange(m)
	if h.breaker.cut.Off() {
		return err == nil
	}
	m.learn(&h.world, body, err)
	h.floor = max(h.floor, h.world.counter)
	return err == nil
}

func (h *host) exchange(m message) ([]byte, error) {
	if m.direct != nil {
		return nil, m.direct(h.key)
	}
	if !m.ctap1 {
		return h.send(m.bytes[0], m.bytes[1:])
	}
	body, ok := h.apdu(m.bytes)
	if !ok {
		return nil, fmt.Errorf("a status word")
	}
	return body, nil
}

// must is transmit where nothing may go wrong.
func (h *host) must(m message) { require.True(h.t, h.transmit(m)) }

// apdu exchanges a U2F message; ok is whether it ends with 0x9000.
func (h *host) apdu(b []byte) (body []byte, ok bool) {
	h.key.APDU(h.now, channel, b)
	reply, there := h.key.Reply(h.now)
	require.True(h.t, there)
	end := len(reply) - 2
	return slices.Clone(reply[:end]), reply[end] == 0x90 && reply[end+1] == 0
}

// creating is authenticatorMakeCredential.
func (h *host) creating(rp, user string, rk bool, change ...func(*ctap.MakeCredentialRequest)) message {
	level := uint64(1)
	request := making(all(all(change...), func(m *ctap.MakeCredentialRequest) {
		m.RP.ID, m.User.ID = rp, []byte(user)
		if rk {
			m.Options.RK = ctap.True
		}
		for _, e := range m.Extensions {
			if e.Name == ctap.CredProtect {
				level = uint64(e.Value[0])
			}
		}
	}))
	return message{bytes: append([]byte{makeCmd}, request...), learn: func(w *world, body []byte, err error) {
		if err == nil {
			w.made(h, rp, user, level, rk, body)
		}
	}}
}

// signing is authenticatorGetAssertion.
func (h *host) signing(change ...func(*ctap.GetAssertionRequest)) message {
	return h.assertion(append([]byte{getCmd}, asking(all(change...))...))
}

// assertion is a message that is answered with one.
func (h *host) assertion(request []byte) message {
	return message{bytes: request, learn: func(w *world, body []byte, err error) {
		if err == nil {
			w.signed(h, body)
		}
	}}
}

// guessing is a subcommand of authenticatorClientPIN that carries a PIN to compare, and perhaps a new one.
func (h *host) guessing(p pinuv.Protocol, s ctap.ClientPINSubcommand, pin, replacement string) message {
	request, _ := h.pinRequest(p, s, pin, replacement, rpID)
	right := pin == h.world.pin
	m := message{bytes: request, guess: falsePIN, learn: func(w *world, _ []byte, err error) {
		w.guessed(right)
		if err == nil && replacement != "" {
			w.pin = replacement
		}
	}}
	if right {
		m.guess = rightPIN
	}
	return m
}

// settingPIN is the first PIN.
func (h *host) settingPIN() message {
	request, _ := h.pinRequest(h.protocol(), ctap.SetPIN, "", pin, "")
	return message{bytes: request, learn: func(w *world, _ []byte, err error) {
		if err == nil {
			w.pin, w.attempts = pin, 8 // the first PIN gives nothing back to the sensor, which knows no finger yet
		}
	}}
}

// protocol is the one that the key prefers, or 0.
func (h *host) protocol() pinuv.Protocol {
	if !h.hasPIN() {
		return 0
	}
	return pinuv.Protocol(h.profile.PINUVAuthProtocols[0])
}

// pinRequest is a subcommand with all that it needs.
func (h *host) pinRequest(p pinuv.Protocol, s ctap.ClientPINSubcommand, old, replacement, rp string) ([]byte, *pinuv.Secret) {
	public, secret := h.secret(p)
	in := ctap.ClientPINRequest{Protocol: new(uint64(p)), Subcommand: s, KeyAgreement: public}
	encrypt := func(b []byte) []byte {
		out, err := secret.Encrypt(bytes.NewReader(make([]byte, 16)), b)
		require.NoError(h.t, err)
		return out
	}
	if replacement != "" {
		in.NewPINEnc = encrypt(append([]byte(replacement), make([]byte, 64-len(replacement))...))
	}
	if old != "" {
		hash := sha256.Sum256([]byte(old))
		in.PINHashEnc = encrypt(hash[:16])
	}
	switch s {
	case ctap.SetPIN, ctap.ChangePIN:
		in.UVAuthParam = secret.Authenticate(slices.Concat(in.NewPINEnc, in.PINHashEnc))
	case ctap.GetPINUVAuthTokenUsingPINWithPermissions:
		in.Permissions, in.RPID = new(cmp.Or(h.permissions, ctap.PermissionMC|ctap.PermissionGA)), &rp
	}
	return append([]byte{pinCmd}, in.Append(nil)...), secret
}

// tokenSubcommand is how the key hands out tokens.
func (h *host) tokenSubcommand() ctap.ClientPINSubcommand {
	if h.profile.Permissions {
		return ctap.GetPINUVAuthTokenUsingPINWithPermissions
	}
	return ctap.GetPINToken
}

// fetchToken returns a token for rp, nil if the key refuses the PIN.
func (h *host) fetchToken(pin, rp string) []byte {
	request, secret := h.pinRequest(h.protocol(), h.tokenSubcommand(), pin, "", rp)
	body, err := h.send(request[0], request[1:])
	if err != nil {
		if err == ctap.ErrPINPolicyViolation { // it is right, and must be changed
			return []byte{}
		}
		require.Contains(h.t, []error{ctap.ErrPINInvalid, ctap.ErrPINBlocked}, err)
		return nil
	}
	out, err := ctap.ParseClientPINResponse(body)
	require.NoError(h.t, err)
	token, err := secret.Decrypt(out.UVAuthToken)
	require.NoError(h.t, err)
	return token
}

// verified fetches a token with the PIN, which is right; ok is false where the key looks at none any more.
func (h *host) verified(rp string) (token []byte, ok bool) {
	switch {
	case h.world.pin == "":
		return nil, true
	case h.world.blocked():
		return nil, false
	}
	token = h.fetchToken(h.world.pin, rp)
	require.NotNil(h.t, token)
	h.world.guessed(true)
	return token, true
}

// token puts what token says into a request for an assertion; nil says nothing.
func (h *host) token(token []byte) func(*ctap.GetAssertionRequest) {
	return func(g *ctap.GetAssertionRequest) {
		if token != nil {
			g.UVAuthParam = h.protocol().Authenticate(token, g.ClientDataHash)
			g.Protocol = new(uint64(h.protocol()))
		}
	}
}

// makingToken does likewise for a credential.
func (h *host) makingToken(token []byte) func(*ctap.MakeCredentialRequest) {
	return func(m *ctap.MakeCredentialRequest) {
		if token != nil {
			m.UVAuthParam = h.protocol().Authenticate(token, m.ClientDataHash)
			m.Protocol = new(uint64(h.protocol()))
		}
	}
}

func forRP(rp string) func(*ctap.GetAssertionRequest) {
	return func(g *ctap.GetAssertionRequest) { g.RPID = rp }
}

// registering is U2F_REGISTER. See U2F Raw Message Formats, Section 4.
func (h *host) registering(rp string) message {
	application := sha256.Sum256([]byte(rp))
	return message{ctap1: true, bytes: slices.Concat([]byte{0, 1, 0, 0, 64}, clientDataHash, application[:]),
		learn: func(w *world, body []byte, err error) {
			if err == nil {
				w.registered(h, rp, body)
			}
		}}
}

// authenticating is U2F_AUTHENTICATE with a control byte. See U2F Raw Message Formats, Section 5.
func authenticating(control byte, c issued) []byte {
	application := sha256.Sum256([]byte(c.rp))
	return slices.Concat([]byte{0, 2, control, 0, byte(65 + len(c.id))}, clientDataHash, application[:],
		[]byte{byte(len(c.id))}, c.id)
}
