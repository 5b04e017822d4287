package u2f

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// An Element is the secure element of a key: its only way to keep secrets in flash, and to make and use private keys. It is
// called while a request is answered, as flash is. Its errors are those of a [Flash], [ErrWrongPIN], [ErrLockedOut], or an
// [ElementError], which says what the host is told.
type Element interface {
	// Identity says which element it is, in words that hold for no other: what it seals is of use to no other. It is empty for
	// what is no chip, whose secrets are good everywhere. It is asked for at each PowerUp, before anything else.
	Identity() (string, error)
	// Algorithms returns those that MakeKey makes keys for.
	Algorithms() []cose.Algorithm
	// WrappedSize returns how many bytes of a wrapped key of an algorithm there are at most.
	WrappedSize(a cose.Algorithm) int

	// MakeKey makes a private key, and wraps what it wants to be shown to find it again. The seed, of 32 bytes, is that
	// credential's and the key's own secret; what has chance of its own does not need it.
	MakeKey(a cose.Algorithm, seed []byte) (key *cose.PrivateKey, wrapped []byte, err error)
	// OpenKey returns the private key that MakeKey made with the same arguments.
	OpenKey(a cose.Algorithm, seed, wrapped []byte) (*cose.PrivateKey, error)

	// KeepKey takes a private key of ES256 in that was made elsewhere, and returns what flash holds of it. OpenKept returns it of
	// that: the element signs with it from then on, and hands it out no more.
	KeepKey(key *cose.PrivateKey) ([]byte, error)
	OpenKept(kept []byte) (*cose.PrivateKey, error)

	// Seal returns what flash holds of a secret of 32 bytes, and Unseal the secret of that.
	Seal(secret []byte) ([]byte, error)
	Unseal(sealed []byte) ([]byte, error)

	// LockPIN returns what flash holds of a PIN with that hash. CheckPIN compares another hash with it: the error is ErrWrongPIN
	// where it is another PIN's, ErrLockedOut where the element does not look at PINs now.
	LockPIN(hash []byte) ([]byte, error)
	CheckPIN(locked, hash []byte) error

	// Counts reports whether the element keeps the signature counter. MakeCounter returns what flash holds of a new one, and
	// Count its value, after raising it by one where that is asked for.
	Counts() bool
	MakeCounter() ([]byte, error)
	Count(place []byte, raise bool) (uint32, error)

	// Close lets go of what the element is reached by, until it is asked for its identity again.
	Close() error
}

// What CheckPIN says. None of them is an answer to a host.
var (
	ErrWrongPIN  = errors.New("u2f: that is another PIN")
	ErrLockedOut = errors.New("u2f: the secure element looks at no PIN now; wait, or end its lock-out")
)

// An ElementError is what went wrong in a secure element, or on the way to it.
type ElementError struct {
	Status ctap.Status // what the host is told
	Err    error       // what happened and what to do; it quotes no secret
}

// Error returns what happened.
func (e *ElementError) Error() string { return e.Err.Error() }

// Unwrap returns the status and what happened.
func (e *ElementError) Unwrap() []error { return []error{e.Status, e.Err} }

// recordElement names the element, where it is a chip: which one the other records are of use to; it survives reset.
// recordNV is what flash holds of a counter that the element keeps.
const (
	recordElement = "element"
	recordNV      = "nv"
)

// software is the element of a key that has no chip: secrets lie in flash as they are, and private keys are derived from
// their seeds.
type software struct{}

// Identity implements [Element].
func (software) Identity() (string, error) { return "", nil }

// Algorithms implements [Element].
func (software) Algorithms() []cose.Algorithm { return cose.Algorithms() }

// placeOfPrimes is the size of what is to be known of an RS256 key besides its seed: where its primes are, big-endian, so
// that they are sought once.
const placeOfPrimes = 4

// WrappedSize implements [Element].
func (software) WrappedSize(a cose.Algorithm) int {
	if a == cose.RS256 {
		return placeOfPrimes
	}
	return 0
}

// MakeKey implements [Element].
func (software) MakeKey(a cose.Algorithm, seed []byte) (*cose.PrivateKey, []byte, error) {
	key, err := cose.NewPrivateKey(a, seed)
	if err != nil || a != cose.RS256 {
		return key, nil, err
	}
	return key, binary.BigEndian.AppendUint32(nil, key.Place()), nil
}

// OpenKey implements [Element].
func (software) OpenKey(a cose.Algorithm, seed, wrapped []byte) (*cose.PrivateKey, error) {
	if len(wrapped) != placeOfPrimes {
		return cose.NewPrivateKey(a, seed)
	}
	return cose.NewPrivateKeyAt(a, seed, binary.BigEndian.Uint32(wrapped))
}

// KeepKey implements [Element]: flash keeps the secret that the key grows from.
func (software) KeepKey(*cose.PrivateKey) ([]byte, error) { return nil, errors.ErrUnsupported }

