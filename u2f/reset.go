package u2f

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// reset implements authenticatorReset: everything but the factory's records and the signature counter is forgotten,
// which must never fall. See Section 6.6.
func (k *Key) reset(now time.Time, _ []byte) ([]byte, error) {
	if window := time.Duration(k.profile.ResetWindow); window > 0 && now.Sub(k.powered) > window {
		return nil, k.profile.ResetLateError
	}
	if list := k.profile.TransportsForReset; len(list) > 0 && !slices.Contains(list, transportUSB) { // 2.3 Section 6.6
		return nil, k.profile.ResetLateError
	}
	what := Request{Command: nameReset}
	if k.settings.LongTouch {
		what.Hold = k.profile.LongTouch
	}
	return k.await(now, what, func(now time.Time) ([]byte, error) {
		if err := k.wipe(); err != nil {
			return nil, err
		}
		k.observe(Event{Name: WasReset, At: now})
		return nil, nil
	})
}

// transportUSB is the way in that all of hid's are to the key.
const transportUSB = "usb"

// wipe resets the key. The marker comes first: from that write on the key is a wiped one, if need be when it is powered
// up again, and before it nothing has changed. The marker holds the new master key, so that whoever finishes, the
// result is the same.
func (k *Key) wipe() error {
	marker, err := k.element.Seal(k.random.bytes(secretSize))
	if err != nil {
		return err
	}
	if err := k.flash.Put(recordReset, marker); err != nil {
		// It may have happened or not: then not, unless flash refuses that too.
		if undo := k.flash.Delete(recordReset); undo != nil {
			k.fault = errors.Join(err, undo)
		}
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordReset, err)
	}
	if err := k.load(); err != nil {
		k.fault = err
		return err
	}
	k.dropTokens()
	k.writing, k.opaque = nil, opaque{}
	k.prepared = prepared{} // a wiped key holds no secret of before
	return nil
}

// finishReset does what a marker asks for; without one it does nothing.
func (k *Key) finishReset() error {
	_, marker, err := k.unsealed(recordReset)
	if err != nil || marker == nil {
		return err
	}
	names, err := k.flash.Names(recordResident)
	if err != nil {
		return fmt.Errorf("u2f: the flash cannot be listed: %w", err)
	}
	prints, err := k.flash.Names(recordTemplate)
	if err != nil {
		return fmt.Errorf("u2f: the flash cannot be listed: %w", err)
	}
	if k.sensor() {
		prints = append(prints, recordUV)
	}
	for _, prefix := range []string{recordCount, recordImported} {
		list, err := k.flash.Names(prefix)
		if err != nil {
			return fmt.Errorf("u2f: the flash cannot be listed: %w", err)
		}
		prints = append(prints, list...)
	}
	for _, name := range append(append(names, prints...), recordPIN, recordRetries, recordSettings, recordBlobs) {
		if err := k.flash.Delete(name); err != nil {
			return fmt.Errorf("u2f: record %q cannot be deleted: %w", name, err)
		}
	}
	if err := k.flash.Put(recordMaster, marker); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordMaster, err)
	}
	if err := k.flash.Delete(recordReset); err != nil {
		return fmt.Errorf("u2f: record %q cannot be deleted: %w", recordReset, err)
	}
	return nil
}
