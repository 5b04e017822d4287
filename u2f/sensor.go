package u2f

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Sensor is a profile's fingerprint sensor: built-in user verification. A key without Templates has none.
type Sensor struct {
	Templates int  `json:"templates"` // how many fingerprints can be enrolled, up to 100; 0: there is no sensor
	Samples   int  `json:"samples"`   // good samples that an enrolment takes, 1 to 20; Section 6.7.3
	Swipe     bool `json:"swipe"`     // one draws the finger over it, instead of touching it; Section 6.7.3
	MaxName   int  `json:"max_name"`  // bytes of a fingerprint's name, 1 to 64; Section 6.7.7

	// Attempts, Section 6.5.2.2.
	Retries          int `json:"retries"`           // maxUvRetries: before the sensor is blocked, 1 to 25
	InternalAttempts int `json:"internal_attempts"` // maxUvAttemptsForInternalRetries: of one command, 1 to 5
	PlatformAttempts int `json:"platform_attempts"` // preferredPlatformUvAttempts in getInfo, from 1; 1: the key tries again itself

	UVBioEnroll bool `json:"uv_bio_enroll"` // a fingerprint is enough to enrol another: option uvBioEnroll, Section 6.4
	UVAcfg      bool `json:"uv_acfg"`       // a fingerprint is enough for authenticatorConfig: option uvAcfg, Section 6.4
	Preview     bool `json:"preview"`       // the command number of before 2.1 too: option userVerificationMgmtPreview, Section 6.12
	SayUVCount  bool `json:"say_uv_count"`  // getInfo has uvCountSinceLastPinEntry; 2.3 Section 6.4
}

// From the specification.
const (
	mostUVRetries        = 25   // Section 6.5.2.2: maxUvRetries
	mostInternalAttempts = 5    // Section 6.5.2.2: maxUvAttemptsForInternalRetries
	longestFriendlyName  = 64   // Section 6.7.7
	fingerprintInternal  = 0x02 // FIDO Registry of Predefined Values 2.2, Section 3.1: USER_VERIFY_FINGERPRINT_INTERNAL
)

// Our choice: more would be a mistake in the file.
const (
	mostTemplates = 100
	mostSamples   = 20
)

// templateInfoSize is what a template takes in the answer to enumerateEnrollments (Section 6.7.6) besides its name: the heads
// of a map, two keys and two strings, and the id.
const templateInfoSize = 1 + 2 + 1 + 2 + templateIDSize

// checkSensor looks at the sensor's numbers.
func (p Profile) checkSensor() error {
	s := p.Sensor
	if s == (Sensor{}) {
		if p.NoMcGaPermissionsWithClientPin {
			return fmt.Errorf("u2f: profile %q has no_mc_ga_permissions_with_client_pin and no sensor; then nobody can be verified", p.Name)
		}
		return nil
	}
	if s.Templates == 0 {
		return fmt.Errorf("u2f: profile %q has a sensor without templates; use 1 to %d, or leave the sensor out", p.Name, mostTemplates)
	}
	if len(p.PINUVAuthProtocols) == 0 || !p.Permissions {
		return fmt.Errorf("u2f: profile %q has a sensor, which needs pin_uv_auth_protocols and permissions", p.Name)
	}
	for _, v := range []struct {
		field      string
		value, top int
	}{
		{"templates", s.Templates, mostTemplates},
		{"samples", s.Samples, mostSamples},
		{"max_name", s.MaxName, longestFriendlyName},
		{"retries", s.Retries, mostUVRetries},
		{"internal_attempts", s.InternalAttempts, mostInternalAttempts},
		{"platform_attempts", s.PlatformAttempts, mostUVRetries},
	} {
		if v.value < 1 || v.value > v.top {
			return fmt.Errorf("u2f: profile %q has %d for %s of its sensor; use 1 to %d", p.Name, v.value, v.field, v.top)
		}
	}
	if most := (p.MaxMsgSize - 8) / (s.MaxName + templateInfoSize); s.Templates > most {
		return fmt.Errorf("u2f: profile %q has room for %d templates with names of %d bytes, which do not fit a message of max_msg_size; "+
			"use up to %d, or shorter names", p.Name, s.Templates, s.MaxName, most)
	}
	return nil
}

// uvState is what the key knows of its built-in user verification. The record "uv" is the attempts that are left and, in
// four bytes, big-endian, the attempts since a PIN was right.
type uvState struct {
	retries   byte
	count     uint32
	templates []template
	enrolling *enrolling
}

// recordUV is the name of the attempts' record, and uvRecordSize its size. Where there is none, all attempts are left.
const (
	recordUV     = "uv"
	uvRecordSize = 5
)

// sensor reports whether the key has one.
func (k *Key) sensor() bool { return k.profile.Sensor.Templates > 0 }

// uvEnabled reports whether a fingerprint is enrolled, so that the user can be verified by it: the option uv of Section
// 6.4.
func (k *Key) uvEnabled() bool { return len(k.uv.templates) > 0 }

// protected reports whether the key knows a way to verify the user: "protected by some form of user verification" in
// Section 6.1.2.
func (k *Key) protected() bool { return k.pinSet() || k.uvEnabled() }

