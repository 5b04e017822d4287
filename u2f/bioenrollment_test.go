package u2f_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// A fingerprint is enrolled, listed, named and removed. See Section 6.7.
func TestBioEnrollment(t *testing.T) {
	r := newBioRig(t, nil)
	out, err := r.bio((&ctap.BioEnrollmentRequest{GetModality: true}).Append(nil))
	require.NoError(t, err)
	require.Equal(t, ctap.BioEnrollmentResponse{Modality: 1}, out, "6.7.2")
	out, err = r.bio((&ctap.BioEnrollmentRequest{Modality: new(uint64(1)), Subcommand: ctap.GetFingerprintSensorInfo}).Append(nil))
	require.NoError(t, err)
	require.Equal(t, ctap.BioEnrollmentResponse{Modality: 1, FingerprintKind: 1, Samples: 5, MaxFriendlyName: 15}, out, "6.7.3")
	require.Equal(t, map[string]bool{"rk": true, "up": true, "plat": false, "clientPin": true, "pinUvAuthToken": true, "credMgmt": true,
		"credentialMgmtPreview": true, "uv": false, "bioEnroll": false, "userVerificationMgmtPreview": false, "alwaysUv": false, "authnrCfg": true, "ep": false, "largeBlobs": true,
		"perCredMgmtRO": true, "setMinPINLength": true, "uvBioEnroll": true},
		r.info().Options, "6.4: supported, and none is there")

	token := r.tokenFor(ctap.PermissionBE, nil)
	r.said()
	thumb := r.enrol(token, "left-thumb")
	require.Equal(t, []string{"waiting", "touched", "sample", "waiting", "touched", "sample", "waiting", "touched", "sample", "waiting",
		"touched", "sample", "waiting", "touched", "enrolled", "sample"}, r.said())
	index := r.enrol(token, u2f.UsualFinger)
	info := r.info()
	require.True(t, info.Options["uv"] && info.Options["bioEnroll"] && info.Options["userVerificationMgmtPreview"], "6.4")
	require.Equal(t, []uint64{3, 2, 0}, []uint64{info.PreferredPlatformUVAttempts, info.UVModality, *info.UVCountSinceLastPINEntry})

	_, err = r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.SetFriendlyName, TemplateID: index, FriendlyName: new("Zeigefinger")}))
	require.NoError(t, err, "6.7.7")
	list := func() []ctap.Template {
		out, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnumerateEnrollments}))
		require.NoError(t, err, "6.7.6")
		return out.Templates
	}
	require.Equal(t, []ctap.Template{{ID: thumb}, {ID: index, FriendlyName: "Zeigefinger"}}, list())
	r.key.PowerDown(r.now)
	require.NoError(t, r.key.PowerUp(r.now, entropy))
	token = r.tokenFor(ctap.PermissionBE, nil)
	require.Equal(t, []ctap.Template{{ID: thumb}, {ID: index, FriendlyName: "Zeigefinger"}}, list(), "without power they stay")
	require.Equal(t, &u2f.SensorSummary{Retries: 3, Templates: 5, Fingerprints: []u2f.Fingerprint{
		{ID: hexOf(thumb), Finger: "left-thumb"}, {ID: hexOf(index), Name: "Zeigefinger", Finger: "right-index"}}}, r.key.Summary().Sensor)

	_, err = r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.RemoveEnrollment, TemplateID: thumb}))
	require.NoError(t, err, "6.7.8")
	require.Equal(t, []ctap.Template{{ID: index, FriendlyName: "Zeigefinger"}}, list())
	_, err = r.send(resetCmd, nil)
	require.NoError(t, err)
	require.False(t, r.info().Options["uv"], "6.6: a reset forgets fingerprints")
	for name := range r.contents() {
		require.False(t, strings.HasPrefix(name, "fp/") || name == "uv", name)
	}
}

