package u2f

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// platform is what sits at the host's end of authenticatorClientPIN.
type platform struct {
	t      testing.TB
	k      *Key
	flash  Flash
	now    time.Time
	p      pinuv.Protocol
	random io.Reader
	last   []byte // a token
	events []Event
}

// refusing is a flash whose writes to one record fail, without having happened.
type refusing struct {
	*flash.Memory
	name string
}

func (f *refusing) Put(name string, value []byte) error {
	if name == f.name {
		return errors.New("refused")
	}
	return f.Memory.Put(name, value)
}

// newPlatform returns a platform with a key of the named profile, powered up.
func newPlatform(t testing.TB, profile string, change ...func(*Profile)) *platform {
	p, err := ProfileNamed(profile)
	require.NoError(t, err)
	for _, c := range change {
		c(&p)
	}
	return newPlatformOn(t, p, &refusing{Memory: &flash.Memory{}})
}

// newPlatformOn is like newPlatform with a flash that may hold something.
func newPlatformOn(t testing.TB, p Profile, f Flash) *platform {
	h := &platform{t: t, flash: f, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), p: pinuv.One}
	if len(p.PINUVAuthProtocols) > 0 {
		h.p = pinuv.Protocol(p.PINUVAuthProtocols[0])
	}
	d := newDRBG([]byte("platform"))
	h.random = &d
	var err error
	h.k, err = New(Config{Profile: p, Flash: h.flash, Observe: func(e Event) { h.events = append(h.events, e) }})
	require.NoError(t, err)
	h.powerCycle()
	return h
}

func (h *platform) powerCycle() {
	h.k.PowerDown(h.now)
	require.NoError(h.t, h.k.PowerUp(h.now, bytes.Repeat([]byte{7}, 32)))
}

// cbor sends a request and returns the answer.
func (h *platform) cbor(cmd byte, params []byte) (ctap.Status, []byte) {
	h.k.CBOR(h.now, 1, append([]byte{cmd}, params...))
	reply, ok := h.k.Reply(h.now)
	require.True(h.t, ok)
	return ctap.Status(reply[0]), slices.Clone(reply[1:])
}

func (h *platform) send(r ctap.ClientPINRequest) (ctap.ClientPINResponse, ctap.Status) {
	status, body := h.cbor(cmdClientPIN, r.Append(nil))
	if status != ctap.OK {
		require.Empty(h.t, body)
		return ctap.ClientPINResponse{}, status
	}
	if len(body) > 0 {
		require.NoError(h.t, ctap.CheckCanonical(body))
	}
	response, err := ctap.ParseClientPINResponse(body)
	require.NoError(h.t, err)
	return response, ctap.OK
}

// agree fetches the key's key agreement key and returns a request that holds the platform's, and the secret.
func (h *platform) agree(s ctap.ClientPINSubcommand) (ctap.ClientPINRequest, *pinuv.Secret) {
	response, status := h.send(ctap.ClientPINRequest{Protocol: new(uint64(h.p)), Subcommand: ctap.GetKeyAgreement})
	require.Equal(h.t, ctap.OK, status)
	public, secret, err := h.p.Encapsulate(h.random, response.KeyAgreement)
	require.NoError(h.t, err)
	return ctap.ClientPINRequest{Protocol: new(uint64(h.p)), Subcommand: s, KeyAgreement: public}, secret
}

func (h *platform) encrypt(secret *pinuv.Secret, plaintext []byte) []byte {
	out, err := secret.Encrypt(h.random, plaintext)
	require.NoError(h.t, err)
	return out
}

func padded(pin string) []byte { return append([]byte(pin), make([]byte, 64-len(pin))...) }

func pinHash(pin string) []byte {
	sum := sha256.Sum256([]byte(pin))
	return sum[:16]
}

// setPINRequest returns a good setPIN for plaintext, the padded PIN.
func (h *platform) setPINRequest(plaintext []byte) ctap.ClientPINRequest {
	r, secret := h.agree(ctap.SetPIN)
	r.NewPINEnc = h.encrypt(secret, plaintext)
	r.UVAuthParam = secret.Authenticate(r.NewPINEnc)
	return r
}

func (h *platform) setPIN(pin string) ctap.Status {
	_, status := h.send(h.setPINRequest(padded(pin)))
	return status
}

// changePINRequest returns a good changePIN for plaintext, the padded new PIN.
func (h *platform) changePINRequest(old string, plaintext []byte) ctap.ClientPINRequest {
	r, secret := h.agree(ctap.ChangePIN)
	r.NewPINEnc = h.encrypt(secret, plaintext)
	r.PINHashEnc = h.encrypt(secret, pinHash(old))
	r.UVAuthParam = secret.Authenticate(slices.Concat(r.NewPINEnc, r.PINHashEnc))
	return r
}

func (h *platform) changePIN(old, pin string) ctap.Status {
	_, status := h.send(h.changePINRequest(old, padded(pin)))
	return status
}

// tokenRequest returns a good request of a token, with permissions where there are any.
func (h *platform) tokenRequest(pin string, permissions ctap.Permissions, rpID string) (ctap.ClientPINRequest, *pinuv.Secret) {
	s := ctap.GetPINToken
	if permissions != 0 {
		s = ctap.GetPINUVAuthTokenUsingPINWithPermissions
	}
	r, secret := h.agree(s)
	r.PINHashEnc = h.encrypt(secret, pinHash(pin))
	if permissions != 0 {
		r.Permissions, r.RPID = &permissions, &rpID
	}
	return r, secret
}

func (h *platform) token(pin string, permissions ctap.Permissions, rpID string) ([]byte, ctap.Status) {
	r, secret := h.tokenRequest(pin, permissions, rpID)
	response, status := h.send(r)
	if status != ctap.OK {
		return nil, status
	}
	token, err := secret.Decrypt(response.UVAuthToken)
	require.NoError(h.t, err)
	require.Len(h.t, token, 32)
	return token, ctap.OK
}

// retries returns what getPINRetries says.
func (h *platform) retries() (left uint64, powerCycle bool) {
	response, status := h.send(ctap.ClientPINRequest{Subcommand: ctap.GetPINRetries})
	require.Equal(h.t, ctap.OK, status)
	require.NotNil(h.t, response.PINRetries)
	return *response.PINRetries, response.PowerCycleState != nil && *response.PowerCycleState
}

// snapshot returns everything that is in flash.
func snapshot(t testing.TB, f Flash) map[string]string {
	names, err := f.Names("")
	require.NoError(t, err)
	out := map[string]string{}
	for _, name := range names {
		value, err := f.Get(name)
		require.NoError(t, err)
		out[name] = string(value)
	}
	return out
}

const (
	goodPIN  = "1234"
	wrongPIN = "4321"
)

// offCurve is a COSE_Key whose point is not on P-256.
func offCurve(t testing.TB) []byte {
	a, err := pinuv.NewKeyAgreement(bytes.NewReader(bytes.Repeat([]byte{5}, 32)))
	require.NoError(t, err)
	b := bytes.Clone(a.PublicKey())
	b[len(b)-1] ^= 1
	return b
}

// signingKey is a COSE_Key for signatures, which is none for key agreement.
func signingKey(t testing.TB) []byte {
	k, err := cose.NewPrivateKey(cose.ES256, bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	return k.AppendPublicKey(nil)
}

// mint makes a credential that nothing is stored of.
func (h *platform) mint(c credential) credential {
	c, err := h.k.newCredential(c)
	require.NoError(h.t, err)
	return c
}
