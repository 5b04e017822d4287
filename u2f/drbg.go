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
		mac := hmac.New(sha256.New, d.key[:])
		mac.Write(binary.BigEndian.AppendUint64(nil, d.next))
		d.next++
		b = b[copy(b, mac.Sum(nil)):]
	}
}

// bytes returns n new bytes.
func (d *drbg) bytes(n int) []byte {
	b := make([]byte, n)
	d.read(b)
	return b
}
