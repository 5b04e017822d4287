package u2f

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A foreign is what a credential has that was made elsewhere: the id under which relying parties know it, and its private
// key. It has a credential id of the key's own too, which nobody is told: its nonce is what hmac-secret and the like are
// derived from.
type foreign struct {
	id  []byte
	key []byte // PKCS#8
}

// recordImported begins the name of a credential that was made elsewhere and is not discoverable: + RP ID's hash / half of
// the hash of its id, in hexadecimal.
const recordImported = "im/"

// mostImported is how many of them a key keeps. Our choice: discoverable ones have their slots.
const mostImported = 256

// outward returns the id under which relying parties know c.
func (c *credential) outward() []byte {
	if c.foreign != nil {
		return c.foreign.id
	}
	if c.wrapped == nil {
		return c.id[:]
	}
	return slices.Concat(c.id[:nonceStart], c.id[macStart:], c.wrapped)
}

// importedWithID returns the credential that was made elsewhere and has that id, nil if there is none.
func (k *Key) importedWithID(id []byte) *slot {
	switch at, found := k.imported[string(id)]; {
	case !found:
		return nil
	case at >= 0:
		return &k.residents[at]
	default:
		return &k.loose[^at]
	}
}

// kept returns what flash has of c, nil where it has nothing.
func (k *Key) kept(c *credential) *slot {
	if at := k.residentAt(&c.id); at >= 0 {
		return &k.residents[at]
	}
	if c.foreign != nil {
		return k.importedWithID(c.foreign.id)
	}
	return nil
}

// ImportCredentials gives the key credentials that were made elsewhere: all of them, or none where one does not fit. Each is
// one write, so that where power or flash fails those are there that were written; the signature counter is raised
// first, to the highest that went out with one of them. No host reaches it.
func (k *Key) ImportCredentials(list []VirtualCredential) error {
	switch {
	case k.phase == off:
		return errors.New("u2f: a key without power takes no credentials; plug it in")
	case k.chip():
		return errInside
	}
	counter, made, taken := k.counter, make([]resident, 0, len(list)), map[string]int{}
	for i := range list {
		r, err := k.foreigner(&list[i])
		if err != nil {
			return fmt.Errorf("u2f: credential %d of %d: %w", i+1, len(list), err)
		}
		for _, same := range []string{"id " + string(r.foreign.id), r.name()} {
			if other := taken[same]; other > 0 {
				return fmt.Errorf("u2f: credential %d of %d: credential %d has the same id, or the same account; leave one out", i+1, len(list), other)
			}
			taken[same] = i + 1
		}
		made, counter = append(made, r), max(counter, r.count)
	}
	if err := k.roomFor(made); err != nil {
		return err
	}
	if counter > k.counter {
		k.counter = counter
		if err := k.storeCounter(recordCounter, counter); err != nil {
			return err
		}
	}
	for _, r := range made {
		if err := k.adopt(r); err != nil {
			return err
		}
	}
	return nil
}

// roomFor reports that there are not slots enough, or no room for large blobs.
func (k *Key) roomFor(made []resident) error {
	residents, loose, blobs := len(k.residents), len(k.loose), k.blobs
	defer func() { k.blobs = blobs }()
	for i := range made {
		switch r := &made[i]; {
		case !r.resident:
			loose++
		case r.blob != nil && !r.has(flagLargeBlob):
			array, fits := k.withEntry(r)
			if !fits {
				return fmt.Errorf("u2f: credential %d of %d: its largeBlob does not fit the array of large blobs, which takes %d bytes; %d are taken",
					i+1, len(made), k.profile.MaxLargeBlobs, len(k.blobs))
			}
			k.blobs = array
			residents++
		default:
			residents++
		}
	}
	switch {
	case residents > k.profile.ResidentSlots && residents > len(k.residents):
		return fmt.Errorf("u2f: the key has %d slots for discoverable credentials, of which %d are taken; delete some, or give it more: resident_slots",
			k.profile.ResidentSlots, len(k.residents))
	case loose > mostImported:
		return fmt.Errorf("u2f: the key keeps %d credentials of others that are not discoverable; reset it, or use another", mostImported)
	}
	return nil
}

