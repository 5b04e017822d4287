package u2f

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"time"

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
	// attester makes what is no batch's; nil until it is asked for.
	attester *attest.Attester
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
	k.factory = factory{}
	for record, to := range in.batches(&k.factory) {
		if len(*record) == 0 && to == &k.factory.enterprise {
			continue
		}
		if *to, err = attest.ParseBatch(*record, k.element.OpenKept); err != nil {
			return fmt.Errorf("u2f: record %q: %w", recordFactory, err)
		}
	}
	if k.chip() && k.factory.batch.InClear() {
		return k.storeFactory(k.factory) // it was made before secure elements kept such keys
	}
	return nil
}

// batches are the record's with those that they are of.
func (r *factoryRecord) batches(f *factory) iter.Seq2[*[]byte, **attest.Batch] {
	return func(yield func(*[]byte, **attest.Batch) bool) {
		_ = yield(&r.Batch, &f.batch) && yield(&r.U2FBatch, &f.u2fBatch) && yield(&r.Enterprise, &f.enterprise)
	}
}

// storeFactory writes the record, with the private keys in the secure element where there is one, and keeps the factory.
func (k *Key) storeFactory(f factory) error {
	out := factoryRecord{AAGUID: k.profile.AAGUID[:]}
	for record, of := range out.batches(&f) {
		switch b := *of; {
		case b == nil:
		case !k.chip():
			*record = b.Append(nil)
		default:
			kept, err := k.element.KeepKey(b.Key())
			if err != nil {
				return err
			}
			key, err := k.element.OpenKept(kept)
			if err != nil {
				return err
			}
			if *of, err = b.KeptAs(key); err != nil {
				return err
			}
			*record = b.AppendKept(nil, kept)
		}
	}
	value, err := cbor.Marshal(out)
	if err != nil {
		return err
	}
	if err := k.flash.Put(recordFactory, value); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordFactory, err)
	}
	k.factory = f
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
	if k.profile.enterprise() {
		serial := []byte(k.serial)
		if len(serial) == 0 {
			serial = k.random.bytes(drawnSerial)
		}
		if made.enterprise, err = root.NewEnterprise(model, serial); err != nil {
			return err
		}
	}
	return k.storeFactory(made)
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

// attest returns what a new credential comes with. See Section 6.1.2, step 19. Where a kind of statement can say nothing of a
// key, that speaks for itself. What is forged is so whatever the kind, where what is forged can say something of the key.
func (k *Key) attest(now time.Time, kind Attestation, key *cose.PrivateKey, authData, clientDataHash []byte) (made attest.Attestation, err error) {
	forged := k.profile.Quirks.ForgedAttestation
	if instead, _, err := attest.ParseMutation(forged); err == nil && attest.Attests(instead, key.Algorithm()) {
		return k.attestAs(now, forged, key, authData, clientDataHash)
	}
	made = attest.Attestation{Format: attest.FormatOf(string(kind)), AuthData: authData}
	if !attest.Attests(string(kind), key.Algorithm()) {
		made.Format, kind = attest.FormatPacked, PackedSelf
	}
	switch kind {
	case None:
		made.Statement = attest.AppendNone(nil)
	case FIDOU2F:
		made.Statement, err = attest.AppendFIDOU2F(nil, k.factory.u2fBatch, authData, clientDataHash)
	case enterprisePacked:
		made.Statement, err = attest.AppendPacked(nil, k.factory.enterprise, authData, clientDataHash)
	case Packed:
		batch, err := k.batch()
		if err != nil {
			return made, err
		}
		made.Statement, err = attest.AppendPacked(nil, batch, authData, clientDataHash)
		return made, err
	case PackedSelf:
		made.Statement, err = attest.AppendPackedSelf(nil, key, authData, clientDataHash)
	case TPM:
		var inside bool
		if made.Statement, inside, err = k.attestInside(key, authData, clientDataHash); !inside {
			return k.attestAs(now, string(kind), key, authData, clientDataHash)
		}
	default:
		return k.attestAs(now, string(kind), key, authData, clientDataHash)
	}
	return made, err
}

// attestAs makes a statement of a kind, KIND or KIND:MUTATION as [attest.ParseMutation] reads them.
func (k *Key) attestAs(now time.Time, what string, key *cose.PrivateKey, authData, clientDataHash []byte) (attest.Attestation, error) {
	kind, wrong, err := attest.ParseMutation(what)
	if err != nil {
		return attest.Attestation{}, err
	}
	if k.factory.attester == nil {
		if k.root == nil {
			return attest.Attestation{}, errors.New("u2f: the authority that made the key is gone, so that nobody issues certificates for its attestation")
		}
		if k.factory.attester, err = k.root.NewAttester(k.model()); err != nil {
			return attest.Attestation{}, err
		}
	}
	return k.factory.attester.Attest(kind, wrong, attest.Subject{AuthData: authData, ClientDataHash: clientDataHash, Credential: key, Now: now})
}

// AttestAs makes, in the key's name, what one of its credentials of the relying party rpID comes with: of a kind, or KIND:MUTATION
// for one that is wrong in one thing, as [attest.ParseMutation] reads them, whatever the profile says. Authenticator data are
// the credential's, or what somebody wants to have said of it. Like SignFor it changes nothing, and no host reaches it.
func (k *Key) AttestAs(now time.Time, what, rpID string, credentialID, authData, clientDataHash []byte) (attest.Attestation, error) {
	private, err := k.credentialFor(rpID, credentialID)
	if err != nil {
		return attest.Attestation{}, err
	}
	return k.attestAs(now, what, private, authData, clientDataHash)
}

// enterprisePacked is [Packed] with the certificate that tells the key's serial number. It is no profile's: only requests
// lead to it. See Section 7.1.
const enterprisePacked Attestation = attest.KindEnterprise

// attestU2F signs a U2F registration and returns the certificate for it. See U2F Raw Message Formats, Section 4.3.
func (k *Key) attestU2F(message []byte) (certificate, signature []byte, err error) {
	signature, err = k.factory.u2fBatch.Sign(message)
	return k.factory.u2fBatch.Certificate(), signature, err
}
