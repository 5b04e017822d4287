package seedfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mfalab/mfalab/token"
)

// rfcSeed is the seed of the figures of RFC 6030 and the vectors of RFC 4226.
const (
	rfcSeed = "12345678901234567890"
	rfcHex  = "3132333435363738393031323334353637383930"
)

// noise is deterministic randomness for tests.
type noise uint64

func (n *noise) Read(b []byte) (int, error) {
	for i := range b {
		*n = *n*6364136223846793005 + 1442695040888963407
		b[i] = byte(*n >> 56)
	}
	return len(b), nil
}

// kept is what a record is after a journey in a format.
func kept(format Format, records []Record) []Record {
	known, _ := format.form()
	var after []Record
	for _, r := range records {
		known.leave(&r)
		after = append(after, r)
	}
	return after
}

// draw makes records that a format can carry.
func draw(format Format) *rapid.Generator[[]Record] {
	word := rapid.Custom(func(t *rapid.T) string {
		return strings.TrimSpace(rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 ,;\"'<>&#=+|/%@._-ü漢💳")), 0, 30, -1).Draw(t, "word"))
	})
	bytesOf := func(n, m int) *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), n, m) }
	date := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "date"), 0).UTC()
	})
	return rapid.Custom(func(t *rapid.T) []Record {
		shared := rapid.SampledFrom([]Type{TOTP, HOTP}).Draw(t, "type")
		var records []Record
		for i := range rapid.IntRange(1, 5).Draw(t, "n") {
			r := Record{Serial: fmt.Sprintf("%d%s", i, word.Draw(t, "serial")), Manufacturer: word.Draw(t, "manufacturer"), Model: word.Draw(t, "model"),
				KeyID: word.Draw(t, "key"), Type: shared, Issuer: word.Draw(t, "issuer"), Account: word.Draw(t, "account"),
				Realm: word.Draw(t, "realm"), Resolver: word.Draw(t, "resolver"), Seed: bytesOf(1, 80).Draw(t, "seed"),
				Algorithm: rapid.SampledFrom([]token.Algorithm{token.SHA1, token.SHA256, token.SHA512}).Draw(t, "algorithm"), Digits: rapid.IntRange(6, 8).Draw(t, "digits")}
			if rapid.Bool().Draw(t, "dates") {
				r.Starts = date.Draw(t, "starts")
				r.Expires = r.Starts.Add(time.Hour)
			}
			switch format {
			case EntraCSV:
				r.Type, r.Algorithm, r.Digits = TOTP, token.SHA1, 6
			case DuoCSV:
				r.Algorithm, r.Digits = token.SHA1, 8
			case YubicoCSV:
				r.Type, r.Algorithm, r.Digits = HOTP, token.SHA1, rapid.SampledFrom([]int{6, 8}).Draw(t, "digits")
				r.Serial, r.Seed = fmt.Sprintf("UBOM%08d_%d", i<<40, 1+i%2), bytesOf(20, 20).Draw(t, "seed")
			case SafeNetXML:
				r.Type, r.Seed = HOTP, bytesOf(1, 63).Draw(t, "seed")
				r.Algorithm, r.Digits = byLength(r.Seed), 6
			case PSKC:
				r.Type = rapid.SampledFrom([]Type{TOTP, HOTP}).Draw(t, "type")
			}
			if r.Type == HOTP {
				r.Counter = rapid.Uint64Range(0, 1<<32-1).Draw(t, "counter")
			} else {
				r.Step, r.Drift, r.Time = time.Minute, int64(rapid.Int32().Draw(t, "drift")), int64(rapid.Int32Min(0).Draw(t, "time"))
			}
			records = append(records, r)
		}
		return records
	})
}

// duo are the options with which what draw makes is read back.
func duo(records []Record) Options {
	return Options{Type: records[0].Type, Digits: 8, Step: time.Minute}
}

