package u2f

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// The records in flash. Each is written at once, so that whatever is cut by a loss of power leaves the old or the new
// one; what takes several begins with recordReset, and PowerUp finishes it.
const (
	recordFactory  = "factory"  // attestation key and certificates; survives reset
	recordMaster   = "master"   // 32 bytes, sealed by the element: the secret behind all credentials; new at reset
	recordCounter  = "counter"  // 4 bytes, big-endian: the last signature counter that may have gone out
	recordPIN      = "pin"      // see clientpin.go
	recordRetries  = "retries"  // see clientpin.go
	recordSettings = "settings" // see settings.go
	recordBlobs    = "blobs"    // the serialised large-blob array, where it is not empty
	// recordUV and recordTemplate are in sensor.go and template.go.
	recordReset    = "reset" // a reset is under way; the record of the master key after it
	recordResident = "rk/"   // + RP ID's hash / user id's hash, in hexadecimal: a discoverable credential
)

// A resident is a discoverable credential, or one that was made elsewhere.
type resident struct {
	credential
	rpID    string
	created uint64 // numbers credentials in the order they were made
	public  []byte // its public key, as it is encoded; nil in records of before there was such a field
	blob    []byte // of the extension largeBlob, 2.3 Section 12.4; nil where there is none
	size    uint64 // of blob, before it was compressed
	count   uint32 // its own signature counter, of CountEach
}

// name is the record's: one for each account, so that a new credential for the same account replaces the old one in
// one write (Section 6.1.2, step 17), its counter included.
func (r *resident) name() string {
	if !r.resident {
		return importedName(r)
	}
	user := sha256Sum(r.user.ID)
	return recordResident + hex.EncodeToString(r.rpIDHash[:]) + "/" + hex.EncodeToString(user[:])
}

// residentRecord is how a credential lies in flash.
type residentRecord struct {
	ID          []byte `cbor:"1,keyasint"`
	RPID        string `cbor:"2,keyasint"`
	UserID      []byte `cbor:"3,keyasint"`
	Name        string `cbor:"4,keyasint,omitempty"`
	DisplayName string `cbor:"5,keyasint,omitempty"`
	Created     uint64 `cbor:"6,keyasint"`
	Public      []byte `cbor:"7,keyasint,omitempty"`
	CredBlob    []byte `cbor:"8,keyasint,omitempty"`
	Blob        []byte `cbor:"9,keyasint,omitempty"`
	Size        uint64 `cbor:"10,keyasint,omitempty"`
	Foreign     []byte `cbor:"11,keyasint,omitempty"` // the id of one that was made elsewhere
	Key         []byte `cbor:"12,keyasint,omitempty"` // and its private key, PKCS#8
	BackedUp    bool   `cbor:"13,keyasint,omitempty"`
	Wrapped     []byte `cbor:"15,keyasint,omitempty"` // its private key, wrapped by the element
	Count       uint32 `cbor:"14,keyasint,omitempty"`
}

func (r *resident) record() ([]byte, error) {
	in := residentRecord{ID: r.id[:], RPID: r.rpID, UserID: r.user.ID, Name: r.user.Name, DisplayName: r.user.DisplayName, Created: r.created,
		Public: r.public, CredBlob: r.credBlob, Blob: r.blob, Size: r.size, BackedUp: r.backedUp, Count: r.count, Wrapped: r.wrapped}
	if r.foreign != nil {
		in.Foreign, in.Key = r.foreign.id, r.foreign.key
	}
	return cbor.Marshal(in)
}

// load reads flash. A key that has none yet is given its secrets; a reset that lost power is finished first.
func (k *Key) load() error {
	if err := k.loadElement(); err != nil {
		return err
	}
	if err := k.finishReset(); err != nil {
		return err
	}
	for _, read := range []func(*Key) error{
		(*Key).loadFactory, (*Key).loadResidents, (*Key).loadCounter, (*Key).loadPIN, (*Key).loadUV, (*Key).loadSettings,
		(*Key).loadBlobs, (*Key).loadMaster, (*Key).placeBlobs,
	} {
		if err := read(k); err != nil {
			return err
		}
	}
	return nil
}

