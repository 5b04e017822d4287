package ctap

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clientPINVectors returns the messages of testdata/clientpin.txt by name.
func clientPINVectors(t testing.TB) map[string][]byte {
	text, err := os.ReadFile("testdata/clientpin.txt")
	require.NoError(t, err)
	out := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		require.Len(t, f, 2)
		b, err := hex.DecodeString(f[1])
		require.NoError(t, err)
		out[f[0]] = b
	}
	return out
}

func TestClientPINRecorded(t *testing.T) {
	v := clientPINVectors(t)
	require.Len(t, v, 2)
	request, err := ParseClientPINRequest(v["request"])
	require.NoError(t, err)
	require.Equal(t, uint64(2), *request.Protocol)
	require.Equal(t, GetPINToken, request.Subcommand)
	require.Len(t, request.KeyAgreement, 78)
	require.Len(t, request.PINHashEnc, 32)
	require.Nil(t, request.NewPINEnc)
	require.Nil(t, request.Permissions)
	require.Equal(t, v["request"], request.Append(nil))

	response, err := ParseClientPINResponse(v["response"])
	require.NoError(t, err)
	require.Len(t, response.UVAuthToken, 48)
	require.Nil(t, response.PINRetries)
	require.Equal(t, v["response"], response.Append(nil))
}

func fullClientPINRequest() ClientPINRequest {
	return ClientPINRequest{
		Protocol:     new(uint64(2)),
		Subcommand:   GetPINUVAuthTokenUsingPINWithPermissions,
		KeyAgreement: []byte{0xa1, 0x01, 0x02},
		UVAuthParam:  []byte{},
		NewPINEnc:    []byte{1},
		PINHashEnc:   bytes.Repeat([]byte{2}, 300),
		Permissions:  new(PermissionMC | PermissionACFG),
		RPID:         new("example.com"),
	}
}

func TestClientPINRoundTrip(t *testing.T) {
	for name, want := range map[string]ClientPINRequest{
		"everything": fullClientPINRequest(),
		"the least":  {Subcommand: GetPINRetries},
		"a protocol and permissions of more than a byte": {Protocol: new(uint64(1) << 40), Permissions: new(Permissions(70000))},
	} {
		t.Run(name, func(t *testing.T) {
			b := want.Append(nil)
			require.NoError(t, CheckCanonical(b))
			got, err := ParseClientPINRequest(b)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	for name, want := range map[string]ClientPINResponse{
		"everything": {KeyAgreement: []byte{0xa0}, UVAuthToken: []byte{1}, PINRetries: new(uint64(8)),
			PowerCycleState: new(true), UVRetries: new(uint64(3))},
		"no power cycle needed": {PINRetries: new(uint64(0)), PowerCycleState: new(false)},
		"nothing":               {},
	} {
		t.Run("response: "+name, func(t *testing.T) {
			b := want.Append(nil)
			if len(b) > 0 {
				require.NoError(t, CheckCanonical(b))
			}
			got, err := ParseClientPINResponse(b)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParseClientPINRequestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Status
	}{
		"nothing":                         {"", ErrInvalidCBOR},
		"an array":                        {"80", ErrCBORUnexpectedType},
		"no subcommand":                   {"a10101", ErrMissingParameter},
		"an empty map":                    {"a0", ErrMissingParameter},
		"something behind":                {"a1020100", ErrInvalidCBOR},
		"cut off":                         {"a20101", ErrInvalidCBOR},
		"a null protocol":                 {"a201f60201", ErrCBORUnexpectedType},
		"a negative protocol":             {"a201200201", ErrCBORUnexpectedType},
		"a subcommand that is text":       {"a1026131", ErrCBORUnexpectedType},
		"a subcommand that is a float":    {"a102f93c00", ErrCBORUnexpectedType},
		"key agreement that is bytes":     {"a202020341a0", ErrCBORUnexpectedType},
		"key agreement that is null":      {"a2020203f6", ErrCBORUnexpectedType},
		"pinUvAuthParam that is text":     {"a2020304616f", ErrCBORUnexpectedType},
		"newPinEnc that is a list":        {"a202030580", ErrCBORUnexpectedType},
		"pinHashEnc that is a bool":       {"a2020506f5", ErrCBORUnexpectedType},
		"permissions that are bytes":      {"a202090941ff", ErrCBORUnexpectedType},
		"an rpId that is bytes":           {"a202090a4161", ErrCBORUnexpectedType},
		"an integer longer than it needs": {"a1021801", ErrInvalidCBOR},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(c.text)
			require.NoError(t, err)
			got, err := ParseClientPINRequest(b)
			require.Equal(t, c.want, err)
			require.Equal(t, ClientPINRequest{}, got)
		})
	}
	got, err := ParseClientPINRequest([]byte{0xa3, 0x02, 0x01, 0x18, 0x20, 0xf6, 0x61, 'x', 0x80})
	require.NoError(t, err, "unknown parameters are ignored")
	require.Equal(t, ClientPINRequest{Subcommand: GetPINRetries}, got)
}

func TestParseClientPINResponseRefuses(t *testing.T) {
	for text, want := range map[string]Status{
		"a10140":       ErrCBORUnexpectedType,
		"a1020a":       ErrCBORUnexpectedType,
		"a10320":       ErrCBORUnexpectedType,
		"a10401":       ErrCBORUnexpectedType,
		"a105f6":       ErrCBORUnexpectedType,
		"a2":           ErrInvalidCBOR,
		"00":           ErrCBORUnexpectedType,
		"a103011bffff": ErrInvalidCBOR,
	} {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		_, err = ParseClientPINResponse(b)
		require.Equal(t, want, err, text)
	}
}

// What parses, written again and parsed again, says the same, in canonical form and no longer than it was.
func FuzzClientPINRequest(f *testing.F) {
	full := fullClientPINRequest()
	f.Add(full.Append(nil))
	f.Add(clientPINVectors(f)["request"])
	f.Add([]byte{0xa1, 0x02, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseClientPINRequest(b)
		if err != nil || CheckCanonical(b) != nil {
			return
		}
		again := r.Append(nil)
		require.NoError(t, CheckCanonical(again))
		require.LessOrEqual(t, len(again), len(b))
		r2, err := ParseClientPINRequest(again)
		require.NoError(t, err)
		require.Equal(t, r, r2)
	})
}
