package client

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	plainRP   = `"rp":{"id":"example.test","name":"E"},"user":{"id":"dTE","name":"a","displayName":"A"}`
	plainPage = `{` + plainRP + `,"challenge":"AAEC","pubKeyCredParams":[{"type":"public-key","alg":-7},{"alg":-257,"type":"public-key"}],` +
		`"timeout":60000,"excludeCredentials":[{"type":"public-key","id":"AQID","transports":["usb","nfc"]}],` +
		`"authenticatorSelection":{"authenticatorAttachment":"cross-platform","residentKey":"required","requireResidentKey":true,` +
		`"userVerification":"discouraged"},"attestation":"direct"}`
	plainAsked = ` { "challenge" : "AAEC" , "timeout":0,"rpId":"example.test","allowCredentials":[ ],
		"userVerification":"required" } `
)

func TestPlainOptionsAreReadWithoutReflection(t *testing.T) {
	_, ok := plainCreation([]byte(plainPage))
	require.True(t, ok)
	_, ok = plainRequest([]byte(plainAsked))
	require.True(t, ok)
}

func TestWhatIsNotPlainIsLeftToOthers(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown member":       `{"challenge":"AAEC","more":1}`,
		"a name in other case":    `{"Challenge":"AAEC"}`,
		"a member twice":          `{"challenge":"AAEC","challenge":"AAED"}`,
		"an escape":               `{"challenge":"AAEC","rpId":"a\u0062"}`,
		"a letter with accent":    `{"challenge":"AAEC","rpId":"é"}`,
		"null":                    `{"challenge":null}`,
		"a fraction":              `{"timeout":1.5}`,
		"an exponent":             `{"timeout":1e3}`,
		"a zero in front":         `{"timeout":01}`,
		"a long number":           `{"timeout":11111111111111111111}`,
		"a number below zero":     `{"timeout":-1}`,
		"padding":                 `{"challenge":"AAE="}`,
		"something behind":        `{"challenge":"AAEC"}{`,
		"nothing":                 ``,
		"no end":                  `{"challenge":"AAEC"`,
		"a comma at the end":      `{"challenge":"AAEC",}`,
		"a comma at the front":    `{,"challenge":"AAEC"}`,
		"an array with a comma":   `{"allowCredentials":[,]}`,
		"a text across a line":    "{\"rpId\":\"a\nb\"}",
		"something else in sight": `["challenge"]`,
	} {
		_, ok := plainRequest([]byte(text))
		require.False(t, ok, name)
	}
	for name, text := range map[string]string{
		"no truth":          `{"authenticatorSelection":{"requireResidentKey":tru}}`,
		"no truth at all":   `{"authenticatorSelection":{"requireResidentKey":1}}`,
		"an extension":      `{"extensions":{}}`,
		"a hint":            `{"hints":[]}`,
		"a number as alg":   `{"pubKeyCredParams":[{"alg":"-7"}]}`,
		"a param as number": `{"pubKeyCredParams":[7]}`,
	} {
		_, ok := plainCreation([]byte(text))
		require.False(t, ok, name)
	}
}

// FuzzPlain asserts that what is plain means what encoding/json makes of it.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{plainPage, plainAsked, `{"excludeCredentials":[{"type":"","id":""}],"timeout":4294967295}`,
		`{"timeout":4294967296}`, `{"allowCredentials":[{"id":"AA"}]}`, `{"challenge":"AB"}`, `{"rpId":""}`, `{}`,
		`{"authenticatorSelection":{"requireResidentKey":false}}`, `{"pubKeyCredParams":[{"alg":999999999999999}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := plainCreation(b); ok {
			var want creationOptions
			require.NoError(t, json.Unmarshal(b, &want))
			require.Equal(t, want, got)
		}
		if got, ok := plainRequest(b); ok {
			var want requestOptions
			require.NoError(t, json.Unmarshal(b, &want))
			require.Equal(t, want, got)
		}
	})
}
