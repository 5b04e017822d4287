package tpm

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
)

var _ u2f.Element = (*Element)(nil)

// An Element is the secure element of one key. Its text forms say where it is and nothing else.
type Element struct {
	address  Address
	password func() ([]byte, error)
	device   *device // nil while nobody uses it
	identity string  // of the TPM that it was when it was asked last; empty before
	lacks    []cose.Algorithm
}

// New returns the element at an address, without reaching for it yet. The password is asked for each time that the owner's
// is needed: of the storage hierarchy, or of the storage key that the address names; nil has none.
func New(a Address, password func() ([]byte, error)) *Element {
	if password == nil {
		password = func() ([]byte, error) { return nil, nil }
	}
	return &Element{address: a, password: password}
}

// Address returns where the element is, and how it is used.
func (e *Element) Address() Address { return e.address }

// Identity implements [u2f.Element]: it reaches for the TPM, and returns the name of the storage key, which another TPM, or
// the same one after TPM2_Clear, does not have (Section 16).
func (e *Element) Identity() (identity string, err error) {
	if e.device == nil {
		e.device = share(e.address)
	}
	e.identity = ""
	err = e.do("make the storage key", func(d *device) error {
		parent, err := e.parent(d)
		if err != nil {
			return err
		}
		// What another key has loaded may have gone with its TPM.
		if _, err = (tpm2.ReadPublic{ObjectHandle: parent.handle}).Execute(d.wire); err != nil {
			return err
		}
		identity = identityOf(parent)
		e.lacks, err = d.lacks()
		return err
	})
	if err == nil {
		e.identity = identity
	}
	return identity, err
}

// Close implements [u2f.Element].
func (e *Element) Close() error {
	d := e.device
	if d == nil {
		return nil
	}
	e.device = nil
	return d.release()
}

// do has the TPM do something, and says in words what went wrong.
func (e *Element) do(what string, f func(*device) error) error {
	if e.device == nil {
		return errors.New("tpm: internal error: the element is not in use")
	}
	if err := e.device.do(f); err != nil {
		return e.explain(what, err)
	}
	return nil
}

// errOther says that somebody has exchanged the TPM, or cleared it.
var errOther = errors.New("it was cleared, or is another one, since the key was plugged in; bring the first one back, or make a new key")

// parent returns the storage key of the TPM that it was when it was asked for its identity: nothing is made or counted in another
// one that has taken its place.
func (e *Element) parent(d *device) (object, error) {
	o, err := e.storageKey(d)
	if err == nil && e.identity != "" && identityOf(o) != e.identity {
		return o, errOther
	}
	return o, err
}

// storageKey returns the storage key, and has the TPM make it where it is not loaded.
func (e *Element) storageKey(d *device) (object, error) {
	id := fmt.Sprintf("%s%08x", parentID, e.address.parent)
	if o, found := d.find(id); found {
		return o, nil
	}
	o := object{id: id}
	if err := d.room(&o); err != nil {
		return o, err
	}
	if e.address.parent != 0 {
		return e.persistentParent(d, o)
	}
	password, err := e.password()
	if err != nil {
		return o, err
	}
	made, err := d.makeParent(password)
	if errors.Is(err, tpm2.TPMRCBadAuth) && len(password) > 0 {
		// TPM2_Clear takes the password away too. Then the storage key is another, and whoever asked says so.
		if again, without := d.makeParent(nil); without == nil {
			made, err = again, nil
		}
	}
	if err != nil {
		return o, ownerError{err}
	}
	public, err := made.OutPublic.Contents()
	if err != nil {
		return o, err
	}
	o.handle, o.name, o.public = made.ObjectHandle, made.Name, *public
	d.loaded = append(d.loaded, o)
	return o, nil
}

// makeParent has the TPM make the storage key of its owner's seed: the same each time, until TPM2_Clear.
func (d *device) makeParent(password []byte) (*tpm2.CreatePrimaryResponse, error) {
	return tpm2.CreatePrimary{
		PrimaryHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(password)},
		InPublic:      tpm2.New2B(tpm2.ECCSRKTemplate),
	}.Execute(d.wire)
}

// persistentParent returns the storage key that lies in the TPM.
func (e *Element) persistentParent(d *device, o object) (object, error) {
	o.handle = tpm2.TPMHandle(e.address.parent)
	read, err := tpm2.ReadPublic{ObjectHandle: o.handle}.Execute(d.wire)
	if errors.Is(err, tpm2.TPMRCHandle) || errors.Is(err, tpm2.TPMRCValue) {
		return o, errNoParent
	}
	if err != nil {
		return o, err
	}
	public, err := read.OutPublic.Contents()
	if err != nil {
		return o, err
	}
	if a := public.ObjectAttributes; !a.Restricted || !a.Decrypt || !a.FixedTPM {
		return o, errNoStorage
	}
	o.name, o.public = read.Name, *public
	d.loaded = append(d.loaded, o)
	return o, nil
}

// parentPassword is how the storage key is used: by its own password, where the address names it, else by none.
func (e *Element) parentPassword() ([]byte, error) {
	if e.address.parent == 0 {
		return nil, nil
	}
	return e.password()
}

// Format writes where the element is, for every verb.
func (e *Element) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "tpm.Element(%s)", e.address) }

// LogValue is like Format, for log/slog.
func (e *Element) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(e)) }
