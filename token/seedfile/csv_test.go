package seedfile

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

const rfcBase32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// What each row of a format means, or why it is refused: want, or fault.
type rowCase struct {
	name, data string
	want       Record
	fault      string
}

func testRows(t *testing.T, format Format, options Options, cases []rowCase) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse(format, []byte(test.data), options)
			if test.fault != "" {
				require.ErrorContains(t, err, test.fault)
				require.Zero(t, file)
				require.NotContains(t, err.Error(), rfcHex[:16])
				require.NotContains(t, err.Error(), rfcBase32[:8])
				return
			}
			require.NoError(t, err)
			require.Equal(t, []Record{test.want}, file.Records)
		})
	}
}

func TestOATHCSV(t *testing.T) {
	seed := token.Seed(rfcSeed)
	hotp := Record{Serial: "A1", Type: HOTP, Seed: seed, Digits: 6}
	totp := Record{Serial: "A1", Seed: seed, Digits: 6, Step: 30 * time.Second}
	with := func(r Record, change func(*Record)) Record { change(&r); return r }
	user := with(totp, func(r *Record) { r.Account, r.Resolver, r.Realm = "alice", "ldap", "home" })
	long := rfcHex + rfcHex[:24]
	testRows(t, OATHCSV, Options{}, []rowCase{
		{"hotp is what is meant without a type", "A1," + rfcHex, hotp, ""},
		{"totp with 30 s and 6 digits", "A1," + rfcHex + ",TOTP", totp, ""},
		{"every column", "A1, " + rfcHex + ", totp, 8, 60", with(totp, func(r *Record) { r.Digits, r.Step = 8, time.Minute }), ""},
		{"an hotp counter", "A1," + rfcHex + ",hotp,6,4711", with(hotp, func(r *Record) { r.Counter = 4711 }), ""},
		{"empty columns mean what absent ones do", "A1," + rfcHex + ",,,,", hotp, ""},
		{"32 bytes are for SHA256", "A1," + long, with(hotp, func(r *Record) { r.Seed, r.Algorithm = token.Seed(rfcSeed+rfcSeed[:12]), token.SHA256 }), ""},
		{"64 bytes are for SHA512", "A1," + long + long, with(hotp, func(r *Record) {
			r.Seed, r.Algorithm = token.Seed(rfcSeed+rfcSeed[:12]+rfcSeed+rfcSeed[:12]), token.SHA512
		}), ""},
		{"a hash that is said", "A1," + rfcHex + ",totp,6,30,sha256", with(totp, func(r *Record) { r.Algorithm = token.SHA256 }), ""},
		{"semicolons", "A1;" + rfcHex + ";totp\r\n", totp, ""},
		{"tabs", "A1\t" + rfcHex + "\ttotp", totp, ""},
		{"quotes and spaces", "  \"A1\", \"3132 3334 35363738393031323334353637383930\" ,\"totp\"", totp, ""},
		{"a comma in quotes", "\"A,1\"," + rfcHex + ",totp", with(totp, func(r *Record) { r.Serial = "A,1" }), ""},
		{"comments and empty lines", "# box 7\n\n" + "A1," + rfcHex + ",totp\n\n", totp, ""},
		{"version 2 with users", "# version: 2\nalice,ldap,home,A1," + rfcHex + ",totp\n", user, ""},
		{"version 2 without a user", "#version:2\r\n,,,A1," + rfcHex + ",totp\r\n", totp, ""},
		{"version 1 has none", "# version: 1\nA1," + rfcHex + ",totp", totp, ""},

		{"version 3", "# version: 3\nA1," + rfcHex, Record{}, "version 3 of the file"},
		{"version 2 without a token", "# version: 2\nalice,ldap,home\n", Record{}, "line 2: there is no seed"},
		{"no seed", "A1", Record{}, "there is no seed"},
		{"no serial before a tab", "\t" + rfcHex + "\ttotp", Record{}, "line 1: there is no serial"},
		{"no serial", "," + rfcHex + ",totp", Record{}, "line 1: there is no serial"},
		{"base32 where hex is meant", "A1," + rfcBase32, Record{}, "character 1 of the seed is not hexadecimal"},
		{"half a byte", "A1," + rfcHex + "3", Record{}, "a seed of 41 hexadecimal characters is cut off"},
		{"another type", "A1," + rfcHex + ",ocra,OCRA-1:HOTP-SHA1-6:QN08", Record{}, `type "ocra" is not supported`},
		{"a key of a YubiKey", "A1," + rfcHex + ",yubikey", Record{}, `type "yubikey"`},
		{"five digits", "A1," + rfcHex + ",totp,5", Record{}, `digits "5"`},
		{"no step", "A1," + rfcHex + ",totp,6,0", Record{}, `step "0"`},
		{"a step in milliseconds", "A1," + rfcHex + ",totp,6,300000", Record{}, `step "300000"`},
		{"a negative counter", "A1," + rfcHex + ",hotp,6,-1", Record{}, `counter "-1"`},
		{"another hash", "A1," + rfcHex + ",totp,6,30,md5", Record{}, `hash "md5"`},
		{"a seventh column", "A1," + rfcHex + ",totp,6,30,sha1,x", Record{}, "7 fields"},
		{"a quote that does not end", "A1," + rfcHex + "\nA2,\"00,totp\nA3,00\n", Record{}, "line 2: a quote is missing"},
		{"a quote inside", "A1,a\"b\nA2,00\n", Record{}, "line 1: a quote is missing"},
		{"a control character", "A\x011," + rfcHex, Record{}, "the serial is not plain"},
		{"comments only", "# A1,00\n", Record{}, "no token in the file"},
	})
}

