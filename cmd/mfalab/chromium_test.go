//go:build linux

package main

import (
	"context"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
)

// chromium is Debian's, driven by chromedp.
type chromium struct{ ctx context.Context }

func (c chromium) open(t *testing.T, url string) {
	t.Helper()
	require.NoError(t, c.does(chromedp.Navigate(url)), url)
}

// does does one step.
func (c chromium) does(actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(c.ctx, stepPatience)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

func (c chromium) ask(expression string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, stepPatience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
}

// atChromium sits down before Chromium.
func atChromium(t *testing.T, flags ...string) *desk {
	path := browserPath(t, "chromium")
	d := sitDown(t, flags...)
	ctx, cancel := chromedp.NewExecAllocator(d, chromedp.ExecPath(d.under(t, path)), chromedp.UserDataDir(d.data),
		chromedp.Flag("headless", "new"), chromedp.Flag("hide-scrollbars", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("allow-pre-commit-input", true), // a page is there before it has been painted, and is not to lose clicks until then
		chromedp.Flag("enable-ui-devtools", "0"), chromedp.Flag("enable-features", "ui-debug-tools-enable-synthetic-events"),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { grouped(t, cmd) }))
	t.Cleanup(cancel)
	page, _ := chromedp.NewContext(ctx)
	require.NoError(t, chromedp.Do(page))
	t.Cleanup(func() {
		if d.Err() == nil {
			require.NoError(t, chromedp.Cancel(page))
		}
	})
	d.browser = chromium{page}
	return d
}

func TestChromiumBelievesInTheKey(t *testing.T) {
	d := atChromium(t)
	d.plays(t, believed, extensions, virtual)
}

// believed is what a browser does with a key.
var believed = []part{
	{"a key is registered and logs in", (*desk).registersAndLogsIn},
	{"attestation ends at the lab's root and at no other", (*desk).attests},
	{"a key attests as a TPM does, and wrongly", (*desk).attestsAsATPM},
	{"a touch is a command, and key watch tells of the ceremony while it happens", (*desk).touchedAndWatched},
	{"the page gives up in mid-touch", (*desk).aborted},
	{"the key is pulled out in mid-touch and plugged in again", (*desk).pulledOut},
	{"a request waits for a key that is plugged in later", (*desk).pluggedInLater},
	{"a key that is registered already is refused", (*desk).registeredAlready},
	{"a discoverable credential, with a PIN", (*desk).discovered},
	{"a key that knows U2F only", (*desk).speaksU2F},
	{"a phishing page gets nothing signed", (*desk).phished},
}

func (d *desk) registersAndLogsIn(t *testing.T) {
	d.plugIn(t, "--touch", "auto")
	d.goes(t, "register", wish{}, "registered with none attestation")
	d.goes(t, "login", wish{}, "logged in")
	before := d.party.last(t).Authenticator.SignCount
	d.goes(t, "login", wish{}, "logged in")
	require.Greater(t, d.party.last(t).Authenticator.SignCount, before)
}

func (d *desk) attests(t *testing.T) {
	serial := d.plugIn(t, "--touch", "auto")
	d.do(t, "key", "quirk", serial, "forged_attestation=packed:aaguid")
	d.begin(t, "register", wish{Attestation: "direct"})
	require.Contains(t, d.end(t).Message, "Certificate AAGUID does not match")
	d.do(t, "key", "quirk", serial, "forged_attestation=")
	d.goes(t, "register", wish{Attestation: "direct"}, "registered with packed attestation")
	c := d.party.last(t)
	require.Equal(t, "basic_full", c.AttestationType)
	require.NoError(t, c.Verify(d.party.Config.MDS, d.party.Config.Attestation, d.party.Config.Signature))
	other := t.TempDir()
	status, _, errs := mfalab(t, other, "key", "new")
	require.Zero(t, status, errs)
	require.Error(t, c.Verify(trusting(t, rootOf(t, other)), d.party.Config.Attestation, d.party.Config.Signature))
}

// attestsAsATPM is what no key on a bus does, and Chromium carries all the same. Firefox does not: to it the user has refused.
func (d *desk) attestsAsATPM(t *testing.T) {
	serial := d.plugIn(t, "--touch", "auto")
	d.do(t, "key", "quirk", serial, "attestation=tpm")
	d.goes(t, "register", wish{Attestation: "direct"}, "registered with tpm attestation")
	d.do(t, "key", "quirk", serial, "forged_attestation=tpm:extra-data")
	d.begin(t, "register", wish{Attestation: "direct"})
	require.Contains(t, d.end(t).Message, "ExtraData is not set to hash of attToBeSigned")
}

func (d *desk) touchedAndWatched(t *testing.T) {
	serial := d.plugIn(t)
	w, shown := d.watch(t, serial), d.keyWatch(t, serial)
	d.begin(t, "register", wish{})
	require.Equal(t, "localhost", w.event(u2f.Waiting).RP)
	shown.until("KEEPALIVE 1 bytes  the user is needed") // the page still waits: this is while it happens
	require.Equal(t, serial+" touched for authenticatorMakeCredential localhost", d.do(t, "key", "touch"))
	shown.until("--  touched authenticatorMakeCredential localhost")
	shown.until("--  registered authenticatorMakeCredential localhost")
	shown.until(`CTAP2_OK {1: "packed", 2: h'`)
	d.content(t, "registered with none attestation")

	d.begin(t, "login", wish{})
	require.Equal(t, serial+" touched for authenticatorGetAssertion localhost", d.do(t, "key", "touch", "--wait", "3m"))
	shown.until(`authenticatorGetAssertion {1: "localhost", 2: h'`)
	shown.until("--  waiting authenticatorGetAssertion localhost")
	shown.until("--  signed authenticatorGetAssertion localhost")
	d.content(t, "logged in")
}

func (d *desk) aborted(t *testing.T) {
	w := d.watch(t, d.plugIn(t))
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.eval(t, "abort()")
	require.Equal(t, "localhost", w.event(u2f.Cancelled).RP)
	require.Equal(t, "AbortError", d.end(t).Error)
	require.NotContains(t, w.events(), u2f.Registered)

	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.do(t, "key", "touch")
	d.content(t, "registered with none attestation")
}

func (d *desk) pulledOut(t *testing.T) {
	serial := d.plugIn(t)
	w := d.watch(t, serial)
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.do(t, "key", "unplug", serial)
	d.do(t, "key", "plug", serial)
	w.event(u2f.Waiting)
	d.do(t, "key", "touch", serial)
	d.content(t, "registered with none attestation")
}

func (d *desk) pluggedInLater(t *testing.T) {
	d.begin(t, "register", wish{})
	d.plugIn(t, "--touch", "auto")
	d.content(t, "registered with none attestation")
}

func (d *desk) registeredAlready(t *testing.T) {
	w := d.watch(t, d.plugIn(t, "--touch", "auto"))
	d.goes(t, "register", wish{}, "registered with none attestation")
	d.begin(t, "register", wish{Exclude: true})
	w.answer("CTAP2_ERR_CREDENTIAL_EXCLUDED")
	d.sheet(t).press(buttonView, "Close")
	require.Equal(t, "InvalidStateError", d.end(t).Error)
}

func (d *desk) discovered(t *testing.T) {
	serial := d.plugIn(t, "--touch", "auto")
	d.do(t, "key", "pin", serial, "--new", "1234")
	w, s := d.watch(t, serial), d.sheet(t)
	d.begin(t, "register", wish{Resident: "required", Verified: "required"})
	s.enter("4321")
	require.Equal(t, 7, w.event(u2f.PINWrong).Left)
	s.enter("1234")
	d.content(t, "registered with none attestation")
	require.True(t, d.party.last(t).Flags.UserVerified)

	d.begin(t, "login", wish{Anyone: true, Verified: "required"})
	s.enter("1234")
	d.content(t, "logged in")
	w.event(u2f.Signed)
}

func (d *desk) speaksU2F(t *testing.T) {
	w := d.watch(t, d.plugIn(t, "--profile", "u2f", "--touch", "auto"))
	d.goes(t, "register", wish{Attestation: "direct"}, "registered with fido-u2f attestation")
	c := d.party.last(t)
	require.NoError(t, c.Verify(d.party.Config.MDS, d.party.Config.Attestation, d.party.Config.Signature))
	d.goes(t, "login", wish{}, "logged in")
	w.event(u2f.Signed)
	require.Subset(t, w.commands(), []string{"U2F_REGISTER", "U2F_AUTHENTICATE"})
}

func (d *desk) phished(t *testing.T) {
	w := d.watch(t, d.plugIn(t))
	d.begin(t, "register", wish{})
	w.event(u2f.Waiting)
	d.do(t, "key", "touch")
	d.content(t, "registered with none attestation")

	// The page in the name of the party: the browser does not even ask the key.
	d.visit(t, "phish.localhost")
	d.begin(t, "login", wish{})
	require.Equal(t, "SecurityError", d.end(t).Error)

	// The page in its own name, with the party's credential: the key does not know it here. Firefox has it blink all the same, for
	// nobody is to see that; the blinking must be over before somebody touches the key for something else.
	_, blinks := d.browser.(*firefox)
	d.begin(t, "login", wish{RPID: "phish.localhost"})
	w.answer("CTAP2_ERR_NO_CREDENTIALS")
	if blinks {
		w.event(u2f.Waiting)
	}
	d.eval(t, "abort()")
	if blinks {
		w.event(u2f.Cancelled)
	}
	require.Equal(t, "AbortError", d.end(t).Error)
	require.NotContains(t, w.events(), u2f.Signed)

	d.visit(t, "localhost")
	d.begin(t, "login", wish{})
	d.do(t, "key", "touch", "--wait", "3m")
	d.content(t, "logged in")
}
