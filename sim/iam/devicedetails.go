package iam

import (
	"time"

	"github.com/google/uuid"
)

// deviceDetailsOperations are what the console shows of devices and no operation on the wire does.
var deviceDetailsOperations = []*operation{
	{service: "signin", name: "DescribeMFADevices", needs: "iam:ListMFADevices", on: onUser, run: (*operating).describeDevices, params: []param{
		{"UserName", existingUserNameShape, false}}},
}

// DeviceDetails is what the account knows of one device: the result of DescribeMFADevices has them in the order of enrolment.
type DeviceDetails struct {
	SerialNumber string
	// Failures is how many codes in a row were refused; Locked says that this one is, too, whatever it is.
	Failures int64
	Locked   bool
	Key      *KeyDetails // nil for what shows codes
}

// KeyDetails is what the account knows of a security key.
type KeyDetails struct {
	// Count is the signature count that was said last, 0 for a key that counts nothing: WebAuthn, Section 6.1.1.
	Count uint32
	// Regressions is how often a signature came whose count had not grown and which was refused for it; RegressedTo is the count
	// that the last of them said, and RegressedAt when (lab time).
	Regressions int
	RegressedTo uint32
	RegressedAt time.Time
	// UserVerified says that the key verified its user when it was enrolled.
	UserVerified bool
	Attestation  string // the format, "none" for none
	Model        string // the AAGUID, "" where the key said none
	// Certifications are those of the model that were published when the key was enrolled, as in GetMFADevice.
	Certifications map[string]string
}

// Attested reports whether the key has proved its model.
func (k *KeyDetails) Attested() bool { return k.Attestation != "" && k.Attestation != "none" }

// describeDevices lists a user's devices with what is known of each.
func (o *operating) describeDevices() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	list := []DeviceDetails{}
	for _, serial := range u.Devices {
		d, err := o.deviceNumbered(serial)
		if err != nil {
			return nil, err
		}
		x := DeviceDetails{SerialNumber: serial, Failures: d.Failures, Locked: d.locked(o.Now, &o.settings)}
		if d.Key != nil {
			x.Key = d.Key.details()
		}
		list = append(list, x)
	}
	return list, nil
}

func (k *enrolled) details() *KeyDetails {
	x := &KeyDetails{Count: k.Credential.Authenticator.SignCount, Regressions: k.Regressions, RegressedTo: k.RegressedTo, RegressedAt: k.RegressedAt,
		UserVerified: k.Credential.Flags.UserVerified, Attestation: k.Credential.AttestationFormat, Certifications: k.Certifications}
	if id, err := uuid.FromBytes(k.Credential.Authenticator.AAGUID); err == nil && id != uuid.Nil {
		x.Model = id.String()
	}
	return x
}

// regressed remembers a signature whose count had not grown. It is told to who looks at the user, whatever happens to the sign-in.
func (k *enrolled) regressed(said uint32, now time.Time) {
	k.Regressions++
	k.RegressedTo, k.RegressedAt = said, now.Round(0).UTC()
}
