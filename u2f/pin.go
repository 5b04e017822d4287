package u2f

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// From the specification.
const (
	maxPINRetries    = 8  // Section 6.5.2.2: "MUST be set to a maximum of 8"
	maxPINMismatches = 3  // Section 6.5.2.2: consecutive ones until a power cycle
	paddedPINSize    = 64 // Section 6.5.5.5, step 7
	maxPINSize       = 63 // Section 6.5.1: bytes in UTF-8
	pinHashSize      = 16 // Section 6.5.5.5, step 12: LEFT(SHA-256(newPin), 16)
)

// The records of the PIN. "pin" is a version byte, the PIN's length in code points (PINCodePointLength), its hash, and its
// number, which counts the PINs since the last reset (8 bytes, big-endian); version 1 has no number, which then is 0. In
// version 3 the number comes before what the secure element has made of the hash.
// "retries" is one byte. Where there is no "retries", all attempts are left.
const (
	pinVersion      = 2
	pinRecordSize   = 2 + pinHashSize + 8
	oldPINVersion   = 1
	lockedVersion   = 3
	oldPINSize      = 2 + pinHashSize
	retriesSize     = 1
	pinCodePoints   = 1 // where it stands in the record
	pinHashPosition = 2
	pinNumberAt     = 2 + pinHashSize
	lockedAt        = 2 + 8 // and in version 3, what follows the number
)

// pinState is what the key knows of its PIN, and the key agreement keys of both protocols.
type pinState struct {
	set        bool
	codePoints byte
	locked     []byte // what the element has made of its hash
	number     uint64 // 0 while there is none
	retries    byte
	lockedOut  bool // the element refused to look at one

	mismatches int // consecutive ones in this power cycle
	agreements [pinuv.Two + 1]*pinuv.KeyAgreement
}

// loadPIN reads the PIN's records. Key agreement keys and the count of mismatches begin anew.
func (k *Key) loadPIN() error {
	k.pin = pinState{retries: maxPINRetries}
	value, found, err := k.get(recordRetries, retriesSize)
	if err != nil {
		return err
	}
	if found {
		k.pin.retries = value[0]
	}
	if k.pin.retries > maxPINRetries {
		return fmt.Errorf("u2f: record %q says %d instead of 0 to %d; the flash is damaged",
			recordRetries, k.pin.retries, maxPINRetries)
	}
	return k.loadPINHash()
}

// loadPINHash reads the PIN alone.
func (k *Key) loadPINHash() error {
	value, err := k.flash.Get(recordPIN)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.pin.set, k.pin.number = false, 0
		return nil
	case err != nil:
		return fmt.Errorf("u2f: record %q cannot be read: %w", recordPIN, err)
	case len(value) > lockedAt && value[0] == lockedVersion && k.chip():
		k.pin.set, k.pin.codePoints = true, value[pinCodePoints]
		k.pin.number, k.pin.locked = binary.BigEndian.Uint64(value[2:]), value[lockedAt:]
		return nil
	case len(value) == oldPINSize && value[0] == oldPINVersion:
		value = append(value, make([]byte, pinRecordSize-oldPINSize)...)
	case len(value) != pinRecordSize || value[0] != pinVersion || k.chip():
		return fmt.Errorf("u2f: record %q is no PIN's; the flash is damaged", recordPIN)
	}
	k.pin.set, k.pin.codePoints = true, value[pinCodePoints]
	k.pin.locked = value[pinHashPosition:pinNumberAt:pinNumberAt]
	k.pin.number = binary.BigEndian.Uint64(value[pinNumberAt:])
	return nil
}

// pinSet reports whether the key has a PIN: the option clientPin of Section 6.4.
func (k *Key) pinSet() bool { return k.pin.set }

// A newPIN is a PIN that the policy admits.
type newPIN struct {
	codePoints byte
	hash       [pinHashSize]byte
}

// readNewPIN implements what setPIN and changePIN do to newPinEnc: Section 6.5.5.5, steps 6 to 10, and Section
// 6.5.5.6, steps 9 to 13. Whether the bytes are UTF-8 in normalisation form C is the platform's duty (Section 6.5.1).
func (k *Key) readNewPIN(secret *pinuv.Secret, enc []byte) (newPIN, error) {
	pin, err := secret.Decrypt(enc)
	if err != nil {
		return newPIN{}, ctap.ErrPINAuthInvalid
	}
	if len(pin) != paddedPINSize {
		return newPIN{}, k.profile.PINLengthError
	}
	for len(pin) > 0 && pin[len(pin)-1] == 0 {
		pin = pin[:len(pin)-1]
	}
	points := utf8.RuneCount(pin)
	if points < k.settings.MinPIN || points > k.profile.MaxPINLength || len(pin) > maxPINSize ||
		k.settings.Complexity && !k.profile.PINPolicy.admits(string(pin)) {
		return newPIN{}, ctap.ErrPINPolicyViolation
	}
	sum := sha256.Sum256(pin)
	return newPIN{codePoints: byte(points), hash: [pinHashSize]byte(sum[:])}, nil
}

