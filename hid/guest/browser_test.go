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
	"sync"
	"syscall"
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
	close      func()
}

// A signed is what the page shows for a login.
type signed struct {
	Error      string
	Key        []byte // SubjectPublicKeyInfo
	Data       []byte
	ClientData []byte
	Signature  []byte
}

// startChromium returns as soon as the process runs.
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

	b.open()
	return b
}

// Our choice: how long Chromium may take for its start, and for a step of a ceremony: several times what it takes on two busy cores.
// Without either a browser that hangs would be known by nothing but a guest that never ends.
const (
	startPatience = 5 * time.Minute
	stepPatience  = 3 * time.Minute
)

// open starts Chromium. Its switches are for a machine that is some fifty times slower than others: fewer processes, and a
// patience among them that outlasts their start.
func (b *browser) open() {
	profile, err := os.MkdirTemp("", "chromium") // what is killed may write there still, and the guest is thrown away
	require.NoError(b, err)
	cmd := exec.Command("/usr/lib/chromium/chromium", "--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu",
		"--in-process-gpu", "--disable-software-rasterizer", "--enable-features=NetworkServiceInProcess,NetworkServiceInProcess2",
		"--ipc-connection-timeout=300", "--disable-quic", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-extensions", "--user-data-dir="+profile, b.origin)
	cmd.Stderr = os.Stderr // the guest's console, which is shown when something failed
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(b, cmd.Start())
	b.close = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	b.Cleanup(b.close)
}

// started waits until the page is open, and gives it a challenge. A browser that does not come so far is started once more, and
// that is told among what was shown.
func (b *browser) started(challenge string) {
	b.Helper()
	select {
	case b.challenges <- []byte(challenge):
	case <-time.After(startPatience):
		b.diagnose()
		fmt.Printf("shown: CHROMIUM HUNG at its start, for %v, and was started again\n", startPatience)
		b.close()
		b.open()
		b.begin(challenge, startPatience)
	}
	b.shown("Chromium has started")
}

// begin gives the page a challenge; it has it when begin returns.
func (b *browser) begin(challenge string, patience time.Duration) {
	b.Helper()
	select {
	case b.challenges <- []byte(challenge):
	case <-time.After(patience):
		b.diagnose()
		b.Fatalf("the page did not ask for a challenge in %v", patience)
	}
}

// diagnose tells the console who is busy, and what the threads of Chromium wait for in the kernel.
func (b *browser) diagnose() {
	b.Helper()
	out, _ := exec.Command("sh", "-c", `top -b -n 2 -d 3 | head -n 60; ps
		for p in $(pidof chromium); do for t in /proc/$p/task/*; do
			echo "$t $(cat $t/comm $t/wchan $t/stat 2>&1 | tr '\n' ' ')"; done; done; dmesg | tail -n 20`).CombinedOutput()
	fmt.Printf("%s\n", out)
}

// end waits for the ceremony, and verifies what was signed in it.
func (b *browser) end(challenge, what string) {
	b.Helper()
	var s signed
	select {
	case s = <-b.results:
	case <-time.After(stepPatience):
		b.diagnose()
		b.Fatalf("no result in %v: %s", stepPatience, what)
	}
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
	b.started("over uhid")
	b.end("over uhid", "Chromium registers a key at uhid and logs in with it")
	b.command("mfalab", "key", "unplug", "KEY001")
	b.begin("over usbip", stepPatience)
	b.command("usbip", "attach", "-r", "127.0.0.1", "-b", "1-1")
	b.end("over usbip", "Chromium waits for a key that usbip attaches, registers it and logs in with it")
}
