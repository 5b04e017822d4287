package u2f_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// extending asks for an extension in an assertion.
func extending(name string, value []byte) ga {
	return func(g *ctap.GetAssertionRequest) {
		g.Extensions = append(g.Extensions, ctap.Extension{Name: name, Value: value})
	}
}

// outputs reads the extensions' outputs.
func outputs(t testing.TB, b []byte) map[string]any {
	all := map[string]any{}
	if b != nil {
		require.NoError(t, decoder.Unmarshal(b, &all))
	}
	return all
}

var yes, no = ctap.EncodeBool(true), ctap.EncodeBool(false)

// TestExtensionErrors is what a bad input of an extension leads to, before the user is asked. Sections are those of 2.3.
func TestExtensionErrors(t *testing.T) {
	large := func(p *u2f.Profile) {
		p.Extensions, p.MaxLargeBlobs = []string{ctap.LargeBlob}, 0
	}
	encode := func(v any) []byte {
		b, err := encoder.Marshal(v)
		require.NoError(t, err)
		return b
	}
	wrong := map[string]any{"wrong": "123"}
	for _, c := range []struct {
		section, name string
		value         []byte
		rk            bool
		change        func(*u2f.Profile)
		making, get   error
	}{
		{"12.2", ctap.CredBlob, encode(7), true, nil, ctap.ErrCBORUnexpectedType, ctap.ErrCBORUnexpectedType},
		{"12.3", ctap.LargeBlobKey, encode("x"), true, nil, ctap.ErrCBORUnexpectedType, ctap.ErrCBORUnexpectedType},
		{"12.3", ctap.LargeBlobKey, no, true, nil, ctap.ErrInvalidOption, ctap.ErrInvalidOption},
		{"12.3", ctap.LargeBlobKey, yes, false, nil, ctap.ErrInvalidOption, nil},
		{"12.4", ctap.LargeBlob, encode(wrong), true, large, ctap.ErrInvalidCBOR, ctap.ErrInvalidCBOR},
		{"12.4", ctap.LargeBlob, encode(map[string]any{"support": "perhaps"}), true, large, ctap.ErrInvalidCBOR, ctap.ErrInvalidCBOR},
		{"12.4", ctap.LargeBlob, encode(map[string]any{"support": "required"}), false, large, ctap.ErrUnsupportedOption, ctap.ErrInvalidCBOR},
		{"12.4", ctap.LargeBlob, encode(map[string]any{"read": "true"}), true, large, ctap.ErrInvalidCBOR, ctap.ErrInvalidCBOR},
		{"12.4", ctap.LargeBlob, encode(map[string]any{"read": true, "write": []byte{1}, "originalSize": 1}), true, large,
			ctap.ErrInvalidCBOR, ctap.ErrInvalidCBOR},
		{"12.4", ctap.LargeBlob, encode(map[string]any{"write": []byte{1}}), true, large, ctap.ErrInvalidCBOR, ctap.ErrInvalidCBOR},
		{"12.4", ctap.LargeBlob, encode(map[string]any{"write": "x", "originalSize": "x"}), true, large, ctap.ErrInvalidCBOR, ctap.ErrInvalidCBOR},
		{"12.5", ctap.MinPINLength, encode(4), true, nil, ctap.ErrCBORUnexpectedType, nil},
		{"12.6", ctap.PINComplexityPolicy, encode(4), true, nil, ctap.ErrCBORUnexpectedType, nil},
		{"12.8", ctap.HMACSecretMC, encode(true), true, nil, ctap.ErrCBORUnexpectedType, nil},
		{"12.8", ctap.HMACSecretMC, encode(map[int]any{2: []byte{}, 3: []byte{}}), true, nil, ctap.ErrMissingParameter, nil},
		{"12.8 (without hmac-secret)", ctap.HMACSecretMC, encode(map[int]any{1: map[int]any{1: 2}, 2: make([]byte, 48), 3: make([]byte, 32)}), true, nil,
			ctap.ErrMissingParameter, nil},
		{"12.9", ctap.ThirdPartyPayment, encode(1), true, nil, ctap.ErrCBORUnexpectedType, ctap.ErrCBORUnexpectedType},
	} {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			r := newRig(t, "ctap2.3", c.change)
			made := r.make(resident("u"))
			before := r.contents()
			change := extension(c.name, c.value)
			if c.rk {
				change = all(change, resident("v"))
			}
			r.said()
			_, err := r.send(makeCmd, making(change))
			require.Equal(t, c.making, err)
			_, err = r.send(getCmd, asking(all(allow(made.auth.CredentialID), extending(c.name, c.value))))
			if c.get == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.get, err)
			require.Empty(t, r.said(), "nobody is asked")
			require.Equal(t, before, r.contents())
		})
	}
}

