package usbip

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// What Linux asks a device for, from the port's reset to the hidraw node, and what lsusb -v asks besides.
func TestAHostGetsToKnowTheDevice(t *testing.T) {
	_, host := attached(t, plugKey(t, listen(t)))
	for _, c := range []struct {
		name          string
		kind, request byte
		value, index  uint16
		size          int
		want          string
	}{
		{"device, as far as a reset needs it", 0x80, 6, 0x0100, 0, 8, "12 01 00 02 00 00 00 40"},
		{"device", 0x80, 6, 0x0100, 0, 64, "12 01 00 02 00 00 00 40 09 12 d0 f1 12 05 01 02 03 01"},
		{"configuration, for its length", 0x80, 6, 0x0200, 0, 9, "09 02 29 00 01 01 00 80 32"},
		{"configuration", 0x80, 6, 0x0200, 0, 255, "09 02 29 00 01 01 00 80 32 " +
			"09 04 00 00 02 03 00 00 00 " + "09 21 11 01 00 01 22 22 00 " + "07 05 81 03 40 00 05 " + "07 05 01 03 40 00 05"},
		{"languages", 0x80, 6, 0x0300, 0, 255, "04 03 09 04"},
		{"BOS", 0x80, 6, 0x0f00, 0, 255, "05 0f 0c 00 01 07 10 02 00 00 00 00"},
		{"HID", 0x81, 6, 0x2100, 0, 255, "09 21 11 01 00 01 22 22 00"},
		{"report", 0x81, 6, 0x2200, 0, 34, hex.EncodeToString(hid.ReportDescriptor())},
		{"status", 0x80, 0, 0, 0, 2, "00 00"},
		{"status of the interface", 0x81, 0, 0, 0, 2, "00 00"},
		{"status of endpoint 0", 0x82, 0, 0, 0, 2, "00 00"},
		{"status of the IN endpoint", 0x82, 0, 0, 0x81, 2, "00 00"},
		{"configuration's number", 0x80, 8, 0, 0, 1, "01"},
		{"alternate setting", 0x81, 10, 0, 0, 1, "00"},
		{"idle rate", 0xa1, 2, 0, 0, 1, "00"},
		{"input report", 0xa1, 1, 0x0100, 0, 64, strings.Repeat("00", 64)},
		{"nothing of the device", 0x80, 6, 0x0100, 0, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, status := host.ask(t, c.kind, c.request, c.value, c.index, c.size)
			require.Zero(t, status)
			require.Equal(t, unhex(t, c.want), got)
		})
	}
	for index, want := range map[uint16]string{1: "Acme", 2: "Lab Key", 3: "00000007"} {
		got, status := host.ask(t, 0x80, 6, 0x0300|index, usbEnglish, 255)
		require.Zero(t, status)
		require.Equal(t, []byte{byte(len(got)), descString}, got[:2])
		var units []uint16
		for i := 2; i < len(got); i += 2 {
			units = append(units, uint16(got[i])|uint16(got[i+1])<<8)
		}
		require.Equal(t, want, string(utf16.Decode(units)))
	}
}

func TestADeviceWithoutNames(t *testing.T) {
	d := describe(hid.Identity{Name: "Acme"})
	require.Equal(t, []byte{1, 0, 0, 1}, d.device[14:], "a maker, no product, no serial number")
	require.Nil(t, d.find(descString, 2))
	require.Nil(t, d.find(descString, 3))
	require.Equal(t, []byte{0, 0, 0, 1}, describe(hid.Identity{}).device[14:])
}

