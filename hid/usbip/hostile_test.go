package usbip

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

func dial(t testing.TB, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// limited is a server that waits for what is not zero.
func limited(t testing.TB, most limits) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := serve(l, most)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestRequestsThatAreRefused(t *testing.T) {
	s := listen(t)
	plugKey(t, s)
	busID := func(text string) []byte {
		return append(appendOp(nil, op{version, reqImport, 0}), (text + strings.Repeat("\x00", busIDSize))[:busIDSize]...)
	}
	for _, c := range []struct {
		name string
		sent []byte
		want op
	}{
		{"another version", appendOp(nil, op{0x0106, reqDevlist, 0}), op{version, repDevlist, refused}},
		{"another byte order", appendOp(nil, op{0x1101, 0x0580, 0}), op{version, 0x0580, refused}},
		{"an operation that is none", appendOp(nil, op{version, 0x80ff, 0}), op{version, 0x00ff, refused}},
		{"an answer", appendOp(nil, op{version, repDevlist, 0}), op{version, repDevlist, refused}},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), op{version, 0x5420, refused}},
		{"zeros", make([]byte, 4096), op{version, 0, refused}},
		{"a bus ID that is too long", busID(strings.Repeat("1", 32)), op{version, repImport, refused}},
		{"a bus ID that is not there", busID("1-2"), op{version, repImport, unknown}},
		{"no bus ID", busID(""), op{version, repImport, unknown}},
		{"more after it", append(busID("9-9"), make([]byte, 60_000)...), op{version, repImport, unknown}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, s)
			_, err := conn.Write(c.sent)
			require.NoError(t, err)
			got, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.Equal(t, appendOp(nil, c.want), got)
		})
	}
}

// A talker is a stranger that has more to say than anybody asked.
type talker struct {
	script
	halfClosed int // how much of it had been read when the answer was complete
}

func (c *talker) SetDeadline(time.Time) error { return nil }
func (c *talker) CloseWrite() error           { c.halfClosed = int(c.in.Size()) - c.in.Len(); return nil }

func TestARefusalIsNotCutOffByWhatNobodyRead(t *testing.T) {
	s := &Server{}
	c := &talker{script: script{in: bytes.NewReader(append(appendOp(nil, op{version, 0x80ff, 0}), make([]byte, 1000)...))}}
	s.greet(c)
	require.Equal(t, appendOp(nil, op{version, 0x00ff, refused}), c.out.Bytes())
	require.Equal(t, opSize, c.halfClosed)
	require.Zero(t, c.in.Len(), "the system resets a connection that is closed with something unread in it")
}

func TestTwoImportsOfOneDevice(t *testing.T) {
	s := limited(t, limits{request: patience, accept: patience})
	d := plugKey(t, s)
	port, host := attached(t, d)
	_, _, err := attach(s.Addr().String(), d.BusID())
	require.EqualError(t, err, "answer {version:273 code:3 status:2}")
	require.NoError(t, host.WriteReport(report(1)))
	requireReport(t, 1, port)
}

func TestAnImportThatNobodyAccepts(t *testing.T) {
	s := limited(t, limits{request: patience, grace: patience})
	d := plugKey(t, s)
	for range 2 { // the first one leaves the device to the second
		_, _, err := attach(s.Addr().String(), d.BusID())
		require.EqualError(t, err, "answer {version:273 code:3 status:1}")
		require.Nil(t, d.Importer())
	}
}

func TestNonsenseAfterTheImport(t *testing.T) {
	d := plugKey(t, listen(t))
	const device = 1<<16 | 1
	for _, c := range []struct {
		name string
		sent []byte
		want string // "": it hung up
	}{
		{"zeros", words()[:], "command 0x0 is neither a submit nor an unlink"},
		{"another device's number", words(1, 1, device+1, 1, 1, 0, 64)[:], "device 0x10002 is not the one that was imported, 0x10001"},
		{"a length beyond bounds", words(1, 1, device, 0, 1, 0, 0x7fffffff)[:], "a transfer of 2147483647 bytes is longer than 65535"},
		{"isochronous packets", words(1, 1, device, 0, 1, 0, 64, 0, 1)[:], "1 isochronous packets"},
		{"half a header", words(1, 1, device)[:20], ""},
		{"half the data", append(words(1, 1, device, 0, 1, 0, 64)[:], 1, 2, 3), ""},
		{"less than was promised to be thrown away", append(words(1, 1, device, 0, 1, 0, 6400)[:], make([]byte, 100)...), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			port, host := attached(t, d)
			_, err := host.conn.Write(c.sent)
			require.NoError(t, err)
			if c.want == "" {
				require.NoError(t, host.Close())
				require.ErrorIs(t, port.ReadReport(new(hid.Report)), io.EOF)
				return
			}
			err = port.ReadReport(new(hid.Report))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "usbip: importer 127.0.0.1:")
			_, err = io.ReadAll(host.conn)
			require.NoError(t, err)
		})
	}
}

