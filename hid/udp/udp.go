// Package udp is a way in for emulator clients that speak raw reports in datagrams of 64 bytes, as the simulators of SoloKeys
// and Trezor do and their python-fido2 back ends expect. A datagram of 65 bytes that begins with the report ID 0 is
// understood too; one of any other length is ignored.
package udp

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// DefaultAddress is where Listen listens when it is not told: where the clients of the SoloKeys simulator look.
	DefaultAddress = "127.0.0.1:8111"

	// buffer is how many bytes the system is asked to keep for a reader that is slow: the longest message of 129 reports
	// several times over, with what the system adds to each datagram.
	buffer = 1 << 20
	// maxClients is how many clients see the device's reports. Datagrams do not say that a client is gone; the one that
	// was silent for longest makes room.
	maxClients = 8
)

// A Port is the device's end. Who has sent it a report is a client and sees each report from the device, as on a
// hidraw node, until eight others have sent one. Datagrams are lost where a client does not read.
type Port struct {
	conn *net.UDPConn

	mu      sync.Mutex
	clients []netip.AddrPort // the one that sent the latest report in front
}

// Listen waits for clients at address. Without a host it is the loopback, never every interface; "" is DefaultAddress,
// and port 0 a free one.
func Listen(address string) (*Port, error) {
	if address == "" {
		address = DefaultAddress
	}
	at, err := net.ResolveUDPAddr("udp", loopback(address))
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, err
	}
	enlarge(conn)
	return &Port{conn: conn}, nil
}

func loopback(address string) string {
	if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// enlarge asks for buffers; a system that gives less still works.
func enlarge(conn *net.UDPConn) {
	_ = conn.SetReadBuffer(buffer)
	_ = conn.SetWriteBuffer(buffer)
}

// Addr returns where clients find the port.
func (p *Port) Addr() net.Addr { return p.conn.LocalAddr() }

// ReadReport fills r with the next report from any client.
func (p *Port) ReadReport(r *hid.Report) error {
	var datagram [hid.ReportSize + 2]byte // one byte more than is understood, to tell what is too long
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(datagram[:])
		switch {
		case bounced(err):
		case err != nil && n == 0:
			return err
		case report(r, datagram[:n]):
			p.seen(from)
			return nil
		}
	}
}

// report fills r with datagram and reports whether it is one.
func report(r *hid.Report, datagram []byte) bool {
	if len(datagram) == hid.ReportSize+1 && datagram[0] == 0 {
		datagram = datagram[1:]
	}
	return len(datagram) == hid.ReportSize && copy(r[:], datagram) == hid.ReportSize
}

// bounced reports whether err says that an earlier datagram found nobody. The socket is as good as before.
func bounced(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// seen moves a client to the front, and lets the last one go when there are too many.
func (p *Port) seen(from netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := 0
	for i < len(p.clients) && p.clients[i] != from {
		i++
	}
	if i == len(p.clients) {
		if i < maxClients {
			p.clients = append(p.clients, from)
		} else {
			i--
		}
	}
	copy(p.clients[1:i+1], p.clients[:i])
	p.clients[0] = from
}

// WriteReport hands r to every client. A client that is gone, or does not read, is no error.
func (p *Port) WriteReport(r *hid.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, to := range p.clients {
		if _, err := p.conn.WriteToUDPAddrPort(r[:], to); errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	if len(p.clients) == 0 {
		return p.alive()
	}
	return nil
}

// alive returns an error once the port is closed.
func (p *Port) alive() error {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(uintptr) {})
}

// Close unplugs. Clients are not told: datagrams have no end.
func (p *Port) Close() error {
	if err := p.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Dial returns the host's end of the port that listens at address. It sees the device's reports from the first one on that
// it writes itself.
func Dial(address string) (hid.Port, error) {
	to, err := net.ResolveUDPAddr("udp", loopback(address))
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp", nil, to)
	if err != nil {
		return nil, err
	}
	enlarge(conn)
	return host{conn}, nil
}

type host struct{ conn *net.UDPConn }

func (h host) ReadReport(r *hid.Report) error {
	var datagram [hid.ReportSize + 2]byte
	for {
		n, err := h.conn.Read(datagram[:])
		if err != nil {
			return err
		}
		if report(r, datagram[:n]) {
			return nil
		}
	}
}

func (h host) WriteReport(r *hid.Report) error {
	_, err := h.conn.Write(r[:])
	return err
}

func (h host) Close() error {
	if err := h.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
