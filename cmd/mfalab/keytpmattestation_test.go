package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/tpm"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

// certifiedByTPM returns the registration of a credential whose key is in a TPM, by that one's own word.
func certifiedByTPM(t *testing.T, b *attestationBench, e *tpm.Element, aik []byte, x5c [][]byte, a cose.Algorithm) registration {
	key, _, err := e.MakeKey(a, bytes.Repeat([]byte{9}, 32))
	require.NoError(t, err)
	hash := sha256.Sum256(b.client)
	data := ctap.AuthData{RPIDHash: sha256.Sum256([]byte(forgedRP)), Flags: ctap.FlagUP | ctap.FlagUV, Counter: 1, AAGUID: attestedModel.AAGUID,
		CredentialID: bytes.Repeat([]byte{0xc1}, 32), PublicKey: key.AppendPublicKey(nil)}
	authData := data.Append(nil)
	qualifying, err := attest.QualifyingData(cose.ES256, authData, hash[:])
	require.NoError(t, err)
	certification, err := key.Signer().(u2f.Certifier).Certify(aik, qualifying)
	require.NoError(t, err)
	statement, err := attest.AppendTPM(nil, x5c, certification)
	require.NoError(t, err)
	object, err := cbor.Marshal(map[string]any{"fmt": attest.FormatTPM, "authData": authData, "attStmt": cbor.RawMessage(statement)})
	require.NoError(t, err)
	r := b.register(attest.FormatTPM, nil, a)
	encode := base64.RawURLEncoding.EncodeToString
	id := encode(data.CredentialID)
	r.Response, err = json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(b.client), "attestationObject": encode(object), "transports": []string{"usb"}}})
	require.NoError(t, err)
	r.AuthData, r.Statement = authData, statement
	return r
}

// TestATPMsOwnWord has relying parties of three languages judge what TPM2_Certify says.
func TestATPMsOwnWord(t *testing.T) {
	requireClients(t, tpmClients)
	b := newAttestationBench(t)
	address, err := tpm.ParseAddress(tpmtest.Start(t).URL(""))
	require.NoError(t, err)
	e := tpm.New(address, nil)
	_, err = e.Identity()
	require.NoError(t, err)
	defer e.Close()
	aik, public, err := e.MakeAttestationKey()
	require.NoError(t, err)
	x5c, err := b.root.CertifyAIK(attestedModel, public)
	require.NoError(t, err)
	var list []registration
	for _, a := range e.Algorithms() {
		list = append(list, certifiedByTPM(t, b, e, aik, x5c, a))
	}
	goes, others := b.goWebAuthn(list), b.others(list)
	for i, a := range e.Algorithms() {
		require.Empty(t, goes[i]+b.openSSL(list[i], attestedAt), "go-webauthn and OpenSSL, %v", a)
		require.Empty(t, others[i][0], "SimpleWebAuthn, %v", a)
		require.Equal(t, a == cose.RS256, others[i][1] == "", "fido2-lib knows RSA keys alone in a TPM: %s", others[i][1])
		require.Contains(t, others[i][2], "FIDO_ERR_INTERNAL", "libfido2 knows those alone that sign with SHA-1")
	}
}