func TestEntraCSV(t *testing.T) {
	const header = "upn,serial number,secret key,time interval,manufacturer,model\n"
	want := Record{Serial: "1234567", Account: "helga@contoso.com", Manufacturer: "Contoso", Model: "HardwareKey",
		Seed: token.Seed(rfcSeed), Digits: 6, Step: time.Minute}
	nobody := want
	nobody.Account = ""
	testRows(t, EntraCSV, Options{}, []rowCase{
		{"as Microsoft writes it", header + "helga@contoso.com,1234567," + strings.ToLower(rfcBase32) + ",60,Contoso,HardwareKey\n", want, ""},
		{"as makers write it", "Serial Number,Secret Key,TimeInterval,Manufacturer,Model\n1234567," + rfcBase32 + ",60,Contoso,HardwareKey\n", nobody, ""},
		{"in another order", "model;manufacturer;time interval;secret key;serial number;upn\nHardwareKey;Contoso;60;" + rfcBase32 + ";1234567;helga@contoso.com\n", want, ""},

		{"no header", "helga@contoso.com,1234567," + rfcBase32 + ",60,Contoso,HardwareKey\n", Record{}, `no column "serial number"`},
		{"an unknown column", "algorithm," + header + "x\n", Record{}, "a column that is not known"},
		{"a column twice", "upn," + header + "x\n", Record{}, `the column "upn" twice`},
		{"a field without a column", header + "a,1," + rfcBase32 + ",60,C,H,7\n", Record{}, "line 2 (serial \"1\"): there are 7 fields under a header of 6"},
		{"hex where base32 is meant", header + "a,1," + rfcHex + ",60,C,H\n", Record{}, "character 2 of the secret is not base32"},
		{"a long secret", header + "a,1," + strings.Repeat("A", 136) + ",60,C,H\n", Record{}, "at most 128"},
		{"45 seconds", header + "a,1," + rfcBase32 + ",45,C,H\n", Record{}, "Entra ID knows 30 and 60 seconds"},
		{"no interval", header + "a,1," + rfcBase32 + "\n", Record{}, `step ""`},
		{"a header alone", header, Record{}, "no token in the file"},
	})
}

func TestDuoCSV(t *testing.T) {
	hotp := Record{Serial: "A1", Type: HOTP, Seed: token.Seed(rfcSeed), Digits: 8, Counter: 7}
	totp := Record{Serial: "A1", Seed: token.Seed(rfcSeed), Digits: 6, Step: 30 * time.Second}
	testRows(t, DuoCSV, Options{Type: HOTP, Digits: 8, Step: time.Minute}, []rowCase{
		{"the kind that the form says", "A1," + rfcHex + ",7", hotp, ""},
		{"another counter", "A1," + rfcHex + ",x", Record{}, `counter "x"`},
		{"a fourth column", "A1," + rfcHex + ",7,7", Record{}, "4 fields"},
	})
	testRows(t, DuoCSV, Options{}, []rowCase{
		{"totp where the form says nothing", "A1," + rfcHex, totp, ""},
		{"a counter for totp", "A1," + rfcHex + ",7", Record{}, "read the file as hotp"},
	})
	testRows(t, DuoCSV, Options{Digits: 9}, []rowCase{{"nine digits", "A1," + rfcHex, Record{}, "codes of 9 digits"}})
}

