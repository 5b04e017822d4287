package attest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

const rpID = "lab.example"

// clientData is what a browser hashes.
var clientData, _ = json.Marshal(map[string]string{"type": "webauthn.create", "challenge": "AAAA", "origin": "https://lab.example"})

func clientDataHash() []byte {
	hash := sha256.Sum256(clientData)
	return hash[:]
}

func newCredential(t testing.TB, a cose.Algorithm) *cose.PrivateKey {
	k, err := cose.NewPrivateKey(a, bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	return k
}

// newAuthData is what a key says of a new credential.
func newAuthData(k *cose.PrivateKey, aaguid [16]byte, extensions []byte) []byte {
	data := ctap.AuthData{
		RPIDHash: sha256.Sum256([]byte(rpID)), Flags: ctap.FlagUP | ctap.FlagUV, Counter: 7, AAGUID: aaguid,
		CredentialID: bytes.Repeat([]byte{0xc1}, 64), PublicKey: k.AppendPublicKey(nil), Extensions: extensions,
	}
	return data.Append(nil)
}

// judge hands an attestation object to a relying party that trusts root for the AAGUID, and nothing else.
func judge(t testing.TB, root *Root, aaguid [16]byte, format string, authData, statement []byte) (string, error) {
	require.NoError(t, ctap.CheckCanonical(statement))
	object, err := cbor.Marshal(map[string]any{"fmt": format, "authData": authData, "attStmt": cbor.RawMessage(statement)})
	require.NoError(t, err)
	response := protocol.AuthenticatorAttestationResponse{
		AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: clientData}, AttestationObject: object,
	}
	p, err := response.Parse()
	if err != nil {
		return "", err
	}
	anchor, err := x509.ParseCertificate(root.Certificate())
	require.NoError(t, err)
	trust, err := memory.New(memory.WithValidateEntry(true), memory.WithValidateTrustAnchor(true),
		memory.WithMetadata(map[uuid.UUID]*metadata.Entry{aaguid: {MetadataStatement: metadata.Statement{
			AttestationRootCertificates: []*x509.Certificate{anchor},
			AttestationTypes:            []metadata.AuthenticatorAttestationType{metadata.BasicFull, metadata.BasicSurrogate, metadata.AttCA, metadata.AnonCA},
		}}}))
	require.NoError(t, err)
	var params []protocol.CredentialParameter
	for _, a := range cose.Algorithms() {
		params = append(params, protocol.CredentialParameter{Algorithm: webauthncose.COSEAlgorithmIdentifier(a)})
	}
	err = p.AttestationObject.Verify(rpID, clientDataHash(), true, true, trust, params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	return p.AttestationObject.Type, err
}

// A statement as go-webauthn, which shares no code with us, judges it.
type ruling struct {
	format    string
	algorithm cose.Algorithm
	aaguid    [16]byte
	extension []byte
	kind      metadata.AuthenticatorAttestationType
	make      func(t testing.TB, root *Root, key *cose.PrivateKey, authData []byte) ([]byte, error)
}

func rulings() map[string]ruling {
	packed := func(t testing.TB, root *Root, _ *cose.PrivateKey, authData []byte) ([]byte, error) {
		return AppendPacked(nil, newBatch(t, root), authData, clientDataHash())
	}
	self := func(_ testing.TB, _ *Root, key *cose.PrivateKey, authData []byte) ([]byte, error) {
		return AppendPackedSelf(nil, key, authData, clientDataHash())
	}
	fidoU2F := func(t testing.TB, root *Root, _ *cose.PrivateKey, authData []byte) ([]byte, error) {
		return AppendFIDOU2F(nil, newU2FBatch(t, root), authData, clientDataHash())
	}
	extension := []byte("\xa1\x6bcredProtect\x02")
	return map[string]ruling{
		"packed, ES256":               {FormatPacked, cose.ES256, model.AAGUID, nil, metadata.BasicFull, packed},
		"packed, EdDSA, an extension": {FormatPacked, cose.EdDSA, model.AAGUID, extension, metadata.BasicFull, packed},
		"packed, ES384":               {FormatPacked, cose.ES384, model.AAGUID, nil, metadata.BasicFull, packed},
		"packed, RS256":               {FormatPacked, cose.RS256, model.AAGUID, extension, metadata.BasicFull, packed},
		"packed self, ES384":          {FormatPacked, cose.ES384, model.AAGUID, nil, metadata.BasicSurrogate, self},
		"packed self, RS256":          {FormatPacked, cose.RS256, model.AAGUID, nil, metadata.BasicSurrogate, self},
		"packed self, ES256":          {FormatPacked, cose.ES256, model.AAGUID, nil, metadata.BasicSurrogate, self},
		"packed self, EdDSA":          {FormatPacked, cose.EdDSA, model.AAGUID, extension, metadata.BasicSurrogate, self},
		"fido-u2f":                    {FormatFIDOU2F, cose.ES256, [16]byte{}, nil, metadata.BasicFull, fidoU2F},
		"fido-u2f, an extension":      {FormatFIDOU2F, cose.ES256, [16]byte{}, extension, metadata.BasicFull, fidoU2F},
		"none": {FormatNone, cose.ES256, model.AAGUID, nil, metadata.None, func(testing.TB, *Root, *cose.PrivateKey, []byte) ([]byte, error) {
			return AppendNone(nil), nil
		}},
	}
}

func TestStatementsAreBelieved(t *testing.T) {
	root, stranger := newRoot(t, 1), newRoot(t, 2)
	for name, tt := range rulings() {
		t.Run(name, func(t *testing.T) {
			key := newCredential(t, tt.algorithm)
			authData := newAuthData(key, tt.aaguid, tt.extension)
			statement, err := tt.make(t, root, key, authData)
			require.NoError(t, err)
			kind, err := judge(t, root, tt.aaguid, tt.format, authData, statement)
			require.NoError(t, err)
			require.Equal(t, string(tt.kind), kind)
			again, err := tt.make(t, root, key, authData)
			require.NoError(t, err)
			require.Equal(t, statement, again)

			if tt.format == FormatNone {
				return
			}
			_, err = judge(t, stranger, tt.aaguid, tt.format, authData, statement)
			require.Equal(t, tt.kind == metadata.BasicFull, err != nil, "a stranger's root is trusted for its own batches only: %v", err)
			requireBound(t, root, tt, authData, statement)
		})
	}
}

// requireBound checks that a statement holds for its authenticator data and hash alone.
func requireBound(t *testing.T, root *Root, tt ruling, authData, statement []byte) {
	other := bytes.Clone(authData)
	other[60] ^= 1 // inside the credential's id
	_, err := judge(t, root, tt.aaguid, tt.format, other, statement)
	require.Error(t, err, "authenticator data is signed")
	altered := bytes.Clone(statement)
	altered[bytes.Index(altered, []byte("sig"))+20] ^= 1
	_, err = judge(t, root, tt.aaguid, tt.format, authData, altered)
	require.Error(t, err, "the signature is checked")
}

func TestStatementsBeginInTheMiddle(t *testing.T) {
	root, key := newRoot(t, 1), newCredential(t, cose.ES256)
	authData := newAuthData(key, [16]byte{}, nil)
	whole, err := AppendFIDOU2F(nil, newU2FBatch(t, root), authData, clientDataHash())
	require.NoError(t, err)
	b, err := AppendFIDOU2F([]byte("x"), newU2FBatch(t, root), authData, clientDataHash())
	require.NoError(t, err)
	require.Equal(t, append([]byte("x"), whole...), b)
	require.Equal(t, []byte("x\xa0"), AppendNone([]byte("x")))
}

func TestStatementsRefused(t *testing.T) {
	root, key := newRoot(t, 1), newCredential(t, cose.ES256)
	batch := newBatch(t, root)
	good := newAuthData(key, model.AAGUID, nil)
	assertion := (&ctap.AuthData{Flags: ctap.FlagUP}).Append(nil)
	offCurve := bytes.Clone(good)
	offCurve[len(offCurve)-1] ^= 1
	for name, tt := range map[string]struct {
		authData, hash []byte
		u2fOnly        bool
	}{
		"a short hash":                        {good, make([]byte, 31), false},
		"no hash":                             {good, nil, false},
		"short authenticator data":            {good[:36], make([]byte, 32), false},
		"authenticator data of an assertion":  {assertion, make([]byte, 32), true},
		"an assertion's with an extension":    {append(assertion, make([]byte, 100)...), make([]byte, 32), true},
		"authenticator data that is cut":      {good[:len(good)-1], make([]byte, 32), true},
		"an id that is longer than the data":  {append(bytes.Clone(good[:53]), 0xff, 0xff), make([]byte, 32), true},
		"a public key that is off the curve":  {offCurve, make([]byte, 32), true},
		"a credential of another algorithm":   {newAuthData(newCredential(t, cose.EdDSA), model.AAGUID, make([]byte, 99)), make([]byte, 32), true},
		"no more than the fixed part of data": {good[:55], make([]byte, 32), true},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := AppendFIDOU2F(nil, batch, tt.authData, tt.hash)
			require.Error(t, err)
			require.Nil(t, b)
			b, err = AppendPacked(nil, batch, tt.authData, tt.hash)
			require.Equal(t, tt.u2fOnly, err == nil, "packed attests whatever is signed")
			require.Equal(t, tt.u2fOnly, b != nil)
		})
	}
}

func TestHeadsAreShort(t *testing.T) {
	for _, n := range []int{0, 23, 24, 127, 128, 255, 256, 1<<16 - 1} {
		want, err := cbor.Marshal(make([]byte, n))
		require.NoError(t, err)
		require.Equal(t, want, appendBytes(nil, make([]byte, n)))
	}
}

func BenchmarkAppendPacked(b *testing.B) {
	batch := newBatch(b, newRoot(b, 1))
	authData := newAuthData(newCredential(b, cose.ES256), model.AAGUID, nil)
	hash := clientDataHash()
	b.Run("packed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := AppendPacked(nil, batch, authData, hash); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare signature", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := batch.Sign(authData); err != nil {
				b.Fatal(err)
			}
		}
	})
}
