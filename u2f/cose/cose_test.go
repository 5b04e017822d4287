package cose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// vectors returns the lines of a file in testdata that are neither empty nor comments, by field.
func vectors(t testing.TB, name string, fields int) [][]string {
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var out [][]string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			f := strings.Fields(line)
			require.Len(t, f, fields, line)
			out = append(out, f)
		}
	}
	require.NotEmpty(t, out)
	return out
}

func unhex(t testing.TB, s string) []byte {
	if s == "-" {
		return nil
	}
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestPublishedSignatures(t *testing.T) {
	for _, f := range vectors(t, "signatures.txt", 4) {
		t.Run(f[0], func(t *testing.T) {
			encoded, message, signature := unhex(t, f[1]), unhex(t, f[2]), unhex(t, f[3])
			a, public, err := ParsePublicKey(encoded)
			require.NoError(t, err)
			require.True(t, Verify(a, public, message, signature))
			message[0] ^= 1
			require.False(t, Verify(a, public, message, signature), "another message")

			again, err := AppendPublicKey([]byte("before"), a, public)
			require.NoError(t, err)
			require.Equal(t, append([]byte("before"), encoded...), again)
		})
	}
}

func TestDeterministicSignatures(t *testing.T) {
	for _, f := range vectors(t, "deterministic.txt", 5) {
		t.Run(f[0], func(t *testing.T) {
			alg, err := strconv.Atoi(f[1])
			require.NoError(t, err)
			secret, message, want := unhex(t, f[2]), unhex(t, f[3]), unhex(t, f[4])
			k := &PrivateKey{algorithm: Algorithm(alg)}
			switch k.algorithm {
			case EdDSA:
				k.signer = ed25519.NewKeyFromSeed(secret)
			default:
				curve := map[Algorithm]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384()}[k.algorithm]
				k.signer, err = newScalar(curve, func(byte) []byte { return secret })
				require.NoError(t, err)
				half := len(want) / 2
				want, err = asn1.Marshal([]*big.Int{new(big.Int).SetBytes(want[:half]), new(big.Int).SetBytes(want[half:])})
				require.NoError(t, err)
			}
			got, err := k.Sign(message)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func seed(fill byte) []byte {
	b := make([]byte, MinSeed)
	for i := range b {
		b[i] = fill + byte(i)
	}
	return b
}

func TestPrivateKey(t *testing.T) {
	for _, a := range Algorithms() {
		t.Run(a.String(), func(t *testing.T) {
			require.True(t, a.Signs())
			k, err := NewPrivateKey(a, seed(1))
			require.NoError(t, err)
			same, err := NewPrivateKey(a, seed(1))
			require.NoError(t, err)
			other, err := NewPrivateKey(a, seed(2))
			require.NoError(t, err)

			require.Equal(t, k.AppendPublicKey(nil), same.AppendPublicKey(nil), "the same seed gives the same key")
			require.NotEqual(t, k.AppendPublicKey(nil), other.AppendPublicKey(nil))
			require.Equal(t, a, k.Algorithm())

			parsed, public, err := ParsePublicKey(k.AppendPublicKey(nil))
			require.NoError(t, err)
			require.Equal(t, a, parsed)
			require.Equal(t, k.Public(), public)

			one, err := k.Sign([]byte("message"))
			require.NoError(t, err)
			two, err := same.Sign([]byte("message"))
			require.NoError(t, err)
			require.Equal(t, one, two, "no chance in a signature")
			require.True(t, Verify(a, public, []byte("message"), one))
			require.False(t, Verify(a, other.Public(), []byte("message"), one))
			require.False(t, Verify(a, public, []byte("message"), one[:len(one)-1]))
			require.False(t, Verify(ECDHES, public, []byte("message"), one))
		})
	}
	require.False(t, ECDHES.Signs())
	require.Equal(t, "-47", Algorithm(-47).String())
}

func TestNewPrivateKeyRefuses(t *testing.T) {
	_, err := NewPrivateKey(ES256, seed(0)[:31])
	require.EqualError(t, err, "cose: a seed of 31 bytes is too short; give 32 or more")
	_, err = NewPrivateKey(-47, seed(0))
	require.EqualError(t, err, "cose: no private keys for algorithm -47; use [ES256 EdDSA ES384 RS256 ML-DSA-44]")
}

func TestSeedsOfTwoAlgorithmsAreApart(t *testing.T) {
	require.NotEqual(t, derive(seed(1), labelES256, 0), derive(seed(1), labelEdDSA, 0))
	require.NotEqual(t, derive(seed(1), labelES256, 0), derive(seed(1), labelES256, 1), "nor are two attempts alike")
}

// A candidate that is no scalar is passed over, not reduced.
func TestScalarIsRejectionSampled(t *testing.T) {
	n := elliptic.P256().Params().N
	tooBig := [][]byte{make([]byte, 32), n.Bytes(), new(big.Int).Add(n, big.NewInt(1)).Bytes()}
	key, err := newScalar(elliptic.P256(), func(attempt byte) []byte {
		if int(attempt) < len(tooBig) {
			return tooBig[attempt]
		}
		return new(big.Int).Sub(n, big.NewInt(1)).Bytes()
	})
	require.NoError(t, err)
	scalar, err := key.Bytes()
	require.NoError(t, err)
	require.Equal(t, new(big.Int).Sub(n, big.NewInt(1)).Bytes(), scalar)

	_, err = newScalar(elliptic.P256(), func(byte) []byte { return n.Bytes() })
	require.Error(t, err)
}

func TestParsePublicKeyRefuses(t *testing.T) {
	good := hex.EncodeToString(mustKey(t, ES256).AppendPublicKey(nil))
	x, y := good[20:84], good[90:]
	key := func(kty, alg, crv, x, y string) string {
		return "a501" + kty + "03" + alg + "20" + crv + "2158" + x + "2258" + y
	}
	require.Equal(t, good, key("02", "26", "01", "20"+x, "20"+y), "the table starts from a key that is good")
	for name, text := range map[string]string{
		"nothing":                          "",
		"an empty map":                     "a0",
		"a point off the curve":            key("02", "26", "01", "20"+x, "20"+x),
		"a point off the curve, agreement": key("02", "3818", "01", "20"+x, "20"+x),
		"the point at infinity":            key("02", "3818", "01", "20"+strings.Repeat("00", 32), "20"+strings.Repeat("00", 32)),
		"a coordinate beyond the field":    key("02", "3818", "01", "20"+strings.Repeat("ff", 32), "20"+y),
		"x of 31 bytes":                    key("02", "26", "01", "1f"+x[2:], "20"+y),
		"y of 33 bytes":                    key("02", "26", "01", "20"+x, "21"+"00"+y),
		"the wrong key type":               key("01", "26", "01", "20"+x, "20"+y),
		"the wrong curve":                  key("02", "26", "02", "20"+x, "20"+y),
		"an algorithm that is not known":   key("02", "28", "01", "20"+x, "20"+y),
		"EdDSA with y":                     key("01", "27", "06", "20"+x, "20"+y),
		"no alg":                           "a40102" + "2001" + "215820" + x + "225820" + y,
		"no y":                             "a4010203262001215820" + x,
		"another parameter":                "a6010202410003262001215820" + x + "225820" + y,
		"a parameter twice":                "a60102010203262001215820" + x + "225820" + y,
		"something behind":                 good + "00",
		"cut off":                          good[:len(good)-2],
		"Ed25519 of 31 bytes":              "a401010327200621581f" + x[2:],
	} {
		t.Run(name, func(t *testing.T) {
			a, public, err := ParsePublicKey(unhex(t, text))
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrType)
			require.Zero(t, a)
			require.Nil(t, public)
		})
	}
	for name, text := range map[string]string{
		"kty is text":   "a5016132" + good[6:],
		"an array":      "80",
		"x is text":     "a50102032620012178203" + strings.Repeat("03", 31) + "3225820" + y,
		"y is a bool":   "a5010203262001215820" + x + "22f5",
		"alg is a list": "a501020380" + good[10:],
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParsePublicKey(unhex(t, text))
			require.ErrorIs(t, err, ErrType)
		})
	}
}

func mustKey(t testing.TB, a Algorithm) *PrivateKey {
	k, err := NewPrivateKey(a, seed(9))
	require.NoError(t, err)
	return k
}

func TestAppendPublicKeyRefuses(t *testing.T) {
	p384, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append(make([]byte, 47), 1))
	require.NoError(t, err)
	x25519, err := ecdh.X25519().NewPrivateKey(seed(3))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		a      Algorithm
		public crypto.PublicKey
	}{
		"another curve":           {ES256, &p384.PublicKey},
		"another agreement":       {ECDHES, x25519.PublicKey()},
		"the wrong algorithm":     {EdDSA, mustKey(t, ES256).Public()},
		"the wrong algorithm too": {ES256, mustKey(t, EdDSA).Public()},
		"a short Ed25519 key":     {EdDSA, ed25519.PublicKey("short")},
		"a nil key":               {ES256, (*ecdsa.PublicKey)(nil)},
		"nothing":                 {ES256, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := AppendPublicKey(nil, c.a, c.public)
			require.Error(t, err)
		})
	}
}

