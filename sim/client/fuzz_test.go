package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
)

// Whatever a key answers, a page gets an exception or a credential in JSON, and the client comes to an end.
func FuzzAnswers(f *testing.F) {
	b := newBench(f, "ctap2.1")
	b.setPIN("1234")
	b.browser.Keys[0].PIN = "1234"
	b.sent = nil
	var answers [][]byte
	b.browser.Keys[0].Ask = func(req []byte) ([]byte, error) {
		reply, err := b.ask(req)
		answers = append(answers, reply)
		return reply, err
	}
	asks := object{"extensions": object{"prf": object{"eval": object{"first": "AA"}}, "largeBlob": object{"read": true}, "getCredBlob": true}}
	id := b.made(creation(object{"authenticatorSelection": object{"residentKey": "required"}})).ID
	f.Add(bytes.Join(answers, []byte("\xff\xff")))
	answers = nil
	asks["allowCredentials"] = allow(id, "AQID")
	b.got(request(asks))
	f.Add(bytes.Join(answers, []byte("\xff\xff")))
	f.Add([]byte("\x90\x00\xff\xff\x05\x90\x00"))
	f.Add([]byte("\x00\xa2\x01\x81\x68FIDO_2_1\x03\x50aaaaaaaaaaaaaaaa\xff\xff\x00\xa1\x01\x41a"))
	f.Fuzz(func(t *testing.T, script []byte) {
		parts := bytes.Split(script, []byte("\xff\xff"))
		n := 0
		answer := func([]byte) ([]byte, error) {
			if n++; n > 1000 {
				t.Fatal("the client asks for ever")
			}
			if n > len(parts) {
				return nil, errors.New("the key was pulled out")
			}
			return bytes.Clone(parts[n-1]), nil
		}
		c := client.Client{Random: &stream{}, Keys: []client.Key{{Ask: answer, APDU: answer, PIN: "1234"}}}
		for _, forgery := range []string{"", "counter=7", "sig=bad", "aaguid=00112233-4455-6677-8899-aabbccddeeff"} {
			if forgery != "" {
				c.Forge = must(client.ParseForgery(forgery))
				c.Keys[0].Sign = func(string, []byte, []byte) ([]byte, error) { return []byte("signature"), nil }
			}
			n = 0
			sound(t, came(c.Create(page, creation(object{"attestation": "direct", "extensions": object{"prf": object{}, "credBlob": "AA"}}))))
			n = 0
			sound(t, came(c.Get(page, request(asks))))
		}
	})
}

type outcome struct {
	answer []byte
	err    error
}

func came(answer []byte, err error) outcome { return outcome{answer, err} }

func sound(t *testing.T, o outcome) {
	if o.err != nil {
		var e *client.Error
		require.ErrorAs(t, o.err, &e)
		return
	}
	require.True(t, json.Valid(o.answer))
}
