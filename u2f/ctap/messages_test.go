package ctap_test

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
)

var hash = bytes.Repeat([]byte{0xcd}, 32)

// fields is a message as the other side's encoder writes it.
type fields = map[any]any

// canonical encodes with a library that shares no code with this package.
func canonical(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	require.NoError(t, err)
	b, err := mode.Marshal(v)
	require.NoError(t, err)
	return b
}

func makeFields() fields {
	return fields{1: hash, 2: fields{"id": "example.org", "name": "Example"},
		3: fields{"id": []byte("u"), "name": "alice", "displayName": "Alice"},
		4: []any{fields{"alg": -7, "type": "public-key"}, fields{"alg": -257, "type": "public-key"}},
		5: []any{fields{"id": []byte("c"), "type": "public-key"}},
		6: fields{"credProtect": 2, "hmac-secret": true}, 7: fields{"rk": true, "uv": false},
		8: []byte("param"), 9: 2, 10: 1, 11: []any{"packed", "none"}}
}

func getFields() fields {
	return fields{1: "example.org", 2: hash, 3: []any{fields{"id": []byte("c"), "type": "public-key"}},
		4: fields{"hmac-secret": fields{1: fields{}, 2: []byte("enc"), 3: []byte("auth"), 4: 2}},
		5: fields{"up": false}, 6: []byte{}, 7: 1}
}

func TestMakeCredentialRequest(t *testing.T) {
	want := ctap.MakeCredentialRequest{ClientDataHash: hash,
		RP: ctap.RelyingParty{ID: "example.org", Name: "Example"}, User: ctap.User{ID: []byte("u"), Name: "alice", DisplayName: "Alice"},
		Params:      []ctap.CredentialParameter{{Type: "public-key", Alg: -7}, {Type: "public-key", Alg: -257}},
		ExcludeList: []ctap.Descriptor{{Type: "public-key", ID: []byte("c")}},
		Extensions:  []ctap.Extension{{Name: "credProtect", Value: []byte{2}}, {Name: "hmac-secret", Value: []byte{0xf5}}},
		Options:     ctap.Options{RK: ctap.True, UV: ctap.False}, UVAuthParam: []byte("param"),
		Protocol: new(uint64(2)), EnterpriseAttestation: new(uint64(1)), Formats: []string{"packed", "none"}}
	b := canonical(t, makeFields())
	got, err := ctap.ParseMakeCredentialRequest(b)
	require.NoError(t, err)
	require.NoError(t, got.CheckParams())
	require.Equal(t, want, got)
	require.Equal(t, b, want.Append(nil))

	bare := makeFields()
	for key := 5; key <= 11; key++ {
		delete(bare, key)
	}
	bare[2], bare[3] = fields{"id": "example.org"}, fields{"id": []byte{}}
	b = canonical(t, bare)
	got, err = ctap.ParseMakeCredentialRequest(b)
	require.NoError(t, err)
	require.Nil(t, got.UVAuthParam)
	require.Equal(t, b, got.Append(nil))
}

func TestGetAssertionRequest(t *testing.T) {
	input := ctap.HMACSecretInput{KeyAgreement: []byte{0xa0}, SaltEnc: []byte("enc"), SaltAuth: []byte("auth"), Protocol: 2}
	want := ctap.GetAssertionRequest{RPID: "example.org", ClientDataHash: hash,
		AllowList:   []ctap.Descriptor{{Type: "public-key", ID: []byte("c")}},
		Extensions:  []ctap.Extension{{Name: "hmac-secret", Value: input.Append(nil)}},
		Options:     ctap.Options{UP: ctap.False},
		UVAuthParam: []byte{}, Protocol: new(uint64(1))}
	b := canonical(t, getFields())
	got, err := ctap.ParseGetAssertionRequest(b)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NotNil(t, got.UVAuthParam, "empty is not absent: Section 6.2.2, step 1")
	require.Equal(t, b, want.Append(nil))
	in, err := ctap.ParseHMACSecretInput(got.Extensions[0].Value)
	require.NoError(t, err)
	require.Equal(t, input, in)
	in.Protocol = 1
	again, err := ctap.ParseHMACSecretInput(in.Append(nil))
	require.NoError(t, err)
	require.Equal(t, in, again)
}