func TestRequestsThatStall(t *testing.T) {
	_, host := attached(t, plugKey(t, listen(t)))
	for _, c := range []struct {
		name          string
		kind, request byte
		value, index  uint16
	}{
		{"device qualifier", 0x80, 6, 0x0600, 0},
		{"other speed configuration", 0x80, 6, 0x0700, 0},
		{"a second configuration", 0x80, 6, 0x0201, 0},
		{"a string that is not there", 0x80, 6, 0x0304, usbEnglish},
		{"Microsoft's string", 0x80, 6, 0x03ee, 0},
		{"HID descriptor of the device", 0x80, 6, 0x2100, 0},
		{"report of another interface", 0x81, 6, 0x2200, 1},
		{"physical descriptor", 0x81, 6, 0x2300, 0},
		{"a second report descriptor", 0x81, 6, 0x2201, 0},
		{"status of another interface", 0x81, 0, 0, 1},
		{"status of another endpoint", 0x82, 0, 0, 0x82},
		{"feature report", 0xa1, 1, 0x0300, 0},
		{"numbered input report", 0xa1, 1, 0x0101, 0},
		{"protocol of a device that is no keyboard", 0xa1, 3, 0, 0},
		{"vendor's request", 0xc0, 1, 0, 0},
		{"SYNCH_FRAME", 0x82, 12, 0, 0x81},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, status := host.ask(t, c.kind, c.request, c.value, c.index, 64)
			require.Equal(t, int32(stalled), status)
			require.Empty(t, got)
		})
	}
	for _, c := range []struct {
		name          string
		kind, request byte
		value, index  uint16
	}{
		{"a second configuration", 0, 9, 2, 0},
		{"a second alternate setting", 0x01, 11, 1, 0},
		{"remote wake-up", 0, 3, 1, 0},
		{"test mode", 0, 3, 2, 0x0100},
		{"new descriptors", 0, 7, 0x0100, 0},
		{"halt of another endpoint", 0x02, 3, 0, 2},
		{"another feature of an endpoint", 0x02, 3, 1, 1},
		{"feature report", 0x21, 9, 0x0300, 0},
		{"boot protocol", 0x21, 11, 0, 0},
	} {
		t.Run("set "+c.name, func(t *testing.T) {
			require.Equal(t, int32(stalled), host.tell(t, c.kind, c.request, c.value, c.index))
		})
	}
}

func TestRequestsThatChangeTheDevice(t *testing.T) {
	state := func(host *importer, index uint16) byte {
		got, status := host.ask(t, 0x82, 0, 0, index, 2)
		require.Zero(t, status)
		return got[0]
	}
	device, host := attached(t, plugKey(t, listen(t)))
	poll := command{kind: cmdSubmit, in: true, endpoint: endpoint, length: hid.ReportSize}
	stalls := func(c command, data ...byte) {
		t.Helper()
		_, err := host.send(c, data...)
		require.NoError(t, err)
		r, err := host.answer(c.in, nil)
		require.NoError(t, err)
		require.Equal(t, int32(stalled), r.status)
	}

	require.Zero(t, host.tell(t, 0x21, 10, 0x7d00, 0))
	idle, _ := host.ask(t, 0xa1, 2, 0, 0, 1)
	require.Equal(t, []byte{0x7d}, idle)

	require.Zero(t, host.tell(t, 0x02, 3, 0, 0x81))
	require.Equal(t, []byte{1, 0}, []byte{state(host, 0x81), state(host, 1)})
	stalls(poll)
	require.Zero(t, host.tell(t, 0x02, 1, 0, 0x81))
	require.Zero(t, state(host, 0x81))

	require.Zero(t, host.tell(t, 0x02, 3, 0, 1))
	stalls(command{kind: cmdSubmit, endpoint: endpoint, length: hid.ReportSize}, report(1)[:]...)
	require.Zero(t, host.tell(t, 0x01, 11, 0, 0))
	require.Zero(t, state(host, 1), "SET_INTERFACE resumes")

	require.Zero(t, host.tell(t, 0, 5, 9, 0))
	require.Zero(t, host.tell(t, 0, 9, 0, 0))
	number, _ := host.ask(t, 0x80, 8, 0, 0, 1)
	require.Equal(t, []byte{0}, number)
	stalls(poll)
	require.Zero(t, host.tell(t, 0, 9, 1, 0))

	require.NoError(t, device.WriteReport(report(1)))
	requireReport(t, 1, host)
}