// TestSamples has what becomes of each sample: the table of Section 6.7.4.
func TestSamples(t *testing.T) {
	for i, word := range u2f.Samples() {
		var s u2f.Sample
		require.NoError(t, s.UnmarshalText([]byte(word)))
		require.Equal(t, word, s.String())
		want := []ctap.SampleStatus{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14}[i]
		r := newBioRig(t, nil)
		token := r.tokenFor(ctap.PermissionBE, nil)
		r.fingers("left-thumb:" + word)
		status, left, id := r.capture(token, nil)
		require.Equal(t, want, status)
		good := uint64(0)
		if want == 0 {
			good = 1
		}
		require.Equal(t, 5-good, left, "only a good one counts")
		r.fingers("left-thumb:good", "left-thumb:"+word)
		_, left, _ = r.capture(token, id)
		require.Equal(t, 4-good, left)
		status, _, _ = r.capture(token, id)
		require.Equal(t, want, status)
	}
	require.Error(t, new(u2f.Sample).UnmarshalText([]byte("perfect")))
	_, err := u2f.Sample(0x0c).MarshalText()
	require.Error(t, err)
	require.Equal(t, "Sample(12)", u2f.Sample(0x0c).String())
	t.Run("a finger that is enrolled exists", func(t *testing.T) {
		r := enrolled(t, nil, "left-thumb")
		r.fingers("left-thumb", "left-index", "left-thumb")
		token := r.tokenFor(ctap.PermissionBE, nil)
		status, left, id := r.capture(token, nil)
		require.Equal(t, []uint64{uint64(ctap.SampleExists), 5}, []uint64{uint64(status), left})
		require.Equal(t, "exists", r.events[len(r.events)-1].Sample)
		status, left, _ = r.capture(token, id)
		require.Equal(t, []uint64{uint64(ctap.SampleGood), 4}, []uint64{uint64(status), left})
	})
	t.Run("samples of two fingers cannot be merged", func(t *testing.T) {
		r := newBioRig(t, nil)
		r.fingers("left-thumb", "left-index", "left-thumb")
		token := r.tokenFor(ctap.PermissionBE, nil)
		_, _, id := r.capture(token, nil)
		status, left, _ := r.capture(token, id)
		require.Equal(t, []uint64{uint64(ctap.SampleMergeFailure), 4}, []uint64{uint64(status), left})
		_, left, _ = r.capture(token, id)
		require.Equal(t, uint64(3), left)
	})
	t.Run("the platform says how long a sample may take", func(t *testing.T) {
		r := newBioRig(t, nil)
		r.fingers(":none")
		began := r.now
		out, err := r.bio(enrolling(r.tokenFor(ctap.PermissionBE, nil), ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin, Timeout: new(uint64(1500))}))
		require.NoError(t, err)
		require.Equal(t, ctap.SampleNoActivity, *out.LastSample)
		require.Equal(t, 1500*time.Millisecond, r.now.Sub(began))
		r.fingers(":none")
		_, err = r.bio(enrolling(r.tokenFor(ctap.PermissionBE, nil), ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin, Timeout: new(^uint64(0))}))
		require.NoError(t, err)
	})
}

