package u2f_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// ga changes a request for an assertion.
type ga = func(*ctap.GetAssertionRequest)

func askParam(param []byte, protocol *uint64) ga {
	return func(g *ctap.GetAssertionRequest) { g.UVAuthParam, g.Protocol = param, protocol }
}

func askOptions(o ctap.Options) ga { return func(g *ctap.GetAssertionRequest) { g.Options = o } }

// silent asks without a touch.
var silent = askOptions(ctap.Options{UP: ctap.False})

// TestGetAssertionErrors has each error of authenticatorGetAssertion. Where a case names two faults, the one that
// Section 6.2.2 looks at first is answered. The key has one discoverable credential with hmac-secret.
func TestGetAssertionErrors(t *testing.T) {
	bad := bytes.Repeat([]byte{1}, 32)
	elsewhere := func(g *ctap.GetAssertionRequest) { g.RPID = "example.net" }
	for _, c := range []struct {
		name, section, profile string
		pin                    bool
		change                 ga
		want                   error
	}{
		{"an empty pinUvAuthParam without a PIN, whatever else is wrong", "6.2.2 step 1", "", false,
			all(askParam([]byte{}, new(uint64(9))), elsewhere), ctap.ErrPINNotSet},
		{"an empty pinUvAuthParam with a PIN", "6.2.2 step 1", "", true, askParam([]byte{}, nil), ctap.ErrPINInvalid},
		{"a protocol that is not supported, before the options", "6.2.2 step 2.1", "", false,
			all(askParam(bad, new(uint64(3))), askOptions(ctap.Options{RK: ctap.True})), ctap.ErrInvalidParameter},
		{"no protocol", "6.2.2 step 2.2", "", false, askParam(bad, nil), ctap.ErrMissingParameter},
		{"a protocol that is not supported", "2.0 5.2 step 3", "ctap2.0", false, askParam(bad, new(uint64(2))), ctap.ErrPINAuthInvalid},
		{"user verification that is not built in, before rk", "6.2.2 step 4.3", "", false,
			askOptions(ctap.Options{UV: ctap.True, RK: ctap.True}), ctap.ErrInvalidOption},
		{"user verification that is not built in", "2.0 5.2 step 5", "ctap2.0", false, askOptions(ctap.Options{UV: ctap.True}), ctap.ErrUnsupportedOption},
		{"option rk that is true", "6.2.2 step 4.4", "", false, askOptions(ctap.Options{RK: ctap.True}), ctap.ErrUnsupportedOption},
		{"option rk that is false", "6.2.2 step 4.4", "", false, askOptions(ctap.Options{RK: ctap.False}), ctap.ErrUnsupportedOption},
		{"a pinUvAuthParam that does not verify, before no credentials", "6.2.2 step 6.1", "", true,
			all(askParam(bad, new(uint64(2))), elsewhere), ctap.ErrPINAuthInvalid},
		{"another relying party", "6.2.2 step 7.6", "", false, elsewhere, ctap.ErrNoCredentials},
		{"another relying party, silently", "6.2.2 step 7.6", "", false, all(elsewhere, silent), ctap.ErrNoCredentials},
		{"a credential that is not known", "6.2.2 step 7.6", "", false, allow(bad), ctap.ErrNoCredentials},
		{"a credential of another type", "6.2.2 step 7.1", "", false, func(g *ctap.GetAssertionRequest) {
			g.AllowList = []ctap.Descriptor{{Type: "password", ID: bad}}
		}, ctap.ErrNoCredentials},
		{"an allowList that is too long", "6.4", "", false, allow(make([][]byte, 9)...), ctap.ErrLimitExceeded},
		{"hmac-secret without presence", "12.5", "", false, all(silent, hmacInput(bad)), ctap.ErrUnsupportedOption},
		{"hmac-secret with a wrong saltAuth", "12.5", "", false, hmacInput(bad), ctap.ErrPINAuthInvalid},
		{"hmac-secret that is no map", "12.5", "", false, func(g *ctap.GetAssertionRequest) {
			g.Extensions = []ctap.Extension{{Name: "hmac-secret", Value: []byte{0xf5}}}
		}, ctap.ErrCBORUnexpectedType},
		{"hmac-secret that lacks a parameter", "12.5", "", false, func(g *ctap.GetAssertionRequest) {
			g.Extensions = []ctap.Extension{{Name: "hmac-secret", Value: []byte{0xa0}}}
		}, ctap.ErrMissingParameter},
		{"a hash that is too long", "6.2", "", false,
			func(g *ctap.GetAssertionRequest) { g.ClientDataHash = make([]byte, 33) }, ctap.ErrInvalidLength},
	} {
		t.Run(c.name+", Section "+c.section, func(t *testing.T) {
			if c.profile == "" {
				c.profile = "ctap2.1"
			}
			r := newRig(t, c.profile, nil)
			r.make(resident("u"), extension("hmac-secret", []byte{0xf5}))
			if c.pin {
				r.setPIN()
			}
			before := r.contents()
			_, err := r.send(getCmd, asking(c.change))
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents(), "an error changes nothing")
		})
	}
}

