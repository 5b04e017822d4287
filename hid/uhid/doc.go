// Package uhid plugs keys into the Linux kernel itself: each becomes a /dev/hidrawN that every program on the host finds.
// It needs the module uhid and the right to open /dev/uhid; see [Rule].
//
// The interface is Documentation/hid/uhid.rst and include/uapi/linux/uhid.h of Linux 6.1. Each open file is one device; each
// read and each write is one event, a packed C struct in the byte order of the machine:
//
//	                        offset 0   4
//	we:   CREATE2           11 u32   | name [128] | phys [64] | uniq [64] | size u16 | bus u16 | vendor u32 | product u32
//	                                 | version u32 | country u32 | report descriptor [size]
//	      DESTROY            1 u32
//	      INPUT2            12 u32   | size u16 | data [size]
//	      GET_REPORT_REPLY  10 u32   | id u32 | error u16 | size u16 | data [size]
//	      SET_REPORT_REPLY  14 u32   | id u32 | error u16
//	kernel: START, STOP, OPEN, CLOSE   2, 3, 4, 5 u32
//	      OUTPUT             6 u32   | data [4096] | size u16 | type u8
//	      GET_REPORT         9 u32   | id u32 | number u8 | type u8
//	      SET_REPORT        13 u32   | id u32 | number u8 | type u8 | size u16 | data [size]
//
// Whoever writes a report to the node writes the report number 0 before it, and it arrives so; what the key says has none.
// When the process ends, however it ends, the kernel takes the node away.
package uhid
