//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A reportProgram talks to a key over a socket, and keeps what it has sent and what it got, report by report.
type reportProgram struct {
	t    testing.TB
	conn net.Conn
	host ctaphid.Host
	out  []hid.Report
	in   []hid.Report
}

func (p *reportProgram) write() {
	var r hid.Report
	for p.host.Transmit(&r) {
		_, err := p.conn.Write(r[:])
		require.NoError(p.t, err)
		p.out = append(p.out, r)
	}
}

// answer carries reports until there is an answer, and calls blinks each time that the key says that it waits for its user.
func (p *reportProgram) answer(blinks func()) ([]byte, error) {
	p.write()
	for !p.host.Done() {
		var r hid.Report
		if _, err := io.ReadFull(p.conn, r[:]); err != nil {
			return nil, err
		}
		p.in = append(p.in, r)
		p.host.Receive(&r)
		if _, status := p.host.Keepalives(); blinks != nil && status == ctaphid.StatusUPNeeded {
			blinks()
			p.write()
		}
	}
	b, err := p.host.Answer()
	return bytes.Clone(b), err
}

// ask sends a message; the key may want to be touched first.
func (p *reportProgram) ask(cmd ctaphid.Command, message []byte, blinks func()) []byte {
	p.t.Helper()
	require.NoError(p.t, p.host.Send(cmd, message))
	b, err := p.answer(blinks)
	require.NoError(p.t, err)
	return b
}

// captured is a report as tshark shows it.
type captured struct {
	toHost bool
	report hid.Report
}

// readByTshark returns what tshark finds in a capture, which it reads to its end without a complaint: two frames a transfer,
// the submission and its completion, and the report in one of them.
func readByTshark(t *testing.T, name string) (all []captured) {
	t.Helper()
	cmd := exec.Command(tshark, "-r", name, "-T", "fields", "-E", "separator=,", "-e", "usb.urb_id", "-e", "usb.urb_type",
		"-e", "usb.transfer_type", "-e", "usb.endpoint_address", "-e", "usbhid.data", "-e", "usb.capdata", "-e", "_ws.malformed")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &errs)
	require.NotContains(t, errs.String(), "cut short")
	frames := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Zero(t, len(frames)%2)
	for i := 0; i < len(frames); i += 2 {
		submitted, completed := strings.Split(frames[i], ","), strings.Split(frames[i+1], ",")
		require.Equal(t, submitted[0], completed[0], "the two halves of one transfer")
		require.Equal(t, []string{"'S'", "'C'"}, []string{submitted[1], completed[1]})
		require.Empty(t, submitted[6]+completed[6], "malformed")
		if i < 6 {
			require.Equal(t, "0x02", submitted[2], "descriptors come first, by control transfers")
			continue
		}
		require.Equal(t, "0x01", submitted[2], "an interrupt transfer")
		c := captured{toHost: submitted[3] == "0x81"}
		data, other := submitted, completed
		if c.toHost {
			data, other = completed, submitted
		}
		require.Equal(t, map[bool]string{false: "0x01", true: "0x81"}[c.toHost], data[3])
		require.Empty(t, other[4]+other[5])
		b, err := hex.DecodeString(data[4] + data[5])
		require.NoError(t, err)
		require.Len(t, b, hid.ReportSize)
		all = append(all, captured{c.toHost, hid.Report(b)})
	}
	return all
}

// messages puts together what passed in one direction, and returns the reports too.
func messages(all []captured, toHost bool) (list []ctaphid.Message, reports []hid.Report) {
	var a ctaphid.Assembly
	for _, c := range all {
		if c.toHost != toHost {
			continue
		}
		reports = append(reports, c.report)
		if m, whole := a.Add(&c.report); whole && m.Command != ctaphid.CmdKeepalive {
			list = append(list, m)
		}
	}
	return list, reports
}