func TestYubicoCSV(t *testing.T) {
	const tail = ",,,0,0,0,6,4096,0,0,0,0,0\n"
	const start = "LOGGING START,11.12.13 18:55\n"
	want := Record{Serial: "UBOM00000001_1", Type: HOTP, Seed: token.Seed(rfcSeed), Digits: 6, Counter: 4096}
	testRows(t, YubicoCSV, Options{}, []rowCase{
		{"a log", start + "OATH-HOTP,11.12.13 18:55,1,cccccccccccb,," + rfcHex + tail, want, ""},
		{"a local time with a comma", start + "OATH-HOTP,12/11/13, 6:55 PM,1,cccccccccccb,," + rfcHex + tail, want, ""},
		{"two sessions", start + start + "OATH-HOTP,x,1,cb,," + rfcHex + tail, want, ""},

		{"a Yubico OTP key", start + "Yubico OTP,x,1,vvgutbiedkvi,ab86c04de6a3,d26a7c0f85fdda28bd816e406342b214,,,0,0,0,0,0,0,0,0,0,0\n", Record{}, "line 2: it is for Yubico OTP"},
		{"a static password", start + "Static Password: Scan Code,x,1,,,,,,0,0,0,0,0,0,0,0,0,0\n", Record{}, "static password"},
		{"challenge and response", start + "Challenge-Response: HMAC-SHA1,x,1\n", Record{}, "challenge and response"},
		{"the Yubico log format", "508326,,0," + rfcHex + ",,2013-12-12T08:41:07,\n", Record{}, "log in the traditional format"},
		{"an update", start + "Configuration Update,x,1\n", Record{}, "is not an event that sets a seed"},
		{"a short line", "OATH-HOTP,x,1,cccccccccccb,," + rfcHex + "\n", Record{}, "6 fields"},
		{"no public identity", "OATH-HOTP,x,1,,," + rfcHex + tail, Record{}, "there is no public identity"},
		{"what is not modhex", "OATH-HOTP,x,1,abc,," + rfcHex + tail, Record{}, `"abc" is not modhex`},
		{"slot 3", "OATH-HOTP,x,3,cccccccccccb,," + rfcHex + tail, Record{}, `slot "3"`},
		{"a short key", "OATH-HOTP,x,1,cccccccccccb,,313233" + tail, Record{}, "a YubiKey takes 20"},
		{"a long moving factor", "OATH-HOTP,x,1,cccccccccccb,," + rfcHex + ",,,0,0,0,6,4294967296,0,0,0,0,0\n", Record{}, "moving factor"},
		{"seven digits", "OATH-HOTP,x,1,cccccccccccb,," + rfcHex + ",,,0,0,0,7,0,0,0,0,0,0\n", Record{}, "6 or 8 digits"},
	})
}

func TestURIFile(t *testing.T) {
	const uri = "otpauth://totp/Example:alice?secret=" + rfcBase32
	want := Record{Issuer: "Example", Account: "alice", Seed: token.Seed(rfcSeed), Digits: 6, Step: 30 * time.Second}
	testRows(t, OTPAuth, Options{}, []rowCase{
		{"a URI among comments", "# phone\r\n\r\n  " + uri + "\r\n", want, ""},
		{"a bad one", uri + "\n\nhttps://example.com\n", Record{}, "line 3: the URI does not begin with otpauth://"},
		{"a name that no file carries", uri + "&issuer=" + strings.Repeat("x", 300), Record{}, "make them equal"},
	})
	data, err := Append(nil, OTPAuth, []Record{{Serial: "GAHT00000001", Seed: token.Seed(rfcSeed), Digits: 6, Step: 30 * time.Second}}, Options{})
	require.NoError(t, err)
	require.Equal(t, "otpauth://totp/GAHT00000001?secret="+rfcBase32+"\n", string(data), "a fob is called by its serial")
}
