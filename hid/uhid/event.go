package uhid

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/mfalab/mfalab/hid"
)

// From include/uapi/linux/uhid.h.
const (
	evDestroy        = 1
	evStart          = 2
	evStop           = 3
	evOpen           = 4
	evClose          = 5
	evOutput         = 6
	evGetReport      = 9
	evGetReportReply = 10
	evCreate2        = 11
	evInput2         = 12
	evSetReport      = 13
	evSetReportReply = 14

	nameSize = 128
	physSize = 64
	uniqSize = 64
	dataMax  = 4096
	// eventSize is the length of the longest event, CREATE2, and with it of every one that the kernel hands out.
	eventSize = 4 + nameSize + physSize + uniqSize + 2*2 + 4*4 + dataMax

	typeFeature = 0
	typeOutput  = 1
	typeInput   = 2
)

// From include/uapi/linux/input.h and asm-generic/errno-base.h.
const (
	busUSB  = 3
	errorIO = 5 // EIO
)

var order = binary.NativeEndian

// A creation says what the kernel's device is called.
type creation struct {
	name, phys, uniq         string
	vendor, product, version uint32
	descriptor               []byte
}

func appendCreate(b []byte, c creation) []byte {
	b = order.AppendUint32(b, evCreate2)
	b = appendText(b, c.name, nameSize)
	b = appendText(b, c.phys, physSize)
	b = appendText(b, c.uniq, uniqSize)
	b = order.AppendUint16(b, uint16(len(c.descriptor)))
	b = order.AppendUint16(b, busUSB)
	for _, v := range [...]uint32{c.vendor, c.product, c.version, 0} {
		b = order.AppendUint32(b, v)
	}
	return append(b, c.descriptor...)
}

// parseCreate is the kernel's half of appendCreate.
func parseCreate(b []byte) (c creation, err error) {
	const fixed = eventSize - dataMax
	if len(b) < fixed || order.Uint32(b) != evCreate2 {
		return c, fmt.Errorf("no CREATE2 in %d bytes", len(b))
	}
	texts := b[4:]
	c.name, texts = cutText(texts, nameSize)
	c.phys, texts = cutText(texts, physSize)
	c.uniq, texts = cutText(texts, uniqSize)
	size := int(order.Uint16(texts))
	if bus := order.Uint16(texts[2:]); bus != busUSB {
		return c, fmt.Errorf("bus %d is not USB", bus)
	}
	c.vendor, c.product, c.version = order.Uint32(texts[4:]), order.Uint32(texts[8:]), order.Uint32(texts[12:])
	if size == 0 || size > dataMax || size > len(b)-fixed {
		return c, fmt.Errorf("a report descriptor of %d bytes in an event of %d", size, len(b))
	}
	c.descriptor = b[fixed : fixed+size]
	return c, nil
}

// appendText writes s and zeros, size bytes together. One that is too long is our own bug.
func appendText(b []byte, s string, size int) []byte {
	if len(s) >= size {
		panic("uhid: internal error: no room for " + s)
	}
	b = append(b, s...)
	return append(b, make([]byte, size-len(s))...)
}

func cutText(b []byte, size int) (s string, rest []byte) {
	text, _, _ := bytes.Cut(b[:size], []byte{0})
	return string(text), b[size:]
}

func appendInput(b []byte, r *hid.Report) []byte {
	b = order.AppendUint32(b, evInput2)
	b = order.AppendUint16(b, hid.ReportSize)
	return append(b, r[:]...)
}

// appendReply answers a GET_REPORT or SET_REPORT.
func appendReply(b []byte, kind, id uint32, failure uint16, data []byte) []byte {
	b = order.AppendUint32(b, kind)
	b = order.AppendUint32(b, id)
	b = order.AppendUint16(b, failure)
	if kind == evGetReportReply {
		b = order.AppendUint16(b, uint16(len(data)))
	}
	return append(b, data...)
}

// An event is what the kernel says.
type event struct {
	kind   uint32
	id     uint32 // GET_REPORT, SET_REPORT
	number byte   // GET_REPORT, SET_REPORT: of the report
	rtype  byte   // OUTPUT, GET_REPORT, SET_REPORT: typeFeature, typeOutput or typeInput
	data   []byte // OUTPUT, SET_REPORT; part of what was parsed
}

func appendEvent(b []byte, e event) []byte {
	b = order.AppendUint32(b, e.kind)
	switch e.kind {
	case evOutput:
		b = append(b, e.data...)
		b = append(b, make([]byte, dataMax-len(e.data))...)
		b = order.AppendUint16(b, uint16(len(e.data)))
		b = append(b, e.rtype)
	case evGetReport:
		b = order.AppendUint32(b, e.id)
		b = append(b, e.number, e.rtype)
	case evSetReport:
		b = order.AppendUint32(b, e.id)
		b = append(b, e.number, e.rtype)
		b = order.AppendUint16(b, uint16(len(e.data)))
		b = append(b, e.data...)
	}
	return b
}

// parseEvent takes whatever is longer than it needs: the kernel fills every event up. Kinds that it does not know have no
// content.
func parseEvent(b []byte) (event, error) {
	var e event
	if len(b) < 4 {
		return event{}, fmt.Errorf("an event of %d bytes", len(b))
	}
	e.kind, b = order.Uint32(b), b[4:]
	need, size, data := 0, 0, 0
	switch e.kind {
	case evOutput:
		need = dataMax + 3
	case evGetReport:
		need = 6
	case evSetReport:
		need, data = 8, 8
	}
	if len(b) < need {
		return event{}, fmt.Errorf("an event of kind %d with %d bytes, and it has %d at least", e.kind, len(b), need)
	}
	switch e.kind {
	case evOutput:
		size, e.rtype = int(order.Uint16(b[dataMax:])), b[dataMax+2]
	case evGetReport:
		e.id, e.number, e.rtype = order.Uint32(b), b[4], b[5]
	case evSetReport:
		e.id, e.number, e.rtype, size = order.Uint32(b), b[4], b[5], int(order.Uint16(b[6:]))
	}
	if size > dataMax || size > len(b)-data {
		return event{}, fmt.Errorf("an event of kind %d says that it holds %d bytes, of %d", e.kind, size, len(b)-data)
	}
	e.data = b[data : data+size]
	return e, nil
}

// report copies a report that a client wrote: 64 bytes, or 65 with the report number 0 before them. It reports whether data
// was one.
func (e event) report(r *hid.Report) bool {
	data := e.data
	if len(data) == 1+hid.ReportSize && data[0] == 0 {
		data = data[1:]
	}
	if e.rtype != typeOutput || len(data) != hid.ReportSize {
		return false
	}
	copy(r[:], data)
	return true
}
