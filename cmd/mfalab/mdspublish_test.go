package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/cached"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// doing runs commands of a lab that are to succeed, and returns what they print.
func doing(t *testing.T, dir string) func(args ...string) string {
	return func(args ...string) string {
		t.Helper()
		status, out, errs := mfalab(t, dir, args...)
		require.Zero(t, status, errs)
		return out
	}
}

// A copy of what the lab publishes is good until the next update is due, and whoever asks before learns whether it has changed.
func TestMetadataAreCachedAsTheirHeadersSay(t *testing.T) {
	dir, owner := detached(t)
	do := doing(t, dir)
	_, first, _ := fetched(t, owner.URL, "blob.jwt")
	changed := first.Get("Last-Modified")
	at, err := http.ParseTime(changed)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Hour)
	for _, path := range []string{"blob.jwt", "statements/ctap2.3.json", "root.crl", "metadata.crl.pem"} {
		_, header, _ := fetched(t, owner.URL, path)
		for _, condition := range [][]string{{"If-None-Match", header.Get("ETag")}, {"If-Modified-Since", header.Get("Last-Modified")}} {
			status, _, body := fetched(t, owner.URL, path, condition...)
			require.Equal(t, http.StatusNotModified, status, "%s %s", path, condition)
			require.Empty(t, body)
		}
		status, _, _ := fetched(t, owner.URL, path, "If-None-Match", `"another"`, "If-Modified-Since", header.Get("Last-Modified"))
		require.Equal(t, http.StatusOK, status, "the tag counts")
		status, _, _ = fetched(t, owner.URL, path, "If-Modified-Since", "Wed, 01 Jan 2014 00:00:00 GMT")
		require.Equal(t, http.StatusOK, status)
		head, err := http.Head(owner.URL + "/mds/" + path)
		require.NoError(t, err)
		require.NoError(t, head.Body.Close())
		for _, name := range []string{"ETag", "Last-Modified", "Cache-Control", "Content-Type", "Content-Length"} {
			require.Equal(t, header.Get(name), head.Header.Get(name), "%s of %s", name, path)
		}
	}
	day := time.Now().UTC().AddDate(0, 0, 10).Format(time.DateOnly)
	require.Contains(t, do("mds", "set", "--next-update", day), "next update  "+day)
	_, header, _ := fetched(t, owner.URL, "blob.jwt")
	require.Regexp(t, `^public, max-age=(7|8)\d{5}, must-revalidate$`, header.Get("Cache-Control"))
	expires, err := http.ParseTime(header.Get("Expires"))
	require.NoError(t, err)
	require.Equal(t, day, expires.Format(time.DateOnly))
	require.Equal(t, 2, number(t, owner.URL), "it says something else")
	do("mds", "set", "--next-update", "2021-02-03")
	_, header, _ = fetched(t, owner.URL, "root.crl")
	require.Equal(t, "public, max-age=0, must-revalidate", header.Get("Cache-Control"))
	require.Equal(t, "Wed, 03 Feb 2021 00:00:00 GMT", header.Get("Expires"))
	require.Equal(t, 3, number(t, owner.URL))
	require.Equal(t, 3, number(t, owner.URL), "asking changes nothing")
	do("mds", "set", "--next-update", "never")
	_, header, _ = fetched(t, owner.URL, "blob.jwt")
	require.Equal(t, "no-cache", header.Get("Cache-Control"))
	require.Empty(t, header.Get("Expires"))
	require.Equal(t, 4, number(t, owner.URL))
	do("mds", "set", "--fault", "number")
	require.Equal(t, 3, number(t, owner.URL), "the fault")
	do("mds", "set", "--fault", "none")
	do("reset")
	require.Equal(t, 5, number(t, owner.URL), "a lab that is made anew goes on counting")
}

// payload is what the BLOB says, whoever signed it.
func payload(t *testing.T, url string) (p metadata.PayloadJSON) {
	t.Helper()
	_, _, blob := fetched(t, url, "")
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(blob, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &p))
	return p
}

func number(t *testing.T, url string) int { return payload(t, url).Number }

// entryOf is what the BLOB says of a profile.
func entryOf(t *testing.T, url, profile string) metadata.EntryJSON {
	t.Helper()
	for _, e := range payload(t, url).Entries {
		if strings.HasSuffix(e.MetadataStatement.Description, profile) {
			return e
		}
	}
	require.Fail(t, "no entry", profile)
	return metadata.EntryJSON{}
}

