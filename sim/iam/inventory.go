package iam

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
)

// A HardwareDevice is what the factory tells the relying party of one fob.
type HardwareDevice struct {
	Serial string // 9 to 256 characters: letters, digits and +=/:,.@-_; not an ARN
	Seed   []byte
	// Algorithm, Digits and Period are those of the fob; zero values mean SHA-1, 6 digits and 30 seconds.
	Algorithm otp.Algorithm
	Digits    int
	Period    time.Duration
}

// String names the device and not its seed.
func (h HardwareDevice) String() string { return h.Serial }

// GoString is String.
func (h HardwareDevice) GoString() string { return h.String() }

// Format writes String, whatever the verb.
func (h HardwareDevice) Format(f fmt.State, _ rune) { fmt.Fprint(f, h.String()) }

// Stock puts devices into the factory's inventory: from then on EnableMFADevice knows their serial numbers. It stocks all
// of them or none; a serial number that is there already, or comes twice, is an error, and so is one that no call could
// name.
func (s *Service) Stock(ctx context.Context, devices []HardwareDevice) error {
	return s.store.Update(ctx, func(tx Tx) error {
		for _, h := range devices {
			if err := stock(tx, h); err != nil {
				return err
			}
		}
		return nil
	})
}

func stock(tx Tx, h HardwareDevice) error {
	if strings.HasPrefix(h.Serial, "arn:") || len(serialNumberShape.violations(h.Serial)) > 0 {
		return fmt.Errorf("%q is no serial number of a hardware device: give 9 to 256 letters, digits and +=/:,.@-_, not an ARN", h.Serial)
	}
	taken, err := tx.Get(kindDevice, h.Serial)
	if err != nil {
		return err
	}
	if taken != nil {
		return fmt.Errorf("the inventory has a device with the serial number %q already", h.Serial)
	}
	v, err := NewVerifier(h.Seed, h.Algorithm, h.Digits, h.Period)
	if err != nil {
		return fmt.Errorf("the device %q: %w", h.Serial, err)
	}
	return put(tx, kindDevice, h.Serial, &device{Serial: h.Serial, Verifier: v})
}

// Unstock takes devices out of the inventory, all of them or none, with everything that is known of them. One that is not
// in the inventory, or that a user has, is an error.
func (s *Service) Unstock(ctx context.Context, serials ...string) error {
	return s.store.Update(ctx, func(tx Tx) error {
		for _, serial := range serials {
			d := &device{}
			found, err := get(tx, kindDevice, serial, d)
			switch {
			case err != nil:
				return err
			case !found || d.Virtual:
				return fmt.Errorf("the inventory has no device with the serial number %q", serial)
			case d.UserID != "":
				return fmt.Errorf("the device %q belongs to a user: deactivate it first", serial)
			}
			if err := tx.Delete(kindDevice, serial); err != nil {
				return err
			}
		}
		return nil
	})
}
