package u2f_test

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

func TestProfilesRoundTrip(t *testing.T) {
	for _, p := range u2f.Profiles() {
		require.NoError(t, p.Check())
		text, err := json.Marshal(p)
		require.NoError(t, err)
		for _, base := range u2f.Profiles() { // a profile that says everything needs no base
			var all map[string]any
			require.NoError(t, json.Unmarshal(text, &all))
			all["base"] = base.Name
			with, err := json.Marshal(all)
			require.NoError(t, err)
			back, err := u2f.ParseProfile(with)
			require.NoError(t, err, p.Name)
			again, err := json.Marshal(back)
			require.NoError(t, err)
			require.Equal(t, string(text), string(again))
		}
		named, err := u2f.ProfileNamed(p.Name)
		require.NoError(t, err)
		require.Equal(t, p, named)
	}
	_, err := u2f.ProfileNamed("yubikey")
	require.EqualError(t, err, `u2f: no profile "yubikey"; use ctap2.3, ctap2.1, ctap2.0, u2f, bio, yubikey-5.8, yubikey-5.4`)
}

func TestParseProfile(t *testing.T) {
	p, err := u2f.ParseProfile([]byte(`{"name": "mine", "touch_timeout": "5s", "reset_late_error": "CTAP2_ERR_OPERATION_DENIED"}`))
	require.NoError(t, err)
	want := u2f.Profiles()[0]
	want.Name, want.TouchTimeout, want.ResetLateError = "mine", u2f.Duration(5*time.Second), u2f.Answer(ctap.ErrOperationDenied)
	require.Equal(t, want, p)

	p, err = u2f.ParseProfile([]byte(`{"base": "ctap2.0", "name": "mine", "cbor": "lenient"}`))
	require.NoError(t, err)
	require.Equal(t, []string{"U2F_V2", "FIDO_2_0"}, p.Versions)
	require.Equal(t, u2f.Lenient, p.CBOR)
}

func TestParseProfileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                                                   "no JSON object",
		`[]`:                                                 "no JSON object",
		`{"base": 1}`:                                        "a base that is a string",
		`{"base": "solo"}`:                                   `no profile "solo"; use ctap2.3, ctap2.1, ctap2.0, u2f`,
		`{"touchtime": "1s"}`:                                `unknown field "touchtime"`,
		`{"name": "x"} {"name": "y"}`:                        "after top-level value",
		`{"name": ""}`:                                       `is called ""; use 1 to 32 lower-case letters`,
		`{"name": "Köln"}`:                                   `is called "Köln"`,
		`{"versions": []}`:                                   "has no versions; use",
		`{"versions": ["FIDO_2_2"]}`:                         `has "FIDO_2_2" in versions; use`,
		`{"versions": ["FIDO_2_1", "FIDO_2_1"]}`:             "has FIDO_2_1 twice in versions",
		`{"versions": ["U2F_V2"]}`:                           "CTAP1 only, which has no AAGUID",
		`{"extensions": ["credBall"]}`:                       `has "credBall" in extensions; use`,
		`{"extensions": ["credBlob"]}`:                       "credBlob, which needs the extension credProtect beside it",
		`{"extensions": ["hmac-secret-mc"]}`:                 "hmac-secret-mc, which needs the extension hmac-secret",
		`{"extensions": ["largeBlob"]}`:                      "largeBlob, which needs max_serialized_large_blob_array 0",
		`{"max_serialized_large_blob_array": 0}`:             "largeBlobKey, which needs max_serialized_large_blob_array",
		`{"max_serialized_large_blob_array": 9}`:             "has 9 for max_serialized_large_blob_array; use 1024 to",
		`{"max_cred_blob_length": 31}`:                       "has 31 for max_cred_blob_length; use 32 to",
		`{"config_commands": [5]}`:                           `"5" in config_commands; use 1, 2, 3, 4`,
		`{"config_commands": [1, 2, 4]}`:                     "max_rpids_for_set_min_pin_length, which needs config command 3",
		`{"config_commands": [2, 3, 4]}`:                     "enterprise_rp_ids, which needs config command 1",
		`{"say_long_touch_for_reset": false}`:                "config command 4, which needs say_long_touch_for_reset",
		`{"credential_management": false}`:                   "persistent_tokens, which needs permissions and credential_management",
		`{"persistent_tokens": false}`:                       "enc_identifier, which needs persistent_tokens",
		`{"enterprise_rp_ids": [""]}`:                        `has "" in enterprise_rp_ids; use`,
		`{"enterprise_rp_ids": ["a", "a"]}`:                  "has a twice in enterprise_rp_ids",
		`{"pin_policy": {"distinct": 64}}`:                   "has 64 for pin_policy.distinct; use 0 to 63",
		`{"pin_policy": {"say": false}}`:                     "pinComplexityPolicy, which needs config command 3 and pin_policy.say",
		`{"max_pin_length": 64}`:                             "has 64 for max_pin_length; use 4 to 63",
		`{"max_pin_length": 5, "min_pin_length": 6}`:         "has 6 for min_pin_length; use 4 to 5",
		`{"long_touch": "0s"}`:                               "has 0s for long_touch",
		`{"transports_for_reset": ["smoke"]}`:                `"smoke" in transports_for_reset`,
		`{"transports": ["smoke"]}`:                          `"smoke" in transports`,
		`{"aaguid": "1234"}`:                                 `"1234" is not an AAGUID; write one as`,
		`{"aaguid": "zz112233-4455-6677-8899-aabbccddeeff"}`: "is not an AAGUID",
		`{"algorithms": []}`:                                 "has no algorithms",
		`{"algorithms": [-7, -47]}`:                          `"-47" in algorithms; use -7 (ES256), -8 (EdDSA)`,
		`{"max_msg_size": 1200}`:                             "ML-DSA-44), whose answers do not fit max_msg_size 1200; use 4608 or more",
		`{"algorithms": [-8]}`:                               "CTAP1, which needs algorithm -7",
		`{"max_msg_size": 1023}`:                             "has 1023 for max_msg_size; use 1024 to 7609",
		`{"max_msg_size": 7610}`:                             "use 1024 to 7609",
		`{"max_msg_size": "big"}`:                            "cannot be read",
		`{"max_credential_count_in_list": -1}`:               "has -1 for max_credential_count_in_list",
		`{"max_credential_id_length": 10}`:                   "has 10 for max_credential_id_length; use 68 to",
		`{"resident_slots": -1}`:                             "has -1 for resident_slots",
		`{"resident_slots": 100001}`:                         "use 0 to 100000",
		`{"min_pin_length": 3}`:                              "use 4 to 63",
		`{"min_pin_length": 64}`:                             "use 4 to 63",
		`{"pin_uv_auth_protocols": [3]}`:                     `"3" in pin_uv_auth_protocols; use 1, 2`,
		`{"permissions": false}`:                             "make_cred_uv_not_rqd, which needs the permissions",
		`{"attestation": "ssh"}`:                             `"ssh" in attestation; use packed-self, packed, fido-u2f, none, tpm, android-key, android-safetynet, apple, compound`,
		`{"attestation": "fido-u2f"}`:                        "fido-u2f, which has no AAGUID",
		`{"attestation_formats": ["ssh"]}`:                   `"ssh" in attestation_formats; use packed, fido-u2f, none, tpm, android-key, android-safetynet, apple, compound`,
		`{"attestation_formats": ["fido-u2f"]}`:              "fido-u2f in attestation_formats, which has no AAGUID",
		`{"cbor": "loose"}`:                                  `"loose" in cbor; use strict, lenient`,
		`{"touch_timeout": "0s"}`:                            "has 0s for touch_timeout",
		`{"touch_timeout": "25h"}`:                           "at most 24h",
		`{"touch_timeout": 30}`:                              "cannot be read",
		`{"next_assertion": "soon"}`:                         `"soon" is not a duration; write one as`,
		`{"reset_window": "-1s"}`:                            "for reset_window",
		`{"reset_late_error": "ENOPE"}`:                      `"ENOPE" is no error of CTAP; write its name`,
		`{"pin_length_error": "CTAP2_OK"}`:                   `"CTAP2_OK" is no error of CTAP`,
	} {
		_, err := u2f.ParseProfile([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	p := u2f.Profiles()[0]
	p.TouchTimeoutError = 0
	require.ErrorContains(t, p.Check(), "no error for touch_timeout_error")
}

// TestAttestation is Section 6.1.2, step 19, for each kind of statement.
func TestAttestation(t *testing.T) {
	root, err := attest.NewRoot(entropy)
	require.NoError(t, err)
	type statement struct {
		Alg int64    `cbor:"alg"`
		Sig []byte   `cbor:"sig"`
		X5C [][]byte `cbor:"x5c"`
	}
	attested := func(kind u2f.Attestation, change ...mc) (made, statement) {
		p := u2f.Profiles()[0]
		if p.Attestation = kind; kind == u2f.FIDOU2F {
			p.AAGUID = u2f.AAGUID{}
		}
		r := &rig{t: t, flash: &flash.Memory{}, now: epoch}
		r.key, err = u2f.New(u2f.Config{Profile: p, Flash: r.flash, Root: root})
		require.NoError(t, err)
		for range 2 { // made, and read again
			require.NoError(t, r.key.PowerUp(epoch, entropy))
		}
		r.key.SetPresence(epoch, u2f.Presence{Mode: u2f.Auto})
		m := r.make(change...)
		require.Equal(t, [16]byte(p.AAGUID), m.auth.AAGUID)
		var s statement
		require.NoError(t, decoder.Unmarshal(m.Statement, &s))
		return m, s
	}
	certified := func(m made, s statement) *x509.Certificate {
		require.Len(t, s.X5C, 1)
		leaf, err := x509.ParseCertificate(s.X5C[0])
		require.NoError(t, err)
		authority, err := x509.ParseCertificate(root.Certificate())
		require.NoError(t, err)
		require.NoError(t, leaf.CheckSignatureFrom(authority))
		return leaf
	}
	signed := func(m made) []byte { return append(m.AuthData, clientDataHash...) }

	m, s := attested(u2f.Packed)
	require.Equal(t, "packed", m.Format)
	leaf := certified(m, s)
	require.NoError(t, leaf.CheckSignature(x509.ECDSAWithSHA256, signed(m), s.Sig))
	model := u2f.Profiles()[0].AAGUID
	found := false
	for _, e := range leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}) {
			found = true
			require.Equal(t, append([]byte{4, 16}, model[:]...), e.Value)
		}
	}
	require.True(t, found, "Web Authentication Level 2, Section 8.2.1")

	for _, kind := range []u2f.Attestation{u2f.PackedSelf, u2f.FIDOU2F} {
		m, s = attested(kind, params(eddsa))
		require.Equal(t, "packed", m.Format)
		require.Equal(t, int64(cose.EdDSA), s.Alg)
		require.Nil(t, s.X5C)
		alg, public, err := cose.ParsePublicKey(m.auth.PublicKey)
		require.NoError(t, err)
		require.True(t, cose.Verify(alg, public, signed(m), s.Sig))
	}

	m, s = attested(u2f.FIDOU2F)
	require.Equal(t, "fido-u2f", m.Format)
	certified(m, s)

	for _, c := range []struct {
		kind       u2f.Attestation
		preference []string
		want       string
		batch      bool
	}{
		{u2f.Packed, []string{}, "packed", true},
		{u2f.Packed, []string{"none"}, "none", false},
		{u2f.Packed, []string{"tpm", "none"}, "packed", true}, // "none" counts where it stands alone
		{u2f.Packed, []string{"tpm"}, "packed", true},
		{u2f.Packed, []string{"none", "packed"}, "packed", true},
		{u2f.PackedSelf, []string{"packed"}, "packed", false},
		{u2f.None, []string{"packed"}, "packed", true},
		{u2f.None, []string{"tpm"}, "none", false},
	} {
		m, s = attested(c.kind, func(m *ctap.MakeCredentialRequest) { m.Formats = c.preference })
		require.Equal(t, c.want, m.Format, c)
		require.Equal(t, c.batch, s.X5C != nil, c)
	}
	silent := newRig(t, "ctap2.1", nil).make(func(m *ctap.MakeCredentialRequest) { m.Formats = []string{"none"} })
	require.Equal(t, "packed", silent.Format, "a key of before 2.2 does not look at it")

	m, _ = attested(u2f.None)
	require.Equal(t, "none", m.Format)
	require.Equal(t, []byte{0xa0}, m.Statement)
}

func TestAAGUIDIsTheFactorys(t *testing.T) {
	f := &flash.Memory{}
	newRigOn(t, u2f.Profiles()[0], f)
	p := u2f.Profiles()[0]
	p.AAGUID[0]++
	k, err := u2f.New(u2f.Config{Profile: p, Flash: f})
	require.NoError(t, err)
	require.ErrorContains(t, k.PowerUp(epoch, entropy), "was made with AAGUID 9c5d401e-6a27-4b3c-8e61-2fd073b51a23")
}
