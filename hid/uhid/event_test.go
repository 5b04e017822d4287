package uhid

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// The offsets that a C compiler gives for the packed structs of include/uapi/linux/uhid.h.
func TestSizesAreThoseOfTheHeader(t *testing.T) {
	require.Equal(t, 4376, eventSize)
	c := creation{name: "Acme Lab Key", phys: "p", uniq: "00000007", vendor: 0x1209, product: 0xf1d0, version: 0x0512,
		descriptor: hid.ReportDescriptor()}
	b := appendCreate(nil, c)
	for offset, want := range map[int]uint16{260: 34, 262: 3, 264: 0x1209, 268: 0xf1d0, 272: 0x0512, 276: 0} {
		got := order.Uint16(b[offset:])
		if offset >= 264 {
			got = uint16(order.Uint32(b[offset:]))
		}
		require.Equal(t, want, got, "at %d", offset)
	}
	require.Equal(t, "Acme Lab Key\x00", string(b[4:17]))
	require.Equal(t, "p\x00", string(b[132:134]))
	require.Equal(t, "00000007\x00", string(b[196:205]))
	require.Equal(t, hid.ReportDescriptor(), b[280:])
	got, err := parseCreate(b)
	require.NoError(t, err)
	require.Equal(t, c, got)
	require.Panics(t, func() { appendText(nil, strings.Repeat("n", nameSize), nameSize) })
}

// On a little-endian machine, written out by hand from the header.
func TestEventsOnTheWire(t *testing.T) {
	if order.Uint16([]byte{1, 0}) != 1 {
		require.Equal(t, []byte{0, 0, 0, evDestroy}, order.AppendUint32(nil, evDestroy))
		return
	}
	for want, got := range map[string][]byte{
		"0c000000 4000" + strings.Repeat("ab", 64): appendInput(nil, (*hid.Report)(bytes.Repeat([]byte{0xab}, 64))),
		"0a000000 07000000 0500 0000":              appendReply(nil, evGetReportReply, 7, errorIO, nil),
		"0a000000 07000000 0000 0200 0102":         appendReply(nil, evGetReportReply, 7, 0, []byte{1, 2}),
		"0e000000 07000000 0500":                   appendReply(nil, evSetReportReply, 7, errorIO, nil),
	} {
		require.Equal(t, strings.ReplaceAll(want, " ", ""), hex.EncodeToString(got))
	}
	output, err := hex.DecodeString("06000000" + "00aabb" + strings.Repeat("00", 4093) + "0300" + "01" + "0000")
	require.NoError(t, err)
	e, err := parseEvent(output)
	require.NoError(t, err)
	require.Equal(t, event{kind: evOutput, rtype: typeOutput, data: []byte{0, 0xaa, 0xbb}}, e)
}

func FuzzEvent(f *testing.F) {
	f.Add(appendEvent(nil, event{kind: evOutput, rtype: typeOutput, data: make([]byte, 65)}))
	f.Add(appendEvent(nil, event{kind: evGetReport, id: 3, rtype: typeInput}))
	f.Add(appendEvent(nil, event{kind: evSetReport, id: 4, rtype: typeOutput, data: make([]byte, 65)}))
	f.Add(appendEvent(nil, event{kind: evStart}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEvent(b)
		if err != nil {
			require.Equal(t, event{}, e, "nothing of what was refused")
			return
		}
		require.LessOrEqual(t, len(e.data), dataMax)
		var r hid.Report
		if e.report(&r) {
			require.Equal(t, e.data[len(e.data)-hid.ReportSize:], r[:])
		}
		again, err := parseEvent(appendEvent(nil, e))
		require.NoError(t, err)
		require.Equal(t, e.kind, again.kind)
		require.Equal(t, e.id, again.id)
		require.Equal(t, []byte{e.number, e.rtype}, []byte{again.number, again.rtype})
		require.True(t, bytes.Equal(e.data, again.data))
	})
}

func FuzzCreate(f *testing.F) {
	f.Add(appendCreate(nil, creation{name: "n", phys: "p", uniq: "u", descriptor: hid.ReportDescriptor()}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCreate(b)
		if err != nil || len(c.name) == nameSize || len(c.phys) == physSize || len(c.uniq) == uniqSize {
			return // the kernel takes names that do not end, and cuts them
		}
		again, err := parseCreate(appendCreate(nil, c))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}
