package endpoint

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// proxyHint tells what to do about a proxy that refuses.
const proxyHint = "add the host to NO_PROXY, or unset HTTPS_PROXY and HTTP_PROXY"

func refusedByProxy(host string) string {
	return fmt.Sprintf("%q is not served here, and the lab's proxy never passes a request on: %s", host, proxyHint)
}

// connect answers CONNECT: for the AWS names that the lab serves it speaks TLS itself and serves what comes through; for
// all others it refuses. RFC 9110, Section 9.3.6.
func (e *Endpoint) connect(w http.ResponseWriter, r *http.Request) {
	name := hostname(r.Host)
	switch _, port, err := net.SplitHostPort(r.Host); {
	case e.cfg.Authority == nil:
		forbid(w, "this lab runs without its proxy: "+proxyHint)
		return
	// A tunnel inside a tunnel could only lead back here.
	case r.TLS != nil, err != nil, port != "443", !tunnelledName(name):
		forbid(w, refusedByProxy(r.Host))
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		forbid(w, "CONNECT needs HTTP/1.1")
		return
	}
	established := "HTTP/1.1 200 Connection established\r\n"
	if weak := e.weakened(); weak != "" {
		established += "X-Mfalab-Weakened: " + weak + "\r\n"
	}
	// The tunnel's own server sets deadlines from here on.
	_ = conn.SetDeadline(time.Time{})
	if _, err := io.WriteString(conn, established+"\r\n"); err != nil {
		conn.Close()
		return
	}
	early := &earlyConn{Conn: conn, early: io.LimitReader(buffered, int64(buffered.Reader.Buffered()))}
	e.tunnels.serve(tls.Server(early, e.cfg.Authority.config(name)))
}

// earlyConn is a connection of which some bytes had been read before it was taken over.
type earlyConn struct {
	net.Conn
	early io.Reader
}

// Read reads those bytes first.
func (c *earlyConn) Read(b []byte) (int, error) {
	if n, err := c.early.Read(b); n > 0 || err == nil {
		return n, nil
	}
	return c.Conn.Read(b)
}

// tunnels is the server of what comes through the proxy, and the listener that it accepts from. It starts with the first
// tunnel.
type tunnels struct {
	server *http.Server
	conns  chan net.Conn
	start  sync.Once
	stop   sync.Once
	done   chan struct{}
}

func (t *tunnels) init(h http.Handler) {
	t.server, t.conns, t.done = newServer(h), make(chan net.Conn), make(chan struct{})
}

func (t *tunnels) serve(c net.Conn) {
	// Not before there is a tunnel: an Endpoint that is never asked for one has no goroutine to end.
	t.start.Do(func() { go t.server.Serve(t) })
	select {
	case t.conns <- c:
	case <-t.done:
		c.Close()
	}
}

// Accept waits for the next tunnel.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (t *tunnels) Close() error {
	t.stop.Do(func() { close(t.done) })
	return nil
}

// Addr names the listener; it has no address of its own.
func (t *tunnels) Addr() net.Addr { return &net.UnixAddr{Name: "tunnel", Net: "unix"} }

// Shutdown ends the proxy's tunnels: idle ones now, the others when their request has been answered or when ctx ends,
// and then by force. It does not touch the server that the Endpoint is the handler of. The error is that of ctx.
func (e *Endpoint) Shutdown(ctx context.Context) error {
	e.tunnels.Close()
	err := e.tunnels.server.Shutdown(ctx)
	if err != nil {
		e.tunnels.server.Close()
	}
	return err
}