// The history of a model can be written as the specification has it, changed and taken back.
func TestAHistoryOfStatuses(t *testing.T) {
	dir, owner := detached(t)
	do := doing(t, dir)
	root := filepath.Join(dir, "batch.pem")
	require.NoError(t, os.WriteFile(root, []byte(do("mds", "certificates", "--pem", "root")), 0o600))
	do("mds", "status", "ctap2.3", "fido-certified-l1", "--since", "2026-01-02", "--authenticator-version", "5", "--certificate-number", "FIDO2100020260102001",
		"--policy-version", "1.4.0", "--requirements-version", "1.5.0", "--certification-profile", "consumer,enterprise", "--descriptor", "a key", "--sunset", "2031-01-02")
	do("mds", "status", "ctap2.3", "fips140-certified-l2", "--fips-physical-level", "3")
	do("mds", "status", "ctap2.3", "attestation-key-compromise", "--batch-certificate", root, "--certificate", root, "--url", "https://example.test/advice")
	shown := do("mds", "status", "ctap2.3")
	require.Regexp(t, `(?m)^1 +FIDO_CERTIFIED_L1 +2026-01-02 +2031-01-02 +certificate FIDO2100020260102001; policy 1.4.0; requirements 1.5.0; of a key; for consumer, enterprise; from version 5 on$`, shown)
	require.Regexp(t, `(?m)^2 +FIPS140_CERTIFIED_L2 .*FIPS 140-3, physical level 3$`, shown)
	require.Regexp(t, `(?m)^3 +ATTESTATION_KEY_COMPROMISE .*see https://example.test/advice; with a certificate$`, shown)
	e := entryOf(t, owner.URL, "ctap2.3")
	require.Len(t, e.StatusReports, 4)
	require.Equal(t, e.StatusReports[3].Certificate, e.StatusReports[3].BatchCertificate)
	require.Equal(t, uint32(5), e.StatusReports[1].AuthenticatorVersion)
	changed, err := time.Parse(time.DateOnly, e.TimeOfLastStatusChange)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), changed, 25*time.Hour, "the day may have ended meanwhile")
	for _, report := range e.StatusReports {
		_, err := report.Parse()
		require.NoError(t, err)
	}

	do("mds", "status", "ctap2.3", "revoked", "--number", "3")
	require.Regexp(t, `(?m)^3 +REVOKED`, do("mds", "status", "ctap2.3"))
	do("mds", "status", "ctap2.3", "--drop", "1")
	require.Regexp(t, `(?m)^2 +REVOKED`, do("mds", "status", "ctap2.3"))
	do("mds", "status", "ctap2.3", "--drop", "-1")
	require.Len(t, entryOf(t, owner.URL, "ctap2.3").StatusReports, 1)
	do("mds", "rogue", "ctap2.3", "AQIDBA", "--since", "2026-01-02")
	require.Contains(t, do("mds", "rogue", "ctap2.3", "BQYHCA"), "rogue since 2026-01-02: AQIDBA\n")
	e = entryOf(t, owner.URL, "ctap2.3")
	_, header, list := fetched(t, owner.URL, strings.TrimPrefix(e.RogueListURL, owner.URL+"/mds/"))
	require.Equal(t, "application/json", header.Get("Content-Type"))
	sum := sha256.Sum256([]byte(base64.RawURLEncoding.EncodeToString([]byte(list))))
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), e.RogueListHash)
	do("mds", "rogue", "ctap2.3", "--clear")
	require.Empty(t, entryOf(t, owner.URL, "ctap2.3").RogueListURL)
	require.Contains(t, do("mds", "biometric", "bio", "1", "--certificate-number", "BIO1", "--policy-version", "1.0.0", "--since", "2026-01-02"),
		"biometric certification of level 1 since 2026-01-02: fingerprint_internal BIO1\n")
	reports := entryOf(t, owner.URL, "bio").BiometricStatusReports
	require.Equal(t, []metadata.BiometricStatusReportJSON{{CertLevel: 1, Modality: "fingerprint_internal", EffectiveDate: "2026-01-02", CertificateNumber: "BIO1",
		CertificationPolicyVersion: "1.0.0"}}, reports)
	do("mds", "biometric", "bio", "--clear")
	require.Empty(t, entryOf(t, owner.URL, "bio").BiometricStatusReports)
	for text, args := range map[string][]string{
		"verify nobody by fingerprint":       {"biometric", "ctap2.3", "1"},
		"is no level":                        {"biometric", "bio", "0"},
		"the level, or --clear":              {"biometric", "bio"},
		"is no way to verify":                {"biometric", "bio", "1", "--modality", "smell"},
		"no report 7":                        {"status", "ctap2.3", "revoked", "--number", "7"},
		"no report 8":                        {"status", "ctap2.3", "--drop", "8"},
		"is no day":                          {"status", "ctap2.3", "revoked", "--since", "tomorrow"},
		"no address of https":                {"status", "ctap2.3", "revoked", "--url", "example.test"},
		"REVOKED has no revision":            {"status", "ctap2.3", "revoked", "--fips-revision", "3"},
		"name a model and a status":          {"status", "ctap2.3", "--number", "1"},
		"model and --drop":                   {"status", "--drop", "1"},
		"there is no model":                  {"status", "nothing"},
		"no such file":                       {"status", "ctap2.3", "revoked", "--certificate", "nothing.pem"},
		"base64url":                          {"rogue", "ctap2.3", "=+="},
		"the rogue's key, or --clear":        {"rogue", "ctap2.3"},
		"no BLOB is wrong in the way":        {"set", "--fault", "lost"},
		"write it as 2026-03-01, or never":   {"set", "--next-update", "soon"},
		"say what changes":                   {"set"},
		`no certificate is called "nothing"`: {"revoke", "nothing"},
		`is called "nobody"`:                 {"certificates", "nobody"},
		`there is no reason "spite"`:         {"revoke", "ctap2.3", "--reason", "spite"},
		"has not been revoked":               {"restore", "ctap2.3"},
	} {
		status, _, errs := mfalab(t, dir, append([]string{"mds"}, args...)...)
		require.NotZero(t, status, args)
		require.Contains(t, errs, text, args)
	}
}