// hmacInput asks for hmac-secret with a key agreement key that is sound and a saltAuth that is not.
func hmacInput(auth []byte) ga {
	key := append([]byte("\xa5\x01\x02\x03\x38\x18\x20\x01\x21\x58\x20"), basePoint[:32]...)
	key = append(append(key, 0x22, 0x58, 0x20), basePoint[32:]...)
	in := ctap.HMACSecretInput{KeyAgreement: key, SaltEnc: make([]byte, 48), SaltAuth: auth, Protocol: 2}
	return func(g *ctap.GetAssertionRequest) {
		g.Extensions = []ctap.Extension{{Name: "hmac-secret", Value: in.Append(nil)}}
	}
}

// basePoint is the generator of P-256 (SEC 2, Section 2.4.2).
var basePoint = []byte("\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96" +
	"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5")

func TestGetAssertion(t *testing.T) {
	t.Run("with an allowList there is one, and nothing is said of the user", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m1, m2 := r.make(), r.make()
		r.said()
		g := r.get(allow([]byte("unknown"), m2.auth.CredentialID, m1.auth.CredentialID))
		requireSigned(t, m2, g)
		require.Equal(t, m2.auth.CredentialID, g.CredentialID)
		require.Equal(t, byte(ctap.FlagUP), g.auth.Flags)
		require.Nil(t, g.User)
		require.Zero(t, g.NumberOfCredentials)
		require.Equal(t, []string{u2f.Waiting, u2f.Touched, u2f.Signed}, r.said())
	})
	t.Run("a silent one needs no touch and says so", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m := r.make()
		r.manual()
		g := r.get(allow(m.auth.CredentialID), silent)
		require.Zero(t, g.auth.Flags)
		requireSigned(t, m, g)
	})
	t.Run("each raises the counter, across power cycles and resets", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m := r.make()
		for want := uint32(1); want < 4; want++ {
			require.Equal(t, want, r.get(allow(m.auth.CredentialID), silent).auth.Counter)
			require.NoError(t, r.key.PowerUp(r.now, entropy))
		}
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto})
		_, err := r.send(resetCmd, nil)
		require.NoError(t, err)
		require.Equal(t, uint32(4), r.get(allow(r.make().auth.CredentialID)).auth.Counter)
	})
	t.Run("a discoverable credential tells the user's id", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m := r.make(resident("u"))
		for _, g := range []got{r.get(), r.get(allow(m.auth.CredentialID))} {
			require.Equal(t, &ctap.User{ID: []byte("u")}, g.User)
			require.Zero(t, g.NumberOfCredentials)
		}
	})
	t.Run("names are for a verified user who has to choose", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		r.make(resident("u1"), withToken(r.token(ctap.PermissionMC)))
		one := r.get(askWithToken(r.token(ctap.PermissionGA)))
		require.Empty(t, one.User.Name)
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagUV), one.auth.Flags)
		r.make(resident("u2"), withToken(r.token(ctap.PermissionMC)))
		require.Empty(t, r.get().User.Name)
		two := r.get(askWithToken(r.token(ctap.PermissionGA)))
		require.Equal(t, &ctap.User{ID: []byte("u2"), Name: "alice", DisplayName: "Alice"}, two.User)
		require.Equal(t, "alice", r.next().User.Name)
	})
	t.Run("a key of 2.0 asks for a touch before it says that it has none", func(t *testing.T) {
		r := newRig(t, "ctap2.0", nil)
		r.manual()
		r.begin(getCmd, asking(nil))
		require.True(t, r.key.Touch(r.now))
		_, err := r.reply()
		require.Equal(t, ctap.ErrNoCredentials, err, "2.0 Section 5.2, step 8")
		_, err = r.send(getCmd, asking(silent))
		require.Equal(t, ctap.ErrNoCredentials, err)
	})
	t.Run("an empty allowList is none", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.make(resident("u"))
		r.get(func(g *ctap.GetAssertionRequest) { g.AllowList = []ctap.Descriptor{} })
	})
}

