package client

import (
	"fmt"
	"io"
	"slices"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// From the specification: commands, CTAP Section 6.
const (
	cmdMakeCredential = 0x01
	cmdGetAssertion   = 0x02
	cmdGetInfo        = 0x04
	cmdClientPIN      = 0x06
)

// A PIN is what a user types. It is shown nowhere.
type PIN string

// String does not say it.
func (PIN) String() string { return "PIN" }

// GoString is String.
func (p PIN) GoString() string { return p.String() }

// Format writes String, whatever the verb.
func (p PIN) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// A Client is a browser with one key plugged in and a user in front of it. It does one ceremony at a time.
type Client struct {
	// Ask sends the key a request, which is a command byte and its CBOR, and returns the answer: a status byte and CBOR.
	// Where the key wants to be touched it returns afterwards. An error is for a key that does not answer at all.
	Ask func(req []byte) ([]byte, error)
	// PIN is what the user types where the key has a PIN and wants it; "" is a user who types none.
	PIN PIN
	// Random gives what the exchange of the PIN has to draw; it may be nil where PIN is "".
	Random io.Reader
}

// key is what the client knows of the key in a ceremony.
type key struct {
	*Client
	info ctap.GetInfoResponse
}

// meet asks the key what it is. See CTAP Section 6.4.
func (c *Client) meet() (*key, error) {
	k := &key{Client: c}
	body, err := k.send(cmdGetInfo, nil)
	if err == nil {
		k.info, err = ctap.ParseGetInfoResponse(body)
	}
	if err != nil {
		return nil, failed("the key does not say what it is", err)
	}
	return k, nil
}

// send returns the body of the key's answer, or its status as an error.
func (k *key) send(command byte, params []byte) ([]byte, error) {
	reply, err := k.Ask(slices.Concat([]byte{command}, params))
	switch {
	case err != nil:
		return nil, err
	case len(reply) == 0:
		return nil, ctap.ErrInvalidLength
	case reply[0] != byte(ctap.OK):
		return nil, ctap.Status(reply[0])
	}
	return reply[1:], nil
}

// narrow returns what of a list the key can be asked about: IDs that are not too long to be its own, and where there are
// more than it takes at a time, the one that it knows among them, if any. See CTAP Sections 6.1.2 and 6.4
// (maxCredentialCountInList, maxCredentialIdLength).
func (k *key) narrow(rpID string, hash []byte, list []descriptor) ([]ctap.Descriptor, error) {
	var out []ctap.Descriptor
	for _, d := range list {
		if d.Type == publicKey && (k.info.MaxCredentialIDLength == 0 || uint64(len(d.ID)) <= k.info.MaxCredentialIDLength) {
			out = append(out, ctap.Descriptor{Type: d.Type, ID: d.ID})
		}
	}
	most := int(min(k.info.MaxCredentialCountInList, uint64(len(out))))
	if most == 0 || len(out) <= most {
		return out, nil
	}
	for part := range slices.Chunk(out, most) {
		silent := ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: hash, AllowList: part, Options: ctap.Options{UP: ctap.False}}
		body, err := k.send(cmdGetAssertion, silent.Append(nil))
		if ctap.StatusOf(err) == ctap.ErrNoCredentials {
			continue
		}
		if err != nil {
			return nil, err
		}
		a, err := ctap.ParseGetAssertionResponse(body)
		if err != nil || len(part) == 1 {
			return part, err
		}
		return []ctap.Descriptor{{Type: publicKey, ID: slices.Clone(a.CredentialID)}}, nil
	}
	return nil, nil
}
