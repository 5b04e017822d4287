package cose

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The place of the primes spares the search, and gives the same key.
func TestPlaceOfAnRSAKey(t *testing.T) {
	k := mustKey(t, RS256)
	require.NotZero(t, k.Place()>>16)
	require.NotZero(t, k.Place()&0xffff)
	again, err := NewPrivateKeyAt(RS256, seed(9), k.Place())
	require.NoError(t, err)
	require.True(t, k.signer.(*rsa.PrivateKey).Equal(again.signer))
	require.Equal(t, k.Place(), again.Place())

	half, err := NewPrivateKeyAt(RS256, seed(9), k.Place()&0xffff)
	require.NoError(t, err, "what is not known of it is sought")
	require.Equal(t, k.AppendPublicKey(nil), half.AppendPublicKey(nil))

	wrong, err := NewPrivateKeyAt(RS256, seed(9), k.Place()+1)
	if err == nil {
		signature, err := wrong.Sign([]byte("message"))
		require.False(t, err == nil && Verify(RS256, k.Public(), []byte("message"), signature))
	}
	for _, a := range []Algorithm{ES256, ES384, EdDSA, MLDSA44} {
		require.Zero(t, mustKey(t, a).Place())
	}
}

// The key is one that others take: of the right size, with the exponent that everybody uses, of two primes that are far
// apart, and it survives PKCS #8, whose reader checks it.
func TestRSAKey(t *testing.T) {
	for fill := range byte(3) {
		k, err := NewPrivateKey(RS256, seed(fill))
		require.NoError(t, err)
		private := k.signer.(*rsa.PrivateKey)
		require.Equal(t, 2048, private.N.BitLen())
		require.Equal(t, 65537, private.E)
		for _, p := range private.Primes {
			require.Equal(t, 1024, p.BitLen())
			require.True(t, p.ProbablyPrime(20))
		}
		apart := new(big.Int).Sub(private.Primes[0], private.Primes[1])
		require.Greater(t, apart.BitLen(), 1024-100, "FIPS 186-5, Appendix A.1.3, step 5.4")
		der, err := x509.MarshalPKCS8PrivateKey(private)
		require.NoError(t, err)
		_, err = x509.ParsePKCS8PrivateKey(der)
		require.NoError(t, err)
	}
}

func TestSearchFindsTheNextPrime(t *testing.T) {
	start := new(big.Int).Lsh(big.NewInt(1), 255)
	start.SetBit(start, 0, 1)
	step := search(start)
	for s := range step - 1 {
		require.False(t, new(big.Int).Add(start, big.NewInt(2*int64(s))).ProbablyPrime(10))
	}
	require.True(t, start.Add(start, big.NewInt(2*int64(step-1))).ProbablyPrime(10))
}

func TestParsePublicKeyRefusesRSAAndAKP(t *testing.T) {
	n := strings.Repeat("c1", 256)
	good := "a401030339010020590100" + n + "2143010001"
	_, _, err := ParsePublicKey(unhex(t, good))
	require.NoError(t, err, "the table starts from a key that is good")
	pub := hex.EncodeToString(mustKey(t, MLDSA44).AppendPublicKey(nil))
	for name, text := range map[string]string{
		"no exponent":               "a301030339010020590100" + n,
		"another exponent":          "a401030339010020590100" + n + "2143010003",
		"an exponent with zeros":    "a401030339010020590100" + n + "214400010001",
		"an exponent beyond 64 bit": "a401030339010020590100" + n + "2149ffffffffffffffffff",
		"an even modulus":           "a401030339010020590100" + n[2:] + "c02143010001",
		"a modulus with zeros":      "a401030339010020590101" + "00" + n + "2143010001",
		"a short modulus":           "a4010303390100205880" + n[:256] + "2143010001",
		"a long modulus":            "a401030339010020590201" + n + n + "c1" + "2143010001",
		"RSA with another alg":      "a4010303382220590100" + n + "2143010001",
		"RSA with a y":              "a501030339010020590100" + n + "21430100012241ff",
		"AKP with another alg":      strings.Replace(pub, "03382f", "03382e", 1),
		"a short AKP key":           "a3010703382f2043010203",
		"AKP with more":             "a4" + pub[2:] + "2141ff",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParsePublicKey(unhex(t, text))
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrType)
		})
	}
	for name, text := range map[string]string{
		"n is a number": "a4010303390100200121" + "43010001",
		"e is text":     "a401030339010020590100" + n + "2163616161",
		"pub is text":   "a3010703382f2063616161",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParsePublicKey(unhex(t, text))
			require.ErrorIs(t, err, ErrType)
		})
	}
}