// TestBioEnrollmentErrors has each error of authenticatorBioEnrollment. One fingerprint is enrolled, and one is being
// enrolled.
func TestBioEnrollmentErrors(t *testing.T) {
	type request = ctap.BioEnrollmentRequest
	sub := func(s ctap.BioEnrollmentSubcommand) []byte {
		return (&request{Modality: new(uint64(1)), Subcommand: s}).Append(nil)
	}
	with := func(in request) func(token, id []byte) []byte {
		return func(token, id []byte) []byte {
			if len(in.TemplateID) == 1 { // stands for the one that is being enrolled
				in.TemplateID = id
			}
			return enrolling(token, in)
		}
	}
	raw := func(b ...byte) func(token, id []byte) []byte { return func([]byte, []byte) []byte { return b } }
	bare := func(in request) func(token, id []byte) []byte { return raw(in.Append(nil)...) }
	for _, c := range []struct {
		section, name string
		permissions   ctap.Permissions
		ask           func(token, id []byte) []byte
		want          ctap.Status
	}{
		{"6.7", "neither a subcommand nor a question", 8, raw(0xa0), ctap.ErrMissingParameter},
		{"6.7", "getModality that is false", 8, raw(0xa1, 6, 0xf4), ctap.ErrMissingParameter},
		{"6.7", "getModality of another type", 8, raw(0xa1, 6, 1), ctap.ErrCBORUnexpectedType},
		{"6.7", "a subcommand of another type", 8, raw(0xa1, 2, 0x61, 'a'), ctap.ErrCBORUnexpectedType},
		{"6.7", "parameters out of order", 8, raw(0xa2, 2, 7, 1, 1), ctap.ErrInvalidCBOR},
		{"6.7", "a subcommand that there is not", 8, raw(sub(8)...), ctap.ErrInvalidSubcommand},
		{"6.7", "subcommand 0", 8, raw(0xa2, 1, 1, 2, 0), ctap.ErrInvalidSubcommand},
		{"6.7", "no modality", 8, bare(request{Subcommand: ctap.GetFingerprintSensorInfo}), ctap.ErrMissingParameter},
		{"6.7", "another modality", 8, bare(request{Modality: new(uint64(2)), Subcommand: ctap.EnrollBegin}), ctap.ErrInvalidParameter},
		{"6.7.4", "a template id of another type", 8, raw(0xa3, 1, 1, 2, 2, 3, 0xa1, 1, 1), ctap.ErrCBORUnexpectedType},
		{"6.7.4", "the next sample of no template", 8, with(request{Subcommand: ctap.EnrollCaptureNextSample}), ctap.ErrMissingParameter},
		{"6.7.7", "a name for no template", 8, with(request{Subcommand: ctap.SetFriendlyName, FriendlyName: new("x")}), ctap.ErrMissingParameter},
		{"6.7.7", "no name", 8, with(request{Subcommand: ctap.SetFriendlyName, TemplateID: []byte{1, 2}}), ctap.ErrMissingParameter},
		{"6.7.8", "no template to remove", 8, with(request{Subcommand: ctap.RemoveEnrollment}), ctap.ErrMissingParameter},
		{"6.7.4, step 1", "no pinUvAuthParam", 8, raw(sub(ctap.EnrollBegin)...), ctap.ErrPUATRequired},
		{"6.7.4, step 2", "no protocol", 8, bare(request{Modality: new(uint64(1)), Subcommand: ctap.EnrollBegin, UVAuthParam: []byte{1}}),
			ctap.ErrMissingParameter},
		{"6.7.4, step 2", "protocol 3", 8, bare(request{Modality: new(uint64(1)), Subcommand: ctap.EnrollBegin, UVAuthParam: []byte{1},
			Protocol: new(uint64(3))}), ctap.ErrInvalidParameter},
		{"6.7.4, step 3", "another token", 8, func([]byte, []byte) []byte {
			return enrolling(bytes.Repeat([]byte{1}, 32), request{Subcommand: ctap.EnrollBegin})
		}, ctap.ErrPINAuthInvalid},
		{"6.7.4, step 3", "the parameter of another subcommand", 8, func(token, _ []byte) []byte {
			in := request{Modality: new(uint64(1)), Subcommand: ctap.EnrollBegin, Protocol: new(uint64(2)),
				UVAuthParam: pinuv.Two.Authenticate(token, []byte{1, byte(ctap.EnumerateEnrollments)})}
			return in.Append(nil)
		}, ctap.ErrPINAuthInvalid},
		{"6.7.4, step 4", "a token without permission be", 4, with(request{Subcommand: ctap.EnrollBegin}), ctap.ErrPINAuthInvalid},
		{"6.7.6", "a list with a token without permission be", 4, with(request{Subcommand: ctap.EnumerateEnrollments}), ctap.ErrPINAuthInvalid},
		{"6.7.8", "removal without pinUvAuthParam", 8, bare(request{Modality: new(uint64(1)), Subcommand: ctap.RemoveEnrollment,
			TemplateID: []byte{1, 2}}), ctap.ErrPUATRequired},
		{"6.7.4", "the next sample of another template", 8, with(request{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: []byte{1, 2, 3}}),
			ctap.ErrInvalidParameter},
		{"6.7.7", "a name that is too long", 8, with(request{Subcommand: ctap.SetFriendlyName, TemplateID: []byte{1, 2},
			FriendlyName: new("sechzehn Zeichen")}), ctap.ErrInvalidLength},
		{"6.7.7", "a name for a template that there is not", 8, with(request{Subcommand: ctap.SetFriendlyName, TemplateID: []byte{1, 2, 3},
			FriendlyName: new("x")}), ctap.ErrInvalidOption},
		{"6.7.7", "a name for a template that is being enrolled", 8, with(request{Subcommand: ctap.SetFriendlyName, TemplateID: []byte{0},
			FriendlyName: new("x")}), ctap.ErrInvalidOption},
		{"6.7.8", "a template that there is not", 8, with(request{Subcommand: ctap.RemoveEnrollment, TemplateID: []byte{1, 2, 3}}),
			ctap.ErrInvalidOption},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := enrolled(t, nil, "left-thumb")
			token := r.tokenFor(c.permissions|ctap.PermissionBE, nil)
			_, _, id := r.capture(token, nil)
			if c.permissions&ctap.PermissionBE == 0 {
				token = r.tokenFor(c.permissions, nil)
				_, err := r.bio(c.ask(token, id))
				require.Equal(t, c.want, err)
				return
			}
			before := r.contents()
			_, err := r.bio(c.ask(token, id))
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents())
		})
	}
	t.Run("nothing is enrolled", func(t *testing.T) {
		r := newBioRig(t, nil)
		_, err := r.bio(enrolling(r.tokenFor(ctap.PermissionBE, nil), request{Subcommand: ctap.EnumerateEnrollments}))
		require.Equal(t, ctap.ErrInvalidOption, err, "Section 6.7.6")
	})
	t.Run("a key without a sensor", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		_, err := r.bio(sub(ctap.GetFingerprintSensorInfo))
		require.Equal(t, ctap.ErrInvalidCommand, err, "Section 8")
		_, err = r.send(0x40, sub(ctap.GetFingerprintSensorInfo))
		require.Equal(t, ctap.ErrInvalidCommand, err, "Section 8")
	})
	t.Run("the command number of before 2.1", func(t *testing.T) {
		r := newBioRig(t, nil)
		_, err := r.send(0x40, sub(ctap.GetFingerprintSensorInfo))
		require.NoError(t, err)
		r = newBioRig(t, func(p *u2f.Profile) { p.Sensor.Preview = false })
		_, err = r.send(0x40, sub(ctap.GetFingerprintSensorInfo))
		require.Equal(t, ctap.ErrInvalidCommand, err, "Section 8")
	})
}

