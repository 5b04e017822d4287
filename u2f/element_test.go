package u2f

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// A chip is an element for tests: it hides what it seals, has ES256 alone, and can be put out of order.
type chip struct {
	name      string
	broken    error
	lockedOut bool
	counting  bool
	counter   uint32
	made      byte
	closed    int
}

// all returns the factory's batches.
func (f factory) all() []*attest.Batch { return []*attest.Batch{f.batch, f.u2fBatch, f.enterprise} }

const chipWrapped = 150

func (c *chip) Identity() (string, error)        { return c.name, c.broken }
func (c *chip) Algorithms() []cose.Algorithm     { return []cose.Algorithm{cose.ES256} }
func (c *chip) WrappedSize(a cose.Algorithm) int { return chipWrapped }
func (c *chip) Close() error                     { c.closed++; return nil }

func (c *chip) MakeKey(a cose.Algorithm, seed []byte) (*cose.PrivateKey, []byte, error) {
	c.made++
	wrapped := bytes.Repeat([]byte{c.made}, chipWrapped)
	key, err := c.OpenKey(a, seed, wrapped)
	return key, wrapped, err
}

func (c *chip) OpenKey(a cose.Algorithm, seed, wrapped []byte) (*cose.PrivateKey, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	return cose.NewPrivateKey(a, slices.Concat(seed, wrapped))
}

// KeepKey implements Element: the chip keeps what a test can tell from the key.
func (c *chip) KeepKey(key *cose.PrivateKey) ([]byte, error) {
	der, err := key.MarshalPKCS8()
	for i := range der {
		der[i] ^= 0x55
	}
	return append([]byte(c.name), der...), errors.Join(err, c.broken)
}

func (c *chip) OpenKept(kept []byte) (*cose.PrivateKey, error) {
	der := slices.Clone(kept[len(c.name):])
	for i := range der {
		der[i] ^= 0x55
	}
	return cose.ParsePKCS8(der)
}

func (c *chip) Seal(secret []byte) ([]byte, error) {
	sealed := slices.Clone(secret)
	for i := range sealed {
		sealed[i] ^= 0x55
	}
	return append([]byte(c.name), sealed...), c.broken
}

func (c *chip) Unseal(sealed []byte) ([]byte, error) {
	secret, _ := c.Seal(sealed[len(c.name):])
	return secret[len(c.name):], c.broken
}

func (c *chip) LockPIN(hash []byte) ([]byte, error) { return c.Seal(hash) }

func (c *chip) CheckPIN(locked, hash []byte) error {
	is, _ := c.Seal(hash)
	switch {
	case c.broken != nil:
		return c.broken
	case c.lockedOut:
		return ErrLockedOut
	case !bytes.Equal(is, locked):
		return ErrWrongPIN
	}
	return nil
}

func (c *chip) Counts() bool                 { return c.counting }
func (c *chip) MakeCounter() ([]byte, error) { return []byte("here"), c.broken }

func (c *chip) Count(place []byte, raise bool) (uint32, error) {
	if raise && c.broken == nil {
		c.counter++
	}
	return c.counter, c.broken
}

// newChipped returns a platform with a key whose element is a chip.
func newChipped(t testing.TB, c *chip, change ...func(*Profile)) *platform {
	h := newPlatform(t, DefaultProfile, change...)
	h.flash = &refusing{Memory: &flash.Memory{}}
	var err error
	h.k, err = New(Config{Profile: h.k.profile, Flash: h.flash, Element: c, Observe: func(e Event) { h.events = append(h.events, e) }})
	require.NoError(t, err)
	h.powerCycle()
	h.k.SetPresence(h.now, Presence{Mode: Auto})
	return h
}

// enrol makes a credential of an algorithm, and returns what authenticator data says of it.
func (h *platform) enrol(a cose.Algorithm, rk ctap.Option) (ctap.AuthData, ctap.Status) {
	r := ctap.MakeCredentialRequest{ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: "example.org"},
		User: ctap.User{ID: []byte("u"), Name: "u"}, Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(a)}}}
	r.Options.RK = rk
	status, body := h.cbor(cmdMakeCredential, r.Append(nil))
	if status != ctap.OK {
		return ctap.AuthData{}, status
	}
	m, err := ctap.ParseMakeCredentialResponse(body)
	require.NoError(h.t, err)
	data, err := ctap.ParseAuthData(m.AuthData)
	require.NoError(h.t, err)
	return data, status
}

