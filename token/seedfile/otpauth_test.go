package seedfile

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mfalab/mfalab/token"
)

const (
	hello = "JBSWY3DPEHPK3PXP"
	usual = "otpauth://totp/Example:alice@example.com?secret=" + hello + "&issuer=Example"
)

var helloSeed = token.Seed("Hello!\xde\xad\xbe\xef")

func TestParseURI(t *testing.T) {
	plain := Record{Seed: helloSeed, Digits: 6, Step: 30 * time.Second}
	with := func(change func(*Record)) Record { r := plain; change(&r); return r }
	label := func(issuer, account string) Record {
		return with(func(r *Record) { r.Issuer, r.Account = issuer, account })
	}
	for _, test := range []struct {
		name, uri string
		want      Record
	}{
		{"the example of the Key Uri Format", usual, label("Example", "alice@example.com")},
		{"a name at an account without an issuer, as IAM writes", "otpauth://totp/alice@123456789012?secret=" + hello, label("", "alice@123456789012")},
		{"every parameter", "otpauth://totp/a?secret=" + hello + "&algorithm=SHA512&digits=8&period=60", with(func(r *Record) {
			r.Account, r.Algorithm, r.Digits, r.Step = "a", token.SHA512, 8, time.Minute
		})},
		{"hotp with its counter", "otpauth://hotp/a?secret=" + hello + "&counter=18446744073709551615", with(func(r *Record) {
			r.Type, r.Account, r.Step, r.Counter = HOTP, "a", 0, math.MaxUint64
		})},
		{"hotp does not read a period", "otpauth://hotp/?secret=" + hello + "&counter=0&period=x", with(func(r *Record) { r.Type, r.Step = HOTP, 0 })},
		{"totp does not read a counter", "otpauth://totp/?secret=" + hello + "&counter=x", plain},
		{"no label at all", "otpauth://totp?secret=" + hello, plain},
		{"scheme and type in upper case", "OTPAUTH://TOTP/?secret=" + hello, plain},
		{"a line end after the URI", "otpauth://totp/?secret=" + hello + "\r\n", plain},
		{"lower case in the secret", "otpauth://totp/?secret=jbswy3dpehpk3pxp", plain},
		{"spaces in the secret", "otpauth://totp/?secret=JBSW+Y3DP%20EHPK+3PXP", plain},
		{"padding in the secret", "otpauth://totp/?secret=" + hello + "%3D%3D=", plain},
		{"lower case algorithm with a hyphen", "otpauth://totp/?algorithm=sha-256&secret=" + hello, with(func(r *Record) { r.Algorithm = token.SHA256 })},
		{"+ in the issuer parameter is a space", "otpauth://totp/a?issuer=Big+Corp&secret=" + hello, label("Big Corp", "a")},
		{"%20 in the issuer parameter is a space", "otpauth://totp/Big%20Corp:a?issuer=Big%20Corp&secret=" + hello, label("Big Corp", "a")},
		{"+ in the label is a plus sign", "otpauth://totp/alice+test@example.com?secret=" + hello, label("", "alice+test@example.com")},
		{"an encoded colon divides the label", "otpauth://totp/Example%3Aalice?secret=" + hello, label("Example", "alice")},
		{"spaces after the colon are dropped", "otpauth://totp/Example:%20%20alice?secret=" + hello, label("Example", "alice")},
		{"an empty issuer parameter leaves the prefix", "otpauth://totp/Example:alice?issuer=&secret=" + hello, label("Example", "alice")},
		{"an empty prefix leaves the issuer parameter", "otpauth://totp/:alice?issuer=Example&secret=" + hello, label("Example", "alice")},
		{"unknown parameters are ignored, even twice", "otpauth://totp/?image=x&image=y&secret=" + hello, plain},
		{"letters beyond ASCII", "otpauth://totp/M%C3%BCnchen:J%C3%BCrgen?secret=" + hello, label("München", "Jürgen")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseURI(test.uri)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			require.Equal(t, []byte(test.want.Seed), []byte(got.Seed), "a seed does not print itself")
		})
	}
}

