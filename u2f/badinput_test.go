package u2f_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// TestCredentialManagementFields is each field of authenticatorCredentialManagement of another type, of another length, without
// what belongs to it, and out of order. See Section 6.8.
func TestCredentialManagementFields(t *testing.T) {
	raw := func(m map[any]any) []byte {
		b, err := encoder.Marshal(m)
		require.NoError(t, err)
		return b
	}
	params := func(m map[any]any) []byte {
		return raw(map[any]any{1: 6, 2: m, 3: 2, 4: make([]byte, 32)})
	}
	descriptor := map[any]any{"id": []byte{1}, "type": "public-key"}
	for _, c := range []struct {
		section, name string
		request       []byte
		want          ctap.Status
	}{
		{"6.8", "no bytes", nil, ctap.ErrInvalidCBOR},
		{"6.8", "parameters out of order", []byte{0xa2, 3, 2, 1, 1}, ctap.ErrInvalidCBOR},
		{"6.8", "a parameter twice", []byte{0xa2, 1, 1, 1, 1}, ctap.ErrInvalidCBOR},
		{"6.8", "params that are an array", raw(map[any]any{1: 6, 2: []any{}}), ctap.ErrCBORUnexpectedType},
		{"6.8", "a protocol that is text", raw(map[any]any{1: 1, 3: "2"}), ctap.ErrCBORUnexpectedType},
		{"6.8", "a pinUvAuthParam that is a number", raw(map[any]any{1: 1, 3: 2, 4: 1}), ctap.ErrCBORUnexpectedType},
		{"6.8.4", "an rpIDHash that is text", params(map[any]any{1: "example.org"}), ctap.ErrCBORUnexpectedType},
		{"6.8.5", "a credentialID that is bytes", params(map[any]any{2: []byte{1}}), ctap.ErrCBORUnexpectedType},
		{"6.8.5", "a credentialID without id", params(map[any]any{2: map[any]any{"type": "public-key"}}), ctap.ErrMissingParameter},
		{"6.8.5", "a credentialID without type", params(map[any]any{2: map[any]any{"id": []byte{1}}}), ctap.ErrMissingParameter},
		{"6.8.5", "an id that is text", params(map[any]any{2: map[any]any{"id": "1", "type": "public-key"}}), ctap.ErrCBORUnexpectedType},
		{"6.8.6", "a user that is text", params(map[any]any{2: descriptor, 3: "alice"}), ctap.ErrCBORUnexpectedType},
		{"6.8.6", "a user without id", params(map[any]any{2: descriptor, 3: map[any]any{"name": "alice"}}), ctap.ErrMissingParameter},
		{"6.8.6", "a user id of 65", params(map[any]any{2: descriptor, 3: map[any]any{"id": make([]byte, 65)}}), ctap.ErrInvalidLength},
		{"6.8.6", "a name that is a number", params(map[any]any{2: descriptor, 3: map[any]any{"id": []byte{1}, "name": 1}}), ctap.ErrCBORUnexpectedType},
	} {
		t.Run(c.section+": "+c.name, func(t *testing.T) {
			r, _ := shelf(t, &flash.Memory{})
			before := r.contents()
			_, err := r.manage(c.request)
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents())
		})
	}
	t.Run("6.8.4: an rpIDHash of 31 bytes", func(t *testing.T) {
		r, _ := shelf(t, &flash.Memory{})
		_, err := r.manage(managing(r.tokenFor(ctap.PermissionCM, nil), ctap.CredentialManagementRequest{
			Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hashOf(rpID)[:31]}))
		require.Equal(t, ctap.ErrNoCredentials, err)
	})
}