// signedBy asks for an assertion with the credential, and checks it.
func (h *platform) signedBy(made ctap.AuthData) (ctap.AuthData, ctap.Status) {
	r := ctap.GetAssertionRequest{RPID: "example.org", ClientDataHash: make([]byte, 32),
		AllowList: []ctap.Descriptor{{Type: ctap.PublicKey, ID: made.CredentialID}}}
	status, body := h.cbor(cmdGetAssertion, r.Append(nil))
	if status != ctap.OK {
		return ctap.AuthData{}, status
	}
	g, err := ctap.ParseGetAssertionResponse(body)
	require.NoError(h.t, err)
	a, public, err := cose.ParsePublicKey(made.PublicKey)
	require.NoError(h.t, err)
	require.True(h.t, cose.Verify(a, public, slices.Concat(g.AuthData, r.ClientDataHash), g.Signature))
	data, err := ctap.ParseAuthData(g.AuthData)
	require.NoError(h.t, err)
	return data, status
}

func TestAKeyWithASecureElement(t *testing.T) {
	t.Run("credentials have the wrapped key in their ids, are found again, and belong to one relying party", func(t *testing.T) {
		h := newChipped(t, &chip{name: "chip 1"})
		for _, rk := range []ctap.Option{ctap.Absent, ctap.True} {
			made, status := h.enrol(cose.ES256, rk)
			require.Equal(t, ctap.OK, status)
			require.Len(t, made.CredentialID, wrappedStart+chipWrapped)
			h.powerCycle()
			h.k.SetPresence(h.now, Presence{Mode: Auto})
			_, status = h.signedBy(made)
			require.Equal(t, ctap.OK, status)
			for at := range made.CredentialID {
				changed := slices.Clone(made.CredentialID)
				changed[at] ^= 1
				_, found := h.k.findCredential(sha256Sum([]byte("example.org")), changed)
				require.False(t, found, at)
			}
			_, found := h.k.findCredential(sha256Sum([]byte("example.com")), made.CredentialID)
			require.False(t, found)
		}
		require.Equal(t, 1, h.k.Summary().Credentials)
	})
	t.Run("no secret lies in flash", func(t *testing.T) {
		h := newChipped(t, &chip{name: "chip 1"})
		require.Equal(t, ctap.OK, h.setPIN(goodPIN))
		for name, value := range snapshot(t, h.flash) {
			require.NotContains(t, value, string(h.k.master.secret[:]), name)
			require.NotContains(t, value, string(pinHash(goodPIN)), name)
		}
	})
	t.Run("nor does a private key that attests, which a key of before had there", func(t *testing.T) {
		h := newChipped(t, &chip{name: "chip 1"})
		root, err := attest.NewRoot([]byte("the root that everybody can look up"))
		require.NoError(t, err)
		h.k.root, h.k.serial = root, "E1"
		require.NoError(t, h.flash.Delete(recordFactory))
		h.powerCycle()
		made := factory{}
		made.batch, err = root.NewBatch(h.k.model())
		require.NoError(t, err)
		made.u2fBatch, err = root.NewU2FBatch(h.k.model())
		require.NoError(t, err)
		made.enterprise, err = root.NewEnterprise(h.k.model(), []byte("E1"))
		require.NoError(t, err)
		old := factoryRecord{AAGUID: h.k.profile.AAGUID[:]}
		hidden := func() {
			value, err := h.flash.Get(recordFactory)
			require.NoError(t, err)
			for _, b := range made.all() {
				der, err := b.Key().MarshalPKCS8()
				require.NoError(t, err)
				require.NotContains(t, string(value), string(b.Append(nil)[1:33]))
				require.NotContains(t, string(value), string(der[36:68]), "the scalar")
			}
			for i, b := range h.k.factory.all() {
				require.False(t, b.InClear())
				require.Equal(t, made.all()[i].Certificate(), b.Certificate())
			}
		}
		hidden()
		for record, of := range old.batches(&made) {
			*record = (*of).Append(nil)
		}
		value, err := cbor.Marshal(old)
		require.NoError(t, err)
		require.NoError(t, h.flash.Put(recordFactory, value))
		h.powerCycle()
		hidden()
		h.k.profile.Quirks.CertWithoutTransports = true
		plain, err := h.k.batch()
		require.NoError(t, err)
		require.False(t, plain.InClear())
	})
	t.Run("a reset makes new secrets in the same element", func(t *testing.T) {
		h := newChipped(t, &chip{name: "chip 1"})
		made, _ := h.enrol(cose.ES256, ctap.True)
		before := h.k.master.secret
		status, _ := h.cbor(cmdReset, nil)
		require.Equal(t, ctap.OK, status)
		h.powerCycle()
		require.NotEqual(t, before, h.k.master.secret)
		_, status = h.signedBy(made)
		require.Equal(t, ctap.ErrNoCredentials, status)
	})
}

