package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "unsafe" // for the roots that go-webauthn has compiled in

	"github.com/fxamacker/cbor/v2"
	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// go-webauthn believes android-key and apple under the roots of Google and Apple alone, which it has compiled in, and
// android-safetynet under those of the system. The lab's root has to be put beside them, or there would be nothing to measure.
var (
	//go:linkname androidRoots github.com/go-webauthn/webauthn/protocol.attAndroidKeyHardwareRootsCertPool
	androidRoots *x509.CertPool
	//go:linkname appleRoots github.com/go-webauthn/webauthn/protocol.attAppleHardwareRootsCertPool
	appleRoots *x509.CertPool
	//go:linkname safetyNetRoots github.com/go-webauthn/webauthn/protocol.attStatementAndroidSafetyNetRootsCertPool
	safetyNetRoots *x509.CertPool
)

// A registration is what the verifiers are handed: what verify.mjs and verify.py read.
type registration struct {
	Response       json.RawMessage `json:"response"`
	Challenge      string          `json:"challenge"`
	Origin         string          `json:"origin"`
	RPID           string          `json:"rpId"`
	Root           string          `json:"root"`
	Now            int64           `json:"now"` // ms after 1970
	Algorithms     []int           `json:"algorithms"`
	Format         string          `json:"format"`
	Self           bool            `json:"self"`
	Algorithm      int             `json:"algorithm"`
	ClientDataHash []byte          `json:"clientDataHash"`
	AuthData       []byte          `json:"authData"`
	Statement      []byte          `json:"statement"`
}

// A bench is a key's maker, credentials, and relying parties that trust the root.
type attestationBench struct {
	t         *testing.T
	root      *attest.Root
	attester  *attest.Attester
	party     *party
	session   *webauthn.SessionData
	client    []byte // client data
	subjects  map[cose.Algorithm]attest.Subject
	rootPEM   string
	directory string
}

var attestedModel = attest.Model{Name: "lab", AAGUID: [16]byte{0x4d, 0x46, 0x41, 15: 1}}

// attestedAt is when all of it happens, by everybody's clock.
var attestedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var attestedAlgorithms = []cose.Algorithm{cose.ES256, cose.ES384, cose.EdDSA, cose.RS256}

func newAttestationBench(t *testing.T) *attestationBench {
	b := &attestationBench{t: t, party: &party{}, subjects: map[cose.Algorithm]attest.Subject{}, directory: t.TempDir()}
	var err error
	b.root, err = attest.NewRoot(bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	b.attester, err = b.root.NewAttester(attestedModel)
	require.NoError(t, err)
	root, err := x509.ParseCertificate(b.root.Certificate())
	require.NoError(t, err)
	b.rootPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	androidRoots.AddCert(root)
	appleRoots.AddCert(root)
	if safetyNetRoots == nil {
		safetyNetRoots = x509.NewCertPool()
	}
	safetyNetRoots.AddCert(root)
	b.party.WebAuthn, err = webauthn.New(&webauthn.Config{RPID: forgedRP, RPDisplayName: "Example", RPOrigins: []string{forgedOrigin},
		MDS: b.provider(root), AttestationPreference: protocol.PreferDirectAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{UserVerification: protocol.VerificationRequired}})
	require.NoError(t, err)
	var parameters []protocol.CredentialParameter
	for _, a := range attestedAlgorithms {
		parameters = append(parameters, protocol.CredentialParameter{Type: "public-key", Algorithm: webauthncose.COSEAlgorithmIdentifier(a)})
	}
	_, b.session, err = b.party.BeginRegistration(b.party, webauthn.WithCredentialParameters(parameters))
	require.NoError(t, err)
	b.session.Challenge = base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32)) // the same each time, as all else is
	b.client, err = json.Marshal(map[string]any{"type": "webauthn.create", "challenge": b.session.Challenge, "origin": forgedOrigin, "crossOrigin": false})
	require.NoError(t, err)
	return b
}

