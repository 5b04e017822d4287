package metadata_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	official "github.com/go-webauthn/webauthn/metadata"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// entries are those of all products, each with the reports.
func entries(t *testing.T, root *attest.Root, reports ...metadata.Report) (list []metadata.Entry) {
	for _, p := range u2f.Profiles() {
		var info []byte
		if p.CTAP2() {
			info = getInfo(t, p)
		}
		s, err := metadata.NewStatement(product(p, root), info)
		require.NoError(t, err)
		list = append(list, metadata.NewEntry(s, reports, ""))
	}
	return list
}

// decoded is what go-webauthn, which shares no code with us, makes of a BLOB under a root.
func decoded(blob, root []byte) (*official.Metadata, error) {
	decoder, err := official.NewDecoder(official.WithRootCertificate(base64.StdEncoding.EncodeToString(root)))
	if err != nil {
		return nil, err
	}
	payload, err := decoder.DecodeBytes(blob)
	if err != nil {
		return nil, err
	}
	return decoder.Parse(payload)
}

// The BLOB is believed under our root and under no other, and is the same each time.
func TestBLOB(t *testing.T) {
	root := newRoot(t)
	b := metadata.BLOB{Number: 7, NextUpdate: metadata.Never, Entries: entries(t, root, metadata.Report{Status: "REVOKED", Since: "2026-03-01"})}
	blob, err := b.Sign(root, "")
	require.NoError(t, err)
	parsed, err := decoded(blob, root.Certificate())
	require.NoError(t, err)
	require.Equal(t, 7, parsed.Parsed.Number)
	require.Equal(t, 2099, parsed.Parsed.NextUpdate.Year())
	require.Len(t, parsed.Parsed.Entries, len(u2f.Profiles()))
	for _, e := range parsed.Parsed.Entries {
		require.Equal(t, official.Revoked, e.StatusReports[len(e.StatusReports)-1].Status)
		require.Equal(t, "2026-03-01", e.TimeOfLastStatusChange.Format(time.DateOnly))
		require.Equal(t, root.Certificate(), e.MetadataStatement.AttestationRootCertificates[0].Raw)
	}
	require.Equal(t, blob, must(b.Sign(root, "")), "the same each time")
	other, err := attest.NewRoot(bytes.Repeat([]byte{2}, 32))
	require.NoError(t, err)
	_, err = decoded(blob, other.Certificate())
	require.Error(t, err)
}

// Every field of a report comes through as the specification has it.
func TestReports(t *testing.T) {
	root := newRoot(t)
	full := metadata.Report{Status: "FIPS140_CERTIFIED_L3", Since: "2026-03-01", Version: 4, Batch: root.Certificate(), Certificate: root.Certificate(),
		URL: "https://example.test/", Descriptor: "a key", Number: "FIDO2100020260301001", Policy: "1.4.0", Profiles: []string{"consumer"},
		Requirements: "1.5.0", Sunset: "2031-03-01", FIPSRevision: 3, FIPSLevel: 4}
	require.NoError(t, full.Check())
	blob, err := metadata.BLOB{Number: 1, NextUpdate: "2026-04-01", Entries: entries(t, root, full)[:1]}.Sign(root, "")
	require.NoError(t, err)
	parsed, err := decoded(blob, root.Certificate())
	require.NoError(t, err)
	got := parsed.Parsed.Entries[0].StatusReports[1]
	day := func(s string) *time.Time { return new(must(time.Parse(time.DateOnly, s))) }
	require.Equal(t, root.Certificate(), got.Certificate.Raw)
	require.Equal(t, root.Certificate(), got.BatchCertificate.Raw)
	require.Equal(t, "https://example.test/", got.URL.String())
	got.Certificate, got.BatchCertificate, got.URL = nil, nil, nil
	require.Equal(t, official.StatusReport{Status: official.FIPS140CertifiedL3, EffectiveDate: day("2026-03-01"), AuthenticatorVersion: 4,
		CertificationDescriptor: "a key", CertificateNumber: "FIDO2100020260301001", CertificationPolicyVersion: "1.4.0",
		CertificationProfiles: []string{"consumer"}, CertificationRequirementsVersion: "1.5.0", SunsetDate: day("2031-03-01"), FIPSRevision: 3,
		FIPSPhysicalSecurityLevel: 4}, got)
}