func TestAlgorithmsOfASecureElement(t *testing.T) {
	algorithms := func(h *platform) any {
		for _, m := range h.k.Info() {
			if m.Name == "algorithms" {
				return m.Value
			}
		}
		return nil
	}
	h := newChipped(t, &chip{name: "chip 1"})
	_, status := h.enrol(cose.EdDSA, ctap.Absent)
	require.Equal(t, ctap.ErrUnsupportedAlgorithm, status)
	require.Len(t, algorithms(h), 1)
	require.Equal(t, wrappedStart+chipWrapped, h.k.maxCredentialID())

	h = newChipped(t, &chip{name: "chip 1"}, func(p *Profile) { p.ElementFallback = true })
	made, status := h.enrol(cose.EdDSA, ctap.Absent)
	require.Equal(t, ctap.OK, status)
	require.Len(t, made.CredentialID, credentialIDSize)
	require.Len(t, algorithms(h), len(cose.Algorithms()))
	_, status = h.signedBy(made)
	require.Equal(t, ctap.OK, status)

	k, err := New(Config{Profile: h.k.profile, Flash: &flash.Memory{}, Element: &chip{name: "chip 1"}})
	require.NoError(t, err)
	k.profile.Algorithms, k.profile.ElementFallback = []cose.Algorithm{cose.EdDSA}, false
	require.ErrorContains(t, k.PowerUp(h.now, make([]byte, 32)), "none of them")
}

func TestSecretsStayWithTheirElement(t *testing.T) {
	start := func(f Flash, e Element) error {
		p, err := ProfileNamed(DefaultProfile)
		require.NoError(t, err)
		k, err := New(Config{Profile: p, Flash: f, Element: e})
		require.NoError(t, err)
		return k.PowerUp(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), make([]byte, 32))
	}
	f := &flash.Memory{}
	require.NoError(t, start(f, &chip{name: "chip 1"}))
	before := snapshot(t, f)
	require.ErrorContains(t, start(f, &chip{name: "chip 2"}), `in "chip 1", and this is "chip 2"`)
	require.ErrorContains(t, start(f, nil), `in "chip 1"`)
	gone := &chip{name: "chip 1", broken: errors.New("gone")}
	require.ErrorContains(t, start(f, gone), "gone")
	require.Equal(t, 1, gone.closed)
	require.Equal(t, before, snapshot(t, f), "nothing is lost")
	require.NoError(t, start(f, &chip{name: "chip 1"}))

	inSoftware := &flash.Memory{}
	require.NoError(t, start(inSoftware, nil))
	require.ErrorContains(t, start(inSoftware, &chip{name: "chip 1"}), "cannot be moved")

	h := newChipped(t, &chip{name: "chip 1"})
	made, _ := h.enrol(cose.ES256, ctap.True)
	_, err := h.k.ExportCredentials()
	require.ErrorIs(t, err, errInside)
	_, err = h.k.ExportCredential("example.org", made.CredentialID)
	require.ErrorIs(t, err, errInside)
	require.ErrorIs(t, h.k.ImportCredentials(nil), errInside)
}

func TestPINsInASecureElement(t *testing.T) {
	c := &chip{name: "chip 1"}
	h := newChipped(t, c)
	require.Equal(t, ctap.OK, h.setPIN(goodPIN))
	h.powerCycle()
	ask := func(pin string) ctap.Status {
		_, status := h.token(pin, ctap.PermissionGA, "example.org")
		return status
	}
	require.Equal(t, ctap.OK, ask(goodPIN))
	require.Equal(t, ctap.ErrPINInvalid, ask(wrongPIN))
	c.lockedOut = true
	require.Equal(t, ctap.ErrPINAuthBlocked, ask(goodPIN))
	left, powerCycle := h.retries()
	require.Equal(t, uint64(7), left, "the element has not looked")
	require.True(t, powerCycle)
	c.lockedOut, c.broken = false, &ElementError{ctap.ErrOther, errors.New("gone")}
	require.Equal(t, ctap.ErrOther, ask(goodPIN))
	left, _ = h.retries()
	require.Equal(t, uint64(7), left)
	require.Equal(t, ElementFailed, h.events[len(h.events)-1].Name)
	require.Equal(t, "gone", h.events[len(h.events)-1].Why)
	c.broken = nil
	require.Equal(t, ctap.OK, h.changePIN(goodPIN, "567890"))
	require.Equal(t, ctap.OK, ask("567890"))
	left, _ = h.retries()
	require.Equal(t, uint64(8), left)
}

