//go:build linux

package guest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/page.html
var ceremonies []byte

// A browser has one page open, on which it registers a key and logs in with it whenever it is given a challenge.
type browser struct {
	*testing.T
	origin     string
	challenges chan []byte
	results    chan signed
	began      time.Time
}

// A signed is what the page shows for a login.
type signed struct {
	Error      string
	Key        []byte // SubjectPublicKeyInfo
	Data       []byte
	ClientData []byte
	Signature  []byte
}

// startChromium returns as soon as the process runs. Its switches are for a machine that is some fifty times slower than others:
// fewer processes, and a patience among them that outlasts their start.
func startChromium(t *testing.T) *browser {
	b := &browser{T: t, challenges: make(chan []byte), results: make(chan signed), began: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(ceremonies)
	})
	mux.HandleFunc("POST /challenge", func(w http.ResponseWriter, r *http.Request) {
		select {
		case c := <-b.challenges:
			_, _ = w.Write(c)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		var s signed
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			s.Error = err.Error()
		}
		b.results <- s
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	b.origin = "http://localhost:" + port

	cmd := exec.Command("/usr/lib/chromium/chromium", "--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu",
		"--in-process-gpu", "--disable-software-rasterizer", "--enable-features=NetworkServiceInProcess,NetworkServiceInProcess2",
		"--ipc-connection-timeout=300", "--disable-quic", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-extensions", "--user-data-dir="+t.TempDir(), b.origin)
	cmd.Stderr = os.Stderr // the guest's console, which is shown when something failed
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return b
}

// begin gives the page a challenge; it has it when begin returns.
func (b *browser) begin(challenge string) { b.challenges <- []byte(challenge) }

// end waits for the ceremony, and verifies what was signed in it.
func (b *browser) end(challenge, what string) {
	b.Helper()
	s := <-b.results
	require.Empty(b, s.Error)
	var said struct{ Type, Origin, Challenge string }
	require.NoError(b, json.Unmarshal(s.ClientData, &said))
	require.Equal(b, "webauthn.get", said.Type)
	require.Equal(b, b.origin, said.Origin)
	require.Equal(b, base64.RawURLEncoding.EncodeToString([]byte(challenge)), said.Challenge)
	party, client := sha256.Sum256([]byte("localhost")), sha256.Sum256(s.ClientData)
	require.True(b, bytes.HasPrefix(s.Data, party[:]))
	key, err := x509.ParsePKIXPublicKey(s.Key)
	require.NoError(b, err)
	digest := sha256.Sum256(append(s.Data, client[:]...))
	require.True(b, ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest[:], s.Signature))
	b.shown(what)
}

// shown tells how long it took since the last one.
func (b *browser) shown(what string) {
	fmt.Printf("shown: %s (%.1f s)\n", what, time.Since(b.began).Seconds())
	b.began = time.Now()
}

// command runs a command that has to succeed.
func (b *browser) command(name string, args ...string) {
	b.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(b, err, "%s", out)
}

// TestInsideChromium has one browser for two keys, as it takes long to start: KEY001 was at uhid before it, and KEY002 is attached
// by usbip while the page waits for a key.
func TestInsideChromium(t *testing.T) {
	inside(t)
	b := startChromium(t)
	b.begin("over uhid")
	b.shown("Chromium has started")
	b.end("over uhid", "Chromium registers a key at uhid and logs in with it")
	b.command("mfalab", "key", "unplug", "KEY001")
	b.begin("over usbip")
	b.command("usbip", "attach", "-r", "127.0.0.1", "-b", "1-1")
	b.end("over usbip", "Chromium waits for a key that usbip attaches, registers it and logs in with it")
}
