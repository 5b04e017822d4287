// Package hid is the cable between a security key and a host: reports of 64 bytes, the device at one end as a state
// machine, and the port at the other. The edition is CTAP 2.1 PS of 2021-06-15 with the errata of 2022-06-21.
//
// What the reports mean is the business of package ctaphid; who carries them to a client, of the folders beside this
// one, the ways in: pipe inside one process, sock for programs that look at a lab's bus, udp and tcp for clients of emulators,
// uhid for everything on a Linux host, usbip for whoever attaches the key over the network. Package plug joins a Device and a
// Port on the wall clock, hidtest is what every way in must do, and guest is a kernel to try the last two in.
package hid

import "time"

// From the specification.
const (
	// ReportSize is the length of a report in bytes, in both directions. See Section 11.2.8.
	ReportSize = 64
	// PollInterval is what lies between two polls of an endpoint on USB. See Section 11.2.8.1.
	PollInterval = 5 * time.Millisecond
)

// A Report is what travels on the cable at once, without the report ID: a host that writes 65 bytes to its operating
// system writes the ID, which is 0, and these. See Section 11.2.8.
type Report [ReportSize]byte

// A Device is the far end of the cable as a state machine. It has no goroutine and no clock: one caller at a time tells
// it what happened and when. Times never go back from one call to the next.
//
// The caller asks Transmit until it reports false after every Receive, whenever Wake has come, and after anything else
// that may have changed the device, such as a touch.
type Device interface {
	// Receive takes a report from the host. It keeps no reference to r.
	Receive(now time.Time, r *Report)
	// Transmit fills r with the next report for the host. It reports false, which on USB is a NAK, when there is none
	// now; then r is not for use.
	Transmit(now time.Time, r *Report) bool
	// Wake returns when to call Transmit although nothing happened, or the zero time: never.
	Wake() time.Time
}

// A Port is a way to be plugged into a host. Reading and writing may happen at once, each from one goroutine; Close may
// be called from any, and more than once. After Close, and once the other end is gone for good, both ReadReport and
// WriteReport return an error.
type Port interface {
	// ReadReport fills r with the next report from the other end. It blocks until there is one.
	ReadReport(r *Report) error
	// WriteReport hands r to the other end. It may block while the other end is slow, and keeps no reference to r.
	WriteReport(r *Report) error
	// Close unplugs. It ends calls that block.
	Close() error
}

// An Identity is what a device says about itself when it is plugged in.
type Identity struct {
	Vendor  uint16 `json:"vendor"`  // idVendor of USB
	Product uint16 `json:"product"` // idProduct of USB
	Version uint16 `json:"version"` // bcdDevice of USB: 0x0512 is 5.1.2
	Name    string `json:"name"`    // what a client shows: manufacturer and product
	Serial  string `json:"serial"`  // "" where the product has none
}

// ReportDescriptor returns the HID report descriptor of every FIDO device: usage page 0xf1d0, usage 1, 64 bytes in and
// 64 bytes out, no report ID. See Section 11.2.8.2.
func ReportDescriptor() []byte {
	return []byte{
		0x06, 0xd0, 0xf1, // usage page: FIDO alliance
		0x09, 0x01, // usage: U2F authenticator device
		0xa1, 0x01, // collection: application
		0x09, 0x20, // usage: data in
		0x15, 0x00, // logical minimum 0
		0x26, 0xff, 0x00, // logical maximum 255
		0x75, 0x08, // report size: 8 bits
		0x95, ReportSize, // report count
		0x81, 0x02, // input: data, variable, absolute
		0x09, 0x21, // usage: data out
		0x15, 0x00, // logical minimum 0
		0x26, 0xff, 0x00, // logical maximum 255
		0x75, 0x08, // report size: 8 bits
		0x95, ReportSize, // report count
		0x91, 0x02, // output: data, variable, absolute
		0xc0, // end of collection
	}
}
