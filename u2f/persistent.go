package u2f

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/mfalab/mfalab/u2f/pinuv"
)

// Sections of this file are those of CTAP 2.3 (2026-02-26).

// persistentToken returns persistentPinUvAuthToken: a PIN can be exchanged for it, and it reads what credentials there
// are until the PIN is changed or the key reset, whatever happens to power. It is derived from what those two change, so
// that no write can come between. See Section 6.5.2.1.
func (k *Key) persistentToken() [32]byte {
	return k.master.derive(labelPersistent, binary.BigEndian.AppendUint64(nil, k.pin.number))
}

// verifyPersistent checks a pinUvAuthParam that was made with the persistent token. A PIN that must be changed has none
// (Section 6.11.4).
func (k *Key) verifyPersistent(p pinuv.Protocol, message, param []byte) bool {
	if !k.profile.PersistentTokens || !k.pinSet() || k.mustChangePIN() {
		return false
	}
	token := k.persistentToken()
	return p.Verify(token[:], message, param)
}

// From the specification: Section 6.4, encIdentifier and encCredStoreState, whose names are HKDF's info.
const (
	infoIdentifier = "encIdentifier"
	infoStoreState = "encCredStoreState"
	opaqueSize     = 16 // of what is encrypted, of the key of AES-128-CBC and of the initialisation vector before it
)

// opaque is what only holders of the persistent token can read in getInfo, with the ciphers for it. Both are prepared
// when they are first asked for, and anew for each PIN.
type opaque struct {
	made              bool
	number            uint64 // of the PIN
	identifier, state cipher.Block
}

// opaques returns the ciphers.
func (k *Key) opaques() (*opaque, error) {
	if k.opaque.made && k.opaque.number == k.pin.number {
		return &k.opaque, nil
	}
	token, o := k.persistentToken(), opaque{made: true, number: k.pin.number}
	for info, block := range map[string]*cipher.Block{infoIdentifier: &o.identifier, infoStoreState: &o.state} {
		key, err := hkdf.Key(sha256.New, token[:], make([]byte, sha256.Size), info, opaqueSize)
		if err != nil {
			return nil, err
		}
		if *block, err = aes.NewCipher(key); err != nil {
			return nil, err
		}
	}
	k.opaque = o
	return &k.opaque, nil
}

// seal returns a new initialisation vector and the 16 bytes in AES-128-CBC.
func (k *Key) seal(block cipher.Block, plain [opaqueSize]byte) []byte {
	out := k.random.bytes(2 * opaqueSize)
	subtle.XORBytes(plain[:], plain[:], out[:opaqueSize])
	block.Encrypt(out[opaqueSize:], plain[:])
	return out
}

// deviceIdentifier tells keys apart, and one key before a reset from the same after it. See Section 6.4.
func (k *Key) deviceIdentifier() [opaqueSize]byte {
	sum := k.master.derive(labelIdentifier)
	return [opaqueSize]byte(sum[:])
}

// storeState changes with every change of what discoverable credentials there are. See Section 6.4.
func (k *Key) storeState() [opaqueSize]byte {
	sum := k.master.derive(labelStoreState, k.stored[:])
	return [opaqueSize]byte(sum[:])
}

// changeStored takes a credential in or out of what storeState depends on: all of its record but its counter.
func (k *Key) changeStored(r *resident) {
	still := *r
	still.count = 0
	record, err := still.record()
	if err != nil {
		panic("u2f: internal error: " + err.Error()) // it was written or read a moment ago
	}
	sum := sha256.Sum256(record)
	subtle.XORBytes(k.stored[:], k.stored[:], sum[:])
}