// What an enrolment that is under way belongs to, and what ends it. See Section 6.
func TestEnrolmentUnderWay(t *testing.T) {
	next := func(token, id []byte) []byte {
		return enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id})
	}
	begun := func(t *testing.T) (r *rig, token, id []byte) {
		r = newBioRig(t, nil)
		token = r.tokenFor(ctap.PermissionBE, nil)
		_, _, id = r.capture(token, nil)
		return r, token, id
	}
	t.Run("another channel is refused and disturbs nothing", func(t *testing.T) {
		r, token, id := begun(t)
		_, err := r.sendOn(2, bioCmd, next(token, id))
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.7.4")
		_, err = r.sendOn(2, bioCmd, (&ctap.BioEnrollmentRequest{Modality: new(uint64(1)), Subcommand: ctap.CancelCurrentEnrollment}).Append(nil))
		require.NoError(t, err)
		_, left, _ := r.capture(token, id)
		require.Equal(t, uint64(3), left)
	})
	t.Run("cancelled", func(t *testing.T) {
		r, token, id := begun(t)
		_, err := r.bio((&ctap.BioEnrollmentRequest{Modality: new(uint64(1)), Subcommand: ctap.CancelCurrentEnrollment}).Append(nil))
		require.NoError(t, err, "6.7.5")
		_, err = r.bio(next(token, id))
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.7.4")
	})
	t.Run("any other command ends it", func(t *testing.T) {
		r, token, id := begun(t)
		r.info()
		_, err := r.bio(next(token, id))
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.7.4")
	})
	t.Run("a CTAP1 message ends it", func(t *testing.T) {
		r, token, id := begun(t)
		r.key.APDU(r.now, channel, []byte{0, 3, 0, 0})
		_, err := r.bio(next(token, id))
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.7.4")
	})
	t.Run("30 seconds without a request", func(t *testing.T) {
		r, token, id := begun(t)
		r.now = r.now.Add(30 * time.Second)
		_, err := r.bio(next(token, id))
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.7.4")
	})
	t.Run("another one begins", func(t *testing.T) {
		r, token, id := begun(t)
		_, left, other := r.capture(token, nil)
		require.Equal(t, uint64(4), left)
		require.NotEqual(t, id, other)
		_, err := r.bio(next(token, id))
		require.Equal(t, ctap.ErrInvalidParameter, err, "Section 6.7.4")
	})
	t.Run("no power", func(t *testing.T) {
		r, _, id := begun(t)
		r.key.PowerDown(r.now)
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		_, err := r.bio(next(r.tokenFor(ctap.PermissionBE, nil), id))
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.7.4")
		require.Empty(t, r.key.Summary().Sensor.Fingerprints)
	})
	t.Run("the user declines a sample, and gives the next", func(t *testing.T) {
		r, token, id := begun(t)
		r.manual()
		r.begin(bioCmd, next(token, id))
		what, _ := r.key.Waiting()
		require.Equal(t, "sample", what.Wants)
		require.True(t, r.key.Deny(r.now))
		_, err := r.reply()
		require.Equal(t, ctap.ErrOperationDenied, err, "Section 6.7.4")
		r.begin(bioCmd, next(token, id))
		require.True(t, r.key.Touch(r.now))
		_, err = r.reply()
		require.NoError(t, err)
	})
	t.Run("the platform cancels a sample", func(t *testing.T) {
		r, token, id := begun(t)
		r.manual()
		r.begin(bioCmd, next(token, id))
		r.key.Cancel(r.now)
		_, err := r.reply()
		require.Equal(t, ctap.ErrKeepaliveCancel, err, "Section 6.7.4")
	})
}

