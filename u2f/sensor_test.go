package u2f_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

const (
	flagUP byte = ctap.FlagUP
	flagUV byte = ctap.FlagUV
)

// A finger verifies the user, and is a touch too. See Section 6.1.2, steps 11.2 and 13, and Section 6.2.2, steps 6.2 and 8.
func TestBuiltInUserVerification(t *testing.T) {
	r := enrolled(t, nil, u2f.UsualFinger)
	m := r.make(resident("alice"), protect(3), builtIn)
	require.Equal(t, []string{"waiting", "touched", "verified", "registered"}, r.said(), "it blinks once")
	require.Equal(t, flagUP|flagUV, m.auth.Flags&(flagUP|flagUV))
	_, err := r.send(getCmd, asking(nil))
	require.Equal(t, ctap.ErrNoCredentials, err, "12.1: what is protected is seen by nobody else")
	r.said()
	g := r.get(askBuiltIn)
	require.Equal(t, []string{"waiting", "touched", "verified", "signed"}, r.said())
	require.Equal(t, flagUP|flagUV, g.auth.Flags&(flagUP|flagUV))
	requireSigned(t, m, g)
	g = r.get(askBuiltIn, askOptions(ctap.Options{UP: ctap.False, UV: ctap.True}))
	require.Equal(t, flagUP|flagUV, g.auth.Flags&(flagUP|flagUV), "a finger that came is a touch, whether one was asked for or not")

	body, err := r.send(makeCmd, making(all(resident("alice"), builtIn, func(m *ctap.MakeCredentialRequest) {
		m.ExcludeList = []ctap.Descriptor{{Type: ctap.PublicKey, ID: g.CredentialID}}
	})))
	require.Equal(t, ctap.ErrCredentialExcluded, err, "Section 6.1.2 step 12")
	require.Empty(t, body)
	r.manual()
	r.begin(makeCmd, making(all(resident("bob"), builtIn)))
	what, _ := r.key.Waiting()
	require.Equal(t, "fingerprint", what.Wants)
	require.True(t, r.key.Touch(r.now), "somebody touches with the usual finger")
	_, err = r.reply()
	require.NoError(t, err)
}