func TestPrivateKeyIsNotPrinted(t *testing.T) {
	k := mustKey(t, ES256)
	want := "cose.PrivateKey(ES256)"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, want, fmt.Sprintf(verb, k))
	}
	require.Equal(t, want, k.GoString())
	require.Equal(t, want, slog.AnyValue(k).Resolve().String())
}

// What parses is written again byte for byte, where it is canonical; anything else is an error.
func FuzzParsePublicKey(f *testing.F) {
	for _, v := range vectors(f, "signatures.txt", 4) {
		f.Add(unhex(f, v[1]))
	}
	f.Add(mustKey(f, ES256).AppendPublicKey(nil))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, public, err := ParsePublicKey(b)
		if err != nil {
			return
		}
		again, err := AppendPublicKey(nil, a, public)
		require.NoError(t, err)
		a2, public2, err := ParsePublicKey(again)
		require.NoError(t, err)
		require.Equal(t, a, a2)
		require.Equal(t, public, public2)
		require.GreaterOrEqual(t, len(b), len(again), "nothing shorter than the canonical form says the same")
	})
}

func BenchmarkSign(b *testing.B) {
	for _, a := range Algorithms() {
		k := mustKey(b, a)
		message := make([]byte, 69) // authenticator data and the client data's hash
		b.Run(a.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Sign(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("standard library ES256", func(b *testing.B) {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed(4))
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := key.Sign(nil, seed(5), crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNewPrivateKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPrivateKey(ES256, seed(6)); err != nil {
			b.Fatal(err)
		}
	}
}
