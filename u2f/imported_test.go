package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// elsewhere is a credential that was made elsewhere, for a user of rpID, and what verifies its signatures.
func elsewhere(t testing.TB, alg cose.Algorithm, user string) (u2f.VirtualCredential, made) {
	seed := sha256.Sum256([]byte(user))
	key, err := cose.NewPrivateKey(alg, seed[:])
	require.NoError(t, err)
	der, err := key.MarshalPKCS8()
	require.NoError(t, err)
	v := u2f.VirtualCredential{ID: []byte("made elsewhere: " + user), Resident: true, RPID: rpID, PrivateKey: der, UserHandle: []byte(user),
		UserName: user, UserDisplayName: strings.ToUpper(user), SignCount: 40}
	return v, made{auth: ctap.AuthData{CredentialID: v.ID, PublicKey: key.AppendPublicKey(nil)}}
}

func TestImportedCredentials(t *testing.T) {
	for _, alg := range cose.Algorithms() {
		t.Run(alg.String(), func(t *testing.T) {
			r := newRig(t, u2f.DefaultProfile, nil)
			v, m := elsewhere(t, alg, "alice")
			require.NoError(t, r.key.ImportCredentials([]u2f.VirtualCredential{v}))
			for _, change := range []func(*ctap.GetAssertionRequest){allow(v.ID), all[ctap.GetAssertionRequest]()} {
				g := r.get(change)
				requireSigned(t, m, g)
				require.Equal(t, []byte(v.ID), g.CredentialID)
				require.Equal(t, []byte("alice"), g.User.ID)
				require.Greater(t, g.auth.Counter, uint32(v.SignCount))
			}
			r.key.PowerDown(r.now)
			require.NoError(t, r.key.PowerUp(r.now, entropy))
			requireSigned(t, m, r.get(allow(v.ID)))
			list, err := r.key.ExportCredentials()
			require.NoError(t, err)
			require.Len(t, list, 1)
			v.SignCount = 43
			requireSame(t, v, list[0])
			_, err = r.send(resetCmd, nil)
			require.NoError(t, err)
			_, err = r.send(getCmd, asking(allow(v.ID)))
			require.Equal(t, ctap.ErrNoCredentials, err)
		})
	}
	t.Run("one that is not discoverable, in both protocols", func(t *testing.T) {
		h := newHost(t, keyProfile(t, u2f.DefaultProfile), &flash.Memory{}, nil)
		h.replug()
		v, m := elsewhere(t, cose.ES256, "bob")
		v.Resident, v.UserHandle = false, nil
		require.NoError(t, h.key.ImportCredentials([]u2f.VirtualCredential{v}))
		requireSigned(t, m, h.get(allow(v.ID)))
		body, ok := h.apdu(authenticating(3, issued{id: v.ID, rp: rpID}))
		require.True(t, ok)
		require.Equal(t, uint32(42), binary.BigEndian.Uint32(body[1:5]))
		alg, public, err := cose.ParsePublicKey(m.auth.PublicKey)
		require.NoError(t, err)
		application := sha256.Sum256([]byte(rpID))
		require.True(t, cose.Verify(alg, public, slices.Concat(application[:], body[:5], clientDataHash), body[5:]))
		_, err = h.send(getCmd, asking(all(forRP(otherRP), allow(v.ID))))
		require.Equal(t, ctap.ErrNoCredentials, err)
		_, err = h.send(getCmd, asking(nil))
		require.Equal(t, ctap.ErrNoCredentials, err, "it is not discoverable")
		_, err = h.send(makeCmd, making(func(m *ctap.MakeCredentialRequest) {
			m.ExcludeList = []ctap.Descriptor{{Type: ctap.PublicKey, ID: v.ID}}
		}))
		require.Equal(t, ctap.ErrCredentialExcluded, err)
		h.must(h.resetting())
		require.NotContains(t, strings.Join(names(h.contents()), " "), "im/")
	})
	t.Run("it is managed like any other", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		v, _ := elsewhere(t, cose.EdDSA, "alice")
		require.NoError(t, r.key.ImportCredentials([]u2f.VirtualCredential{v}))
		r.setPIN()
		token := r.tokenFor(ctap.PermissionCM, nil)
		hash := sha256.Sum256([]byte(rpID))
		out, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hash[:]}))
		require.NoError(t, err)
		require.Equal(t, []byte(v.ID), out.CredentialID)
		require.Equal(t, "ALICE", out.User.DisplayName)
		_, err = r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, CredentialID: v.ID}))
		require.NoError(t, err)
		list, err := r.key.ExportCredentials()
		require.NoError(t, err)
		require.Empty(t, list)
		require.NoError(t, r.key.ImportCredentials([]u2f.VirtualCredential{v}), "its place is free again")
	})
	t.Run("backed up or not, whatever the profile says", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		for i, want := range []byte{0, ctap.FlagBE, ctap.FlagBE | ctap.FlagBS} {
			v, _ := elsewhere(t, cose.ES256, fmt.Sprint(i))
			v.BackupEligibility, v.BackupState = want&ctap.FlagBE != 0, want&ctap.FlagBS != 0
			require.NoError(t, r.key.ImportCredentials([]u2f.VirtualCredential{v}))
			require.Equal(t, want, r.get(allow(v.ID)).auth.Flags&(ctap.FlagBE|ctap.FlagBS))
			out, err := r.key.ExportCredential(rpID, v.ID)
			require.NoError(t, err)
			require.Equal(t, v.BackupState, out.BackupState)
			require.Equal(t, v.BackupEligibility, out.BackupEligibility)
		}
	})
}

