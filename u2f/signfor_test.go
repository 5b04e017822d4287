package u2f_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/flash"
)

func TestSignFor(t *testing.T) {
	root, err := attest.NewRoot(entropy)
	require.NoError(t, err)
	message := []byte("what no command would sign")
	for _, profile := range []string{"ctap2.1", "u2f"} {
		p, err := u2f.ProfileNamed(profile)
		require.NoError(t, err)
		k, err := u2f.New(u2f.Config{Profile: p, Flash: &flash.Memory{}, Root: root})
		require.NoError(t, err)
		_, err = k.SignFor(rpID, nil, message)
		require.ErrorContains(t, err, "without power")
		require.NoError(t, k.PowerUp(epoch, entropy))
		signature, err := k.SignFor(rpID, nil, message)
		require.NoError(t, err)
		model := attest.Model{Name: p.Name, AAGUID: p.AAGUID}
		batch, err := root.NewBatch(model)
		if profile == "u2f" {
			batch, err = root.NewU2FBatch(model)
		}
		require.NoError(t, err)
		certificate, err := x509.ParseCertificate(batch.Certificate())
		require.NoError(t, err)
		require.True(t, cose.Verify(cose.ES256, certificate.PublicKey, message, signature), "by the key that attests")
	}

	r := newRig(t, "ctap2.1", nil)
	made := r.make()
	before := r.key.Summary()
	signature, err := r.key.SignFor(rpID, made.auth.CredentialID, message)
	require.NoError(t, err)
	a, public, err := cose.ParsePublicKey(made.auth.PublicKey)
	require.NoError(t, err)
	require.True(t, cose.Verify(a, public, message, signature))
	require.Equal(t, before, r.key.Summary(), "the counter stays")
	_, err = r.key.SignFor("other.org", made.auth.CredentialID, message)
	require.ErrorContains(t, err, `has no credential`)
}
