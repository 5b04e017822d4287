package u2f

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A credential id says what the key must know of the credential, sealed so that only this key since its last reset
// knows it, and for one relying party only:
//
//	version    1 byte    1
//	algorithm  1 byte    the lowest of COSE's, which tells those apart that the key knows
//	protect    1 byte    the level of credProtect, 1 to 3
//	flags      1 byte    1: discoverable, so that it lives in flash too; 2: made with hmac-secret; 4: has a largeBlobKey;
//	                     8: for payments by third parties; 16: may have a large blob of its own; 32: it may be copied;
//	                     128: made by U2F_REGISTER
//	nonce      32 bytes  the private key is derived from it; of RS256 the last 4 say where its primes are
//	mac        32 bytes  HMAC-SHA-256 under the master key of the RP ID's hash and all of the above
//
// The private key of version 2 is in a secure element, which keeps nothing but its own secret: the credential id has the
// key as the element has wrapped it. It is the same without a nonce, and with the wrapped key after the MAC, which holds
// for it too. Where a nonce is needed, it is the hash of that.
//
// CTAP1 and CTAP2 share it: it is U2F's key handle (Section 10).
const (
	credentialIDSize    = macStart + sha256.Size
	credentialIDVersion = 1
	wrappedVersion      = 2
	nonceStart          = 4
	macStart            = nonceStart + 32
	wrappedStart        = nonceStart + sha256.Size // in the id of version 2

	flagResident     = 1
	flagHMACSecret   = 2
	flagLargeBlobKey = 4
	flagThirdParty   = 8
	flagLargeBlob    = 16
	flagBE           = 32
	flagU2F          = 128
)

// From the specification: the levels of credProtect, Section 12.1.
const (
	protectOptional         = 1 // userVerificationOptional, the default
	protectOptionalWithList = 2 // userVerificationOptionalWithCredentialIDList
	protectRequired         = 3 // userVerificationRequired
)

// A credential is what a credential id says, once it is known to be this key's own.
type credential struct {
	id         [credentialIDSize]byte
	rpIDHash   [sha256.Size]byte
	alg        cose.Algorithm
	protect    byte
	resident   bool
	u2f        bool      // it was made by U2F_REGISTER
	flags      byte      // those of the id, for the extensions
	hmacSecret bool      // it was made with the extension "hmac-secret": true, Section 12.5
	user       ctap.User // of a discoverable credential
	credBlob   []byte    // of a discoverable credential: Section 12.2
	foreign    *foreign  // nil of one that the key made
	wrapped    []byte    // its private key, of version 2
	backedUp   bool      // it was copied, whatever the profile says
}

// backup returns the flags of authenticator data that say whether c may be copied, and whether it has been.
func (k *Key) backup(c *credential) (flags byte) {
	if c.id[3]&flagBE == 0 {
		return 0
	}
	if k.profile.BackedUp || c.backedUp {
		flags = ctap.FlagBS
	}
	return flags | ctap.FlagBE
}

// has reports whether it was made with an extension.
func (c *credential) has(flag byte) bool { return c.flags&flag != 0 }

// nonce is what the credential's secrets are derived from.
func (c *credential) nonce() []byte { return c.id[nonceStart:macStart] }

// A master is the secret under which all credentials of the key were made. Reset draws a new one, and with it every
// credential id is void.
type master struct {
	secret [32]byte
	mac    hash.Hash // under secret, reset before each use
	work   []byte    // what goes through mac, so that nothing else is on the heap for it
}

func newMaster(secret []byte) master {
	return master{secret: [32]byte(secret), mac: hmac.New(sha256.New, secret)}
}

// derive returns 32 bytes that depend on the master key, a label and parts of fixed length.
func (m *master) derive(label string, parts ...[]byte) [sha256.Size]byte {
	m.work = append(m.work[:0], label...)
	for _, p := range parts {
		m.work = append(m.work, p...)
	}
	m.mac.Reset()
	m.mac.Write(m.work)
	m.work = m.mac.Sum(m.work[:0])
	return [sha256.Size]byte(m.work)
}

