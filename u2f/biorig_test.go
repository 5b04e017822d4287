package u2f_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

const bioCmd = 0x09

// newBioRig powers up a key with a sensor and a PIN, changed by change.
func newBioRig(t testing.TB, change func(*u2f.Profile)) *rig {
	r := newRig(t, "bio", change)
	r.setPIN()
	return r
}

// enrolled is newBioRig with fingers that are enrolled.
func enrolled(t testing.TB, change func(*u2f.Profile), fingers ...string) *rig {
	r := newBioRig(t, change)
	for _, f := range fingers {
		r.enrol(r.tokenFor(ctap.PermissionBE, nil), f)
	}
	r.said()
	return r
}

// fingers says what the user does next, by name; a name and a colon are followed by a sample.
func (r *rig) fingers(list ...string) {
	r.t.Helper()
	var fingers []u2f.Finger
	for _, text := range list {
		f := u2f.Finger{Name: text}
		if name, sample, ok := bytes.Cut([]byte(text), []byte(":")); ok {
			f.Name = string(name)
			require.NoError(r.t, f.Sample.UnmarshalText(sample))
		}
		fingers = append(fingers, f)
	}
	require.NoError(r.t, r.key.SetFingers(r.now, fingers))
}

// enrolling returns a request that token authorizes.
func enrolling(token []byte, in ctap.BioEnrollmentRequest) []byte {
	in.Modality, in.Protocol = new(uint64(ctap.Fingerprint)), new(uint64(2))
	in.UVAuthParam = pinuv.Two.Authenticate(token, in.Message(in.AppendParams(nil)))
	return in.Append(nil)
}

func (r *rig) bio(request []byte) (ctap.BioEnrollmentResponse, error) {
	r.t.Helper()
	body, err := r.send(bioCmd, request)
	if err != nil {
		return ctap.BioEnrollmentResponse{}, err
	}
	if len(body) > 0 {
		requireCanonical(r.t, body)
	}
	out, err := ctap.ParseBioEnrollmentResponse(body)
	require.NoError(r.t, err)
	return out, nil
}

// capture takes one sample and returns what became of it and how many are left. Without an id it begins.
func (r *rig) capture(token, id []byte) (status ctap.SampleStatus, left uint64, template []byte) {
	r.t.Helper()
	in := ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin}
	if id != nil {
		in = ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id}
	}
	out, err := r.bio(enrolling(token, in))
	require.NoError(r.t, err)
	return *out.LastSample, *out.RemainingSamples, out.TemplateID
}

// enrol enrols a finger and returns its template's id.
func (r *rig) enrol(token []byte, finger string) []byte {
	r.t.Helper()
	r.fingers(finger)
	_, left, id := r.capture(token, nil)
	for left > 0 {
		r.fingers(finger)
		var status ctap.SampleStatus
		status, left, _ = r.capture(token, id)
		require.Equal(r.t, ctap.SampleGood, status)
	}
	return id
}

// uvRetries returns what getUVRetries says. See Section 6.5.5.3.
func (r *rig) uvRetries() uint64 {
	r.t.Helper()
	return *r.clientPIN(pinuv.Two, ctap.ClientPINRequest{Subcommand: ctap.GetUVRetries}).UVRetries
}

// uvToken exchanges a finger for a token. See Section 6.5.5.7.3.
func (r *rig) uvToken(permissions ctap.Permissions, rp *string) ([]byte, error) {
	r.t.Helper()
	public, s := r.secret(pinuv.Two)
	in := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetPINUVAuthTokenUsingUVWithPermissions,
		KeyAgreement: public, Permissions: &permissions, RPID: rp}
	body, err := r.send(pinCmd, in.Append(nil))
	if err != nil {
		return nil, err
	}
	out, err := ctap.ParseClientPINResponse(body)
	require.NoError(r.t, err)
	token, err := s.Decrypt(out.UVAuthToken)
	require.NoError(r.t, err)
	return token, nil
}

func (r *rig) info() ctap.GetInfoResponse {
	r.t.Helper()
	body, err := r.send(infoCmd, nil)
	require.NoError(r.t, err)
	requireCanonical(r.t, body)
	info, err := ctap.ParseGetInfoResponse(body)
	require.NoError(r.t, err)
	return info
}

// builtIn asks for built-in user verification.
func builtIn(m *ctap.MakeCredentialRequest) { m.Options.UV = ctap.True }

// askBuiltIn does likewise for an assertion.
func askBuiltIn(g *ctap.GetAssertionRequest) { g.Options.UV = ctap.True }