// TestBuiltInUserVerificationErrors has how built-in user verification ends without the user. Attempts are three, as many as one
// command has.
func TestBuiltInUserVerificationErrors(t *testing.T) {
	const wrong = "left-little"
	uvOnly := func(p *u2f.Profile) { p.NoMcGaPermissionsWithClientPin = true }
	more := func(p *u2f.Profile) { p.Sensor.Retries, p.Sensor.InternalAttempts = 5, 2 }
	noMore := func(p *u2f.Profile) { uvOnly(p); more(p) }
	for _, c := range []struct {
		section, name string
		change        func(*u2f.Profile)
		fingers       []string
		deny          bool
		left          uint64
		want          error
	}{
		{"6.1.2 step 11.2", "a wrong finger, then the right one", nil, []string{wrong, u2f.UsualFinger}, false, 3, nil},
		{"6.1.2 step 11.2", "one that lies badly, then well", nil, []string{u2f.UsualFinger + ":too-fast", u2f.UsualFinger}, false, 3, nil},
		{"6.1.2 step 11.2.3", "nobody comes", nil, []string{":none"}, false, 2, ctap.ErrUserActionTimeout},
		{"6.1.2 step 11.2.3", "nobody comes after a wrong finger", nil, []string{wrong, ":none"}, false, 1, ctap.ErrUserActionTimeout},
		{"6.1.2 step 11.2.3", "wrong fingers, and there is a PIN", more, []string{wrong, wrong}, false, 3, ctap.ErrPUATRequired},
		{"6.1.2 step 11.2.3", "wrong fingers until the sensor is blocked, and there is a PIN", nil, []string{wrong, wrong, wrong}, false, 0,
			ctap.ErrPUATRequired},
		{"6.1.2 step 11.2.3", "wrong fingers, and the PIN does not help", noMore, []string{wrong, wrong}, false, 3, ctap.ErrOperationDenied},
		{"6.1.2 step 11.2.3", "wrong fingers until the sensor is blocked, and the PIN does not help", uvOnly, []string{wrong, wrong, wrong},
			false, 0, ctap.ErrPINBlocked},
		{"6.1.2 step 11.2.3", "the user declines, and the PIN does not help", uvOnly, nil, true, 2, ctap.ErrOperationDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			for cmd, request := range map[byte][]byte{makeCmd: making(builtIn), getCmd: asking(askBuiltIn)} {
				r := enrolled(t, c.change, u2f.UsualFinger)
				r.make(resident("alice"), builtIn)
				if c.deny {
					r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Deny})
				}
				r.fingers(c.fingers...)
				_, err := r.send(cmd, request)
				require.Equal(t, c.want, err)
				require.Equal(t, c.left, r.uvRetries())
				require.Empty(t, r.key.Fingers())
			}
		})
	}
	t.Run("no finger is enrolled", func(t *testing.T) {
		r := newBioRig(t, nil)
		_, err := r.send(makeCmd, making(builtIn))
		require.Equal(t, ctap.ErrInvalidOption, err, "Section 6.1.2 step 5")
		_, err = r.send(getCmd, asking(askBuiltIn))
		require.Equal(t, ctap.ErrInvalidOption, err, "Section 6.2.2 step 4")
	})
	t.Run("the platform gives up", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		r.manual()
		r.begin(makeCmd, making(builtIn))
		r.key.Cancel(r.now)
		_, err := r.reply()
		require.Equal(t, ctap.ErrKeepaliveCancel, err, "Section 6.1.2 step 11.2")
		require.Equal(t, uint64(2), r.uvRetries(), "the attempt was spent before it blinked")
	})
	t.Run("with alwaysUv the finger is asked for unasked", func(t *testing.T) {
		r := enrolled(t, func(p *u2f.Profile) { p.AlwaysUV = true }, u2f.UsualFinger)
		require.NotZero(t, r.make(resident("alice")).auth.Flags&flagUV)
		require.NotZero(t, r.get().auth.Flags&flagUV)
	})
	t.Run("the user is neither verified nor asked to be", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		_, err := r.send(makeCmd, making(nil))
		require.Equal(t, ctap.ErrPUATRequired, err, "Section 6.1.2 step 8")
		r = enrolled(t, uvOnly, u2f.UsualFinger)
		_, err = r.send(makeCmd, making(nil))
		require.Equal(t, ctap.ErrOperationDenied, err, "Section 6.1.2 step 8")
	})
}

