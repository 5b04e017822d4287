package iam

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/pquerna/otp"
)

// Our choices about virtual devices.
const (
	// seedLength makes 64 characters of base32, as the real service gives: a seed without padding.
	seedLength = 40
	// maxDeviceName is the limit that older editions of API_CreateVirtualMFADevice have; the service model has none.
	maxDeviceName = 226
)

// device is the record of one MFA device: a virtual one, or a hardware one from the day it is in the factory's inventory.
type device struct {
	Serial  string    `json:"serial"`
	Virtual bool      `json:"virtual,omitempty"`
	UserID  string    `json:"userId,omitempty"` // whose it is now; "" where it is nobody's
	Enabled time.Time `json:"enabled,omitzero"`
	Tags    []Tag     `json:"tags,omitempty"`
	// Key is what is known of a security key, which has no use for a Verifier; nil for what shows codes.
	Key *enrolled `json:"key,omitempty"`
	Verifier
}

// deviceOperations are the operations on MFA devices, in the order of a device's life. There
// is none for root's own devices: a call names the user, and root has no name (IAM User Guide, enable-virt-mfa-for-root).
var deviceOperations = []*operation{
	{service: "iam", name: "CreateVirtualMFADevice", on: onNewDevice, writes: true, run: (*operating).createVirtualMFADevice, params: []param{
		{"Path", pathShape, false}, {"VirtualMFADeviceName", deviceNameShape, true}, {"Tags", tagsShape, false}}},
	{service: "iam", name: "EnableMFADevice", on: onUser, writes: true, run: (*operating).enableMFADevice, params: []param{
		{"UserName", existingUserNameShape, true}, {"SerialNumber", serialNumberShape, true},
		{"AuthenticationCode1", authCodeShape, true}, {"AuthenticationCode2", authCodeShape, true}}},
	{service: "iam", name: "ResyncMFADevice", on: onUser, writes: true, run: (*operating).resyncMFADevice, params: []param{
		{"UserName", existingUserNameShape, true}, {"SerialNumber", serialNumberShape, true},
		{"AuthenticationCode1", authCodeShape, true}, {"AuthenticationCode2", authCodeShape, true}}},
	{service: "iam", name: "DeactivateMFADevice", on: onUser, writes: true, run: (*operating).deactivateMFADevice, params: []param{
		{"UserName", existingUserNameShape, false}, {"SerialNumber", serialNumberShape, true}}},
	{service: "iam", name: "DeleteVirtualMFADevice", on: onDevice, writes: true, run: (*operating).deleteVirtualMFADevice, params: []param{
		{"SerialNumber", serialNumberShape, true}}},
	{service: "iam", name: "ListMFADevices", on: onUser, run: (*operating).listMFADevices, params: []param{
		{"UserName", existingUserNameShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "ListVirtualMFADevices", on: onAll("mfa"), run: (*operating).listVirtualMFADevices, params: []param{
		{"AssignmentStatus", assignmentStatusShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "GetMFADevice", on: onDeviceOwner, run: (*operating).getMFADevice, params: []param{
		{"SerialNumber", serialNumberShape, true}, {"UserName", userNameShape, false}}},
	{service: "iam", name: "TagMFADevice", on: onDevice, writes: true, run: (*operating).tagMFADevice, params: []param{
		{"SerialNumber", serialNumberShape, true}, {"Tags", tagsShape, true}}},
	{service: "iam", name: "UntagMFADevice", on: onDevice, writes: true, run: (*operating).untagMFADevice, params: []param{
		{"SerialNumber", serialNumberShape, true}, {"TagKeys", tagKeysShape, true}}},
	{service: "iam", name: "ListMFADeviceTags", on: onDevice, run: (*operating).listMFADeviceTags, params: []param{
		{"SerialNumber", serialNumberShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
}

// deviceNumbered returns the device with that serial number, or NoSuchEntity.
func (o *operating) deviceNumbered(serial string) (*device, error) {
	d := &device{}
	found, err := get(o.Tx, kindDevice, serial, d)
	if err == nil && !found {
		err = o.refuse("NoSuchDevice", serial)
	}
	return d, err
}

// virtualDeviceXML is a virtual device as answers show it. The service model has Tags, too, but the real service was
// recorded to leave them out.
type virtualDeviceXML struct {
	SerialNumber     string
	Base32StringSeed string   `xml:",omitempty"` // base64 of the base32 text
	QRCodePNG        string   `xml:",omitempty"` // base64 of the picture
	EnableDate       string   `xml:",omitempty"`
	User             *userXML `xml:",omitempty"`
}

// virtualDeviceResult answers CreateVirtualMFADevice.
type virtualDeviceResult struct{ VirtualMFADevice virtualDeviceXML }

// createVirtualMFADevice makes a device with a new seed, which is shown this once, as base32 text and in a picture. Both
// fields are blobs: on the wire they are base64 of that text, and of a PNG. The URI has no issuer, as the real one: its
// parts are written as they are, because every character that a name may have may stand in a URI.
func (o *operating) createVirtualMFADevice() (any, error) {
	path, err := o.path("Path")
	if err != nil {
		return nil, err
	}
	tags, err := o.tagsParam()
	if err != nil {
		return nil, err
	}
	name := o.param("VirtualMFADeviceName")
	d := &device{Serial: "arn:aws:iam::" + o.account.ID + ":mfa" + path + name, Virtual: true, Tags: tags}
	if err := o.checkNew(name, d.Serial); err != nil {
		return nil, err
	}
	seed := o.draw("mfa").Bytes(seedLength)
	if d.Verifier, err = NewVerifier(seed, otp.AlgorithmSHA1, 0, 0); err != nil {
		return nil, err
	}
	secret := string(d.Seed)
	picture, err := qrCode("otpauth://totp/" + name + "@" + o.accountName() + "?secret=" + secret)
	if err != nil {
		return nil, err
	}
	o.account.VirtualDevices++
	x := virtualDeviceXML{SerialNumber: d.Serial, Base32StringSeed: base64.StdEncoding.EncodeToString([]byte(secret)),
		QRCodePNG: base64.StdEncoding.EncodeToString(picture)}
	return virtualDeviceResult{x}, o.putDevice(d)
}

// checkNew refuses a virtual device that cannot be: too long a name, a serial number that no later call could carry or
// that is taken, one device too many.
func (o *operating) checkNew(name, serial string) error {
	tooLong := func(param, value string, max int) error {
		return o.refuse("Constraint", 1, "error", violation(o.Call.Service, param, value, false, false,
			fmt.Sprintf("Member must have length less than or equal to %d", max)))
	}
	switch taken, err := o.Get(kindDevice, serial); {
	case err != nil:
		return err
	case len(name) > maxDeviceName:
		return tooLong("VirtualMFADeviceName", name, maxDeviceName)
	case len(serial) > serialNumberShape.max:
		return tooLong("SerialNumber", serial, serialNumberShape.max)
	case taken != nil:
		return o.refuse("DeviceExists")
	case o.account.VirtualDevices >= o.settings.VirtualDevices:
		return o.refuse("VirtualDeviceLimit", o.settings.VirtualDevices)
	}
	return nil
}

// accountName is the name of the account in an otpauth URI: the caller's, or the account's number where it has none
// (API_VirtualMFADevice, QRCodePNG).
func (o *operating) accountName() string {
	if o.Caller.UserName != "" {
		return o.Caller.UserName
	}
	return o.account.ID
}

// enableMFADevice gives a device to a user. The refusals come in the order in which the real service was seen to decide:
// the user, the device, whose it is, how many, the codes.
func (o *operating) enableMFADevice() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	if err := o.checkSettled(u); err != nil {
		return nil, err
	}
	d, err := o.deviceNumbered(o.param("SerialNumber"))
	if err != nil {
		return nil, err
	}
	if d.UserID != "" {
		return nil, o.refuse("DeviceInUse")
	}
	if int64(len(u.Devices)) >= o.settings.DevicesPerUser {
		return nil, o.refuse("DeviceLimit", o.settings.DevicesPerUser)
	}
	if err := o.synchronise(d); err != nil {
		return nil, err
	}
	d.UserID, d.Enabled = u.ID, o.today()
	u.Devices = append(u.Devices, d.Serial)
	if err := putUser(o.Tx, u); err != nil {
		return nil, err
	}
	return nil, o.putDevice(d)
}

// resyncMFADevice finds a device again that has drifted out of the window. Both codes are burnt, as those of an enrolment
// are: RFC 6238, Section 5.2 knows no code that is good twice.
func (o *operating) resyncMFADevice() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	d, err := o.deviceOf(u)
	if err != nil {
		return nil, err
	}
	if d.Key != nil { // it has no codes and cannot go out of sync; the real service's answer is not known
		return nil, o.refuse("InvalidAuthenticationCode")
	}
	if err := o.synchronise(d); err != nil {
		return nil, err
	}
	return nil, o.putDevice(d)
}

// synchronise has the call's two codes judged, for one who enrols d or resynchronises it.
func (o *operating) synchronise(d *device) error {
	return o.judge(d, "InvalidAuthenticationCode", func(v *Verifier) Verdict {
		return v.Sync(o.param("AuthenticationCode1"), o.param("AuthenticationCode2"), o.Now, &o.settings)
	})
}

// deviceOf returns the device that the call names, which must be u's.
func (o *operating) deviceOf(u *User) (*device, error) {
	d, err := o.deviceNumbered(o.param("SerialNumber"))
	if err == nil && d.UserID != u.ID {
		err = o.refuse("DeviceNotOfUser")
	}
	return d, err
}

// deactivateMFADevice takes a device from its user. What the verifier knows of the device stays: whoever gets it next, a
// code that was used is used. A security key is forgotten.
func (o *operating) deactivateMFADevice() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	if err := o.checkSettled(u); err != nil {
		return nil, err
	}
	d, err := o.deviceOf(u)
	if err != nil {
		return nil, err
	}
	d.UserID, d.Enabled = "", time.Time{}
	if o.settings.ForgetOnDeactivate {
		d.Last = noStep
	}
	u.Devices = slices.DeleteFunc(u.Devices, func(serial string) bool { return serial == d.Serial })
	if err := putUser(o.Tx, u); err != nil {
		return nil, err
	}
	if d.Key != nil {
		return nil, o.dropKey(d)
	}
	return nil, o.putDevice(d)
}

// deleteVirtualMFADevice destroys a virtual device. Hardware was never created by a call and is not deleted by one: to
// this operation it does not exist.
func (o *operating) deleteVirtualMFADevice() (any, error) {
	d, err := o.deviceNumbered(o.param("SerialNumber"))
	switch {
	case err != nil:
		return nil, err
	case !d.Virtual:
		return nil, o.refuse("NoSuchDevice", d.Serial)
	case d.UserID != "":
		return nil, o.refuse("DeviceAssigned")
	}
	if err := o.Delete(kindDevice, d.Serial); err != nil {
		return nil, err
	}
	o.account.VirtualDevices--
	return nil, o.putAccount()
}