// A whole ceremony, the longest message, a command that is cancelled, and a key that is pulled out in the middle of a message,
// of a lab that is killed then: tshark reads the file to its end, and what it shows is what was sent.
func TestTsharkReadsAWholeCeremony(t *testing.T) {
	requireClients(t, map[string]string{tshark: "tshark"})
	dir, owner := detached(t)
	do := func(args ...string) string {
		status, out, errs := mfalab(t, dir, args...)
		require.Zero(t, status, errs)
		return out
	}
	const serial = "KEY001"
	do("key", "new", "--serial", serial, "--unplugged")
	socket := filepath.Join(dir, "key.sock")
	do("key", "plug", serial, "--via", "sock:"+socket)

	// The capture says when it has begun.
	said, says := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(context.Background(), std{in: strings.NewReader(""), out: io.Discard, err: says, dir: dir,
			env: func(string) string { return "" }, environ: os.Environ}, []string{"key", "capture", "key.pcapng", serial})
		says.Close()
	}()
	begun := make([]byte, 1<<10)
	n, err := said.Read(begun)
	require.NoError(t, err)
	require.Equal(t, "mfalab: hint: what passes goes into key.pcapng until you interrupt\n", string(begun[:n]))
	var trouble bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = trouble.ReadFrom(said) })

	p := &reportProgram{t: t}
	p.conn, err = net.Dial("unix", socket)
	require.NoError(t, err)
	p.host.Open([8]byte{1, 2, 3, 4, 5, 6, 7, 8})
	_, err = p.answer(nil)
	require.NoError(t, err)
	touch := sync.OnceFunc(func() { do("key", "touch", serial) })
	making := ctap.MakeCredentialRequest{ClientDataHash: bytes.Repeat([]byte{1}, 32), RP: ctap.RelyingParty{ID: "example.org"},
		User: ctap.User{ID: []byte("alice")}, Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: -7}}}
	made := p.ask(ctaphid.CmdCBOR, making.Append([]byte{1}), touch)
	answer, err := ctap.ParseMakeCredentialResponse(made[1:])
	require.NoError(t, err)
	data, err := ctap.ParseAuthData(answer.AuthData)
	require.NoError(t, err)
	get := ctap.GetAssertionRequest{RPID: "example.org", ClientDataHash: bytes.Repeat([]byte{2}, 32),
		AllowList: []ctap.Descriptor{{Type: ctap.PublicKey, ID: data.CredentialID}}}
	signed := p.ask(ctaphid.CmdCBOR, get.Append([]byte{2}), sync.OnceFunc(func() { do("key", "touch", serial) }))
	require.Equal(t, ctap.OK, ctap.Status(signed[0]))
	longest := bytes.Repeat([]byte("mfalab"), ctaphid.MaxMessage/6)
	require.Equal(t, longest, p.ask(ctaphid.CmdPing, longest, nil))
	cancelled := p.ask(ctaphid.CmdCBOR, []byte{0x0b}, sync.OnceFunc(p.host.Cancel)) // it may blink again before it hears that
	require.Equal(t, []byte{byte(ctap.ErrKeepaliveCancel)}, cancelled)

	// The beginning of a message, of which no report has passed before, and the key is gone.
	require.NoError(t, p.host.Send(ctaphid.CmdPing, bytes.Repeat([]byte("pulled"), ctaphid.MaxMessage/6)))
	p.host.Transmit((*hid.Report)(begun[:hid.ReportSize]))
	first := hid.Report(begun[:hid.ReportSize])
	_, err = p.conn.Write(first[:])
	require.NoError(t, err)
	p.out = append(p.out, first)
	name := filepath.Join(dir, "key.pcapng")
	for { // until it is in the file; the key takes it before anybody can pull it out
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if bytes.Contains(text, first[:]) {
			break
		}
	}
	do("key", "unplug", serial)
	_, err = io.Copy(io.Discard, p.conn)
	require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
	require.NoError(t, syscall.Kill(owner.PID, syscall.SIGKILL))
	require.Equal(t, 1, <-ended)
	reading.Wait()
	require.Contains(t, trouble.String(), "mfalab: error: ")

	all := readByTshark(t, name)
	asked, out := messages(all, false)
	answered, in := messages(all, true)
	require.Equal(t, p.out, out, "report by report")
	require.Equal(t, p.in, in)
	channel := asked[1].Channel
	require.Equal(t, []ctaphid.Message{{Channel: ctaphid.Broadcast, Command: ctaphid.CmdInit, Data: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
		{Channel: channel, Command: ctaphid.CmdCBOR, Data: making.Append([]byte{1})}, {Channel: channel, Command: ctaphid.CmdCBOR, Data: get.Append([]byte{2})},
		{Channel: channel, Command: ctaphid.CmdPing, Data: longest}, {Channel: channel, Command: ctaphid.CmdCBOR, Data: []byte{0x0b}},
		{Channel: channel, Command: ctaphid.CmdCancel}}, asked)
	require.Equal(t, []ctaphid.Message{answered[0], {Channel: channel, Command: ctaphid.CmdCBOR, Data: made}, {Channel: channel, Command: ctaphid.CmdCBOR, Data: signed},
		{Channel: channel, Command: ctaphid.CmdPing, Data: longest}, {Channel: channel, Command: ctaphid.CmdCBOR, Data: cancelled}}, answered)
}
