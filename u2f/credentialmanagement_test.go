package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

const manageCmd = 0x0a

// tokenFor fetches a pinUvAuthToken that is bound to rp, or to none.
func (r *rig) tokenFor(permissions ctap.Permissions, rp *string) []byte {
	r.t.Helper()
	public, s := r.secret(pinuv.Two)
	hash := sha256.Sum256([]byte(pin))
	enc, err := s.Encrypt(bytes.NewReader(make([]byte, 16)), hash[:16])
	require.NoError(r.t, err)
	out := r.clientPIN(pinuv.Two, ctap.ClientPINRequest{Subcommand: ctap.GetPINUVAuthTokenUsingPINWithPermissions,
		KeyAgreement: public, PINHashEnc: enc, Permissions: &permissions, RPID: rp})
	token, err := s.Decrypt(out.UVAuthToken)
	require.NoError(r.t, err)
	return token
}

// managing returns a request that token authorizes.
func managing(token []byte, in ctap.CredentialManagementRequest) []byte {
	message := append([]byte{byte(in.Subcommand)}, in.AppendParams(nil)...)
	in.Protocol, in.UVAuthParam = new(uint64(2)), pinuv.Two.Authenticate(token, message)
	return in.Append(nil)
}

func (r *rig) manage(request []byte) (ctap.CredentialManagementResponse, error) {
	r.t.Helper()
	body, err := r.send(manageCmd, request)
	if err != nil {
		return ctap.CredentialManagementResponse{}, err
	}
	if len(body) > 0 {
		requireCanonical(r.t, body)
	}
	out, err := ctap.ParseCredentialManagementResponse(body)
	require.NoError(r.t, err)
	return out, nil
}

// next goes on with a list.
func goingOn(s ctap.CredentialManagementSubcommand) []byte {
	in := ctap.CredentialManagementRequest{Subcommand: s}
	return in.Append(nil)
}

// shelf is a key with a PIN, alice and bob of one relying party, and carol of another.
func shelf(t *testing.T, f u2f.Flash) (r *rig, made []made) {
	r = newRigOn(t, func() u2f.Profile { p, _ := u2f.ProfileNamed("ctap2.1"); return p }(), f)
	made = append(made, r.make(resident("alice"), protect(2)), r.make(resident("bob")),
		r.make(resident("carol"), func(m *ctap.MakeCredentialRequest) { m.RP.ID = "other.example" }))
	r.setPIN()
	return r, made
}

func hashOf(rp string) []byte {
	hash := sha256.Sum256([]byte(rp))
	return hash[:]
}

func TestCredentialManagement(t *testing.T) {
	r, made := shelf(t, &flash.Memory{})
	token := r.tokenFor(ctap.PermissionCM, nil)

	m, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.GetCredsMetadata}))
	require.NoError(t, err)
	require.Equal(t, []uint64{3, 22}, []uint64{*m.Existing, *m.Remaining}, "6.8.2")

	first, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateRPsBegin}))
	require.NoError(t, err)
	require.Equal(t, ctap.CredentialManagementResponse{RPID: rpID, RPIDHash: hashOf(rpID), TotalRPs: 2}, first, "6.8.3")
	second, err := r.manage(goingOn(ctap.EnumerateRPsGetNextRP))
	require.NoError(t, err)
	require.Equal(t, ctap.CredentialManagementResponse{RPID: "other.example", RPIDHash: hashOf("other.example")}, second)
	_, err = r.manage(goingOn(ctap.EnumerateRPsGetNextRP))
	require.Equal(t, ctap.ErrNotAllowed, err, "there are no more")

	alice, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsBegin,
		RPIDHash: hashOf(rpID)}))
	require.NoError(t, err)
	require.Equal(t, ctap.CredentialManagementResponse{User: &ctap.User{ID: []byte("alice"), Name: "alice", DisplayName: "Alice"},
		CredentialID: made[0].auth.CredentialID, PublicKey: made[0].auth.PublicKey, TotalCredentials: 2, CredProtect: 2}, alice, "6.8.4")
	algorithm, _, err := cose.ParsePublicKey(alice.PublicKey)
	require.NoError(t, err)
	require.Equal(t, cose.ES256, algorithm)
	bob, err := r.manage(goingOn(ctap.EnumerateCredentialsGetNextCredential))
	require.NoError(t, err)
	require.Equal(t, []any{"bob", uint64(0), uint64(1)}, []any{string(bob.User.ID), bob.TotalCredentials, bob.CredProtect})

	_, err = r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.UpdateUserInformation,
		CredentialID: bob.CredentialID, User: &ctap.User{ID: []byte("bob"), Name: "robert"}}))
	require.NoError(t, err, "6.8.6")
	_, err = r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, CredentialID: alice.CredentialID}))
	require.NoError(t, err, "6.8.5")
	left, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hashOf(rpID)}))
	require.NoError(t, err)
	require.Equal(t, ctap.User{ID: []byte("bob"), Name: "robert"}, *left.User, "a name that is left out is forgotten")
	require.Equal(t, uint64(1), left.TotalCredentials)
	_, err = r.send(getCmd, asking(allow(alice.CredentialID)))
	require.Equal(t, ctap.ErrNoCredentials, err)
	requireSigned(t, made[1], r.get(allow(bob.CredentialID)))
}

