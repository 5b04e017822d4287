package u2f

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// minEntropy is as many bytes as the strongest key made from them. Our choice.
const minEntropy = 32

// A drbg is the key's chance: HMAC-SHA-256 of a counter under the entropy of this power cycle. Each block is drawn once
// and no block tells of another; entropy is fresh at each power-up, so there is nothing to reseed.
type drbg struct {
	key  [32]byte
	next uint64
}

func newDRBG(entropy []byte) drbg {
	mac := hmac.New(sha256.New, []byte("mfalab key entropy"))
	mac.Write(entropy)
	return drbg{key: [32]byte(mac.Sum(nil))}
}

// read fills b.
func (d *drbg) read(b []byte) {
	for len(b) > 0 {
		block := d.block()
		d.next++
		b = b[copy(b, block[:]):]
	}
}

// block is the HMAC of the counter: RFC 2104, Section 2. Package crypto/hmac allocates two hashes for each.
func (d *drbg) block() [sha256.Size]byte {
	var inner [sha256.BlockSize + 8]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(inner[:], d.key[:])
	copy(outer[:], d.key[:])
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	binary.BigEndian.PutUint64(inner[sha256.BlockSize:], d.next)
	sum := sha256.Sum256(inner[:])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

// bytes returns n new bytes.
func (d *drbg) bytes(n int) []byte {
	b := make([]byte, n)
	d.read(b)
	return b
}
