package endpoint_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

// start serves h on a loopback port until the test ends and returns its address and what stops it.
func start(t testing.TB, h http.Handler) (address string, stop func() error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return startOn(t, l, h)
}

func startOn(t testing.TB, l net.Listener, h http.Handler) (address string, stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- endpoint.Serve(ctx, l, h) }()
	stop = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	t.Cleanup(func() { require.NoError(t, stop()) })
	return l.Addr().String(), stop
}

func newAuthority(t testing.TB) *endpoint.Authority {
	a, err := endpoint.NewAuthority()
	require.NoError(t, err)
	return a
}

// through returns a client that reaches everything through the proxy at address and trusts only a.
func through(t testing.TB, address string, a *endpoint.Authority, h2 bool) *http.Client {
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(a.CertificatePEM()))
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: address}),
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func read(t testing.TB, r *http.Response, err error) string {
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

func TestTheProxyServesAWSNames(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", h2), func(t *testing.T) {
			d, cfg := newDesk(t)
			cfg.Authority = newAuthority(t)
			cfg.Pages = pages
			address, _ := start(t, endpoint.New(cfg))
			client := through(t, address, cfg.Authority, h2)
			for _, host := range []string{"sts.amazonaws.com", "sts.eu-north-1.amazonaws.com"} {
				r, err := http.NewRequest("POST", "https://"+host+"/", strings.NewReader(whoami))
				require.NoError(t, err)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				answer, err := client.Do(sign(t, r, "sts"))
				require.Contains(t, read(t, answer, err), "<GetCallerIdentityResponse")
				require.Equal(t, map[bool]int{false: 1, true: 2}[h2], answer.ProtoMajor)
			}
			require.Len(t, d.calls, 2)
			require.Equal(t, "127.0.0.1", d.calls[0].SourceIP)
			answer, err := client.Get("https://iam.amazonaws.com/v1/fobs")
			require.Contains(t, read(t, answer, err), "MissingAction", "a page answered for AWS")
		})
	}
}

func TestTheProxyRefusesTheRest(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Pages = pages
	cfg.AllowHosts = []string{"mfalab"}
	without, _ := start(t, endpoint.New(cfg))
	cfg.Authority = newAuthority(t)
	with, _ := start(t, endpoint.New(cfg))
	const never = "is not served here, and the lab's proxy never passes a request on: add the host to NO_PROXY, or unset HTTPS_PROXY"
	const evil = "iam.amazonaws.com.evil.example:443"
	tests := []struct{ name, address, request, line string }{
		{"a foreign host", with, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443", `mfalab: "example.com:443" ` + never},
		{"a name that only looks like AWS's", with, "CONNECT " + evil + " HTTP/1.1\r\nHost: x", `"` + evil + `" ` + never},
		{"another port", with, "CONNECT iam.amazonaws.com:22 HTTP/1.1\r\nHost: x", `"iam.amazonaws.com:22" ` + never},
		{"no port", with, "CONNECT iam.amazonaws.com HTTP/1.1\r\nHost: x", `"iam.amazonaws.com" ` + never},
		{"the lab itself", with, "CONNECT 127.0.0.1:6325 HTTP/1.1\r\nHost: x", `"127.0.0.1:6325" ` + never},
		{"a name that the lab answers to", with, "CONNECT mfalab:443 HTTP/1.1\r\nHost: x", `"mfalab:443" ` + never},
		{"any host, without the proxy", without, "CONNECT iam.amazonaws.com:443 HTTP/1.1\r\nHost: x",
			"mfalab: this lab runs without its proxy: add"},
		{"a plain request to a foreign host", with, "GET http://example.com/ HTTP/1.1\r\nHost: example.com", `mfalab: "example.com" ` + never},
		{"a plain request with two hosts", with, "GET http://example.com/ HTTP/1.1\r\nHost: localhost", `mfalab: "example.com" ` + never},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := net.Dial("tcp", tt.address)
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, tt.request+"\r\nConnection: close\r\n\r\n")
			require.NoError(t, err)
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			body := read(t, answer, err)
			require.Equal(t, 403, answer.StatusCode)
			require.Contains(t, body, tt.line)
			require.Equal(t, 1, strings.Count(body, "\n"), "one line")
		})
	}
}

