package u2f_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// mc changes a request for a credential.
type mc = func(*ctap.MakeCredentialRequest)

func params(list ...ctap.CredentialParameter) mc {
	return func(m *ctap.MakeCredentialRequest) { m.Params = list }
}

var (
	es256 = ctap.CredentialParameter{Type: ctap.PublicKey, Alg: int64(cose.ES256)}
	eddsa = ctap.CredentialParameter{Type: ctap.PublicKey, Alg: int64(cose.EdDSA)}
	rs256 = ctap.CredentialParameter{Type: ctap.PublicKey, Alg: -257}
)

func uvParam(param []byte, protocol *uint64) mc {
	return func(m *ctap.MakeCredentialRequest) { m.UVAuthParam, m.Protocol = param, protocol }
}

func options(o ctap.Options) mc { return func(m *ctap.MakeCredentialRequest) { m.Options = o } }

func extension(name string, value []byte) mc {
	return func(m *ctap.MakeCredentialRequest) {
		m.Extensions = append(m.Extensions, ctap.Extension{Name: name, Value: value})
	}
}

// TestMakeCredentialErrors has each error of authenticatorMakeCredential. Where a case names two faults, the one that
// Section 6.1.2 looks at first is answered.
func TestMakeCredentialErrors(t *testing.T) {
	bad := bytes.Repeat([]byte{1}, 32)
	for _, c := range []struct {
		name, section, profile string
		pin                    bool
		change                 mc
		want                   error
	}{
		{"an empty pinUvAuthParam without a PIN, whatever else is wrong", "6.1.2 step 1", "", false,
			all(uvParam([]byte{}, new(uint64(9))), params()), ctap.ErrPINNotSet},
		{"an empty pinUvAuthParam with a PIN", "6.1.2 step 1", "", true, uvParam([]byte{}, nil), ctap.ErrPINInvalid},
		{"a protocol that is not supported, before the algorithms", "6.1.2 step 2.1", "", false,
			all(uvParam(bad, new(uint64(3))), params(rs256)), ctap.ErrInvalidParameter},
		{"no protocol", "6.1.2 step 2.2", "", false, uvParam(bad, nil), ctap.ErrMissingParameter},
		{"a protocol that is not supported", "2.0 5.1 step 7", "ctap2.0", false, uvParam(bad, new(uint64(2))), ctap.ErrPINAuthInvalid},
		{"no algorithm at all", "6.1.2 step 3.2", "", false, params(), ctap.ErrUnsupportedAlgorithm},
		{"no algorithm that is known, before the options", "6.1.2 step 3.2", "", false,
			all(params(rs256), options(ctap.Options{UP: ctap.False})), ctap.ErrUnsupportedAlgorithm},
		{"a type that is not known", "6.1.2 step 3.2", "", false,
			params(ctap.CredentialParameter{Type: "password", Alg: -7}), ctap.ErrUnsupportedAlgorithm},
		{"user verification that is not built in", "6.1.2 step 5.3", "", false, options(ctap.Options{UV: ctap.True}), ctap.ErrInvalidOption},
		{"user verification that is not built in", "2.0 5.1 step 3", "ctap2.0", false, options(ctap.Options{UV: ctap.True}), ctap.ErrUnsupportedOption},
		{"a credential without presence", "6.1.2 step 5.6", "", false, options(ctap.Options{UP: ctap.False}), ctap.ErrInvalidOption},
		{"a discoverable credential without a token, before enterprise attestation", "6.1.2 step 7", "", true,
			all(resident("u"), func(m *ctap.MakeCredentialRequest) { m.EnterpriseAttestation = new(uint64(1)) }), ctap.ErrPUATRequired},
		{"any credential without a token", "6.1.2 step 8", "ctap2.0", true, nil, ctap.ErrPUATRequired},
		{"enterprise attestation", "6.1.2 step 9", "", false,
			func(m *ctap.MakeCredentialRequest) { m.EnterpriseAttestation = new(uint64(1)) }, ctap.ErrInvalidParameter},
		{"a pinUvAuthParam that does not verify", "6.1.2 step 11.1", "", true, uvParam(bad, new(uint64(2))), ctap.ErrPINAuthInvalid},
		{"credProtect above its range", "12.1", "", false, protect(4), ctap.ErrInvalidParameter},
		{"credProtect below its range", "12.1", "", false, protect(0), ctap.ErrInvalidParameter},
		{"credProtect that is a text", "12.1", "", false, extension("credProtect", []byte("\x61a")), ctap.ErrCBORUnexpectedType},
		{"hmac-secret that is no bool", "12.5", "", false, extension("hmac-secret", []byte{1}), ctap.ErrCBORUnexpectedType},
		{"an excludeList that is too long", "6.4", "", false, func(m *ctap.MakeCredentialRequest) {
			m.ExcludeList = make([]ctap.Descriptor, 9)
		}, ctap.ErrLimitExceeded},
		{"a user id that is too long", "6.1", "", false,
			func(m *ctap.MakeCredentialRequest) { m.User.ID = make([]byte, 65) }, ctap.ErrInvalidLength},
		{"a hash that is too short", "6.1", "", false,
			func(m *ctap.MakeCredentialRequest) { m.ClientDataHash = make([]byte, 31) }, ctap.ErrInvalidLength},
		{"a request longer than maxMsgSize", "6.4", "", false,
			func(m *ctap.MakeCredentialRequest) { m.RP.Name = strings.Repeat("x", 1200) }, ctap.ErrRequestTooLarge},
	} {
		t.Run(c.name+", Section "+c.section, func(t *testing.T) {
			if c.profile == "" {
				c.profile = "ctap2.1"
			}
			r := newRig(t, c.profile, nil)
			if c.pin {
				if c.profile == "ctap2.0" {
					r.setPINWith(1)
				} else {
					r.setPIN()
				}
			}
			before := r.contents()
			_, err := r.send(makeCmd, making(c.change))
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents(), "an error changes nothing")
		})
	}
}