// TestUVTokens has what a finger is exchanged for.
func TestUVTokens(t *testing.T) {
	const wrong = "left-little"
	rp := rpID
	request := func(permissions ctap.Permissions, rp *string) func(r *rig) error {
		return func(r *rig) error {
			_, err := r.uvToken(permissions, rp)
			return err
		}
	}
	without := func(change func(*ctap.ClientPINRequest)) func(r *rig) error {
		return func(r *rig) error {
			public, _ := r.secret(pinuv.Two)
			in := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetPINUVAuthTokenUsingUVWithPermissions,
				KeyAgreement: public, Permissions: new(ctap.PermissionGA), RPID: &rp}
			change(&in)
			_, err := r.send(pinCmd, in.Append(nil))
			return err
		}
	}
	for _, c := range []struct {
		section, name string
		fingers       []string
		ask           func(r *rig) error
		left          uint64
		want          error
	}{
		{"6.5.5.7.3", "the right finger", nil, request(ctap.PermissionGA, &rp), 3, nil},
		{"6.5.5.7.3", "a finger is enough to enrol another", nil, request(ctap.PermissionBE, nil), 3, nil},
		{"6.5.5.7.3, step 1", "no protocol", nil, without(func(r *ctap.ClientPINRequest) { r.Protocol = nil }), 3, ctap.ErrMissingParameter},
		{"6.5.5.7.3, step 1", "no key agreement", nil, without(func(r *ctap.ClientPINRequest) { r.KeyAgreement = nil }), 3, ctap.ErrMissingParameter},
		{"6.5.5.7.3, step 1", "no permissions", nil, without(func(r *ctap.ClientPINRequest) { r.Permissions = nil }), 3, ctap.ErrMissingParameter},
		{"6.5.5.7.3, step 1", "ga without rpId, by a finger", nil, request(ctap.PermissionGA, nil), 3, ctap.ErrMissingParameter},
		{"6.5.5.7.3, step 2", "protocol 3, by a finger", nil, without(func(r *ctap.ClientPINRequest) { r.Protocol = new(uint64(3)) }), 3,
			ctap.ErrInvalidParameter},
		{"6.5.5.7.3, step 3", "no permission at all, by a finger", nil, request(0, nil), 3, ctap.ErrInvalidParameter},
		{"6.5.5.7.3, step 4", "a permission that a finger is not enough for", nil, request(ctap.PermissionACFG, nil), 3, ctap.ErrUnauthorizedPermission},
		{"6.5.5.7.3, step 8", "a key that is none", nil, without(func(r *ctap.ClientPINRequest) { r.KeyAgreement = []byte{0xa0} }), 3,
			ctap.ErrInvalidParameter},
		{"6.5.5.7.3, step 10", "a wrong finger", []string{wrong}, request(ctap.PermissionGA, &rp), 2, ctap.ErrUVInvalid},
		{"6.5.5.7.3, step 10", "no finger", []string{":none"}, request(ctap.PermissionGA, &rp), 2, ctap.ErrUserActionTimeout},
		{"6.5.5.7.3, step 10", "the last attempt", []string{wrong, wrong, wrong}, func(r *rig) error {
			for range 2 {
				_, err := r.uvToken(ctap.PermissionGA, &rp)
				require.Equal(t, ctap.ErrUVInvalid, err)
			}
			return request(ctap.PermissionGA, &rp)(r)
		}, 0, ctap.ErrUVBlocked},
		{"6.5.5.7.3, step 7", "the sensor is blocked", []string{wrong, wrong, wrong}, func(r *rig) error {
			_, err := r.send(getCmd, asking(askBuiltIn))
			require.Equal(t, ctap.ErrPUATRequired, err)
			return request(ctap.PermissionGA, &rp)(r)
		}, 0, ctap.ErrUVBlocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := enrolled(t, nil, u2f.UsualFinger)
			r.fingers(c.fingers...)
			require.Equal(t, c.want, c.ask(r))
			require.Equal(t, c.left, r.uvRetries())
		})
	}
	t.Run("no finger is enrolled for a token", func(t *testing.T) {
		_, err := newBioRig(t, nil).uvToken(ctap.PermissionGA, &rp)
		require.Equal(t, ctap.ErrNotAllowed, err, "Section 6.5.5.7.3, step 5")
	})
	t.Run("a finger is not enough to enrol another", func(t *testing.T) {
		r := enrolled(t, func(p *u2f.Profile) { p.Sensor.UVBioEnroll = false }, u2f.UsualFinger)
		_, err := r.uvToken(ctap.PermissionBE, nil)
		require.Equal(t, ctap.ErrUnauthorizedPermission, err, "Section 6.5.5.7.3, step 4")
	})
	t.Run("the user declines a finger", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Deny})
		_, err := r.uvToken(ctap.PermissionGA, &rp)
		require.Equal(t, ctap.ErrUVInvalid, err, "Section 6.5.5.7.3, step 10")
	})
	t.Run("the key tries again itself", func(t *testing.T) {
		r := enrolled(t, func(p *u2f.Profile) { p.Sensor.PlatformAttempts = 1 }, u2f.UsualFinger)
		r.fingers(wrong, u2f.UsualFinger)
		_, err := r.uvToken(ctap.PermissionGA, &rp)
		require.NoError(t, err, "Section 6.5.5.7.3, step 6")
	})
	t.Run("a PIN is not good for credentials", func(t *testing.T) {
		r := enrolled(t, func(p *u2f.Profile) { p.NoMcGaPermissionsWithClientPin = true }, u2f.UsualFinger)
		in, _ := pinTokenRequest(r, ctap.PermissionMC)
		_, err := r.send(pinCmd, in.Append(nil))
		require.Equal(t, ctap.ErrUnauthorizedPermission, err, "Section 6.5.5.7.2, step 4")
		require.True(t, r.info().Options["noMcGaPermissionsWithClientPin"])
		token, err := r.uvToken(ctap.PermissionMC, &rp)
		require.NoError(t, err)
		require.NotZero(t, r.make(withToken(token)).auth.Flags&flagUV)
	})
}

