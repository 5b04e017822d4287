package u2f

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
)

// An Attester is an [Element] that says of its keys that they were made in it.
type Attester interface {
	Element
	// MakeAttestationKey makes a key that signs nothing but what the element itself says, and wraps it for flash. It is one of
	// ES256.
	MakeAttestationKey() (wrapped []byte, public crypto.PublicKey, err error)
}

// A Certifier is the signer of a private key in an [Attester].
type Certifier interface {
	crypto.Signer
	// Certify says that the key is in the element, with data that the statement holds for: with the attestation key that was
	// wrapped so.
	Certify(attestationKey, qualifying []byte) (attest.Certification, error)
}

// recordAIK is the attestation key that an element has made, with its certificates; it survives reset.
const recordAIK = "aik"

// aikRecord is how it lies in flash.
type aikRecord struct {
	Wrapped []byte   `cbor:"1,keyasint"`
	Chain   [][]byte `cbor:"2,keyasint"`
}

// aik returns the attestation key that the element has made, and has it made and certified the first time.
func (k *Key) aik(element Attester) (in aikRecord, err error) {
	value, err := k.flash.Get(recordAIK)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.makeAIK(element)
	case err != nil:
		return in, fmt.Errorf("u2f: record %q cannot be read: %w", recordAIK, err)
	}
	if err := cbor.Unmarshal(value, &in); err != nil || len(in.Wrapped) == 0 || len(in.Chain) == 0 {
		return in, fmt.Errorf("u2f: record %q is no attestation key; the flash is damaged", recordAIK)
	}
	return in, nil
}

func (k *Key) makeAIK(element Attester) (made aikRecord, err error) {
	if k.root == nil {
		return made, errors.New("u2f: the authority that made the key is gone, so that nobody issues a certificate for its attestation key")
	}
	wrapped, public, err := element.MakeAttestationKey()
	if err != nil {
		return made, err
	}
	made.Wrapped = wrapped
	if made.Chain, err = k.root.CertifyAIK(k.model(), public); err != nil {
		return made, err
	}
	value, err := cbor.Marshal(made)
	if err != nil {
		return made, err
	}
	if err := k.flash.Put(recordAIK, value); err != nil {
		return made, fmt.Errorf("u2f: record %q cannot be written: %w", recordAIK, err)
	}
	return made, nil
}

// attestInside returns the tpm statement for a key in the element, by the element's own word; ok is false where the key is not in
// one that attests. See Web Authentication Level 3, Section 8.3.
func (k *Key) attestInside(key *cose.PrivateKey, authData, clientDataHash []byte) (statement []byte, ok bool, err error) {
	element, attests := k.element.(Attester)
	certifier, inside := key.Signer().(Certifier)
	if !attests || !inside {
		return nil, false, nil
	}
	aik, err := k.aik(element)
	if err != nil {
		return nil, true, err
	}
	qualifying, err := attest.QualifyingData(cose.ES256, authData, clientDataHash)
	if err != nil {
		return nil, true, err
	}
	certification, err := certifier.Certify(aik.Wrapped, qualifying)
	if err != nil {
		return nil, true, err
	}
	statement, err = attest.AppendTPM(nil, aik.Chain, certification)
	return statement, true, err
}
