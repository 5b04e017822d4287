package seedfile

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

// figure returns a figure of RFC 6030.
func figure(t testing.TB, n string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc6030-figure" + n + ".xml")
	require.NoError(t, err)
	return string(b)
}

// figureKey is the key of Section 6.1 of RFC 6030.
func figureKey(t testing.TB) Secret {
	t.Helper()
	key, err := hex.DecodeString("12345678901234567890123456789012")
	require.NoError(t, err)
	return key
}

func TestFiguresOfRFC6030(t *testing.T) {
	device := Record{Serial: "987654321", Manufacturer: "Manufacturer", KeyID: "12345678", Type: HOTP, Issuer: "Issuer",
		Seed: token.Seed(rfcSeed), Digits: 8}
	with := func(change func(*Record)) Record { r := device; change(&r); return r }
	preshared, passphrase := Options{PresharedKey: figureKey(t)}, Options{Passphrase: Secret("qwerty")}
	for _, test := range []struct {
		figure  string
		options Options
		want    Record
		warning string
	}{
		{"2", Options{}, Record{Serial: "12345678", Type: HOTP, Issuer: "Issuer-A", Seed: token.Seed("1234"), Digits: 6}, "package 1: the seed has 4 bytes"},
		{"3", Options{}, with(func(r *Record) { r.Account = "UID=jsmith,DC=example-bank,DC=net" }), ""},
		{"3", preshared, with(func(r *Record) { r.Account = "UID=jsmith,DC=example-bank,DC=net" }), "the file is not encrypted"},
		{"6", preshared, device, ""},
		{"7", passphrase, with(func(r *Record) {
			r.Manufacturer, r.KeyID, r.Issuer = "TokenVendorAcme", "123456", "Example-Issuer"
		}), ""},
		{"9", Options{}, with(func(r *Record) {
			r.Serial, r.Manufacturer, r.KeyID, r.Issuer, r.Digits = "0755225266", "TokenVendorAcme", "123", "Example-Issuer", 6
		}), "the signature of the file is not checked"},
	} {
		t.Run(test.figure, func(t *testing.T) {
			file, err := Parse("", []byte(figure(t, test.figure)), test.options)
			require.NoError(t, err)
			require.Equal(t, PSKC, file.Format)
			require.Equal(t, []Record{test.want}, file.Records)
			if test.warning == "" {
				require.Empty(t, file.Warnings)
			} else {
				require.Contains(t, strings.Join(file.Warnings, "\n"), test.warning)
			}
		})
	}
}

func TestFiguresThatNoFobCanHave(t *testing.T) {
	for _, test := range []struct{ figure, want string }{
		{"4", `package 1 (serial "987654321"): there is no seed`},
		{"5", `package 1 (serial "987654321"): "PINPolicy" in Policy is not supported; what is: StartDate, ExpiryDate; so the key must not be used`},
		{"5", `package 2 (serial "987654321"): the key is for the algorithm "urn:ietf:params:xml:ns:keyprov:pskc:pin"`},
		{"10", `package 4 (serial "9999999"): the serial is that of package 3; a token has one seed`},
	} {
		t.Run(test.figure, func(t *testing.T) {
			file, err := Parse("", []byte(figure(t, test.figure)), Options{})
			require.ErrorContains(t, err, test.want)
			require.Zero(t, file)
		})
	}
	one := figure(t, "10")
	one = one[:strings.Index(one, "  <KeyPackage>\n")] + one[strings.LastIndex(one, "  <KeyPackage>\n"):]
	file, err := Parse("", []byte(one), Options{})
	require.NoError(t, err)
	require.Equal(t, time.Date(2006, 4, 1, 0, 0, 0, 0, time.UTC), file.Records[0].Starts)
	require.Equal(t, time.Date(2006, 4, 30, 0, 0, 0, 0, time.UTC), file.Records[0].Expires)
}

// A fault is an edit of a figure, and what is said of it.
type fault struct{ name, figure, old, new, want string }

func (f fault) run(t *testing.T, options Options) {
	t.Run(f.name, func(t *testing.T) {
		data := figure(t, f.figure)
		require.Contains(t, data, f.old)
		file, err := Parse(PSKC, []byte(strings.Replace(data, f.old, f.new, 1)), options)
		require.ErrorContains(t, err, f.want)
		require.Zero(t, file)
		require.NotContains(t, err.Error(), "MTIz")
		require.NotContains(t, err.Error(), rfcSeed)
	})
}

