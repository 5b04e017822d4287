package attest

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newAttester is one of the model under a root.
func newAttester(t testing.TB, root *Root) *Attester {
	a, err := root.NewAttester(model)
	require.NoError(t, err)
	return a
}

// newSubject is a credential of an algorithm.
func newSubject(t testing.TB, a cose.Algorithm) Subject {
	key := newCredential(t, a)
	return Subject{AuthData: newAuthData(key, model.AAGUID, nil), ClientDataHash: clientDataHash(), Credential: key, Now: now}
}

// clauses are what Web Authentication Level 3 has a verifier check of a statement: the text of Section 8, bullet by bullet.
// What is not of Section 8 is there because Section 8 hands the trust path to it.
var clauses = map[string]string{
	"7.1: fmt; 8.1":      "perform a USASCII case-sensitive match on fmt against the set of supported identifiers",
	"7.1: trust anchors": "verify that the attestation public key correctly chains up to an acceptable root certificate",

	"8.2: syntax":              "attStmt is valid CBOR conforming to the syntax: alg, sig, x5c with attestnCert first",
	"8.2: sig":                 "sig is a valid signature over authenticatorData and clientDataHash by attestnCert",
	"8.2: alg":                 "... with the algorithm specified in alg",
	"8.2: AAGUID":              "the value of id-fido-gen-ce-aaguid matches the aaguid in authenticatorData",
	"8.2: self, alg":           "alg matches the algorithm of the credentialPublicKey",
	"8.2: self, sig":           "sig is a valid signature using the credential public key",
	"8.2.1: version":           "Version MUST be set to 3",
	"8.2.1: subject":           "Subject-C, Subject-O, Subject-OU and Subject-CN",
	"8.2.1: AAGUID":            "the extension MUST be present where the root is that of several models, an OCTET STRING, and not critical",
	"8.2.1: basic constraints": "the CA component MUST be set to false",
	"8.2.2: serial number":     "id-fido-gen-ce-sernum MUST NOT be critical, and is for enterprises only",

	"8.3: syntax":                     "attStmt is valid CBOR conforming to the syntax",
	"8.3: ver":                        "ver is \"2.0\"",
	"8.3: pubArea":                    "parameters and unique of pubArea are identical to the credentialPublicKey",
	"8.3: x5c":                        "x5c is present",
	"8.3: sig":                        "sig is a valid signature over certInfo using the key in aikCert with alg",
	"8.3: AAGUID":                     "the value of id-fido-gen-ce-aaguid matches the aaguid in authenticatorData",
	"8.3: certInfo":                   "certInfo is valid: a TPMS_ATTEST",
	"8.3: magic":                      "magic is TPM_GENERATED_VALUE",
	"8.3: type":                       "type is TPM_ST_ATTEST_CERTIFY",
	"8.3: extraData":                  "extraData is the hash of attToBeSigned by the hash algorithm of alg",
	"8.3: attested name":              "attested is a TPMS_CERTIFY_INFO whose name is a valid Name for pubArea by its nameAlg",
	"8.3.1: version":                  "Version MUST be set to 3",
	"8.3.1: subject":                  "Subject MUST be empty",
	"8.3.1: subject alternative name": "as in TPMv2-EK-Profile 3.2.9: manufacturer, model, version; critical, since there is no subject",
	"8.3.1: extended key usage":       "MUST contain tcg-kp-AIKCertificate",
	"8.3.1: basic constraints":        "the CA component MUST be set to false",

	"8.4: syntax":               "attStmt is valid CBOR conforming to the syntax",
	"8.4: sig":                  "sig is a valid signature by the first certificate's key with alg",
	"8.4: credentialPublicKey":  "the first certificate's key matches the credentialPublicKey",
	"8.4: attestationChallenge": "attestationChallenge is identical to clientDataHash",
	"8.4: allApplications":      "allApplications is on neither list",
	"8.4: teeEnforced":          "only teeEnforced, if the relying party wants a trusted execution environment",
	"8.4: origin":               "origin is KM_ORIGIN_GENERATED",
	"8.4: purpose":              "purpose is KM_PURPOSE_SIGN",
	"8.4.1: extension":          "the extension with the key's description is there",

	"8.5: syntax":            "attStmt is valid CBOR conforming to the syntax",
	"8.5: ver":               "ver is a version of SafetyNet",
	"8.5: response":          "response is a valid SafetyNet response of version ver, by SafetyNet's own documentation",
	"8.5: nonce":             "nonce is Base64 of SHA-256 of authenticatorData and clientDataHash",
	"8.5: SafetyNet service": "the response actually came from the SafetyNet service: attest.android.com",

	"8.6: syntax":           "attStmt is valid CBOR conforming to the syntax",
	"8.6: x5c":              "x5c has exactly one element",
	"8.6: P-256":            "the certificate public key is on P-256",
	"8.6: x and y":          "x and y have 32 bytes each",
	"8.6: verificationData": "0x00, rpIdHash, clientDataHash, credentialId, publicKeyU2F",
	"8.6: sig":              "sig is a valid signature over verificationData",

	"8.7: syntax": "attStmt is empty",

	"8.8: syntax":             "attStmt is valid CBOR conforming to the syntax",
	"8.8: nonce":              "nonce is the value of the extension 1.2.840.113635.100.8.2",
	"8.8: Subject Public Key": "the credential public key equals the Subject Public Key of credCert",

	"8.9: syntax":         "attStmt is an array of statements that are no compounds",
	"8.9: two or more":    "at least two",
	"8.9: each statement": "each is verified by its format's procedure",
}

