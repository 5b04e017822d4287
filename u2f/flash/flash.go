// Package flash is the memory of a security key that outlives the loss of power: small named records, each written or
// deleted as a whole.
//
// [Memory] forgets when the program ends; [File] is one file, an append-only log. [Cutting], [Stuck], [Full], [Slow]
// and [Counting] stand in front of either: they fail, or count, as real parts do. All of them are the Flash that
// package u2f declares. One caller at a time uses a store; values go in and come out as copies.
//
// The log is a header and records, integers big-endian, checksums CRC-32C:
//
//	header  "mfalab flash 1\r\n" | snapshot length 8 | checksum of both 4
//	record  body length 4 | its checksum 4 | kind 1 | name length 1 | name | value | checksum of all that 4 | 0xC5
//
// A record counts when it is there up to its last byte, which is never zero. What a power cut leaves of the record that
// was being written, a part of it or zeros in the place of the rest, is therefore told from damage, and dropped. The
// bytes up to the snapshot length were on the disk before the file had its name: of these nothing may be missing.
//
// Closing a file makes a snapshot of all of it.
//
// Not detected: a file that was not closed and has lost its end, as far back as the snapshot. That is what the loss of
// power looks like.
package flash

import (
	"errors"
	"fmt"
	"strings"
)

// Our choice: enough for a key with 1,000 resident credentials, and small enough to hold in memory.
const (
	MaxName  = 255     // bytes of a name
	MaxValue = 1 << 16 // bytes of a value
	MaxLive  = 4 << 20 // bytes of all records as a log holds them, 15 each besides name and value
)

// Store is what every flash does; package u2f declares it again as its Flash. Get of a name that is not there is an
// fs.ErrNotExist. A Put or Delete that returned nil survives the loss of power; one that did not may have happened or
// not. Delete of a name that is not there does nothing. Names are those that begin with prefix, sorted.
type Store interface {
	Get(name string) ([]byte, error)
	Put(name string, value []byte) error
	Delete(name string) error
	Names(prefix string) ([]string, error)
}

// ErrFull says that a record has no room: [Full], or more than [MaxLive]. Nothing was written.
var ErrFull = errors.New("full: delete records first")

// checkName reports what is wrong with a name: it has 1 to MaxName bytes, all printable ASCII and no space.
func checkName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("flash: a name of %d bytes: give it 1 to %d", len(name), MaxName)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return fmt.Errorf("flash: name %q has a byte at %d that is not printable ASCII: leave it out", name, i)
	}
	return nil
}

// check reports what is wrong with a record.
func check(name string, value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("flash: %q has a value of %d bytes: the most is %d", name, len(value), MaxValue)
	}
	return checkName(name)
}