// TestTokensThatAreTooOld is every command that takes a token with one that nobody has used for 30 seconds. See Section
// 6.5.2.1.
func TestTokensThatAreTooOld(t *testing.T) {
	rp := rpID
	for _, c := range []struct {
		name        string
		permissions ctap.Permissions
		rp          *string
		ask         func(r *rig, token []byte) error
	}{
		{"makeCredential", ctap.PermissionMC, &rp, func(r *rig, token []byte) error {
			_, err := r.send(makeCmd, making(withToken(token)))
			return err
		}},
		{"getAssertion", ctap.PermissionGA, &rp, func(r *rig, token []byte) error {
			_, err := r.send(getCmd, asking(askWithToken(token)))
			return err
		}},
		{"credentialManagement", ctap.PermissionCM, nil, func(r *rig, token []byte) error {
			_, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.GetCredsMetadata}))
			return err
		}},
		{"bioEnrollment", ctap.PermissionBE, nil, func(r *rig, token []byte) error {
			_, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin}))
			return err
		}},
		{"largeBlobs", ctap.PermissionLBW, nil, func(r *rig, token []byte) error { return r.blobs(fragment(token, blobArray(30, 1), 0, 30)) }},
		{"config", ctap.PermissionACFG, nil, func(r *rig, token []byte) error { return r.config(token, ctap.ToggleAlwaysUV, nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newBioRig(t, nil)
			r.make(resident("alice"), withToken(r.tokenFor(ctap.PermissionMC, &rp)))
			token := r.tokenFor(c.permissions, c.rp)
			before := r.contents()
			r.now = r.now.Add(30 * time.Second)
			require.Equal(t, ctap.ErrPINAuthInvalid, c.ask(r, token))
			require.Equal(t, before, r.contents())
		})
	}
}

// TestStoresThatFillUp is a flash that has no room for what a command writes last: the key is as it was, before and after a
// loss of power.
func TestStoresThatFillUp(t *testing.T) {
	rp := rpID
	for _, c := range []struct {
		name, record string
		ask          func(r *rig, alice made, template []byte) error
	}{
		{"new names", "rk/", func(r *rig, alice made, _ []byte) error {
			_, err := r.manage(managing(r.tokenFor(ctap.PermissionCM, nil), ctap.CredentialManagementRequest{
				Subcommand: ctap.UpdateUserInformation, CredentialID: alice.auth.CredentialID, User: &ctap.User{ID: []byte("alice"), Name: "other"}}))
			return err
		}},
		{"a fingerprint's last sample", "fp/", func(r *rig, _ made, _ []byte) error {
			token := r.tokenFor(ctap.PermissionBE, nil)
			r.fingers("right-thumb", "right-thumb", "right-thumb", "right-thumb", "right-thumb")
			_, left, id := r.capture(token, nil)
			for left > 1 {
				_, left, _ = r.capture(token, id)
			}
			_, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id}))
			return err
		}},
		{"a fingerprint's name", "fp/", func(r *rig, _ made, template []byte) error {
			_, err := r.bio(enrolling(r.tokenFor(ctap.PermissionBE, nil), ctap.BioEnrollmentRequest{
				Subcommand: ctap.SetFriendlyName, TemplateID: template, FriendlyName: new("thumb")}))
			return err
		}},
		{"a discoverable credential", "rk/", func(r *rig, _ made, _ []byte) error {
			_, err := r.send(makeCmd, making(all(resident("bob"), withToken(r.tokenFor(ctap.PermissionMC, &rp)))))
			return err
		}},
		{"a credential from elsewhere", "rk/", func(r *rig, _ made, _ []byte) error {
			v, _ := elsewhere(t, cose.ES256, "carol")
			v.SignCount = 0
			return r.key.ImportCredentials([]u2f.VirtualCredential{v})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			full := &crowded{Flash: &flash.Memory{}}
			profile, err := u2f.ProfileNamed("bio")
			require.NoError(t, err)
			r := newRigOn(t, profile, full)
			r.setPIN()
			alice := r.make(resident("alice"), withToken(r.tokenFor(ctap.PermissionMC, &rp)))
			template := r.enrol(r.tokenFor(ctap.PermissionBE, nil), "left-thumb")
			before, summary := r.contents(), r.key.Summary()
			full.name = c.record
			require.Error(t, c.ask(r, alice, template))
			require.Equal(t, before, r.contents())
			require.Equal(t, summary.Credentials, r.key.Summary().Credentials)
			require.Equal(t, summary.Sensor.Fingerprints, r.key.Summary().Sensor.Fingerprints)
			full.name = ""
			r.replug()
			require.Equal(t, before, r.contents())
			r.get(allow(alice.auth.CredentialID), askWithToken(r.tokenFor(ctap.PermissionGA, &rp)))
		})
	}
}