// TestATunnelTakesWhatCameWithTheConnect sends the greeting of TLS without waiting for the answer to CONNECT.
func TestATunnelTakesWhatCameWithTheConnect(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	address, _ := start(t, endpoint.New(cfg))
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer c.Close()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(cfg.Authority.CertificatePEM()))
	const connect = "CONNECT iam.amazonaws.com:443 HTTP/1.1\r\nHost: iam.amazonaws.com:443\r\n\r\n"
	eager := &eagerConn{Conn: c, prefix: connect, in: bufio.NewReader(c)}
	inside := tls.Client(eager, &tls.Config{RootCAs: roots, ServerName: "iam.amazonaws.com"})
	_, err = io.WriteString(inside, "GET / HTTP/1.1\r\nHost: iam.amazonaws.com\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(inside), nil)
	require.Contains(t, read(t, answer, err), "MissingAction")
}

// eagerConn writes prefix in one piece with the first bytes, and swallows the head of the answer to it.
type eagerConn struct {
	net.Conn
	prefix string
	in     *bufio.Reader
	inside bool
}

func (c *eagerConn) Write(b []byte) (int, error) {
	n := len(b)
	b = append([]byte(c.prefix), b...)
	c.prefix = ""
	_, err := c.Conn.Write(b)
	return n, err
}

func (c *eagerConn) Read(b []byte) (int, error) {
	for !c.inside {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		c.inside = line == "\r\n"
	}
	return c.in.Read(b)
}

func TestATunnelCannotServeAnotherName(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	address, _ := start(t, endpoint.New(cfg))
	client := through(t, address, cfg.Authority, false)
	trust := client.Transport.(*http.Transport).TLSClientConfig
	trust.ServerName, trust.InsecureSkipVerify = "example.com", true // only the lab can refuse
	_, err := client.Get("https://iam.amazonaws.com/")
	require.ErrorContains(t, err, "remote error: tls: ")
	// Inside a tunnel there is no second one.
	trust.ServerName, trust.InsecureSkipVerify = "", false
	r, err := http.NewRequest("CONNECT", "https://iam.amazonaws.com/", nil)
	require.NoError(t, err)
	r.Host = "sts.amazonaws.com:443"
	answer, err := client.Do(r)
	read(t, answer, err)
	require.Equal(t, 403, answer.StatusCode)
}

// TestNothingIsDialled proves it of the source: no name that opens a connection is used in it.
func TestNothingIsDialled(t *testing.T) {
	never := map[string]bool{"Client": true, "DefaultClient": true, "DefaultTransport": true, "Transport": true, "Get": true,
		"Post": true, "PostForm": true, "Head": true, "NewRequest": true, "NewRequestWithContext": true}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	files, selectors := 0, 0
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			require.NotContains(t, []string{`"net/http/httputil"`, `"os/exec"`, `"syscall"`, `"net/rpc"`, `"net/smtp"`}, spec.Path.Value)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				selectors++
				require.NotContains(t, s.Sel.Name, "Dial", entry.Name())
				if !strings.HasPrefix(s.Sel.Name, "LookupAttributes") { // CloudTrail's, not a name server's
					require.NotContains(t, s.Sel.Name, "Lookup", entry.Name())
				}
				if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "http" {
					require.False(t, never[s.Sel.Name], "%s: http.%s", entry.Name(), s.Sel.Name)
				}
			}
			return true
		})
	}
	require.GreaterOrEqual(t, files, 8)
	require.Greater(t, selectors, 200)
}

// telling is a listener that tells when it has been closed.
type telling struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

func (l *telling) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { close(l.closed) })
	return err
}

func TestServeLetsWhatIsUnderWayFinish(t *testing.T) {
	_, cfg := newDesk(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	cfg.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "finished")
	})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &telling{Listener: inner, closed: make(chan struct{})}
	address, stop := startOn(t, l, endpoint.New(cfg))
	answers := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + address + "/bench")
		if err != nil {
			answers <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		answers <- string(b)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	<-l.closed // first of all
	close(leave)
	require.NoError(t, <-stopped)
	require.Equal(t, "finished", <-answers)
}

func TestServeEndsIdleTunnels(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	address, stop := start(t, endpoint.New(cfg))
	client := through(t, address, cfg.Authority, false)
	answer, err := client.Get("https://iam.amazonaws.com/")
	read(t, answer, err)
	require.NoError(t, stop())
	_, err = client.Get("https://iam.amazonaws.com/")
	require.Error(t, err)
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, endpoint.Serve(t.Context(), l, http.NotFoundHandler()), net.ErrClosed)
}

func TestAShutDownEndpointTakesNoTunnel(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	e := endpoint.New(cfg)
	address, _ := start(t, http.HandlerFunc(e.ServeHTTP))
	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Shutdown(t.Context()), "twice is no error")
	_, err := through(t, address, cfg.Authority, false).Get("https://iam.amazonaws.com/")
	require.Error(t, err)
}
