package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// configuring returns a request to authenticatorConfig, authorized by token unless that is nil.
func configuring(token []byte, s ctap.ConfigSubcommand, params []byte) ctap.ConfigRequest {
	c := ctap.ConfigRequest{Subcommand: s, Params: params}
	if token != nil {
		message := append(bytes.Repeat([]byte{0xff}, 32), 0x0d, byte(s))
		c.Protocol, c.UVAuthParam = new(uint64(2)), pinuv.Two.Authenticate(token, append(message, params...))
	}
	return c
}

func (r *rig) config(token []byte, s ctap.ConfigSubcommand, params []byte) error {
	c := configuring(token, s, params)
	_, err := r.send(configCmd, c.Append(nil))
	return err
}

// configured changes a setting, which must be done.
func (r *rig) configured(s ctap.ConfigSubcommand, params []byte) {
	r.t.Helper()
	var token []byte
	if r.info().Options["clientPin"] {
		token = r.token(ctap.PermissionACFG)
	}
	require.NoError(r.t, r.config(token, s, params))
}

func minPIN(p ctap.MinPINLengthParams) []byte { return p.Append(nil) }

// replug takes the power away and gives it back.
func (r *rig) replug() {
	r.t.Helper()
	r.now = r.now.Add(time.Minute)
	require.NoError(r.t, r.key.PowerUp(r.now, bytes.Repeat([]byte{7}, 32)))
}

