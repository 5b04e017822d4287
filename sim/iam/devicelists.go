package iam

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// deviceXML is a device as ListMFADevices and GetMFADevice show it.
type deviceXML struct {
	UserName     string `xml:",omitempty"`
	SerialNumber string
	EnableDate   string `xml:",omitempty"`
	// Certifications is of GetMFADevice alone.
	Certifications *mapXML `xml:",omitempty"`
}

// mapXML is a map as the query protocol writes it: AWS MFA, Section 1.
type mapXML struct {
	Entries []mapEntryXML `xml:"entry"`
}

type mapEntryXML struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// listDevicesResult answers ListMFADevices.
type listDevicesResult struct {
	MFADevices list[deviceXML]
	tail
}

// listMFADevices lists the devices of one user, hardware, virtual ones and security keys alike, by serial number. What kind one is,
// only the form of the serial number says, as with the real service: a virtual one's is an ARN of mfa/, a key's one of u2f/.
func (o *operating) listMFADevices() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	serials := slices.Sorted(slices.Values(u.Devices))
	serials, end, err := page(o, serials, func(serial string) string { return serial })
	if err != nil {
		return nil, err
	}
	var out []deviceXML
	for _, serial := range serials {
		d, err := o.deviceNumbered(serial)
		if err != nil {
			return nil, err
		}
		out = append(out, deviceXML{UserName: u.Name, SerialNumber: serial, EnableDate: stamp(d.Enabled)})
	}
	return listDevicesResult{list[deviceXML]{out}, end}, nil
}

// listVirtualDevicesResult answers ListVirtualMFADevices.
type listVirtualDevicesResult struct {
	VirtualMFADevices list[virtualDeviceXML]
	tail
}

// listVirtualMFADevices lists the account's virtual devices, without their seeds, pictures and tags: those are shown once, by the
// answer that made the device. Where AssignmentStatus is left out it is Any (API_ListVirtualMFADevices); an orphan that blocks a
// name is found by it.
func (o *operating) listVirtualMFADevices() (any, error) {
	status := o.param("AssignmentStatus")
	devices, end, err := scanPage(o, kindDevice, func(r Record) (virtualDeviceXML, bool, error) {
		d := &device{}
		if err := json.Unmarshal(r.Value, d); err != nil {
			return virtualDeviceXML{}, false, damaged(kindDevice, r.Key, err)
		}
		assigned := d.UserID != ""
		if !d.Virtual || status == "Assigned" && !assigned || status == "Unassigned" && assigned {
			return virtualDeviceXML{}, false, nil
		}
		x, err := o.describeVirtual(d)
		return x, true, err
	})
	return listVirtualDevicesResult{list[virtualDeviceXML]{devices}, end}, err
}

// describeVirtual returns d as a list shows it: one that nobody has is a serial number and nothing else.
func (o *operating) describeVirtual(d *device) (virtualDeviceXML, error) {
	x := virtualDeviceXML{SerialNumber: d.Serial, EnableDate: stamp(d.Enabled)}
	if d.UserID == "" {
		return x, nil
	}
	u, err := userWithID(o.Tx, d.UserID)
	if u != nil {
		user := o.describe(u)
		x.User = &user
	}
	return x, err
}

// getMFADevice describes one device. The real service's documentation speaks of FIDO devices only; which other serial
// numbers it takes is not known, and this one takes them all. A fob that lies in the factory is not the account's.
func (o *operating) getMFADevice() (any, error) {
	d, err := o.deviceNumbered(o.param("SerialNumber"))
	if err != nil {
		return nil, err
	}
	if !d.Virtual && d.UserID == "" {
		return nil, o.refuse("NoSuchDevice", d.Serial)
	}
	x := deviceXML{SerialNumber: d.Serial, EnableDate: stamp(d.Enabled)}
	if d.Key != nil && len(d.Key.Certifications) > 0 {
		x.Certifications = &mapXML{}
		for _, name := range slices.Sorted(maps.Keys(d.Key.Certifications)) {
			x.Certifications.Entries = append(x.Certifications.Entries, mapEntryXML{name, d.Key.Certifications[name]})
		}
	}
	if d.UserID != "" {
		u, err := userWithID(o.Tx, d.UserID)
		if err != nil {
			return nil, err
		}
		if u != nil {
			x.UserName = u.Name
		}
	}
	if name := o.param("UserName"); name != "" {
		if _, err := o.userNamed(name); err != nil {
			return nil, err
		}
		if !strings.EqualFold(name, x.UserName) {
			return nil, o.refuse("DeviceNotOfUser")
		}
	}
	return x, nil
}

// taggedDevice returns the virtual device that the call names: only those have tags (IAM User Guide, id_tags_virtual-mfa).
func (o *operating) taggedDevice() (*device, error) {
	d, err := o.deviceNumbered(o.param("SerialNumber"))
	if err == nil && !d.Virtual {
		err = o.refuse("DeviceWithoutTags")
	}
	return d, err
}

// tagMFADevice and untagMFADevice change the tags of a virtual device; a key that is not there is no error.
func (o *operating) tagMFADevice() (any, error) { return o.retagDevice(o.addTags) }

func (o *operating) untagMFADevice() (any, error) { return o.retagDevice(o.removeTags) }

// retagDevice changes the tags of a virtual device; others have none.
func (o *operating) retagDevice(change func([]Tag) ([]Tag, error)) (any, error) {
	d, err := o.taggedDevice()
	if err != nil {
		return nil, err
	}
	if d.Tags, err = change(d.Tags); err != nil {
		return nil, err
	}
	return nil, o.putDevice(d)
}

// listMFADeviceTags implements ListMFADeviceTags.
func (o *operating) listMFADeviceTags() (any, error) {
	d, err := o.taggedDevice()
	if err != nil {
		return nil, err
	}
	return o.listTags(d.Tags)
}
