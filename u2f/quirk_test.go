package u2f_test

import (
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// quirky sets a quirk of a key that runs.
func (r *rig) quirky(name, value string) {
	r.t.Helper()
	p, err := r.key.Profile().With(name, value)
	require.NoError(r.t, err)
	require.NoError(r.t, r.key.SetProfile(r.now, p))
}

// newRooted is a key that was made under a root that is known.
func newRooted(t *testing.T) *rig {
	root, err := attest.NewRoot(entropy)
	require.NoError(t, err)
	p, err := u2f.ProfileNamed(u2f.DefaultProfile)
	require.NoError(t, err)
	r := &rig{t: t, flash: &flash.Memory{}, now: epoch}
	r.key, err = u2f.New(u2f.Config{Profile: p, Flash: r.flash, Root: root})
	require.NoError(t, err)
	require.NoError(t, r.key.PowerUp(r.now, entropy))
	r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto})
	return r
}

// withDisplayName is a request for a credential whose user has that displayName, or none.
func withDisplayName(t *testing.T, name *string) []byte {
	var m map[any]any
	require.NoError(t, decoder.Unmarshal(making(nil), &m))
	user := m[int64(3)].(map[any]any)
	if delete(user, "displayName"); name != nil {
		user["displayName"] = *name
	}
	b, err := encoder.Marshal(m)
	require.NoError(t, err)
	return b
}

// connected reports whether the batch certificate says how the key is connected.
func connected(t *testing.T, m made) bool {
	var s struct {
		X5C [][]byte `cbor:"x5c"`
	}
	require.NoError(t, decoder.Unmarshal(m.Statement, &s))
	require.Len(t, s.X5C, 1)
	leaf, err := x509.ParseCertificate(s.X5C[0])
	require.NoError(t, err)
	require.NoError(t, leaf.CheckSignature(x509.ECDSAWithSHA256, append(m.AuthData, clientDataHash...), sig(t, m)))
	for _, e := range leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 2, 1, 1}) {
			return true
		}
	}
	return false
}

func sig(t *testing.T, m made) []byte {
	var s struct {
		Sig []byte `cbor:"sig"`
	}
	require.NoError(t, decoder.Unmarshal(m.Statement, &s))
	return s.Sig
}

