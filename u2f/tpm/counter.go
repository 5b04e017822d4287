package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// From the specification.
const (
	firstNV = 0x01800000 // TCG Registry of Reserved TPM 2.0 Handles and Localities 1.1, Section 2.2.3: indexes that owners define
	lastNV  = 0x01BFFFFF
	nvSize  = 8 // Section 37.2.4: of a counter
)

// placeSize is that of what flash holds of a counter: its index, and its value when it was made.
const placeSize = 4 + nvSize

// errNoPlace says that flash has something else.
var errNoPlace = errors.New("tpm: this is no place of a counter; the flash is damaged")

// Counts implements [u2f.Element].
func (e *Element) Counts() bool { return e.address.counter }

// MakeCounter implements [u2f.Element]: it takes the first index that is free. A new counter of a TPM begins with the highest
// that any ever had (Section 37.2.4.3), which is taken off, so that the key's begins with 0.
func (e *Element) MakeCounter() (place []byte, err error) {
	password, err := e.password()
	if err != nil {
		return nil, err
	}
	err = e.do("make a counter", func(d *device) error {
		if _, err := e.parent(d); err != nil {
			return err
		}
		index, err := d.freeIndex()
		if err != nil {
			return err
		}
		public := tpm2.TPMSNVPublic{NVIndex: index, NameAlg: tpm2.TPMAlgSHA256, DataSize: nvSize,
			Attributes: tpm2.TPMANV{AuthWrite: true, AuthRead: true, OwnerRead: true, NoDA: true, NT: tpm2.TPMNTCounter}}
		_, err = tpm2.NVDefineSpace{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(password)},
			PublicInfo: tpm2.New2B(public)}.Execute(d.wire)
		if err != nil {
			return ownerError{err}
		}
		first, err := d.count(index, true)
		place = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(index)), first)
		return err
	})
	return place, err
}

// freeIndex returns the first index that an owner may define and that is free.
func (d *device) freeIndex() (tpm2.TPMHandle, error) {
	taken, err := d.handles(firstNV)
	if err != nil {
		return 0, err
	}
	for index := tpm2.TPMHandle(firstNV); index <= lastNV; index++ {
		if !slices.Contains(taken, index) {
			return index, nil
		}
	}
	return 0, tpm2.TPMRCNVSpace
}

// Count implements [u2f.Element].
func (e *Element) Count(place []byte, raise bool) (uint32, error) {
	if len(place) != placeSize {
		return 0, errNoPlace
	}
	index, first := tpm2.TPMHandle(binary.BigEndian.Uint32(place)), binary.BigEndian.Uint64(place[4:])
	if index < firstNV || index > lastNV {
		return 0, errNoPlace
	}
	var value uint64
	err := e.do("count", func(d *device) (err error) {
		if _, err := e.parent(d); err != nil {
			return err // the counter of another TPM is somebody else's
		}
		value, err = d.count(index, raise)
		return err
	})
	if err != nil {
		return 0, err
	}
	if value < first || value-first > 1<<32-1 {
		return 0, fmt.Errorf("tpm: the counter %08x stands at %d, and began at %d; the flash is damaged, or the counter used up", index, value, first)
	}
	return uint32(value - first), nil
}

// count reads a counter, after raising it where that is asked for. See Part 3, Sections 31.8 and 31.13.
func (d *device) count(index tpm2.TPMHandle, raise bool) (uint64, error) {
	name := tpm2.TPM2BName{Buffer: binary.BigEndian.AppendUint32(nil, uint32(index))} // no name is looked at beside a password
	auth := tpm2.AuthHandle{Handle: index, Name: name, Auth: tpm2.PasswordAuth(nil)}
	named := tpm2.NamedHandle{Handle: index, Name: name}
	if raise {
		if _, err := (tpm2.NVIncrement{AuthHandle: auth, NVIndex: named}).Execute(d.wire); err != nil {
			return 0, counterError{err, index}
		}
	}
	read, err := tpm2.NVRead{AuthHandle: auth, NVIndex: named, Size: nvSize}.Execute(d.wire)
	if err != nil {
		return 0, counterError{err, index}
	}
	if len(read.Data.Buffer) != nvSize {
		return 0, fmt.Errorf("a counter of %d bytes", len(read.Data.Buffer))
	}
	return binary.BigEndian.Uint64(read.Data.Buffer), nil
}
