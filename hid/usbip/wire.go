package usbip

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// From the protocol.
const (
	version = 0x0111 // 1.1.1

	reqDevlist = 0x8005
	repDevlist = 0x0005
	reqImport  = 0x8003
	repImport  = 0x0003

	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4

	opSize     = 8
	busIDSize  = 32
	pathSize   = 256
	deviceSize = pathSize + busIDSize + 3*4 + 3*2 + 6
	headerSize = 48

	notIso = 0xffffffff // number_of_packets of what is not isochronous; Linux sends 0
)

// An outcome is the status of an answer to a request: enum op_status in tools/usb/usbip/libsrc/usbip_common.h of Linux.
type outcome uint32

const (
	granted     outcome = 0
	unavailable outcome = 1 // ST_NA
	busy        outcome = 2 // ST_DEV_BUSY: imported by somebody
	unknown     outcome = 4 // ST_NODEV
	refused     outcome = 5 // ST_ERROR
)

// The status of a transfer: negated error numbers of Linux on x86, whatever system the two sides run on. See
// Documentation/driver-api/usb/error-codes.rst.
const (
	noMemory = -12  // -ENOMEM: too many transfers wait
	stalled  = -32  // -EPIPE: the device refuses
	babbled  = -75  // -EOVERFLOW: the buffer is smaller than a packet
	unlinked = -104 // -ECONNRESET
)

// Our choice.
const (
	// maxTransfer is the longest transfer: what the length field of a control request can say, which no driver exceeds
	// for a device whose reports have 64 bytes.
	maxTransfer = 1<<16 - 1
)

// An op is the head of a request and of its answer, before an import.
type op struct {
	version, code uint16
	status        outcome
}

func appendOp(b []byte, o op) []byte {
	b = binary.BigEndian.AppendUint16(b, o.version)
	b = binary.BigEndian.AppendUint16(b, o.code)
	return binary.BigEndian.AppendUint32(b, uint32(o.status))
}

func parseOp(b *[opSize]byte) op {
	return op{
		version: binary.BigEndian.Uint16(b[0:]), code: binary.BigEndian.Uint16(b[2:]), status: outcome(binary.BigEndian.Uint32(b[4:])),
	}
}

// An exported is a device as lists and import answers describe it.
type exported struct {
	path, busID                               string
	bus, address, speed                       uint32
	vendor, product, version                  uint16
	class, subclass, protocol                 byte
	configuration, configurations, interfaces byte
}

func appendExported(b []byte, e exported) []byte {
	b = appendText(b, e.path, pathSize)
	b = appendText(b, e.busID, busIDSize)
	for _, v := range [...]uint32{e.bus, e.address, e.speed} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	for _, v := range [...]uint16{e.vendor, e.product, e.version} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return append(b, e.class, e.subclass, e.protocol, e.configuration, e.configurations, e.interfaces)
}

// parseExported refuses texts that do not end.
func parseExported(b *[deviceSize]byte) (e exported, err error) {
	if e.path, err = parseText(b[:pathSize]); err != nil {
		return e, fmt.Errorf("path %w", err)
	}
	if e.busID, err = parseText(b[pathSize : pathSize+busIDSize]); err != nil {
		return e, fmt.Errorf("bus ID %w", err)
	}
	n := b[pathSize+busIDSize:]
	e.bus, e.address, e.speed = binary.BigEndian.Uint32(n), binary.BigEndian.Uint32(n[4:]), binary.BigEndian.Uint32(n[8:])
	e.vendor, e.product, e.version = binary.BigEndian.Uint16(n[12:]), binary.BigEndian.Uint16(n[14:]), binary.BigEndian.Uint16(n[16:])
	e.class, e.subclass, e.protocol = n[18], n[19], n[20]
	e.configuration, e.configurations, e.interfaces = n[21], n[22], n[23]
	return e, nil
}