// Each quirk changes one thing of a key that runs, and taking it away changes it back.
func TestQuirks(t *testing.T) {
	t.Run("none_attestation", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("none_attestation", "true")
		require.Equal(t, "none", r.make(func(m *ctap.MakeCredentialRequest) { m.Formats = []string{"packed"} }).Format)
		r.quirky("none_attestation", "")
		require.Equal(t, "packed", r.make().Format)
	})
	t.Run("always_return_enterprise_attestation", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		require.False(t, r.make().EPAtt)
		r.quirky("always_return_enterprise_attestation", "true")
		require.True(t, r.make().EPAtt)
	})
	t.Run("no_transports_in_attestation_certificate", func(t *testing.T) {
		r := newRooted(t)
		require.True(t, connected(t, r.make()))
		r.quirky("no_transports_in_attestation_certificate", "true")
		require.False(t, connected(t, r.make()))
		r.quirky("no_transports_in_attestation_certificate", "false")
		require.True(t, connected(t, r.make()))
	})
	t.Run("default_cred_protect", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("default_cred_protect", "3")
		require.Equal(t, []byte("\xa1\x6bcredProtect\x03"), r.make().auth.Extensions)
		require.Equal(t, []byte("\xa1\x6bcredProtect\x01"), r.make(protect(1)).auth.Extensions)
	})
	t.Run("force_cred_protect", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("force_cred_protect", "3")
		m := r.make(protect(1))
		require.Equal(t, []byte("\xa1\x6bcredProtect\x03"), m.auth.Extensions)
		_, err := r.send(getCmd, asking(allow(m.auth.CredentialID)))
		require.Equal(t, ctap.ErrNoCredentials, err)
	})
	t.Run("add_extra_extension", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("add_extra_extension", "true")
		m := r.make(protect(1))
		require.Equal(t, []byte("\xa2\x6bcredProtect\x01\x6bunsolicited\x18\x2a"), m.auth.Extensions)
		g := r.get(allow(m.auth.CredentialID))
		require.Equal(t, []byte("\xa1\x6bunsolicited\x18\x2a"), g.auth.Extensions)
		requireSigned(t, m, g)
	})
	t.Run("allow_invalid_utf8_in_credential_entities", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("allow_invalid_utf8_in_credential_entities", "true")
		r.setPIN()
		name := "x" + strings.Repeat("ä", 40)
		for _, user := range []string{"u1", "u2"} {
			r.make(resident(user), func(m *ctap.MakeCredentialRequest) { m.User.Name = name }, withToken(r.token(ctap.PermissionMC)))
		}
		r.key.PowerDown(r.now)
		require.NoError(t, r.key.PowerUp(r.now, entropy), "what it keeps it can read again")
		body, err := r.send(getCmd, asking(askWithToken(r.token(ctap.PermissionGA))))
		require.NoError(t, err)
		g, err := ctap.ParseGetAssertionResponse(body)
		require.NoError(t, err)
		require.Len(t, g.User.Name, 64)
		require.False(t, utf8.ValidString(g.User.Name))
	})
	t.Run("reject_empty_display_name", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("reject_empty_display_name", "true")
		_, err := r.send(makeCmd, withDisplayName(t, new("")))
		require.Equal(t, ctap.ErrInvalidLength, err)
		_, err = r.send(makeCmd, withDisplayName(t, nil))
		require.NoError(t, err)
		r.quirky("reject_empty_display_name", "false")
		_, err = r.send(makeCmd, withDisplayName(t, new("")))
		require.NoError(t, err)
	})
	t.Run("reject_missing_display_name", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("reject_missing_display_name", "true")
		_, err := r.send(makeCmd, withDisplayName(t, nil))
		require.Equal(t, ctap.ErrInvalidCBOR, err)
		_, err = r.send(makeCmd, withDisplayName(t, new("")))
		require.NoError(t, err)
	})
	t.Run("include_credential_in_assertion_response", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		m := r.make(resident("u"))
		one, two := allow(m.auth.CredentialID), allow(m.auth.CredentialID, []byte("other"))
		for value, want := range map[string][3]bool{"": {true, true, true}, "always": {true, true, true},
			"if-needed": {false, true, true}, "never": {}} {
			r.quirky("include_credential_in_assertion_response", value)
			for i, list := range []func(*ctap.GetAssertionRequest){one, two, func(*ctap.GetAssertionRequest) {}} {
				require.Equal(t, want[i], r.get(list).CredentialID != nil, "%s, %d", value, i)
			}
		}
	})
	t.Run("return_attested_cred_data_in_get_assertion_response", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		m := r.make()
		r.quirky("return_attested_cred_data_in_get_assertion_response", "true")
		g := r.get(allow(m.auth.CredentialID))
		require.Equal(t, m.auth.PublicKey, g.auth.PublicKey)
		require.Equal(t, m.auth.CredentialID, g.auth.CredentialID)
		requireSigned(t, m, g)
	})
	t.Run("omit_user_entity_on_allow_credentials_requests", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		m := r.make(resident("u"))
		require.NotNil(t, r.get(allow(m.auth.CredentialID)).User)
		r.quirky("omit_user_entity_on_allow_credentials_requests", "true")
		require.Nil(t, r.get(allow(m.auth.CredentialID)).User)
		require.NotNil(t, r.get().User)
	})
	t.Run("internal_account_chooser", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("internal_account_chooser", "true")
		r.make(resident("u1"))
		require.False(t, r.get().UserSelected, "there is nothing to choose")
		r.make(resident("u2"))
		g := r.get()
		require.True(t, g.UserSelected)
		require.Zero(t, g.NumberOfCredentials)
		require.Equal(t, []byte("u2"), g.User.ID)
		_, err := r.send(nextCmd, nil)
		require.Equal(t, ctap.ErrNotAllowed, err)
	})
	t.Run("always_uv_for_up_false", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		m := r.make()
		r.quirky("always_uv_for_up_false", "true")
		r.setPIN()
		r.get(silent, allow(m.auth.CredentialID)) // without alwaysUv it changes nothing
		r.quirky("always_uv", "true")
		_, err := r.send(getCmd, asking(all(silent, allow(m.auth.CredentialID))))
		require.Equal(t, ctap.ErrPUATRequired, err)
		r.get(silent, allow(m.auth.CredentialID), askWithToken(r.token(ctap.PermissionGA)))
	})
	t.Run("user_verification_fails", func(t *testing.T) {
		r := newBioRig(t, nil)
		r.enrol(r.tokenFor(ctap.PermissionBE, nil), "thumb")
		require.True(t, r.key.Summary().Sensor.Retries > 1)
		verify := func() error {
			r.key.SetFingers(r.now, []u2f.Finger{{Name: "thumb"}})
			_, err := r.send(makeCmd, making(func(m *ctap.MakeCredentialRequest) { m.Options.UV = ctap.True }))
			return err
		}
		require.NoError(t, verify())
		r.quirky("user_verification_fails", "true")
		before := r.key.Summary().Sensor.Retries
		require.Equal(t, ctap.ErrPUATRequired, verify())
		require.Less(t, r.key.Summary().Sensor.Retries, before)
	})
	t.Run("override_response_map", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("override_response_map", `{"authenticatorGetInfo": "CTAP2_ERR_NOT_ALLOWED"}`)
		_, err := r.send(infoCmd, nil)
		require.Equal(t, ctap.ErrNotAllowed, err)
		r.make()
		r.quirky("override_response_map", "")
		_, err = r.send(infoCmd, nil)
		require.NoError(t, err)
	})
	t.Run("advertised_algorithms", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.quirky("advertised_algorithms", "-257,-7")
		body, err := r.send(infoCmd, nil)
		require.NoError(t, err)
		info, err := ctap.ParseGetInfoResponse(body)
		require.NoError(t, err)
		require.Equal(t, []int64{-257, -7}, info.Algorithms)
		r.make(params(eddsa))
	})
	t.Run("empty_rp_enumeration", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.setPIN()
		enumerate := func() ([]byte, error) {
			in := ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateRPsBegin}
			return r.send(manageCmd, managing(r.tokenFor(ctap.PermissionCM, nil), in))
		}
		_, err := enumerate()
		require.Equal(t, ctap.ErrNoCredentials, err)
		r.quirky("empty_rp_enumeration", "true")
		body, err := enumerate()
		require.NoError(t, err)
		require.Equal(t, []byte{0xa1, 0x05, 0x00}, body)
	})
}