func TestProtectionIsNeverIgnored(t *testing.T) {
	const mac, spaces = "<ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=\n          </ValueMAC>", "\n          "
	method := figure(t, "6")
	method = method[strings.Index(method, "<MACMethod"):strings.Index(method, "</MACMethod>")] + "</MACMethod>"
	secret := figure(t, "6")
	secret = secret[strings.Index(secret, "<EncryptedValue>"):strings.Index(secret, "</Secret>")]
	for _, f := range []fault{
		{"a wrong MAC", "6", "Su+NvtQf", "Su+NvtQg", "the MAC of Secret is wrong"},
		{"a MAC cut off", "6", "Su+NvtQfmvfJzF6bmQiJqoLRExc=", "Su+Nvg==", "the MAC of Secret is wrong"},
		{"an empty MAC", "6", "Su+NvtQfmvfJzF6bmQiJqoLRExc=", "", "the MAC of Secret is wrong"},
		{"a MAC that is no base64", "6", "Su+NvtQfmvfJzF6bmQiJqoLRExc=", "TODOmissing", "is not base64"},
		{"no MAC", "6", mac, "", "Secret is encrypted without a MAC"},
		{"the MAC beside its value", "6", mac + spaces[:9] + "</Secret>", "</Secret>" + mac, `"ValueMAC" in Data is not supported`},
		{"another ciphertext", "6", "AAECAwQFBgcICQoLDA0OD+cI", "AAECAwQFBgcICQoLDA0OD+cJ", "the MAC of Secret is wrong"},
		{"another IV", "6", "AAECAwQF", "BAECAwQF", "the MAC of Secret is wrong"},
		{"no MAC method", "6", method, "", "without a MAC"},
		{"a MAC of another kind", "6", "hmac-sha1", "hmac-md5", "hmac-md5\", which is not supported"},
		{"a MAC key from elsewhere", "6", method, `<MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"><MACKeyReference>x</MACKeyReference></MACMethod>`, "one from elsewhere"},
		{"two MAC methods", "6", method, method + method, "two MAC methods"},
		{"another MAC key", "6", "ESIzRFVm", "ESIzRFVn", "the MAC of Secret is wrong"},
		{"a MAC over a plain value", "6", "<PlainValue>0</PlainValue>", "<PlainValue>0</PlainValue>" + mac, "Counter is in the clear with a MAC"},
		{"a plain seed among encrypted ones", "6", secret, "<PlainValue>MTIzNA==</PlainValue>", "the seed is in the clear"},
		{"a seed both ways", "6", secret, secret + "<PlainValue>MTIzNA==</PlainValue>", "a plain and an encrypted value"},
		{"no value", "6", secret, "", "Secret has no value"},
		{"an AES key wrap", "6", "aes128-cbc", "kw-aes128", "#kw-aes128\", which is not supported"},
		{"triple DES", "6", `<EncryptedValue>
            <xenc:EncryptionMethod
                Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>`, `<EncryptedValue><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#tripledes-cbc"/>`, "#tripledes-cbc\", which is not supported; http://www.w3.org/2001/04/xmlenc#aes128-cbc is"},
		{"a certificate", "6", "<ds:KeyName>Pre-shared-key</ds:KeyName>", "<ds:X509Data/>", `encrypted for "X509Data", which is not supported; KeyName`},
		{"two keys", "6", "</EncryptionKey>", "</EncryptionKey><EncryptionKey><ds:KeyName>x</ds:KeyName></EncryptionKey>", "two encryption keys"},
		{"a key after its package", "6", "</KeyPackage>", "</KeyPackage><EncryptionKey/>", `"EncryptionKey" follows a KeyPackage`},
		{"no key at all", "6", "<EncryptionKey>\n    <ds:KeyName>Pre-shared-key</ds:KeyName>\n  </EncryptionKey>", "", "no encryption key that it is encrypted with"},
		{"half a block", "6", "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv", "AAECAwQF", "whole blocks of 16"},
	} {
		f.run(t, Options{PresharedKey: figureKey(t)})
	}
	other := figureKey(t)
	other[0]++
	fault{"another key", "6", "x", "x", "the key or passphrase is wrong"}.run(t, Options{PresharedKey: other})
	fault{"no key given", "6", "x", "x", `with the pre-shared key "Pre-shared-key"; give it`}.run(t, Options{Passphrase: other})
	fault{"a key of AES-256", "6", "x", "x", "has 32 bytes; AES-128 has 16"}.run(t, Options{PresharedKey: make(Secret, 32)})
	for _, f := range []fault{
		{"another derivation", "7", "#pbkdf2", "#pbkdf1", "#pbkdf1\", which is not supported; PBKDF2 is"},
		{"another hash", "7", "<PRF/>", `<PRF Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>`, "hmac-sha256\", which is not supported; HMAC-SHA1 is"},
		{"another length", "7", "<KeyLength>16", "<KeyLength>32", `derived key of "32" bytes`},
		{"no salt", "7", "Ej7/PEpyEpw=", "", "the salt"},
		{"too much salt", "7", "Ej7/PEpyEpw=", strings.Repeat("AAAA", 342), "the salt"},
		{"no iterations", "7", "1000", "0", `count of "0"`},
		{"iterations for hours", "7", "1000", "10000001", "use 1 to 10000000"},
		{"the parameters twice", "7", "<IterationCount>1000</IterationCount>", "<IterationCount>1000</IterationCount><IterationCount>1</IterationCount>", "an iteration count"},
	} {
		f.run(t, Options{Passphrase: Secret("qwerty")})
	}
	fault{"another passphrase", "7", "x", "x", "the key or passphrase is wrong"}.run(t, Options{Passphrase: Secret("Qwerty")})
	fault{"no passphrase", "7", "x", "x", `with the passphrase "My Password 1"; give it`}.run(t, Options{PresharedKey: figureKey(t)})
}