// provider is the metadata of the lab's model, and of its keys of U2F, which have no AAGUID.
func (b *attestationBench) provider(root *x509.Certificate) metadata.Provider {
	entry := &metadata.Entry{MetadataStatement: metadata.Statement{AttestationRootCertificates: []*x509.Certificate{root},
		AttestationTypes: metadata.AuthenticatorAttestationTypes{metadata.BasicFull, metadata.BasicSurrogate, metadata.AttCA, metadata.AnonCA}}}
	batch, err := b.root.NewU2FBatch(attestedModel)
	require.NoError(b.t, err)
	certificate, err := x509.ParseCertificate(batch.Certificate())
	require.NoError(b.t, err)
	var spki struct {
		Algorithm asn1.RawValue
		PublicKey asn1.BitString
	}
	_, err = asn1.Unmarshal(certificate.RawSubjectPublicKeyInfo, &spki)
	require.NoError(b.t, err)
	id := sha1.Sum(spki.PublicKey.Bytes)
	provider, err := memory.New(memory.WithMetadata(map[uuid.UUID]*metadata.Entry{uuid.UUID(attestedModel.AAGUID): entry}),
		memory.WithMetadataKeyIdentifiers(map[string]*metadata.Entry{hex.EncodeToString(id[:]): entry}), memory.WithValidateEntry(true),
		memory.WithValidateEntryKeyIdentifier(true), memory.WithValidateTrustAnchor(true), memory.WithValidateAttestationTypes(true),
		memory.WithValidateEntryPermitZeroAAGUID(false), memory.WithValidateStatus(false))
	require.NoError(b.t, err)
	return provider
}

// subject is a credential of an algorithm, the same one for all statements.
func (b *attestationBench) subject(a cose.Algorithm) attest.Subject {
	if s, made := b.subjects[a]; made {
		return s
	}
	key, err := cose.NewPrivateKey(a, bytes.Repeat([]byte{7}, 32))
	require.NoError(b.t, err)
	hash := sha256.Sum256(b.client)
	data := ctap.AuthData{RPIDHash: sha256.Sum256([]byte(forgedRP)), Flags: ctap.FlagUP | ctap.FlagUV, Counter: 1, AAGUID: attestedModel.AAGUID,
		CredentialID: bytes.Repeat([]byte{0xc1}, 32), PublicKey: key.AppendPublicKey(nil)}
	s := attest.Subject{AuthData: data.Append(nil), ClientDataHash: hash[:], Credential: key, Now: attestedAt}
	b.subjects[a] = s
	return s
}

// register makes a statement, right or wrong.
func (b *attestationBench) register(kind string, wrong *attest.Mutation, a cose.Algorithm) registration {
	s := b.subject(a)
	made, err := b.attester.Attest(kind, wrong, s)
	require.NoError(b.t, err)
	object, err := cbor.Marshal(map[string]any{"fmt": made.Format, "authData": made.AuthData, "attStmt": cbor.RawMessage(made.Statement)})
	require.NoError(b.t, err)
	encode := base64.RawURLEncoding.EncodeToString
	id := encode(bytes.Repeat([]byte{0xc1}, 32))
	response, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(b.client), "attestationObject": encode(object), "transports": []string{"usb"}}})
	require.NoError(b.t, err)
	r := registration{Response: response, Challenge: b.session.Challenge, Origin: forgedOrigin, RPID: forgedRP, Root: b.rootPEM, Now: attestedAt.UnixMilli(), Format: made.Format,
		Self: kind == attest.KindSelf, Algorithm: int(a), ClientDataHash: s.ClientDataHash, AuthData: made.AuthData, Statement: made.Statement}
	for _, a := range attestedAlgorithms {
		r.Algorithms = append(r.Algorithms, int(a))
	}
	return r
}

