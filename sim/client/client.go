package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// From the specification: commands, CTAP Section 6.
const (
	cmdMakeCredential   = 0x01
	cmdGetAssertion     = 0x02
	cmdGetInfo          = 0x04
	cmdClientPIN        = 0x06
	cmdGetNextAssertion = 0x08
	cmdSelection        = 0x0b
	cmdLargeBlobs       = 0x0c
)

// usualRequest is room for most requests, in bytes. Our choice.
const usualRequest = 512

// A PIN is what a user types. It is shown nowhere.
type PIN string

// String does not say it.
func (PIN) String() string { return "PIN" }

// GoString is String.
func (p PIN) GoString() string { return p.String() }

// Format writes String, whatever the verb.
func (p PIN) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// ErrAborted is for Key.Ask and Key.APDU to return, or to wrap, where the page gives the ceremony up: the exception is an
// AbortError then. See Section 5.6.
var ErrAborted = errors.New("the page gave it up")

// A Key is a security key that is plugged into the client, and the user's part in using it.
type Key struct {
	// Ask sends the key a CTAP2 request, which is a command byte and its CBOR, and returns the answer: a status byte and
	// CBOR. Where the key wants to be touched it returns afterwards. An error is for a key that does not answer at all. It
	// is nil for a key that knows U2F only.
	Ask func(req []byte) ([]byte, error)
	// APDU sends the key a U2F request and returns the answer with its status word. It is nil for a key without U2F.
	APDU func(req []byte) ([]byte, error)
	// Pause is called before a U2F request is sent again because the user has not touched the key yet; an error ends the
	// ceremony. Where it is nil nothing is sent twice.
	Pause func() error
	// PIN is what the user types where the key has a PIN and wants it; "" is a user who types none.
	PIN PIN
	// Prompt is who types the PIN in the place of PIN, as often as the key can be asked; nil types PIN once.
	Prompt func(p Prompt) (pin PIN, ok bool)
	// Sign signs in the key's name what no key signs, for a Forgery: by the credential with this ID of this relying party,
	// or, where id is nil, by the key that attests. It is nil for keys whose secrets nobody has.
	Sign func(rpID string, id, message []byte) ([]byte, error)
	// Attest makes in the key's name what its credential with this ID comes with, of a kind or wrong in one thing, as
	// [attest.ParseMutation] reads what. It is nil where Sign is.
	Attest func(what, rpID string, id, authData, clientDataHash []byte) (attest.Attestation, error)
	// Open says that the client has the key open and nobody else uses it. What the key says of itself is then asked for
	// with the first ceremony and kept, as libfido2 does from fido_dev_open on: until the key refuses something, does not
	// answer, or has its PIN changed by this client.
	Open bool

	kept *known // of an open key
}

// known is what a key says of itself. Nobody changes it.
type known struct {
	info ctap.GetInfoResponse
	said []byte // info as it came
}

// A Prompt is what a client asks a user for.
type Prompt struct {
	New     bool   // a new PIN, since the key wants it changed; else the one that it has
	Wrong   bool   // the PIN before was not the key's
	Retries uint64 // how many wrong ones the key still takes, before it is blocked
	Least   uint64 // code points of the shortest PIN
}

// An Account is a discoverable credential that a key offers.
type Account struct {
	Credential        []byte
	UserHandle        []byte
	Name, DisplayName string // only where the user was verified
}

// A Client is a browser with keys plugged in and a user in front of it. It does one ceremony at a time.
type Client struct {
	// Keys are those that are plugged in.
	Keys []Key
	// Pick is which key the user touches, where several could do it; the argument has their indexes in Keys, those that
	// know a credential of the page's list first. A nil Pick takes the first.
	Pick func(able []int) int
	// Choose is which account the user takes, where a key has several for a page that names none; nil takes the first, which
	// is the newest.
	Choose func(accounts []Account) int
	// Random gives what PINs, salts and large blobs have to draw; it may be nil where there are none.
	Random io.Reader
	// Top is the origin of the window, where the page is in a frame of another origin; "" where it is not. The frame is
	// taken to be allowed. See Section 5.10.
	Top string
	// Related returns the document at https://RPID/.well-known/webauthn, which names other origins that may use the RP ID;
	// nil where there is none. See Section 5.11.
	Related func(rpID string) ([]byte, error)
	// Forge makes the answer break one rule; nil is an honest client.
	Forge *Forgery

	last struct { // what parsePage made of the origin of the last ceremony
		origin string
		page   page
	}
}

// From the specification, Section 15.1: for how long a ceremony waits.
const (
	leastTimeout   = 5 * time.Minute
	mostTimeout    = 10 * time.Minute
	defaultTimeout = 5 * time.Minute
)

// Timeout returns for how long a page with these options, of either kind, is to wait for the user: what it asks for,
// within 5 to 10 minutes. See Sections 5.1.3, 5.1.4 and 15.1.
func Timeout(options []byte) (time.Duration, error) {
	var o struct {
		Timeout *uint32 `json:"timeout"`
	}
	if err := read(options, &o); err != nil || o.Timeout == nil {
		return defaultTimeout, err
	}
	return min(max(time.Duration(*o.Timeout)*time.Millisecond, leastTimeout), mostTimeout), nil
}

// key is what the client knows of a key in a ceremony.
type key struct {
	*Key
	client *Client
	index  int
	*known
	rest  *moreInfo // what else it says, once somebody has asked
	u2f   bool      // it knows U2F only
	token []byte
	uv    bool // the request asks the key itself to verify the user
	// protocol is that of the token.
	protocol uint64
}

// meet asks a key what it is. A key that knows no CTAP2 is one of U2F, where it has that. See CTAP Section 6.4.
func (c *Client) meet(i int) (*key, error) {
	k := &key{client: c, Key: &c.Keys[i], index: i}
	if k.Ask != nil && k.Open && k.kept != nil {
		k.known = k.kept
		return k, nil
	}
	k.known = &known{}
	if k.Ask == nil {
		k.u2f = true
		return k, nil
	}
	body, err := k.send(cmdGetInfo, nil)
	if ctap.StatusOf(err) == ctap.ErrInvalidCommand && k.APDU != nil {
		k.u2f = true
		return k, nil
	}
	if err == nil {
		k.info, err = ctap.ParseGetInfoResponse(body)
	}
	if err != nil {
		return nil, failed("the key does not say what it is", err)
	}
	k.said = bytes.Clone(body)
	if k.Open {
		k.kept = k.known
	}
	return k, nil
}

// send returns the body of the key's answer, or its status as an error.
func (k *key) send(command byte, params []byte) ([]byte, error) {
	return k.ask(slices.Concat([]byte{command}, params))
}

// ask is send for a request that begins with its command.
func (k *key) ask(request []byte) ([]byte, error) {
	reply, err := k.Ask(request)
	if err != nil || len(reply) == 0 || reply[0] != byte(ctap.OK) {
		k.kept = nil
	}
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

// extends reports whether the key knows an extension.
func (k *key) extends(name string) bool { return slices.Contains(k.info.Extensions, name) }