func TestReportsThatCannotBe(t *testing.T) {
	for text, r := range map[string]metadata.Report{
		`no status "LOST"`:            {Status: "LOST"},
		`"1 March" is no day`:         {Status: "REVOKED", Since: "1 March"},
		`"2026-02-30" is no day`:      {Status: "REVOKED", Sunset: "2026-02-30"},
		"the certificate of a status": {Status: "ATTESTATION_KEY_COMPROMISE", Certificate: []byte{1}},
		"the certificate of a s":      {Status: "ATTESTATION_KEY_COMPROMISE", Batch: []byte{1}},
		"no address of https":         {Status: "UPDATE_AVAILABLE", URL: "http://example.test"},
		"REVOKED has no revision":     {Status: "REVOKED", FIPSRevision: 2},
		"the revision 2 or 3":         {Status: "FIPS140_CERTIFIED_L1", FIPSRevision: 4, FIPSLevel: 1},
		"physical level of 1 to 4":    {Status: "FIPS140_CERTIFIED_L1", FIPSRevision: 3},
	} {
		require.ErrorContains(t, r.Check(), text)
	}
	r := metadata.Report{Status: "FIPS140_CERTIFIED_L2"}.Completed()
	require.Equal(t, metadata.Report{Status: "FIPS140_CERTIFIED_L2", FIPSRevision: 3, FIPSLevel: 2}, r)
	require.NoError(t, r.Check())
	require.Equal(t, metadata.Report{Status: "REVOKED"}, metadata.Report{Status: "REVOKED"}.Completed())
}

// The hash over a list of rogues is that over its base64url.
func TestRogues(t *testing.T) {
	list := must(json.Marshal([]metadata.Rogue{{Key: "AQID", Date: "2026-03-01"}}))
	e := metadata.NewEntry(&metadata.Statement{}, nil, "2026-03-02").WithRogues("https://example.test/rogues", list)
	sum := sha256.Sum256([]byte(base64.RawURLEncoding.EncodeToString(list)))
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), e.RoguesHash)
	require.Equal(t, "2026-03-02", e.Changed)
	require.JSONEq(t, `[{"sk":"AQID","date":"2026-03-01"}]`, string(list))
}

// Every fault makes another BLOB, and what each is go-webauthn says in its own words, or does not see.
func TestFaults(t *testing.T) {
	root := newRoot(t)
	b := metadata.BLOB{Number: 7, NextUpdate: metadata.Never, Entries: entries(t, root, metadata.Report{Status: "REVOKED", Since: "2026-03-01"})}
	seen := map[string]bool{string(must(b.Sign(root, ""))): true}
	said := map[metadata.Fault]string{"signature": "crypto/ecdsa: verification error", "payload": "verification error", "unsigned": "none",
		"confusion": "key is of invalid type", "other-certificate": "verification error", "no-certificates": "verification error", "elsewhere": "x5u",
		"other-root": "unknown authority", "expired": "revocation list", "not-ca": "unknown authority", "truncated": "malformed"}
	for _, kind := range metadata.Faults() {
		t.Run(string(kind.Name), func(t *testing.T) {
			blob, err := b.Sign(root, kind.Name)
			require.NoError(t, err)
			require.False(t, seen[string(blob)], "it is another's")
			seen[string(blob)] = true
			named, err := metadata.ParseFault(string(kind.Name))
			require.NoError(t, err)
			require.Equal(t, kind.Name, named)
			require.NotEmpty(t, kind.Rule)
			parsed, err := decoded(blob, root.Certificate())
			if want := said[kind.Name]; want != "" {
				require.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			if kind.Name == "number" {
				require.Equal(t, 6, parsed.Parsed.Number)
				return
			}
			for _, e := range parsed.Parsed.Entries {
				require.NotEqual(t, e.AaGUID, e.MetadataStatement.AaGUID)
			}
		})
	}
	for _, none := range []string{"", "none"} {
		fault, err := metadata.ParseFault(none)
		require.NoError(t, err)
		require.Empty(t, fault)
	}
	_, err := metadata.ParseFault("lost")
	require.ErrorContains(t, err, `"lost": there are none, signature,`)
}