// TestConfigErrors is what authenticatorConfig refuses, in the order in which it looks. See Section 6.11.
func TestConfigErrors(t *testing.T) {
	r := newRig(t, "ctap2.3", nil)
	r.setPIN()
	acfg, other := r.token(ctap.PermissionACFG), bytes.Repeat([]byte{1}, 32)
	raw := func(m map[any]any) []byte {
		b, err := encoder.Marshal(m)
		require.NoError(t, err)
		return b
	}
	request := func(token []byte, s ctap.ConfigSubcommand, params []byte, change func(*ctap.ConfigRequest)) []byte {
		c := configuring(token, s, params)
		if change != nil {
			change(&c)
		}
		return c.Append(nil)
	}
	six := minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(6))})
	before := r.contents()
	for _, c := range []struct {
		name, section string
		request       []byte
		want          error
	}{
		{"no bytes", "8", nil, ctap.ErrInvalidCBOR},
		{"a subCommand that is text", "6.11", raw(map[any]any{1: "2"}), ctap.ErrCBORUnexpectedType},
		{"params that are an array", "6.11", raw(map[any]any{1: 2, 2: []any{}}), ctap.ErrCBORUnexpectedType},
		{"a protocol that is text", "6.11", raw(map[any]any{1: 2, 3: "2"}), ctap.ErrCBORUnexpectedType},
		{"a pinUvAuthParam that is a number", "6.11", raw(map[any]any{1: 2, 4: 2}), ctap.ErrCBORUnexpectedType},
		{"no subCommand", "6.11, step 1", raw(map[any]any{3: 2}), ctap.ErrMissingParameter},
		{"subCommand 0", "6.11, step 2", raw(map[any]any{1: 0}), ctap.ErrInvalidParameter},
		{"subCommand 5", "6.11, step 2", raw(map[any]any{1: 5}), ctap.ErrInvalidParameter},
		{"vendorPrototype, which the key has not", "6.11, step 2", raw(map[any]any{1: 255}), ctap.ErrInvalidParameter},
		{"a subCommand of 64 bits", "6.11, step 2", raw(map[any]any{1: uint64(1) << 63}), ctap.ErrInvalidParameter},
		{"no pinUvAuthParam", "6.11, step 4", request(nil, ctap.ToggleAlwaysUV, nil, nil), ctap.ErrPUATRequired},
		{"no protocol", "6.11, step 4", request(acfg, ctap.ToggleAlwaysUV, nil, func(c *ctap.ConfigRequest) { c.Protocol = nil }),
			ctap.ErrMissingParameter},
		{"a protocol that is none", "6.11, step 4", request(acfg, ctap.ToggleAlwaysUV, nil,
			func(c *ctap.ConfigRequest) { c.Protocol = new(uint64(3)) }), ctap.ErrInvalidParameter},
		{"a token of another protocol", "6.11, step 4", request(acfg, ctap.ToggleAlwaysUV, nil,
			func(c *ctap.ConfigRequest) { c.Protocol = new(uint64(1)) }), ctap.ErrPINAuthInvalid},
		{"another token", "6.11, step 4", request(other, ctap.ToggleAlwaysUV, nil, nil), ctap.ErrPINAuthInvalid},
		{"an empty pinUvAuthParam", "6.11, step 4", request(acfg, ctap.ToggleAlwaysUV, nil,
			func(c *ctap.ConfigRequest) { c.UVAuthParam = []byte{} }), ctap.ErrPINAuthInvalid},
		{"params that the token is not over", "6.11, step 4", request(acfg, ctap.SetMinPINLength, nil,
			func(c *ctap.ConfigRequest) { c.Params = six }), ctap.ErrPINAuthInvalid},
		{"a subCommand that the token is not over", "6.11, step 4", request(acfg, ctap.ToggleAlwaysUV, nil,
			func(c *ctap.ConfigRequest) { c.Subcommand = ctap.EnableLongTouchForReset }), ctap.ErrPINAuthInvalid},
		{"no params for setMinPINLength", "6.11.4", request(acfg, ctap.SetMinPINLength, nil, nil), ctap.ErrMissingParameter},
		{"a length that is text", "6.11.4", request(acfg, ctap.SetMinPINLength, raw(map[any]any{1: "6"}), nil), ctap.ErrCBORUnexpectedType},
		{"RP IDs that are one text", "6.11.4", request(acfg, ctap.SetMinPINLength, raw(map[any]any{2: "a"}), nil), ctap.ErrCBORUnexpectedType},
		{"an RP ID that is a number", "6.11.4", request(acfg, ctap.SetMinPINLength, raw(map[any]any{2: []any{1}}), nil), ctap.ErrCBORUnexpectedType},
		{"forceChangePin that is a number", "6.11.4", request(acfg, ctap.SetMinPINLength, raw(map[any]any{3: 1}), nil), ctap.ErrCBORUnexpectedType},
		{"pinComplexityPolicy that is a number", "2.3 6.11.4", request(acfg, ctap.SetMinPINLength, raw(map[any]any{4: 1}), nil), ctap.ErrCBORUnexpectedType},
		{"a length less than that which is set", "6.11.4, step 2", request(acfg, ctap.SetMinPINLength,
			minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(3))}), nil), ctap.ErrPINPolicyViolation},
		{"a length that no PIN can have", "6.11.4", request(acfg, ctap.SetMinPINLength,
			minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(64))}), nil), ctap.ErrPINPolicyViolation},
		{"a length of 64 bits", "6.11.4", request(acfg, ctap.SetMinPINLength,
			minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(1) << 63)}), nil), ctap.ErrPINPolicyViolation},
		{"nine RP IDs where eight have room", "6.11.4", request(acfg, ctap.SetMinPINLength,
			minPIN(ctap.MinPINLengthParams{RPIDs: make([]string, 9)}), nil), ctap.ErrKeyStoreFull},
		{"an RP ID that is too long", "6.11.4", request(acfg, ctap.SetMinPINLength,
			minPIN(ctap.MinPINLengthParams{RPIDs: []string{string(make([]byte, 254))}}), nil), ctap.ErrKeyStoreFull},
	} {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			_, err := r.send(configCmd, c.request)
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents(), "nothing has changed")
		})
	}
	for name, permission := range map[string]ctap.Permissions{"cm": ctap.PermissionCM, "lbw": ctap.PermissionLBW, "mc and ga": 3} {
		t.Run("6.11 step 4 a token for "+name, func(t *testing.T) {
			require.Equal(t, ctap.ErrPINAuthInvalid, r.config(r.token(permission), ctap.ToggleAlwaysUV, nil))
		})
	}
	t.Run("6.5.2.1 a token that is too old", func(t *testing.T) {
		token := r.token(ctap.PermissionACFG)
		r.now = r.now.Add(30 * time.Second)
		require.Equal(t, ctap.ErrPINAuthInvalid, r.config(token, ctap.ToggleAlwaysUV, nil))
	})
	t.Run("6.11.4 a PIN that is not there cannot be changed", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		require.Equal(t, ctap.ErrPINNotSet, r.config(nil, ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{ForceChangePIN: true})))
	})
	t.Run("another answer to an unknown subCommand", func(t *testing.T) {
		r := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.ConfigSubcommandError = u2f.Answer(ctap.ErrInvalidSubcommand) })
		require.Equal(t, ctap.ErrInvalidSubcommand, r.config(nil, 9, nil))
	})
}

