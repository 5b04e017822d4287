package u2f

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
)

// A Counter is how a key counts its signatures. See Section 6.1.2 and Web Authentication Level 2, Section 6.1.1.
type Counter string

// How keys count. The first four are those of products, and never let a counter fall; the others are those of a key that
// is broken, or was copied.
const (
	CountGlobal  Counter = "global"         // one counter for all credentials; what an empty Counter is
	CountEach    Counter = "per-credential" // one for each, so that relying parties learn nothing of each other
	CountRandom  Counter = "random"         // global, in steps of 1 to 8
	CountZero    Counter = "zero"           // always 0, as of a credential that lives in several places
	CountFrozen  Counter = "frozen"         // as it stands, for ever
	CountWrap    Counter = "wrap"           // from wherever it is it jumps to 2^32-2, and after 2^32-1 comes 0
	CountRegress Counter = "regress"        // one less each time, down to 0
)

// counters are all of them.
var counters = []string{string(CountGlobal), string(CountEach), string(CountRandom), string(CountZero), string(CountFrozen),
	string(CountWrap), string(CountRegress)}

// recordCount begins the name of the counter of one credential that flash has nothing else of: + half of its nonce, in hexadecimal; 4 bytes, big-endian.
const recordCount = "count/"

// Our choice: the largest step of CountRandom, and between which values CountWrap does not stay.
const (
	mostStep  = 8
	wrapBelow = 3
	wrapFrom  = 1<<32 - 2
)

// counterSize is that of all signature counters in flash, in bytes, as of those in authenticator data (Web Authentication
// Level 2, Section 6.1).
const counterSize = 4

// newCounter returns what a new credential's counter is.
func (k *Key) newCounter() uint32 {
	switch k.profile.Counter {
	case CountZero, CountEach:
		return 0
	}
	return k.counter
}

// count returns the counter of the next signature with c. It is in flash before it goes out, so that it never goes back,
// not even when the write fails, unless the profile wants that.
func (k *Key) count(c *credential) (uint32, error) {
	switch k.profile.Counter {
	case CountZero:
		return 0, nil
	case CountFrozen:
		return k.counter, nil
	case CountEach:
		return k.countEach(c)
	case CountWrap:
		if k.counter++; k.counter > wrapBelow && k.counter < wrapFrom {
			k.counter = wrapFrom
		}
	case CountRegress:
		k.counter = max(k.counter, 1) - 1
	case CountRandom:
		step := uint32(k.random.bytes(1)[0])%mostStep + 1
		if k.counter+step < k.counter {
			return 0, errUsedUp
		}
		k.counter += step
	default:
		if k.element.Counts() {
			return k.countInside()
		}
		if k.counter+1 == 0 {
			return 0, errUsedUp
		}
		k.counter++
	}
	return k.counter, k.storeCounter(recordCounter, k.counter)
}

// countInside raises the counter that the element keeps, and that no older state of flash takes back.
func (k *Key) countInside() (uint32, error) {
	n, err := k.element.Count(k.nv, true)
	if err == nil {
		k.counter = n
	}
	return n, err
}

// loadInside reads the counter that the element keeps, and has it made for a new key.
func (k *Key) loadInside() (err error) {
	switch k.nv, err = k.flash.Get(recordNV); {
	case errors.Is(err, fs.ErrNotExist):
		if k.nv, err = k.element.MakeCounter(); err != nil {
			return err
		}
		if err := k.flash.Put(recordNV, k.nv); err != nil {
			return fmt.Errorf("u2f: record %q cannot be written: %w", recordNV, err)
		}
	case err != nil:
		return fmt.Errorf("u2f: record %q cannot be read: %w", recordNV, err)
	}
	k.counter, err = k.element.Count(k.nv, false)
	return err
}

// errUsedUp says that there is no higher counter.
var errUsedUp = errors.New("u2f: the signature counter is used up")

// countEach raises the counter of c alone. Where flash has c, the counter lies beside it, so that it is gone with the
// credential, in the same write.
func (k *Key) countEach(c *credential) (uint32, error) {
	if r := k.kept(c); r != nil {
		return k.countKept(r)
	}
	name := countName(c)
	value, _, err := k.get(name, counterSize)
	if err != nil {
		return 0, err
	}
	n := uint32(1)
	if value != nil {
		if n += binary.BigEndian.Uint32(value); n == 0 {
			return 0, errUsedUp
		}
	}
	return n, k.storeCounter(name, n)
}

// countName is the name of the record of the counter of c, of which flash has nothing else.
func countName(c *credential) string { return recordCount + hex.EncodeToString(c.nonce()[:16]) }

// countKept raises the counter in the record of a credential.
func (k *Key) countKept(s *slot) (uint32, error) {
	changed := s.resident()
	if changed.count++; changed.count == 0 {
		return 0, errUsedUp
	}
	value, err := changed.record()
	if err != nil {
		return 0, err
	}
	s.count = changed.count // it may be in flash even where the write fails
	if err := k.flash.Put(changed.name(), value); err != nil {
		return 0, fmt.Errorf("u2f: record %q cannot be written: %w", changed.name(), err)
	}
	return s.count, nil
}

// lastCount returns the counter that went out last with c.
func (k *Key) lastCount(c *credential) (uint32, error) {
	r := k.kept(c)
	switch {
	case k.profile.Counter == CountZero:
		return 0, nil
	case k.profile.Counter != CountEach:
		return k.counter, nil
	case r != nil:
		return r.count, nil
	}
	value, _, err := k.get(countName(c), counterSize)
	if value == nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(value), nil
}

func (k *Key) storeCounter(name string, n uint32) error {
	if err := k.flash.Put(name, binary.BigEndian.AppendUint32(nil, n)); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", name, err)
	}
	return nil
}