// goWebAuthn are go-webauthn's verdicts, "" where it is content. It reads the clock itself, which is the lab's here.
func (b *attestationBench) goWebAuthn(list []registration) (verdicts []string) {
	synctest.Test(b.t, func(t *testing.T) {
		time.Sleep(time.Until(attestedAt))
		for _, r := range list {
			parsed, err := protocol.ParseCredentialCreationResponseBytes(r.Response)
			if err == nil {
				_, err = b.party.CreateCredential(b.party, *b.session, parsed)
			}
			verdicts = append(verdicts, said(err))
		}
	})
	return verdicts
}

// others are the verdicts of SimpleWebAuthn, fido2-lib and libfido2.
func (b *attestationBench) others(list []registration) (verdicts [][3]string) {
	dir := installNPM(b.t, "testdata/attestation")
	in, err := json.Marshal(list)
	require.NoError(b.t, err)
	run := func(out any, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		text, err := cmd.Output()
		require.NoError(b.t, err, "%s: %s", name, &errs)
		require.NoError(b.t, json.Unmarshal(text, out))
	}
	var node [][2]string
	run(&node, "node", "verify.mjs")
	var library []string
	run(&library, "/usr/bin/python3", "verify.py")
	require.Len(b.t, node, len(list))
	require.Len(b.t, library, len(list))
	for i := range list {
		verdicts = append(verdicts, [3]string{node[i][0], node[i][1], library[i]})
	}
	return verdicts
}

// chain returns the certificates of a statement, leaf first; nil where it has none that can be read.
func chain(r registration) (list [][]byte) {
	var s struct {
		X5C      [][]byte `cbor:"x5c"`
		Response []byte   `cbor:"response"`
	}
	if cbor.Unmarshal(r.Statement, &s) != nil {
		return nil
	}
	if header, _, is := strings.Cut(string(s.Response), "."); is {
		var h struct {
			X5C [][]byte `json:"x5c"`
		}
		if text, err := base64.RawURLEncoding.DecodeString(header); err == nil {
			_ = json.Unmarshal(text, &h) // what is no JSON has no certificates
		}
		return h.X5C
	}
	return s.X5C
}

// openSSL is the verdict of `openssl verify -x509_strict` of the chain, at a time; notJudged where there is no chain.
func (b *attestationBench) openSSL(r registration, at time.Time) string {
	certificates := chain(r)
	if len(certificates) == 0 {
		return notJudged
	}
	args := []string{"verify", "-x509_strict", "-purpose", "any", "-attime", fmt.Sprint(at.Unix()), "-CAfile", b.pem("root.pem", b.root.Certificate())}
	if len(certificates) > 1 {
		args = append(args, "-untrusted", b.pem("between.pem", certificates[1:]...))
	}
	text, err := exec.Command("/usr/bin/openssl", append(args, b.pem("leaf.pem", certificates[0]))...).CombinedOutput()
	if err == nil {
		return ""
	}
	return "refused: " + string(text)
}

// pem writes certificates into a file.
func (b *attestationBench) pem(name string, list ...[]byte) (path string) {
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	path = filepath.Join(b.directory, name)
	require.NoError(b.t, os.WriteFile(path, text, 0o600))
	return path
}

// notJudged stands for what a verifier says nothing about.
const notJudged = "-"

// The verifiers, in the order of the columns.
const (
	byGo = iota
	bySimple
	byFido2Lib
	byLibfido2
	byOpenSSL
	verifiers
)

// verdicts has everybody judge; certificates are OpenSSL's business where the right statement, if there is one, has others.
func (b *attestationBench) verdicts(list, right []registration) (out [][verifiers]string) {
	goes, others := b.goWebAuthn(list), b.others(list)
	for i, r := range list {
		verdict := [verifiers]string{goes[i], others[i][0], others[i][1], others[i][2], notJudged}
		if !slices.EqualFunc(chain(right[i]), chain(r), bytes.Equal) {
			verdict[byOpenSSL] = b.openSSL(r, attestedAt)
		}
		out = append(out, verdict)
	}
	return out
}