// get reads a record of a fixed size; found is false where there is none.
func (k *Key) get(name string, size int) (value []byte, found bool, err error) {
	value, err = k.flash.Get(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("u2f: record %q cannot be read: %w", name, err)
	case len(value) != size:
		return nil, false, fmt.Errorf("u2f: record %q has %d bytes instead of %d; the flash is damaged", name, len(value), size)
	}
	return value, true, nil
}

// loadMaster comes last: what the others found tells a new key from one that has lost its master key, which would
// otherwise make all credentials void without a word.
func (k *Key) loadMaster() error {
	secret, _, err := k.unsealed(recordMaster)
	if err != nil {
		return err
	}
	if secret == nil {
		if k.counter != 0 || len(k.residents)+len(k.loose) != 0 || k.protected() {
			return fmt.Errorf("u2f: record %q is missing, though others are there; the flash is damaged", recordMaster)
		}
		secret = k.random.bytes(secretSize)
		sealed, err := k.element.Seal(secret)
		if err != nil {
			return err
		}
		if err := k.flash.Put(recordMaster, sealed); err != nil {
			return fmt.Errorf("u2f: record %q cannot be written: %w", recordMaster, err)
		}
	}
	k.master = newMaster(secret)
	return nil
}

func (k *Key) loadCounter() error {
	if k.element.Counts() {
		return k.loadInside()
	}
	value, found, err := k.get(recordCounter, counterSize)
	k.counter = 0
	if err == nil && found {
		k.counter = binary.BigEndian.Uint32(value)
	}
	return err
}

func (k *Key) loadResidents() error {
	k.residents, k.loose, k.stored = nil, nil, [32]byte{}
	var names []string
	for _, prefix := range []string{recordResident, recordImported} {
		list, err := k.flash.Names(prefix)
		if err != nil {
			return fmt.Errorf("u2f: the flash cannot be listed: %w", err)
		}
		names = append(names, list...)
	}
	for _, name := range names {
		value, err := k.flash.Get(name)
		if err != nil {
			return fmt.Errorf("u2f: record %q cannot be read: %w", name, err)
		}
		r, err := parseResident(value)
		if err != nil || r.name() != name {
			return fmt.Errorf("u2f: record %q is no credential of that name; the flash is damaged", name)
		}
		if !r.resident {
			k.loose = append(k.loose, r.pack())
			continue
		}
		k.residents = append(k.residents, r.pack())
		k.changeStored(&r)
	}
	slices.SortFunc(k.residents, func(x, y slot) int { return cmp.Compare(x.created, y.created) })
	k.findPlaces()
	return nil
}

// placeSize is our choice: as much of a MAC as tells credentials apart.
const placeSize = 8

// findPlaces makes the indexes anew.
func (k *Key) findPlaces() {
	k.places, k.imported = make(map[[placeSize]byte]int, len(k.residents)), map[string]int{}
	for i := range k.residents {
		k.index(i, true)
	}
	for i := range k.loose {
		k.index(i, false)
	}
}

// index notes where the credential at is.
func (k *Key) index(at int, discoverable bool) {
	if !discoverable {
		k.imported[string(k.loose[at].foreign.id)] = ^at
		return
	}
	r := &k.residents[at]
	k.places[[placeSize]byte(r.id[macStart:])] = at
	if r.foreign != nil {
		k.imported[string(r.foreign.id)] = at
	}
}

// residentWithID returns where the credential is in k.residents that relying parties know by that id, -1 if there is none.
func (k *Key) residentWithID(id []byte) int {
	if at, found := k.imported[string(id)]; found && at >= 0 {
		return at
	}
	inner, _, ok := inward(id)
	if !ok {
		return -1
	}
	return k.residentAt(&inner)
}

// residentAt returns where the credential is in k.residents whose own id that is, -1 if there is none.
func (k *Key) residentAt(id *[credentialIDSize]byte) int {
	at, found := k.places[[placeSize]byte(id[macStart:])]
	if !found || k.residents[at].id != *id {
		return -1
	}
	return at
}

