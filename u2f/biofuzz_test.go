package u2f_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// validForSensors returns one request of each kind that a key with a sensor takes besides, command byte first.
func validForSensors(r *rig) [][]byte {
	r.setPIN()
	token := r.tokenFor(ctap.PermissionBE, nil)
	id := r.enrol(token, u2f.UsualFinger)
	public, _ := r.secret(pinuv.Two)
	uv := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetPINUVAuthTokenUsingUVWithPermissions,
		KeyAgreement: public, Permissions: new(ctap.PermissionBE | ctap.PermissionGA), RPID: new(string(rpID))}
	retries := ctap.ClientPINRequest{Subcommand: ctap.GetUVRetries}
	list := [][]byte{
		append([]byte{pinCmd}, uv.Append(nil)...),
		append([]byte{pinCmd}, retries.Append(nil)...),
		append([]byte{makeCmd}, making(all(resident("u1"), builtIn))...),
		append([]byte{getCmd}, asking(askBuiltIn)...),
		append([]byte{bioCmd}, (&ctap.BioEnrollmentRequest{GetModality: true}).Append(nil)...),
	}
	for _, in := range []ctap.BioEnrollmentRequest{
		{Subcommand: ctap.GetFingerprintSensorInfo},
		{Subcommand: ctap.EnrollBegin, Timeout: new(uint64(1000))},
		{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id},
		{Subcommand: ctap.CancelCurrentEnrollment},
		{Subcommand: ctap.EnumerateEnrollments},
		{Subcommand: ctap.SetFriendlyName, TemplateID: id, FriendlyName: new("Zeigefinger")},
		{Subcommand: ctap.RemoveEnrollment, TemplateID: id},
	} {
		list = append(list, append([]byte{bioCmd}, enrolling(token, in)...))
	}
	return list
}

// Every truncation and every change of one bit of what a sensor's key takes besides, with a user who consents. See Section
// 6.7.
func TestSensorMutations(t *testing.T) {
	for _, cbor := range []u2f.Strictness{u2f.Strict, u2f.Lenient} {
		r := witnessed(t, "bio", cbor)
		for _, request := range validForSensors(r) {
			mutate(t, r, request, []byte{1, 2, 4, 8, 16, 32, 64, 128})
		}
	}
}

// FuzzSensor sends a request, and then whatever goes on with an enrolment, to a key with a sensor.
func FuzzSensor(f *testing.F) {
	r := witnessed(f, "bio", u2f.Strict)
	requests := validForSensors(r)
	for i, request := range requests {
		f.Add(request, uint8(i))
	}
	image := r.contents()
	f.Fuzz(func(t *testing.T, request []byte, how uint8) {
		p, err := u2f.ProfileNamed("bio")
		require.NoError(t, err)
		w := &witness{}
		for name, value := range image {
			require.NoError(t, w.Memory.Put(name, []byte(value)))
		}
		r := newRigOn(t, p, w)
		r.fingers([]string{u2f.UsualFinger, "left-thumb", ":none", "left-thumb:too-fast"}[how&3])
		token := r.tokenFor(ctap.PermissionBE, nil)
		if how&4 != 0 {
			_, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin}))
			require.NoError(t, err)
		}
		requireSound(t, r, request)
		requireSound(t, r, append([]byte{bioCmd}, slices.Clone(request[min(1, len(request)):])...))
	})
}