func TestCredentialManagementErrors(t *testing.T) {
	type request = ctap.CredentialManagementRequest
	other := "other.example"
	id := func(m []made, n int) []byte { return m[n].auth.CredentialID }
	for _, c := range []struct {
		section, name string
		rp            *string // that the token is bound to
		ask           func(token []byte, m []made) []byte
		want          ctap.Status
	}{
		{"6.8", "no subcommand", nil, func([]byte, []made) []byte { return []byte{0xa0} }, ctap.ErrMissingParameter},
		{"6.8", "a subcommand of another type", nil, func([]byte, []made) []byte { return []byte{0xa1, 1, 0x61, 'a'} }, ctap.ErrCBORUnexpectedType},
		{"6.8", "a subcommand that there is not", nil, func([]byte, []made) []byte { return goingOn(8) }, ctap.ErrInvalidSubcommand},
		{"6.8", "subcommand 0", nil, func([]byte, []made) []byte { return goingOn(0) }, ctap.ErrInvalidSubcommand},
		{"6.8.2, step 1", "metadata without pinUvAuthParam", nil, func([]byte, []made) []byte { return goingOn(ctap.GetCredsMetadata) }, ctap.ErrPUATRequired},
		{"6.8.2, step 2", "metadata without a protocol", nil, func([]byte, []made) []byte {
			r := request{Subcommand: ctap.GetCredsMetadata, UVAuthParam: []byte{1}}
			return r.Append(nil)
		}, ctap.ErrMissingParameter},
		{"6.8.2, step 2", "metadata with protocol 3", nil, func([]byte, []made) []byte {
			r := request{Subcommand: ctap.GetCredsMetadata, UVAuthParam: []byte{1}, Protocol: new(uint64(3))}
			return r.Append(nil)
		}, ctap.ErrInvalidParameter},
		{"6.8.2, step 3", "metadata with another token", nil, func(token []byte, _ []made) []byte {
			return managing(bytes.Repeat([]byte{1}, 32), request{Subcommand: ctap.GetCredsMetadata})
		}, ctap.ErrPINAuthInvalid},
		{"6.8.2, step 4", "metadata with a token of one relying party", &other, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.GetCredsMetadata})
		}, ctap.ErrPINAuthInvalid},
		{"6.8.3", "the next relying party of no list", nil, func([]byte, []made) []byte { return goingOn(ctap.EnumerateRPsGetNextRP) }, ctap.ErrNotAllowed},
		{"6.8.4", "credentials of no relying party", nil, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.EnumerateCredentialsBegin})
		}, ctap.ErrMissingParameter},
		{"6.8.4", "credentials of a relying party that has none", nil, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hashOf("nobody")})
		}, ctap.ErrNoCredentials},
		{"6.8.4", "credentials of another relying party than the token's", &other, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hashOf(rpID)})
		}, ctap.ErrPINAuthInvalid},
		{"6.8.4", "the next credential of no list", nil, func([]byte, []made) []byte {
			return goingOn(ctap.EnumerateCredentialsGetNextCredential)
		}, ctap.ErrNotAllowed},
		{"6.8.5", "deletion of nothing named", nil, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.DeleteCredential})
		}, ctap.ErrMissingParameter},
		{"6.8.5", "deletion of a credential that is not here", nil, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.DeleteCredential, CredentialID: []byte("none")})
		}, ctap.ErrNoCredentials},
		{"6.8.5", "deletion of another relying party's credential", &other, func(token []byte, m []made) []byte {
			return managing(token, request{Subcommand: ctap.DeleteCredential, CredentialID: id(m, 0)})
		}, ctap.ErrPINAuthInvalid},
		{"6.8.5", "deletion with a parameter that was not authorized", nil, func(token []byte, m []made) []byte {
			r := request{Subcommand: ctap.DeleteCredential, CredentialID: id(m, 0), Protocol: new(uint64(2)),
				UVAuthParam: pinuv.Two.Authenticate(token, []byte{byte(ctap.DeleteCredential)})}
			return r.Append(nil)
		}, ctap.ErrPINAuthInvalid},
		{"6.8.6", "new names for nobody", nil, func(token []byte, m []made) []byte {
			return managing(token, request{Subcommand: ctap.UpdateUserInformation, CredentialID: id(m, 0)})
		}, ctap.ErrMissingParameter},
		{"6.8.6", "new names for another user", nil, func(token []byte, m []made) []byte {
			return managing(token, request{Subcommand: ctap.UpdateUserInformation, CredentialID: id(m, 0), User: &ctap.User{ID: []byte("bob")}})
		}, ctap.ErrInvalidParameter},
		{"6.8.6", "new names for a credential that is not here", nil, func(token []byte, _ []made) []byte {
			return managing(token, request{Subcommand: ctap.UpdateUserInformation, CredentialID: []byte("none"), User: &ctap.User{ID: []byte("bob")}})
		}, ctap.ErrNoCredentials},
	} {
		t.Run(c.section+": "+c.name, func(t *testing.T) {
			r, m := shelf(t, &flash.Memory{})
			request := c.ask(r.tokenFor(ctap.PermissionCM, c.rp), m)
			before := r.contents()
			_, err := r.manage(request)
			require.Equal(t, c.want, err)
			require.Equal(t, before, r.contents())
		})
	}
	t.Run("6.8.2: a token without the permission cm", func(t *testing.T) {
		r, _ := shelf(t, &flash.Memory{})
		token := r.token(ctap.PermissionGA)
		_, err := r.manage(managing(token, request{Subcommand: ctap.GetCredsMetadata}))
		require.Equal(t, ctap.ErrPINAuthInvalid, err)
	})
	t.Run("6.8.3: relying parties of an empty key", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		_, err := r.manage(managing(r.tokenFor(ctap.PermissionCM, nil), request{Subcommand: ctap.EnumerateRPsBegin}))
		require.Equal(t, ctap.ErrNoCredentials, err)
	})
}