// TestCredBlob is Section 12.2.
func TestCredBlob(t *testing.T) {
	r, blob := newRig(t, "ctap2.3", nil), bytes.Repeat([]byte{9}, 32)
	with := func(v []byte) mc { return extension("credBlob", ctap.EncodeBytes(v)) }
	asked := extending("credBlob", yes)
	made := r.make(resident("u"), with(blob))
	require.Equal(t, map[string]any{"credBlob": true}, outputs(t, made.auth.Extensions))
	r.replug()
	require.Equal(t, map[string]any{"credBlob": blob}, outputs(t, r.get(asked).auth.Extensions))
	require.Nil(t, r.get().auth.Extensions, "only who asks is told")
	require.Nil(t, r.get(extending("credBlob", no)).auth.Extensions)
	long := r.make(resident("v"), with(append(blob, 1)))
	require.Equal(t, map[string]any{"credBlob": false}, outputs(t, long.auth.Extensions), "X-2: too long is no error")
	plain := r.make(with(blob))
	require.Equal(t, map[string]any{"credBlob": false}, outputs(t, plain.auth.Extensions), "nor is a credential that is not discoverable")
	require.Equal(t, map[string]any{"credBlob": []byte{}}, outputs(t, r.get(allow(plain.auth.CredentialID), asked).auth.Extensions))
	r.make(resident("u"))
	require.Equal(t, []byte{}, outputs(t, r.get(asked).auth.Extensions)["credBlob"], "a credential in the place of another has its own")
}

// TestLargeBlobKey is Section 12.3.
func TestLargeBlobKey(t *testing.T) {
	r := newRig(t, "ctap2.3", nil)
	asked := extension("largeBlobKey", yes)
	made := r.make(resident("u"), asked)
	require.Len(t, made.LargeBlobKey, 32)
	require.Nil(t, made.auth.Extensions, "outside of authenticator data")
	get := extending("largeBlobKey", yes)
	require.Equal(t, made.LargeBlobKey, r.get(get).LargeBlobKey)
	require.Nil(t, r.get().LargeBlobKey)
	r.replug()
	require.Equal(t, made.LargeBlobKey, r.get(allow(made.auth.CredentialID), get).LargeBlobKey)
	again := r.make(resident("u"), asked)
	require.NotEqual(t, made.LargeBlobKey, again.LargeBlobKey, "6.1.2 step 17")
	other := r.make(resident("v"))
	require.Nil(t, other.LargeBlobKey)
	require.Nil(t, r.get(allow(other.auth.CredentialID), get).LargeBlobKey)
	r.setPIN()
	out, err := r.manage(managing(r.token(ctap.PermissionCM), ctap.CredentialManagementRequest{
		Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: again.auth.RPIDHash[:]}))
	require.NoError(t, err)
	require.Equal(t, again.LargeBlobKey, out.LargeBlobKey, "6.8.4")
}

