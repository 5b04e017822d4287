// Package sock plugs keys in over unix sockets: no root, no kernel module.
//
// A [Bus] is a folder that stands in for what Linux shows of its hidraw devices. A library that is loaded into a
// program with LD_PRELOAD (the shim: [Shim], [Environ]) shows that folder to the program as /dev/hidraw*, as
// /sys/class/hidraw and through libudev, so that unmodified browsers, libfido2's tools and OpenSSH find the keys:
//
//	BUS/                    mode 0700; flocked by the process that owns it
//	  dev/hidrawN           the node: a listening unix socket, SOCK_SEQPACKET, one report per message
//	  hidrawN/              published and withdrawn by one rename each, so that inotify tells of plugging
//	    uevent              MAJOR, MINOR, DEVNAME
//	    device/             the HID device: uevent (HID_ID, HID_NAME, HID_PHYS, HID_UNIQ), report_descriptor
//	    device/usb/         the USB device: idVendor, idProduct, bcdDevice, manufacturer, product, serial, uevent
//
// Towards the node a report is 64 bytes, or 65 with the report number 0 before it, as hidraw wants it; from the node it
// is 64 bytes. Names, contents and numbers are those of Linux 6.1: Documentation/hid/hidraw.rst, include/linux/hidraw.h,
// drivers/hid/hid-core.c (hid_uevent).
//
// [Listen] is the other way: a unix stream socket on which 64-byte reports follow each other, for clients that need
// neither a folder nor a shim.
//
// Linux with glibc only, as far as the shim goes. Elsewhere a node is a stream as well, for [Node.Open] alone.
package sock