func TestPSKCRefusesWhatItWouldGetWrong(t *testing.T) {
	const response = `<ResponseFormat Length="8" Encoding="DECIMAL"/>`
	whole := figure(t, "3")
	figureBetween := func(from, to string) string {
		return whole[strings.Index(whole, from) : strings.Index(whole, to)+len(to)]
	}
	const counter = "<Counter>\n          <PlainValue>0</PlainValue>\n        </Counter>"
	for _, f := range []fault{
		{"another version", "3", `Version="1.0"`, `Version="2.0"`, `version "2.0"`},
		{"another namespace", "3", "keyprov:pskc\"", "keyprov:pskc:1.0\"", "namespace \"urn:ietf:params:xml:ns:keyprov:pskc:1.0\""},
		{"another algorithm", "3", "pskc:hotp", "pskc:ocra", "pskc:hotp and urn:ietf:params:xml:ns:keyprov:pskc:totp are supported"},
		{"a package without key", "3", figureBetween("<Key ", "</Key>"), "", "there is no Key in the package"},
		{"a key without data", "3", figureBetween("<Data>", "</Data>"), "", "there is no seed"},
		{"a key elsewhere", "3", figureBetween("<Data>", "</Data>"), "<KeyReference>x</KeyReference>", "a reference to a key elsewhere"},
		{"letters in responses", "3", "DECIMAL", "ALPHANUMERIC", `encoded as "ALPHANUMERIC"`},
		{"a check digit", "3", response, `<ResponseFormat Length="8" Encoding="DECIMAL" CheckDigits="true"/>`, "check digit"},
		{"nine digits", "3", `Length="8"`, `Length="9"`, `digits "9"`},
		{"another suite", "3", response, "<Suite>OCRA-1</Suite>" + response, `the suite "OCRA-1"`},
		{"a challenge", "3", response, `<ChallengeFormat/>` + response, `"ChallengeFormat" in AlgorithmParameters`},
		{"two seeds", "3", "</Secret>", "</Secret><Secret/>", "Data has Secret twice"},
		{"a value that is not understood", "3", "</Secret>", "</Secret><Offset/>", `"Offset" in Data`},
		{"an element in the container that is not understood", "3", "<KeyPackage>", "<Policy/><KeyPackage>", `"Policy" in KeyContainer`},
		{"a use for something else", "3", "<UserId>UID=jsmith,DC=example-bank,DC=net</UserId>", "<Policy><KeyUsage>CR</KeyUsage></Policy>", "does not permit"},
		{"a policy from elsewhere", "3", "<UserId>UID=jsmith,DC=example-bank,DC=net</UserId>", "<Policy><x:y xmlns:x='x'/></Policy>", `the policy has "y"`},
		{"an extended policy", "3", "<UserId>UID=jsmith,DC=example-bank,DC=net</UserId>", "<Policy><Extensions/></Policy>", `the policy has "Extensions"`},
		{"so many transactions", "3", "<UserId>UID=jsmith,DC=example-bank,DC=net</UserId>", "<Policy><NumberOfTransactions>3</NumberOfTransactions></Policy>", "NumberOfTransactions"},
		{"no date", "3", "<UserId>DC=example-bank,DC=net</UserId>", "<StartDate>today</StartDate>", `StartDate "today"`},
		{"a counter that is none", "3", "<PlainValue>0<", "<PlainValue>x<", "Counter is not a number"},
		{"a negative counter", "3", "<PlainValue>0<", "<PlainValue>-1<", "counter -1"},
		{"a seed that is no base64", "3", "MTIzNDU2", "MTIz*DU2", "not base64"},
		{"an empty seed", "3", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "", "no secret"},
	} {
		f.run(t, Options{})
	}
	totp := strings.Replace(figure(t, "3"), "pskc:hotp", "pskc:totp", 1)
	data := strings.Replace(totp, counter, counter+`<Time><PlainValue>7</PlainValue></Time><TimeInterval><PlainValue>60</PlainValue></TimeInterval>
		<TimeDrift><PlainValue>-4</PlainValue></TimeDrift>`, 1)
	data = strings.Replace(data, response, "<Suite>HMAC-SHA256</Suite>"+response, 1)
	data = strings.Replace(data, "<UserId>DC", "<StartDate>2006-05-01T02:00:00+02:00</StartDate><ExpiryDate>2006-05-31T00:00:00</ExpiryDate><UserId>DC", 1)
	file, err := Parse(PSKC, []byte(data), Options{})
	require.NoError(t, err)
	r := file.Records[0]
	require.Equal(t, []any{TOTP, token.SHA256, time.Minute, int64(7), int64(-4), uint64(0)}, []any{r.Type, r.Algorithm, r.Step, r.Time, r.Drift, r.Counter})
	require.Equal(t, []time.Time{time.Date(2006, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(2006, 5, 31, 0, 0, 0, 0, time.UTC)}, []time.Time{r.Starts, r.Expires},
		"a device's dates serve where the key has none, and without a zone are UTC")
	file, err = Parse(PSKC, []byte(strings.Replace(totp, response, "<Suite hashalgo=\"sha512\"/>", 1)), Options{})
	require.NoError(t, err)
	require.Equal(t, token.SHA512, file.Records[0].Algorithm, "as privacyIDEA writes it")
	require.Equal(t, 30*time.Second, file.Records[0].Step, "the usual step where none is said")
	_, err = Parse(PSKC, []byte(strings.Replace(data, "<PlainValue>60<", "<PlainValue>0<", 1)), Options{})
	require.ErrorContains(t, err, `step "0"`)
	_, err = Parse(PSKC, []byte(strings.Replace(data, "<PlainValue>-4<", "<PlainValue>2147483648<", 1)), Options{})
	require.ErrorContains(t, err, "use 32 bits")
}

func TestWithoutMACKeyTheEncryptionKeyServes(t *testing.T) {
	method := figure(t, "6")
	method = method[strings.Index(method, "<MACKey>"):strings.Index(method, "</MACMethod>")]
	data := strings.Replace(figure(t, "6"), method, "", 1)
	k := keys{encryption: figureKey(t)}
	box, err := seal(k.encryption, make([]byte, 16), []byte(rfcSeed))
	require.NoError(t, err)
	data = strings.Replace(data, "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv", b64(box), 1)
	data = strings.Replace(data, "Su+NvtQfmvfJzF6bmQiJqoLRExc=", b64(k.sum(box)), 1)
	file, err := Parse(PSKC, []byte(data), Options{PresharedKey: figureKey(t)})
	require.NoError(t, err)
	require.Equal(t, rfcSeed, string(file.Records[0].Seed))
}

func TestEncryptedNumbers(t *testing.T) {
	k := keys{encryption: figureKey(t), method: true}
	node := func(plain string) *node {
		box, err := seal(k.encryption, make([]byte, 16), []byte(plain))
		require.NoError(t, err)
		var out writing
		out.raw("<Data><Counter xmlns='" + pskcSpace + "'><EncryptedValue><EncryptionMethod Algorithm='" + aes128CBC + "'/><CipherData><CipherValue>" + b64(box) +
			"</CipherValue></CipherData></EncryptedValue><ValueMAC>" + b64(k.sum(box)) + "</ValueMAC></Counter></Data>")
		return child(t, string(out.b))
	}
	for plain, want := range map[string]int64{"4711": 4711, "-4": -4, "\x12\x67": 4711, "\x00": 0, "\x7f\xff\xff\xff\xff\xff\xff\xff": 1<<63 - 1} {
		got, err := k.number(node(plain), 0)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", plain)
	}
	for _, plain := range []string{"x12345678", "\xff\xff\xff\xff\xff\xff\xff\xff", "9223372036854775808"} {
		_, err := k.number(node(plain), 0)
		require.ErrorContains(t, err, "not a number of 63 bits", "%q", plain)
	}
}

func TestEveryValueIsEncryptedOnRequest(t *testing.T) {
	const digits = 0x3132333435363738 // as bytes they are "12345678"
	records := []Record{
		{Serial: "A", Seed: token.Seed(rfcSeed), Digits: 6, Step: 777 * time.Second, Time: 888, Drift: -999},
		{Serial: "B", Seed: token.Seed(rfcSeed), Digits: 6, Type: HOTP, Counter: 6661},
		{Serial: "C", Seed: token.Seed(rfcSeed), Digits: 6, Type: HOTP, Counter: digits},
		{Serial: "D", Seed: token.Seed(rfcSeed), Digits: 6, Type: HOTP, Counter: 1<<63 - 1},
	}
	for all, want := range map[bool]int{false: 4, true: 10} {
		chance := noise(1)
		data, err := Append(nil, PSKC, records, Options{PresharedKey: figureKey(t), Random: &chance, EncryptAll: all})
		require.NoError(t, err)
		require.Equal(t, want, strings.Count(string(data), "<ValueMAC>"))
		require.Equal(t, !all, strings.Contains(string(data), "PlainValue"))
		file, err := Parse(PSKC, data, Options{PresharedKey: figureKey(t)})
		require.NoError(t, err)
		require.Equal(t, records, file.Records)
		if all {
			require.NotContains(t, string(data), "777")
			broken := strings.Replace(string(data), "<Time><EncryptedValue>", "<Time><PlainValue>1</PlainValue><EncryptedValue>", 1)
			_, err = Parse(PSKC, []byte(broken), Options{PresharedKey: figureKey(t)})
			require.ErrorContains(t, err, "Time has a plain and an encrypted value")
		}
	}
	plain, err := Append(nil, PSKC, records, Options{EncryptAll: true})
	require.NoError(t, err)
	require.NotContains(t, string(plain), "ValueMAC", "without a key there is nothing to encrypt with")
	short := Options{PresharedKey: figureKey(t), EncryptAll: true, Random: strings.NewReader(strings.Repeat("x", 20+16+16+8))}
	_, err = Append(nil, PSKC, records, short)
	require.ErrorContains(t, err, "not enough randomness")
}

func TestEncryptionNeedsWhatItNeeds(t *testing.T) {
	chance := noise(1)
	records := []Record{{Serial: "A", Seed: token.Seed(rfcSeed), Digits: 6, Step: time.Minute}}
	for _, test := range []struct {
		name    string
		options Options
		want    string
	}{
		{"randomness", Options{PresharedKey: figureKey(t)}, "needs randomness"},
		{"enough of it for the MAC key", Options{PresharedKey: figureKey(t), Random: strings.NewReader("short")}, "not enough randomness"},
		{"enough of it for an IV", Options{PresharedKey: figureKey(t), Random: strings.NewReader(rfcSeed + "short")}, "not enough randomness"},
		{"enough of it for the salt", Options{Passphrase: Secret("x"), Random: strings.NewReader("short")}, "not enough randomness"},
		{"a key of 16 bytes", Options{PresharedKey: Secret("short"), Random: &chance}, "has 5 bytes"},
		{"a key that is not empty", Options{PresharedKey: Secret{}, Random: &chance}, "has 0 bytes"},
		{"a passphrase that is not empty", Options{Passphrase: Secret{}, Random: &chance}, "is empty"},
		{"one of the two", Options{PresharedKey: figureKey(t), Passphrase: Secret("x"), Random: &chance}, "give one"},
		{"iterations that end", Options{Passphrase: Secret("x"), Random: &chance, Iterations: maxIterations + 1}, "iterations are not possible"},
		{"a name that can be read back", Options{PresharedKey: figureKey(t), Random: &chance, KeyName: "a\n"}, "name of the key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := Append(nil, PSKC, records, test.options)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, b)
		})
	}
}

func TestEncryptedFileShowsNoSeed(t *testing.T) {
	chance := noise(1)
	records := []Record{{Serial: "A", Seed: token.Seed(rfcSeed), Digits: 6, Step: time.Minute}, {Serial: "B", Seed: token.Seed(rfcSeed), Digits: 6, Step: time.Minute}}
	data, err := Append(nil, PSKC, records, Options{Passphrase: Secret("correct horse"), Random: &chance, Iterations: 1000, KeyName: "by phone"})
	require.NoError(t, err)
	require.NotContains(t, string(data), "MTIzNDU2")
	require.NotContains(t, string(data), "horse")
	values := strings.Split(string(data), "CipherValue>")
	require.NotEqual(t, values[3], values[5], "two tokens with one seed do not look the same")
	_, err = Parse("", data, Options{})
	require.ErrorContains(t, err, `"by phone"; give it`)
}