// TestLargeBlobExtension is Section 12.4 of 2.3.
func TestLargeBlobExtension(t *testing.T) {
	change := func(p *u2f.Profile) {
		p.Extensions, p.MaxLargeBlobs, p.MaxLargeBlob = []string{ctap.LargeBlob}, 0, 40
	}
	full := &crowded{Flash: &flash.Memory{}}
	p := newRig(t, "ctap2.3", change).key.Profile()
	r := newRigOn(t, p, full)
	support := func(word string) mc {
		in := ctap.LargeBlobInput{Support: word}
		return extension("largeBlob", in.Append(nil))
	}
	read := ctap.LargeBlobInput{Read: true}
	write := func(b []byte) ga {
		in := ctap.LargeBlobInput{Write: b, OriginalSize: new(uint64(500))}
		return extending("largeBlob", in.Append(nil))
	}
	unsigned := func(b []byte) ctap.LargeBlobOutput {
		out, err := ctap.ParseLargeBlobUnsigned(b)
		require.NoError(t, err)
		return out
	}
	require.NotContains(t, r.info().Options, "largeBlobs")
	other := r.make(resident("v"))
	require.Nil(t, other.Unsigned)
	made := r.make(resident("u"), support("required")) // the newer one, so that it is the first to answer who names none
	require.True(t, *unsigned(made.Unsigned).Supported)
	require.Nil(t, r.make(support("preferred")).Unsigned, "a credential that is not discoverable has no place for it")
	mine, blob := allow(made.auth.CredentialID), []byte("compressed")
	reading := extending("largeBlob", read.Append(nil))

	written := func(g got) bool { return *unsigned(g.Unsigned).Written }
	require.Nil(t, unsigned(r.get(mine, reading).Unsigned).Blob)
	require.True(t, written(r.get(mine, write(blob))))
	require.False(t, written(r.get(write(blob))), "the platform has to name the credential")
	require.False(t, written(r.get(mine, silent, write([]byte("x")))), "nobody was asked")
	require.False(t, written(r.get(mine, write(make([]byte, 41)))), "no room")
	require.False(t, written(r.get(allow(other.auth.CredentialID), write(blob))), "not made for it")
	full.name = "rk/"
	require.False(t, written(r.get(mine, write([]byte("y")))))
	full.name = ""
	r.replug()
	got := unsigned(r.get(mine, reading).Unsigned)
	require.Equal(t, blob, got.Blob)
	require.Equal(t, uint64(500), got.OriginalSize)
	require.Nil(t, r.get(mine).Unsigned)
	again := r.make(resident("u"), support("preferred"))
	require.Nil(t, unsigned(r.get(allow(again.auth.CredentialID), reading).Unsigned).Blob, "6.1.2 step 17")
}

// TestPINExtensions are Sections 12.5 and 12.6 of 2.3: who is on the list is told.
func TestPINExtensions(t *testing.T) {
	r := newRig(t, "ctap2.3", nil)
	asked := all(extension("minPinLength", yes), extension("pinComplexityPolicy", yes))
	require.Nil(t, r.make(asked).auth.Extensions)
	r.configured(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(7)), RPIDs: []string{"a.example", rpID}}))
	require.Equal(t, map[string]any{"minPinLength": uint64(7), "pinComplexityPolicy": false}, numbers(outputs(t, r.make(asked).auth.Extensions)))
	require.Nil(t, r.make(asked, func(m *ctap.MakeCredentialRequest) { m.RP.ID = "example.net" }).auth.Extensions)
	require.Nil(t, r.make(extension("minPinLength", no), extension("pinComplexityPolicy", no)).auth.Extensions)
	require.Nil(t, r.make().auth.Extensions)
	r.replug()
	require.Equal(t, map[string]any{"minPinLength": uint64(7)}, numbers(outputs(t, r.make(extension("minPinLength", yes)).auth.Extensions)))
	r.configured(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{RPIDs: []string{}}))
	require.Nil(t, r.make(asked).auth.Extensions, "an empty list takes the place of the one before")
}

// numbers makes unsigned integers of one type.
func numbers(m map[string]any) map[string]any {
	for k, v := range m {
		if n, ok := v.(int64); ok {
			m[k] = uint64(n)
		}
	}
	return m
}

