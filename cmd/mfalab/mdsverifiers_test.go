package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	official "github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// A metadataStep changes what a lab publishes, and is a row of a table: what it is called there, and the rule that somebody breaks who is
// content with it.
type metadataStep struct {
	name, what, rule string
	posts            []metadataPost
}

// A metadataPost is a request to the control API.
type metadataPost struct {
	Path string `json:"path"`
	Body any    `json:"body"`
}

func set(name, value string) metadataPost {
	return metadataPost{"/v1/metadata", map[string]string{name: value}}
}

// metadataSteps are those of the table of faults: first what is revoked and overdue, for a list whose next update is over is kept by nobody.
func metadataSteps() []metadataStep {
	const revoked, aaguid = "Service, processing rules: no certificate of the chain is revoked", "/v1/certificates/"
	hold := map[string]string{"reason": "certificateHold"}
	list := []metadataStep{
		{"`mds revoke metadata-signer`", "the signer's certificate stands in its issuer's list", revoked, []metadataPost{set("nextUpdate", "2021-01-01"),
			{aaguid + live.RoleMetadataSigner + "/revoke", hold}}},
		{"`mds revoke metadata-issuer`", "the certificate of the signer's issuer stands in the root's list", revoked, []metadataPost{
			{aaguid + live.RoleMetadataSigner + "/restore", struct{}{}}, {aaguid + live.RoleMetadataIssuer + "/revoke", hold}}},
		{"`mds set --next-update 2021-01-01`", "the next update was due in 2021", "Service, MetadataBLOBPayload: nextUpdate",
			[]metadataPost{{aaguid + live.RoleMetadataIssuer + "/restore", struct{}{}}}},
		{"nothing", "nothing", "", []metadataPost{set("nextUpdate", "never")}},
	}
	for _, f := range metadata.Faults() {
		list = append(list, metadataStep{fmt.Sprintf("`mds set --fault %s`", f.Name), f.What, f.Rule, []metadataPost{set("fault", string(f.Name))}})
	}
	return list
}

// statusSteps are those of the table of statuses.
func statusSteps() (list []metadataStep) {
	const model = "/v1/models/ctap2.3/"
	for i, s := range metadata.Statuses() {
		step := metadataStep{name: string(s), posts: []metadataPost{{model + "drop", struct{}{}}, {model + "status", map[string]string{"status": string(s)}}}}
		if i == 0 {
			step.posts = append(step.posts, set("fault", "none"))
		}
		list = append(list, step)
	}
	return list
}

// elsewhere has the verifiers that are written in other languages judge the steps.
func elsewhere(t *testing.T, url, root string, steps []metadataStep) (verdicts [][2]string) {
	t.Helper()
	dir := installNPM(t, "testdata/attestation")
	program, err := os.ReadFile("testdata/mds/judge.mjs")
	require.NoError(t, err)
	var posts [][]metadataPost
	for _, s := range steps {
		posts = append(posts, s.posts)
	}
	in, err := json.Marshal(map[string]any{"url": url, "root": root, "aaguid": aaguidOf("ctap2.3"), "steps": posts})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", string(program))
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &errs)
	require.NoError(t, json.Unmarshal(out, &verdicts))
	require.Len(t, verdicts, len(steps))
	return verdicts
}

// goWebAuthn has go-webauthn judge the steps: the BLOB, and the statuses of the model.
func goWebAuthn(t *testing.T, url, root string, steps []metadataStep) (verdicts []string) {
	t.Helper()
	block, _ := pem.Decode([]byte(root))
	decoder, err := official.NewDecoder(official.WithRootCertificate(base64.StdEncoding.EncodeToString(block.Bytes)))
	require.NoError(t, err)
	for _, s := range steps {
		for _, p := range s.posts {
			body, err := json.Marshal(p.Body)
			require.NoError(t, err)
			answer, err := http.Post(url+p.Path, "application/json", bytes.NewReader(body))
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode, p.Path)
		}
		_, _, blob := fetched(t, url, "")
		verdicts = append(verdicts, said(lookedUp(decoder, blob)))
	}
	return verdicts
}

// lookedUp is what a relying party finds that looks the model up.
func lookedUp(decoder *official.Decoder, blob string) error {
	payload, err := decoder.DecodeBytes([]byte(blob))
	if err != nil {
		return err
	}
	parsed, err := decoder.Parse(payload)
	if err != nil {
		return err
	}
	for id, e := range parsed.ToMap() {
		if id.String() == aaguidOf("ctap2.3") {
			return official.ValidateStatusReports(e.StatusReports, nil, official.DefaultUndesiredAuthenticatorStatuses())
		}
	}
	return fmt.Errorf("the model is not in it")
}

