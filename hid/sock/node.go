package sock

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mfalab/mfalab/hid"
)

// From Linux.
const (
	busUSB  = 3   // BUS_USB, include/uapi/linux/input.h
	maxName = 126 // USB strings have at most 126 UTF-16 units; hid_device.name has room for 127 bytes
)

// A node is a socket that keeps messages apart, as hidraw does. Only Linux has such; elsewhere no shim reaches nodes, but
// mfalab itself does, and reports follow each other there.
var nodeNetwork, nodeFraming = wayOf(runtime.GOOS)

func wayOf(system string) (network string, f framing) {
	if system == "linux" {
		return "unixpacket", packets
	}
	return "unix", stream
}

// major is the device number's first half. Our choice: the greatest there is, which the kernel gives to no driver, so
// that a node here is never taken for a device of the host.
const major = 4095

// check says why id cannot be written down as uevent lines and USB strings.
func check(id hid.Identity) error {
	for _, f := range []struct{ what, value string }{{"name", id.Name}, {"serial number", id.Serial}} {
		switch {
		case len(f.value) > maxName:
			return fmt.Errorf("the %s has %d bytes: make it %d at most", f.what, len(f.value), maxName)
		case !utf8.ValidString(f.value), strings.ContainsFunc(f.value, unicode.IsControl):
			return fmt.Errorf("the %s %q holds control characters or is not UTF-8: use printable text", f.what, f.value)
		}
	}
	return nil
}

// describe writes what Linux shows in /sys of a hidraw node, its HID device and its USB device, into the new folder dir.
func describe(dir string, n int, id hid.Identity) error {
	if err := os.MkdirAll(filepath.Join(dir, "device", "usb"), 0o700); err != nil {
		return err
	}
	maker, product, _ := strings.Cut(id.Name, " ")
	for _, f := range []struct{ name, content string }{
		{"uevent", fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=hidraw%d\n", major, n, n)},
		{"dev", fmt.Sprintf("%d:%d\n", major, n)},
		{"device/uevent", fmt.Sprintf("DRIVER=hid-generic\nHID_ID=%04X:%08X:%08X\nHID_NAME=%s\nHID_PHYS=mfalab/hidraw%d\nHID_UNIQ=%s\n",
			busUSB, id.Vendor, id.Product, id.Name, n, id.Serial)},
		{"device/report_descriptor", string(hid.ReportDescriptor())},
		{"device/usb/uevent", fmt.Sprintf("DEVTYPE=usb_device\nPRODUCT=%x/%x/%x\n", id.Vendor, id.Product, id.Version)},
		{"device/usb/idVendor", fmt.Sprintf("%04x\n", id.Vendor)},
		{"device/usb/idProduct", fmt.Sprintf("%04x\n", id.Product)},
		{"device/usb/bcdDevice", fmt.Sprintf("%04x\n", id.Version)},
		{"device/usb/manufacturer", maker + "\n"},
		{"device/usb/product", product + "\n"},
		{"device/usb/serial", id.Serial + "\n"},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
