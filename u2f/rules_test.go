package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// with changes a request on its way, as an encoder that the key has no part in writes it.
func with(t testing.TB, request []byte, change func(m map[any]any)) []byte {
	t.Helper()
	var m map[any]any
	require.NoError(t, decoder.Unmarshal(request, &m))
	change(m)
	b, err := encoder.Marshal(m)
	require.NoError(t, err)
	return b
}

// Rules of the message encoding that concern more than one command.
func TestEncodingRules(t *testing.T) {
	t.Run("E-1 Section 8: every answer is canonical", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		r.make(resident("u1"), protect(3), extension("hmac-secret", []byte{0xf5}), withToken(r.token(ctap.PermissionMC)))
		r.make(resident("u2"), withToken(r.token(ctap.PermissionMC)))
		r.get(askWithToken(r.token(ctap.PermissionGA)))
		r.next()
		for _, request := range []ctap.ClientPINRequest{{Subcommand: ctap.GetPINRetries},
			{Subcommand: ctap.GetKeyAgreement, Protocol: new(uint64(1))}} {
			body, err := r.send(pinCmd, request.Append(nil))
			require.NoError(t, err)
			requireCanonical(t, body)
		}
		body, err := r.send(infoCmd, nil)
		require.NoError(t, err)
		requireCanonical(t, body)
		for _, cmd := range []byte{selectCmd, resetCmd} {
			body, err := r.send(cmd, nil)
			require.NoError(t, err)
			require.Empty(t, body, "these have no answer but the status")
		}
	})
	unknown := map[string]struct{ options, extensions int }{"makeCredential": {7, 6}, "getAssertion": {5, 4}}
	for name, key := range unknown {
		t.Run("E-3 Section 6.1.2 step 5: what "+name+" does not know is ignored", func(t *testing.T) {
			r := newRig(t, "ctap2.1", nil)
			cmd, request := byte(makeCmd), making(nil)
			if name == "getAssertion" {
				cmd, request = getCmd, asking(allow(r.make().auth.CredentialID))
			}
			body, err := r.send(cmd, with(t, request, func(m map[any]any) {
				m[uint64(200)] = []any{"x"}
				m[key.options] = map[any]any{"fast": true, "up2": 7}
				m[key.extensions] = map[any]any{"unheard-of": 1, "hmac-secret-mc": []byte{1}}
			}))
			require.NoError(t, err)
			parts := map[any]any{}
			require.NoError(t, decoder.Unmarshal(body, &parts))
			auth, err := ctap.ParseAuthData(parts[int64(2)].([]byte))
			require.NoError(t, err)
			require.Nil(t, auth.Extensions, "what was not understood is not answered")
		})
	}
	t.Run("E-4 Section 6.1: a user id has up to 64 bytes", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		id := bytes.Repeat([]byte{7}, 64)
		r.make(resident(string(id)))
		require.Equal(t, id, r.get().User.ID)
		_, err := r.send(makeCmd, making(resident(string(id)+"x")))
		require.Equal(t, ctap.ErrInvalidLength, err)
	})
	t.Run("E-5 Section 6.4: an id longer than maxCredentialIdLength names nothing", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		m := r.make()
		long := append(bytes.Clone(m.auth.CredentialID), make([]byte, 129-len(m.auth.CredentialID))...)
		requireSigned(t, m, r.get(allow(long, m.auth.CredentialID)))
		_, err := r.send(getCmd, asking(allow(long)))
		require.Equal(t, ctap.ErrNoCredentials, err)
		r.make(func(m *ctap.MakeCredentialRequest) {
			m.ExcludeList = []ctap.Descriptor{{Type: ctap.PublicKey, ID: long}}
		})
	})
}

