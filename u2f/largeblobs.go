package u2f

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// From the specification: Section 6.10.
const (
	blobHashSize      = 16 // what the serialised array ends with: LEFT(SHA-256(array), 16)
	leastBlobArray    = 17 // an empty array and its hash
	messageOverhead   = 64 // Section 6.10.2: maxFragmentLength is maxMsgSize without it
	emptyArray        = 0x80
	blobArgumentsSize = 32 + 2 + 4 + sha256.Size
)

// A writing is a large-blob array of which not all fragments have come. It belongs to the channel that began it, and is
// gone without power. See Section 6.10.2.
type writing struct {
	channel uint32
	array   []byte
	length  int // of the whole
}

// noBlobs is the array of a key that is new or was reset. See Section 6.10.
func noBlobs() []byte {
	sum := sha256.Sum256([]byte{emptyArray})
	return append([]byte{emptyArray}, sum[:blobHashSize]...)
}

func (k *Key) loadBlobs() error {
	value, err := k.flash.Get(recordBlobs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.blobs = noBlobs()
		return nil
	case err != nil:
		return fmt.Errorf("u2f: record %q cannot be read: %w", recordBlobs, err)
	case !wholeBlobs(value):
		return fmt.Errorf("u2f: record %q does not end with its hash; the flash is damaged", recordBlobs)
	}
	k.blobs = value
	return nil
}

// wholeBlobs reports whether an array ends with its hash.
func wholeBlobs(array []byte) bool {
	if len(array) < leastBlobArray {
		return false
	}
	at := len(array) - blobHashSize
	sum := sha256.Sum256(array[:at])
	return bytes.Equal(sum[:blobHashSize], array[at:])
}

// largeBlobs implements authenticatorLargeBlobs. See Section 6.10.2, whose order of steps is that of the errors.
func (k *Key) largeBlobs(now time.Time, req []byte) ([]byte, error) {
	r, err := ctap.ParseLargeBlobsRequest(req)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Offset == nil, (r.Get == nil) == (r.Set == nil):
		return nil, ctap.ErrInvalidParameter
	case r.Get != nil:
		return k.readBlobs(&r)
	}
	return nil, k.writeBlobs(now, &r)
}

// maxFragment is maxFragmentLength of Section 6.10.2.
func (k *Key) maxFragment() int { return k.profile.MaxMsgSize - messageOverhead }

// readBlobs returns a fragment, for which nobody needs a PIN.
func (k *Key) readBlobs(r *ctap.LargeBlobsRequest) ([]byte, error) {
	switch size := uint64(len(k.blobs)); {
	case r.Length != nil, r.UVAuthParam != nil, r.Protocol != nil:
		return nil, ctap.ErrInvalidParameter
	case *r.Get > uint64(k.maxFragment()):
		return nil, ctap.ErrInvalidLength
	case *r.Offset > size:
		return nil, ctap.ErrInvalidParameter
	default:
		return ctap.AppendLargeBlobs(nil, k.blobs[*r.Offset:min(*r.Offset+*r.Get, size)]), nil
	}
}

// writeBlobs takes a fragment. The array changes with the last one, in one write.
func (k *Key) writeBlobs(now time.Time, r *ctap.LargeBlobsRequest) error {
	if len(r.Set) > k.maxFragment() {
		return ctap.ErrInvalidLength
	}
	w, err := k.fragmentOf(r)
	if err != nil {
		return err
	}
	if k.protected() || k.settings.AlwaysUV {
		if err := k.authorizeWith(now, r.Protocol, r.UVAuthParam, blobArguments(r), ctap.PermissionLBW); err != nil {
			return err
		}
	}
	if len(w.array)+len(r.Set) > w.length {
		return ctap.ErrInvalidParameter
	}
	w.array = append(w.array, r.Set...)
	if len(w.array) < w.length {
		k.writing = w
		return nil
	}
	k.writing = nil
	if !wholeBlobs(w.array) {
		return ctap.ErrIntegrityFailure
	}
	return k.storeBlobs(w.array)
}

// fragmentOf returns the writing that a fragment belongs to: a new one where the offset is 0.
func (k *Key) fragmentOf(r *ctap.LargeBlobsRequest) (*writing, error) {
	if *r.Offset == 0 {
		switch {
		case r.Length == nil:
			return nil, ctap.ErrInvalidParameter
		case *r.Length > uint64(k.profile.MaxLargeBlobs):
			return nil, ctap.ErrLargeBlobStorageFull
		case *r.Length < leastBlobArray:
			return nil, ctap.ErrInvalidParameter
		}
		return &writing{channel: k.channel, length: int(*r.Length)}, nil
	}
	switch w := k.writing; {
	case r.Length != nil:
		return nil, ctap.ErrInvalidParameter
	case w == nil, w.channel != k.channel, *r.Offset != uint64(len(w.array)):
		return nil, ctap.ErrInvalidSeq
	default:
		return w, nil
	}
}

// blobArguments is what pinUvAuthParam is over: Section 6.10.2.
func blobArguments(r *ctap.LargeBlobsRequest) []byte {
	message := append(make([]byte, 0, blobArgumentsSize), configPrefix[:32]...)
	message = binary.LittleEndian.AppendUint32(append(message, cmdLargeBlobs, 0), uint32(*r.Offset))
	sum := sha256.Sum256(r.Set)
	return append(message, sum[:]...)
}

// storeBlobs writes the array. Where that fails, what is in flash decides: either the array is there, or there was no
// room for it.
func (k *Key) storeBlobs(array []byte) error {
	if err := k.flash.Put(recordBlobs, array); err != nil {
		if k.fault = k.loadBlobs(); k.fault != nil {
			return k.fault
		}
		if bytes.Equal(k.blobs, array) {
			return err
		}
		return ctap.ErrLargeBlobStorageFull
	}
	k.blobs = slices.Clone(array)
	return nil
}