// TestCredProtect is Section 12.1: which credential is seen how.
func TestCredProtect(t *testing.T) {
	for _, c := range []struct {
		level                        uint64
		bare, listed, verified, both bool
	}{
		{1, true, true, true, true},
		{2, false, true, true, true},
		{3, false, false, true, true},
	} {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		m := r.make(resident("u"), protect(c.level), withToken(r.token(ctap.PermissionMC)))
		token := func(g *ctap.GetAssertionRequest) { askWithToken(r.token(ctap.PermissionGA))(g) }
		for _, way := range []struct {
			name   string
			change ga
			seen   bool
		}{
			{"without list and token", func(*ctap.GetAssertionRequest) {}, c.bare},
			{"with a list", allow(m.auth.CredentialID), c.listed},
			{"with a list, silently", all(silent, allow(m.auth.CredentialID)), c.listed},
			{"with a token", token, c.verified},
			{"with both", all(token, allow(m.auth.CredentialID)), c.both},
		} {
			_, err := r.send(getCmd, asking(way.change))
			if way.seen {
				require.NoError(t, err, "level %d %s", c.level, way.name)
			} else {
				require.Equal(t, ctap.ErrNoCredentials, err, "level %d %s", c.level, way.name)
			}
		}
	}
}

// TestGetNextAssertion is Section 6.3.
func TestGetNextAssertion(t *testing.T) {
	three := func(t *testing.T) (*rig, []made) {
		r := newRig(t, "ctap2.1", nil)
		return r, []made{r.make(resident("u1")), r.make(resident("u2")), r.make(resident("u3"))}
	}
	refused := func(r *rig) {
		r.t.Helper()
		_, err := r.send(nextCmd, nil)
		require.Equal(r.t, ctap.ErrNotAllowed, err)
	}
	t.Run("the newest comes first, each counts, and then it is over", func(t *testing.T) {
		r, m := three(t)
		g := r.get()
		require.Equal(t, uint64(3), g.NumberOfCredentials)
		requireSigned(t, m[2], g)
		for i := 1; i >= 0; i-- {
			n := r.next()
			requireSigned(t, m[i], n)
			require.Zero(t, n.NumberOfCredentials)
			require.Equal(t, g.auth.Counter+1, n.auth.Counter)
			require.Equal(t, g.auth.Flags, n.auth.Flags)
			g = n
		}
		refused(r)
	})
	t.Run("the order outlives a power cycle, and replacing makes new", func(t *testing.T) {
		r, m := three(t)
		m[0] = r.make(resident("u1"))
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		requireSigned(t, m[0], r.get())
		requireSigned(t, m[2], r.next())
	})
	t.Run("nothing came before", func(t *testing.T) { r, _ := three(t); refused(r) })
	t.Run("a single one leaves nothing", func(t *testing.T) {
		r, m := three(t)
		r.get(allow(m[0].auth.CredentialID))
		refused(r)
	})
	t.Run("each restarts the timer of 30 seconds", func(t *testing.T) {
		r, _ := three(t)
		for _, wait := range []time.Duration{30*time.Second - 1, 30 * time.Second} {
			r.get()
			r.now = r.now.Add(20 * time.Second)
			r.next()
			r.now = r.now.Add(wait)
			if wait == 30*time.Second {
				refused(r)
			} else {
				r.next()
			}
		}
	})
	t.Run("any other command ends it, one that fails included", func(t *testing.T) {
		for _, cmd := range []byte{infoCmd, pinCmd, 0x55, selectCmd, getCmd} {
			r, _ := three(t)
			r.get()
			_, _ = r.send(cmd, nil)
			refused(r)
		}
	})
	t.Run("a U2F message ends it", func(t *testing.T) {
		r, _ := three(t)
		r.get()
		r.key.APDU(r.now, channel, []byte{0, 3, 0, 0, 0, 0, 0})
		refused(r)
	})
	t.Run("another channel is refused and disturbs nothing", func(t *testing.T) {
		r, _ := three(t)
		r.get()
		_, err := r.sendOn(channel+1, nextCmd, nil)
		require.Equal(t, ctap.ErrNotAllowed, err)
		r.next()
	})
	t.Run("power ends it", func(t *testing.T) {
		r, _ := three(t)
		r.get()
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		refused(r)
	})
	t.Run("the token that verified the user has expired", func(t *testing.T) {
		r := newRig(t, "ctap2.1", func(p *u2f.Profile) { p.NextAssertion = u2f.Duration(time.Hour) })
		r.setPIN()
		r.make(resident("u1"), withToken(r.token(ctap.PermissionMC)))
		r.make(resident("u2"), withToken(r.token(ctap.PermissionMC)))
		r.get(askWithToken(r.token(ctap.PermissionGA)))
		r.now = r.now.Add(600 * time.Second)
		refused(r)
	})
}

