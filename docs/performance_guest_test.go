package docs_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/guest"
	"github.com/mfalab/mfalab/hid/hidtest"
	"github.com/mfalab/mfalab/hid/plug"
	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/hid/uhid"
	"github.com/mfalab/mfalab/hid/usbip"
	"github.com/mfalab/mfalab/u2f/flash"
)

var guestFigures = []figure{{
	what:    "57-byte PINGs over USB/IP, 10,000 of them",
	against: "10,000 over the unix socket",
	bound:   atLeast(0.5, "0.5x"),
	show:    perSecond,
	how: "A device that echoes, over loopback, with an importer of a few lines of Go instead of a kernel: it submits the report and the\n" +
		"transfer for the answer together. Against the same device on a bus, whose client is Go as well. Every answer is compared\n" +
		"with what was sent; none is lost.",
	measure: func(t *testing.T) measured {
		var m measured
		for range rounds {
			m.samples = append(m.samples, sample{pingRate(t, importing(t)), pingRate(t, onSocket(t))})
		}
		return m
	},
}, {
	what:  "a guest with a kernel of its own, built from nothing",
	bound: below(90e9, "90 s"),
	show:  span,
	how:   "Kernel and disk, Chromium included, of Debian's packages, which are fetched for it. Once.",
	measure: func(t *testing.T) measured {
		began := time.Now()
		_, err := guest.Build(t.Context(), t.TempDir())
		require.NoError(t, err)
		return measured{samples: []sample{{value: float64(time.Since(began))}}}
	},
}, {
	what:  "the same from the cache",
	bound: below(1e9, "1 s"),
	show:  span,
	how:   "What was built before is found again.",
	measure: func(t *testing.T) measured {
		builtGuest(t)
		return repeatedly(t, func(t *testing.T) float64 {
			began := time.Now()
			builtGuest(t)
			return float64(time.Since(began))
		})
	},
}, {
	what:  "a guest from boot to exit, with nothing to do",
	bound: below(12e9, "12 s"),
	show:  span,
	how:   "Under QEMU's software emulation, with one processor. Three times.",
	measure: func(t *testing.T) (m measured) {
		for range 3 {
			began := time.Now()
			boot(t, "exit 0\n")
			m.samples = append(m.samples, sample{value: float64(time.Since(began))})
		}
		return m
	},
}, {
	what:     "getAssertion through uhid and hidraw, in a guest: what it takes longer",
	against:  "the same in process, in the same guest",
	absolute: true,
	bound:    atMost(5e6, "5 ms"),
	show:     span,
	how: "A key that the guest's kernel has at `/dev/hidrawN`, and a client that writes and reads the node; touch automatic. Medians of\n" +
		"200 each, in turn. The figure is the difference.",
	measure: func(t *testing.T) measured {
		said := boot(t, "exec ./docs.test -test.v -test.run TestInsideGetAssertion\n")
		f := assertionFigure.FindStringSubmatch(said)
		require.NotNil(t, f, said)
		kernel, err := strconv.ParseFloat(f[1], 64)
		require.NoError(t, err)
		within, err := strconv.ParseFloat(f[2], 64)
		require.NoError(t, err)
		return measured{samples: []sample{{kernel - within, within}}, aside: "Through the kernel it took " + span(kernel) + "."}
	},
}}

var assertionFigure = regexp.MustCompile(`figure: getAssertion, median: (\d+) ns over uhid and hidraw, (\d+) ns in the process`)

func builtGuest(t *testing.T) guest.Guest {
	g, err := guest.Build(t.Context(), "")
	require.NoError(t, err)
	return g
}