// mutated is the algorithm of the credential that a kind's mutations are about: fido2-lib knows RSA keys alone in a TPM.
func mutated(kind string) cose.Algorithm {
	if kind == attest.FormatTPM || kind == attest.FormatCompound {
		return cose.RS256
	}
	return cose.ES256
}

// taken are the algorithms of credentials whose right statements each verifier takes, as measured: nothing of the lab's may
// take one away. OpenSSL sees the certificates alone.
var taken = map[string][verifiers]string{
	attest.FormatPacked:     {"ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256", "ES256 ES384 RS256", "ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256"},
	attest.KindSelf:         {"ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256", "ES256 RS256", "ES256 ES384 EdDSA RS256", ""},
	attest.KindEnterprise:   {"ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256", "ES256 ES384 RS256", "ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256"},
	attest.FormatFIDOU2F:    {"ES256", "ES256", "ES256", "ES256", "ES256"},
	attest.FormatNone:       {"ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256", "ES256 ES384 RS256", "", ""},
	attest.FormatTPM:        {"ES256 ES384 RS256", "ES256 ES384 RS256", "RS256", "", "ES256 ES384 RS256"},
	attest.FormatAndroidKey: {"ES256 ES384 EdDSA RS256", "ES256 ES384", "", "", "ES256 ES384 EdDSA RS256"},
	attest.FormatSafetyNet:  {"ES256 ES384 EdDSA RS256", "ES256 ES384 EdDSA RS256", "ES256 ES384 RS256", "", "ES256 ES384 EdDSA RS256"},
	attest.FormatApple:      {"ES256 ES384 EdDSA RS256", "ES256 ES384", "ES256 RS256", "", "ES256 ES384 EdDSA RS256"},
	attest.FormatCompound:   {"ES256 ES384 RS256", "", "", "", ""},
}

func TestAttestationsAsMeasured(t *testing.T) {
	// fido2-tools bring libfido2.so.1.
	requireClients(t, map[string]string{"/usr/bin/openssl": "openssl", "/usr/bin/python3": "python3", "/usr/bin/fido2-cred": "fido2-tools"})
	installNPM(t, "testdata/attestation")
	b := newAttestationBench(t)
	type row struct {
		kind      string
		algorithm cose.Algorithm
		wrong     *attest.Mutation
	}
	var rows []row
	var list, rights []registration
	right := map[row]registration{}
	add := func(r row) {
		made := b.register(r.kind, r.wrong, r.algorithm)
		rows, list, rights = append(rows, r), append(list, made), append(rights, right[row{r.kind, r.algorithm, nil}])
		right[r] = made
	}
	for _, kind := range attest.Kinds() {
		for _, a := range attestedAlgorithms {
			if attest.Attests(kind, a) {
				add(row{kind, a, nil})
			}
		}
	}
	for _, m := range attest.Mutations() {
		add(row{m.Kind, mutated(m.Kind), &m})
	}
	verdicts := b.verdicts(list, rights)
	accepted := map[string][verifiers]string{}
	table := measured{taken: taken}
	for i, r := range rows {
		if r.wrong != nil {
			table.add(r.wrong, r.algorithm, verdicts[i])
			continue
		}
		said := accepted[r.kind]
		for v, verdict := range verdicts[i] {
			if verdict == "" {
				said[v] = strings.TrimSpace(said[v] + " " + r.algorithm.String())
			}
		}
		accepted[r.kind] = said
	}
	require.Equal(t, taken, accepted)
	made(t, "../../docs/attestation.md", "formats", formatsTable(t, accepted))
	made(t, "../../docs/attestation.md", "figures", table.figures(accepted))
	made(t, "../../docs/attestation.md", "mutations", table.String())
}