func TestEveryFileIsReadBack(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				records := draw(format).Draw(t, "records")
				data, err := Append([]byte("before"), format, records, Options{})
				require.NoError(t, err)
				data = data[len("before"):]
				file, err := Parse(format, data, duo(records))
				require.NoError(t, err, "%s", data)
				require.Equal(t, kept(format, records), file.Records, "%s", data)
				require.Len(t, file.Rows, len(records))
				if found, err := Detect(data); err == nil {
					require.Equal(t, format, found, "%s", data)
				} else {
					require.ErrorContains(t, err, "say which", "%s", data)
				}
				for _, change := range []func([]byte) []byte{
					func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
					func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
					func(b []byte) []byte { return append(b, "\r\n \n"...) },
				} {
					again, err := Parse(format, change(data), duo(records))
					require.NoError(t, err)
					require.Equal(t, file.Records, again.Records)
				}
			})
		})
	}
}

func TestEncryptedFilesAreReadBack(t *testing.T) {
	for name, key := range map[string]Options{
		"a pre-shared key": {PresharedKey: Secret(rfcSeed[:16]), KeyName: "a <key>"},
		"a passphrase":     {Passphrase: Secret("pässword & more"), Iterations: 2},
		"every value":      {PresharedKey: Secret(rfcSeed[:16]), EncryptAll: true},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				records := draw(PSKC).Draw(t, "records")
				for i := range records {
					if records[i].Type == HOTP {
						records[i].Counter = uint64(rapid.Int64Min(0).Draw(t, "counter"))
					}
				}
				options, chance := key, noise(1)
				options.Random = &chance
				data, err := Append(nil, PSKC, records, options)
				require.NoError(t, err)
				file, err := Parse("", data, key)
				require.NoError(t, err, "%s", data)
				require.Equal(t, kept(PSKC, records), file.Records)
			})
		})
	}
}

func TestLostNamesWhatAFormatHasNoPlaceFor(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	records := []Record{{Serial: "a"}, {Serial: "b", Manufacturer: "m", Model: "m", KeyID: "k", Issuer: "i", Realm: "r", Drift: -1, Starts: at}}
	for format, want := range map[Format][]string{
		PSKC:       {"realm"},
		OATHCSV:    {"manufacturer", "model", "key id", "issuer", "drift", "start"},
		EntraCSV:   {"key id", "issuer", "realm", "drift", "start"},
		DuoCSV:     {"manufacturer", "model", "key id", "issuer", "realm", "drift", "start"},
		SafeNetXML: {"manufacturer", "key id", "issuer", "realm", "drift", "start"},
		YubicoCSV:  {"manufacturer", "model", "key id", "issuer", "realm", "drift", "start"},
		OTPAuth:    {"serial", "manufacturer", "model", "key id", "realm", "drift", "start"},
		"?":        nil,
	} {
		require.Equal(t, want, Lost(format, records), format)
	}
	require.Nil(t, Lost(SafeNetXML, []Record{{Starts: at.Truncate(24 * time.Hour)}}), "a day is kept")
}

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		data string
		want Format
	}{
		{"<?xml version=\"1.0\"?>\n<!-- x -->\n<p:KeyContainer xmlns:p=\"x\"/>", PSKC},
		{"\ufeff <Tokens>", SafeNetXML},
		{"# mine\n\nOTPAUTH://totp/", OTPAuth},
		{"# version: 2\nalice,r,r,S,00", OATHCSV},
		{"S, 00, TOTP", OATHCSV},
		{"S;00;hotp;6", OATHCSV},
		{"\"S\",\"00\",\"ocra\"", OATHCSV},
		{"S,00,0", DuoCSV},
		{"upn,serial number,secret key,time interval,manufacturer,model", EntraCSV},
		{"Serial Number;Secret Key;TimeInterval;Manufacturer;Model\r\n", EntraCSV},
		{"LOGGING START,11.12.13 18:55\r\n", YubicoCSV},
		{"OATH-HOTP,11.12.13", YubicoCSV},
		{"Yubico OTP,11.12.13", YubicoCSV},
	} {
		got, err := Detect([]byte(test.data))
		require.NoError(t, err, test.data)
		require.Equal(t, test.want, got, test.data)
	}
	for _, test := range []struct{ name, data, want string }{
		{"nothing", " \n# a comment", "is empty"},
		{"two columns mean different codes", "S,00", "oath-csv, which means hotp, or duo-csv"},
		{"another root", "<data/>", `the root "data"`},
		{"no root", "<!-- -->", "no element"},
		{"a word", "hello", "no known format"},
		{"a PGP message", "-----BEGIN PGP MESSAGE-----", "decrypt it first"},
		{"an export of an app", "otpauth-migration://offline?data=x", "Google Authenticator"},
		{"a SafeWord file", "# ===== SafeWord Authenticator Records", "SafeWord"},
		{"a spreadsheet", "PK\x03\x04", "save it as CSV"},
		{"a picture", "\x89PNG\r\n", "read its QR codes"},
		{"UTF-16", "\xff\xfeS\x00", "UTF-16"},
		{"another charset", "M\xfcnchen", "not UTF-8"},
		{"too much", strings.Repeat("x", MaxSize+1), "at most 33554432"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Detect([]byte(test.data))
			require.ErrorContains(t, err, test.want)
			file, err := Parse("", []byte(test.data), Options{})
			require.Error(t, err)
			require.Zero(t, file)
		})
	}
}