// TestAlwaysUV is Section 7.2.
func TestAlwaysUV(t *testing.T) {
	on := func(t *testing.T, withPIN bool) *rig {
		r := newRig(t, "ctap2.3", nil)
		if withPIN {
			r.setPIN()
		}
		r.configured(ctap.ToggleAlwaysUV, nil)
		return r
	}
	t.Run("getInfo", func(t *testing.T) {
		info := on(t, true).info()
		require.True(t, info.Options["alwaysUv"])
		require.NotContains(t, info.Options, "makeCredUvNotRqd")
		require.Equal(t, []string{"FIDO_2_0", "FIDO_2_1", "FIDO_2_3"}, info.Versions)
	})
	t.Run("6.1.2 step 6 and 6.2.2 step 5 nothing without user verification", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		made := r.make()
		r.setPIN()
		r.configured(ctap.ToggleAlwaysUV, nil)
		_, err := r.send(makeCmd, making(nil))
		require.Equal(t, ctap.ErrPUATRequired, err)
		_, err = r.send(getCmd, asking(allow(made.auth.CredentialID)))
		require.Equal(t, ctap.ErrPUATRequired, err)
		require.Zero(t, r.get(allow(made.auth.CredentialID), silent).auth.Flags, "T-GA-2: unless nobody is asked")
		g := r.get(allow(made.auth.CredentialID), askWithToken(r.token(ctap.PermissionGA)))
		requireSigned(t, made, g)
		require.Equal(t, byte(ctap.FlagUP|ctap.FlagUV), g.auth.Flags)
		r.make(withToken(r.token(ctap.PermissionMC)))
	})
	t.Run("6.1.2 step 6.2 a key without a PIN is to get one", func(t *testing.T) {
		r := on(t, false)
		for _, param := range [][]byte{nil, make([]byte, 32)} {
			_, err := r.send(makeCmd, making(uvParam(param, new(uint64(2)))))
			require.Equal(t, ctap.ErrPUATRequired, err)
		}
	})
	t.Run("6.1.2 step 5 comes first: what no user verification would make good", func(t *testing.T) {
		_, err := on(t, true).send(makeCmd, making(func(m *ctap.MakeCredentialRequest) { m.Options.UP = ctap.False }))
		require.Equal(t, ctap.ErrInvalidOption, err)
	})
	t.Run("6.10.2 nobody writes large blobs who is not verified, on a key without a PIN either", func(t *testing.T) {
		r, array := on(t, false), blobArray(60, 7)
		require.Equal(t, ctap.ErrPUATRequired, r.blobs(fragment(nil, array, 0, 60)))
		require.Equal(t, ctap.ErrPINAuthInvalid, r.blobs(fragment(make([]byte, 32), array, 0, 60)))
		require.Equal(t, emptyBlobs, r.stored())
	})
	t.Run("7.2.4 CTAP1 is off", func(t *testing.T) {
		r := on(t, true)
		for _, apdu := range [][]byte{{0, 3, 0, 0, 0, 0, 0}, append([]byte{0, 1, 0, 0, 64}, make([]byte, 64)...)} {
			r.key.APDU(r.now, channel, apdu)
			reply, ok := r.key.Reply(r.now)
			require.True(t, ok)
			require.Equal(t, []byte{0x69, 0x86}, reply, "SW_COMMAND_NOT_ALLOWED")
		}
	})
	t.Run("it survives the loss of power, and ends when it is toggled", func(t *testing.T) {
		r := on(t, true)
		r.replug()
		require.True(t, r.info().Options["alwaysUv"])
		r.configured(ctap.ToggleAlwaysUV, nil)
		require.False(t, r.info().Options["alwaysUv"])
		r.make()
	})
	t.Run("6.11 step 3 a key that leaves the factory with it lets go of it without a PIN", func(t *testing.T) {
		r := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.AlwaysUV = true })
		require.Equal(t, ctap.ErrPUATRequired, r.config(nil, ctap.EnableLongTouchForReset, nil))
		require.NoError(t, r.config(nil, ctap.ToggleAlwaysUV, nil))
		r.make()
		_, err := r.send(resetCmd, nil)
		require.NoError(t, err)
		require.True(t, r.info().Options["alwaysUv"], "reset gives it back")
	})
}