func TestMakeCredentialSlots(t *testing.T) {
	none := newRig(t, "ctap2.1", func(p *u2f.Profile) { p.ResidentSlots = 0 })
	_, err := none.send(makeCmd, making(resident("u")))
	require.Equal(t, ctap.ErrUnsupportedOption, err, "Section 6.1.2, step 5.4")

	r := newRig(t, "ctap2.1", func(p *u2f.Profile) { p.ResidentSlots = 2 })
	r.make(resident("u1"))
	r.make(resident("u2"))
	before := r.contents()
	_, err = r.send(makeCmd, making(resident("u3")))
	require.Equal(t, ctap.ErrKeyStoreFull, err, "Section 6.1.2, step 17")
	require.Equal(t, before, r.contents())
	r.make(resident("u1")) // takes the slot of its account
	require.Len(t, r.contents(), len(before))
}

func TestMakeCredential(t *testing.T) {
	t.Run("the first algorithm that both know is taken", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		for _, c := range []struct {
			list []ctap.CredentialParameter
			want cose.Algorithm
		}{{[]ctap.CredentialParameter{rs256, eddsa, es256}, cose.EdDSA}, {[]ctap.CredentialParameter{es256, eddsa}, cose.ES256}} {
			m := r.make(params(c.list...))
			alg, _, err := cose.ParsePublicKey(m.auth.PublicKey)
			require.NoError(t, err)
			require.Equal(t, c.want, alg)
			requireSigned(t, m, r.get(allow(m.auth.CredentialID)))
		}
	})
	t.Run("what the answer says", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m := r.make(extension("unheard-of", []byte{0xa0}), protect(2), extension("hmac-secret", []byte{0xf5}))
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagAT|ctap.FlagED), m.auth.Flags)
		require.Zero(t, m.auth.Counter)
		require.Equal(t, [16]byte(r.key.Profile().AAGUID), m.auth.AAGUID)
		require.LessOrEqual(t, len(m.auth.CredentialID), 128)
		require.Equal(t, []byte("\xa2\x6bcredProtect\x02\x6bhmac-secret\xf5"), m.auth.Extensions)
		require.Equal(t, []string{u2f.Waiting, u2f.Touched, u2f.Registered}, r.said())
	})
	t.Run("extensions that were not asked for are not answered", func(t *testing.T) {
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagAT), newRig(t, "ctap2.1", nil).make().auth.Flags)
		old := newRig(t, "ctap2.0", nil).make(protect(3))
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagAT), old.auth.Flags)
	})
	t.Run("a token verifies the user once", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		token := r.token(ctap.PermissionMC)
		m := r.make(resident("u"), withToken(token))
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagUV|ctap.FlagAT), m.auth.Flags)
		_, err := r.send(makeCmd, making(withToken(token)))
		require.Equal(t, ctap.ErrPINAuthInvalid, err, "Section 6.1.2, step 14.4")
	})
	t.Run("a token for assertions makes no credential", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		_, err := r.send(makeCmd, making(withToken(r.token(ctap.PermissionGA))))
		require.Equal(t, ctap.ErrPINAuthInvalid, err, "Section 6.1.2, step 11.1.2")
	})
	t.Run("with a PIN, credentials that are not discoverable need no token", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagAT), r.make().auth.Flags, "Section 6.1.2, step 10")
	})
	t.Run("a key without a PIN does not look at pinUvAuthParam", func(t *testing.T) {
		m := newRig(t, "ctap2.1", nil).make(uvParam(make([]byte, 32), new(uint64(2))))
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagAT), m.auth.Flags, "Section 6.1.2, step 11")
	})
	t.Run("user verification beside a token counts as false", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		r.make(withToken(r.token(ctap.PermissionMC)), options(ctap.Options{UV: ctap.True})) // Section 6.1.2, step 5.2
	})
	t.Run("the longest answer fits the smallest maxMsgSize", func(t *testing.T) {
		r := newRig(t, "ctap2.1", func(p *u2f.Profile) {
			p.Name, p.MaxMsgSize = "abcdefghijklmnopqrstuvwxyz012345", 1024
		})
		r.make(protect(3), extension("hmac-secret", []byte{0xf5}))
	})
	t.Run("names are cut between characters", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		long := strings.Repeat("é", 40)
		for _, user := range []string{"u1", "u2"} {
			r.make(resident(user), func(m *ctap.MakeCredentialRequest) { m.User.Name = "x" + long }, withToken(r.token(ctap.PermissionMC)))
		}
		g := r.get(askWithToken(r.token(ctap.PermissionGA)))
		require.Equal(t, "x"+strings.Repeat("é", 31), g.User.Name)
	})
	t.Run("a new credential for the same account replaces the old one", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		old := r.make(resident("u"))
		m := r.make(resident("u"))
		requireSigned(t, m, r.get())
		_, err := r.send(getCmd, asking(allow(old.auth.CredentialID)))
		require.Equal(t, ctap.ErrNoCredentials, err, "Section 6.1.2, step 17.2")
	})
}