// lengthy matches what is too long for a table, or different each time.
var lengthy = regexp.MustCompile(`(?s):?\n-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----| \(possibly because of .*\)| at position \d+| no\. \d+| error while executing keyfunc:`)

// halved is what half a JSON text is called, wherever it was cut.
var halved = regexp.MustCompile(`^(Unterminated|Unexpected|Expected|Bad) .*`)

func brief(s string) string {
	return verdict(halved.ReplaceAllString(lengthy.ReplaceAllString(s, ""), "it is no JSON"))
}

// Which verifier sees which fault of a BLOB, and refuses which status, is written down as measured.
func TestMetadataAsMeasured(t *testing.T) {
	dir, owner := detached(t)
	root := doing(t, dir)("key", "root")
	faults, statuses := metadataSteps(), statusSteps()
	steps := append(faults, statuses...)
	// fido2-lib is handed the lists, and takes none whose next update is over: it sees them again, when the others have kept theirs.
	again := slices.Clone(faults[:2])
	again[0].posts = append(again[0].posts, set("nextUpdate", "never"))
	ours := goWebAuthn(t, owner.URL, root, steps)
	theirs := elsewhere(t, owner.URL, root, append(steps, again...))
	theirs[0][1], theirs[1][1] = theirs[len(steps)][1], theirs[len(steps)+1][1]
	head := fmt.Sprintf("go-webauthn %s | SimpleWebAuthn %s", versionIn(t, "../../go.mod", `go-webauthn/webauthn v(\S+)`),
		versionIn(t, "testdata/attestation/package.json", `server": "([^"]+)"`))
	var b strings.Builder
	fmt.Fprintf(&b, "| how | what is wrong | rule | %s | fido2-lib %s |\n|---|---|---|---|---|---|\n", head, versionIn(t, "testdata/attestation/package.json", `fido2-lib": "([^"]+)"`))
	for i, s := range faults {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", s.name, s.what, s.rule, brief(ours[i]), brief(theirs[i][0]), brief(theirs[i][1]))
		if s.name == "nothing" {
			require.Equal(t, []string{"", "", ""}, []string{ours[i], theirs[i][0], theirs[i][1]})
		}
	}
	made(t, "../../docs/metadata.md", "faults", b.String())
	b.Reset()
	fmt.Fprintf(&b, "| status | %s |\n|---|---|---|\n", head)
	for i := len(faults); i < len(steps); i++ {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", steps[i].name, brief(ours[i]), brief(theirs[i][0]))
	}
	made(t, "../../docs/metadata.md", "statuses", b.String())
}

// A batch that is revoked is refused by who follows the address in its certificate. SimpleWebAuthn does; go-webauthn reads the lists of
// the metadata's signer alone.
func TestWhoNoticesARevokedBatch(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: the lab's bus is for Linux")
	}
	dir, owner := detached(t)
	do := doing(t, dir)
	do("mds", "set", "--distribution-points")
	do("key", "new", "--profile", "ctap2.1", "--touch", "auto")
	do("key", "pin", "--new", "1234")
	p := &party{}
	var err error
	p.WebAuthn, err = webauthn.New(&webauthn.Config{RPID: forgedRP, RPDisplayName: "Example", RPOrigins: []string{forgedOrigin},
		MDS: believing(t, owner.URL), AttestationPreference: protocol.PreferDirectAttestation})
	require.NoError(t, err)
	register := func() (forgedRow, error) {
		asked, session, err := p.BeginRegistration(p)
		require.NoError(t, err)
		options, err := json.Marshal(asked)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "options.json"), options, 0o600))
		said := do("webauthn", "register", "--origin", forgedOrigin, "--pin", "1234", "options.json")
		created, err := protocol.ParseCredentialCreationResponseBytes([]byte(said))
		require.NoError(t, err)
		_, err = p.CreateCredential(p, *session, created)
		return forgedRow{judged: judged{Response: json.RawMessage(said), Challenge: session.Challenge, Origin: forgedOrigin, RPID: forgedRP, Root: do("key", "root"),
			Algorithms: []int{-7, -8, -35, -257}}}, err
	}
	row, err := register()
	require.NoError(t, err)
	require.Equal(t, []string{""}, simpleWebAuthn(t, []forgedRow{row}))
	do("mds", "revoke", "ctap2.1", "--reason", "keyCompromise")
	row, err = register()
	require.NoError(t, err)
	require.Contains(t, simpleWebAuthn(t, []forgedRow{row})[0], "failed revocation status check")
}