func TestEveryClauseHasAMutation(t *testing.T) {
	seen := map[string]int{}
	for _, m := range Mutations() {
		require.Contains(t, clauses, m.Clause, "%s", &m)
		seen[m.Clause]++
	}
	for clause, text := range clauses {
		require.NotZero(t, seen[clause], "nothing violates %s: %s", clause, text)
	}
	t.Logf("%d mutations of %d clauses", len(Mutations()), len(clauses))
}

func TestMutationsAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Mutations() {
		require.Regexp(t, regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), m.Name)
		require.False(t, seen[m.String()], "%s is there twice", &m)
		seen[m.String()] = true
		require.NotEmpty(t, m.Breaks)
		kind, found, err := ParseMutation(m.String())
		require.NoError(t, err)
		require.Equal(t, m.Kind+" "+m.String(), kind+" "+found.String())
	}
	for _, kind := range Kinds() {
		again, m, err := ParseMutation(kind)
		require.NoError(t, err)
		require.Nil(t, m)
		require.Equal(t, kind, again)
	}
	_, _, err := ParseMutation("tpm:sig-good")
	require.ErrorContains(t, err, `there is no mutation "sig-good" of tpm: there are no-alg, no-sig,`)
	_, _, err = ParseMutation("ssh")
	require.ErrorContains(t, err, `there is no attestation "ssh": there are packed, packed-self,`)
}

// What is wrong is wrong in something, readable as far as it goes, and the same each time; and what is right is not touched by
// it.
func TestMutationsChangeTheStatement(t *testing.T) {
	root := newRoot(t, 1)
	a, again := newAttester(t, root), newAttester(t, root)
	s := newSubject(t, cose.ES256)
	right := map[string]Attestation{}
	for _, kind := range Kinds() {
		made, err := a.Attest(kind, nil, s)
		require.NoError(t, err, kind)
		require.NoError(t, ctap.CheckCanonical(made.Statement), kind)
		require.Equal(t, FormatOf(kind), made.Format)
		right[kind] = made
	}
	for _, m := range Mutations() {
		made, err := a.Attest(m.Kind, &m, s)
		require.NoError(t, err, "%s", &m)
		require.NotEqual(t, right[m.Kind], made, "%s", &m)
		if m.String() != "compound:nested" { // it is deeper than four levels, which CTAP 2.1, Section 8, leaves to it
			require.NoError(t, ctap.CheckCanonical(made.Statement), "%s", &m)
		}
		if m.Name != "short-x" && m.Name != "short-y" {
			require.Equal(t, right[m.Kind].AuthData, made.AuthData, "%s", &m)
		}
		second, err := again.Attest(m.Kind, &m, s)
		require.NoError(t, err)
		require.Equal(t, made, second, "%s", &m)
	}
	for kind, want := range right {
		made, err := a.Attest(kind, nil, s)
		require.NoError(t, err)
		require.Equal(t, want, made, "%s after all that", kind)
	}
	require.Equal(t, newAuthData(s.Credential, model.AAGUID, nil), s.AuthData, "the subject is nobody's to change")
}

