//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
)

// typed runs a command with something on its standard input.
func typed(t *testing.T, dir, in string, args ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(context.Background(), std{in: strings.NewReader(in), out: &stdout, err: &stderr, dir: dir,
		env: func(string) string { return "" }, environ: os.Environ}, args)
	return status, stdout.String(), stderr.String()
}

// A relying party of another house takes what the commands print, and not where they break a rule.
func TestWebAuthnOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	status, _, errs := mfalab(t, dir, "key", "new", "--touch", "auto", "--serial", "KEY001")
	require.Zero(t, status, errs)
	p := &party{}
	var err error
	p.WebAuthn, err = webauthn.New(&webauthn.Config{RPID: forgedRP, RPDisplayName: "Example", RPOrigins: []string{forgedOrigin},
		MDS: trusting(t, rootOf(t, dir)), AttestationPreference: protocol.PreferDirectAttestation})
	require.NoError(t, err)
	asked, session, err := p.BeginRegistration(p)
	require.NoError(t, err)
	options, err := json.Marshal(asked) // with publicKey around it
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "options.json"), options, 0o600))
	status, out, errs := mfalab(t, dir, "webauthn", "register", "--origin", forgedOrigin, "options.json")
	require.Zero(t, status, errs)
	require.Empty(t, errs)
	created, err := protocol.ParseCredentialCreationResponseBytes([]byte(out))
	require.NoError(t, err)
	credential, err := p.CreateCredential(p, *session, created)
	require.NoError(t, err)
	p.credentials = []webauthn.Credential{*credential}

	// What is signed anew for a forgery is signed by the lab.
	_, out, errs = mfalab(t, dir, "webauthn", "register", "--origin", forgedOrigin, "--forge", "up=0", "options.json")
	created, err = protocol.ParseCredentialCreationResponseBytes([]byte(out))
	require.NoError(t, err, errs)
	_, err = p.CreateCredential(p, *session, created)
	require.ErrorContains(t, err, "validating the authenticator response")

	// So are attestations: of a TPM, of one that has certified something else, and by a certificate of another age.
	for what, want := range map[string]string{"tpm": "", "tpm:name": "Hash value mismatch attested and pubArea", "packed:version": "incorrect version"} {
		_, out, errs = mfalab(t, dir, "webauthn", "register", "--origin", forgedOrigin, "--forge", "attestation="+what, "options.json")
		created, err = protocol.ParseCredentialCreationResponseBytes([]byte(out))
		require.NoError(t, err, errs)
		_, err = p.CreateCredential(p, *session, created)
		require.Contains(t, said(err), want)
		require.Equal(t, want == "", err == nil, what)
	}

	status, _, errs = mfalab(t, dir, "key", "pin", "--new", "1234")
	require.Zero(t, status, errs)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pin"), []byte("1234\n"), 0o600))
	for _, pin := range [][]string{{"--pin", "1234"}, {"--pin-file", "pin", "--key", "KEY001"}} {
		assertion, session, err := p.BeginLogin(p, webauthn.WithUserVerification(protocol.VerificationRequired))
		require.NoError(t, err)
		options, err = json.Marshal(assertion.Response)
		require.NoError(t, err)
		status, out, errs = typed(t, dir, string(options), append([]string{"webauthn", "assert", "--origin", forgedOrigin}, pin...)...)
		require.Zero(t, status, errs)
		asserted, err := protocol.ParseCredentialRequestResponseBytes([]byte(out))
		require.NoError(t, err)
		_, err = p.ValidateLogin(p, *session, asserted)
		require.NoError(t, err)
	}
}