// TestCredentialManagementLists: what a begin leaves behind is its channel's, and ends with any other command and with time.
func TestCredentialManagementLists(t *testing.T) {
	for name, c := range map[string]struct {
		between func(r *rig)
		want    error
	}{
		"nothing in between":  {func(*rig) {}, nil},
		"29 seconds":          {func(r *rig) { r.now = r.now.Add(29 * time.Second) }, nil},
		"30 seconds":          {func(r *rig) { r.now = r.now.Add(30 * time.Second) }, ctap.ErrNotAllowed},
		"another command":     {func(r *rig) { _, _ = r.send(infoCmd, nil) }, ctap.ErrNotAllowed},
		"another protocol":    {func(r *rig) { r.key.APDU(r.now, channel, []byte{0, 3, 0, 0, 0, 0, 0}) }, ctap.ErrNotAllowed},
		"another subcommand":  {func(r *rig) { _, _ = r.manage(goingOn(ctap.GetCredsMetadata)) }, ctap.ErrNotAllowed},
		"the other list's":    {func(r *rig) { _, _ = r.manage(goingOn(ctap.EnumerateCredentialsGetNextCredential)) }, nil},
		"another channel's":   {func(r *rig) { _, _ = r.sendOn(channel+1, manageCmd, goingOn(ctap.EnumerateRPsGetNextRP)) }, nil},
		"a new token instead": {func(r *rig) { r.tokenFor(ctap.PermissionCM, nil) }, ctap.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := shelf(t, &flash.Memory{})
			_, err := r.manage(managing(r.tokenFor(ctap.PermissionCM, nil), ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateRPsBegin}))
			require.NoError(t, err)
			c.between(r)
			_, err = r.manage(goingOn(ctap.EnumerateRPsGetNextRP))
			require.Equal(t, c.want, err)
		})
	}
	t.Run("on another channel it is refused", func(t *testing.T) {
		r, _ := shelf(t, &flash.Memory{})
		_, err := r.manage(managing(r.tokenFor(ctap.PermissionCM, nil), ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateRPsBegin}))
		require.NoError(t, err)
		_, err = r.sendOn(channel+1, manageCmd, goingOn(ctap.EnumerateRPsGetNextRP))
		require.Equal(t, ctap.ErrNotAllowed, err)
	})
}