// loadUV reads what the sensor has in flash. What a key without one finds there belongs to nobody.
func (k *Key) loadUV() error {
	k.uv = uvState{retries: byte(k.profile.Sensor.Retries)}
	if !k.sensor() {
		return nil
	}
	if err := k.loadUVAttempts(); err != nil {
		return err
	}
	return k.loadTemplates()
}

func (k *Key) loadUVAttempts() error {
	value, found, err := k.get(recordUV, uvRecordSize)
	if err != nil || !found {
		return err
	}
	if value[0] > mostUVRetries {
		return fmt.Errorf("u2f: record %q says %d instead of 0 to %d; the flash is damaged", recordUV, value[0], mostUVRetries)
	}
	// The profile may give fewer than it did when they were stored.
	k.uv.retries, k.uv.count = min(value[0], k.uv.retries), binary.BigEndian.Uint32(value[1:])
	return nil
}

// storeUV writes how many attempts are left, and how many there were. Where that fails, the key goes on with the fewer of
// before and after, for either may be in flash.
func (k *Key) storeUV(retries byte, count uint32) error {
	k.uv.retries = min(k.uv.retries, retries)
	if err := k.flash.Put(recordUV, binary.BigEndian.AppendUint32([]byte{retries}, count)); err != nil {
		return fmt.Errorf("u2f: record %q cannot be written: %w", recordUV, err)
	}
	k.uv.retries, k.uv.count = retries, count
	return nil
}

// restoreUV follows a PIN that was right: all attempts are left, and none has been made since. See Section 6.5.2.2.
func (k *Key) restoreUV() error {
	all := byte(k.profile.Sensor.Retries)
	if !k.sensor() || k.uv.retries == all && k.uv.count == 0 {
		return nil
	}
	return k.storeUV(all, 0)
}

// performBuiltInUV is performBuiltInUv: it asks for a finger that is enrolled, and calls then with the error that it ends
// with, nil if the user is verified. The attempt is spent, and that is in flash, before the finger is asked for. See
// Section 6.5.3.1.
func (k *Key) performBuiltInUV(now time.Time, what Request, attempts int, then func(now time.Time, err error) ([]byte, error)) (
	[]byte, error) {
	switch {
	case k.pinSet() && k.pin.retries == 0 && k.uv.retries > 0: // who is locked out of the one is locked out of the other
		if err := k.storeUV(0, k.uv.count); err != nil {
			return nil, err
		}
		return then(now, ctap.ErrUVBlocked)
	case k.uv.retries == 0:
		return then(now, ctap.ErrUVBlocked)
	}
	if err := k.storeUV(k.uv.retries-1, k.uv.count+1); err != nil {
		return nil, err
	}
	patience := time.Duration(k.profile.TouchTimeout)
	return k.awaitFinger(now, what, wantsFingerprint, patience, func(now time.Time, f Finger, err error) ([]byte, error) {
		switch {
		case err != nil:
			return then(now, err)
		case k.matches(f):
			if err := k.storeUV(byte(k.profile.Sensor.Retries), k.uv.count); err != nil {
				return nil, err
			}
			k.observe(Event{Name: Verified, At: now, Command: what.Command, RP: what.RP, Finger: f.Name})
			return then(now, nil)
		}
		return k.mismatched(now, what, f, attempts-1, then)
	})
}

// What a key that blinks wants, besides a touch.
const (
	wantsFingerprint = "fingerprint"
	wantsSample      = "sample"
)

// mismatched follows a finger that is not enrolled, or that lay badly: the key asks for another as long as the command
// and the sensor have attempts left.
func (k *Key) mismatched(now time.Time, what Request, f Finger, attempts int, then func(now time.Time, err error) ([]byte, error)) (
	[]byte, error) {
	left := int(k.uv.retries)
	k.observe(Event{Name: NotVerified, At: now, Command: what.Command, RP: what.RP, Finger: f.Name, Left: left})
	switch {
	case left == 0:
		k.observe(Event{Name: UVBlocked, At: now})
		return then(now, ctap.ErrUVBlocked)
	case attempts <= 0:
		return then(now, ctap.ErrUVInvalid)
	}
	return k.performBuiltInUV(now, what, attempts, then)
}

// matches reports whether f lies well, and is enrolled.
func (k *Key) matches(f Finger) bool {
	return f.Sample == Sample(ctap.SampleGood) && k.templateOf(f.Name) >= 0 && !k.profile.Quirks.UVFails
}

// uvError is what authenticatorMakeCredential and authenticatorGetAssertion answer where built-in user verification ended
// with err. See Section 6.1.2, step 11.2, and Section 6.2.2, step 6.2.
func (k *Key) uvError(err error) error {
	switch {
	case err != ctap.ErrUVBlocked && err != ctap.ErrUVInvalid && err != ctap.ErrOperationDenied:
		return err // nobody came
	case k.pinSet() && !k.profile.NoMcGaPermissionsWithClientPin:
		return ctap.ErrPUATRequired
	case k.uv.retries == 0:
		return ctap.ErrPINBlocked
	}
	return ctap.ErrOperationDenied
}

// unverified is the error of a request that needs a verified user and names none. See Section 6.1.2, steps 7 and 8.
func (k *Key) unverified() error {
	if k.pinSet() && !k.profile.NoMcGaPermissionsWithClientPin {
		return ctap.ErrPUATRequired
	}
	return ctap.ErrOperationDenied
}
