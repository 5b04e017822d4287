package tpm_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

const relyingParty = "example.org"

var (
	clientData = []byte(`{"type":"webauthn.create","challenge":"AAAA","origin":"https://example.org"}`)
	day        = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// TestAttestation has a key whose format is tpm say where its credentials are: the TPM's own word, that go-webauthn believes.
func TestAttestation(t *testing.T) {
	p, store := tpmtest.Start(t), &flash.Memory{}
	root, err := attest.NewRoot(bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	profile, err := u2f.ProfileNamed(u2f.DefaultProfile)
	require.NoError(t, err)
	profile.Attestation, profile.AttestationFormats, profile.ElementFallback = u2f.TPM, nil, true
	e := element(t, p.URL(""))
	var why []string
	key, err := u2f.New(u2f.Config{Profile: profile, Flash: store, Element: e, Root: root,
		Observe: func(e u2f.Event) { why = append(why, e.Why) }})
	require.NoError(t, err)
	var chains [][]byte
	for _, a := range e.Algorithms() {
		require.NoError(t, key.PowerUp(day, make([]byte, 32)))
		key.SetPresence(day, u2f.Presence{Mode: u2f.Auto})
		made := create(t, key, a)
		require.Equal(t, attest.FormatTPM, made.Format, why)
		require.NoError(t, believed(t, root, profile.AAGUID, made, clientData))
		require.Error(t, believed(t, root, profile.AAGUID, made, append(bytes.Clone(clientData), ' ')))
		var statement struct {
			X5C [][]byte `cbor:"x5c"`
		}
		require.NoError(t, cbor.Unmarshal(made.Statement, &statement))
		chains = append(chains, statement.X5C[0])
	}
	require.Equal(t, chains[0], chains[1], "the attestation key is made once")
	require.Equal(t, chains[0], chains[2])

	require.Equal(t, attest.FormatPacked, create(t, key, cose.EdDSA).Format, "what is not in the TPM speaks for itself")
	require.NoError(t, store.Put("aik", []byte{1}))
	require.Equal(t, ctap.ErrOther, status(key, cose.ES256))
}

func request(a cose.Algorithm) []byte {
	hash := sha256.Sum256(clientData)
	r := ctap.MakeCredentialRequest{ClientDataHash: hash[:], RP: ctap.RelyingParty{ID: relyingParty}, User: ctap.User{ID: []byte("u"), Name: "u"},
		Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(a)}}}
	return r.Append([]byte{1})
}

// status returns what the key says to who wants a credential.
func status(key *u2f.Key, a cose.Algorithm) ctap.Status {
	key.CBOR(day, 1, request(a))
	reply, _ := key.Reply(day)
	return ctap.Status(reply[0])
}

func create(t testing.TB, key *u2f.Key, a cose.Algorithm) ctap.MakeCredentialResponse {
	t.Helper()
	require.Equal(t, ctap.OK, status(key, a))
	reply, _ := key.Reply(day)
	made, err := ctap.ParseMakeCredentialResponse(bytes.Clone(reply[1:]))
	require.NoError(t, err)
	return made
}

// believed is how go-webauthn, which shares no code with us, judges a statement under the root.
func believed(t testing.TB, root *attest.Root, aaguid [16]byte, made ctap.MakeCredentialResponse, clientData []byte) error {
	object, err := cbor.Marshal(map[string]any{"fmt": made.Format, "authData": made.AuthData, "attStmt": cbor.RawMessage(made.Statement)})
	require.NoError(t, err)
	response := protocol.AuthenticatorAttestationResponse{
		AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: clientData}, AttestationObject: object}
	parsed, err := response.Parse()
	require.NoError(t, err)
	anchor, err := x509.ParseCertificate(root.Certificate())
	require.NoError(t, err)
	trust, err := memory.New(memory.WithValidateEntry(true), memory.WithValidateTrustAnchor(true),
		memory.WithMetadata(map[uuid.UUID]*metadata.Entry{aaguid: {MetadataStatement: metadata.Statement{
			AttestationRootCertificates: []*x509.Certificate{anchor},
			AttestationTypes:            []metadata.AuthenticatorAttestationType{metadata.AttCA}}}}))
	require.NoError(t, err)
	var params []protocol.CredentialParameter
	for _, a := range cose.Algorithms() {
		params = append(params, protocol.CredentialParameter{Algorithm: webauthncose.COSEAlgorithmIdentifier(a)})
	}
	hash := sha256.Sum256(clientData)
	return parsed.AttestationObject.Verify(relyingParty, hash[:], false, true, trust, params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
}