// OpenKept implements [Element].
func (software) OpenKept([]byte) (*cose.PrivateKey, error) { return nil, errors.ErrUnsupported }

// Seal implements [Element].
func (software) Seal(secret []byte) ([]byte, error) { return bytes.Clone(secret), nil }

// Unseal implements [Element].
func (software) Unseal(sealed []byte) ([]byte, error) { return sealed, nil }

// LockPIN implements [Element].
func (software) LockPIN(hash []byte) ([]byte, error) { return bytes.Clone(hash), nil }

// CheckPIN implements [Element].
func (software) CheckPIN(locked, hash []byte) error {
	if subtle.ConstantTimeCompare(locked, hash) != 1 {
		return ErrWrongPIN
	}
	return nil
}

// Counts implements [Element]: flash does.
func (software) Counts() bool { return false }

// MakeCounter implements [Element].
func (software) MakeCounter() ([]byte, error) { return nil, errors.ErrUnsupported }

// Count implements [Element].
func (software) Count([]byte, bool) (uint32, error) { return 0, errors.ErrUnsupported }

// Close implements [Element].
func (software) Close() error { return nil }

// chip reports whether the key's secrets are in a chip, which hands none out.
func (k *Key) chip() bool { return k.element != Element(software{}) }

// errInside refuses what would take private keys out of a chip, or put them into it.
var errInside = errors.New("u2f: the private keys of this key are made in its secure element, and neither leave it nor come from elsewhere;" +
	" register again with another key")

// elementFor returns where keys of an algorithm are made: in a chip that has not got it, only what the profile lets software do.
func (k *Key) elementFor(a cose.Algorithm) Element {
	if k.chip() && !slices.Contains(k.element.Algorithms(), a) {
		return software{}
	}
	return k.element
}

// algorithms returns those that the key makes credentials for, as the profile prefers them.
func (k *Key) algorithms() []cose.Algorithm {
	if !k.chip() || k.profile.ElementFallback {
		return k.profile.Algorithms
	}
	inside := k.element.Algorithms()
	return slices.DeleteFunc(slices.Clone(k.profile.Algorithms), func(a cose.Algorithm) bool { return !slices.Contains(inside, a) })
}

// maxCredentialID returns how long the key's own ids are at most, 0 where that is not said.
func (k *Key) maxCredentialID() int {
	most := k.profile.MaxCredentialIDLength
	if most == 0 || !k.chip() {
		return most
	}
	for _, a := range k.algorithms() {
		most = max(most, wrappedStart+k.element.WrappedSize(a))
	}
	return most
}

// loadElement finds out which element there is, and whether flash belongs to it.
func (k *Key) loadElement() error {
	identity, err := k.element.Identity()
	if err != nil {
		return err
	}
	made, err := k.flash.Get(recordElement)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.newElement(identity)
	case err != nil:
		return fmt.Errorf("u2f: record %q cannot be read: %w", recordElement, err)
	case identity == "":
		return fmt.Errorf("u2f: the key's secrets are in %q, and are of no use without; say where that is", made)
	case identity != string(made):
		return fmt.Errorf("u2f: the key's secrets are in %q, and this is %q: it was cleared, or is another one; bring the first one back, or make a new key",
			made, identity)
	}
	return nil
}

// newElement notes in the flash of a new key which element it has.
func (k *Key) newElement(identity string) error {
	if identity == "" {
		return nil
	}
	names, err := k.flash.Names("")
	switch {
	case err != nil:
		return fmt.Errorf("u2f: the flash cannot be listed: %w", err)
	case len(names) > 0:
		return fmt.Errorf("u2f: the key's secrets were made without %q, and cannot be moved there; make a new key", identity)
	case len(k.algorithms()) == 0:
		return fmt.Errorf("u2f: profile %q has the algorithms %v, and %q none of them; use a profile with -7 (ES256), or with element_fallback",
			k.profile.Name, k.profile.Algorithms, identity)
	}
	if err := k.flash.Put(recordElement, []byte(identity)); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordElement, err)
	}
	return nil
}

// unsealed reads a record that the element sealed, and returns its secret of 32 bytes and what lies in flash.
func (k *Key) unsealed(name string) (secret, sealed []byte, err error) {
	sealed, err = k.flash.Get(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("u2f: record %q cannot be read: %w", name, err)
	}
	if secret, err = k.element.Unseal(sealed); err != nil {
		return nil, nil, fmt.Errorf("u2f: record %q: %w", name, err)
	}
	if len(secret) != secretSize {
		return nil, nil, fmt.Errorf("u2f: record %q has %d bytes instead of %d; the flash is damaged", name, len(secret), secretSize)
	}
	return secret, sealed, nil
}

// secretSize is that of the master key, in bytes.
const secretSize = 32

// complain tells those who watch what went wrong in the element; the host learns a status alone.
func (k *Key) complain(now time.Time, err error) {
	if e, ok := errors.AsType[*ElementError](err); ok {
		k.observe(Event{Name: ElementFailed, At: now, Why: e.Error()})
	}
}