func TestParseURIRefuses(t *testing.T) {
	secret := "otpauth://totp/a?secret=" + hello
	for _, test := range []struct{ name, uri, want string }{
		{"nothing", "", "does not begin with otpauth://"},
		{"another scheme", "https://totp/a?secret=" + hello, "does not begin with otpauth://"},
		{"the newer scheme without slashes", "otpauth:totp/a?secret=" + hello, "does not begin with otpauth://"},
		{"another type", "otpauth://steam/a?secret=" + hello, `"steam"`},
		{"a port", "otpauth://totp:80/a?secret=" + hello, "not known"},
		{"a user", "otpauth://alice@totp/a?secret=" + hello, "a user or a fragment"},
		{"a fragment", "otpauth://totp/a?secret=" + hello + "#1", "a user or a fragment"},
		{"bad percent-encoding in the label", "otpauth://totp/%zz?secret=" + hello, "not well-formed"},
		{"bad percent-encoding in the secret", secret + "%zz", "not well-formed"},
		{"no secret", "otpauth://totp/a?issuer=x", "there is no secret"},
		{"an empty secret", "otpauth://totp/a?secret=", "there is no secret"},
		{"a secret of padding", "otpauth://totp/a?secret====", "there is no secret"},
		{"a secret of one character", "otpauth://totp/a?secret=J", "a secret of 1 characters is cut off"},
		{"a secret that ends where base32 never ends", secret + "ABC", "a secret of 19 characters is cut off"},
		{"a digit one in the secret", "otpauth://totp/a?secret=JBSWY3DPEHPK3PX1", "character 16"},
		{"a long s in the secret", "otpauth://totp/a?secret=JB%C5%BFWY3DPEHPK3PX2", "character 3"},
		{"the secret twice", secret + "&secret=" + hello, "secret 2 times"},
		{"digits twice", secret + "&digits=6&digits=8", "digits 2 times"},
		{"digits=0", secret + "&digits=0", `digits="0"`},
		{"digits=5", secret + "&digits=5", `digits="5"`},
		{"digits=9", secret + "&digits=9", `digits="9"`},
		{"digits with a sign", secret + "&digits=%2B6", `digits="+6"`},
		{"no digits in digits", secret + "&digits=", `digits=""`},
		{"period=0", secret + "&period=0", `period="0"`},
		{"a negative period", secret + "&period=-30", `period="-30"`},
		{"a period beyond a day", secret + "&period=86401", `period="86401"`},
		{"a period beyond 64 bits", secret + "&period=99999999999999999999", "period="},
		{"a fraction of a second", secret + "&period=0.5", `period="0.5"`},
		{"an algorithm that apps ignore", secret + "&algorithm=MD5", `"MD5"`},
		{"hotp without a counter", "otpauth://hotp/a?secret=" + hello, "must have a counter"},
		{"a negative counter", "otpauth://hotp/a?counter=-1&secret=" + hello, `counter="-1"`},
		{"issuers that differ", "otpauth://totp/Good:a?issuer=Evil&secret=" + hello, `issuer "Good", the parameter "Evil"`},
		{"issuers that differ in case", "otpauth://totp/good:a?issuer=Good&secret=" + hello, "make them equal"},
		{"a second colon in the label", "otpauth://totp/A:b:c?secret=" + hello, `account "b:c" has a colon`},
		{"a colon in the issuer parameter", "otpauth://totp/a?issuer=A%3AB&secret=" + hello, `issuer "A:B" has a colon`},
		{"a line end in the label", "otpauth://totp/a%0Ab?secret=" + hello, "not plain UTF-8"},
		{"an escape sequence in the issuer", "otpauth://totp/a?issuer=%1B[31m&secret=" + hello, "not plain UTF-8"},
		{"broken UTF-8", "otpauth://totp/%FF?secret=" + hello, "not plain UTF-8"},
		{"more than any QR code holds", secret + "&image=" + strings.Repeat("x", maxURI), "at most 4096"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := ParseURI(test.uri)
			require.ErrorContains(t, err, test.want)
			require.Zero(t, r, "nothing is handed out with an error")
			require.NotContains(t, err.Error(), "JBSWY")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestURI(t *testing.T) {
	for _, test := range []struct {
		name, want string
		record     Record
	}{
		{"defaults are left out", usual, Record{Issuer: "Example", Account: "alice@example.com", Seed: helloSeed, Digits: 6, Step: 30 * time.Second}},
		{"no issuer, no padding", "otpauth://totp/a?secret=AA", Record{Account: "a", Seed: token.Seed{0}, Digits: 6, Step: 30 * time.Second}},
		{"hotp always has its counter", "otpauth://hotp/?secret=AA&counter=0", Record{Type: HOTP, Seed: token.Seed{0}, Digits: 6}},
		{"what is special is escaped", "otpauth://totp/A%20%26%20B%2F%3F%23:x%2By@z?secret=AA&issuer=A%20%26%20B%2F%3F%23&algorithm=SHA256&digits=8&period=60",
			Record{Issuer: "A & B/?#", Account: "x+y@z", Seed: token.Seed{0}, Algorithm: token.SHA256, Digits: 8, Step: time.Minute}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.record.URI()
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestURIRefusesWhatCannotBeReadBack(t *testing.T) {
	for _, test := range []struct {
		name, want string
		change     func(*Record)
	}{
		{"no seed", "no secret", func(r *Record) { r.Seed = nil }},
		{"a type without a name", "Type(2)", func(r *Record) { r.Type = 2 }},
		{"an algorithm without a name", "Algorithm(3)", func(r *Record) { r.Algorithm = 3 }},
		{"no digits", "0 digits", func(r *Record) { r.Digits = 0 }},
		{"no step", "step of 0s", func(r *Record) { r.Step = 0 }},
		{"half a second", "step of 1.5s", func(r *Record) { r.Step = 1500 * time.Millisecond }},
		{"a totp counter", "no counter", func(r *Record) { r.Counter = 1 }},
		{"an hotp period", "no period", func(r *Record) { r.Type = HOTP }},
		{"a colon", "has a colon", func(r *Record) { r.Account = "a:b" }},
		{"a space at the end", "begins or ends with a space", func(r *Record) { r.Issuer = "a " }},
		{"a seed that no QR code holds", "at most 4096", func(r *Record) { r.Seed = make(token.Seed, 3000) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Record{Account: "a", Seed: helloSeed, Digits: 6, Step: 30 * time.Second}
			test.change(&r)
			_, err := r.URI()
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestEveryRecordIsReadBack(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.TrimSpace(rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 +%&=?#/@._~'ü漢💳")), 0, 30, -1).Draw(t, "text"))
	})
	rapid.Check(t, func(t *rapid.T) {
		r := Record{
			Type: rapid.SampledFrom([]Type{TOTP, HOTP}).Draw(t, "type"), Issuer: text.Draw(t, "issuer"), Account: text.Draw(t, "account"),
			Seed: rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "seed"), Digits: rapid.IntRange(6, 8).Draw(t, "digits"),
			Algorithm: rapid.SampledFrom([]token.Algorithm{token.SHA1, token.SHA256, token.SHA512}).Draw(t, "algorithm"),
		}
		if r.Type == HOTP {
			r.Counter = rapid.Uint64().Draw(t, "counter")
		} else {
			r.Step = time.Duration(rapid.IntRange(1, 86400).Draw(t, "step")) * time.Second
		}
		uri, err := r.URI()
		require.NoError(t, err)
		got, err := ParseURI(uri)
		require.NoError(t, err)
		require.Equal(t, r, got)
	})
}

func TestRecordDoesNotPrintItsSeed(t *testing.T) {
	r, err := ParseURI(usual)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		require.Contains(t, fmt.Sprintf(verb, r), "seed of 10 bytes", verb)
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("totp/Example:alice@example.com", "&issuer=Example")
	f.Add("hotp/a", "&counter=7&digits=8&algorithm=SHA256")
	f.Add("totp/A%3A%20b+c", "%3D&period=60&image=x")
	f.Add("totp/%FF", "&digits=0")
	f.Add("totp/a", "%zz;")
	f.Fuzz(func(t *testing.T, label, rest string) {
		r, err := ParseURI("otpauth://" + label + "?secret=" + hello + rest)
		if err != nil {
			if !strings.Contains(label+rest, hello) {
				require.NotContains(t, err.Error(), hello)
			}
			require.Zero(t, r)
			return
		}
		uri, err := r.URI()
		require.NoError(t, err)
		again, err := ParseURI(uri)
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
