package usbip

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mfalab/mfalab/hid"
)

// From USB 2.0 and HID 1.11.
const (
	descDevice        = 1
	descConfiguration = 2
	descString        = 3
	descInterface     = 4
	descEndpoint      = 5
	descBOS           = 15 // USB 3.2, Section 9.6.2; asked for where bcdUSB is above 2.00
	descHID           = 0x21
	descReport        = 0x22

	classHID   = 3
	fullSpeed  = 2 // USB_SPEED_FULL of Linux
	maxString  = 126
	usbEnglish = 0x0409 // US English, the one language
)

// Our choice.
const (
	endpoint      = 1  // the number of both interrupt endpoints
	configuration = 1  // the only one
	current       = 50 // 100 mA, in units of 2 mA: what every port gives

	pollInterval = hid.PollInterval / time.Millisecond // frames

	stringMaker   = 1
	stringProduct = 2
	stringSerial  = 3
)

// descriptors are what a device says about itself. The zero length of an entry is: there is none, stall.
type descriptors struct {
	device, configuration, bos, hid, report []byte
	texts                                   [4][]byte // by string index
}

// check says why id has no place in string descriptors.
func check(id hid.Identity) error {
	for _, f := range []struct{ what, value string }{{"name", id.Name}, {"serial number", id.Serial}} {
		switch {
		case !utf8.ValidString(f.value), strings.ContainsFunc(f.value, unicode.IsControl):
			return fmt.Errorf("the %s %q holds control characters or is not UTF-8: use printable text", f.what, f.value)
		case len(utf16.Encode([]rune(f.value))) > maxString:
			return fmt.Errorf("the %s %q is longer than %d characters: shorten it", f.what, f.value, maxString)
		}
	}
	return nil
}

func describe(id hid.Identity) descriptors {
	d := descriptors{report: hid.ReportDescriptor()}
	maker, product, _ := strings.Cut(id.Name, " ")
	d.texts[0] = []byte{4, descString, usbEnglish & 0xff, usbEnglish >> 8}
	index := func(n byte, s string) byte {
		if s == "" {
			return 0
		}
		d.texts[n] = text(s)
		return n
	}
	d.device = []byte{
		18, descDevice, 0x00, 0x02, 0, 0, 0, hid.ReportSize, // USB 2.00; the class is the interface's
		0, 0, 0, 0, 0, 0, index(stringMaker, maker), index(stringProduct, product), index(stringSerial, id.Serial), 1,
	}
	binary.LittleEndian.PutUint16(d.device[8:], id.Vendor)
	binary.LittleEndian.PutUint16(d.device[10:], id.Product)
	binary.LittleEndian.PutUint16(d.device[12:], id.Version)
	d.hid = []byte{9, descHID, 0x11, 0x01, 0, 1, descReport, byte(len(d.report)), 0} // HID 1.11, no country
	d.configuration = []byte{9, descConfiguration, 0, 0, 1, configuration, 0, 0x80, current}
	d.configuration = append(d.configuration, 9, descInterface, 0, 0, 2, classHID, 0, 0, 0)
	d.configuration = append(d.configuration, d.hid...)
	d.configuration = append(d.configuration, 7, descEndpoint, 0x80|endpoint, 3, hid.ReportSize, 0, byte(pollInterval))
	d.configuration = append(d.configuration, 7, descEndpoint, endpoint, 3, hid.ReportSize, 0, byte(pollInterval))
	d.configuration[2] = byte(len(d.configuration))
	d.bos = []byte{5, descBOS, 12, 0, 1, 7, 0x10, 2, 0, 0, 0, 0} // one capability: USB 2.0 extension, no link power management
	return d
}

// text is a string descriptor. See USB 2.0, Section 9.6.7.
func text(s string) []byte {
	b := []byte{0, descString}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	b[0] = byte(len(b))
	return b
}

// find returns a descriptor of the device, nil where there is none: high-speed devices alone have a qualifier. See USB 2.0,
// Section 9.4.3.
func (d *descriptors) find(kind, index byte) []byte {
	switch {
	case kind == descString && int(index) < len(d.texts):
		return d.texts[index]
	case index != 0:
		return nil
	}
	switch kind {
	case descDevice:
		return d.device
	case descConfiguration:
		return d.configuration
	case descBOS:
		return d.bos
	}
	return nil
}

// findHID returns a descriptor of the interface. See HID 1.11, Section 7.1.1.
func (d *descriptors) findHID(kind, index byte) []byte {
	switch {
	case index != 0:
		return nil
	case kind == descHID:
		return d.hid
	case kind == descReport:
		return d.report
	}
	return nil
}
