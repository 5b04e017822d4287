package pinuv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// coseKey writes an uncompressed point as a key agreement key.
func coseKey(point []byte) []byte {
	return bytes.Join([][]byte{{0xa5, 1, 2, 3, 0x38, 24, 0x20, 1, 0x21, 0x58, 32}, point[1:33], {0x22, 0x58, 32}, point[33:]}, nil)
}

func TestPublishedVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.txt")
	require.NoError(t, err)
	ran := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		ran++
		t.Run(f[0], func(t *testing.T) {
			require.Len(t, f, 7)
			number, err := strconv.Atoi(f[1])
			require.NoError(t, err)
			p := Protocol(number)
			end, err := NewKeyAgreement(bytes.NewReader(unhex(t, f[2])))
			require.NoError(t, err)
			s, err := end.Decapsulate(p, coseKey(unhex(t, f[3])))
			require.NoError(t, err)

			keys := s.hmacKey[:]
			if p == Two {
				keys = append(keys, s.aesKey[:]...)
			}
			require.Equal(t, f[4], hex.EncodeToString(keys))

			ciphertext, plaintext := unhex(t, f[5]), unhex(t, f[6])
			got, err := s.Decrypt(ciphertext)
			require.NoError(t, err)
			require.Equal(t, plaintext, got)
			again, err := s.Encrypt(bytes.NewReader(ciphertext), plaintext) // protocol two: the IV stands first
			require.NoError(t, err)
			require.Equal(t, ciphertext, again)
		})
	}
	require.Equal(t, 7, ran)
}

// random is a byte source that never ends and repeats itself for the same seed.
func random(seed byte) io.Reader {
	return &counting{next: seed}
}

type counting struct{ next byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		c.next = c.next*31 + 17
		b[i] = c.next
	}
	return len(b), nil
}

// agree runs one key agreement and returns both ends' secrets.
func agree(t testing.TB, p Protocol) (platform, authenticator *Secret) {
	a, err := NewKeyAgreement(random(1))
	require.NoError(t, err)
	public, platform, err := p.Encapsulate(random(2), a.PublicKey())
	require.NoError(t, err)
	authenticator, err = a.Decapsulate(p, public)
	require.NoError(t, err)
	return platform, authenticator
}

func TestBothEndsShareASecret(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		t.Run(fmt.Sprint(uint64(p)), func(t *testing.T) {
			platform, authenticator := agree(t, p)
			require.Equal(t, p, authenticator.Protocol())
			ciphertext, err := platform.Encrypt(random(3), make([]byte, 64))
			require.NoError(t, err)
			require.Len(t, ciphertext, map[Protocol]int{One: 64, Two: 80}[p])
			got, err := authenticator.Decrypt(ciphertext)
			require.NoError(t, err)
			require.Equal(t, make([]byte, 64), got)

			mac := platform.Authenticate(ciphertext)
			require.Len(t, mac, map[Protocol]int{One: 16, Two: 32}[p])
			require.True(t, authenticator.Verify(ciphertext, mac))
			require.False(t, authenticator.Verify(ciphertext[1:], mac), "another message")
			require.False(t, authenticator.Verify(ciphertext, mac[:len(mac)-1]), "cut off")
			require.False(t, authenticator.Verify(ciphertext, append(mac, 0)), "too long")
			require.False(t, authenticator.Verify(ciphertext, nil), "none")
		})
	}
	_, one := agree(t, One)
	_, two := agree(t, Two)
	mac := two.Authenticate([]byte("message"))
	require.False(t, one.Verify([]byte("message"), mac), "the 32 bytes of protocol two are none of protocol one")
	require.NotEqual(t, two.hmacKey, two.aesKey)
}

func TestProtocolTwoDrawsItsIV(t *testing.T) {
	_, s := agree(t, Two)
	one, err := s.Encrypt(random(3), make([]byte, 16))
	require.NoError(t, err)
	two, err := s.Encrypt(random(4), make([]byte, 16))
	require.NoError(t, err)
	require.NotEqual(t, one[16:], two[16:])
}

func TestProtocolOneDrawsNothing(t *testing.T) {
	_, s := agree(t, One)
	_, err := s.Encrypt(nil, make([]byte, 16))
	require.NoError(t, err)
}

