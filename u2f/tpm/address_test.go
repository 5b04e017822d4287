package tpm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/tpm"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"tpm:///dev/tpmrm0":                             "tpm:///dev/tpmrm0",
		"tpm://127.0.0.1:2321":                          "tpm://127.0.0.1:2321",
		"tpm://[::1]:2321/":                             "tpm://[::1]:2321",
		"tpm+unix:///run/a%20b.sock":                    "tpm+unix:///run/a%20b.sock",
		"tpm+mssim://localhost:2321":                    "tpm+mssim://localhost:2321",
		"tpm:///dev/tpmrm0?pcrs=7,0":                    "tpm:///dev/tpmrm0?pcrs=0,7",
		"tpm:///dev/tpmrm0?counter=nv":                  "tpm:///dev/tpmrm0?counter=nv",
		"tpm:///d?counter=nv&parent=2164260865&pcrs=23": "tpm:///d?parent=0x81000001&pcrs=23&counter=nv",
	} {
		a, err := tpm.ParseAddress(text)
		require.NoError(t, err, text)
		require.Equal(t, want, a.String())
	}
	for text, say := range map[string]string{
		"":                                    "it is tpm:// with a path",
		"/dev/tpmrm0":                         "it is tpm:// with a path",
		"tpm:dev":                             "no address of a TPM; write it as",
		"tpm://":                              "it is tpm:// with a path",
		"tpm:///":                             "it is tpm:// with a path",
		"tpm://localhost":                     "no host:port",
		"tpm://localhost:x":                   "no address of a TPM",
		"tpm://localhost:0":                   "no port",
		"tpm://localhost:65536":               "no port",
		"tpm+mssim://localhost:65535":         "no port",
		"tpm+mssim:///dev/tpm0":               "it is tpm:// with a path",
		"tpm+unix://host:1":                   "it is tpm:// with a path",
		"tpm+unix://host/path":                "it is tpm:// with a path",
		"tpm://localhost:1/path":              "it is tpm:// with a path",
		"tpm://user:secret@localhost:1":       "has no password",
		"tpm:///d#f":                          "no address of a TPM; write it as",
		"http://localhost:1":                  "it is tpm:// with a path",
		"tpm:///d?pcrs=24":                    "numbers from 0 to 23",
		"tpm:///d?pcrs=":                      "numbers from 0 to 23",
		"tpm:///d?pcrs=1,1":                   "each once",
		"tpm:///d?counter=flash":              "counter=nv",
		"tpm:///d?parent=0x80000001":          "no persistent handle",
		"tpm:///d?parent=srk":                 "no persistent handle",
		"tpm:///d?pcrs=1&pcrs=2":              "there twice",
		"tpm:///d?password=secret":            "there is no parameter",
		"tpm:///d?%zz":                        "cannot be read",
		"tpm:///" + strings.Repeat("d", 2000): "1024 or fewer",
	} {
		_, err := tpm.ParseAddress(text)
		require.ErrorContains(t, err, say, text)
		require.NotContains(t, err.Error(), "user:secret")
	}
}

// FuzzParseAddress finds out that what is read is written so that it is read alike.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"tpm:///dev/tpmrm0?pcrs=0,7&counter=nv", "tpm+unix:///a%2fb%20", "tpm+mssim://[::1]:1", "tpm://h:1/?parent=0x81000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := tpm.ParseAddress(text)
		if err != nil {
			require.Equal(t, tpm.Address{}, a)
			return
		}
		again, err := tpm.ParseAddress(a.String())
		require.NoError(t, err, a.String())
		require.Equal(t, a, again)
	})
}

// FuzzRecords finds out that what flash may hold, damaged as it may be, is refused and no more.
func FuzzRecords(f *testing.F) {
	e := opened(f, tpmtest.Start(f).URL("?counter=nv"))
	sealed, err := e.Seal(seed)
	require.NoError(f, err)
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(f, err)
	place, err := e.MakeCounter()
	require.NoError(f, err)
	for _, b := range [][]byte{nil, sealed, wrapped, place, sealed[:100], wrapped[:40], append([]byte{0, 0}, sealed...)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if secret, err := e.Unseal(b); err == nil {
			require.Equal(t, seed, secret)
		}
		_, _ = e.Count(b, false)
		for _, a := range append(e.Algorithms(), cose.EdDSA) {
			key, err := e.OpenKey(a, seed, b)
			if err != nil || len(b) > 600 {
				continue
			}
			if signature, err := key.Sign(message); err == nil {
				require.True(t, cose.Verify(a, key.Public(), message, signature))
			}
		}
	})
}