func TestAnUnlinkOfNothing(t *testing.T) {
	_, host := attached(t, plugKey(t, listen(t)))
	number, err := host.send(command{kind: cmdUnlink, target: 12345})
	require.NoError(t, err)
	r, err := host.answer(false, nil)
	require.NoError(t, err)
	require.Equal(t, reply{kind: retUnlink, number: number}, r)
}

func TestSlowStrangersAreHungUpOn(t *testing.T) {
	s := limited(t, limits{request: 5 * time.Millisecond})
	request := append(appendOp(nil, op{version, reqImport, 0}), make([]byte, busIDSize)...)
	for n := range request {
		conn := dial(t, s)
		_, _ = conn.Write(request[:n]) // too late, perhaps, and then the end is a reset
		got, _ := io.ReadAll(conn)
		require.Empty(t, got)
	}
}

// What is refused is the time that a request takes, however much of it comes meanwhile.
func TestASlowLorisIsHungUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{limits: limits{request: patience}}
		near, far := net.Pipe()
		go s.greet(far)
		request := append(appendOp(nil, op{version, reqImport, 0}), make([]byte, busIDSize)...)
		const pause = 300 * time.Millisecond
		for n := range request {
			_, err := near.Write(request[n : n+1])
			if time.Duration(n)*pause > patience {
				require.ErrorIs(t, err, io.ErrClosedPipe)
				break
			}
			require.NoError(t, err)
			require.Less(t, n, len(request)-1)
			time.Sleep(pause)
		}
	})
}

func TestAThousandConnectsShutNobodyOut(t *testing.T) {
	s := listen(t)
	d := plugKey(t, s)
	port, host := attached(t, d)
	other := plugKey(t, s)
	for n := range 1000 {
		conn := dial(t, s)
		if n%100 == 99 {
			require.Len(t, list(t, s.Addr().String()), 2)
			_, late := attached(t, other)
			require.NoError(t, late.Close())
			s.mu.Lock()
			require.LessOrEqual(t, len(s.strangers), maxStrangers)
			s.mu.Unlock()
		}
		if n < 900 {
			t.Cleanup(func() {
				_, err := conn.Read(make([]byte, 1))
				require.Error(t, err, "one of the older ones has been hung up on")
			})
		}
	}
	require.NoError(t, host.WriteReport(report(1)))
	requireReport(t, 1, port)
}

// A clogged is a connection that asked for something and does not take the answer.
type clogged struct {
	script
	asked, closed  chan struct{}
	asking, ending sync.Once
}

func (c *clogged) Write([]byte) (int, error) {
	c.asking.Do(func() { close(c.asked) })
	<-c.closed
	return 0, net.ErrClosed
}

func (c *clogged) Close() error {
	c.ending.Do(func() { close(c.closed) })
	return nil
}

func TestAnImporterThatDoesNotReadIsUnpluggedAllTheSame(t *testing.T) {
	d := newDevice(nil, 1, labKey)
	ask := appendCommand(nil, command{
		kind: cmdSubmit, device: 1<<16 | 1, in: true, length: 255, setup: packed(0x80, 6, 0x0200, 0, 255),
	})
	conn := &clogged{script: script{in: bytes.NewReader(ask)}, asked: make(chan struct{}), closed: make(chan struct{})}
	p := newPort(d, conn)
	var running sync.WaitGroup
	running.Go(func() { p.serve(nil) })
	<-conn.asked
	written := make(chan error, 1)
	running.Go(func() { written <- p.WriteReport(report(1)) })
	require.NoError(t, p.Close())
	running.Wait()
	require.ErrorIs(t, <-written, net.ErrClosed)
	require.ErrorIs(t, p.ReadReport(new(hid.Report)), net.ErrClosed)
}

// A counting is a connection that counts how often its owner woke up to read or write.
type counting struct {
	net.Conn
	reads, writes, ends *atomic.Int64
}