// boot runs a script in a guest that has these tests beside it; its status has to be 0.
func boot(t *testing.T, script string) (said string) {
	g, tree := builtGuest(t), t.TempDir()
	at := filepath.Join(tree, "test")
	require.NoError(t, os.Mkdir(at, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(at, "run"), []byte(script), 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, exec.Command("cp", self, filepath.Join(at, "docs.test")).Run())
	said, status, err := g.Boot(t.Context(), tree, 1024, 120)
	require.NoError(t, err, said)
	require.Zero(t, status, said)
	return said
}

// TestInsideGetAssertion is for the inside of a guest.
func TestInsideGetAssertion(t *testing.T) {
	if os.Getenv("MFALAB_GUEST") == "" {
		t.Skip("left out: it is for the inside of a guest")
	}
	port, err := uhid.Plug(hid.Identity{Name: "mfalab"})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	device := ctaphid.NewDevice(newKey(t, &flash.Memory{}), ctaphid.Config{})
	go func() { ended <- plug.Serve(ctx, port, device, nil) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	node, err := os.OpenFile(port.Node(), os.O_RDWR, 0)
	require.NoError(t, err)
	defer node.Close()

	near, far := newDesk(t, &flash.Memory{}), &desk{}
	over := func(request []byte) []byte {
		if request != nil {
			require.NoError(t, far.host.Send(ctaphid.CmdCBOR, request))
		}
		answer, err := converse(&far.host, numbered{node})
		require.NoError(t, err)
		return answer[1:]
	}
	far.host.Open([8]byte{1})
	over(nil)
	wants := [2][]byte{asserting(t, over(registering())), asserting(t, near.ask(t, registering()))}
	asks := [2]func(){func() { over(wants[0]) }, func() { near.ask(t, wants[1]) }}
	var took [2][]time.Duration
	for range 200 {
		for i, ask := range asks {
			began := time.Now()
			ask()
			took[i] = append(took[i], time.Since(began))
		}
	}
	for _, all := range took {
		slices.Sort(all)
	}
	kernel, within := took[0][100], took[1][100]
	fmt.Printf("figure: getAssertion, median: %d ns over uhid and hidraw, %d ns in the process; %v more, 5ms at most\n",
		kernel.Nanoseconds(), within.Nanoseconds(), kernel-within) // whether that holds is for `make bench` to say, on a quiet machine
}

// numbered is a hidraw node, to which the report's number is written first.
type numbered struct{ *os.File }

func (n numbered) Write(b []byte) (int, error) { return n.File.Write(append([]byte{0}, b...)) }

// converse has the host speak over rw, a report at a time, until it has its answer.
func converse(host *ctaphid.Host, rw io.ReadWriter) ([]byte, error) {
	var r hid.Report
	for host.Transmit(&r) {
		if _, err := rw.Write(r[:]); err != nil {
			return nil, err
		}
	}
	for !host.Done() {
		if _, err := io.ReadFull(rw, r[:]); err != nil {
			return nil, err
		}
		host.Receive(&r)
	}
	return host.Answer()
}

// pingRate is how many PINGs a second it takes, of 10,000.
func pingRate(t *testing.T, rw io.ReadWriter) float64 {
	const pings = 10_000
	var host ctaphid.Host
	host.Open([8]byte{1})
	_, err := converse(&host, rw)
	require.NoError(t, err)
	message := make([]byte, 57)
	began := time.Now()
	for n := range pings {
		binary.BigEndian.PutUint32(message, uint32(n))
		require.NoError(t, host.Send(ctaphid.CmdPing, message))
		answer, err := converse(&host, rw)
		require.NoError(t, err)
		if string(answer) != string(message) {
			t.Fatalf("PING %d came back as %x", n, answer)
		}
	}
	return pings / time.Since(began).Seconds()
}

// echoing serves an echo at a port for the test's duration.
func echoing(t *testing.T, port hid.Port) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- plug.Serve(ctx, port, ctaphid.NewDevice(&hidtest.Echo{}, ctaphid.Config{}), nil) }()
	t.Cleanup(func() { stop(); <-ended })
}

// onSocket returns the client's end of an echo on a bus.
func onSocket(t *testing.T) io.ReadWriter {
	dir, err := os.MkdirTemp("", "mfalab") // a unix socket's path is short
	require.NoError(t, err)
	bus, err := sock.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { bus.Close(); os.RemoveAll(dir) })
	s, err := bus.Plug(hid.Identity{Name: "mfalab"})
	require.NoError(t, err)
	echoing(t, s)
	conn, err := net.Dial("unixpacket", s.Path())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// An importer has attached a device by USB/IP.
type importer struct {
	conn net.Conn
	in   *bufio.Reader
	sent []byte
}

const usbipHeader = 48

// importing returns an importer of an echo.
func importing(t *testing.T) io.ReadWriter {
	s, err := usbip.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	d, err := s.Plug(hid.Identity{Name: "mfalab"})
	require.NoError(t, err)
	conn, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = conn.Write(append([]byte{1, 0x11, 0x80, 3, 0, 0, 0, 0}, append([]byte(d.BusID()), make([]byte, 32-len(d.BusID()))...)...))
	require.NoError(t, err)
	port, err := d.Accept(t.Context())
	require.NoError(t, err)
	echoing(t, port)
	granted := make([]byte, 8+312)
	_, err = io.ReadFull(conn, granted)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 0x11, 0, 3, 0, 0, 0, 0}, granted[:8])
	return &importer{conn: conn, in: bufio.NewReader(conn)}
}

// Write submits a report to endpoint 1, and the transfer that fetches the next one.
func (i *importer) Write(b []byte) (int, error) {
	i.sent = i.sent[:0]
	for _, in := range []uint32{0, 1} {
		// Submit, number (2 where it is in), device 1-1, direction, endpoint, flags, length, 0, packets, interval, setup.
		for _, word := range []uint32{1, 1 + in, 1<<16 | 1, in, 1, 0, hid.ReportSize, 0, 0xffffffff, 5, 0, 0} {
			i.sent = binary.BigEndian.AppendUint32(i.sent, word)
		}
		if in == 0 {
			i.sent = append(i.sent, b...)
		}
	}
	_, err := i.conn.Write(i.sent)
	return len(b), err
}

// Read waits for that one, over the answer to the report.
func (i *importer) Read(b []byte) (int, error) {
	var head [usbipHeader]byte
	for {
		if _, err := io.ReadFull(i.in, head[:]); err != nil {
			return 0, err
		}
		switch number := binary.BigEndian.Uint32(head[4:]); {
		case binary.BigEndian.Uint32(head[20:]) != 0:
			return 0, errors.New("a transfer failed")
		case number == 2:
			return io.ReadFull(i.in, b[:hid.ReportSize])
		}
	}
}
