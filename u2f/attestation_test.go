package u2f_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// attesting is a key with a root that is known, and what its attester makes of a credential.
func attesting(t *testing.T, change func(*u2f.Profile)) (*rig, func(what string, m made) attest.Attestation) {
	root, err := attest.NewRoot(entropy)
	require.NoError(t, err)
	p := u2f.Profiles()[0]
	change(&p)
	r := &rig{t: t, flash: &flash.Memory{}, now: epoch}
	r.key, err = u2f.New(u2f.Config{Profile: p, Flash: r.flash, Root: root})
	require.NoError(t, err)
	require.NoError(t, r.key.PowerUp(epoch, entropy))
	r.key.SetPresence(epoch, u2f.Presence{Mode: u2f.Auto})
	return r, func(what string, m made) attest.Attestation {
		data := m.auth
		data.AAGUID = p.AAGUID
		a, err := r.key.AttestAs(r.now, what, rpID, m.auth.CredentialID, data.Append(nil), clientDataHash)
		require.NoError(t, err)
		return a
	}
}

func TestAKeyAttestsInEveryFormat(t *testing.T) {
	r, as := attesting(t, func(*u2f.Profile) {})
	with := func(set map[string]string) u2f.Profile {
		p, err := u2f.ProfileNamed("ctap2.3")
		require.NoError(t, err)
		for name, value := range set {
			p, err = p.With(name, value)
			require.NoError(t, err)
		}
		require.NoError(t, r.key.SetProfile(r.now, p))
		return p
	}
	for _, kind := range []string{"packed", "packed-self", "none", "tpm", "android-key", "android-safetynet", "apple"} {
		with(map[string]string{"attestation": kind})
		m := r.make()
		require.Equal(t, attest.FormatOf(kind), m.Format)
		require.Equal(t, as(kind, m), attest.Attestation{Format: m.Format, AuthData: m.AuthData, Statement: m.Statement}, kind)
		if kind != "none" {
			require.Contains(t, formatsSaid(r), attest.FormatOf(kind))
		}

		if format := attest.FormatOf(kind); format != "packed" {
			with(map[string]string{"attestation_formats": "packed," + format})
		}
		m = r.make(func(req *ctap.MakeCredentialRequest) { req.Formats = []string{attest.FormatOf(kind)} })
		require.Equal(t, attest.FormatOf(kind), m.Format, "the platform prefers it")
	}

	with(map[string]string{"attestation": "tpm"})
	m := r.make(func(req *ctap.MakeCredentialRequest) {
		req.Params = []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(cose.EdDSA)}}
	})
	require.Equal(t, "packed", m.Format, "no TPM has such a key, which speaks for itself")
	require.NotContains(t, string(m.Statement), "x5c")

	with(map[string]string{"forged_attestation": "apple:nonce"})
	m = r.make()
	require.Equal(t, as("apple:nonce", m).Statement, m.Statement)
	require.NotEqual(t, as("apple", m).Statement, m.Statement)
	with(map[string]string{"forged_attestation": "tpm:magic"})
	m = r.make(func(req *ctap.MakeCredentialRequest) {
		req.Params = []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(cose.EdDSA)}}
	})
	require.Equal(t, "packed", m.Format, "and none lies about one")
	with(map[string]string{"forged_attestation": "fido-u2f:short-x"})
	body, err := r.send(makeCmd, making(nil))
	require.NoError(t, err)
	answer, err := ctap.ParseMakeCredentialResponse(body)
	require.NoError(t, err)
	require.Equal(t, "fido-u2f", answer.Format)
	require.Contains(t, string(answer.AuthData), "\x21\x58\x1f")
}

// A compound has more levels than CTAP 2.1, Section 8, lets a message have: the answer leaves, since what it is has them.
func TestACompoundIsDeeperThanAMessage(t *testing.T) {
	r, as := attesting(t, func(p *u2f.Profile) { p.Attestation = u2f.Compound })
	body, err := r.send(makeCmd, making(nil))
	require.NoError(t, err)
	require.ErrorIs(t, ctap.CheckCanonical(body), ctap.ErrInvalidCBOR)
	m, err := ctap.ParseMakeCredentialResponse(body)
	require.NoError(t, err)
	auth, err := ctap.ParseAuthData(m.AuthData)
	require.NoError(t, err)
	require.Equal(t, "compound", m.Format)
	require.Equal(t, as("compound", made{m, auth}).Statement, m.Statement)
}

func TestAttestationsThatAKeyCannotMake(t *testing.T) {
	for _, set := range [][2]string{{"attestation", "ssh"}, {"forged_attestation", "tpm:nothing"}, {"forged_attestation", "ssh:sig"}} {
		_, err := u2f.Profiles()[0].With(set[0], set[1])
		require.Error(t, err, set)
	}
	_, err := u2f.Profiles()[1].With("attestation", "tpm")
	require.ErrorContains(t, err, `attests with tpm, which needs max_msg_size of 6144`)

	r := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.Attestation = u2f.Apple })
	_, err = r.send(makeCmd, making(nil))
	require.ErrorIs(t, err, ctap.ErrOther, "the authority that made the key is gone")
	_, err = r.key.AttestAs(r.now, "tpm", rpID, []byte("another"), nil, clientDataHash)
	require.ErrorContains(t, err, "has no credential")
}

// formatsSaid is attestationFormats of getInfo.
func formatsSaid(r *rig) []string {
	body, err := r.send(4, nil)
	require.NoError(r.t, err)
	info, err := ctap.ParseGetInfoResponse(body)
	require.NoError(r.t, err)
	return info.AttestationFormats
}
