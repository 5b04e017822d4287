package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// fetched returns what the lab serves under /mds/.
func fetched(t *testing.T, url, path string, headers ...string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/mds/"+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(b)
}

// believing is go-webauthn's metadata, read from the lab over HTTP, with every check on.
func believing(t *testing.T, url string) metadata.Provider {
	t.Helper()
	_, _, root := fetched(t, url, "root.pem")
	block, _ := pem.Decode([]byte(root))
	require.NotNil(t, block, root)
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(block.Bytes)))
	require.NoError(t, err)
	_, _, blob := fetched(t, url, "")
	payload, err := decoder.DecodeBytes([]byte(blob))
	require.NoError(t, err)
	parsed, err := decoder.Parse(payload)
	require.NoError(t, err)
	require.Empty(t, parsed.Unparsed)
	provider, err := memory.New(memory.WithMetadata(parsed.ToMap()), memory.WithMetadataKeyIdentifiers(parsed.ToKeyIdentifierMap()),
		memory.WithValidateEntry(true), memory.WithValidateEntryPermitZeroAAGUID(false), memory.WithValidateTrustAnchor(true),
		memory.WithValidateStatus(true), memory.WithValidateAttestationTypes(true), memory.WithValidateEntryKeyIdentifier(true),
		memory.WithValidateAAGUID(true), memory.WithValidateAttestationFormats(true), memory.WithValidateAlgorithms(true),
		memory.WithValidateExtensions(true), memory.WithValidateUserVerification(true))
	require.NoError(t, err)
	return provider
}

// compiledIn puts the lab's root beside those of makers that go-webauthn has compiled in.
func compiledIn(t *testing.T, root string) {
	if safetyNetRoots == nil {
		safetyNetRoots = x509.NewCertPool()
	}
	for _, pool := range []*x509.CertPool{androidRoots, appleRoots, safetyNetRoots} {
		require.True(t, pool.AppendCertsFromPEM([]byte(root)))
	}
}

// A relying party that looks keys up takes those of the lab, until they are revoked.
func TestARelyingPartyLooksKeysUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: the lab's bus is for Linux")
	}
	dir, owner := detached(t)
	do := func(args ...string) string {
		status, out, errs := mfalab(t, dir, args...)
		require.Zero(t, status, errs)
		return out
	}
	for _, profile := range live.KeyProfiles() {
		if !profile.Key.CTAP2() || profile.Key.Attestation != "packed" {
			continue
		}
		t.Run(profile.Key.Name, func(t *testing.T) {
			serial := strings.TrimSpace(do("key", "new", "--profile", profile.Key.Name, "--touch", "auto"))
			register := func() error {
				p := &party{}
				var err error
				p.WebAuthn, err = webauthn.New(&webauthn.Config{RPID: forgedRP, RPDisplayName: "Example", RPOrigins: []string{forgedOrigin},
					MDS: believing(t, owner.URL), AttestationPreference: protocol.PreferDirectAttestation})
				require.NoError(t, err)
				asked, session, err := p.BeginRegistration(p)
				require.NoError(t, err)
				options, err := json.Marshal(asked)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, "options.json"), options, 0o600))
				created, err := protocol.ParseCredentialCreationResponseBytes([]byte(do("webauthn", "register", "--origin", forgedOrigin, "--key", serial, "options.json")))
				require.NoError(t, err)
				_, err = p.CreateCredential(p, *session, created)
				return err
			}
			require.NoError(t, register())
			do("key", "status", profile.Key.Name, "update-available")
			require.NoError(t, register(), "an update is no reason to refuse")
			if profile.Key.Name == "ctap2.3" {
				compiledIn(t, do("key", "root"))
				for _, kind := range []string{"packed-self", "tpm", "android-key", "android-safetynet", "apple", "compound"} {
					do("key", "quirk", serial, "attestation="+kind)
					require.NoError(t, register(), kind)
				}
				do("key", "quirk", serial, "attestation=packed")
			}
			require.Contains(t, do("key", "status", profile.Key.AAGUID.String(), "REVOKED"), "REVOKED")
			require.ErrorContains(t, register(), "REVOKED")
			do("key", "unplug", serial)
		})
	}
	require.Contains(t, do("key", "status"), "ctap2.3")
	require.Regexp(t, `(?m)^2 +REVOKED`, do("key", "status", "ctap2.3"), "its history")
	status, _, errs := mfalab(t, dir, "key", "status", "ctap2.3", "lost")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "there is no status")
	status, _, errs = mfalab(t, dir, "key", "status", "nothing", "revoked")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "there is no model")
}

func TestMetadataAreServed(t *testing.T) {
	dir, owner := detached(t)
	status, header, blob := fetched(t, owner.URL, "blob.jwt")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "application/jwt", header.Get("Content-Type"))
	require.Equal(t, "no-cache", header.Get("Cache-Control"))
	tag := header.Get("ETag")
	status, _, body := fetched(t, owner.URL, "", "If-None-Match", tag)
	require.Equal(t, http.StatusNotModified, status)
	require.Empty(t, body)
	code, _, errs := mfalab(t, dir, "key", "status", "u2f", "retired")
	require.Zero(t, code, errs)
	status, _, body = fetched(t, owner.URL, "", "If-None-Match", tag)
	require.Equal(t, http.StatusOK, status, "it has changed")
	require.NotEqual(t, blob, body)

	_, _, root := fetched(t, owner.URL, "root.pem")
	_, want, _ := mfalab(t, dir, "key", "root")
	require.Equal(t, want, root)
	_, _, der := fetched(t, owner.URL, "root.crt")
	block, _ := pem.Decode([]byte(root))
	require.Equal(t, string(block.Bytes), der)
	for _, name := range []string{"metadata-issuer.crt", "tpm.crt", "android.crt"} {
		_, header, der = fetched(t, owner.URL, name)
		require.Equal(t, "application/pkix-cert", header.Get("Content-Type"))
		issued, err := x509.ParseCertificate([]byte(der))
		require.NoError(t, err)
		root, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		require.NoError(t, issued.CheckSignatureFrom(root))
	}
	status, _, body = fetched(t, owner.URL, "statements/ctap2.3.json")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"authenticatorGetInfo"`)

	for _, path := range []string{"nothing", "statements/", "statements/nothing.json", "ctap2.3.json", "statements/ctap2.3"} {
		status, _, _ = fetched(t, owner.URL, path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	for _, foreign := range [][]string{{"Host", "evil.test"}, {"Origin", "https://evil.test"}} {
		status, _, _ = fetched(t, owner.URL, "", foreign...)
		require.Equal(t, http.StatusForbidden, status, foreign)
	}
	resp, err := http.Post(owner.URL+"/mds/", "text/plain", strings.NewReader(""))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}
