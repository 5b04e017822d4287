package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

const forgedOrigin, forgedRP = "https://signin.example.test", "example.test"

// A forger is a browser that may break a rule, its key, and a relying party that is to notice.
type forger struct {
	t       *testing.T
	browser client.Client
	party   *party
	root    *x509.Certificate
}

// newForger returns one whose key has a PIN and attests under a root that the relying party trusts. The party wants users
// verified, and direct attestation.
func newForger(t *testing.T) *forger {
	authority, err := attest.NewRoot(bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	f := &forger{t: t, party: &party{}}
	f.root, err = x509.ParseCertificate(authority.Certificate())
	require.NoError(t, err)
	profile, err := u2f.ProfileNamed("ctap2.1")
	require.NoError(t, err)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key, err := u2f.New(u2f.Config{Profile: profile, Flash: &flash.Memory{}, Root: authority})
	require.NoError(t, err)
	require.NoError(t, key.PowerUp(now, bytes.Repeat([]byte{7}, 32)))
	key.SetPresence(now, u2f.Presence{Mode: u2f.Auto})
	ask := func(req []byte) ([]byte, error) {
		key.CBOR(now, 1, req)
		reply, _ := key.Reply(now)
		return bytes.Clone(reply), nil
	}
	setPIN(t, ask, "1234")
	f.browser = client.Client{Random: chance(0), Keys: []client.Key{{Ask: ask, Sign: key.SignFor, PIN: "1234",
		Attest: func(what, rpID string, id, authData, hash []byte) (attest.Attestation, error) {
			return key.AttestAs(now, what, rpID, id, authData, hash)
		}}}}
	f.party.WebAuthn, err = webauthn.New(&webauthn.Config{RPID: forgedRP, RPDisplayName: "Example", RPOrigins: []string{forgedOrigin},
		MDS: trusting(t, f.root), AttestationPreference: protocol.PreferDirectAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{UserVerification: protocol.VerificationRequired}})
	require.NoError(t, err)
	return f
}

// chance is randomness that is always the same.
type chance byte

// Read implements io.Reader.
func (c chance) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = sha256.New().Sum([]byte{byte(i), byte(c)})[1+i%31]
	}
	return len(b), nil
}

// setPIN gives a key its first PIN.
func setPIN(t *testing.T, ask func([]byte) ([]byte, error), pin string) {
	answer := func(req ctap.ClientPINRequest) ctap.ClientPINResponse {
		reply, err := ask(req.Append([]byte{6}))
		require.NoError(t, err)
		require.Zero(t, reply[0])
		parsed, err := ctap.ParseClientPINResponse(reply[1:])
		require.NoError(t, err)
		return parsed
	}
	req := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetKeyAgreement}
	public, secret, err := pinuv.Two.Encapsulate(chance(1), answer(req).KeyAgreement)
	require.NoError(t, err)
	req.Subcommand, req.KeyAgreement = ctap.SetPIN, public
	req.NewPINEnc, err = secret.Encrypt(chance(2), append([]byte(pin), make([]byte, 64-len(pin))...))
	require.NoError(t, err)
	req.UVAuthParam = secret.Authenticate(req.NewPINEnc)
	answer(req)
}

// A judged is a ceremony as it went to the relying parties. Its members are what verify.mjs reads.
type judged struct {
	Response   json.RawMessage `json:"response"`
	Challenge  string          `json:"challenge"`
	Origin     string          `json:"origin"`
	RPID       string          `json:"rpId"`
	Root       string          `json:"root,omitempty"` // at registration
	Algorithms []int           `json:"algorithms,omitempty"`
	ID         string          `json:"id,omitempty"` // at authentication, with those below
	PublicKey  []byte          `json:"publicKey,omitempty"`
	Counter    uint32          `json:"counter"`

	goWebAuthn string // its verdict, "" where it is content
}

// register does a registration with a forgery, nil for none.
func (f *forger) register(forge *client.Forgery) (j judged, made *webauthn.Credential) {
	f.t.Helper()
	asked, session, err := f.party.BeginRegistration(f.party, webauthn.WithCredentialParameters([]protocol.CredentialParameter{{Type: "public-key", Algorithm: -7}}))
	require.NoError(f.t, err)
	options, err := json.Marshal(asked.Response)
	require.NoError(f.t, err)
	f.browser.Forge = forge
	j = judged{Challenge: session.Challenge, Origin: forgedOrigin, RPID: forgedRP, Algorithms: []int{-7},
		Root: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.root.Raw}))}
	j.Response, err = f.browser.Create(forgedOrigin, options)
	require.NoError(f.t, err)
	parsed, err := protocol.ParseCredentialCreationResponseBytes(j.Response)
	if err == nil {
		made, err = f.party.CreateCredential(f.party, *session, parsed)
	}
	j.goWebAuthn = said(err)
	return j, made
}

