// Package ctaphid is the framing of CTAP on the cable: packets of 64 bytes, messages of up to 7609, one transaction at
// a time. It has both sides: [Device] in front of an [App], and [Host]. The edition is CTAP 2.1 PS of 2021-06-15 with the
// errata of 2022-06-21, Section 11.2.
//
// A message is an initialization packet and as many continuation packets as it needs:
//
//	 0       4     5      7                                    64
//	+-------+-----+------+--------------------------------------+
//	|  CID  | CMD | BCNT |  up to 57 bytes                       |  CMD has its highest bit set; numbers are big-endian
//	+-------+-----+------+--------------------------------------+
//	+-------+-----+---------------------------------------------+
//	|  CID  | SEQ |  up to 59 bytes                              |  SEQ counts from 0 to 127
//	+-------+-----+---------------------------------------------+
//
// Time is an argument, and nothing on the way of a packet allocates. Where judges of keys disagree, [Config] decides;
// its zero value is the specification.
//
// Not implemented: vendor commands (Section 11.2.9.3), which are unknown commands.
package ctaphid