func TestWebAuthnSaysWhatAPageWouldSee(t *testing.T) {
	const options = `{"rpId":"example.test","challenge":"AAEC","userVerification":"discouraged"}`
	const creation = `{"rp":{"id":"example.test","name":""},"user":{"id":"AQ","name":"alice","displayName":""},"challenge":"AAEC","pubKeyCredParams":[],` +
		`"authenticatorSelection":{"residentKey":"required","userVerification":"discouraged"}}`
	dir := t.TempDir()
	status, _, errs := mfalab(t, dir, "key", "new", "--touch", "auto", "--serial", "KEY001")
	require.Zero(t, status, errs)
	for _, c := range []struct {
		args       string
		in         string
		status     int
		out, wrong string
	}{
		{"assert", options, 2, "", "--origin"},
		{"register --origin https://example.test --forge attestation=tpm:nothing", options, 2, "", `there is no mutation "nothing" of tpm`},
		{"assert --origin https://example.test --forge up", options, 2, "", "up=0"},
		{"assert --origin https://example.test --forge up=1", options, 2, "", "give 0"},
		{"assert --origin https://example.test --forge nothing=1", options, 2, "", "there are type, challenge"},
		{"assert --origin https://example.test --forge alg=-8", options, 1, "", "alg=-8 is for [register]"},
		{"assert --origin https://example.test nothing.json", options, 1, "", "nothing.json"},
		{"assert --origin https://example.test --key KEY002", options, 1, "", `no key "KEY002" is plugged in`},
		{"assert --origin https://example.test --pin-file nothing", options, 1, "", "nothing"},
		{"assert --origin https://example.test --pin-file empty", options, 1, "", "--pin-file empty: there is no PIN in its first line"},
		{"assert --origin https://example.test --pin-file - --pin 1", options, 2, "", "--pin or --pin-file, not both"},
		{"assert --origin https://example.test --pin-file -", options, 2, "", "standard input cannot hold both"},
		{"assert --origin https://example.test --pin-file - -", options, 2, "", "standard input cannot hold both"},
		{"assert --json --origin https://example.test", options, 1, `"status": "CTAP2_ERR_NO_CREDENTIALS"`, "NotAllowedError"},
		{"assert --json --origin https://evil.test", options, 1, `"name": "SecurityError"`, "no registrable domain suffix"},
		{"assert --origin https://example.test", "{}", 1, "", "TypeError"},
		{"assert --origin https://example.test -", "no JSON", 1, "", "TypeError"},
		{"register --origin https://example.test", strings.Replace(creation, "discouraged", "required", 1), 1, "", "mfalab: hint: `mfalab key pin --new PIN` gives it one"},
		{"register --origin https://example.test", creation, 0, "", ""},
		{"register --origin https://example.org --related-origins related.json", creation, 0, `"clientDataJSON"`, ""},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "empty"), []byte("\n1234\n"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "related.json"), []byte(`{"origins":["https://example.org"]}`), 0o600))
		status, out, errs := typed(t, dir, c.in, append([]string{"webauthn"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.status, status, "%s: %s", c.args, errs)
		if c.status > 0 {
			require.Contains(t, out, c.out, c.args)
		}
		require.Contains(t, errs, c.wrong, c.args)
	}
	status, _, errs = mfalab(t, dir, "key", "unplug")
	require.Zero(t, status, errs)
	status, _, errs = typed(t, dir, options, "webauthn", "assert", "--origin", "https://example.test")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "no key is plugged in")
	require.Contains(t, errs, "mfalab: hint: `mfalab key new`")
}

// Who touches keys otherwise touches them here too.
func TestWebAuthnWaitsForATouch(t *testing.T) {
	const creation = `{"rp":{"id":"example.test","name":""},"user":{"id":"%s","name":"%s","displayName":""},"challenge":"AAEC","pubKeyCredParams":[],` +
		`"authenticatorSelection":{"residentKey":"required","userVerification":"discouraged"}}`
	d := &desk{}
	d.dir, d.owner = detached(t)
	d.Context = t.Context()
	for profile, via := range map[string]string{"ctap2.3": "tcp:127.0.0.1:0", "u2f": ""} {
		serial := d.do(t, "key", "new", "--profile", profile, "--unplugged")
		d.do(t, "key", "plug", serial, "--via", via)
		w := d.watch(t, serial)
		in := strings.ReplaceAll(creation, "%s", "AQID")
		if profile == "u2f" {
			in = strings.Replace(in, `"required"`, `"discouraged"`, 1)
		}
		touched := make(chan string)
		go func() {
			status, out, errs := mfalab(t, d.dir, "key", "touch", serial, "--wait", "10m")
			touched <- out + errs + strings.Repeat("!", status)
		}()
		status, out, errs := typed(t, d.dir, in, "webauthn", "register", "--origin", "https://example.test", "--key", serial)
		require.Zero(t, status, errs)
		require.Contains(t, out, `"attestationObject"`)
		require.Contains(t, <-touched, serial+" touched for ")
		w.event(u2f.Registered)

		// Nobody touches it: the page's time is over, and the key is free again.
		status, _, errs = typed(t, d.dir, in, "webauthn", "register", "--origin", "https://example.test", "--key", serial, "--timeout", "1ms")
		require.Equal(t, 1, status)
		require.Contains(t, errs, "NotAllowedError")
		require.Contains(t, errs, "the user did not touch the key in time")
		d.do(t, "key", "unplug", serial)
	}
}