// changePIN changes the PIN and returns the error.
func (r *rig) changePIN(old, replacement string) error {
	r.t.Helper()
	public, s := r.secret(pinuv.Two)
	iv := func() *bytes.Reader { return bytes.NewReader(make([]byte, 16)) }
	hash := sha256.Sum256([]byte(old))
	oldEnc, err := s.Encrypt(iv(), hash[:16])
	require.NoError(r.t, err)
	newEnc, err := s.Encrypt(iv(), append([]byte(replacement), make([]byte, 64-len(replacement))...))
	require.NoError(r.t, err)
	in := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.ChangePIN, KeyAgreement: public, NewPINEnc: newEnc,
		PINHashEnc: oldEnc, UVAuthParam: s.Authenticate(slices.Concat(newEnc, oldEnc))}
	_, err = r.send(pinCmd, in.Append(nil))
	return err
}

// exchange asks for a token with the PIN and returns the error.
func (r *rig) exchange(s ctap.ClientPINSubcommand, pin string, permissions *ctap.Permissions) ([]byte, error) {
	r.t.Helper()
	public, secret := r.secret(pinuv.Two)
	hash := sha256.Sum256([]byte(pin))
	enc, err := secret.Encrypt(bytes.NewReader(make([]byte, 16)), hash[:16])
	require.NoError(r.t, err)
	in := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: s, KeyAgreement: public, PINHashEnc: enc, Permissions: permissions}
	body, err := r.send(pinCmd, in.Append(nil))
	if err != nil {
		return nil, err
	}
	out, err := ctap.ParseClientPINResponse(body)
	require.NoError(r.t, err)
	token, err := secret.Decrypt(out.UVAuthToken)
	require.NoError(r.t, err)
	return token, nil
}

// TestMinPINLength is Sections 6.11.4 and 7.4.
func TestMinPINLength(t *testing.T) {
	acfg := ctap.PermissionACFG
	forced := func(t *testing.T, p ctap.MinPINLengthParams) (*rig, []byte) {
		r := newRig(t, "ctap2.3", nil)
		r.setPIN()
		r.make(resident("u"), withToken(r.token(ctap.PermissionMC)))
		lasts, err := r.exchange(ctap.GetPINUVAuthTokenUsingPINWithPermissions, pin, new(ctap.PermissionPCMR))
		require.NoError(t, err)
		r.configured(ctap.SetMinPINLength, p.Append(nil))
		return r, lasts
	}
	t.Run("a longer one makes the PIN be changed", func(t *testing.T) {
		r, lasts := forced(t, ctap.MinPINLengthParams{NewMinPINLength: new(uint64(6))})
		info := r.info()
		require.True(t, *info.ForcePINChange)
		require.Equal(t, uint64(6), info.MinPINLength)
		_, err := r.exchange(ctap.GetPINToken, pin, nil)
		require.Equal(t, ctap.ErrPINInvalid, err, "P-6, Section 6.5.5.7.1")
		_, err = r.exchange(ctap.GetPINUVAuthTokenUsingPINWithPermissions, pin, &acfg)
		require.Equal(t, ctap.ErrPINPolicyViolation, err, "P-6, Section 6.5.5.7.2")
		_, err = r.manage(managing(lasts, ctap.CredentialManagementRequest{Subcommand: ctap.GetCredsMetadata}))
		require.Equal(t, ctap.ErrPINAuthInvalid, err, "P-9: the token that lasts is void too")
		require.Equal(t, ctap.ErrPINPolicyViolation, r.changePIN(pin, "12345"))
		r.replug()
		require.True(t, *r.info().ForcePINChange)
		require.NoError(t, r.changePIN(pin, "123456"))
		require.False(t, *r.info().ForcePINChange)
		_, err = r.exchange(ctap.GetPINUVAuthTokenUsingPINWithPermissions, "123456", &acfg)
		require.NoError(t, err)
	})
	t.Run("forced change wants another PIN", func(t *testing.T) {
		r, _ := forced(t, ctap.MinPINLengthParams{ForceChangePIN: true})
		require.True(t, *r.info().ForcePINChange)
		require.Equal(t, ctap.ErrPINPolicyViolation, r.changePIN(pin, pin))
		require.NoError(t, r.changePIN(pin, "567890"))
		require.NoError(t, r.changePIN("567890", pin), "the PIN of before is a new one now")
		require.False(t, *r.info().ForcePINChange)
	})
	t.Run("a token that is in use is void", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		r.setPIN()
		token := r.token(ctap.PermissionACFG)
		require.NoError(t, r.config(token, ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{ForceChangePIN: true})))
		require.Equal(t, ctap.ErrPINAuthInvalid, r.config(token, ctap.ToggleAlwaysUV, nil))
	})
	t.Run("it holds for the first PIN", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		r.configured(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(5))}))
		public, s := r.secret(pinuv.Two)
		enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), append([]byte("1234"), make([]byte, 60)...))
		require.NoError(t, err)
		in := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.SetPIN, KeyAgreement: public, NewPINEnc: enc,
			UVAuthParam: s.Authenticate(enc)}
		_, err = r.send(pinCmd, in.Append(nil))
		require.Equal(t, ctap.ErrPINPolicyViolation, err)
	})
	t.Run("a policy in force refuses simple PINs", func(t *testing.T) {
		r := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.PINPolicy.Forbidden = []string{"password"} })
		r.setPIN()
		require.False(t, *r.info().PINComplexityPolicy)
		r.configured(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{PINComplexityPolicy: true}))
		require.True(t, *r.info().PINComplexityPolicy)
		require.True(t, *r.info().ForcePINChange, "nobody knows whether the PIN is good enough")
		for _, simple := range []string{"7777", "abcdef", "9876", "password"} {
			require.Equal(t, ctap.ErrPINPolicyViolation, r.changePIN(pin, simple), simple)
		}
		require.NoError(t, r.changePIN(pin, "1235"))
	})
	t.Run("a key without such a policy cannot put it in force", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		require.Equal(t, ctap.ErrInvalidParameter, r.config(nil, ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{PINComplexityPolicy: true})))
	})
	t.Run("a PIN has so many code points at most", func(t *testing.T) {
		r := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.MaxPINLength = 6 })
		r.setPIN()
		require.Equal(t, uint64(6), r.info().MaxPINLength)
		require.Equal(t, ctap.ErrPINPolicyViolation, r.changePIN(pin, "1234567"))
		require.NoError(t, r.changePIN(pin, "123456"))
	})
	t.Run("reset forgets it all", func(t *testing.T) {
		r, _ := forced(t, ctap.MinPINLengthParams{NewMinPINLength: new(uint64(6)), RPIDs: []string{rpID}})
		r.forgotten(t)
	})
}