// What the key made itself works in another key, discoverable or not.
func TestExportedCredentials(t *testing.T) {
	from, to := newRig(t, u2f.DefaultProfile, nil), newRig(t, u2f.DefaultProfile, nil)
	_, err := to.send(resetCmd, nil) // for another master key
	require.NoError(t, err)
	kept, loose := from.make(resident("alice")), from.make()
	from.get(allow(loose.auth.CredentialID))
	list, err := from.key.ExportCredentials()
	require.NoError(t, err)
	require.Len(t, list, 1, "nobody keeps the other")
	one, err := from.key.ExportCredential(rpID, loose.auth.CredentialID)
	require.NoError(t, err)
	require.False(t, one.Resident)
	require.Equal(t, int64(1), one.SignCount)
	_, err = from.key.ExportCredential(otherRP, loose.auth.CredentialID)
	require.ErrorContains(t, err, "the key has no credential")

	text, err := json.Marshal(append(list, one))
	require.NoError(t, err)
	read, err := u2f.ParseVirtualCredentials(text)
	require.NoError(t, err)
	require.NoError(t, to.key.ImportCredentials(read))
	for _, m := range []made{kept, loose} {
		g := to.get(allow(m.auth.CredentialID))
		requireSigned(t, m, g)
		require.Greater(t, g.auth.Counter, uint32(1))
	}
	require.ErrorContains(t, from.key.ImportCredentials(read), "credential 1 of 2: the key has it already")
	require.ErrorContains(t, to.key.ImportCredentials(read[1:]), "the key has it already")
	from.key.PowerDown(from.now)
	_, err = from.key.ExportCredentials()
	require.ErrorContains(t, err, "plug it in")
	_, err = from.key.ExportCredential(rpID, one.ID)
	require.ErrorContains(t, err, "plug it in")
	require.ErrorContains(t, from.key.ImportCredentials(nil), "plug it in")
}