// appendText writes s and zeros, size bytes together. One that is too long is our own bug.
func appendText(b []byte, s string, size int) []byte {
	if len(s) >= size {
		panic("usbip: internal error: no room for " + s)
	}
	b = append(b, s...)
	return append(b, make([]byte, size-len(s))...)
}

// parseText returns what is before the first zero. What comes after it does not matter: clients send what was there.
func parseText(b []byte) (string, error) {
	s, _, found := bytes.Cut(b, []byte{0})
	if !found {
		return "", fmt.Errorf("%q does not end within %d bytes", b, len(b))
	}
	return string(s), nil
}

// A command is what an importer sends: a submit, or an unlink.
type command struct {
	kind     uint32 // cmdSubmit or cmdUnlink
	number   uint32
	device   uint32 // bus << 16 | address
	in       bool
	endpoint uint32
	flags    uint32  // submit: transfer_flags
	length   uint32  // submit: of the data, or of the room for it
	interval uint32  // submit
	setup    [8]byte // submit to endpoint 0
	target   uint32  // unlink: number of the submit
}

// data is how many bytes follow the header.
func (c command) data() int {
	if c.kind == cmdSubmit && !c.in {
		return int(c.length)
	}
	return 0
}

func appendCommand(b []byte, c command) []byte {
	direction := uint32(0)
	if c.in {
		direction = 1
	}
	for _, v := range [...]uint32{c.kind, c.number, c.device, direction, c.endpoint} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	if c.kind == cmdUnlink {
		b = binary.BigEndian.AppendUint32(b, c.target)
		return append(b, make([]byte, 24)...)
	}
	for _, v := range [...]uint32{c.flags, c.length, 0, notIso, c.interval} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, c.setup[:]...)
}

// parseCommand refuses what cannot be answered in a way that both sides understand alike; then there is no telling where
// the next header begins.
func parseCommand(b *[headerSize]byte) (command, error) {
	word := func(n int) uint32 { return binary.BigEndian.Uint32(b[4*n:]) }
	c := command{kind: word(0), number: word(1), device: word(2), in: word(3) == 1, endpoint: word(4)}
	switch {
	case c.kind == cmdUnlink:
		c.target = word(5)
		return c, nil
	case c.kind != cmdSubmit:
		return c, fmt.Errorf("command %#x is neither a submit nor an unlink", c.kind)
	case word(3) > 1:
		return c, fmt.Errorf("direction %#x is neither out nor in", word(3))
	case word(6) > maxTransfer:
		return c, fmt.Errorf("a transfer of %d bytes is longer than %d", word(6), maxTransfer)
	case word(8) != 0 && word(8) != notIso:
		return c, fmt.Errorf("a transfer of %d isochronous packets, and no endpoint is isochronous", word(8))
	}
	c.flags, c.length, c.interval = word(5), word(6), word(9)
	copy(c.setup[:], b[40:])
	return c, nil
}

// A reply is what the device answers to a command.
type reply struct {
	kind   uint32 // retSubmit or retUnlink
	number uint32
	status int32
	length uint32 // retSubmit: bytes that were carried; if in, they follow
}

func appendReply(b []byte, r reply) []byte {
	var h [headerSize]byte
	binary.BigEndian.PutUint32(h[0:], r.kind)
	binary.BigEndian.PutUint32(h[4:], r.number)
	binary.BigEndian.PutUint32(h[20:], uint32(r.status))
	binary.BigEndian.PutUint32(h[24:], r.length)
	return append(b, h[:]...)
}

func parseReply(b *[headerSize]byte) (reply, error) {
	r := reply{
		kind: binary.BigEndian.Uint32(b[0:]), number: binary.BigEndian.Uint32(b[4:]),
		status: int32(binary.BigEndian.Uint32(b[20:])), length: binary.BigEndian.Uint32(b[24:]),
	}
	if r.kind != retSubmit && r.kind != retUnlink {
		return r, fmt.Errorf("reply %#x is to neither a submit nor an unlink", r.kind)
	}
	return r, nil
}
