package token

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// oathtool knows no OCRA, so that the vectors stand alone.
func TestOCRAVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/rfc6287.ocra")
	require.NoError(t, err)
	require.Contains(t, string(text), "# Source: ")
	known := 0
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if line[0] == '#' {
			continue
		}
		known++
		t.Run(fmt.Sprintf("line %d", i+1), func(t *testing.T) {
			fields := strings.Fields(line)
			require.Len(t, fields, 8)
			bytes := func(field string) []byte {
				b, err := hex.DecodeString(strings.Trim(field, "-"))
				require.NoError(t, err)
				return b
			}
			number := func(field string, base int) uint64 {
				if field == "-" {
					return 99 // is not asked for, and must not matter
				}
				n, err := strconv.ParseUint(field, base, 64)
				require.NoError(t, err)
				return n
			}
			s, err := ParseSuite(fields[0])
			require.NoError(t, err)
			require.Equal(t, fields[0], s.String())
			got, err := s.Response(bytes(fields[1]), DataInput{
				Counter: number(fields[2], 10), Question: fields[3], PINHash: bytes(fields[4]),
				Session: bytes(fields[5]), Step: number(fields[6], 16),
			})
			require.NoError(t, err)
			require.Equal(t, fields[7], got)
		})
	}
	require.Equal(t, 75, known)
}

func TestParseSuiteRefuses(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "not of the form"},
		{"OCRA-2:HOTP-SHA1-6:QN08", "not of the form"},
		{"OCRA-1:HOTP-SHA1-6", "not of the form"},
		{"OCRA-1:HOTP-SHA1-6:QN08:", "not of the form"},
		{"OCRA-1:TOTP-SHA1-6:QN08", "its function"},
		{"OCRA-1:HOTP-SHA1:QN08", "its function"},
		{"OCRA-1:HOTP-MD5-6:QN08", `"MD5"`},
		{"OCRA-1:HOTP-sha1-6:QN08", `"sha1"`},
		{"OCRA-1:HOTP-SHA1-3:QN08", `"3" digits`},
		{"OCRA-1:HOTP-SHA1-11:QN08", `"11" digits`},
		{"OCRA-1:HOTP-SHA1-06:QN08", `"06" digits`},
		{"OCRA-1:HOTP-SHA1-6:", "asks no question"},
		{"OCRA-1:HOTP-SHA1-6:C", "asks no question"},
		{"OCRA-1:HOTP-SHA1-6:QX08", `"QX08"`},
		{"OCRA-1:HOTP-SHA1-6:QN03", `"QN03"`},
		{"OCRA-1:HOTP-SHA1-6:QN65", `"QN65"`},
		{"OCRA-1:HOTP-SHA1-6:QN8", `"QN8"`},
		{"OCRA-1:HOTP-SHA1-6:QN+8", `"QN+8"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-C", "out of order"},
		{"OCRA-1:HOTP-SHA1-6:QN08-T1M-PSHA1", "out of order"},
		{"OCRA-1:HOTP-SHA1-6:QN08-", "out of order"},
		{"OCRA-1:HOTP-SHA1-6:QN08-PMD5", `"MD5"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-S513", `"S513"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-S64", `"S64"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-S000", `"S000"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-T60S", `"T60S"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-T0M", `"T0M"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-T49H", `"T49H"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-T1D", `"T1D"`},
		{"OCRA-1:HOTP-SHA1-6:QN08-T01M", `"T01M"`},
	} {
		_, err := ParseSuite(test.text)
		require.ErrorContains(t, err, test.want, test.text)
	}
}

func TestResponseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, suite string
		in          DataInput
		want        string
	}{
		{"no question", "QN08", DataInput{}, "1 to 128 characters"},
		{"a question without end", "QA08", DataInput{Question: strings.Repeat("x", 129)}, "1 to 128 characters"},
		{"letters for a number", "QN08", DataInput{Question: "12a"}, "not a number"},
		{"a sign", "QN08", DataInput{Question: "-12"}, "not a number"},
		{"no hexadecimal", "QH08", DataInput{Question: "xy"}, "not hexadecimal"},
		{"a PIN and not its hash", "QN08-PSHA1", DataInput{Question: "1", PINHash: []byte("1234")}, "4 bytes; SHA1 makes 20"},
		{"a long session", "QN08-S001", DataInput{Question: "1", Session: []byte("12")}, "at most 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := ParseSuite("OCRA-1:HOTP-SHA1-6:" + test.suite)
			require.NoError(t, err)
			_, err = s.Response(rfcSeed, test.in)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "1234567890")
		})
	}
	_, err := Suite{}.Response(rfcSeed, DataInput{Question: "1"})
	require.ErrorContains(t, err, "ParseSuite")
	s, err := ParseSuite("OCRA-1:HOTP-SHA1-6:QN08")
	require.NoError(t, err)
	_, err = s.Response(nil, DataInput{Question: "1"})
	require.ErrorContains(t, err, "at least one byte")
}

