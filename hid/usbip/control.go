package usbip

import (
	"encoding/binary"

	"github.com/mfalab/mfalab/hid"
)

// From USB 2.0, Table 9-2, and HID 1.11, Section 7: who a request is to, and which way its data goes.
const (
	toHost      = 0x80
	ofClass     = 0x20
	ofInterface = 0x01
	ofEndpoint  = 0x02
)

const (
	featureHalt  = 0 // ENDPOINT_HALT
	reportInput  = 1
	reportOutput = 2
	setReport    = 9
)

// A setup is a control request. See USB 2.0, Section 9.3.
type setup struct {
	kind, request        byte
	value, index, length uint16
}

func parseSetup(b *[8]byte) setup {
	return setup{
		kind: b[0], request: b[1],
		value: binary.LittleEndian.Uint16(b[2:]), index: binary.LittleEndian.Uint16(b[4:]), length: binary.LittleEndian.Uint16(b[6:]),
	}
}

// requests are the control requests that the device knows; it stalls for others, and for one that gives false. SET_REPORT
// is not among them: it carries a report, and is answered when the device has taken that.
var requests = []struct {
	kind, request byte
	name          string
	run           func(f *function, s setup) ([]byte, bool)
}{
	// USB 2.0, Section 9.4
	{toHost, 0, "GET_STATUS", func(*function, setup) ([]byte, bool) { return []byte{0, 0}, true }}, // powered by the bus, no wake-up
	{0, 5, "SET_ADDRESS", func(*function, setup) ([]byte, bool) { return nil, true }},              // the importer's own affair
	{toHost, 6, "GET_DESCRIPTOR", func(f *function, s setup) ([]byte, bool) {
		d := f.says.find(byte(s.value>>8), byte(s.value))
		return d, d != nil
	}},
	{toHost, 8, "GET_CONFIGURATION", func(f *function, _ setup) ([]byte, bool) { return []byte{f.configuration}, true }},
	{0, 9, "SET_CONFIGURATION", (*function).configure},
	{toHost | ofInterface, 0, "GET_STATUS", func(_ *function, s setup) ([]byte, bool) { return []byte{0, 0}, s.index == 0 }},
	{toHost | ofInterface, 6, "GET_DESCRIPTOR", func(f *function, s setup) ([]byte, bool) {
		d := f.says.findHID(byte(s.value>>8), byte(s.value))
		return d, d != nil && s.index == 0
	}},
	{toHost | ofInterface, 10, "GET_INTERFACE", func(_ *function, s setup) ([]byte, bool) { return []byte{0}, s.index == 0 }},
	{ofInterface, 11, "SET_INTERFACE", func(f *function, s setup) ([]byte, bool) {
		f.halted = [2]bool{}
		return nil, s.index == 0 && s.value == 0
	}},
	{toHost | ofEndpoint, 0, "GET_STATUS", (*function).endpointStatus},
	{ofEndpoint, 1, "CLEAR_FEATURE", func(f *function, s setup) ([]byte, bool) { return nil, f.halt(s, false) }},
	{ofEndpoint, 3, "SET_FEATURE", func(f *function, s setup) ([]byte, bool) { return nil, f.halt(s, true) }},
	// HID 1.11, Section 7.2
	{toHost | ofClass | ofInterface, 1, "GET_REPORT", func(_ *function, s setup) ([]byte, bool) {
		return make([]byte, hid.ReportSize), s.index == 0 && s.value == reportInput<<8
	}},
	{toHost | ofClass | ofInterface, 2, "GET_IDLE", func(f *function, s setup) ([]byte, bool) { return []byte{f.idle}, s.index == 0 }},
	{ofClass | ofInterface, 10, "SET_IDLE", func(f *function, s setup) ([]byte, bool) {
		f.idle = byte(s.value >> 8) // a key says nothing again, whatever the rate
		return nil, s.index == 0
	}},
}

// control answers a transfer of endpoint 0. data is what came with it, as far as it fits a report.
func (f *function) control(b []byte, c command, data []byte) []byte {
	s := parseSetup(&c.setup)
	if s == (setup{ofClass | ofInterface, setReport, reportOutput << 8, 0, hid.ReportSize}) && c.data() == hid.ReportSize {
		return f.receive(b, c, data)
	}
	for _, r := range requests {
		if r.kind != s.kind || r.request != s.request {
			continue
		}
		answer, ok := r.run(f, s)
		if !ok {
			break
		}
		if s.kind&toHost == 0 {
			return appendReply(b, reply{kind: retSubmit, number: c.number, length: c.length})
		}
		if !c.in { // asks for nothing: USB 2.0, Section 9.3.5
			return appendReply(b, reply{kind: retSubmit, number: c.number})
		}
		answer = answer[:min(len(answer), int(s.length), int(c.length))]
		b = appendReply(b, reply{kind: retSubmit, number: c.number, length: uint32(len(answer))})
		return append(b, answer...)
	}
	return appendReply(b, reply{kind: retSubmit, number: c.number, status: stalled})
}

func (f *function) configure(s setup) ([]byte, bool) {
	if s.value > configuration {
		return nil, false
	}
	f.configuration, f.halted = byte(s.value), [2]bool{}
	return nil, true
}

// direction returns 1 for the IN endpoint, 0 for OUT; ok is false where index names neither.
func direction(index uint16) (n int, ok bool) {
	return int(index >> 7), index == endpoint || index == endpoint|0x80
}

func (f *function) endpointStatus(s setup) ([]byte, bool) {
	n, ok := direction(s.index)
	switch {
	case s.index == 0, s.index == 0x80: // endpoint 0 never halts
		return []byte{0, 0}, true
	case !ok:
		return nil, false
	case f.halted[n]:
		return []byte{1, 0}, true
	}
	return []byte{0, 0}, true
}

func (f *function) halt(s setup, on bool) bool {
	n, ok := direction(s.index)
	if !ok || s.value != featureHalt {
		return false
	}
	f.halted[n] = on
	return true
}
