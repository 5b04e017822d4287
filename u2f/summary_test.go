package u2f_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// What there is to see of credentials is what was asked for, and nothing that would make a copy.
func TestCredentialsAreSeenWithoutTheirSecrets(t *testing.T) {
	r := newRig(t, "ctap2.3", nil)
	require.Empty(t, r.key.Credentials())
	r.make()
	require.Empty(t, r.key.Credentials(), "what is not discoverable does not lie in the key")
	alice := r.make(resident("alice"), func(m *ctap.MakeCredentialRequest) {
		m.Extensions = []ctap.Extension{{Name: ctap.CredBlob, Value: ctap.EncodeBytes([]byte("blob"))}, {Name: ctap.CredProtect, Value: ctap.EncodeUint(2)},
			{Name: ctap.HMACSecret, Value: ctap.EncodeBool(true)}, {Name: ctap.LargeBlobKey, Value: ctap.EncodeBool(true)},
			{Name: ctap.ThirdPartyPayment, Value: ctap.EncodeBool(true)}}
	})
	foreign, _ := elsewhere(t, cose.ES384, "bob")
	foreign.Resident, foreign.UserHandle, foreign.UserName, foreign.UserDisplayName = false, nil, "", ""
	require.NoError(t, r.key.ImportCredentials([]u2f.VirtualCredential{foreign}))
	list := r.key.Credentials()
	require.Len(t, list, 2)
	require.Equal(t, u2f.CredentialSummary{RP: rpID, User: list[0].User, DisplayName: list[0].DisplayName, UserHandle: []byte("alice"),
		ID: alice.auth.CredentialID, Algorithm: "ES256", Discoverable: true, Protect: 2,
		Extensions: []string{"hmac-secret", "largeBlobKey", "thirdPartyPayment"}, CredBlob: 4, Counter: list[1].Counter}, list[0])
	require.Equal(t, []byte(foreign.ID), []byte(list[1].ID))
	require.Equal(t, "ES384", list[1].Algorithm)
	require.False(t, list[1].Discoverable)

	text, err := json.Marshal(list)
	require.NoError(t, err)
	secret, err := foreign.PrivateKey.MarshalText()
	require.NoError(t, err)
	require.NotContains(t, string(text), string(secret[40:80]))
	require.NotContains(t, string(text), "blob\"")
	r.key.PowerDown(r.now)
	require.Empty(t, r.key.Credentials())
}