// Each of these answers a request with another error than the specification has, or with one where it has none.
func TestQuirksThatRefuse(t *testing.T) {
	r := newRig(t, u2f.DefaultProfile, nil)
	m := r.make()
	id := m.auth.CredentialID
	for _, c := range []struct {
		quirk string
		cmd   byte
		req   []byte
		usual error // without the quirk
		want  error // with it
	}{
		{"reject_silent_authentication_requests", getCmd, asking(all(silent, allow(id))), nil, ctap.ErrUnsupportedOption},
		{"reject_large_allow_and_exclude_lists", getCmd, asking(allow(id, id)), nil, ctap.ErrLimitExceeded},
		{"reject_large_allow_and_exclude_lists", getCmd, asking(allow(id)), nil, nil},
		{"reject_large_allow_and_exclude_lists", makeCmd, making(func(m *ctap.MakeCredentialRequest) {
			m.ExcludeList = []ctap.Descriptor{{Type: "public-key", ID: []byte("1")}, {Type: "public-key", ID: []byte("2")}}
		}), nil, ctap.ErrLimitExceeded},
		{"reject_all_extensions", makeCmd, making(extension("unheard-of", []byte{0xf5})), nil, ctap.ErrUnsupportedExtension},
		{"reject_all_extensions", getCmd, asking(all(allow(id), func(g *ctap.GetAssertionRequest) {
			g.Extensions = []ctap.Extension{{Name: "unheard-of", Value: []byte{0xf5}}}
		})), nil, ctap.ErrUnsupportedExtension},
		{"return_immediate_invalid_credential_error", getCmd, asking(allow([]byte("other"))), ctap.ErrNoCredentials, ctap.ErrInvalidCredential},
	} {
		t.Run(c.quirk, func(t *testing.T) {
			_, err := r.send(c.cmd, c.req)
			require.Equal(t, c.usual, err)
			r.quirky(c.quirk, "true")
			_, err = r.send(c.cmd, c.req)
			require.Equal(t, c.want, err)
			r.quirky(c.quirk, "")
		})
	}
}

// What U2F made is used by U2F alone, where the key ignores it in CTAP2.
func TestQuirkIgnoreU2FCredentials(t *testing.T) {
	h := newHost(t, keyProfile(t, u2f.DefaultProfile), &flash.Memory{}, nil)
	h.replug()
	h.must(h.registering(rpID))
	h.must(h.creating(rpID, "u", false))
	old, young := h.world.credentials[0], h.world.credentials[1]
	h.must(h.signing(allow(old.id)))
	h.quirky("ignore_u2f_credentials", "true")
	_, err := h.send(getCmd, asking(allow(old.id)))
	require.Equal(t, ctap.ErrNoCredentials, err)
	h.must(h.signing(allow(young.id)))
	h.must(h.authenticate(8, old))
}