// The labels have one length, so that no two inputs of derive coincide.
const (
	labelID   = "credential id  "
	labelKey  = "credential key "
	labelWith = "hmac-secret uv "
	labelNoUV = "hmac-secret    "
	labelBlob = "large blob key "

	labelBlobNonce = "large blob iv  "

	labelPersistent = "persistent pin "
	labelIdentifier = "the identifier "
	labelStoreState = "the store state"
)

// largeBlobKey returns what the platform encrypts c's entry of the large-blob array with. See Section 12.3.
func (k *Key) largeBlobKey(c *credential) []byte {
	key := k.master.derive(labelBlob, c.nonce(), c.rpIDHash[:])
	return key[:]
}

// credRandom returns the secret of hmac-secret for c: one with user verification, another without. See Section 12.5.
func (k *Key) credRandom(c *credential, userVerified bool) [32]byte {
	if userVerified {
		return k.master.derive(labelWith, c.nonce(), c.rpIDHash[:])
	}
	return k.master.derive(labelNoUV, c.nonce(), c.rpIDHash[:])
}

// newCredential draws a credential. Nothing is stored.
func (k *Key) newCredential(c credential) (credential, error) {
	if c.resident {
		c.flags |= flagResident
	}
	if c.hmacSecret {
		c.flags |= flagHMACSecret
	}
	if k.profile.BackupEligible && c.foreign == nil {
		c.flags |= flagBE
	}
	if c.u2f {
		c.flags |= flagU2F
	}
	c.id[0], c.id[1], c.id[2], c.id[3] = credentialIDVersion, byte(c.alg), c.protect, c.flags
	k.random.read(c.id[nonceStart:macStart])
	if c.foreign == nil {
		if err := k.makeKey(&c); err != nil {
			return c, err
		}
	}
	mac := k.macOf(c.rpIDHash, &c.id, c.wrapped)
	copy(c.id[macStart:], mac[:])
	return c, nil
}

// placeStart is where the nonce of RS256 ends, and what its private key does not depend on begins: where the primes are.
// What is left is 224 bits of chance.
const placeStart = macStart - placeOfPrimes

// makeKey makes the private key of c.
func (k *Key) makeKey(c *credential) error {
	element := k.elementFor(c.alg)
	if element != Element(software{}) {
		c.id[0] = wrappedVersion
	}
	key, wrapped, err := element.MakeKey(c.alg, k.seed(c))
	switch {
	case err != nil:
		return err
	case element == Element(software{}):
		copy(c.id[placeStart:macStart], wrapped)
	case len(wrapped) == 0 || len(wrapped) > element.WrappedSize(c.alg):
		return fmt.Errorf("u2f: internal error: a wrapped key of %d bytes", len(wrapped))
	default:
		nonce := sha256.Sum256(wrapped)
		c.wrapped = wrapped
		copy(c.id[nonceStart:], nonce[:])
	}
	k.holdReady(c, key)
	return nil
}

// seed is the secret that the private key of c is derived from. One in a secure element is not, and its nonce comes later: the
// seed is then what all credentials of an algorithm and a relying party have in common.
func (k *Key) seed(c *credential) []byte {
	nonce := [macStart - nonceStart]byte(c.nonce())
	switch {
	case c.id[0] == wrappedVersion:
		clear(nonce[:])
	case c.alg == cose.RS256:
		clear(nonce[placeStart-nonceStart:])
	}
	seed := k.master.derive(labelKey, nonce[:], c.rpIDHash[:], c.id[1:2])
	return seed[:]
}

// macOf returns what the end of a credential's own id is.
func (k *Key) macOf(rpIDHash [sha256.Size]byte, id *[credentialIDSize]byte, wrapped []byte) [sha256.Size]byte {
	return k.master.derive(labelID, rpIDHash[:], id[:macStart], wrapped)
}

