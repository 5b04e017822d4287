// Package u2f is a security key without a cable: the firmware of an authenticator as a state machine. Commands and
// touches go in with the time at which they happen, answers come out; what must survive the loss of power lies in a
// [Flash].
//
// Sections are those of CTAP 2.1, Proposed Standard of 2021-06-15 with the errata of 2022-06-21; "2.0" marks the older
// rules (2019-01-30) that a [Profile] may ask for, "2.3" what CTAP 2.3 (2026-02-26) adds, with its sections.
package u2f

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Flash is the key's non-volatile memory: small named records. A Put or Delete that returned nil survives the loss of
// power; one that did not may have happened or not, but never in part.
type Flash interface {
	// Get returns the record; where there is none, the error is [io/fs.ErrNotExist].
	Get(name string) ([]byte, error)
	// Put writes the whole record. It does not keep value.
	Put(name string, value []byte) error
	// Delete removes the record; that there was none is no error.
	Delete(name string) error
	// Names returns, sorted, the names that begin with prefix.
	Names(prefix string) ([]string, error)
}

// A Config is what a key is made of.
type Config struct {
	Profile Profile     // which product it is
	Flash   Flash       // what it remembers; required
	Observe func(Event) // told what happens, during the call that makes it happen; may be nil
	// Root is the authority under which a key is made whose flash is empty yet; nil gives it one of its own, that
	// nobody knows.
	Root *attest.Root
	// Element is where its secrets are made and used; nil is software, whose secrets lie in flash.
	Element Element
	// Serial is the serial number that enterprise attestation tells (Section 7.1) of a key whose flash is empty yet;
	// empty has one drawn.
	Serial string
}

// A Key is an authenticator. It has no clock and no goroutine; one caller at a time tells it what happened and when.
//
//	off ── PowerUp ──▶ idle ── CBOR ──▶ answered ──▶ idle
//	                    idle ── CBOR ──▶ waiting ── Touch, Deny, Cancel, deadline ──▶ answered
//	any ── PowerDown ──▶ off
type Key struct {
	profile  Profile
	flash    Flash
	element  Element
	observe  func(Event)
	root     *attest.Root
	serial   string
	presence Presence
	set      time.Time // when presence was last changed
	fingers  []Finger  // what the user does next, before presence holds

	// Everything below is volatile: PowerDown forgets it.
	phase   phase
	powered time.Time // when the reset window of Section 6.6 opened
	random  drbg
	request []byte // a copy of the request that is being answered
	reply   []byte
	body    []byte // of an assertion, until it is in reply
	signed  []byte // authenticator data and the hash of the client data, until they are signed and in body
	channel uint32 // whose request it is
	waiting *touch
	next    *assertions // what authenticatorGetNextAssertion goes on with
	listing *listing    // what the next of authenticatorCredentialManagement goes on with
	writing *writing    // what the next fragment of authenticatorLargeBlobs goes on with

	// What stands in flash, read at PowerUp and kept in step with it.
	factory   factory
	master    master
	counter   uint32
	nv        []byte // where the element keeps it
	residents []slot
	places    map[[placeSize]byte]int // where credentials are in residents, by the start of their MAC
	loose     []slot                  // made elsewhere, and not discoverable
	imported  map[string]int          // where those made elsewhere are, by their ids: in residents, or ^ in loose
	stored    [32]byte                // what storeState depends on
	settings  settings
	blobs     []byte // the serialised large-blob array
	opaque    opaque
	prepared  prepared
	fault     error // flash failed so that RAM and flash may differ: only a power cycle helps

	pin   pinState
	uv    uvState
	token tokenState
	// persistent says that the request is authorized by the token that lasts.
	persistent bool
}

// phase is where the key stands; its arrows are in the comment of [Key].
type phase byte

const (
	off phase = iota
	idle
	waiting
	answered
)

// errWaiting is what a command returns that has left behind a touch.
var errWaiting = errors.New("u2f: internal error: the user is awaited")

// New returns a key that is not powered. It reads nothing yet: a damaged flash is found by [Key.PowerUp].
func New(cfg Config) (*Key, error) {
	if cfg.Flash == nil {
		return nil, errors.New("u2f: a key needs a flash; give Config.Flash")
	}
	if err := cfg.Profile.Check(); err != nil {
		return nil, err
	}
	observe := cfg.Observe
	if observe == nil {
		observe = func(Event) {}
	}
	element := cfg.Element
	if element == nil {
		element = software{}
	}
	return &Key{profile: cfg.Profile, flash: cfg.Flash, element: element, observe: observe, root: cfg.Root, serial: cfg.Serial}, nil
}

