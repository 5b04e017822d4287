package client

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Options that are read can be written, and are then read as the same; what cannot be read is an exception.
func FuzzOptions(f *testing.F) {
	f.Add(`{"rp":{"id":"example.test","name":"Example"},"user":{"id":"AQID","name":"alice","displayName":"Alice"},"challenge":"AAECAw",
"pubKeyCredParams":[{"type":"public-key","alg":-7}],"excludeCredentials":[{"type":"public-key","id":"AQ","transports":["usb"]}],
"authenticatorSelection":{"residentKey":"preferred","userVerification":"required"},"attestation":"direct","extensions":{"credProps":true}}`)
	f.Add(`{"challenge":"AAECAw","rpId":"example.test","allowCredentials":[{"type":"public-key","id":""}],"userVerification":"discouraged"}`)
	f.Add(`{"rp":{"name":""},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`)
	f.Add(`{"challenge":null}`)
	f.Add(`{"rp":{"name":""},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[],"timeout":60000,"hints":["security-key"],
"extensions":{"prf":{"eval":{"first":"AA","second":"AQ"}},"largeBlob":{"support":"required"},"credBlob":"AA","appidExclude":"",
"credentialProtectionPolicy":"userVerificationRequired","minPinLength":true}}`)
	f.Add(`{"challenge":"","allowCredentials":[{"type":"public-key","id":"AA"}],"extensions":{"appid":"","getCredBlob":true,
"prf":{"evalByCredential":{"AA":{"first":"AA"}}},"largeBlob":{"write":"AA"},"hmacGetSecret":{"salt1":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}}`)
	f.Fuzz(func(t *testing.T, options string) {
		again(t, options, parseCreationOptions)
		again(t, options, parseRequestOptions)
	})
}

func again[T any](t *testing.T, options string, parse func([]byte) (T, error)) {
	o, err := parse([]byte(options))
	if err != nil {
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, []string{TypeError, EncodingError, NotSupportedError, SyntaxError}, e.Name)
		return
	}
	b, err := json.Marshal(o)
	require.NoError(t, err)
	same, err := parse(b)
	require.NoError(t, err)
	twice, err := json.Marshal(same)
	require.NoError(t, err)
	require.Equal(t, string(b), string(twice))
}

// Client data is JSON that says what went in, whatever that was.
func FuzzClientData(f *testing.F) {
	f.Add("https://example.test", []byte{1})
	f.Add("\"\\\x00\x1f\x7f\u2028ä", []byte{})
	f.Fuzz(func(t *testing.T, origin string, challenge []byte) {
		d := collected{kind: typeGet, challenge: challenge, origin: origin}.serialise()
		var back struct {
			Type, Origin string
			Challenge    encoded
			CrossOrigin  *bool
		}
		require.NoError(t, json.Unmarshal(d.json, &back))
		require.Equal(t, string([]rune(origin)), back.Origin)
		require.Equal(t, len(challenge), len(back.Challenge))
		require.False(t, *back.CrossOrigin)
	})
}

// The examples of Section 5.8.1.1: what is escaped, and how.
func TestStringsInClientData(t *testing.T) {
	require.Equal(t, `"a\"b\\c\u0000\u001f`+"\x7f\u2028/<&"+`"`, string(appendString(nil, "a\"b\\c\x00\x1f\x7f\u2028/<&")))
}