func TestExcludeList(t *testing.T) {
	exclude := func(m made) mc {
		return func(r *ctap.MakeCredentialRequest) {
			r.ExcludeList = []ctap.Descriptor{{Type: ctap.PublicKey, ID: m.auth.CredentialID}}
		}
	}
	// Section 6.1.2, step 12: the key blinks first, and however that ends the answer is the same.
	for name, end := range map[string]func(r *rig){
		"touched": func(r *rig) { require.True(r.t, r.key.Touch(r.now)) },
		"denied":  func(r *rig) { require.True(r.t, r.key.Deny(r.now)) },
		"nobody":  func(r *rig) { r.now = r.now.Add(30 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "ctap2.1", nil)
			m := r.make()
			r.manual()
			r.begin(makeCmd, making(exclude(m)))
			end(r)
			_, err := r.reply()
			require.Equal(t, ctap.ErrCredentialExcluded, err)
		})
	}
	t.Run("a credential of another relying party, and one of another type, are none", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m := r.make()
		r.make(exclude(m), func(m *ctap.MakeCredentialRequest) { m.RP.ID = "example.net" })
		r.make(exclude(m), func(m *ctap.MakeCredentialRequest) { m.ExcludeList[0].Type = "password" })
	})
	t.Run("a credential that requires verification shows itself only to the verified", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		m := r.make(protect(3))
		r.make(exclude(m))
		_, err := r.send(makeCmd, making(all(exclude(m), withToken(r.token(ctap.PermissionMC)))))
		require.Equal(t, ctap.ErrCredentialExcluded, err)
	})
}