func TestAllOrNothingWithEveryFault(t *testing.T) {
	data := "A1," + rfcHex + ",totp,6,30\nA2," + rfcHex + ",totp,5\nA1," + rfcHex + "00,totp\nA3,3x,totp\n" + rfcHex + ",AX4,totp\nA5," + rfcHex + "11," + rfcHex + "\n"
	file, err := Parse(OATHCSV, []byte(data), Options{})
	require.Zero(t, file)
	errs, ok := err.(*Errors)
	require.True(t, ok)
	require.Equal(t, 5, errs.Total)
	want := []string{`line 2 (serial "A2"): digits "5" are not possible; use 6, 7 or 8`,
		`line 3 (serial "A1"): the serial is that of line 1; a token has one seed`,
		`line 4 (serial "A3"): character 2 of the seed is not hexadecimal; use 0 to 9 and a to f`,
		`line 5: character 2 of the seed is not hexadecimal; use 0 to 9 and a to f`,
		`line 6 (serial "A5"): type text of 40 characters is not supported; hotp and totp are`}
	for i, row := range errs.Rows {
		require.Equal(t, want[i], row.Error())
		require.ErrorIs(t, err, row)
	}
	require.NotContains(t, err.Error(), "3132", "columns that are mixed up show no seed")
	require.NotContains(t, err.Error(), "\n")
}

func TestErrorsAreBounded(t *testing.T) {
	data := strings.Repeat("A,1,totp\n", 1000)
	_, err := Parse(OATHCSV, []byte(data), Options{})
	errs := err.(*Errors)
	require.Equal(t, 1000, errs.Total)
	require.Len(t, errs.Rows, maxErrors)
	require.Contains(t, err.Error(), "because of 1000 faulty rows: line 1 ")
	require.Contains(t, err.Error(), "; and 995 more")
	_, err = Parse(OATHCSV, []byte("A,1,totp\n"), Options{})
	require.ErrorContains(t, err, "one faulty row: line 1 (serial \"A\"): a seed of 1 hex")
	_, err = Parse(OATHCSV, bytes.Repeat([]byte("A,\n"), maxRecords+1), Options{})
	require.ErrorContains(t, err, "more than 100000 tokens")
}

func TestRowsWithOneSeedAreAWarning(t *testing.T) {
	var data strings.Builder
	for i := range 30 {
		fmt.Fprintf(&data, "\n# comment\nA%d,%s,totp\n", i, rfcHex)
	}
	file, err := Parse("", []byte(data.String()), Options{})
	require.NoError(t, err)
	require.Len(t, file.Records, 30)
	require.Equal(t, []int{3, 6, 9}, file.Rows[:3])
	require.Len(t, file.Warnings, maxWarnings+1)
	require.Equal(t, "lines 3 and 6 have the same seed", file.Warnings[0])
	require.Equal(t, "and 9 warnings more", file.Warnings[maxWarnings])
}

func TestShortSeedsAreAWarning(t *testing.T) {
	file, err := Parse(OATHCSV, []byte(rfcHex+",12345678,totp\n"), Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"line 1: the seed has 4 bytes; HOTP asks for 16 and more. Are columns mixed up?"}, file.Warnings)
}