// assert does an authentication with the credential that is registered.
func (f *forger) assert(forge *client.Forgery) judged {
	f.t.Helper()
	registered := f.party.credentials[0]
	asked, session, err := f.party.BeginLogin(f.party)
	require.NoError(f.t, err)
	options, err := json.Marshal(asked.Response)
	require.NoError(f.t, err)
	f.browser.Forge = forge
	j := judged{Challenge: session.Challenge, Origin: forgedOrigin, RPID: forgedRP, ID: base64.RawURLEncoding.EncodeToString(registered.ID),
		PublicKey: registered.PublicKey, Counter: registered.Authenticator.SignCount}
	j.Response, err = f.browser.Get(forgedOrigin, options)
	require.NoError(f.t, err)
	var used *webauthn.Credential
	parsed, err := protocol.ParseCredentialRequestResponseBytes(j.Response)
	if err == nil {
		used, err = f.party.ValidateLogin(f.party, *session, parsed)
	}
	switch j.goWebAuthn = said(err); {
	case err == nil && used.Authenticator.CloneWarning:
		j.goWebAuthn = "accepted, with a clone warning"
	case err == nil:
		f.party.credentials[0] = *used
	}
	return j
}

// said is what go-webauthn says of a ceremony, without what is different each time.
func said(err error) string {
	var detailed *protocol.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &detailed):
		return strings.TrimSuffix(detailed.Details+": "+detailed.DevInfo, ": ")
	}
	return err.Error()
}

// A row of the table.
type forgedRow struct {
	forgery *client.Forgery
	at      client.Ceremony
	judged
}

func TestForgeriesAsMeasured(t *testing.T) {
	f := newForger(t)
	honest, credential := f.register(nil)
	require.Empty(t, honest.goWebAuthn)
	f.party.credentials = []webauthn.Credential{*credential}
	login := f.assert(nil)
	require.Empty(t, login.goWebAuthn)
	rows := []forgedRow{{at: client.Registration, judged: honest}, {at: client.Authentication, judged: login}}
	for _, kind := range client.Forgeries() {
		forgery, err := client.ParseForgery(kind.Name + "=" + kind.Example)
		require.NoError(t, err)
		for _, at := range kind.At {
			row := forgedRow{forgery: forgery, at: at}
			if at == client.Registration {
				row.judged, _ = f.register(forgery)
			} else {
				row.judged = f.assert(forgery)
			}
			rows = append(rows, row)
		}
	}
	verdicts := simpleWebAuthn(t, rows)
	require.Empty(t, verdicts[0])
	require.Empty(t, verdicts[1])
	var b strings.Builder
	fmt.Fprintf(&b, "| `--forge` | at | what is wrong | clause | go-webauthn %s | SimpleWebAuthn %s |\n|---|---|---|---|---|---|\n",
		versionIn(t, "../../go.mod", `go-webauthn/webauthn v(\S+)`), versionIn(t, "testdata/simplewebauthn/package.json", `server": "([^"]+)"`))
	for i, r := range rows {
		if r.forgery == nil {
			fmt.Fprintf(&b, "| nothing | %s | nothing | | %s | %s |\n", r.at, verdict(r.goWebAuthn), verdict(verdicts[i]))
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", r.forgery, r.at, r.forgery.Kind.Breaks, r.forgery.Kind.Clause, verdict(r.goWebAuthn), verdict(verdicts[i]))
	}
	made(t, "../../docs/forge.md", "forge", b.String())
}

// changing matches what is different each time in a verdict.
var changing = regexp.MustCompile(`[,.]? ([Ee]xpected|but expected|got|than) .*|: Expected .*|"[A-Za-z0-9_-]{22,}={0,2}"`)

func verdict(s string) string {
	if s == "" {
		return "accepted"
	}
	s, _, _ = strings.Cut(s, "\n") // a row of a table is one line; go-webauthn's second one repeats the challenge
	s = strings.TrimSpace(changing.ReplaceAllString(strings.ReplaceAll(s, "|", `\|`), ""))
	if strings.HasPrefix(s, "accepted") {
		return s
	}
	return "**refused**: " + s
}

func versionIn(t *testing.T, file, pattern string) string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	require.NotNil(t, m, "%s has no %s", file, pattern)
	return string(m[1])
}

// simpleWebAuthn has @simplewebauthn/server judge the ceremonies: "" where it is content.
func simpleWebAuthn(t *testing.T, rows []forgedRow) (verdicts []string) {
	t.Helper()
	dir := installNPM(t, "testdata/simplewebauthn")
	var list []judged
	for _, r := range rows {
		list = append(list, r.judged)
	}
	in, err := json.Marshal(list)
	require.NoError(t, err)
	cmd := exec.Command("node", "verify.mjs")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &errs)
	require.NoError(t, json.Unmarshal(out, &verdicts))
	require.Len(t, verdicts, len(rows))
	return verdicts
}

// installNPM installs the packages of a folder's lock file, once for each version of the folder, and returns where. Without
// npm the test is left out, or fails where clients are required.
func installNPM(t *testing.T, folder string) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		const text = "npm of Debian's package npm is missing; `make packages` installs it"
		if os.Getenv("MFALAB_CLIENTS") == "required" {
			t.Fatal(text)
		}
		t.Skip("left out: " + text)
	}
	hash := sha256.New()
	files := map[string][]byte{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		files[name] = text
		fmt.Fprintf(hash, "%s %d %s", name, len(text), text)
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "mfalab", "npm", hex.EncodeToString(hash.Sum(nil)[:8]))
	if _, err := os.Stat(filepath.Join(dir, "installed")); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=5")
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "installed"), nil, 0o600))
	return dir
}