func TestACounterInASecureElement(t *testing.T) {
	c := &chip{name: "chip 1", counting: true}
	h := newChipped(t, c)
	made, _ := h.enrol(cose.ES256, ctap.Absent)
	old := snapshot(t, h.flash)
	data, _ := h.signedBy(made)
	require.Equal(t, uint32(1), data.Counter)
	require.Equal(t, old, snapshot(t, h.flash), "flash has no counter that could be taken back")
	require.Equal(t, hex.EncodeToString([]byte("here")), hex.EncodeToString([]byte(old[recordNV])))
	h.powerCycle()
	h.k.SetPresence(h.now, Presence{Mode: Auto})
	require.Equal(t, uint32(1), h.k.Summary().Counter)
	c.broken = &ElementError{ctap.ErrOther, errors.New("gone")}
	_, status := h.signedBy(made)
	require.Equal(t, ctap.ErrOther, status)
	c.broken = nil
	data, _ = h.signedBy(made)
	require.Equal(t, uint32(2), data.Counter)
}

func TestU2FWithASecureElement(t *testing.T) {
	h := newChipped(t, &chip{name: "chip 1"})
	h.k.SetPresence(h.now, Presence{})
	r := h.register()
	require.True(t, r.verify(application, challenge))
	require.Len(t, r.handle, wrappedStart+chipWrapped)
	h.powerCycle()
	answer := h.touched(authenticateAPDU(enforcePresence, application, r.handle))
	require.True(t, verifyAuthentication(t, r.point, application, challenge, answer))
}

// TestPowerCutsOfAKeyWithASecureElement loses power at every write of a key's first day. What it was then is what it is
// afterwards, or what it was about to be; it always starts.
func TestPowerCutsOfAKeyWithASecureElement(t *testing.T) {
	day := func(h *platform) (kept []ctap.AuthData) {
		if h.k.PowerUp(h.now, make([]byte, 32)) != nil {
			return nil
		}
		h.k.SetPresence(h.now, Presence{Mode: Auto})
		try := func(cmd byte, params []byte) []byte {
			h.k.CBOR(h.now, 1, append([]byte{cmd}, params...))
			reply, _ := h.k.Reply(h.now)
			if len(reply) == 0 || reply[0] != 0 {
				return nil
			}
			return slices.Clone(reply[1:])
		}
		try(cmdReset, nil)
		for _, user := range []string{"u1", "u2"} {
			r := ctap.MakeCredentialRequest{ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: "example.org"},
				User: ctap.User{ID: []byte(user), Name: user}, Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(cose.ES256)}}}
			r.Options.RK = ctap.True
			m, err := ctap.ParseMakeCredentialResponse(try(cmdMakeCredential, r.Append(nil)))
			if err != nil {
				continue
			}
			data, err := ctap.ParseAuthData(m.AuthData)
			require.NoError(t, err)
			kept = append(kept, data)
		}
		return kept
	}
	for n := 0; ; n++ {
		cut, how := 1+n/3, flash.Cut(n%3)
		c := &chip{name: "chip 1", counting: true}
		cutting := flash.CutAfter(&flash.Memory{}, cut, how)
		start := func(f Flash) *platform {
			h := newPlatform(t, DefaultProfile)
			k, err := New(Config{Profile: h.k.profile, Flash: f, Element: c})
			require.NoError(t, err)
			h.k, h.flash = k, f
			return h
		}
		kept := day(start(cutting))
		if !cutting.Off() {
			require.Len(t, kept, 2)
			require.Greater(t, cut, 8, "writes of that day")
			return
		}
		require.NoError(t, cutting.Restore())
		h := start(cutting)
		h.powerCycle()
		h.k.SetPresence(h.now, Presence{Mode: Auto})
		for _, made := range kept {
			_, status := h.signedBy(made)
			require.Equal(t, ctap.OK, status, "%v write %d", how, cut)
		}
	}
}