func TestAppendRefuses(t *testing.T) {
	good := Record{Serial: "A", Seed: token.Seed(rfcSeed), Digits: 6, Step: 30 * time.Second}
	with := func(change func(*Record)) []Record { r := good; change(&r); return []Record{r} }
	for _, test := range []struct {
		name    string
		format  Format
		records []Record
		want    string
	}{
		{"another format", "x", []Record{good}, `format "x" is not known; use one of pskc, oath-csv`},
		{"nothing", PSKC, nil, "no token to write"},
		{"a token without a serial", PSKC, with(func(r *Record) { r.Serial = "" }), "record 1: there is no serial"},
		{"a serial twice", PSKC, []Record{good, good}, `record 2 (serial "A"): the serial is that of record 1`},
		{"no seed", PSKC, with(func(r *Record) { r.Seed = nil }), "no secret"},
		{"a long seed", PSKC, with(func(r *Record) { r.Seed = make(token.Seed, maxSeed+1) }), "at most 1024"},
		{"a control character", PSKC, with(func(r *Record) { r.Model = "a\nb" }), "the model is not plain"},
		{"what XML cannot hold", PSKC, with(func(r *Record) { r.Model = "a\uFFFEb" }), "the model is not plain"},
		{"a long name", PSKC, with(func(r *Record) { r.Issuer = strings.Repeat("x", 257) }), "the issuer has 257 bytes"},
		{"a space at the end", OATHCSV, with(func(r *Record) { r.Realm = "x " }), "the realm begins or ends"},
		{"the year 10000", PSKC, with(func(r *Record) { r.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), "year 10000"},
		{"an end before the start", PSKC, with(func(r *Record) { r.Starts, r.Expires = time.Unix(1e9, 0), time.Unix(0, 0) }), "starts later"},
		{"an hotp clock", PSKC, with(func(r *Record) { r.Type, r.Step, r.Drift = HOTP, 0, 1 }), "has no clock"},
		{"a drift of 33 bits", PSKC, with(func(r *Record) { r.Drift = 1 << 31 }), "use 32 bits"},
		{"a counter of 64 bits", PSKC, with(func(r *Record) { r.Type, r.Step, r.Counter = HOTP, 0, 1<<63 }), "63 bits"},
		{"hotp for Entra ID", EntraCSV, with(func(r *Record) { r.Type, r.Step = HOTP, 0 }), "totp only"},
		{"SHA256 for Entra ID", EntraCSV, with(func(r *Record) { r.Algorithm = token.SHA256 }), "which knows SHA1 with 6 only"},
		{"45 seconds for Entra ID", EntraCSV, with(func(r *Record) { r.Step = 45 * time.Second }), "30 and 60 seconds"},
		{"a long seed for Entra ID", EntraCSV, with(func(r *Record) { r.Seed = make(token.Seed, 81) }), "at most 128"},
		{"SHA256 for Duo", DuoCSV, with(func(r *Record) { r.Algorithm = token.SHA256 }), "SHA1 only"},
		{"two kinds for Duo", DuoCSV, append(with(func(r *Record) { r.Serial = "B" }), with(func(r *Record) { r.Digits = 8 })...), "record 2 (serial \"A\"): it is of another kind"},
		{"totp for SafeNet", SafeNetXML, []Record{good}, "it is totp with 6, SHA1 and 20"},
		{"a hash that the length does not say", SafeNetXML, with(func(r *Record) { r.Type, r.Step, r.Algorithm = HOTP, 0, token.SHA256 }), "SHA256 with a seed of 32"},
		{"totp for a YubiKey", YubicoCSV, with(func(r *Record) { r.Serial = "UBOM00000000_1" }), "a YubiKey knows hotp"},
		{"a serial that no YubiKey has", YubicoCSV, with(func(r *Record) { r.Type, r.Step = HOTP, 0 }), "has no such serial"},
		{"a colon in a URI", OTPAuth, with(func(r *Record) { r.Account = "a:b" }), "has a colon"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := Append([]byte("as it was"), test.format, test.records, Options{})
			require.ErrorContains(t, err, test.want)
			require.Equal(t, "as it was", string(b))
		})
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	o := Options{PresharedKey: Secret("hidden"), Passphrase: Secret("hidden")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		printed := fmt.Sprintf(verb, o)
		require.Contains(t, printed, "secret of 6 bytes", verb)
		require.NotContains(t, printed, "hidden", verb)
	}
	text, err := o.Passphrase.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "secret of 6 bytes", string(text))
}

func TestEveryFormatHasATitle(t *testing.T) {
	for _, format := range Formats() {
		require.NotEmpty(t, format.Title())
	}
	require.Empty(t, Format("x").Title())
}
