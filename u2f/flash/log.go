package flash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// The layout that the package comment draws.
const (
	magic       = "mfalab flash 1\r\n" // a copy in text mode shows
	headerSize  = len(magic) + 8 + 4
	recordHead  = 4 + 4     // body length and its checksum
	recordTail  = 4 + 1     // checksum and commit
	recordFixed = 8 + 2 + 5 // all but name and value
	commit      = 0xC5
)

// What a record does.
const (
	kindPut    = 'P'
	kindDelete = 'D'
)

// errTorn says that the log ends inside the record whose writing the power cut.
var errTorn = errors.New("torn")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A record is one entry of the log.
type record struct {
	kind  byte
	name  string
	value []byte // into the image it was read from
}

// A DamageError says that a flash image is not what was written. Nothing of it is used.
type DamageError struct {
	Path   string
	Offset int64 // of the first byte of what is damaged
	Reason string
}

// Error names the file, the place and the remedy.
func (e *DamageError) Error() string {
	return fmt.Sprintf("flash: %q is damaged at byte %d: %s; put back a copy of the file, or remove it to begin with an empty key",
		e.Path, e.Offset, e.Reason)
}

// appendHeader begins an image whose snapshot ends at byte snapshot.
func appendHeader(b []byte, snapshot int) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, uint64(snapshot))
	return appendSum(b, b[start:])
}

// appendSum appends the checksum of what.
func appendSum(b, what []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(what, castagnoli))
}

// sumAfter reports whether b is n bytes and then, at once, their checksum.
func sumAfter(b []byte, n int) bool {
	return crc32.Checksum(b[:n], castagnoli) == binary.BigEndian.Uint32(b[n:])
}

func appendRecord(b []byte, r record) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(2+len(r.name)+len(r.value)))
	b = appendSum(b, b[start:])
	b = append(b, r.kind, byte(len(r.name)))
	b = append(b, r.name...)
	b = append(b, r.value...)
	return append(appendSum(b, b[start:]), commit)
}

// appendSnapshot appends the image of m, sorted, so that it is a function of what m holds.
func appendSnapshot(b []byte, m *Memory) []byte {
	b = appendHeader(slices.Grow(b, headerSize+m.live), headerSize+m.live)
	for _, p := range m.places {
		b = appendRecord(b, record{kindPut, string(m.name(p)), m.value(p)})
	}
	return b
}

// parseImage returns what image holds and where its last whole record ends; what follows is torn. The error is a
// DamageError without a path.
func parseImage(image []byte) (m *Memory, end int, err error) {
	snapshot, err := parseHeader(image)
	if err != nil {
		return nil, 0, &DamageError{Reason: err.Error()}
	}
	m = &Memory{}
	for end = headerSize; end < len(image); {
		r, size, err := parseRecord(image[end:])
		if err == errTorn {
			break
		}
		if err != nil {
			return nil, 0, &DamageError{Offset: int64(end), Reason: "the record here is " + err.Error()}
		}
		m.apply(r)
		end += size
	}
	if end < snapshot {
		return nil, 0, &DamageError{Offset: int64(end), Reason: fmt.Sprintf("it ends here and had at least %d bytes", snapshot)}
	}
	return m, end, nil
}

// parseHeader returns where the snapshot ends.
func parseHeader(image []byte) (snapshot int, err error) {
	if len(image) < headerSize || string(image[:len(magic)]) != magic {
		return 0, errors.New("it does not begin as the flash of a key does")
	}
	n := binary.BigEndian.Uint64(image[len(magic):])
	if !sumAfter(image, headerSize-4) || n < uint64(headerSize) || n > math.MaxInt32 {
		return 0, errors.New("its header does not match its checksum")
	}
	return int(n), nil
}

// parseRecord reads the record that b begins with and returns how long it is. The error is errTorn where b ends as
// the loss of power may end it.
func parseRecord(b []byte) (r record, size int, err error) {
	solid := len(bytes.TrimRight(b, "\x00"))
	if len(b) < recordHead || !sumAfter(b, 4) {
		if solid <= recordFixed {
			return r, 0, errTorn // less than any whole record, and zeros
		}
		return r, 0, errors.New("misplaced or altered")
	}
	n := int(binary.BigEndian.Uint32(b))
	size = recordHead + n + recordTail
	switch {
	case n < 3 || n > 2+MaxName+MaxValue:
		return r, 0, errors.New("impossible")
	case size > len(b) || solid < size:
		return r, 0, errTorn
	case b[size-1] != commit || !sumAfter(b, size-recordTail):
		return r, 0, errors.New("altered")
	}
	return parseBody(b[recordHead:size-recordTail], size)
}

// parseBody reads what stands in a record between the checksums.
func parseBody(b []byte, size int) (record, int, error) {
	nameSize := int(b[1])
	if 2+nameSize > len(b) {
		return record{}, 0, errors.New("impossible")
	}
	r := record{kind: b[0], name: string(b[2 : 2+nameSize]), value: b[2+nameSize:]}
	known := r.kind == kindPut || r.kind == kindDelete && len(r.value) == 0
	if err := check(r.name, r.value); err != nil || !known {
		return record{}, 0, errors.New("impossible")
	}
	return r, size, nil
}

// apply does what r says.
func (m *Memory) apply(r record) {
	if r.kind == kindDelete {
		m.remove(r.name)
		return
	}
	m.put(r.name, r.value)
}