func TestACardAnswersChallenges(t *testing.T) {
	f := newFob(t, ocraCard)
	f.Press(birth)
	require.Zero(t, f.Display(), "a press alone shows nothing")
	for i, want := range []string{"237653", "243178", "653583"} {
		now := after(float64(60 * i))
		require.NoError(t, f.Challenge(now, strings.Repeat(strconv.Itoa(i), 8)))
		require.Equal(t, Display{Lit: true, Code: want, Step: int64(i), Until: now.Add(f.profile.LitFor)}, f.Display())
		same(t, f, clone(t, f))
		f.Step(f.Wake())
		require.Zero(t, f.Display())
	}
	require.EqualValues(t, 3, f.StepAt(f.now))
	require.Zero(t, f.StepBegins(3))
	_, err := f.Peek(0)
	require.ErrorContains(t, err, "challenge")
	for _, bad := range []string{"", "123456789", "12a", "٣", "-1", "1 2"} {
		before := clone(t, f)
		require.ErrorContains(t, f.Challenge(f.now, bad), "1 to 8 digits", bad)
		same(t, before, f)
	}
	require.ErrorContains(t, newFob(t).Challenge(birth, "1"), "no keypad")
	f.Open(f.now)
	require.ErrorContains(t, f.Challenge(f.now, "1"), "lost its seed")
}

func TestACardCountsAnswersOrTime(t *testing.T) {
	suite := func(text string, digits int, alg Algorithm) func(*Config) {
		return func(c *Config) {
			ocraCard(c)
			c.Profile.Suite, c.Profile.Digits, c.Profile.Algorithm = text, digits, alg
			c.Seed = Seed(strings.Repeat("1234567890", 7)[:64])
		}
	}
	f := newFob(t, suite("OCRA-1:HOTP-SHA512-8:C-QN08", 8, SHA512))
	for i, want := range []string{"07016083", "63947962", "70123924"} {
		require.NoError(t, f.Challenge(birth, strings.Repeat(strconv.Itoa(i), 8)))
		require.Equal(t, want, f.Display().Code)
	}
	f = newFob(t, suite("OCRA-1:HOTP-SHA512-8:QN08-T1M", 8, SHA512))
	f.Rebase(birth, unixEpoch.Add(0x132d0b6*60e9))
	require.NoError(t, f.Challenge(f.now, "00000000"))
	require.Equal(t, "95209754", f.Display().Code)
	require.EqualValues(t, 0x132d0b6, f.Display().Step)
	same(t, f, clone(t, f))
}

func TestACardTypedToDeathShowsNothing(t *testing.T) {
	f := newFob(t, ocraCard, weak)
	for i := range 10 {
		require.NoError(t, f.Challenge(after(float64(i)), "1"))
		require.Equal(t, i < 9, f.Display().Lit)
	}
	_, dead := f.Battery(f.now)
	require.True(t, dead)
}

// What is parsed is parsed again, and answers any question of its own kind.
func TestSuiteProperties(t *testing.T) {
	part := func(words ...string) *rapid.Generator[string] { return rapid.SampledFrom(words) }
	rapid.Check(t, func(t *rapid.T) {
		hash := part("SHA1", "SHA256", "SHA512")
		text := "OCRA-1:HOTP-" + hash.Draw(t, "hash") + "-" + part("0", "4", "6", "8", "10").Draw(t, "digits") + ":" +
			part("", "C-").Draw(t, "counter") + "Q" + part("A", "N", "H").Draw(t, "format") + part("04", "08", "64").Draw(t, "most") +
			part("", "-PSHA1").Draw(t, "pin") + part("", "-S", "-S001", "-S512").Draw(t, "session") +
			part("", "-T1S", "-T59M", "-T48H").Draw(t, "time")
		s, err := ParseSuite(text)
		require.NoError(t, err)
		in := DataInput{Question: rapid.StringMatching("[0-9]{1,64}").Draw(t, "question"), PINHash: make([]byte, 20)}
		answer, err := s.Response(rfcSeed, in)
		require.NoError(t, err)
		if s.digits > 0 {
			require.Len(t, answer, s.digits)
		}
		again, err := ParseSuite(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
