package u2f

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// settings are what authenticatorConfig changes. They lie in one record, so that every change is one write; where there
// is none, they are as the profile says. See Sections 6.11 and 7.
type settings struct {
	AlwaysUV   bool     `cbor:"1,keyasint,omitempty"`
	Enterprise bool     `cbor:"2,keyasint,omitempty"` // enterprise attestation is enabled
	MinPIN     int      `cbor:"3,keyasint,omitempty"` // code points
	RPIDs      []string `cbor:"4,keyasint,omitempty"` // minPinLengthRPIDs
	Complexity bool     `cbor:"5,keyasint,omitempty"` // the PIN policy is in force
	LongTouch  bool     `cbor:"6,keyasint,omitempty"` // reset needs one
	// Change is one more than the number of the PIN that must be changed, 0 for none: a new PIN has another number, so
	// that changing the PIN, which is one write, ends the duty too.
	Change uint64 `cbor:"7,keyasint,omitempty"`
}

// made returns the settings of a key that is new or was reset.
func (p *Profile) made() settings {
	return settings{AlwaysUV: p.AlwaysUV, MinPIN: p.MinPINLength, Complexity: p.PINPolicy.Enforced, LongTouch: p.LongTouchForReset}
}

func (k *Key) loadSettings() error {
	k.settings = k.profile.made()
	value, err := k.flash.Get(recordSettings)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("u2f: record %q cannot be read: %w", recordSettings, err)
	}
	var in settings
	if err := cbor.Unmarshal(value, &in); err != nil || in.MinPIN < leastMinPIN || in.MinPIN > mostMinPIN {
		return fmt.Errorf("u2f: record %q is no settings; the flash is damaged", recordSettings)
	}
	k.settings = in
	return nil
}

// storeSettings writes all of them. Where that fails, what is in flash decides, for it may have happened or not.
func (k *Key) storeSettings(s settings) error {
	value, err := cbor.Marshal(s)
	if err != nil {
		return err
	}
	if err := k.flash.Put(recordSettings, value); err != nil {
		k.fault = k.loadSettings()
		return errors.Join(fmt.Errorf("u2f: record %q cannot be written: %w", recordSettings, err), k.fault)
	}
	k.settings = s
	return nil
}

// mustChangePIN reports whether the PIN that is set is good for nothing but being changed: forcePINChange of Section 6.4.
func (k *Key) mustChangePIN() bool { return k.pinSet() && k.settings.Change == k.pin.number+1 }

// tellsPIN reports whether a relying party may know about the PIN. See CTAP 2.3, Sections 12.5 and 12.6.
func (k *Key) tellsPIN(rpID string) bool { return slices.Contains(k.settings.RPIDs, rpID) }

// alwaysUV is what option alwaysUv does to a request that verifies no user: Section 6.1.2, step 6, and Section 6.2.2, step
// 5. Where a finger is enrolled, it is asked for; a key without any user verification is to get a PIN first.
func (k *Key) alwaysUV(o *ctap.Options, param []byte) error {
	switch {
	case !k.settings.AlwaysUV, k.protected() && param != nil:
		return nil
	case param == nil && k.uvEnabled():
		o.UV = ctap.True
		return nil
	}
	if len(k.profile.PINUVAuthProtocols) == 0 {
		return ctap.ErrOperationDenied
	}
	return ctap.ErrPUATRequired
}

// uvNotRequired reports whether credentials that are not discoverable need no user verification: option makeCredUvNotRqd.
// See Sections 6.4 and 7.2.
func (k *Key) uvNotRequired() bool { return k.profile.MakeCredUVNotRqd && !k.settings.AlwaysUV }