// forgotten resets the key, whose PIN must be changed, and looks whether its settings are those of a new one.
func (r *rig) forgotten(t *testing.T) {
	t.Helper()
	_, err := r.send(resetCmd, nil)
	require.NoError(t, err)
	info := r.info()
	require.False(t, *info.ForcePINChange)
	require.Equal(t, uint64(4), info.MinPINLength)
	require.NotContains(t, r.contents(), "settings")
	require.Nil(t, r.make(extension("minPinLength", ctap.EncodeBool(true))).auth.Extensions)
}

// TestLongTouch is 2.3 Section 6.6 with longTouchForReset.
func TestLongTouch(t *testing.T) {
	r := newRig(t, "ctap2.3", nil)
	require.False(t, *r.info().LongTouchForReset)
	r.configured(ctap.EnableLongTouchForReset, nil)
	require.True(t, *r.info().LongTouchForReset)
	r.manual()
	r.begin(resetCmd, nil)
	waiting, _ := r.key.Waiting()
	require.Equal(t, u2f.Duration(5*time.Second), waiting.Hold)
	require.False(t, r.key.Touch(r.now), "a touch is not enough")
	require.False(t, r.key.Hold(r.now, 4*time.Second))
	require.True(t, r.key.Hold(r.now, 6*time.Second))
	require.False(t, r.key.Hold(r.now.Add(time.Second), time.Minute), "a finger rests there already")
	require.Equal(t, r.now.Add(5*time.Second), r.key.Wake())
	_, ok := r.key.Reply(r.now.Add(4 * time.Second))
	require.False(t, ok)
	r.now = r.now.Add(5 * time.Second)
	_, err := r.reply()
	require.NoError(t, err)
	require.False(t, *r.info().LongTouchForReset, "reset undoes it")

	r.configured(ctap.EnableLongTouchForReset, nil)
	r.replug()
	r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto})
	start := r.now
	_, err = r.send(resetCmd, nil)
	require.NoError(t, err)
	require.Equal(t, start.Add(5*time.Second), r.now, "a user who touches at once rests the finger as long as it takes")

	nfc := newRig(t, "ctap2.3", func(p *u2f.Profile) { p.TransportsForReset = []string{"nfc"} })
	_, err = nfc.send(resetCmd, nil)
	require.Equal(t, ctap.ErrNotAllowed, err, "2.3 Section 6.6: transportsForReset")
}