// foreigner makes a credential of the key's of one that was made elsewhere. Nothing is stored.
func (k *Key) foreigner(v *VirtualCredential) (r resident, err error) {
	if err := v.check(); err != nil {
		return r, err
	}
	key, err := cose.ParsePKCS8(v.PrivateKey)
	switch most := k.profile.MaxCredentialIDLength; {
	case err != nil:
		return r, err
	case !slices.Contains(k.profile.Algorithms, key.Algorithm()):
		return r, fmt.Errorf("the key has no %v; use another profile, or give it the algorithm", key.Algorithm())
	case most > 0 && len(v.ID) > most:
		return r, fmt.Errorf("its id has %d bytes, and the key says that it has none above %d: max_credential_id_length", len(v.ID), most)
	}
	c := credential{rpIDHash: sha256Sum([]byte(v.RPID)), alg: key.Algorithm(), protect: protectOptional, resident: v.Resident,
		foreign: &foreign{slices.Clone(v.ID), slices.Clone(v.PrivateKey)}, backedUp: v.BackupState,
		user: ctap.User{ID: slices.Clone(v.UserHandle), Name: k.shorten(v.UserName), DisplayName: k.shorten(v.UserDisplayName)}}
	if _, found := k.findCredential(c.rpIDHash, v.ID); found || k.importedWithID(v.ID) != nil {
		return r, errors.New("the key has it already")
	}
	if v.Resident && k.account(c.rpIDHash, v.UserHandle) >= 0 {
		return r, fmt.Errorf("the key has a discoverable credential for that account of %q already, which it would replace; delete that first", v.RPID)
	}
	if v.BackupEligibility {
		c.flags |= flagBE
	}
	if v.Resident && k.profile.extends(ctap.LargeBlobKey) {
		c.flags |= flagLargeBlobKey
	}
	if v.Resident && k.profile.extends(ctap.LargeBlob) {
		c.flags |= flagLargeBlob
	}
	if c, err = k.newCredential(c); err != nil {
		return r, err
	}
	r = resident{credential: c, rpID: v.RPID, public: key.AppendPublicKey(nil), count: uint32(max(v.SignCount, 0))}
	return r, k.giveBlob(&r, v.LargeBlob)
}

// adopt stores a credential that was made elsewhere.
func (k *Key) adopt(r resident) error {
	if r.created = 0; len(k.residents) > 0 {
		r.created = k.residents[len(k.residents)-1].created + 1
	}
	value, err := r.record()
	if err != nil {
		return err
	}
	if err := k.flash.Put(r.name(), value); err != nil {
		k.fault = k.loadResidents() // it may have happened or not
		return fmt.Errorf("u2f: record %q cannot be written: %w", r.name(), err)
	}
	if !r.resident {
		k.loose = append(k.loose, r.pack())
		k.index(len(k.loose)-1, false)
		return nil
	}
	k.residents = append(k.residents, r.pack())
	k.index(len(k.residents)-1, true)
	k.changeStored(&r)
	return k.placeBlobs()
}

// handsOut reports why no private key leaves the key.
func (k *Key) handsOut() error {
	switch {
	case k.phase == off:
		return errors.New("u2f: a key without power hands out no credentials; plug it in")
	case k.chip():
		return errInside
	}
	return nil
}

// ExportCredentials returns all credentials that lie in flash, with their secrets: those that are discoverable, and those
// that were made elsewhere. No host reaches it.
func (k *Key) ExportCredentials() ([]VirtualCredential, error) {
	if err := k.handsOut(); err != nil {
		return nil, err
	}
	list := make([]VirtualCredential, 0, len(k.residents)+len(k.loose))
	for _, s := range slices.Concat(k.residents, k.loose) {
		r := s.resident()
		v, err := k.virtual(&r)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// ExportCredential returns one credential with its secret. That is how one is reached that is not discoverable: the key
// keeps nothing of it, but knows it by its id and its relying party.
func (k *Key) ExportCredential(rpID string, id []byte) (VirtualCredential, error) {
	if err := k.handsOut(); err != nil {
		return VirtualCredential{}, err
	}
	c, found := k.findCredential(sha256Sum([]byte(rpID)), id)
	if !found {
		return VirtualCredential{}, fmt.Errorf("u2f: the key has no credential %x of %q", id, rpID)
	}
	if s := k.kept(&c); s != nil {
		r := s.resident()
		return k.virtual(&r)
	}
	return k.virtual(&resident{credential: c, rpID: rpID})
}

// virtual returns r with its secret.
func (k *Key) virtual(r *resident) (v VirtualCredential, err error) {
	key, err := k.privateKey(&r.credential)
	if err != nil {
		return v, err
	}
	backup := k.backup(&r.credential)
	v = VirtualCredential{ID: slices.Clone(r.outward()), Resident: r.resident, RPID: r.rpID, UserHandle: slices.Clone(r.user.ID),
		UserName: r.user.Name, UserDisplayName: r.user.DisplayName,
		BackupEligibility: backup&ctap.FlagBE != 0, BackupState: backup&ctap.FlagBS != 0}
	if v.PrivateKey, err = key.MarshalPKCS8(); err != nil {
		return v, err
	}
	count, err := k.lastCount(&r.credential)
	if err != nil {
		return v, err
	}
	v.SignCount = int64(count)
	v.LargeBlob, err = k.blobOf(r)
	return v, err
}

// importedName is the name of the record of r, which is not discoverable.
func importedName(r *resident) string {
	id := sha256Sum(r.foreign.id)
	return recordImported + hex.EncodeToString(r.rpIDHash[:]) + "/" + hex.EncodeToString(id[:16])
}
