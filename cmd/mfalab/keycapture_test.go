package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

const tshark = "/usr/bin/tshark"

// tshark knows a capture's interface for a FIDO device's, and shows each report as an interrupt transfer of its own.
func TestTsharkReadsCaptures(t *testing.T) {
	requireClients(t, map[string]string{tshark: "tshark"})
	name := filepath.Join(t.TempDir(), "key.pcapng")
	f, err := os.Create(name)
	require.NoError(t, err)
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c, err := newUSBCapture(f, at, hid.Identity{Vendor: 0x1050, Product: 0x0407, Version: 0x0580})
	require.NoError(t, err)
	ask, answer := make([]byte, 64), make([]byte, 64)
	copy(ask, "\xff\xff\xff\xff\x86\x00\x0812345678") // CTAPHID_INIT
	copy(answer, "\xff\xff\xff\xff\x86\x00\x1112345678")
	require.NoError(t, c.report(at.Add(time.Millisecond), false, ask))
	require.NoError(t, c.report(at.Add(2*time.Millisecond), true, answer))
	require.NoError(t, f.Close())

	out, err := exec.Command(tshark, "-r", name, "-T", "json").Output()
	require.NoError(t, err)
	var packets []struct {
		Source struct {
			Layers map[string]json.RawMessage `json:"layers"`
		} `json:"_source"`
	}
	require.NoError(t, json.Unmarshal(out, &packets))
	require.Len(t, packets, 10, "three descriptors and two reports, each submitted and completed")
	text := string(out)
	require.NotContains(t, text, "_ws.malformed")
	require.Contains(t, text, `"usb.idVendor": "0x1050"`)
	require.Contains(t, text, `"usb.bInterfaceClass": "0x03"`)
	fields, err := exec.Command(tshark, "-r", name, "-T", "fields", "-e", "usb.transfer_type", "-e", "usb.endpoint_address", "-e", "usbhid.data",
		"-e", "usb.capdata", "-Y", "usb.transfer_type == 1 && usb.data_len > 0").Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(fields)), "\n")
	require.Len(t, lines, 2, "%s", fields)
	require.Contains(t, lines[0], "0x01\t0x01\t"+hex.EncodeToString(ask))
	require.Contains(t, lines[1], "0x01\t0x81\t"+hex.EncodeToString(answer))
}