// dropResident takes a credential, which is gone from flash, from k.residents.
func (k *Key) dropResident(at int) {
	r := k.residents[at].resident()
	k.changeStored(&r)
	k.residents = slices.Delete(k.residents, at, at+1)
	k.findPlaces()
}

// replace stores what has changed of a credential: one write.
func (k *Key) replace(at int, changed resident) error {
	value, err := changed.record()
	if err != nil {
		return err
	}
	if err := k.flash.Put(changed.name(), value); err != nil {
		k.fault = k.loadResidents() // it may have happened or not
		return ctap.ErrKeyStoreFull
	}
	before := k.residents[at].resident()
	k.changeStored(&before)
	k.changeStored(&changed)
	k.residents[at] = changed.pack()
	return nil
}

// recordDecoder takes names that were cut in the middle of a character, as the quirk InvalidUTF8 does.
var recordDecoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic("u2f: internal error: " + err.Error())
	}
	return mode
}()

func parseResident(value []byte) (resident, error) {
	var in residentRecord
	if err := recordDecoder.Unmarshal(value, &in); err != nil {
		return resident{}, err
	}
	if len(in.ID) != credentialIDSize || !knownVersion(in.ID, in.Wrapped) {
		return resident{}, errors.New("u2f: no credential id")
	}
	c := decode([credentialIDSize]byte(in.ID), sha256Sum([]byte(in.RPID)))
	c.wrapped = in.Wrapped
	c.credBlob, c.user, c.backedUp = in.CredBlob, ctap.User{ID: in.UserID, Name: in.Name, DisplayName: in.DisplayName}, in.BackedUp
	switch {
	case in.Foreign != nil && in.Key != nil:
		c.foreign = &foreign{in.Foreign, in.Key}
	case in.Foreign != nil || in.Key != nil || !c.resident:
		return resident{}, errors.New("u2f: no credential that was made elsewhere")
	}
	return resident{credential: c, rpID: in.RPID, created: in.Created, public: in.Public, blob: in.Blob, size: in.Size, count: in.Count}, nil
}

// account returns where the credential of a user with a relying party is in k.residents, -1 if there is none.
func (k *Key) account(rpIDHash [32]byte, userID []byte) int {
	for i := range k.residents {
		if r := &k.residents[i]; r.rpIDHash == rpIDHash && r.userID() == string(userID) {
			return i
		}
	}
	return -1
}

// full reports whether there is no slot left for a credential of an account; one that it replaces gives up its own. See
// Section 6.1.2, step 17.
func (k *Key) full(rpIDHash [32]byte, userID []byte) bool {
	return k.account(rpIDHash, userID) < 0 && len(k.residents) >= k.profile.ResidentSlots
}

// keep stores a discoverable credential in the place of the account's earlier one. See Section 6.1.2, step 17.
func (k *Key) keep(r resident) error {
	if n := len(k.residents); n > 0 {
		r.created = k.residents[n-1].created + 1
	}
	value, err := r.record()
	if err != nil {
		return err
	}
	if err := k.flash.Put(r.name(), value); err != nil {
		return k.unkept(&r, err)
	}
	if at := k.account(r.rpIDHash, r.user.ID); at >= 0 {
		k.dropResident(at)
	}
	k.residents = append(k.residents, r.pack())
	k.index(len(k.residents)-1, true)
	k.changeStored(&r)
	return nil
}

// unkept answers for a credential whose write failed, which may have happened or not: what is in flash decides. Where it
// is not there, there was no room for it.
func (k *Key) unkept(r *resident, err error) error {
	if k.fault = k.loadResidents(); k.fault != nil {
		return k.fault
	}
	if at := k.account(r.rpIDHash, r.user.ID); at >= 0 && k.residents[at].id == r.id {
		return err
	}
	return ctap.ErrKeyStoreFull
}

func sha256Sum(b []byte) [32]byte { return sha256.Sum256(b) }