func (c counting) Read(b []byte) (int, error) {
	c.reads.Add(1)
	n, err := c.Conn.Read(b)
	if err != nil {
		c.ends.Add(1)
	}
	return n, err
}

func (c counting) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

type countingListener struct {
	net.Listener
	reads, writes, ends atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return counting{conn, &l.reads, &l.writes, &l.ends}, nil
}

func TestAHangUpWakesOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		hangUp func(host *importer)
	}{
		{"closed", func(host *importer) { host.Close() }},
		{"reset", func(host *importer) { _ = host.conn.(*net.TCPConn).SetLinger(0); host.Close() }},
		{"half closed", func(host *importer) { _ = host.conn.(*net.TCPConn).CloseWrite() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			l := &countingListener{Listener: inner}
			s := serve(l, limits{request: patience, accept: patience, grace: grace})
			d, err := s.Plug(labKey)
			require.NoError(t, err)
			port, host := attached(t, d)
			for range 4 {
				_, err := host.send(command{kind: cmdSubmit, in: true, endpoint: endpoint, length: hid.ReportSize})
				require.NoError(t, err)
			}
			require.NoError(t, host.WriteReport(report(1)))
			requireReport(t, 1, port)
			require.NoError(t, port.WriteReport(report(2)))
			_, err = host.answer(false, nil)
			require.NoError(t, err)

			c.hangUp(host)
			require.ErrorIs(t, port.ReadReport(new(hid.Report)), io.EOF)
			for range 1000 {
				require.ErrorIs(t, port.ReadReport(new(hid.Report)), io.EOF)
				require.ErrorIs(t, port.WriteReport(report(1)), io.EOF)
			}
			require.NoError(t, s.Close()) // nothing runs any more
			require.Equal(t, int64(1), l.ends.Load(), "one read learned of it")
			require.LessOrEqual(t, l.writes.Load(), int64(3), "the answer to the import; the report taken and the one that came back")
			require.LessOrEqual(t, l.reads.Load(), int64(2+5+2), "the request in two, what came after it, and the end")
		})
	}
}

// A script is a connection on which everything has been said.
type script struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error) { return s.out.Write(b) }
func (s *script) Close() error                { return nil }
func (s *script) RemoteAddr() net.Addr        { return &net.TCPAddr{} }

// Whatever comes after an import: the port ends, with a reason; what was answered is replies, and not many more bytes than
// were asked for.
func FuzzImporter(f *testing.F) {
	d := newDevice(nil, 1, labKey)
	device := d.shown.bus<<16 | d.shown.address
	f.Add(appendCommand(nil, command{
		kind: cmdSubmit, number: 1, device: device, in: true, length: 64, setup: packed(0x80, 6, 0x0100, 0, 64),
	}))
	f.Add(append(appendCommand(nil, command{kind: cmdSubmit, number: 1, device: device, endpoint: 1, length: 64}), report(1)[:]...))
	f.Add(appendCommand(appendCommand(nil, command{kind: cmdSubmit, number: 1, device: device, in: true, endpoint: 1, length: 64}),
		command{kind: cmdUnlink, number: 2, device: device, target: 1}))
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn := &script{in: bytes.NewReader(sent)}
		p := newPort(d, conn)
		p.serve(nil)
		err := p.ReadReport(new(hid.Report))
		require.True(t, errors.Is(err, io.EOF) || strings.HasSuffix(err.Error(), ": detached"), err)
		commands := len(sent) / headerSize
		require.LessOrEqual(t, conn.out.Len(), commands*(headerSize+255))
		in := map[uint32]bool{}
		for rest := sent; len(rest) >= headerSize; {
			c, err := parseCommand((*[headerSize]byte)(rest))
			if err != nil || c.device != device {
				break
			}
			if in[c.number] = c.in && c.kind == cmdSubmit; len(in) != commands && c.data() > len(rest)-headerSize {
				break
			}
			rest = rest[min(len(rest), headerSize+c.data()):]
		}
		if len(in) == commands { // else numbers were used twice, or data looks like headers
			replies(t, conn.out.Bytes(), in)
		}
	})
}

func TestAcceptOutlivesAnImporterThatIsGone(t *testing.T) {
	d := plugKey(t, listen(t))
	conn := dial(t, d.server)
	_, err := conn.Write(appendText(appendOp(nil, op{version, reqImport, 0}), d.BusID(), busIDSize))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	port, err := d.Accept(context.Background())
	require.NoError(t, err)
	require.ErrorIs(t, port.ReadReport(new(hid.Report)), io.EOF)
	attached(t, d)
}