// pinTokenRequest returns a request for a token by PIN.
func pinTokenRequest(r *rig, permissions ctap.Permissions) (ctap.ClientPINRequest, *pinuv.Secret) {
	public, s := r.secret(pinuv.Two)
	return ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetPINUVAuthTokenUsingPINWithPermissions,
		KeyAgreement: public, PINHashEnc: make([]byte, 32), Permissions: &permissions, RPID: new(string(rpID))}, s
}

// A token that a finger was exchanged for has seen the user touch the key, for 30 seconds. See Section 6.5.2.1.
func TestTokenOfATouch(t *testing.T) {
	rp := rpID
	r := enrolled(t, nil, u2f.UsualFinger)
	fetch := func(p ctap.Permissions) []byte {
		token, err := r.uvToken(p, &rp)
		require.NoError(t, err)
		r.said()
		return token
	}
	m := r.make(resident("alice"), withToken(fetch(ctap.PermissionMC|ctap.PermissionGA)))
	require.Equal(t, []string{"registered"}, r.said(), "it was touched already")
	require.Equal(t, flagUP|flagUV, m.auth.Flags&(flagUP|flagUV))
	token := fetch(ctap.PermissionGA)
	require.NotZero(t, r.get(askWithToken(token), silent).auth.Flags&flagUV)
	requireSigned(t, m, r.get(askWithToken(token)))
	require.Equal(t, []string{"signed", "signed"}, r.said())
	_, err := r.send(getCmd, asking(askWithToken(token)))
	require.Equal(t, ctap.ErrPINAuthInvalid, err, "Section 6.2.2 step 9: a touch is good for one")

	token = fetch(ctap.PermissionGA)
	r.now = r.now.Add(29 * time.Second)
	r.get(askWithToken(token), silent)
	r.now = r.now.Add(time.Second)
	require.NotZero(t, r.get(askWithToken(token)).auth.Flags&flagUV)
	require.Equal(t, []string{"signed", "waiting", "touched", "signed"}, r.said(), "the touch is too long ago, the token is not")
	r.get(askWithToken(r.token(ctap.PermissionGA)))
	require.Equal(t, []string{"waiting", "touched", "signed"}, r.said(), "a PIN is no touch")
}

