package iam

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"
)

// devicesKept bounds the devices that are remembered. Our choice: more than a lab has users who sign in at a time.
const devicesKept = 1000

// remembered holds devices as they were stored last, by serial number: to take a record apart costs a login as much as to
// read it. It can never be wrong: a record is read each time, and what is remembered counts where it has the same bytes.
type remembered struct {
	mu       sync.Mutex
	bySerial map[string]storedDevice
}

// storedDevice is a device that shows codes and has no tags, and its record.
type storedDevice struct {
	record []byte
	device
}

// readDevice reads the record of a device into d and reports whether it is there.
func (o *operating) readDevice(serial string, d *device) (bool, error) {
	record, err := o.Get(kindDevice, serial)
	if err != nil || record == nil {
		return false, err
	}
	o.devices.mu.Lock()
	known, ok := o.devices.bySerial[serial]
	o.devices.mu.Unlock()
	if ok && bytes.Equal(known.record, record) {
		*d = known.device
		return true, nil
	}
	if err := json.Unmarshal(record, d); err != nil {
		return false, damaged(kindDevice, serial, err)
	}
	return true, nil
}

// putDevice stores d with all that its verifier knows.
func (o *operating) putDevice(d *device) error {
	record, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if d.Key == nil && d.Tags == nil {
		o.devices.remember(d, record)
	}
	return o.Put(kindDevice, d.Serial, record)
}

// remember keeps d with the times that its record gives back.
func (r *remembered) remember(d *device, record []byte) {
	known := storedDevice{record, *d}
	for _, t := range []*time.Time{&known.Enabled, &known.At, &known.Anchor, &known.LockedUntil} {
		*t = t.Round(0)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bySerial == nil || len(r.bySerial) >= devicesKept {
		r.bySerial = map[string]storedDevice{}
	}
	r.bySerial[d.Serial] = known
}