// A sensor that is full takes no more, and one whose flash fails says so. See Section 6.7.4.
func TestTemplatesAreFull(t *testing.T) {
	r := enrolled(t, func(p *u2f.Profile) { p.Sensor.Templates = 2 }, "left-thumb", "left-index")
	token := r.tokenFor(ctap.PermissionBE, nil)
	_, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin}))
	require.Equal(t, ctap.ErrFPDatabaseFull, err, "Section 6.7.4")

	p, err := u2f.ProfileNamed("bio")
	require.NoError(t, err)
	p.Sensor.Samples = 2
	f := &refusing{Memory: &flash.Memory{}}
	r = newRigOn(t, p, f)
	r.setPIN()
	token = r.tokenFor(ctap.PermissionBE, nil)
	_, _, id := r.capture(token, nil)
	f.name = "fp/"
	_, err = r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id}))
	require.Equal(t, ctap.ErrFPDatabaseFull, err, "Section 6.7.4")
	require.Empty(t, r.key.Summary().Sensor.Fingerprints)
	f.name = ""
	require.NotEmpty(t, r.enrol(token, "left-thumb"))
}

// refusing is a flash that refuses to write records whose names begin with name, where that is not empty.
type refusing struct {
	*flash.Memory
	name string
}

func (f *refusing) Put(name string, value []byte) error {
	if f.name != "" && strings.HasPrefix(name, f.name) {
		return errors.New("refused")
	}
	return f.Memory.Put(name, value)
}

// Records of fingerprints that are none stop the key.
func TestDamagedFingerprintsStopTheKey(t *testing.T) {
	for name, value := range map[string]string{
		"fp/0102": "", "fp/01": "\xa2\x01\x61a\x03\x00", "fp/010203": "\xa2\x01\x61a\x03\x00", "fp/0304": "\xa1\x03\x00",
		"uv": "\x1a\x00\x00\x00\x00", "uv\x00": "",
	} {
		f := &flash.Memory{}
		p, err := u2f.ProfileNamed("bio")
		require.NoError(t, err)
		require.NoError(t, f.Put(strings.TrimSuffix(name, "\x00"), []byte(value)))
		key, err := u2f.New(u2f.Config{Profile: p, Flash: f})
		require.NoError(t, err)
		require.ErrorContains(t, key.PowerUp(epoch, entropy), "the flash is damaged", "%q", name)
	}
}