// Large blobs move between keys that keep them differently.
func TestImportedLargeBlobs(t *testing.T) {
	blobs := map[string]func(*u2f.Profile){
		"the array of large blobs": nil,
		"the credential": func(p *u2f.Profile) {
			p.Extensions = append(slices.DeleteFunc(slices.Clone(p.Extensions), func(e string) bool { return e == ctap.LargeBlobKey }), ctap.LargeBlob)
			p.MaxLargeBlob, p.MaxLargeBlobs = 1024, 0
		},
	}
	for name, change := range blobs {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, u2f.DefaultProfile, change)
			alice, _ := elsewhere(t, cose.ES256, "alice")
			alice.LargeBlob = bytes.Repeat([]byte("blob "), 100)
			bob, _ := elsewhere(t, cose.ES256, "bob")
			empty, _ := elsewhere(t, cose.ES256, "carol")
			empty.LargeBlob = u2f.Base64URL{}
			require.NoError(t, r.key.ImportCredentials([]u2f.VirtualCredential{alice, bob, empty}))
			r.key.PowerDown(r.now)
			require.NoError(t, r.key.PowerUp(r.now, entropy))
			list, err := r.key.ExportCredentials()
			require.NoError(t, err)
			require.Equal(t, []u2f.Base64URL{alice.LargeBlob, nil, empty.LargeBlob}, []u2f.Base64URL{list[0].LargeBlob, list[1].LargeBlob, list[2].LargeBlob})
			large, _ := elsewhere(t, cose.ES256, "dora")
			for n := sha256.Sum256(nil); len(large.LargeBlob) < 5000; n = sha256.Sum256(n[:]) {
				large.LargeBlob = append(large.LargeBlob, n[:]...)
			}
			before := r.contents()
			require.ErrorContains(t, r.key.ImportCredentials([]u2f.VirtualCredential{large}), "its largeBlob")
			require.Equal(t, before, r.contents())
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		v, _ := elsewhere(t, cose.ES256, "alice")
		v.LargeBlob = []byte("blob")
		require.ErrorContains(t, newRig(t, "ctap2.0", nil).key.ImportCredentials([]u2f.VirtualCredential{v}), "the key keeps none")
	})
}

func TestImportsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(v *u2f.VirtualCredential, p *u2f.Profile)
		want   string
	}{
		{"no key", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.PrivateKey = []byte("PKCS") }, "this is no private key in PKCS#8"},
		{"an algorithm that the key has not", func(_ *u2f.VirtualCredential, p *u2f.Profile) { p.Algorithms = []cose.Algorithm{cose.ES256} },
			"credential 1 of 2: the key has no EdDSA"},
		{"a long id", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.ID = make([]byte, 200) }, "max_credential_id_length"},
		{"no id", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.ID = nil }, "credentialId has 0 bytes instead of 1 to 1023"},
		{"no slots", func(_ *u2f.VirtualCredential, p *u2f.Profile) { p.ResidentSlots = 1 }, "1 slots for discoverable credentials, of which 0 are taken"},
		{"a counter that is used up", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.SignCount = 1<<32 - 1 }, "used up"},
		{"backed up and not eligible", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.BackupState = true }, "backupState without"},
		{"nobody's", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.UserHandle = nil }, "no userHandle"},
		{"the same account twice", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.UserHandle = []byte("first") }, "credential 1 has the same id, or the same account"},
		{"the same id twice", func(v *u2f.VirtualCredential, _ *u2f.Profile) { v.ID = []byte("made elsewhere: first") }, "credential 1 has the same id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, _ := elsewhere(t, cose.EdDSA, "first")
			v, _ := elsewhere(t, cose.ES256, "alice")
			r := newRig(t, u2f.DefaultProfile, func(p *u2f.Profile) { c.change(&v, p) })
			before := r.contents()
			require.ErrorContains(t, r.key.ImportCredentials([]u2f.VirtualCredential{first, v}), c.want)
			require.Equal(t, before, r.contents(), "all or none")
		})
	}
	t.Run("an account that has a credential", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		r.make(resident("alice"))
		v, _ := elsewhere(t, cose.ES256, "alice")
		require.ErrorContains(t, r.key.ImportCredentials([]u2f.VirtualCredential{v}), "delete that first")
	})
	t.Run("too many that are not discoverable", func(t *testing.T) {
		r := newRig(t, u2f.DefaultProfile, nil)
		list := make([]u2f.VirtualCredential, 257)
		one, _ := elsewhere(t, cose.ES256, "u")
		for i := range list {
			list[i] = one
			list[i].Resident, list[i].ID = false, fmt.Appendf(nil, "id %d", i)
		}
		require.ErrorContains(t, r.key.ImportCredentials(list), "keeps 256")
		require.NoError(t, r.key.ImportCredentials(list[:256]))
	})
}