// inward returns the key's own id of one by which relying parties may know it, and the wrapped key in that.
func inward(id []byte) (own [credentialIDSize]byte, wrapped []byte, ok bool) {
	switch {
	case len(id) == credentialIDSize && id[0] == credentialIDVersion:
		return [credentialIDSize]byte(id), nil, true
	case len(id) > wrappedStart && id[0] == wrappedVersion:
		wrapped = id[wrappedStart:]
		nonce := sha256.Sum256(wrapped)
		copy(own[:], id[:nonceStart])
		copy(own[nonceStart:], nonce[:])
		copy(own[macStart:], id[nonceStart:])
		return own, wrapped, true
	}
	return own, nil, false
}

// knownVersion reports whether a credential's own id goes with a wrapped key, or with none.
func knownVersion(id, wrapped []byte) bool {
	if len(wrapped) == 0 {
		return id[0] == credentialIDVersion
	}
	nonce := sha256.Sum256(wrapped)
	return id[0] == wrappedVersion && string(id[nonceStart:macStart]) == string(nonce[:])
}

// algorithmOf returns the algorithm whose lowest byte is b, and one that signs nothing where there is none.
func algorithmOf(b byte) cose.Algorithm {
	for _, a := range cose.Algorithms() {
		if byte(a) == b {
			return a
		}
	}
	return 0
}

// findCredential returns the credential that id names, if the key made it for this relying party since its last reset
// and, where it is discoverable, it still lives in flash; or if it was made elsewhere and lies there.
func (k *Key) findCredential(rpIDHash [sha256.Size]byte, id []byte) (credential, bool) {
	if r := k.importedWithID(id); r != nil {
		return r.credential(), r.rpIDHash == rpIDHash
	}
	own, wrapped, ok := inward(id)
	if !ok {
		return credential{}, false
	}
	mac := k.macOf(rpIDHash, &own, wrapped)
	if !hmac.Equal(mac[:], own[macStart:]) {
		return credential{}, false
	}
	c := decode(own, rpIDHash)
	c.wrapped = slices.Clone(wrapped)
	if !c.resident {
		return c, true
	}
	if at := k.residentAt(&own); at >= 0 {
		return k.residents[at].credential(), true
	}
	return credential{}, false
}

// prepared are private keys that were used lately: preparing one costs as much as a signature does.
type prepared struct {
	keys [preparedKeys]struct {
		nonce [placeStart - nonceStart]byte // as much of it as is chance with every algorithm
		key   *cose.PrivateKey
	}
	next int // the slot that is given up next
}

// preparedKeys is our choice: a browser asks about few credentials at a time, and the heap of a thousand idle keys
// must stay small.
const preparedKeys = 8

// prepare has the element find the private key of c again, or reads it where c was made elsewhere.
func (k *Key) prepare(c *credential) (*cose.PrivateKey, error) {
	switch {
	case c.foreign != nil:
		return cose.ParsePKCS8(c.foreign.key)
	case c.wrapped != nil:
		return k.element.OpenKey(c.alg, k.seed(c), c.wrapped)
	case c.alg == cose.RS256:
		return software{}.OpenKey(c.alg, k.seed(c), c.id[placeStart:macStart])
	}
	return software{}.OpenKey(c.alg, k.seed(c), nil)
}

// privateKey returns the private key of c.
func (k *Key) privateKey(c *credential) (*cose.PrivateKey, error) {
	nonce := [placeStart - nonceStart]byte(c.nonce())
	for i := range k.prepared.keys {
		if p := &k.prepared.keys[i]; p.key != nil && p.nonce == nonce && p.key.Algorithm() == c.alg {
			return p.key, nil
		}
	}
	key, err := k.prepare(c)
	if err != nil {
		return nil, err
	}
	k.holdReady(c, key)
	return key, nil
}

// holdReady keeps the private key of c for its next use.
func (k *Key) holdReady(c *credential, key *cose.PrivateKey) {
	p := &k.prepared.keys[k.prepared.next]
	p.nonce, p.key = [placeStart - nonceStart]byte(c.nonce()), key
	k.prepared.next = (k.prepared.next + 1) % preparedKeys
}
