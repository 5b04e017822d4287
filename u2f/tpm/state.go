package tpm

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// A State is how a TPM stands, for people.
type State struct {
	Identity  string `json:"identity"` // as the key's flash has it: the name of the storage key
	Maker     string `json:"maker"`    // four letters of the TCG's list of vendors
	WrongPINs int    `json:"wrongPINs"`
	MostWrong int    `json:"mostWrongPINs"` // before it locks PINs out, as it is set up
	LockedOut bool   `json:"lockedOut,omitempty"`
	Forgets   int    `json:"forgets"` // seconds until one wrong PIN is forgotten
	Owned     bool   `json:"owned,omitempty"`
}

// From the specification: bits of TPM_PT_PERMANENT, TPMA_PERMANENT. Part 2, Section 8.6.
const (
	ownerAuthSet = 1 << 0
	inLockout    = 1 << 9
)

// State asks the TPM how it stands. The element must be in use.
func (e *Element) State() (s State, err error) {
	err = e.do("say how it stands", func(d *device) error {
		parent, err := e.parent(d)
		if err != nil {
			return err
		}
		s = State{Identity: identityOf(parent)}
		values := map[tpm2.TPMPT]uint32{}
		for _, first := range []tpm2.TPMPT{tpm2.TPMPTManufacturer, tpm2.TPMPTPermanent, tpm2.TPMPTLockoutCounter} {
			if err := d.properties(first, values); err != nil {
				return err
			}
		}
		maker := binary.BigEndian.AppendUint32(nil, values[tpm2.TPMPTManufacturer])
		s.Maker = strings.TrimRight(string(maker), " \x00")
		s.Owned, s.LockedOut = values[tpm2.TPMPTPermanent]&ownerAuthSet != 0, values[tpm2.TPMPTPermanent]&inLockout != 0
		s.WrongPINs, s.MostWrong = int(values[tpm2.TPMPTLockoutCounter]), int(values[tpm2.TPMPTMaxAuthFail])
		s.Forgets = int(values[tpm2.TPMPTLockoutInterval])
		return nil
	})
	return s, err
}

// properties reads some properties, from first on.
func (d *device) properties(first tpm2.TPMPT, into map[tpm2.TPMPT]uint32) error {
	const some = 4
	answer, err := tpm2.GetCapability{Capability: tpm2.TPMCapTPMProperties, Property: uint32(first), PropertyCount: some}.Execute(d.wire)
	if err != nil {
		return err
	}
	list, err := answer.CapabilityData.Data.TPMProperties()
	if err != nil {
		return err
	}
	for _, p := range list.TPMProperty {
		into[p.Property] = p.Value
	}
	return nil
}

// identityOf is what a storage key says of its TPM.
func identityOf(parent object) string { return "TPM " + hex.EncodeToString(parent.name.Buffer) }
