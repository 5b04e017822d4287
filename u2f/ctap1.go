package u2f

import (
	"crypto/ecdsa"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
)

// From the specification: U2F Raw Message Formats 1.2 (2017-04-11).
const (
	insRegister     = 0x01 // Section 4
	insAuthenticate = 0x02 // Section 5
	insVersion      = 0x03 // Section 6

	checkOnly       = 0x07 // Section 5.1: the control byte of authentication, P1
	enforcePresence = 0x03
	dontEnforce     = 0x08

	challengeSize      = 32   // Sections 4.1 and 5.1: the hash of the client data
	applicationSize    = 32   // the hash of the AppID, or of the RP ID
	registrationMark   = 0x05 // Section 4.3: the reserved byte
	userPresent        = 0x01 // Section 5.4: bit 0 of the user presence byte
	u2fVersion         = "U2F_V2"
	nameRegister       = "U2F_REGISTER"
	nameAuthenticate   = "U2F_AUTHENTICATE"
	handleLengthOffset = challengeSize + applicationSize
)

// instruction is one row of the table of U2F's instructions.
type instruction struct {
	name string
	run  func(k *Key, now time.Time, a apdu) ([]byte, error)
}

var instructions = [256]instruction{
	insRegister:     {nameRegister, (*Key).register},
	insAuthenticate: {nameAuthenticate, (*Key).authenticate},
	insVersion:      {"U2F_VERSION", (*Key).version},
}

// APDU takes a CTAP1 request: a U2F raw message. Its answer is there at once, for a key that needs a touch answers that
// it needs one and the host asks again (Section 10). A key without power stays silent.
func (k *Key) APDU(now time.Time, channel uint32, req []byte) {
	if !k.begin(channel, req) {
		return
	}
	body, err := k.instruct(now, k.request)
	sw := swNoError
	if err != nil {
		k.complain(now, err)
		body, sw = nil, statusWord(err)
	}
	k.respond(binary.BigEndian.AppendUint16(body, uint16(sw)))
}

// instruct does what the request says. What is wrong with it as a whole comes first: class, then instruction, then
// length. See U2F Raw Message Formats, Section 3.3.
func (k *Key) instruct(now time.Time, req []byte) ([]byte, error) {
	a, err := parseAPDU(req)
	switch {
	case k.fault != nil:
		return nil, k.fault
	case len(req) < apduHeader:
		return nil, err
	case a.class != 0:
		return nil, swClassNotSupported
	case instructions[a.instruction].run == nil || !k.profile.CTAP1():
		return nil, swInstructionUnknown
	case k.settings.AlwaysUV:
		return nil, swCommandNotAllowed // CTAP 2.1, Section 7.2.4
	case err != nil:
		return nil, err
	}
	return instructions[a.instruction].run(k, now, a)
}

// statusWord returns what ends the answer for err: an error that is none of U2F's stays inside the key.
func statusWord(err error) StatusWord {
	if sw, ok := errors.AsType[StatusWord](err); ok {
		return sw
	}
	return swUnknown
}

// version implements U2F_VERSION. See U2F Raw Message Formats, Section 6.
func (k *Key) version(_ time.Time, a apdu) ([]byte, error) {
	if len(a.data) != 0 {
		return nil, swWrongLength
	}
	return []byte(u2fVersion), nil
}

// register implements U2F_REGISTER: P1 and P2 say nothing that concerns the key. The key handle is a credential ID, so
// that CTAP2 knows the credential too, as one that is not discoverable and needs no user verification. See U2F Raw
// Message Formats, Section 4, and Section 10.
func (k *Key) register(now time.Time, a apdu) ([]byte, error) {
	if len(a.data) != challengeSize+applicationSize {
		return nil, swWrongLength
	}
	challenge, application := a.data[:challengeSize], [applicationSize]byte(a.data[challengeSize:])
	rp := hex.EncodeToString(application[:])
	if !k.present(now, Request{Command: nameRegister, RP: rp}) {
		return nil, swConditionsNotSatisfied
	}
	c, err := k.newCredential(credential{rpIDHash: application, alg: cose.ES256, protect: protectOptional, u2f: true})
	if err != nil {
		return nil, err
	}
	key, err := k.privateKey(&c)
	if err != nil {
		return nil, err
	}
	point, err := key.Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		return nil, err
	}
	// Section 4.3: what the attestation key signs.
	certificate, signature, err := k.attestU2F(slices.Concat([]byte{0}, application[:], challenge, c.outward(), point))
	if err != nil {
		return nil, err
	}
	k.observe(Event{Name: Registered, At: now, Command: nameRegister, RP: rp})
	handle := c.outward()
	return slices.Concat([]byte{registrationMark}, point, []byte{byte(len(handle))}, handle, certificate, signature), nil
}

// authenticate implements U2F_AUTHENTICATE. A key handle that is not this key's for this application comes before the
// touch, so that a host can ask which of several keys it must make blink. See U2F Raw Message Formats, Section 5.
func (k *Key) authenticate(now time.Time, a apdu) ([]byte, error) {
	if len(a.data) <= handleLengthOffset || len(a.data) != handleLengthOffset+1+int(a.data[handleLengthOffset]) {
		return nil, swWrongLength
	}
	if a.p1 != checkOnly && a.p1 != enforcePresence && a.p1 != dontEnforce {
		return nil, swIncorrectP1P2
	}
	challenge, application := a.data[:challengeSize], [applicationSize]byte(a.data[challengeSize:handleLengthOffset])
	c, ok := k.findCredential(application, a.data[handleLengthOffset+1:])
	if !ok || !usableByU2F(&c) {
		return nil, swWrongData
	}
	rp := hex.EncodeToString(application[:])
	var presence byte
	switch {
	case a.p1 == checkOnly:
		return nil, swConditionsNotSatisfied // Section 5.1: that is success
	case a.p1 == dontEnforce:
	case k.present(now, Request{Command: nameAuthenticate, RP: rp}):
		presence = userPresent
	default:
		return nil, swConditionsNotSatisfied
	}
	return k.signU2F(now, &c, rp, presence, challenge)
}

// usableByU2F reports whether CTAP1 may know of c: it verifies no user, so that a credential which requires that does
// not exist for it (Section 12.1, level 3; level 2 does, for a key handle is a list), and has no algorithm but ES256.
func usableByU2F(c *credential) bool { return c.alg == cose.ES256 && c.protect != protectRequired }

// signU2F answers U2F_AUTHENTICATE. The counter is in flash before the signature is made. See U2F Raw Message Formats,
// Section 5.4.
func (k *Key) signU2F(now time.Time, c *credential, rp string, presence byte, challenge []byte) ([]byte, error) {
	key, err := k.privateKey(c)
	if err != nil {
		return nil, err
	}
	counter, err := k.count(c)
	if err != nil {
		return nil, err
	}
	answer := binary.BigEndian.AppendUint32([]byte{presence}, counter)
	signature, err := key.Sign(slices.Concat(c.rpIDHash[:], answer, challenge))
	if err != nil {
		return nil, err
	}
	k.observe(Event{Name: Signed, At: now, Command: nameAuthenticate, RP: rp, Counter: counter})
	return append(answer, signature...), nil
}