func TestSetProfile(t *testing.T) {
	r := newRig(t, u2f.DefaultProfile, nil)
	p := r.key.Profile()
	p.AAGUID[0]++
	require.ErrorContains(t, r.key.SetProfile(r.now, p), "make a new key")
	p = r.key.Profile()
	p.MaxMsgSize = 1
	require.ErrorContains(t, r.key.SetProfile(r.now, p), "max_msg_size")
	require.Equal(t, r.key.Profile().MaxMsgSize, 7609)
}

func TestProfileWith(t *testing.T) {
	base := u2f.Profiles()[0]
	for _, c := range []struct {
		name, value string
		look        func(u2f.Profile) any
		want        any
	}{
		{"resident_slots", "3", func(p u2f.Profile) any { return p.ResidentSlots }, 3},
		{"transports", "usb,nfc", func(p u2f.Profile) any { return p.Transports }, []string{"usb", "nfc"}},
		{"transports", `["ble"]`, func(p u2f.Profile) any { return p.Transports }, []string{"ble"}},
		{"algorithms", "-7", func(p u2f.Profile) any { return p.Algorithms }, []cose.Algorithm{-7}},
		{"touch_timeout", "3s", func(p u2f.Profile) any { return p.TouchTimeout }, u2f.Duration(3e9)},
		{"uv_option_error", "CTAP2_ERR_NOT_ALLOWED", func(p u2f.Profile) any { return p.UVOptionError }, u2f.Answer(ctap.ErrNotAllowed)},
		{"cbor", "lenient", func(p u2f.Profile) any { return p.CBOR }, u2f.Lenient},
		{"reject_all_extensions", "true", func(p u2f.Profile) any { return p.Quirks.RejectExtensions }, true},
	} {
		p, err := base.With(c.name, c.value)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, c.look(p))
		require.Equal(t, u2f.Profiles()[0], base, "it shares nothing with what it came from")
	}
	for _, c := range [][3]string{
		{"name", "x", "cannot be changed"},
		{"aaguid", "x", "cannot be changed"},
		{"nonsense", "1", `there is no quirk or field "nonsense"; use one of always_return_enterprise_attestation, none_attestation,`},
		{"resident_slots", "many", `"many" is no value for resident_slots, which is a number`},
		{"touch_timeout", "soon", "a duration"},
		{"reject_all_extensions", "perhaps", "true or false"},
		{"max_msg_size", "1", "use 1024 to 7609"},
		{"force_cred_protect", "4", "force_cred_protect, which needs a level from 1 to 3"},
		{"default_cred_protect", "9", "a level from 1 to 3"},
		{"include_credential_in_assertion_response", "maybe", "always, if-needed or never"},
		{"override_response_map", `{"authenticatorDance": "CTAP2_ERR_NOT_ALLOWED"}`, `"authenticatorDance" in the quirk override_response_map`},
		{"advertised_algorithms", "-1", `"-1" in the quirk advertised_algorithms`},
	} {
		_, err := base.With(c[0], c[1])
		require.ErrorContains(t, err, c[2], c[0])
	}
	quirks, fields := u2f.Settable()
	for _, name := range append(quirks, fields...) {
		require.NotEmpty(t, name)
		require.NotContains(t, name, "-")
	}
}

// A quirk that the key has no use for is a contradiction.
func TestQuirksThatContradict(t *testing.T) {
	for text, want := range map[string]string{
		`{"base": "ctap2.0", "name": "x", "quirks": {"force_cred_protect": 2}}`:                               "credProtect in extensions",
		`{"resident_slots": 0, "credential_management": false, "quirks": {"internal_account_chooser": true}}`: "resident_slots of 1 or more",
		`{"base": "u2f", "quirks": {"always_uv_for_up_false": true}}`:                                         "needs pin_uv_auth_protocols",
		`{"base": "u2f", "quirks": {"ignore_u2f_credentials": true}}`:                                         "a version of CTAP2",
		`{"base": "ctap2.0", "quirks": {"empty_rp_enumeration": true}}`:                                       "needs credential_management",
		`{"quirks": {"nonsense": true}}`:                                                                      `unknown field "nonsense"`,
	} {
		_, err := u2f.ParseProfile([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