// A program that knows the real service's address and nothing of the lab is served through the lab's proxy, by TLS: go-webauthn keeps
// the BLOB in a file, and asks again when the next update is due.
func TestTheMetadataServiceByItsRealName(t *testing.T) {
	dir, owner := detached(t)
	do := doing(t, dir)
	ca, err := os.ReadFile(filepath.Join(dir, ".mfalab", "ca.pem"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca))
	proxy, err := url.Parse(owner.URL)
	require.NoError(t, err)
	asked := &counting{RoundTripper: &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: pool}}}
	block, _ := pem.Decode([]byte(do("mds", "certificates", "--pem", "root")))
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(block.Bytes)))
	require.NoError(t, err)
	kept := filepath.Join(t.TempDir(), "blob.jwt")
	status := func() metadata.AuthenticatorStatus {
		provider, err := cached.New(cached.WithPath(kept), cached.WithClient(&http.Client{Transport: asked}), cached.WithDecoder(decoder))
		require.NoError(t, err)
		entry, err := provider.GetEntry(t.Context(), uuid.MustParse(aaguidOf("ctap2.3")))
		require.NoError(t, err)
		return entry.StatusReports[len(entry.StatusReports)-1].Status
	}
	require.Equal(t, metadata.NotFidoCertified, status())
	do("mds", "status", "ctap2.3", "revoked")
	require.Equal(t, metadata.NotFidoCertified, status(), "it has a copy that is good until 2099")
	require.Equal(t, 1, asked.times)
	require.NoError(t, os.Remove(kept))
	do("mds", "set", "--next-update", "2021-01-01")
	require.Equal(t, metadata.Revoked, status())
	do("mds", "status", "ctap2.3", "fido-certified")
	require.Equal(t, metadata.FidoCertified, status(), "the update was due")
	require.Equal(t, 3, asked.times)
}

// counting counts what goes through.
type counting struct {
	http.RoundTripper
	times int
}

// RoundTrip implements http.RoundTripper.
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.times++
	return c.RoundTripper.RoundTrip(r)
}

func aaguidOf(profile string) string {
	for _, p := range live.KeyProfiles() {
		if p.Key.Name == profile {
			return p.Key.AAGUID.String()
		}
	}
	return ""
}