// TestThirdPartyPayment is Section 12.9 of 2.3.
func TestThirdPartyPayment(t *testing.T) {
	r := newRig(t, "ctap2.3", nil)
	asked := extending("thirdPartyPayment", yes)
	for _, c := range []struct {
		change mc
		want   bool
	}{{extension("thirdPartyPayment", yes), true}, {extension("thirdPartyPayment", no), false}, {func(*ctap.MakeCredentialRequest) {}, false}} {
		for _, kind := range []mc{resident("u"), func(*ctap.MakeCredentialRequest) {}} {
			made := r.make(kind, c.change)
			require.Nil(t, made.auth.Extensions)
			mine := allow(made.auth.CredentialID)
			require.Equal(t, map[string]any{"thirdPartyPayment": c.want}, outputs(t, r.get(mine, asked).auth.Extensions))
			require.Nil(t, r.get(mine).auth.Extensions)
		}
	}
	r.setPIN()
	hash := sha256.Sum256([]byte(rpID))
	out, err := r.manage(managing(r.token(ctap.PermissionCM), ctap.CredentialManagementRequest{
		Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hash[:]}))
	require.NoError(t, err)
	require.False(t, *out.ThirdParty, "2.3 Section 6.8.4")
}

// TestHMACSecretMC is Section 12.8 of 2.3: the same outputs as from an assertion.
func TestHMACSecretMC(t *testing.T) {
	r, salt := newRig(t, "ctap2.3", nil), bytes.Repeat([]byte{3}, 32)
	input := func() ([]byte, *pinuv.Secret) {
		public, s := r.secret(pinuv.Two)
		enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), salt)
		require.NoError(t, err)
		in := ctap.HMACSecretInput{KeyAgreement: public, SaltEnc: enc, SaltAuth: s.Authenticate(enc), Protocol: 2}
		return in.Append(nil), s
	}
	open := func(s *pinuv.Secret, b []byte, name string) []byte {
		plain, err := s.Decrypt(outputs(t, b)[name].([]byte))
		require.NoError(t, err)
		return plain
	}
	in, s := input()
	made := r.make(extension("hmac-secret", yes), extension("hmac-secret-mc", in))
	require.Equal(t, true, outputs(t, made.auth.Extensions)["hmac-secret"])
	first := open(s, made.auth.Extensions, "hmac-secret-mc")
	require.Len(t, first, 32)
	in, s = input()
	g := r.get(allow(made.auth.CredentialID), extending("hmac-secret", in))
	require.Equal(t, first, open(s, g.auth.Extensions, "hmac-secret"))

	bad := ctap.HMACSecretInput{KeyAgreement: []byte{0xa0}, SaltEnc: make([]byte, 48), SaltAuth: make([]byte, 32), Protocol: 2}
	_, err := r.send(makeCmd, making(all(resident("u"), extension("hmac-secret", yes), extension("hmac-secret-mc", bad.Append(nil)))))
	require.Equal(t, ctap.ErrInvalidParameter, err)
	require.Zero(t, r.key.Summary().Credentials)
}

