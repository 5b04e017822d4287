package usbip

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

var labKey = hid.Identity{Vendor: 0x1209, Product: 0xf1d0, Version: 0x0512, Name: "Acme Lab Key", Serial: "00000007"}

// An importer is the client's side of an attach: vhci-hcd and usbhid in one. As a port it polls ahead, and does not wait
// until what it wrote has been taken.
type importer struct {
	conn   net.Conn
	in     *bufio.Reader
	device uint32

	mu     sync.Mutex // of what follows
	number uint32
	polls  int // to make up for
	polled bool
}

// ahead is how many IN transfers an importer keeps waiting.
const ahead = 8

// attach asks for a device. The answer has been read when it returns.
func attach(address, busID string) (*importer, exported, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, exported{}, err
	}
	shown, err := requestImport(conn, busID)
	if err != nil {
		conn.Close()
		return nil, exported{}, err
	}
	return &importer{conn: conn, in: bufio.NewReader(conn), device: shown.bus<<16 | shown.address}, shown, nil
}

func requestImport(conn net.Conn, busID string) (exported, error) {
	// In two pieces, as Linux sends it.
	if _, err := conn.Write(appendOp(nil, op{version, reqImport, 0})); err != nil {
		return exported{}, err
	}
	if _, err := conn.Write(appendText(nil, busID, busIDSize)); err != nil {
		return exported{}, err
	}
	if err := readOp(conn, repImport); err != nil {
		return exported{}, err
	}
	var b [deviceSize]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return exported{}, err
	}
	return parseExported(&b)
}

// readOp reads the head of an answer; a status other than success is an error.
func readOp(r io.Reader, code uint16) error {
	var b [opSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	if o := parseOp(&b); o != (op{version, code, granted}) {
		return fmt.Errorf("answer %+v", o)
	}
	return nil
}

// list asks for the devices.
func list(t testing.TB, address string) []exported {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(appendOp(nil, op{version, reqDevlist, 0}))
	require.NoError(t, err)
	require.NoError(t, readOp(conn, repDevlist))
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	devices := make([]exported, binary.BigEndian.Uint32(rest))
	rest = rest[4:]
	for i := range devices {
		devices[i], err = parseExported((*[deviceSize]byte)(rest))
		require.NoError(t, err)
		require.Equal(t, []byte{classHID, 0, 0, 0}, rest[deviceSize:deviceSize+4])
		rest = rest[deviceSize+4:]
	}
	require.Empty(t, rest)
	return devices
}

// send sends a command under the next number.
func (i *importer) send(c command, data ...byte) (number uint32, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.number++
	c.number, c.device = i.number, i.device
	_, err = i.conn.Write(append(appendCommand(nil, c), data...))
	return c.number, err
}

// answer reads a reply, and the n bytes at most that follow it if it is to an IN transfer.
func (i *importer) answer(in bool, data []byte) (reply, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(i.in, head[:]); err != nil {
		return reply{}, err
	}
	r, err := parseReply(&head)
	if err != nil || !in || r.kind != retSubmit {
		return r, err
	}
	if int(r.length) > len(data) {
		return r, fmt.Errorf("reply of %d bytes, room for %d", r.length, len(data))
	}
	_, err = io.ReadFull(i.in, data[:r.length])
	return r, err
}

// ask makes a control request that gives data, at most size bytes of it.
func (i *importer) ask(t testing.TB, kind, request byte, value, index uint16, size int) (answer []byte, status int32) {
	t.Helper()
	number, err := i.send(command{kind: cmdSubmit, in: true, length: uint32(size), setup: packed(kind, request, value, index, size)})
	require.NoError(t, err)
	data := make([]byte, size)
	r, err := i.answer(true, data)
	require.NoError(t, err)
	require.Equal(t, number, r.number)
	return data[:r.length], r.status
}

// tell makes a control request that carries data.
func (i *importer) tell(t testing.TB, kind, request byte, value, index uint16, data ...byte) (status int32) {
	t.Helper()
	c := command{kind: cmdSubmit, length: uint32(len(data)), setup: packed(kind, request, value, index, len(data))}
	number, err := i.send(c, data...)
	require.NoError(t, err)
	r, err := i.answer(false, nil)
	require.NoError(t, err)
	require.Equal(t, number, r.number)
	return r.status
}

func packed(kind, request byte, value, index uint16, size int) [8]byte {
	b := [8]byte{kind, request}
	binary.LittleEndian.PutUint16(b[2:], value)
	binary.LittleEndian.PutUint16(b[4:], index)
	binary.LittleEndian.PutUint16(b[6:], uint16(size))
	return b
}

// ReadReport implements hid.Port. The IN transfers are the only ones whose replies it does not pass over.
func (i *importer) ReadReport(r *hid.Report) error {
	for {
		var head [headerSize]byte
		if err := i.poll(); err != nil {
			return err
		}
		if _, err := io.ReadFull(i.in, head[:]); err != nil {
			return err
		}
		answer, err := parseReply(&head)
		switch {
		case err != nil:
			return err
		case answer.kind != retSubmit || answer.status != 0 || answer.length != hid.ReportSize:
			return fmt.Errorf("reply %+v", answer)
		case answer.number >= 1<<31: // of WriteReport
			continue
		}
		i.mu.Lock()
		i.polls++
		i.mu.Unlock()
		_, err = io.ReadFull(i.in, r[:])
		return err
	}
}

// poll submits IN transfers when half of them have been used.
func (i *importer) poll() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.polled {
		i.polls, i.polled = ahead, true
	}
	if i.polls < ahead/2 {
		return nil
	}
	b := make([]byte, 0, ahead*headerSize)
	for ; i.polls > 0; i.polls-- {
		i.number++
		b = appendCommand(b, command{kind: cmdSubmit, number: i.number, device: i.device, in: true, endpoint: endpoint,
			length: hid.ReportSize, interval: uint32(pollInterval)})
	}
	_, err := i.conn.Write(b)
	return err
}

// WriteReport implements hid.Port.
func (i *importer) WriteReport(r *hid.Report) error {
	var b [headerSize + hid.ReportSize]byte
	head := appendCommand(b[:0], command{kind: cmdSubmit, number: 1 << 31, device: i.device, endpoint: endpoint,
		length: hid.ReportSize, interval: uint32(pollInterval)})
	_, err := i.conn.Write(append(head, r[:]...))
	return err
}

// Close implements hid.Port: it hangs up.
func (i *importer) Close() error {
	i.conn.Close()
	return nil
}

// listen starts a server for the test's duration.
func listen(t testing.TB) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func plugKey(t testing.TB, s *Server) *Device {
	t.Helper()
	d, err := s.Plug(labKey)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// attached returns both ends of one more attach.
func attached(t testing.TB, d *Device) (hid.Port, *importer) {
	t.Helper()
	type end struct {
		port hid.Port
		err  error
	}
	accepted := make(chan end, 1)
	go func() {
		port, err := d.Accept(context.Background())
		accepted <- end{port, err}
	}()
	host, shown, err := attach(d.server.Addr().String(), d.BusID())
	require.NoError(t, err)
	require.Equal(t, d.shown, shown)
	e := <-accepted
	require.NoError(t, e.err)
	t.Cleanup(func() { e.port.Close(); host.Close() })
	return e.port, host
}
