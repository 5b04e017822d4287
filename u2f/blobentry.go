package u2f

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// A blobEntry is an element of the array of large blobs: AES-256-GCM of DEFLATE data. See Section 6.10.3.
type blobEntry struct {
	Ciphertext []byte `cbor:"1,keyasint"`
	Nonce      []byte `cbor:"2,keyasint"`
	OrigSize   uint64 `cbor:"3,keyasint"`
}

// From the specification: Section 6.10.3.
const blobNonceSize = 12

// deflate is raw DEFLATE (RFC 1951), as platforms compress large blobs. See Section 6.10.3.
func deflate(blob []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(blob)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

// inflate returns a blob that has so many bytes; ok is false for one that is none.
func inflate(packed []byte, size uint64) (blob []byte, ok bool) {
	if size > mostVirtualBlob {
		return nil, false
	}
	blob, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), mostVirtualBlob+1))
	return blob, err == nil && uint64(len(blob)) == size
}

// giveBlob puts the blob of a credential that was made elsewhere where the key's extension keeps it. One for the array of
// large blobs waits in the credential's record, until placeBlobs.
func (k *Key) giveBlob(r *resident, blob []byte) (err error) {
	if blob == nil {
		return nil
	}
	r.size = uint64(len(blob))
	if r.blob, err = deflate(blob); err != nil {
		return err
	}
	switch {
	case r.has(flagLargeBlob) && len(r.blob) > k.profile.MaxLargeBlob:
		return fmt.Errorf("its largeBlob has %d bytes, compressed; the key takes %d", len(r.blob), k.profile.MaxLargeBlob)
	case r.has(flagLargeBlob):
		return nil
	case !r.has(flagLargeBlobKey) || k.profile.MaxLargeBlobs == 0:
		return errors.New("it has a largeBlob, and the key keeps none; use a profile with largeBlob or largeBlobKey in extensions")
	}
	return nil
}

// blobCipher returns what an entry of c is encrypted with, and the data beside it. See Section 6.10.3.
func (k *Key) blobCipher(c *credential, size uint64) (cipher.AEAD, []byte, error) {
	block, err := aes.NewCipher(k.largeBlobKey(c))
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, binary.LittleEndian.AppendUint64([]byte("blob"), size), err
}

// withEntry returns the array with the blob of r at its end; ok is false where it does not fit. The array as it is
// stays first, for it is a platform's own.
func (k *Key) withEntry(r *resident) (array []byte, ok bool) {
	var list []cbor.RawMessage
	if err := cbor.Unmarshal(k.blobs[:len(k.blobs)-blobHashSize], &list); err != nil {
		return nil, false // the platform has written something else
	}
	aead, data, err := k.blobCipher(&r.credential, r.size)
	if err != nil {
		return nil, false
	}
	// No other blob has this nonce: platforms draw theirs, and this is the credential's first.
	nonce := k.master.derive(labelBlobNonce, r.nonce(), r.rpIDHash[:])
	e := blobEntry{aead.Seal(nil, nonce[:blobNonceSize], r.blob, data), nonce[:blobNonceSize], r.size}
	element, err := cbor.Marshal(e)
	if err != nil {
		return nil, false
	}
	if array, err = cbor.Marshal(append(list, element)); err != nil {
		return nil, false
	}
	sum := sha256Sum(array)
	array = append(array, sum[:blobHashSize]...)
	return array, len(array) <= k.profile.MaxLargeBlobs
}

// placeBlobs moves blobs that wait in a credential's record into the array of large blobs: first that is written, then the
// record without it. PowerUp finishes what a loss of power has interrupted.
func (k *Key) placeBlobs() error {
	for at := range k.residents {
		if waits := &k.residents[at]; waits.blob == nil || waits.id[3]&flagLargeBlob != 0 {
			continue
		}
		r := k.residents[at].resident()
		if there, _ := k.entryOf(&r); there == nil {
			array, fits := k.withEntry(&r)
			if fits {
				if err := k.storeBlobs(array); err != nil {
					return err
				}
			}
		}
		r.blob, r.size = nil, 0
		if err := k.replace(at, r); err != nil {
			return err
		}
	}
	return nil
}

// entryOf returns the blob of r in the array of large blobs, nil if there is none.
func (k *Key) entryOf(r *resident) ([]byte, error) {
	var list []cbor.RawMessage
	if err := cbor.Unmarshal(k.blobs[:len(k.blobs)-blobHashSize], &list); err != nil {
		return nil, nil // the platform has written something else
	}
	for _, element := range list {
		var e blobEntry
		if cbor.Unmarshal(element, &e) != nil || len(e.Nonce) != blobNonceSize {
			continue
		}
		aead, data, err := k.blobCipher(&r.credential, e.OrigSize)
		if err != nil {
			return nil, err
		}
		packed, err := aead.Open(nil, e.Nonce, e.Ciphertext, data)
		if err != nil {
			continue
		}
		if blob, ok := inflate(packed, e.OrigSize); ok {
			return append([]byte{}, blob...), nil
		}
	}
	return nil, nil
}

// blobOf returns the large blob of r, wherever it lies, nil if it has none.
func (k *Key) blobOf(r *resident) ([]byte, error) {
	switch {
	case r.blob != nil:
		blob, ok := inflate(r.blob, r.size)
		if !ok {
			return nil, fmt.Errorf("u2f: the large blob of a credential of %q is not what DEFLATE makes of %d bytes; delete it", r.rpID, r.size)
		}
		return append([]byte{}, blob...), nil
	case r.has(flagLargeBlobKey):
		return k.entryOf(r)
	}
	return nil, nil
}
