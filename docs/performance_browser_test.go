package docs_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

var browserFigures = []figure{{
	what:     "Chromium by preload: what a login takes longer",
	against:  "a login with its own virtual authenticator",
	absolute: true,
	bound:    atMost(25e6, "25 ms"),
	show:     span,
	how: "`navigator.credentials.get` on a page of localhost, the touch automatic, ten in a row, as the page itself measures them:\n" +
		"with a key of the lab that Debian's Chromium has found on the bus, and with the authenticator that the browser simulates in\n" +
		"itself (`WebAuthn.addVirtualAuthenticator`). The figure is the difference; same browser, same page, in turn.",
	measure: func(t *testing.T) measured { return inChromium(t, "log in") },
}, {
	what:     "Chromium by preload: what a registration takes longer",
	against:  "a registration with its own virtual authenticator",
	absolute: true,
	bound:    atMost(25e6, "25 ms"),
	show:     span,
	how:      "Likewise, with `navigator.credentials.create`; the credential is not discoverable, and the attestation is none.",
	measure:  func(t *testing.T) measured { return inChromium(t, "register") },
}}

// ceremonies are what the page does, each so often, and the milliseconds that one took.
var ceremonies = map[string]string{
	"register": `timed(10, register)`,
	"log in":   `register().then(c => timed(10, () => login(c.rawId)))`,
}

const ceremonyPage = `<!DOCTYPE html><title>ceremonies</title><script>
const bytes = n => crypto.getRandomValues(new Uint8Array(n));
const register = () => navigator.credentials.create({publicKey: {
  rp: {name: "figures"}, user: {id: bytes(16), name: "alice", displayName: "Alice"}, challenge: bytes(32),
  pubKeyCredParams: [{type: "public-key", alg: -7}], authenticatorSelection: {residentKey: "discouraged", userVerification: "discouraged"}}});
const login = id => navigator.credentials.get({publicKey: {
  challenge: bytes(32), allowCredentials: [{type: "public-key", id, transports: ["usb"]}], userVerification: "discouraged"}});
async function timed(n, ceremony) {
  const began = performance.now();
  for (let i = 0; i < n; i++) await ceremony();
  return (performance.now() - began) / n;
}
</script>`

// inChromium measures a ceremony with a key of the lab's and with the browser's own.
func inChromium(t *testing.T, ceremony string) measured {
	page := chromiumWithKey(t)
	once := func() float64 {
		ms, err := chromedp.Run(page, chromedp.Evaluate[float64](ceremonies[ceremony], chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		return ms * 1e6
	}
	var m, whole measured
	for range rounds {
		preloaded := once()
		require.NoError(t, chromedp.Do(page, simulated(true)))
		own := once()
		require.NoError(t, chromedp.Do(page, simulated(false)))
		m.samples = append(m.samples, sample{preloaded - own, own})
		whole.samples = append(whole.samples, sample{value: preloaded})
	}
	took, _, _ := whole.reading()
	m.aside = fmt.Sprintf("With the lab's key it took %s.", span(took))
	return m
}

// simulated puts the browser's own authenticator in the place of everything that is plugged in, or takes it away.
func simulated(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if !on {
			_, err := cdp.Call(ctx, target, webauthn.Disable, cdp.Empty{})
			return err
		}
		if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2,
				Transport: webauthn.AuthenticatorTransportUsb, AutomaticPresenceSimulation: true}})
		return err
	})
}

// chromiumWithKey starts a lab with a key that touches itself, and Chromium on the lab's bus with the page of ceremonies.
func chromiumWithKey(t *testing.T) context.Context {
	lab := opened(t, live.Options{Dir: t.TempDir(), Seed: "performance"})
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	require.NoError(t, lab.OpenBus(t.Context()))
	_, err := lab.NewKey(t.Context(), live.KeySpec{Presence: u2f.Presence{Mode: u2f.Auto}})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(ceremonyPage)) // a browser that has gone needs no page
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	return chromiumAt(t, lab, "http://localhost:"+port+"/")
}

// chromiumAt starts Chromium on the lab's bus, before a page.
func chromiumAt(t *testing.T, lab *live.Lab, address string) context.Context {
	shim, err := sock.Shim(t.Context())
	require.NoError(t, err)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoInheritEnv,
		chromedp.Env(sock.Environ(os.Environ(), shim, lab.BusDir())...), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	t.Cleanup(cancel)
	page, _ := chromedp.NewContext(ctx)
	t.Cleanup(func() { require.NoError(t, chromedp.Cancel(page)) })
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(address)), "measuring needs Debian's package chromium")
	return page
}