// Profile returns which product the key is.
func (k *Key) Profile() Profile { return k.profile }

// PowerUp plugs the key in. It reads flash, finishes a reset that lost power, and opens the window in which
// authenticatorReset is allowed (Section 6.6). All chance of this power cycle comes from entropy, at least 32 bytes:
// the same entropy and the same flash give the same answers. With an error, for one on damaged flash, the key stays off.
func (k *Key) PowerUp(now time.Time, entropy []byte) error {
	k.PowerDown(now)
	if len(entropy) < minEntropy {
		return fmt.Errorf("u2f: %d bytes of entropy; give %d or more", len(entropy), minEntropy)
	}
	k.random = newDRBG(entropy)
	if err := k.load(); err != nil {
		_ = k.element.Close()
		k.PowerDown(now)
		return err
	}
	k.phase, k.powered = idle, now
	return nil
}

// PowerDown pulls the key out: everything volatile is lost, a request that waits is never answered.
func (k *Key) PowerDown(now time.Time) {
	if k.phase != off {
		_ = k.element.Close() // what was reached is out of reach then, one way or the other
	}
	*k = Key{profile: k.profile, flash: k.flash, element: k.element, observe: k.observe, root: k.root, serial: k.serial, presence: k.presence,
		set: k.set, fingers: k.fingers, request: k.request[:0], reply: k.reply[:0]}
}

// CBOR takes a CTAP2 request: a command byte and its parameters (Section 8). The answer is fetched with [Key.Reply]. A
// request that still waits for the user is given up unanswered; framing does not let that happen (Section 11.2.5.1).
// A key without power stays silent.
func (k *Key) CBOR(now time.Time, channel uint32, req []byte) {
	next, listing, enrolling := k.next, k.listing, k.uv.enrolling
	if !k.begin(channel, req) {
		return
	}
	k.waiting, k.next, k.listing, k.uv.enrolling = nil, next, listing, enrolling
	body, err := k.run(now)
	k.answer(now, body, err)
}

// begin takes a request of either protocol and reports whether there is power to answer it. What an earlier request
// left behind is gone, but for the touch that a CTAP1 host polls for.
func (k *Key) begin(channel uint32, req []byte) bool {
	if k.phase == off {
		return false
	}
	k.request = append(k.request[:0], req...)
	k.channel, k.reply, k.phase, k.next, k.listing, k.uv.enrolling = channel, k.reply[:0], idle, nil, nil, nil
	if k.waiting != nil && !k.waiting.polled {
		k.waiting = nil
	}
	return true
}

// answer ends a CTAP2 command, unless it waits: a status byte and, on success, the response. See Section 8.
func (k *Key) answer(now time.Time, body []byte, err error) {
	if err == errWaiting {
		k.phase = waiting
		return
	}
	k.complain(now, err)
	if err == nil && 1+len(body) > k.profile.MaxMsgSize {
		err = ctap.ErrOther
	}
	k.reply = append(k.reply[:0], byte(ctap.StatusOf(err)))
	if err == nil {
		k.reply = append(k.reply, body...)
	}
	k.phase = answered
}

// respond ends a CTAP1 command.
func (k *Key) respond(apdu []byte) {
	k.reply, k.phase = append(k.reply[:0], apdu...), answered
}

// Reply lets time pass until now and returns the answer to the last request; ok is false while there is none. The
// answer is valid until the next call of CBOR or APDU.
func (k *Key) Reply(now time.Time) (reply []byte, ok bool) {
	k.Step(now)
	return k.reply, k.phase == answered
}

// Status returns what CTAPHID_KEEPALIVE says meanwhile: 1, processing, or 2, user presence is needed. See Section
// 11.2.9.1.7.
func (k *Key) Status(now time.Time) byte {
	k.Step(now)
	if k.phase == waiting {
		return statusUPNeeded
	}
	return statusProcessing
}

// Wink blinks, so that a person sees which key it is. See Section 11.2.9.2.1.
func (k *Key) Wink(now time.Time) {
	if k.phase != off {
		k.observe(Event{Name: Winked, At: now})
	}
}

// From the specification: Section 11.2.9.1.7.
const (
	statusProcessing = 1
	statusUPNeeded   = 2
)

// String returns which product the key is; a key's text forms say nothing of what it keeps.
func (k *Key) String() string { return "u2f.Key(" + k.profile.Name + ")" }

// GoString is like String.
func (k *Key) GoString() string { return k.String() }

// Format is like String for every verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue is like String, for log/slog.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