// TestPersistentToken is the permission pcmr of 2.3: Sections 6.5.5.7, 6.8 and 6.4.
func TestPersistentToken(t *testing.T) {
	pcmr, cm := ctap.PermissionPCMR, ctap.PermissionCM
	issue := func(r *rig) []byte {
		token, err := r.exchange(ctap.GetPINUVAuthTokenUsingPINWithPermissions, pin, &pcmr)
		require.NoError(t, err)
		return token
	}
	ready := func(t *testing.T) *rig {
		r := newRig(t, "ctap2.3", nil)
		r.make(resident("u"))
		r.make(resident("v"))
		r.setPIN()
		require.True(t, r.info().Options["perCredMgmtRO"])
		return r
	}
	hash := sha256.Sum256([]byte(rpID))
	listing := ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hash[:]}
	t.Run("it reads, as long as the PIN lasts, whatever power and time do", func(t *testing.T) {
		r := ready(t)
		token := issue(r)
		other := r.token(cm)
		require.Equal(t, token, issue(r), "there is one")
		r.replug()
		require.Equal(t, token, issue(r))
		r.now = r.now.Add(1000 * 3600 * 1e9)
		out, err := r.manage(managing(token, listing))
		require.NoError(t, err)
		require.Equal(t, uint64(2), out.TotalCredentials)
		_, err = r.manage(goingOn(ctap.EnumerateCredentialsGetNextCredential))
		require.NoError(t, err)
		_, err = r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateRPsBegin}))
		require.NoError(t, err)
		_, err = r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.GetCredsMetadata}))
		require.NoError(t, err)
		_, err = r.manage(managing(other, listing))
		require.Equal(t, ctap.ErrPINAuthInvalid, err)
	})
	t.Run("it changes nothing", func(t *testing.T) {
		r := ready(t)
		token := issue(r)
		out, err := r.manage(managing(token, listing))
		require.NoError(t, err)
		for _, in := range []ctap.CredentialManagementRequest{
			{Subcommand: ctap.DeleteCredential, CredentialID: out.CredentialID},
			{Subcommand: ctap.UpdateUserInformation, CredentialID: out.CredentialID, User: out.User},
		} {
			_, err = r.manage(managing(token, in))
			require.Equal(t, ctap.ErrPINAuthInvalid, err)
		}
		require.Equal(t, ctap.ErrPINAuthInvalid, r.config(token, ctap.ToggleAlwaysUV, nil))
		_, err = r.send(getCmd, asking(askWithToken(token)))
		require.Equal(t, ctap.ErrPINAuthInvalid, err)
	})
	t.Run("it is asked for alone", func(t *testing.T) {
		r := ready(t)
		_, err := r.exchange(ctap.GetPINUVAuthTokenUsingPINWithPermissions, pin, new(pcmr|cm))
		require.Equal(t, ctap.ErrInvalidParameter, err, "P-7")
	})
	t.Run("a new PIN and a reset make it void", func(t *testing.T) {
		r := ready(t)
		token := issue(r)
		require.NoError(t, r.changePIN(pin, "567890"))
		_, err := r.manage(managing(token, listing))
		require.Equal(t, ctap.ErrPINAuthInvalid, err)
		require.NoError(t, r.changePIN("567890", pin))
		_, err = r.manage(managing(token, listing))
		require.Equal(t, ctap.ErrPINAuthInvalid, err, "for good")
		token = issue(r)
		_, err = r.send(resetCmd, nil)
		require.NoError(t, err)
		r.setPIN()
		require.NotEqual(t, token, issue(r))
	})
	t.Run("encIdentifier and encCredStoreState are for its holders", func(t *testing.T) {
		r := ready(t)
		token := issue(r)
		read := func(sealed []byte, info string) string {
			require.Len(t, sealed, 32)
			key, err := hkdf.Key(sha256.New, token, make([]byte, 32), info, 16)
			require.NoError(t, err)
			block, err := aes.NewCipher(key)
			require.NoError(t, err)
			plain := make([]byte, 16)
			cipher.NewCBCDecrypter(block, sealed[:16]).CryptBlocks(plain, sealed[16:])
			return string(plain)
		}
		look := func() (id, state string) {
			info := r.info()
			return read(info.EncIdentifier, "encIdentifier"), read(info.EncCredStoreState, "encCredStoreState")
		}
		require.NotEqual(t, r.info().EncIdentifier, r.info().EncIdentifier, "each time anew")
		id, state := look()
		r.replug()
		id2, state2 := look()
		require.Equal(t, id, id2)
		require.Equal(t, state, state2)
		seen := map[string]bool{state: true}
		changed := func() {
			t.Helper()
			again, state := look()
			require.Equal(t, id, again)
			require.False(t, seen[state])
			seen[state] = true
		}
		made := r.make(resident("w"), withToken(r.token(ctap.PermissionMC)))
		changed()
		_, err := r.manage(managing(r.token(cm), ctap.CredentialManagementRequest{Subcommand: ctap.UpdateUserInformation,
			CredentialID: made.auth.CredentialID, User: &ctap.User{ID: []byte("w"), Name: "other"}}))
		require.NoError(t, err)
		changed()
		r.make(resident("v"), withToken(r.token(ctap.PermissionMC)))
		changed()
		_, err = r.manage(managing(r.token(cm), ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential,
			CredentialID: made.auth.CredentialID}))
		require.NoError(t, err)
		changed()
		_, before := look()
		r.replug()
		_, after := look()
		require.Equal(t, before, after, "what is kept in step is what is read")
	})
}