// Rules of the commands that no table of errors has.
func TestCommandRules(t *testing.T) {
	t.Run("MC-3 Section 6.1.2 step 3: a bad element is found behind a good one", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		_, err := r.send(makeCmd, with(t, making(nil), func(m map[any]any) {
			m[int64(4)] = []any{map[any]any{"alg": -7, "type": "public-key"}, map[any]any{"alg": "-8", "type": "public-key"}}
		}))
		require.Equal(t, ctap.ErrCBORUnexpectedType, err)
	})
	t.Run("MC-12 Section 6.1.2 step 12: a credential of the excludeList, whoever verified the user", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		m := r.make(protect(3), withToken(r.token(ctap.PermissionMC)))
		exclude := func(r *ctap.MakeCredentialRequest) {
			r.ExcludeList = []ctap.Descriptor{{Type: ctap.PublicKey, ID: m.auth.CredentialID}}
		}
		_, err := r.send(makeCmd, making(all(exclude, withToken(r.token(ctap.PermissionMC)))))
		require.Equal(t, ctap.ErrCredentialExcluded, err)
		r.make(exclude)
	})
	t.Run("MC-17 Section 6.1.2 step 17: a credential that takes another's place takes no slot", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		remaining := func() uint64 {
			body, err := r.send(infoCmd, nil)
			require.NoError(t, err)
			info, err := ctap.ParseGetInfoResponse(body)
			require.NoError(t, err)
			return *info.RemainingCredentials
		}
		before := remaining()
		r.make(resident("u"))
		r.make(resident("u"))
		r.make()
		require.Equal(t, before-1, remaining())
	})
	t.Run("T-GA-8 Section 6.3: the salts of hmac-secret hold for the next assertion", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		for _, user := range []string{"u1", "u2"} {
			r.make(resident(user), extension("hmac-secret", []byte{0xf5}))
		}
		public, s := r.secret(pinuv.Two)
		enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), make([]byte, 32))
		require.NoError(t, err)
		in := ctap.HMACSecretInput{KeyAgreement: public, SaltEnc: enc, SaltAuth: s.Authenticate(enc), Protocol: 2}
		salted := func(g *ctap.GetAssertionRequest) {
			g.Extensions = []ctap.Extension{{Name: "hmac-secret", Value: in.Append(nil)}}
		}
		secret := func(g got) []byte {
			list, err := ctap.ParseExtensions(g.auth.Extensions)
			require.NoError(t, err)
			var value []byte
			require.NoError(t, decoder.Unmarshal(list[0].Value, &value))
			plain, err := s.Decrypt(value)
			require.NoError(t, err)
			return plain
		}
		first := r.get(salted)
		second := r.next()
		require.NotEqual(t, secret(first), secret(second), "each credential has its own")
		require.Equal(t, secret(second), secret(r.get(salted, allow(second.CredentialID))))
	})
	t.Run("R-2 Section 6.6: a reset makes key handles of U2F void", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		h := &host{rig: r}
		application := sha256.Sum256([]byte(rpID))
		body, ok := h.apdu(append([]byte{0, 1, 0, 0, 64}, append(bytes.Clone(clientDataHash), application[:]...)...))
		require.True(t, ok)
		handle := issued{id: bytes.Clone(body[67 : 67+int(body[66])]), rp: rpID}
		_, ok = h.apdu(authenticating(3, handle))
		require.True(t, ok)
		_, err := r.send(resetCmd, nil)
		require.NoError(t, err)
		for _, control := range []byte{3, 7, 8} {
			r.key.APDU(r.now, channel, authenticating(control, handle))
			reply, _ := r.key.Reply(r.now)
			require.Equal(t, []byte{0x6a, 0x80}, reply)
		}
	})
}

// How a wait for the user ends, for each command that waits. CTAPHID_CANCEL is Section 11.2.9.1.5.
func TestEndsOfAWait(t *testing.T) {
	cancel := func(r *rig) { r.key.Cancel(r.now) }
	deny := func(r *rig) { r.key.Deny(r.now) }
	nobody := func(r *rig) { r.now = r.now.Add(30 * time.Second) }
	probe := uvParam([]byte{}, nil)
	for _, c := range []struct {
		name, section string
		end           func(r *rig)
		request       []byte
		want          error
	}{
		{"the host cancels", "6.1.2 step 14", cancel, append([]byte{makeCmd}, making(nil)...), ctap.ErrKeepaliveCancel},
		{"the user declines", "6.1.2 step 14", deny, append([]byte{makeCmd}, making(nil)...), ctap.ErrOperationDenied},
		{"nobody touches", "6.1.2 step 14", nobody, append([]byte{makeCmd}, making(nil)...), ctap.ErrUserActionTimeout},
		{"nobody touches the key that is asked which it is", "6.1.2 step 1.2", nobody, append([]byte{makeCmd}, making(probe)...), ctap.ErrOperationDenied},
		{"the host cancels", "6.2.2 step 9", cancel, append([]byte{getCmd}, asking(nil)...), ctap.ErrKeepaliveCancel},
		{"the user declines", "6.2.2 step 9", deny, append([]byte{getCmd}, asking(nil)...), ctap.ErrOperationDenied},
		{"nobody touches", "6.2.2 step 9", nobody, append([]byte{getCmd}, asking(nil)...), ctap.ErrUserActionTimeout},
		{"the host cancels", "6.6", cancel, []byte{resetCmd}, ctap.ErrKeepaliveCancel},
		{"the user declines", "6.6", deny, []byte{resetCmd}, ctap.ErrOperationDenied},
		{"nobody touches", "6.6", nobody, []byte{resetCmd}, ctap.ErrUserActionTimeout},
		{"the host cancels", "6.9", cancel, []byte{selectCmd}, ctap.ErrKeepaliveCancel},
		{"the user declines", "6.9", deny, []byte{selectCmd}, ctap.ErrOperationDenied},
		{"nobody touches", "6.9", nobody, []byte{selectCmd}, ctap.ErrUserActionTimeout},
	} {
		t.Run(c.name+", Section "+c.section, func(t *testing.T) {
			r := newRig(t, "ctap2.1", nil)
			r.make(resident("u"))
			r.manual()
			before := r.contents()
			r.begin(c.request[0], c.request[1:])
			c.end(r)
			_, err := r.reply()
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents())
		})
	}
}
