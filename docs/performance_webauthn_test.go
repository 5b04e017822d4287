package docs_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	webauthn "github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/flash"
)

var webauthnFigures = []figure{{
	what:    "`webauthn register` and `assert` as library calls",
	against: "their makeCredential and getAssertion alone",
	bound:   atMost(1.3, "1.3x"),
	show:    span,
	how: "`client.Create` and `client.Get` from the page's JSON to the page's JSON, with direct attestation, a credential of ES256 and\n" +
		"an allowCredentials that names it; the key is in process and touched at once, its flash in memory. Against the same two\n" +
		"requests of CTAP2 handed to the same kind of key. The client has the key open (`Key.Open`): it asks once what the key is, and\n" +
		"again after a refusal, as libfido2 does.",
	measure: func(t *testing.T) measured {
		return measured{samples: alternately(t, webauthnCeremonies, commandsOfCeremonies)}
	},
}}

const (
	pageOrigin      = "https://" + relyingParty
	pageCreation    = `{"rp":{"id":"example.com","name":"Example"},"user":{"id":"dTE","name":"alice","displayName":"Alice"},"challenge":"AAECAwQFBgcICQoLDA0ODw","attestation":"direct","pubKeyCredParams":[{"type":"public-key","alg":-7}],"authenticatorSelection":{"userVerification":"discouraged"}}`
	pageRequestHead = `{"rpId":"example.com","challenge":"AAECAwQFBgcICQoLDA0ODw","userVerification":"discouraged","allowCredentials":[{"type":"public-key","id":"`
)

// asked is the answer of a key in process.
func asked(key *u2f.Key, request []byte) ([]byte, error) {
	key.CBOR(keyTime, 1, request)
	reply, ok := key.Reply(keyTime)
	if !ok {
		return nil, errors.New("the key does not answer")
	}
	return reply, nil
}

func webauthnCeremonies(b *testing.B) {
	key := newKey(b, &flash.Memory{})
	browser := webauthn.Client{Keys: []webauthn.Key{{Ask: func(request []byte) ([]byte, error) { return asked(key, request) }, Open: true}}}
	made, err := browser.Create(pageOrigin, []byte(pageCreation))
	require.NoError(b, err)
	var credential struct{ ID string }
	require.NoError(b, json.Unmarshal(made, &credential))
	request := []byte(pageRequestHead + credential.ID + `"}]}`)
	for b.Loop() {
		if _, err := browser.Create(pageOrigin, []byte(pageCreation)); err != nil {
			b.Fatal(err)
		}
		if _, err := browser.Get(pageOrigin, request); err != nil {
			b.Fatal(err)
		}
	}
}

func commandsOfCeremonies(b *testing.B) {
	key := newKey(b, &flash.Memory{})
	first, err := asked(key, registering())
	require.NoError(b, err)
	making, asserting := registering(), asserting(b, first[1:])
	for b.Loop() {
		for _, request := range [][]byte{making, asserting} {
			if reply, err := asked(key, request); err != nil || reply[0] != 0 {
				b.Fatal(err, reply)
			}
		}
	}
}