// How attempts are counted. See Section 6.5.2.2.
func TestUVAttempts(t *testing.T) {
	const wrong = "left-little"
	rp := rpID
	t.Run("an attempt is in flash before the finger is asked for", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		r.manual()
		r.begin(getCmd, asking(askBuiltIn))
		r.key.PowerDown(r.now)
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		require.Equal(t, uint64(2), r.uvRetries())
	})
	t.Run("the right PIN gives all back", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		r.fingers(wrong, wrong, wrong)
		_, err := r.send(getCmd, asking(askBuiltIn))
		require.Equal(t, ctap.ErrPUATRequired, err)
		require.Zero(t, r.uvRetries())
		require.Equal(t, uint64(3), *r.info().UVCountSinceLastPINEntry)
		r.token(ctap.PermissionGA)
		require.Equal(t, uint64(3), r.uvRetries())
		require.Zero(t, *r.info().UVCountSinceLastPINEntry)
		_, err = r.uvToken(ctap.PermissionGA, &rp)
		require.NoError(t, err)
		require.Equal(t, uint64(1), *r.info().UVCountSinceLastPINEntry, "the right finger counts too")
	})
	t.Run("a wrong PIN gives nothing back", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		r.fingers(wrong)
		_, err := r.uvToken(ctap.PermissionGA, &rp)
		require.Equal(t, ctap.ErrUVInvalid, err)
		in, _ := pinTokenRequest(r, ctap.PermissionGA)
		_, err = r.send(pinCmd, in.Append(nil))
		require.Equal(t, ctap.ErrPINInvalid, err)
		require.Equal(t, uint64(2), r.uvRetries())
	})
	t.Run("who has lost all attempts at the PIN is verified by nothing", func(t *testing.T) {
		r := enrolled(t, nil, u2f.UsualFinger)
		for range 8 {
			in, _ := pinTokenRequest(r, ctap.PermissionGA)
			_, err := r.send(pinCmd, in.Append(nil))
			require.Error(t, err)
			r.key.PowerDown(r.now)
			require.NoError(t, r.key.PowerUp(r.now, entropy))
		}
		require.Equal(t, uint64(3), r.uvRetries())
		_, err := r.uvToken(ctap.PermissionGA, &rp)
		require.Equal(t, ctap.ErrUVBlocked, err, "Section 6.5.5.7.3, step 10")
		require.Zero(t, r.uvRetries())
	})
	t.Run("an attempt that cannot be stored is none", func(t *testing.T) {
		p, err := u2f.ProfileNamed("bio")
		require.NoError(t, err)
		p.Sensor.Samples = 1
		f := &refusing{Memory: &flash.Memory{}}
		r := newRigOn(t, p, f)
		r.setPIN()
		r.enrol(r.tokenFor(ctap.PermissionBE, nil), u2f.UsualFinger)
		f.name = "uv"
		r.said()
		_, err = r.send(getCmd, asking(askBuiltIn))
		require.EqualError(t, err, "CTAP1_ERR_OTHER (0x7f)")
		require.Empty(t, r.said(), "nobody is asked")
	})
}

// What the user is told to do next.
func TestFingers(t *testing.T) {
	r := enrolled(t, nil, u2f.UsualFinger)
	r.manual()
	r.fingers("left-thumb:too-fast")
	_, err := r.send(selectCmd, nil)
	require.NoError(t, err, "any finger is a touch")
	require.Empty(t, r.key.Fingers())

	r.begin(selectCmd, nil)
	r.fingers("left-thumb")
	_, err = r.reply()
	require.NoError(t, err, "a request that waits already is touched too")

	r.fingers(":none", "left-thumb")
	r.begin(selectCmd, nil)
	_, err = r.reply()
	require.Equal(t, ctap.ErrUserActionTimeout, err)
	require.Len(t, r.key.Fingers(), 1)
	r.fingers(":none")
	r.begin(selectCmd, nil)
	require.True(t, r.key.Touch(r.now), "somebody does touch it")
	require.Empty(t, r.key.Fingers())

	r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Never})
	r.fingers("left-thumb")
	r.begin(selectCmd, nil)
	_, err = r.reply()
	require.Equal(t, ctap.ErrUserActionTimeout, err, "a dead contact feels no finger")
	require.Len(t, r.key.Fingers(), 1)
	r.key.PowerDown(r.now)
	require.Len(t, r.key.Fingers(), 1, "fingers are the user's, who has power")

	for _, f := range []u2f.Finger{{}, {Name: "Left Thumb"}, {Name: string(make([]byte, 33))}, {Name: "x", Sample: 12}} {
		require.Error(t, r.key.SetFingers(r.now, []u2f.Finger{f}), "%v", f)
	}
	require.ErrorContains(t, r.key.SetFingers(r.now, make([]u2f.Finger, 1001)), "1000")
	require.Len(t, r.key.Fingers(), 1, "what is refused changes nothing")
}