func TestSecretRefuses(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		_, s := agree(t, p)
		_, err := s.Encrypt(random(1), make([]byte, 17))
		require.Error(t, err)
		_, err = s.Decrypt(make([]byte, 31))
		require.Error(t, err)
	}
	_, two := agree(t, Two)
	_, err := two.Decrypt(nil)
	require.Error(t, err, "no room for the IV")
	empty, err := two.Decrypt(make([]byte, 16))
	require.NoError(t, err)
	require.Empty(t, empty)
	_, err = two.Encrypt(iotest.ErrReader(errors.New("broken")), make([]byte, 16))
	require.ErrorContains(t, err, "broken")
}

func TestPeerIsChecked(t *testing.T) {
	a, err := NewKeyAgreement(random(1))
	require.NoError(t, err)
	good := a.PublicKey()
	offCurve := bytes.Clone(good)
	offCurve[len(offCurve)-1] ^= 1
	signing, err := cose.NewPrivateKey(cose.ES256, make([]byte, cose.MinSeed))
	require.NoError(t, err)
	for name, peer := range map[string][]byte{
		"a point off the curve":  offCurve,
		"the point at infinity":  coseKey(make([]byte, 65)),
		"a key for signatures":   signing.AppendPublicKey(nil),
		"a map without a key":    {0xa0},
		"nothing":                nil,
		"something behind a key": append(bytes.Clone(good), 0),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.Decapsulate(Two, peer)
			require.Error(t, err)
			_, _, err = Two.Encapsulate(random(2), peer)
			require.Error(t, err)
		})
	}
	_, err = a.Decapsulate(3, good)
	require.EqualError(t, err, "pinuv: protocol 3 is not known; use 1 or 2")
	require.False(t, Protocol(0).Verify(nil, nil, Two.Authenticate(nil, nil)))
}

func TestNewKeyAgreementDrawsAgain(t *testing.T) {
	beyond := bytes.Repeat([]byte{0xff}, 32)
	good := append(make([]byte, 31), 7)
	a, err := NewKeyAgreement(bytes.NewReader(append(beyond, good...)))
	require.NoError(t, err)
	require.Equal(t, good, a.private.Bytes())

	_, err = NewKeyAgreement(bytes.NewReader(bytes.Repeat(beyond, maxAttempts)))
	require.ErrorContains(t, err, "broken")
	_, err = NewKeyAgreement(bytes.NewReader(beyond))
	require.ErrorIs(t, err, io.EOF)
}

func TestSecretsAreNotPrinted(t *testing.T) {
	_, s := agree(t, Two)
	a, err := NewKeyAgreement(random(1))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "pinuv.Secret", fmt.Sprintf(verb, s))
		require.Equal(t, "pinuv.KeyAgreement", fmt.Sprintf(verb, a))
	}
	require.Equal(t, "pinuv.Secret", slog.AnyValue(s).Resolve().String())
	require.Equal(t, "pinuv.KeyAgreement", slog.AnyValue(a).Resolve().String())
	require.Equal(t, "pinuv.Secret", s.GoString())
	require.Equal(t, "pinuv.KeyAgreement", a.GoString())
}

// Whatever one end encrypts and authenticates, the other end reads, and nothing else.
func FuzzRoundTrip(f *testing.F) {
	f.Add(byte(1), byte(1), []byte("0123456789abcdef"))
	f.Add(byte(2), byte(9), []byte{})
	f.Fuzz(func(t *testing.T, number, seed byte, plaintext []byte) {
		p := Protocol(1 + number%2)
		platform, authenticator := agree(t, p)
		ciphertext, err := platform.Encrypt(random(seed), plaintext)
		if len(plaintext)%16 != 0 {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		mac := platform.Authenticate(ciphertext)
		require.True(t, authenticator.Verify(ciphertext, mac))
		got, err := authenticator.Decrypt(ciphertext)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plaintext, got))
		mac[int(seed)%len(mac)] ^= 1
		require.False(t, authenticator.Verify(ciphertext, mac))
	})
}

func BenchmarkDecapsulate(b *testing.B) {
	a, err := NewKeyAgreement(random(1))
	require.NoError(b, err)
	public, _, err := Two.Encapsulate(random(2), a.PublicKey())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Decapsulate(Two, public); err != nil {
			b.Fatal(err)
		}
	}
}
