package seedfile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

// journey is the property of every format: what is accepted is written and read back as
// the same; what is refused leaves nothing behind.
func journey(t *testing.T, format Format, data string, options Options) {
	file, err := Parse(format, []byte(data), options)
	if err != nil {
		require.Zero(t, file)
		require.NotContains(t, err.Error(), "\n")
		return
	}
	require.Len(t, file.Rows, len(file.Records))
	chance := noise(1)
	options.Random, options.Iterations = &chance, 1
	again, err := Append(nil, format, file.Records, options)
	require.NoError(t, err)
	back, err := Parse(format, again, options)
	require.NoError(t, err, "%s", again)
	require.Equal(t, kept(format, file.Records), back.Records)
	require.Equal(t, len(file.Records), len(back.Records))
}

func seedCorpus(f *testing.F, format Format, more ...string) {
	records := delivery()
	switch format {
	case EntraCSV, DuoCSV, SafeNetXML, YubicoCSV:
		records = records[:1]
		records[0].Digits, records[0].Seed, records[0].Serial = 6, token.Seed(rfcSeed), "UBOM00000000_1"
	}
	if format == EntraCSV {
		records[0].Type, records[0].Step, records[0].Counter = TOTP, 30*time.Second, 0
	}
	data, err := Append(nil, format, records, Options{})
	require.NoError(f, err)
	f.Add(string(data))
	for _, s := range more {
		f.Add(s)
	}
}

func FuzzPSKC(f *testing.F) {
	for _, n := range []string{"2", "3", "4", "5", "6", "7", "9", "10"} {
		f.Add(strings.Replace(figure(f, n), "1000</I", "1</I", 1))
	}
	seedCorpus(f, PSKC)
	key, chance := figureKey(f), noise(1)
	whole, err := Append(nil, PSKC, delivery(), Options{PresharedKey: key, EncryptAll: true, Random: &chance})
	require.NoError(f, err)
	f.Add(string(whole))
	f.Fuzz(func(t *testing.T, data string) {
		if strings.Contains(data, "IterationCount") && !strings.Contains(data, "<IterationCount>1<") {
			return // PBKDF2 is slow on purpose
		}
		journey(t, PSKC, data, Options{})
		journey(t, PSKC, data, Options{PresharedKey: key})
		journey(t, PSKC, data, Options{PresharedKey: key, EncryptAll: true})
		journey(t, PSKC, data, Options{Passphrase: Secret("qwerty")})
	})
}

func FuzzOATHCSV(f *testing.F) {
	seedCorpus(f, OATHCSV, "# version: 2\na,b,c,S,00,totp,6,30,sha512\n", "S;\"00\";\"hotp\"", "\"a\"\"b\" ,00", "S\t00\t")
	f.Fuzz(func(t *testing.T, data string) { journey(t, OATHCSV, data, Options{}) })
}

func FuzzEntraCSV(f *testing.F) {
	seedCorpus(f, EntraCSV)
	f.Fuzz(func(t *testing.T, data string) { journey(t, EntraCSV, data, Options{}) })
}

func FuzzDuoCSV(f *testing.F) {
	seedCorpus(f, DuoCSV, "S,00", "S,00,18446744073709551615")
	f.Fuzz(func(t *testing.T, data string) {
		journey(t, DuoCSV, data, Options{})
		journey(t, DuoCSV, data, Options{Type: HOTP, Digits: 8})
	})
}

func FuzzSafeNetXML(f *testing.F) {
	seedCorpus(f, SafeNetXML, etoken)
	f.Fuzz(func(t *testing.T, data string) { journey(t, SafeNetXML, data, Options{}) })
}

func FuzzYubicoCSV(f *testing.F) {
	seedCorpus(f, YubicoCSV, "OATH-HOTP,1/1/26, 6:55 PM,2,vvvvvvvvvvvv,,"+rfcHex+",,,0,0,0,8,16,0,0,0,0,0")
	f.Fuzz(func(t *testing.T, data string) { journey(t, YubicoCSV, data, Options{}) })
}

func FuzzOTPAuth(f *testing.F) {
	seedCorpus(f, OTPAuth, "# a\r\n"+usual+"\r\n")
	f.Fuzz(func(t *testing.T, data string) { journey(t, OTPAuth, data, Options{}) })
}

func FuzzDetect(f *testing.F) {
	for _, s := range []string{figure(f, "2"), etoken, usual, "S,00,totp", "LOGGING START,", "upn,serial number,secret key,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		format, err := Detect([]byte(data))
		if err != nil {
			require.Empty(t, format)
			return
		}
		require.Contains(t, Formats(), format)
	})
}

// BenchmarkParse reads 10,000 tokens of every format.
func BenchmarkParse(b *testing.B) {
	const rows = 10_000
	key := Options{PresharedKey: figureKey(b)}
	for _, format := range Formats() {
		for _, options := range []Options{{}, key} {
			name := string(format)
			if options.PresharedKey != nil {
				if format != PSKC {
					continue
				}
				name += "-encrypted"
			}
			chance := noise(1)
			options.Random = &chance
			records := make([]Record, rows)
			for i := range records {
				seed := make(token.Seed, 20)
				chance.Read(seed)
				records[i] = Record{Serial: fmt.Sprintf("UBOM%08d_1", i), Manufacturer: "Thales", Model: "Ezio", Seed: seed, Type: HOTP, Digits: 6}
				if format == EntraCSV {
					records[i].Type, records[i].Step = TOTP, 30*time.Second
				}
			}
			data, err := Append(nil, format, records, options)
			require.NoError(b, err)
			options.Type = HOTP
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					file, err := Parse(format, data, options)
					if err != nil || len(file.Records) != rows {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