// storePIN writes the PIN in one record, so that a loss of power leaves the old one or the new.
func (k *Key) storePIN(now time.Time, pin newPIN) error {
	locked, err := k.element.LockPIN(pin.hash[:])
	if err != nil {
		return err
	}
	if err := k.flash.Put(recordPIN, k.pinRecord(pin.codePoints, locked, k.pin.number+1)); err != nil {
		// It may have happened or not: what is in flash decides, and no token outlives the doubt.
		k.dropTokens()
		return errors.Join(fmt.Errorf("u2f: record %q cannot be written: %w", recordPIN, err), k.loadPINHash())
	}
	k.pin.set, k.pin.codePoints, k.pin.locked, k.pin.number = true, pin.codePoints, locked, k.pin.number+1
	k.observe(Event{Name: PINSet, At: now, Left: int(k.pin.retries)})
	return nil
}

// pinRecord returns how a PIN lies in flash.
func (k *Key) pinRecord(codePoints byte, locked []byte, number uint64) []byte {
	if k.chip() {
		return append(binary.BigEndian.AppendUint64([]byte{lockedVersion, codePoints}, number), locked...)
	}
	return binary.BigEndian.AppendUint64(append([]byte{pinVersion, codePoints}, locked...), number)
}

// storeRetries writes how many attempts are left. Where that fails, the key goes on with the fewer of before and after,
// for either may be in flash.
func (k *Key) storeRetries(n byte) error {
	if n < k.pin.retries {
		k.pin.retries = n
	}
	if err := k.flash.Put(recordRetries, []byte{n}); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordRetries, err)
	}
	k.pin.retries = n
	return nil
}

// pinBlocked reports that no PIN is looked at any more, until reset or until the next power cycle. See Section 6.5.2.2.
func (k *Key) pinBlocked() error {
	switch {
	case k.pin.retries == 0:
		return ctap.ErrPINBlocked
	case k.pin.mismatches >= maxPINMismatches:
		return ctap.ErrPINAuthBlocked
	}
	return nil
}

// verifyPIN compares a PIN's encrypted hash with what is stored. The attempt is spent, and that is in flash, before
// anything is compared; an element that did not compare gives it back. See Section 6.5.5.6, steps 6 to 8, which Sections
// 6.5.5.7.1 and 6.5.5.7.2 repeat.
func (k *Key) verifyPIN(now time.Time, secret *pinuv.Secret, pinHashEnc []byte) error {
	before := k.pin.retries
	if err := k.storeRetries(before - 1); err != nil {
		return err
	}
	hash, err := secret.Decrypt(pinHashEnc)
	if err == nil {
		err = k.element.CheckPIN(k.pin.locked, hash)
	} else {
		err = ErrWrongPIN
	}
	switch k.pin.lockedOut = err == ErrLockedOut; {
	case err == ErrWrongPIN:
		return k.mismatch(now, secret.Protocol())
	case err == ErrLockedOut:
		k.observe(Event{Name: PINBlocked, At: now, Left: int(before)})
		return errors.Join(ctap.ErrPINAuthBlocked, k.storeRetries(before))
	case err != nil:
		return errors.Join(err, k.storeRetries(before))
	}
	if err := k.storeRetries(maxPINRetries); err != nil {
		return err
	}
	k.pin.mismatches = 0
	return k.restoreUV()
}

// mismatch is what follows a wrong PIN: a new key agreement key, so that the exchange cannot be tried again, and one
// of three errors.
func (k *Key) mismatch(now time.Time, protocol pinuv.Protocol) error {
	k.pin.agreements[protocol] = nil
	k.pin.mismatches++
	left := int(k.pin.retries)
	k.observe(Event{Name: PINWrong, At: now, Left: left})
	if err := k.pinBlocked(); err != nil {
		k.observe(Event{Name: PINBlocked, At: now, Left: left})
		return err
	}
	return ctap.ErrPINInvalid
}

// agreement returns the key agreement key of a protocol, which is drawn when it is first asked for: initialize and
// regenerate of Section 6.5.4.
func (k *Key) agreement(protocol pinuv.Protocol) (*pinuv.KeyAgreement, error) {
	if a := k.pin.agreements[protocol]; a != nil {
		return a, nil
	}
	a, err := pinuv.NewKeyAgreement(&k.random)
	if err != nil {
		return nil, err
	}
	k.pin.agreements[protocol] = a
	return a, nil
}

// decapsulate agrees on a secret with the platform. A key that is none is CTAP1_ERR_INVALID_PARAMETER: Section
// 6.5.5.5, step 4, and its like.
func (k *Key) decapsulate(protocol pinuv.Protocol, peer []byte) (*pinuv.Secret, error) {
	a, err := k.agreement(protocol)
	if err != nil {
		return nil, err
	}
	secret, err := a.Decapsulate(protocol, peer)
	if err != nil {
		return nil, ctap.ErrInvalidParameter
	}
	return secret, nil
}

// Read makes a drbg an [io.Reader]. It never fails.
func (d *drbg) Read(b []byte) (int, error) {
	d.read(b)
	return len(b), nil
}
