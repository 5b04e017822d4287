package client

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// From the specification, CTAP Section 6.10.
const (
	blobHashSize  = 16 // left of SHA-256, behind the array
	blobNonceSize = 12 // of AES-256-GCM
	besideBlob    = 64 // bytes of a message that are not the fragment's
)

// mostBlob is the largest blob that is unpacked. Our choice: far beyond what a key stores, and no bomb.
const mostBlob = 1 << 20

// A blobEntry is an element of the array of large blobs: AES-256-GCM of DEFLATE data. See CTAP Section 6.10.3.
type blobEntry struct {
	Ciphertext []byte `cbor:"1,keyasint"`
	Nonce      []byte `cbor:"2,keyasint"`
	OrigSize   uint64 `cbor:"3,keyasint"`
}

type blobRequest struct {
	Get      *uint64 `cbor:"1,keyasint,omitempty"`
	Set      []byte  `cbor:"2,keyasint,omitempty"`
	Offset   uint64  `cbor:"3,keyasint"`
	Length   *uint64 `cbor:"4,keyasint,omitempty"`
	Param    []byte  `cbor:"5,keyasint,omitempty"`
	Protocol *uint64 `cbor:"6,keyasint,omitempty"`
}

// arrays reports whether the key keeps an array of large blobs, and credentials with a key to it.
func (k *key) arrays() bool { return k.info.Options["largeBlobs"] && k.extends(extLargeBlobKey) }

// fragment is how many bytes of the array fit a message. See CTAP Section 6.10.2.
func (k *key) fragment() uint64 {
	return min(max(k.info.MaxMsgSize, defaultMaxMsgSize), 1<<16) - besideBlob
}

// readBlobs returns the elements of the array. One that is damaged is taken for empty. See CTAP Section 6.10.
func (k *key) readBlobs() ([]cbor.RawMessage, error) {
	var all []byte
	size := k.fragment()
	for more := true; more && uint64(len(all)) <= k.more().MaxLargeBlobs; {
		body, err := k.send(cmdLargeBlobs, marshal(blobRequest{Get: &size, Offset: uint64(len(all))}))
		if err != nil {
			return nil, err
		}
		var answer struct {
			Config []byte `cbor:"1,keyasint"`
		}
		if err := unmarshal(body, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Config...)
		more = uint64(len(answer.Config)) == size
	}
	var list []cbor.RawMessage
	n := len(all) - blobHashSize
	if n < 1 {
		return nil, nil
	}
	if sum := sha256.Sum256(all[:n]); !bytes.Equal(sum[:blobHashSize], all[n:]) || decoder.Unmarshal(all[:n], &list) != nil {
		return nil, nil
	}
	return list, nil
}

// writeBlobs replaces the array, fragment by fragment. See CTAP Section 6.10.4.
func (k *key) writeBlobs(list []cbor.RawMessage) error {
	if list == nil {
		list = []cbor.RawMessage{}
	}
	all := marshal(list)
	sum := sha256.Sum256(all)
	all = append(all, sum[:blobHashSize]...)
	if uint64(len(all)) > k.more().MaxLargeBlobs {
		return ctap.ErrLargeBlobStorageFull
	}
	offset := uint64(0)
	for part := range slices.Chunk(all, int(k.fragment())) {
		req := blobRequest{Set: part, Offset: offset}
		if offset == 0 {
			req.Length = new(uint64(len(all)))
		}
		hash := sha256.Sum256(part)
		message := append(bytes.Repeat([]byte{0xff}, 32), cmdLargeBlobs, 0)
		message = append(binary.LittleEndian.AppendUint32(message, uint32(offset)), hash[:]...)
		req.Param, req.Protocol = k.proof(message)
		if _, err := k.send(cmdLargeBlobs, marshal(req)); err != nil {
			return err
		}
		offset += uint64(len(part))
	}
	return nil
}

// blobCipher returns the cipher of a credential's large blobs, and the data that go with a size. See CTAP Section 6.10.3.
func blobCipher(blobKey []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(blobKey)
	if err != nil {
		return nil, errMembers
	}
	return cipher.NewGCM(block)
}

func blobData(origSize uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("blob"), origSize)
}

// openBlob returns the blob in an element, nil where it is another credential's.
func openBlob(aead cipher.AEAD, element cbor.RawMessage) []byte {
	var e blobEntry
	if decoder.Unmarshal(element, &e) != nil || len(e.Nonce) != blobNonceSize || e.OrigSize > mostBlob {
		return nil
	}
	packed, err := aead.Open(nil, e.Nonce, e.Ciphertext, blobData(e.OrigSize))
	if err != nil {
		return nil
	}
	return unpack(packed, e.OrigSize)
}

// unpack returns the blob of that size of which packed is the DEFLATE data, nil where it is none. See CTAP Section 6.10.3.
func unpack(packed []byte, size uint64) []byte {
	blob, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), mostBlob+1))
	if err != nil || uint64(len(blob)) != size {
		return nil
	}
	return append([]byte{}, blob...)
}

// pack returns the DEFLATE data of a blob.
func pack(blob []byte) []byte {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(blob)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic("client: internal error: " + err.Error())
	}
	return packed.Bytes()
}

// readBlob returns the blob of a credential with that key, nil where it has none. See Section 10.1.5.
func (k *key) readBlob(blobKey []byte) ([]byte, error) {
	aead, err := blobCipher(blobKey)
	if err != nil {
		return nil, err
	}
	list, err := k.readBlobs()
	for _, element := range list {
		if blob := openBlob(aead, element); blob != nil {
			return blob, err
		}
	}
	return nil, err
}

// writeBlob puts a blob in the place of those that the credential has. See Section 10.1.5.
func (k *key) writeBlob(blobKey, blob []byte) error {
	aead, err := blobCipher(blobKey)
	if err != nil {
		return err
	}
	if k.client.Random == nil {
		return errors.New("a large blob cannot be encrypted without randomness")
	}
	list, err := k.readBlobs()
	if err != nil {
		return err
	}
	e := blobEntry{Nonce: make([]byte, blobNonceSize), OrigSize: uint64(len(blob))}
	if _, err := io.ReadFull(k.client.Random, e.Nonce); err != nil {
		return err
	}
	e.Ciphertext = aead.Seal(nil, e.Nonce, pack(blob), blobData(e.OrigSize))
	list = slices.DeleteFunc(list, func(element cbor.RawMessage) bool { return openBlob(aead, element) != nil })
	return k.writeBlobs(append(list, marshal(e)))
}