// TestRequestErrors spoils one thing in each request: Section 8.2's codes.
func TestRequestErrors(t *testing.T) {
	const wrongType, missing, length = ctap.ErrCBORUnexpectedType, ctap.ErrMissingParameter, ctap.ErrInvalidLength
	type spoil struct {
		name string
		key  any
		to   any // nil: left out
		want error
	}
	descriptor := func(id, kind any) []any { return []any{fields{"id": id, "type": kind}} }
	check := func(t *testing.T, message func() fields, parse func([]byte) error, spoils []spoil) {
		for _, s := range spoils {
			m := message()
			if m[s.key] = s.to; s.to == nil {
				delete(m, s.key)
			}
			require.Equal(t, s.want, parse(canonical(t, m)), "%s", s.name)
		}
		require.Equal(t, wrongType, parse([]byte{0x80}))
		require.Equal(t, ctap.ErrInvalidCBOR, parse(nil))
		require.Equal(t, ctap.ErrInvalidCBOR, parse(append(canonical(t, message()), 0)))
		require.Equal(t, missing, parse([]byte{0xa0}))
		for n := range canonical(t, message()) {
			require.Equal(t, ctap.ErrInvalidCBOR, parse(canonical(t, message())[:n]), "cut at %d", n)
		}
	}
	t.Run("authenticatorMakeCredential, Section 6.1", func(t *testing.T) {
		check(t, makeFields, func(b []byte) error { _, err := ctap.ParseMakeCredentialRequest(b); return err }, []spoil{
			{"formats of another type", 11, "packed", wrongType}, {"a format of another type", 11, []any{1}, wrongType},
			{"no formats", 11, []any{}, nil},
			{"hash of another type", 1, "x", wrongType}, {"no hash", 1, nil, missing},
			{"short hash", 1, hash[1:], length}, {"long hash", 1, append(hash, 0), length},
			{"rp of another type", 2, []byte{1}, wrongType}, {"no rp", 2, nil, missing},
			{"rp without id", 2, fields{"name": "x"}, missing}, {"rp id of another type", 2, fields{"id": []byte{1}}, wrongType},
			{"rp name of another type", 2, fields{"id": "x", "name": 1}, wrongType},
			{"rp with more", 2, fields{"id": "x", "icon": 1}, nil},
			{"user of another type", 3, 1, wrongType}, {"no user", 3, nil, missing},
			{"user without id", 3, fields{"name": "x"}, missing}, {"user id of another type", 3, fields{"id": "x"}, wrongType},
			{"user id of 64 bytes", 3, fields{"id": make([]byte, 64)}, nil}, {"user id of 65", 3, fields{"id": make([]byte, 65)}, length},
			{"user name of another type", 3, fields{"id": []byte{1}, "name": 1}, wrongType},
			{"display name of another type", 3, fields{"id": []byte{1}, "displayName": true}, wrongType},
			{"params of another type", 4, fields{}, wrongType}, {"no params", 4, nil, missing},
			{"excludeList of another type", 5, "x", wrongType}, {"empty excludeList", 5, []any{}, nil},
			{"descriptor of another type", 5, []any{1}, wrongType}, {"descriptor without type", 5, []any{fields{"id": []byte{1}}}, missing},
			{"descriptor without id", 5, []any{fields{"type": "public-key"}}, missing},
			{"descriptor id of another type", 5, descriptor("x", "public-key"), wrongType},
			{"descriptor type of another type", 5, descriptor([]byte{1}, 1), wrongType},
			{"extensions of another type", 6, 1, wrongType}, {"options of another type", 7, 1, wrongType},
			{"option rk of another type", 7, fields{"rk": 1}, wrongType}, {"option up of another type", 7, fields{"up": "x"}, wrongType},
			{"option uv that is null", 7, fields{"uv": cbor.SimpleValue(22)}, wrongType},
			{"option that is not known", 7, fields{"fast": 1, 3: 4}, nil},
			{"pinUvAuthParam of another type", 8, 1, wrongType}, {"pinUvAuthProtocol of another type", 9, "1", wrongType},
			{"negative pinUvAuthProtocol", 9, -1, wrongType}, {"enterpriseAttestation of another type", 10, true, wrongType},
			{"parameter that is not known", 99, fields{"x": 1}, nil}, {"parameter under a text", "x", 1, nil},
		})
	})
	t.Run("authenticatorGetAssertion, Section 6.2", func(t *testing.T) {
		check(t, getFields, func(b []byte) error { _, err := ctap.ParseGetAssertionRequest(b); return err }, []spoil{
			{"rpId of another type", 1, []byte{1}, wrongType}, {"no rpId", 1, nil, missing},
			{"hash of another type", 2, 1, wrongType}, {"no hash", 2, nil, missing}, {"short hash", 2, hash[1:], length},
			{"allowList of another type", 3, fields{}, wrongType}, {"descriptor of another type", 3, []any{"x"}, wrongType},
			{"descriptor with more", 3, []any{fields{"id": []byte{1}, "type": "x", "transports": []any{"usb"}}}, nil},
			{"extensions of another type", 4, []any{}, wrongType}, {"options of another type", 5, true, wrongType},
			{"pinUvAuthParam of another type", 6, "x", wrongType}, {"pinUvAuthProtocol of another type", 7, []byte{1}, wrongType},
			{"parameter that is not known", 8, 1, nil},
		})
	})
}