// The batch of a key's flash and the attester make the same of it.
func TestAttesterMakesWhatBatchesMake(t *testing.T) {
	root := newRoot(t, 1).PublishedAt("https://lab.example/pki")
	a, s := newAttester(t, root), newSubject(t, cose.ES256)
	want, err := AppendPacked(nil, newBatch(t, root), s.AuthData, s.ClientDataHash)
	require.NoError(t, err)
	made, err := a.Attest(FormatPacked, nil, s)
	require.NoError(t, err)
	require.Equal(t, want, made.Statement)

	made, err = a.Attest(KindSelf, nil, s)
	require.NoError(t, err)
	want, err = AppendPackedSelf(nil, s.Credential, s.AuthData, s.ClientDataHash)
	require.NoError(t, err)
	require.Equal(t, want, made.Statement)

	made, err = a.Attest(FormatFIDOU2F, nil, s)
	require.NoError(t, err)
	require.Equal(t, newAuthData(s.Credential, [16]byte{}, nil), made.AuthData)
	want, err = AppendFIDOU2F(nil, newU2FBatch(t, root), made.AuthData, s.ClientDataHash)
	require.NoError(t, err)
	require.Equal(t, want, made.Statement)
}

func TestKindsSayWhatTheyCan(t *testing.T) {
	a := newAttester(t, newRoot(t, 1))
	for _, algorithm := range cose.Algorithms() {
		s := newSubject(t, algorithm)
		for _, kind := range Kinds() {
			made, err := a.Attest(kind, nil, s)
			if !Attests(kind, algorithm) {
				require.ErrorContains(t, err, fmt.Sprintf("attest: %s says nothing of a credential of ", kind))
				continue
			}
			require.NoError(t, err, "%s of %v", kind, algorithm)
			require.Less(t, len(made.Statement), 5600, "%s of %v fits an answer", kind, algorithm)
		}
	}
}

func TestAttesterRefuses(t *testing.T) {
	root := newRoot(t, 1)
	a, s := newAttester(t, root), newSubject(t, cose.ES256)
	_, err := a.Attest("ssh", nil, s)
	require.ErrorContains(t, err, `there is no attestation "ssh"`)
	_, m, err := ParseMutation("tpm:magic")
	require.NoError(t, err)
	_, err = a.Attest(FormatPacked, m, s)
	require.EqualError(t, err, "attest: the mutation tpm:magic is none of packed")
	short := s
	short.AuthData = s.AuthData[:40]
	_, err = a.Attest(FormatFIDOU2F, nil, short)
	require.Error(t, err)
	short.AuthData = nil
	_, err = a.Attest(FormatPacked, nil, short)
	require.Error(t, err)
	_, err = root.NewAttester(Model{})
	require.ErrorContains(t, err, "model name")
	var text strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "attester", a)
	fmt.Fprintf(&text, "%v %+v %#v %x", a, a, a, a)
	require.Equal(t, 5, strings.Count(text.String(), "attest.Attester"))
}

// An authority of one purpose issues for no other, and every certificate of a chain names the one that follows.
func TestAuthoritiesAreApart(t *testing.T) {
	root := newRoot(t, 1)
	var seen [][]byte
	for _, purpose := range []string{"TPM", "Android", "SafetyNet", "Anonymous"} {
		by, err := root.authority(purpose)
		require.NoError(t, err)
		require.NoError(t, by.certificate.CheckSignatureFrom(root.certificate))
		require.True(t, by.certificate.MaxPathLenZero)
		require.False(t, slices.ContainsFunc(seen, func(b []byte) bool { return string(b) == string(by.certificate.RawSubjectPublicKeyInfo) }))
		seen = append(seen, by.certificate.RawSubjectPublicKeyInfo)
	}
}

func FuzzParseMutation(f *testing.F) {
	for _, s := range []string{"tpm", "tpm:extra-data", "packed-self:", ":", "compound:nested:x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kind, m, err := ParseMutation(s)
		switch {
		case err != nil:
			require.Empty(t, kind)
			require.Nil(t, m)
		case m == nil:
			require.Equal(t, s, kind)
		default:
			require.Equal(t, s, m.String())
			require.Equal(t, kind, m.Kind)
		}
	})
}
