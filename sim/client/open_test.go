package client_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an open key says of itself is asked for once, and again after whatever may have changed it.
func TestAnOpenKeyIsAskedOnceWhatItIs(t *testing.T) {
	b := newBench(t, "ctap2.1")
	id := b.made(creation(nil)).ID
	b.got(request(object{"allowCredentials": allow(id)}))
	require.Equal(t, "info make info assert", b.commands(), "a key that is not open")

	b.browser.Keys[0].Open = true
	b.made(creation(nil))
	b.got(request(object{"allowCredentials": allow(id)}))
	b.made(creation(nil))
	require.Equal(t, "info make assert make", b.commands())

	_, err := b.browser.Get(page, request(object{"allowCredentials": allow("AQID")}))
	require.Equal(t, "NotAllowedError", name(err))
	b.got(request(object{"allowCredentials": allow(id)}))
	require.Equal(t, "assert info assert", b.commands(), "it refused something")

	ask := b.browser.Keys[0].Ask
	b.browser.Keys[0].Ask = func([]byte) ([]byte, error) { return nil, errors.New("the key was pulled out") }
	_, err = b.browser.Create(page, creation(nil))
	require.Error(t, err)
	b.browser.Keys[0].Ask = ask
	b.setPIN("1234")
	b.browser.Keys[0].PIN, b.sent = "1234", nil
	b.made(creation(object{"authenticatorSelection": object{"userVerification": "required"}}))
	require.Equal(t, "info pin pin make", b.commands(), "it did not answer")
}