// TestEnterpriseAttestation is Sections 6.1.2, step 9, and 7.1.
func TestEnterpriseAttestation(t *testing.T) {
	f := &flash.Memory{}
	r := &rig{t: t, flash: f, now: epoch}
	p, err := u2f.ProfileNamed("ctap2.3")
	require.NoError(t, err)
	r.key, err = u2f.New(u2f.Config{Profile: p, Flash: f, Serial: "KEY001"})
	require.NoError(t, err)
	require.NoError(t, r.key.PowerUp(epoch, entropy))
	r.key.SetPresence(epoch, u2f.Presence{Mode: u2f.Auto})
	kind := func(n uint64) mc { return func(m *ctap.MakeCredentialRequest) { m.EnterpriseAttestation = &n } }
	leaf := func(m made) *x509.Certificate {
		var s struct {
			X5C [][]byte `cbor:"x5c"`
		}
		require.NoError(t, decoder.Unmarshal(m.Statement, &s))
		require.Len(t, s.X5C, 1)
		c, err := x509.ParseCertificate(s.X5C[0])
		require.NoError(t, err)
		return c
	}
	serial := func(c *x509.Certificate) string {
		for _, e := range c.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2}) {
				require.False(t, e.Critical)
				return string(e.Value[2:])
			}
		}
		return ""
	}
	_, err = r.send(makeCmd, making(kind(1)))
	require.Equal(t, ctap.ErrInvalidParameter, err, "it is not enabled")
	require.False(t, r.info().Options["ep"])
	r.configured(ctap.EnableEnterpriseAttestation, nil)
	require.NoError(t, r.config(nil, ctap.EnableEnterpriseAttestation, nil), "and again")
	require.True(t, r.info().Options["ep"])
	for _, n := range []uint64{0, 3, 1 << 40} {
		_, err = r.send(makeCmd, making(kind(n)))
		require.Equal(t, ctap.ErrInvalidOption, err)
	}
	for range 2 {
		m := r.make(kind(2))
		require.True(t, m.EPAtt)
		require.Equal(t, "packed", m.Format)
		require.Equal(t, "KEY001", serial(leaf(m)), "platform-managed: whoever the platform lets")
		plain := r.make(kind(1))
		require.False(t, plain.EPAtt, "vendor-facilitated: only who is on the list")
		require.Empty(t, serial(leaf(plain)))
		listed := r.make(kind(1), func(m *ctap.MakeCredentialRequest) { m.RP.ID = p.EnterpriseRPs[0] })
		require.True(t, listed.EPAtt)
		require.Empty(t, serial(leaf(r.make())), "who does not ask is not told")
		r.replug()
	}
	_, err = r.send(resetCmd, nil)
	require.NoError(t, err)
	require.False(t, r.info().Options["ep"], "R-6")
	r.configured(ctap.EnableEnterpriseAttestation, nil)
	require.Equal(t, "KEY001", serial(leaf(r.make(kind(2)))), "the certificate is the factory's")
	old := newRig(t, "ctap2.0", nil)
	_, err = old.send(makeCmd, making(kind(1)))
	require.Equal(t, ctap.ErrInvalidParameter, err)
}