// requireSame compares without a word of the secret.
func requireSame(t testing.TB, want, got u2f.VirtualCredential) {
	t.Helper()
	a, err := json.Marshal(want)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b))
}

func TestVirtualCredentialsAreNotPrinted(t *testing.T) {
	v, _ := elsewhere(t, cose.ES256, "alice")
	for _, text := range []string{v.String(), fmt.Sprintf("%v %+v %#v %x %s", v, v, v, v, &v), v.LogValue().String(),
		fmt.Sprint([]u2f.VirtualCredential{v})} {
		require.NotContains(t, text, "alice")
		require.NotContains(t, text, fmt.Sprintf("%x", []byte(v.PrivateKey)[:8]))
		require.Contains(t, text, rpID)
	}
}

func TestParseVirtualCredentials(t *testing.T) {
	const one = `{"credentialId":"-_8","isResidentCredential":false,"rpId":"example.org","privateKey":"AQI","signCount":7}`
	for _, c := range []struct{ text, err string }{
		{one, ""}, {"\n [" + one + "," + one + "]", ""}, {`{"credentials":[` + one + `]}`, ""}, {"[]", ""}, {`{"credentials":[]}`, ""},
		{`{"credentialId":"+/8=","isResidentCredential":false,"rpId":"example.org","privateKey":"AQI=","signCount":7,"new":{}}`, ""},
		{"", "no credentials of a virtual authenticator"}, {"{}", "credential 1: credentialId has 0 bytes"}, {"[{}]", "credentialId has 0 bytes"},
		{`[{"credentialId":"*"}]`, "this is no Base64"}, {strings.Replace(one, "7}", "-2}", 1), "signCount -2, which is no 32-bit number"}, {strings.Replace(one, "7}", "-1}", 1), ""},
		{strings.Replace(one, "7}", "4294967296}", 1), "signCount 4294967296"}, {"[" + one, "unexpected end"},
		{strings.Replace(one, "7}", `7,"largeBlob":""}`, 1), "which only discoverable credentials have"},
		{strings.Replace(one, "example.org", strings.Repeat("a", 254), 1), "rpId has 254 bytes instead of 1 to 253"},
		{"[" + strings.Repeat("{},", 10_000) + "{}]", "10001 credentials; give 10000"},
		{strings.Repeat(" ", 1<<26+1), "67108865 bytes of credentials"},
	} {
		list, err := u2f.ParseVirtualCredentials([]byte(c.text))
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err, c.text)
		for _, v := range list {
			require.Equal(t, u2f.Base64URL{0xfb, 0xff}, v.ID)
		}
	}
}

// What is read is written so that it is read as the same, and what a key takes it hands out again.
func FuzzParseVirtualCredentials(f *testing.F) {
	for _, alg := range []cose.Algorithm{cose.ES256, cose.EdDSA} {
		v, _ := elsewhere(f, alg, "alice")
		v.LargeBlob = []byte("blob")
		text, err := json.Marshal([]u2f.VirtualCredential{v})
		require.NoError(f, err)
		f.Add(text)
		f.Add(text[1 : len(text)-1])
		f.Add([]byte(`{"credentials":` + string(text) + `}`))
	}
	f.Add([]byte(`{"credentialId":"+/8=","rpId":"a","privateKey":"AA"}`))
	r := newRig(f, u2f.DefaultProfile, nil)
	empty := r.contents()
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := u2f.ParseVirtualCredentials(text)
		if err != nil {
			return
		}
		written, err := json.Marshal(list)
		require.NoError(t, err)
		again, err := u2f.ParseVirtualCredentials(written)
		require.NoError(t, err)
		require.Len(t, again, len(list))
		r := newRig(t, u2f.DefaultProfile, nil)
		if err := r.key.ImportCredentials(list); err != nil {
			require.Equal(t, empty, r.contents())
			return
		}
		out, err := r.key.ExportCredentials()
		require.NoError(t, err)
		require.Len(t, out, len(list))
	})
}

func names(m map[string]string) (list []string) {
	for name := range m {
		list = append(list, name)
	}
	return list
}
