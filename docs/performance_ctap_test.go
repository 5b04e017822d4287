package docs_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

var ctapFigures = []figure{{
	what:  "getInfo",
	bound: below(20e3, "20 µs"),
	show:  span,
	how: "All that a key of the default profile says of itself, encIdentifier and encCredStoreState with it, which are encrypted anew\n" +
		"each time. The command is handed to the key itself.",
	measure: func(t *testing.T) measured {
		return repeatedly(t, func(t *testing.T) float64 { return perOp(benchmark(t, info)) })
	},
}, {
	what:  "100 discoverable credentials of one relying party, enumerated",
	bound: below(2e6, "2 ms"),
	show:  span,
	how: "enumerateCredentialsBegin with a token of permission cm, and enumerateCredentialsGetNextCredential 99 times, handed to the\n" +
		"key itself.",
	measure: func(t *testing.T) measured {
		return repeatedly(t, func(t *testing.T) float64 { return perOp(benchmark(t, enumeration)) })
	},
}, {
	what:    "getAssertion by allowList on a key with 10,000 credentials",
	against: "on a key with 10",
	bound:   atMost(1.1, "1.1x"),
	show:    span,
	how: "The allowList names the discoverable credential that was made last; ES256, touched at once, flash in memory. What is more\n" +
		"is mostly the garbage collector's, which walks a larger heap.",
	measure: func(t *testing.T) measured {
		return measured{samples: alternately(t, assertionOfMany(t, 10_000), assertionOfMany(t, 10))}
	},
}}

// stocked returns a key of the default profile with n discoverable credentials of one relying party, and the last of them
// as it was made.
func stocked(t testing.TB, n int) (key *u2f.Key, last []byte) {
	profile, err := u2f.ProfileNamed(live.DefaultKeyProfile)
	require.NoError(t, err)
	profile.ResidentSlots = n
	key = keyOf(t, profile, &flash.Memory{})
	for i := range n {
		m := ctap.MakeCredentialRequest{ClientDataHash: clientData[:], RP: ctap.RelyingParty{ID: relyingParty},
			User:    ctap.User{ID: fmt.Append(nil, i), Name: "alice", DisplayName: "Alice"},
			Params:  []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(cose.ES256)}},
			Options: ctap.Options{RK: ctap.True}}
		last = answered(t, key, m.Append([]byte{1}))
	}
	return key, last
}

// answered hands key a request, which must not be refused, and returns a copy of what follows the status byte.
func answered(t testing.TB, key *u2f.Key, request []byte) []byte {
	reply, err := asked(key, request)
	if err != nil || reply[0] != 0 {
		t.Fatalf("%v %x", err, reply)
	}
	return append([]byte{}, reply[1:]...)
}

// repeating is a benchmark of requests, asked one after the other as one operation.
func repeating(b *testing.B, key *u2f.Key, requests ...[]byte) {
	for b.Loop() {
		for _, request := range requests {
			if reply, err := asked(key, request); err != nil || reply[0] != 0 {
				b.Fatalf("%v %x", err, reply)
			}
		}
	}
}

func info(b *testing.B) { repeating(b, newKey(b, &flash.Memory{}), []byte{4}) }

// assertionOfMany makes the key once, because that takes longer than what is measured.
func assertionOfMany(t *testing.T, n int) func(b *testing.B) {
	key, last := stocked(t, n)
	request := asserting(t, last)
	return func(b *testing.B) { repeating(b, key, request) }
}

func enumeration(b *testing.B) {
	const credentials = 100
	key, _ := stocked(b, credentials)
	token, hash := permitted(b, key, ctap.PermissionCM), sha256.Sum256([]byte(relyingParty))
	begin := ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hash[:], Protocol: new(uint64(2))}
	begin.UVAuthParam = pinuv.Two.Authenticate(token, append([]byte{byte(begin.Subcommand)}, begin.AppendParams(nil)...))
	next := ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsGetNextCredential}
	requests := [][]byte{begin.Append([]byte{0x0a})}
	for range credentials - 1 {
		requests = append(requests, next.Append([]byte{0x0a}))
	}
	repeating(b, key, requests...)
}

// permitted sets a PIN and returns a token of those permissions. See Section 6.5.5.
func permitted(t testing.TB, key *u2f.Key, permissions ctap.Permissions) []byte {
	const pin = "1234"
	padded, hash := append([]byte(pin), make([]byte, 64-len(pin))...), sha256.Sum256([]byte(pin))
	r, secret := agreed(t, key, ctap.SetPIN)
	r.NewPINEnc = encrypted(t, secret, padded)
	r.UVAuthParam = secret.Authenticate(r.NewPINEnc)
	answered(t, key, r.Append([]byte{6}))
	r, secret = agreed(t, key, ctap.GetPINUVAuthTokenUsingPINWithPermissions)
	r.PINHashEnc, r.Permissions = encrypted(t, secret, hash[:16]), &permissions
	got, err := ctap.ParseClientPINResponse(answered(t, key, r.Append([]byte{6})))
	require.NoError(t, err)
	token, err := secret.Decrypt(got.UVAuthToken)
	require.NoError(t, err)
	return token
}

// agreed begins a request of authenticatorClientPIN with a secret that key shares.
func agreed(t testing.TB, key *u2f.Key, subcommand ctap.ClientPINSubcommand) (ctap.ClientPINRequest, *pinuv.Secret) {
	ask := ctap.ClientPINRequest{Protocol: new(uint64(pinuv.Two)), Subcommand: ctap.GetKeyAgreement}
	got, err := ctap.ParseClientPINResponse(answered(t, key, ask.Append([]byte{6})))
	require.NoError(t, err)
	public, secret, err := pinuv.Two.Encapsulate(rand.Reader, got.KeyAgreement)
	require.NoError(t, err)
	return ctap.ClientPINRequest{Protocol: new(uint64(pinuv.Two)), Subcommand: subcommand, KeyAgreement: public}, secret
}

func encrypted(t testing.TB, secret *pinuv.Secret, plain []byte) []byte {
	b, err := secret.Encrypt(rand.Reader, plain)
	require.NoError(t, err)
	return b
}