// TestCheckParams is Section 6.1.2, step 3: an element that is bad is found although another is good, and not before its
// time.
func TestCheckParams(t *testing.T) {
	good := fields{"alg": -7, "type": "public-key"}
	for _, c := range []struct {
		name    string
		element any
		want    error
	}{
		{"no alg", fields{"type": "public-key"}, ctap.ErrInvalidCBOR},
		{"no type", fields{"alg": -7}, ctap.ErrInvalidCBOR},
		{"alg of another type", fields{"alg": "-7", "type": "public-key"}, ctap.ErrCBORUnexpectedType},
		{"type of another type", fields{"alg": -7, "type": []byte("public-key")}, ctap.ErrCBORUnexpectedType},
		{"another type", 7, ctap.ErrCBORUnexpectedType},
		{"an alg that no number holds", fields{"alg": uint64(1 << 63), "type": "public-key"}, ctap.ErrInvalidParameter},
		{"more members", fields{"alg": -7, "type": "public-key", "x": 1}, nil},
	} {
		m := makeFields()
		m[4] = []any{good, c.element, good}
		r, err := ctap.ParseMakeCredentialRequest(canonical(t, m))
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, r.CheckParams(), c.name)
	}
}

func TestExtensionInputs(t *testing.T) {
	for b, want := range map[string]error{
		"\x00": ctap.ErrInvalidParameter, "\x04": ctap.ErrInvalidParameter, "\x20": ctap.ErrCBORUnexpectedType,
		"\xf5": ctap.ErrCBORUnexpectedType, "": ctap.ErrInvalidCBOR, "\x01\x01": ctap.ErrInvalidCBOR,
	} {
		_, err := ctap.ParseCredProtect([]byte(b))
		require.Equal(t, want, err, "%x", b)
	}
	for level := byte(1); level <= 3; level++ {
		got, err := ctap.ParseCredProtect(ctap.EncodeUint(uint64(level)))
		require.NoError(t, err)
		require.Equal(t, level, got)
	}
	for _, v := range []bool{true, false} {
		got, err := ctap.ParseBool(ctap.EncodeBool(v))
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
	_, err := ctap.ParseBool([]byte{0xf6})
	require.Equal(t, ctap.ErrCBORUnexpectedType, err)
	for b, want := range map[string]error{
		"\xf5": ctap.ErrCBORUnexpectedType, "\xa0": ctap.ErrMissingParameter, "\xa1\x01\x01": ctap.ErrCBORUnexpectedType,
		"\xa3\x01\xa0\x02\x40\x03\x40\x00": ctap.ErrInvalidCBOR, "\xa4\x01\xa0\x02\x40\x03\x40\x04\x40": ctap.ErrCBORUnexpectedType,
	} {
		_, err := ctap.ParseHMACSecretInput([]byte(b))
		require.Equal(t, want, err, "%x", b)
	}
}

func TestResponses(t *testing.T) {
	auth := ctap.AuthData{RPIDHash: [32]byte(hash), Flags: ctap.FlagUP, Counter: 7, AAGUID: [16]byte{1}, CredentialID: []byte("c"),
		PublicKey: []byte{0xa0}, Extensions: []byte("\xa1\x6bcredProtect\x02")}
	data := auth.Append(nil)
	back, err := ctap.ParseAuthData(data)
	require.NoError(t, err)
	require.Equal(t, byte(ctap.FlagUP|ctap.FlagAT|ctap.FlagED), back.Flags)
	require.Equal(t, data, back.Append(nil))
	for n := range data {
		_, err := ctap.ParseAuthData(data[:n])
		require.Error(t, err, "cut at %d", n)
	}
	_, err = ctap.ParseAuthData(append(data, 0))
	require.Equal(t, ctap.ErrInvalidCBOR, err)

	m := ctap.MakeCredentialResponse{Format: "none", AuthData: data, Statement: []byte{0xa0}}
	require.Equal(t, canonical(t, fields{1: "none", 2: data, 3: fields{}}), m.Append(nil))
	m2, err := ctap.ParseMakeCredentialResponse(canonical(t, fields{1: "none", 2: data, 3: fields{}, 9: 1}))
	require.NoError(t, err)
	require.Equal(t, m, m2)
	_, err = ctap.ParseMakeCredentialResponse(canonical(t, fields{1: "none", 2: data}))
	require.Equal(t, ctap.ErrMissingParameter, err)
	_, err = ctap.ParseMakeCredentialResponse(canonical(t, fields{1: "none", 2: data, 3: 1}))
	require.Equal(t, ctap.ErrCBORUnexpectedType, err)

	g := ctap.GetAssertionResponse{CredentialID: []byte("c"), AuthData: data, Signature: []byte("s"),
		User: &ctap.User{ID: []byte("u"), Name: "alice"}, NumberOfCredentials: 2}
	want := fields{1: fields{"id": []byte("c"), "type": "public-key"}, 2: data, 3: []byte("s"),
		4: fields{"id": []byte("u"), "name": "alice"}, 5: 2}
	require.Equal(t, canonical(t, want), g.Append(nil))
	want[9] = 1
	g2, err := ctap.ParseGetAssertionResponse(canonical(t, want))
	require.NoError(t, err)
	require.Equal(t, g, g2)
	_, err = ctap.ParseGetAssertionResponse(canonical(t, fields{2: data}))
	require.Equal(t, ctap.ErrMissingParameter, err)
}

func TestGetInfoResponse(t *testing.T) {
	message := fields{1: []any{"FIDO_2_1"}, 2: []any{"credProtect"}, 3: make([]byte, 16),
		4: fields{"up": true, "rk": true, "plat": false, "clientPin": true}, 5: 1200, 6: []any{2, 1}, 7: 8, 8: 128,
		9: []any{"usb"}, 10: []any{fields{"alg": -8, "type": "public-key"}}, 11: 4096, 12: true, 13: 4, 14: 1, 15: 32, 16: 8,
		20: 0, 22: []any{"packed"}, 24: false, 25: make([]byte, 32), 26: []any{"usb"}, 27: true, 28: []byte("https://example.com"), 29: 63, 30: make([]byte, 32),
		31: []any{1, 2, 3, 4}}
	b := canonical(t, message)
	g, err := ctap.ParseGetInfoResponse(b)
	require.NoError(t, err)
	require.Equal(t, b, g.Append(nil))
	require.Equal(t, []int64{-8}, g.Algorithms)
	require.Equal(t, map[string]bool{"up": true, "rk": true, "plat": false, "clientPin": true}, g.Options)

	message[90], message[3] = "not known", make([]byte, 15)
	_, err = ctap.ParseGetInfoResponse(canonical(t, message))
	require.Equal(t, ctap.ErrInvalidLength, err)
	delete(message, 3)
	_, err = ctap.ParseGetInfoResponse(canonical(t, message))
	require.Equal(t, ctap.ErrMissingParameter, err)
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"\x18\x01":                         "\x01",                 // a long head
		"\xbf\x02\x01\x01\x02\xff":         "\xa2\x01\x02\x02\x01", // indefinite and out of order
		"\xa2\x01\x01\x01\x02":             "\xa1\x01\x02",         // a key twice: the last one counts
		"\xa2\x01\x01\x18\x01\x02":         "\xa1\x01\x02",
		"\xa2\x61b\x01\x20\x02":            "\xa2\x20\x02\x61b\x01",
		"\x9f\x5f\x41a\x41b\xff\x80\xff":   "\x82\x42ab\x80",
		"\x7f\x62\xc3\xa9\x60\xff":         "\x62\xc3\xa9",
		"\xc1\xd8\x20\xa1\xc0\x01\xc2\xf5": "\xa1\x01\xf5", // tags
		"\x61\xff":                         "\x63\xef\xbf\xbd",
		"\xfa\x3f\x80\x00\x00":             "\xfa\x3f\x80\x00\x00",
		"\xf6":                             "\xf6",
	} {
		got, err := ctap.Canonical([]byte(in))
		require.NoError(t, err, "%x", in)
		require.Equal(t, []byte(want), got, "%x", in)
	}
	_, err := ctap.Canonical([]byte{0xa1, 0x01})
	require.Equal(t, ctap.ErrInvalidCBOR, err)
}

