// Package usbip plugs keys in over the network: the server side of USB/IP, whose clients attach a key as if it were in a
// USB port of theirs. Linux brings a client (usbip attach, module vhci-hcd), Windows gets one with usbip-win2.
//
// The protocol is version 1.1.1, as in Documentation/usb/usbip_protocol.rst of Linux 6.1; all numbers on the wire are big
// endian. A connection begins with one request and its answer, and ends there unless it was an import that was granted:
//
//	request            version u16 = 0x0111 | code u16 | status u32 = 0
//	  OP_REQ_DEVLIST   code 0x8005
//	  OP_REQ_IMPORT    code 0x8003, then bus ID [32]
//	answer             version u16 = 0x0111 | code u16 | status u32: 0 is success
//	  OP_REP_DEVLIST   code 0x0005, then n u32, then n times: device, interface
//	  OP_REP_IMPORT    code 0x0003, then device
//	device             path [256] | bus ID [32] | bus u32 | address u32 | speed u32 | vendor u16 | product u16 | version u16
//	                   | class u8 | subclass u8 | protocol u8 | configuration u8 | configurations u8 | interfaces u8
//	interface          class u8 | subclass u8 | protocol u8 | 0 u8
//
// From then on both sides send headers of 48 bytes, some with data after them. The importer numbers its requests (URBs);
// each is answered once, in whatever order the device finishes them:
//
//	                   0          4        8        12             16           20
//	USBIP_CMD_SUBMIT   1 u32    | number | device | 0 out, 1 in  | endpoint   | flags | length | 0 | 0 | interval
//	                                                                          | setup [8] | data if out
//	USBIP_RET_SUBMIT   3 u32    | number | 0      | 0            | 0          | status | length | 0 | 0 | 0
//	                                                                          | 0 [8] | data if in
//	USBIP_CMD_UNLINK   2 u32    | number | device | 0            | 0          | number of the URB | 0 [24]
//	USBIP_RET_UNLINK   4 u32    | number | 0      | 0            | 0          | status | 0 [24]
//
// What is attached is a USB 2.0 device of full speed with one HID interface and two interrupt endpoints of 64 bytes,
// polled every 5 ms: USB 2.0, chapter 9; HID 1.11; CTAP 2.1, Section 11.2.8.
//
// Being attached is being powered: each attach is a [hid.Port] of its own, whose life is one power cycle.
//
// Not implemented: isochronous and bulk transfers, other speeds, remote wake-up, authentication of importers.
package usbip
