package u2f

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
)

// A factory is what the maker puts into a key: attestation keys and their certificates. It survives reset.
type factory struct {
	batch    *attest.Batch // for packed statements
	u2fBatch *attest.Batch // for U2F messages and fido-u2f statements
	plain    *attest.Batch // for packed statements without the transports; nil until it is asked for
	// enterprise is this one key's: its certificate tells a serial number. Nil where the key cannot do so.
	enterprise *attest.Batch
}

// factoryRecord is how a factory lies in flash.
type factoryRecord struct {
	AAGUID   []byte `cbor:"1,keyasint"`
	Batch    []byte `cbor:"2,keyasint"`
	U2FBatch []byte `cbor:"3,keyasint"`

	Enterprise []byte `cbor:"4,keyasint,omitempty"`
}

// loadFactory reads the factory's record, and makes it for a key that has none. The certificate names the AAGUID, so
// that a profile with another one would make attestation that nobody believes.
func (k *Key) loadFactory() error {
	value, err := k.flash.Get(recordFactory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.makeFactory()
	case err != nil:
		return fmt.Errorf("u2f: record %q cannot be read: %w", recordFactory, err)
	}
	var in factoryRecord
	if err := cbor.Unmarshal(value, &in); err != nil || len(in.AAGUID) != len(AAGUID{}) {
		return fmt.Errorf("u2f: record %q is no factory's; the flash is damaged", recordFactory)
	}
	if made := AAGUID(in.AAGUID); made != k.profile.AAGUID {
		return fmt.Errorf("u2f: the key was made with AAGUID %s, profile %q has %s; make a new key",
			made, k.profile.Name, k.profile.AAGUID)
	}
	batch, err := attest.ParseBatch(in.Batch)
	if err != nil {
		return fmt.Errorf("u2f: record %q: %w", recordFactory, err)
	}
	u2fBatch, err := attest.ParseBatch(in.U2FBatch)
	if err != nil {
		return fmt.Errorf("u2f: record %q: %w", recordFactory, err)
	}
	k.factory = factory{batch: batch, u2fBatch: u2fBatch}
	if len(in.Enterprise) > 0 {
		if k.factory.enterprise, err = attest.ParseBatch(in.Enterprise); err != nil {
			return fmt.Errorf("u2f: record %q: %w", recordFactory, err)
		}
	}
	return nil
}

// makeFactory is the factory.
func (k *Key) makeFactory() error {
	root := k.root
	if root == nil {
		var err error
		if root, err = attest.NewRoot(k.random.bytes(32)); err != nil {
			return err
		}
	}
	model := k.model()
	batch, err := root.NewBatch(model)
	if err != nil {
		return err
	}
	u2fBatch, err := root.NewU2FBatch(model)
	if err != nil {
		return err
	}
	made := factory{batch: batch, u2fBatch: u2fBatch}
	record := factoryRecord{AAGUID: k.profile.AAGUID[:], Batch: batch.Append(nil), U2FBatch: u2fBatch.Append(nil)}
	if k.profile.enterprise() {
		serial := []byte(k.serial)
		if len(serial) == 0 {
			serial = k.random.bytes(drawnSerial)
		}
		if made.enterprise, err = root.NewEnterprise(model, serial); err != nil {
			return err
		}
		record.Enterprise = made.enterprise.Append(nil)
	}
	value, err := cbor.Marshal(record)
	if err != nil {
		return err
	}
	if err := k.flash.Put(recordFactory, value); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordFactory, err)
	}
	k.factory = made
	return nil
}

// model is what the certificates say.
func (k *Key) model() attest.Model {
	return attest.Model{Name: k.profile.Name, AAGUID: k.profile.AAGUID}
}

// drawnSerial is our choice: as many bytes as RFC 5280 has for serial numbers at least.
const drawnSerial = 8

// attestation returns what a new credential comes with: what the profile says, unless the platform prefers one of the
// formats that the key has to offer. The first of them counts; "none" alone asks for none. See 2.3 Section 6.1.2, step
// 19.
func (k *Key) attestation(preference []string) Attestation {
	p := &k.profile
	if p.Quirks.NoneAttestation {
		return None
	}
	if len(p.AttestationFormats) == 0 {
		return p.Attestation
	}
	if len(preference) == 1 && preference[0] == attest.FormatNone {
		return None
	}
	for _, format := range preference {
		if !slices.Contains(p.AttestationFormats, format) {
			continue
		}
		if format == attest.FormatPacked && p.Attestation == PackedSelf {
			return PackedSelf
		}
		return Attestation(format)
	}
	return p.Attestation
}

// attest returns the attestation statement for a new credential. See Section 6.1.2, step 19. No U2F statement can say
// that a key is not ES256, which then speaks for itself.
func (k *Key) attest(kind Attestation, key *cose.PrivateKey, authData, clientDataHash []byte) (
	format string, statement []byte, err error) {
	switch kind {
	case None:
		return attest.FormatNone, attest.AppendNone(nil), nil
	case FIDOU2F:
		if key.Algorithm() == cose.ES256 {
			statement, err = attest.AppendFIDOU2F(nil, k.factory.u2fBatch, authData, clientDataHash)
			return attest.FormatFIDOU2F, statement, err
		}
	case enterprisePacked:
		statement, err = attest.AppendPacked(nil, k.factory.enterprise, authData, clientDataHash)
		return attest.FormatPacked, statement, err
	case Packed:
		batch, err := k.batch()
		if err != nil {
			return "", nil, err
		}
		statement, err = attest.AppendPacked(nil, batch, authData, clientDataHash)
		return attest.FormatPacked, statement, err
	}
	statement, err = attest.AppendPackedSelf(nil, key, authData, clientDataHash)
	return attest.FormatPacked, statement, err
}

// enterprisePacked is [Packed] with the certificate that tells the key's serial number. It is no profile's: only requests
// lead to it. See Section 7.1.
const enterprisePacked Attestation = "packed-enterprise"

// attestU2F signs a U2F registration and returns the certificate for it. See U2F Raw Message Formats, Section 4.3.
func (k *Key) attestU2F(message []byte) (certificate, signature []byte, err error) {
	signature, err = k.factory.u2fBatch.Sign(message)
	return k.factory.u2fBatch.Certificate(), signature, err
}