// TestCredentialManagementCut takes the power away at the one write of a deletion and of a change: the credential is
// there as it was, or as it was to be.
func TestCredentialManagementCut(t *testing.T) {
	for _, s := range []ctap.CredentialManagementSubcommand{ctap.DeleteCredential, ctap.UpdateUserInformation} {
		for _, at := range []flash.Cut{flash.Before, flash.Torn, flash.After} {
			t.Run(fmt.Sprint(s, " ", at), func(t *testing.T) {
				memory := &flash.Memory{}
				r, made := shelf(t, memory)
				cut := flash.CutAfter(memory, 3, at) // the PIN's attempt is taken and given back before
				p := r.key.Profile()
				key, err := u2f.New(u2f.Config{Profile: p, Flash: cut})
				require.NoError(t, err)
				require.NoError(t, key.PowerUp(epoch, entropy))
				powered := &rig{t: t, flash: cut, now: epoch, key: key}
				token := powered.tokenFor(ctap.PermissionCM, nil)
				_, err = powered.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: s,
					CredentialID: made[1].auth.CredentialID, User: &ctap.User{ID: []byte("bob"), Name: "robert"}}))
				require.Error(t, err)
				require.True(t, cut.Off())
				require.NoError(t, cut.Restore())
				after := newRigOn(t, p, memory)
				g, err := after.send(getCmd, asking(allow(made[1].auth.CredentialID)))
				happened := at == flash.After
				if s == ctap.DeleteCredential && happened {
					require.Equal(t, ctap.ErrNoCredentials, err)
					return
				}
				require.NoError(t, err)
				requireSigned(t, made[1], after.parse(g))
				m, err := after.manage(managing(after.tokenFor(ctap.PermissionCM, nil), ctap.CredentialManagementRequest{
					Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hashOf(rpID)}))
				require.NoError(t, err)
				require.Equal(t, uint64(2), m.TotalCredentials)
				bob, err := after.manage(goingOn(ctap.EnumerateCredentialsGetNextCredential))
				require.NoError(t, err)
				require.Equal(t, map[bool]string{false: "alice", true: "robert"}[happened && s == ctap.UpdateUserInformation], bob.User.Name)
			})
		}
	}
}