// TestHMACSecret asks for the outputs of one salt twice and of another, over both ways to be verified (Section 12.5).
func TestHMACSecret(t *testing.T) {
	r := newRig(t, "ctap2.1", nil)
	r.setPIN()
	m := r.make(extension("hmac-secret", []byte{0xf5}))
	plain := r.make()
	out := func(m made, salt byte, more ...ga) []byte {
		public, s := r.secret(pinuv.Two)
		enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), bytes.Repeat([]byte{salt}, 32))
		require.NoError(t, err)
		in := ctap.HMACSecretInput{KeyAgreement: public, SaltEnc: enc, SaltAuth: s.Authenticate(enc), Protocol: 2}
		g := r.get(all(more...), allow(m.auth.CredentialID), func(g *ctap.GetAssertionRequest) {
			g.Extensions = []ctap.Extension{{Name: "hmac-secret", Value: in.Append(nil)}}
		})
		if g.auth.Extensions == nil {
			return nil
		}
		list, err := ctap.ParseExtensions(g.auth.Extensions)
		require.NoError(t, err)
		require.Len(t, list, 1)
		var value []byte
		require.NoError(t, decoder.Unmarshal(list[0].Value, &value))
		secret, err := s.Decrypt(value)
		require.NoError(t, err)
		require.Len(t, secret, 32)
		return secret
	}
	first := out(m, 1)
	require.Equal(t, first, out(m, 1))
	require.NotEqual(t, first, out(m, 2))
	require.NotEqual(t, first, out(m, 1, askWithToken(r.token(ctap.PermissionGA))), "another secret with verification")
	require.Nil(t, out(plain, 1), "a credential that was not made for it")
}