// A sensor that no key can have is refused.
func TestSensorProfiles(t *testing.T) {
	for text, want := range map[string]string{
		`{"base":"bio","sensor":{"templates":0}}`:                                                      "without templates",
		`{"base":"bio","sensor":{"samples":0}}`:                                                        "0 for samples",
		`{"base":"bio","sensor":{"max_name":65}}`:                                                      "65 for max_name",
		`{"base":"bio","sensor":{"retries":26}}`:                                                       "26 for retries",
		`{"base":"bio","sensor":{"internal_attempts":6}}`:                                              "6 for internal_attempts",
		`{"base":"bio","sensor":{"platform_attempts":0}}`:                                              "0 for platform_attempts",
		`{"base":"bio","algorithms":[-7],"max_msg_size":1200,"sensor":{"templates":17,"max_name":64}}`: "do not fit a message",
		`{"base":"bio","permissions":false,"make_cred_uv_not_rqd":false}`:                              "needs pin_uv_auth_protocols and permissions",
		`{"base":"ctap2.3","no_mc_ga_permissions_with_client_pin":true}`:                               "nobody can be verified",
		`{"base":"bio","sensor":{"lens":1}}`:                                                           "lens",
		`{"base":"ctap2.0","sensor":{"templates":5,"samples":5,"max_name":9}}`:                         "permissions",
	} {
		_, err := u2f.ParseProfile([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

// A sensor can change while the key runs: attempts and fingerprints stay, as far as there is room for them.
func TestSensorsChange(t *testing.T) {
	r := enrolled(t, nil, u2f.UsualFinger)
	set := func(change func(*u2f.Profile)) {
		p := r.key.Profile()
		change(&p)
		require.NoError(t, r.key.SetProfile(r.now, p))
	}
	set(func(p *u2f.Profile) { p.Sensor.Retries = 2 })
	require.Equal(t, uint64(2), r.uvRetries())
	require.True(t, r.info().Options["uv"])
	set(func(p *u2f.Profile) { p.Sensor = u2f.Sensor{} })
	require.NotContains(t, r.info().Options, "uv")
	require.Nil(t, r.key.Summary().Sensor)
	bio, err := u2f.ProfileNamed("bio")
	require.NoError(t, err)
	set(func(p *u2f.Profile) { p.Sensor = bio.Sensor })
	require.Equal(t, uint64(3), r.uvRetries())
	_, err = r.uvToken(ctap.PermissionBE, nil)
	require.NoError(t, err)
}

// As many fingerprints as the profile may have room for, with the longest names, fit a message.
func TestTheLongestListOfFingerprintsFits(t *testing.T) {
	p, err := u2f.ParseProfile([]byte(`{"base":"bio","algorithms":[-7],"max_msg_size":1200,"sensor":{"templates":16,"max_name":64,"samples":1}}`))
	require.NoError(t, err)
	r := newRigOn(t, p, &flash.Memory{})
	r.setPIN()
	token := r.tokenFor(ctap.PermissionBE, nil)
	name := string(make([]byte, 64))
	for i := range 16 {
		id := r.enrol(token, "finger-"+string(rune('a'+i)))
		_, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.SetFriendlyName, TemplateID: id, FriendlyName: &name}))
		require.NoError(t, err)
	}
	out, err := r.bio(enrolling(token, ctap.BioEnrollmentRequest{Subcommand: ctap.EnumerateEnrollments}))
	require.NoError(t, err)
	require.Len(t, out.Templates, 16)
}