// FuzzCanonical holds that what is well-formed gets a canonical form, which is its own.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"\xbf\x02\x01\x01\x02\xff", "\x7f\x61a\xff", "\xc1\x01", "\xa2\x61b\x01\x20\x02", "\x61\xff", "\xf9\x3c\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ctap.Canonical(b)
		if err != nil {
			require.Equal(t, ctap.CheckWellFormed(b), err)
			return
		}
		require.NoError(t, ctap.CheckCanonical(c), "%x -> %x", b, c)
		again, err := ctap.Canonical(c)
		require.NoError(t, err)
		require.Equal(t, c, again)
		if ctap.CheckCanonical(b) == nil {
			require.Equal(t, b, c)
		}
	})
}

// FuzzRequests holds that a canonical request that is read and written again is read the same.
func FuzzRequests(f *testing.F) {
	f.Add(canonical(f, makeFields()))
	f.Add(canonical(f, getFields()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ctap.ParseMakeCredentialRequest(b); err == nil && ctap.CheckCanonical(b) == nil && m.CheckParams() == nil {
			again, err := ctap.ParseMakeCredentialRequest(m.Append(nil))
			require.NoError(t, err)
			require.Equal(t, m.Append(nil), again.Append(nil))
		}
		if g, err := ctap.ParseGetAssertionRequest(b); err == nil && ctap.CheckCanonical(b) == nil {
			again, err := ctap.ParseGetAssertionRequest(g.Append(nil))
			require.NoError(t, err)
			require.Equal(t, g.Append(nil), again.Append(nil))
		}
	})
}
