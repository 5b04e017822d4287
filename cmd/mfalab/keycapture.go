package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// What a capture says of USB. The layout is that of link type 220 (LINUX_USB_MMAPPED): usbmon's header of 64 bytes,
// little-endian, and the data. The numbers of the descriptors are USB 2.0's, Section 9.6, and HID 1.11's, Section 6.2.
const (
	usbmonHeader = 64
	submitted    = 'S'
	completed    = 'C'
	interrupt    = 1
	deviceWide   = 2
	endpointOut  = 0x01
	endpointIn   = 0x81
	deviceNumber = 2
	busNumber    = 1
	inProgress   = -115 // EINPROGRESS: what Linux says of a transfer that was submitted
)

// A usbCapture writes reports as a Linux host's usbmon would have seen them.
type usbCapture struct {
	w    *pcapgo.NgWriter
	next uint64
}

// newUSBCapture begins a capture with what the host asked of the device when it was plugged in, so that whoever reads the
// file knows the interface.
func newUSBCapture(w io.Writer, at time.Time, id hid.Identity) (*usbCapture, error) {
	ng, err := pcapgo.NewNgWriter(w, layers.LinkTypeLinuxUSB)
	if err != nil {
		return nil, err
	}
	c := &usbCapture{w: ng, next: 1}
	device, configuration, report := usbDescriptors(id)
	for _, d := range []struct {
		kind, index, to byte
		data            []byte
	}{{0x80, 1, 0, device}, {0x80, 2, 0, configuration}, {0x81, 0x22, 0, report}} {
		setup := [8]byte{d.kind, 6, 0, d.index, d.to, 0, byte(len(d.data)), byte(len(d.data) >> 8)} // GET_DESCRIPTOR
		if err := c.transfer(at, deviceWide, 0x80, &setup, nil, d.data); err != nil {
			return nil, err
		}
	}
	return c, ng.Flush()
}

// report writes one report: submitted and completed.
func (c *usbCapture) report(at time.Time, toHost bool, r []byte) error {
	endpoint, out, in := byte(endpointOut), r, []byte(nil)
	if toHost {
		endpoint, out, in = endpointIn, nil, r
	}
	if err := c.transfer(at, interrupt, endpoint, nil, out, in); err != nil {
		return err
	}
	return c.w.Flush()
}

// transfer writes the two halves of a transfer.
func (c *usbCapture) transfer(at time.Time, kind, endpoint byte, setup *[8]byte, out, in []byte) error {
	length := max(len(out), len(in))
	for _, half := range []struct {
		event  byte
		status int32
		data   []byte
	}{{submitted, inProgress, out}, {completed, 0, in}} {
		h := make([]byte, usbmonHeader, usbmonHeader+len(half.data))
		binary.LittleEndian.PutUint64(h, c.next)
		h[8], h[9], h[10], h[11] = half.event, kind, endpoint, deviceNumber
		binary.LittleEndian.PutUint16(h[12:], busNumber)
		h[14], h[15] = '-', 0
		if setup != nil && half.event == submitted {
			h[14] = 0
			copy(h[40:], setup[:])
		}
		if half.data == nil {
			h[15] = map[bool]byte{true: '<', false: '>'}[endpoint&0x80 != 0]
		}
		binary.LittleEndian.PutUint64(h[16:], uint64(at.Unix()))
		binary.LittleEndian.PutUint32(h[24:], uint32(at.Nanosecond()/1000))
		binary.LittleEndian.PutUint32(h[28:], uint32(half.status))
		binary.LittleEndian.PutUint32(h[32:], uint32(length))
		binary.LittleEndian.PutUint32(h[36:], uint32(len(half.data)))
		packet := append(h, half.data...)
		info := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(packet), Length: len(packet)}
		if err := c.w.WritePacket(info, packet); err != nil {
			return err
		}
	}
	c.next++
	return nil
}

// usbDescriptors are those of a FIDO device with one interface and two interrupt endpoints. See CTAP 2.1, Section 11.2.8.
func usbDescriptors(id hid.Identity) (device, configuration, report []byte) {
	word := func(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
	report = hid.ReportDescriptor()
	device = slices.Concat([]byte{18, 1}, word(0x0200), []byte{0, 0, 0, 64}, word(id.Vendor), word(id.Product), word(id.Version), []byte{1, 2, 3, 1})
	body := slices.Concat([]byte{9, 4, 0, 0, 2, 3, 0, 0, 0}, []byte{9, 0x21}, word(0x0111), []byte{0, 1, 0x22}, word(uint16(len(report))),
		[]byte{7, 5, endpointIn, 3, 64, 0, 5}, []byte{7, 5, endpointOut, 3, 64, 0, 5})
	return device, slices.Concat([]byte{9, 2}, word(uint16(9+len(body))), []byte{1, 1, 0, 0x80, 50}, body), report
}

func (c *cli) keyCapture() *cobra.Command {
	cmd := &cobra.Command{Use: "capture FILE.pcapng [SERIAL]", Short: "Write what passes between programs and a key to a file for Wireshark, until interrupted",
		Example: "  mfalab key capture ./key.pcapng\n  mfalab key capture ./key.pcapng 12345678", Args: cobra.RangeArgs(1, 2)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var st control.Status
			if err := lab.Get(ctx, "/v1/status", &st); err != nil {
				return err
			}
			if st.URL == "" {
				return hinted{errors.New("no lab is running whose keys could be watched"), "`mfalab up` or `mfalab exec` runs one"}
			}
			serial, err := c.oneKey(ctx, lab, args[1:])
			if err != nil {
				return err
			}
			path := "/v1/keys/" + url.PathEscape(serial)
			var p live.KeyProfile
			if err := lab.Get(ctx, path+"/profile", &p); err != nil {
				return err
			}
			f, err := os.OpenFile(c.path(args[0]), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			begun := func() {
				fmt.Fprintf(c.err, "mfalab: hint: what passes goes into %s until you interrupt\n", args[0])
			}
			err = captureTo(f, p.USB, begun, func(each func(line []byte) error) error { return lab.Stream(ctx, path+"/capture", each) })
			if err = errors.Join(err, f.Close()); ctx.Err() != nil {
				return nil // whoever captures stops by interrupting
			}
			return err
		})
	}
	return cmd
}

// captureTo writes the frames of a stream, and calls begun once the first report that passes will be among them.
func captureTo(w io.Writer, id hid.Identity, begun func(), stream func(each func(line []byte) error) error) error {
	capture, err := newUSBCapture(w, time.Now(), id)
	if err != nil {
		return err
	}
	return stream(func(line []byte) error {
		var f live.Frame
		if err := json.Unmarshal(line, &f); err != nil {
			return fmt.Errorf("the capture cannot be read: %w", err)
		}
		switch {
		case f.Lost > 0:
			return fmt.Errorf("%d reports passed faster than they could be written: the capture ends before them", f.Lost)
		case f.Event != nil && f.Event.Name == live.Watching:
			begun()
			return nil
		case f.Report == nil:
			return nil
		}
		return capture.report(f.At, f.ToHost, f.Report)
	})
}
