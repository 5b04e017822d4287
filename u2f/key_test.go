package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func TestNew(t *testing.T) {
	_, err := u2f.New(u2f.Config{Profile: u2f.Profiles()[0]})
	require.ErrorContains(t, err, "Config.Flash")
	_, err = u2f.New(u2f.Config{Flash: &flash.Memory{}})
	require.ErrorContains(t, err, "a profile is called")
	k, err := u2f.New(u2f.Config{Profile: u2f.Profiles()[0], Flash: &flash.Memory{}})
	require.NoError(t, err)
	require.ErrorContains(t, k.PowerUp(epoch, entropy[:31]), "31 bytes of entropy; give 32")
	require.NoError(t, k.PowerUp(epoch, entropy))
	k.Wink(epoch)
}

// TestCommands tries all 256 command bytes.
func TestCommands(t *testing.T) {
	known := map[string][]byte{
		"ctap2.3": {makeCmd, getCmd, infoCmd, pinCmd, resetCmd, nextCmd, manageCmd, 0x41, selectCmd, blobsCmd, configCmd},
		"ctap2.1": {makeCmd, getCmd, infoCmd, pinCmd, resetCmd, nextCmd, manageCmd, 0x41, selectCmd, blobsCmd, configCmd},
		"ctap2.0": {makeCmd, getCmd, infoCmd, pinCmd, resetCmd, nextCmd},
		"u2f":     nil,
	}
	for name, commands := range known {
		for cmd := range 256 {
			r := newRig(t, name, nil)
			_, err := r.send(byte(cmd), nil)
			if slices.Contains(commands, byte(cmd)) {
				require.NotEqual(t, ctap.ErrInvalidCommand, err, "%s %#x", name, cmd)
			} else {
				require.Equal(t, ctap.ErrInvalidCommand, err, "%s %#x: Section 8.2", name, cmd)
			}
		}
	}
}

// TestRequests is what is wrong with a request as a whole, in the order in which it is looked at.
func TestRequests(t *testing.T) {
	indefinite := append([]byte{0xbf}, append(asking(nil)[1:], 0xff)...)
	for _, c := range []struct {
		name, section string
		cbor          u2f.Strictness
		request       []byte
		want          error
	}{
		{"no command byte", "8", u2f.Strict, nil, ctap.ErrInvalidLength},
		{"too long, of a command that is not known", "6.4", u2f.Strict, bytes.Repeat([]byte{0x55}, 1201), ctap.ErrRequestTooLarge},
		{"a command that is not known", "8.2", u2f.Strict, []byte{0x55, 0xff}, ctap.ErrInvalidCommand},
		{"no parameters where there must be some", "8", u2f.Strict, []byte{getCmd}, ctap.ErrInvalidCBOR},
		{"an indefinite length", "8", u2f.Strict, append([]byte{getCmd}, indefinite...), ctap.ErrInvalidCBOR},
		{"bytes behind the parameters", "8", u2f.Strict, append([]byte{getCmd}, append(asking(nil), 0)...), ctap.ErrInvalidCBOR},
		{"parameters that are no map", "8.2", u2f.Strict, []byte{getCmd, 0x80}, ctap.ErrCBORUnexpectedType},
		{"no parameter", "8.2", u2f.Strict, []byte{getCmd, 0xa0}, ctap.ErrMissingParameter},
		{"parameters where there are none", "6.4", u2f.Strict, []byte{infoCmd, 0xa0}, ctap.ErrInvalidLength},
		{"an indefinite length", "8", u2f.Lenient, append([]byte{getCmd}, indefinite...), ctap.ErrNoCredentials},
		{"bytes behind the parameters", "8", u2f.Lenient, append([]byte{getCmd}, append(asking(nil), 0)...), ctap.ErrInvalidCBOR},
		{"parameters where there are none", "6.4", u2f.Lenient, []byte{infoCmd, 0xa0}, nil},
	} {
		t.Run(fmt.Sprintf("%s, %s, Section %s", c.name, c.cbor, c.section), func(t *testing.T) {
			r := newRig(t, "ctap2.1", func(p *u2f.Profile) { p.CBOR = c.cbor })
			r.key.CBOR(r.now, channel, c.request)
			_, err := r.reply()
			require.Equal(t, c.want, err)
		})
	}
}

func TestGetInfo(t *testing.T) {
	info := func(r *rig) ctap.GetInfoResponse {
		body, err := r.send(infoCmd, nil)
		require.NoError(t, err)
		requireCanonical(t, body)
		g, err := ctap.ParseGetInfoResponse(body)
		require.NoError(t, err)
		return g
	}
	r := newRig(t, "ctap2.1", nil)
	want := ctap.GetInfoResponse{
		Versions:   []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1"},
		Extensions: []string{"credProtect", "credBlob", "largeBlobKey", "minPinLength", "hmac-secret"},
		AAGUID:     r.key.Profile().AAGUID, MaxMsgSize: 1200, Protocols: []uint64{2, 1}, MaxCredentialCountInList: 8,
		Options: map[string]bool{"rk": true, "up": true, "plat": false, "clientPin": false, "pinUvAuthToken": true,
			"makeCredUvNotRqd": true, "credMgmt": true, "credentialMgmtPreview": true, "alwaysUv": false, "authnrCfg": true,
			"ep": false, "largeBlobs": true, "setMinPINLength": true},
		MaxLargeBlobs: 4096, ForcePINChange: new(false), MaxCredBlobLength: 32, MaxRPIDs: new(uint64(8)),
		MaxCredentialIDLength: 128, Transports: []string{"usb"}, Algorithms: []int64{-7, -8}, MinPINLength: 4,
		FirmwareVersion: 1, RemainingCredentials: new(uint64(25)),
	}
	require.Equal(t, want, info(r))
	r.make(resident("u"))
	r.setPIN()
	want.Options["clientPin"], want.RemainingCredentials = true, new(uint64(24))
	require.Equal(t, want, info(r))

	require.Equal(t, ctap.GetInfoResponse{
		Versions: []string{"U2F_V2", "FIDO_2_0"}, Extensions: []string{"hmac-secret"}, MaxMsgSize: 1200,
		AAGUID:    newRig(t, "ctap2.0", nil).key.Profile().AAGUID,
		Options:   map[string]bool{"rk": true, "up": true, "plat": false, "clientPin": false},
		Protocols: []uint64{1},
	}, info(newRig(t, "ctap2.0", nil)))

	bare := info(newRig(t, "ctap2.1", func(p *u2f.Profile) {
		p.PINUVAuthProtocols, p.Permissions, p.MakeCredUVNotRqd, p.ResidentSlots = nil, false, false, 0
		p.Extensions, p.ConfigCommands, p.EnterpriseRPs, p.MaxRPIDsForSetMinPINLength = nil, nil, nil, 0
	}))
	require.Equal(t, map[string]bool{"rk": false, "up": true, "plat": false}, bare.Options)
	require.Nil(t, bare.RemainingCredentials)
	require.Zero(t, bare.MinPINLength)
}

func TestPower(t *testing.T) {
	t.Run("without power there is silence", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.manual()
		r.begin(selectCmd, nil)
		r.key.PowerDown(r.now)
		require.False(t, r.key.Touch(r.now))
		r.key.CBOR(r.now, channel, []byte{infoCmd})
		_, ok := r.key.Reply(r.now)
		require.False(t, ok)
		r.key.APDU(r.now, channel, []byte{0, 3, 0, 0, 0, 0, 0})
		_, ok = r.key.Reply(r.now)
		require.False(t, ok)
		r.said()
		r.key.Wink(r.now)
		require.Empty(t, r.said())
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		_, ok = r.key.Reply(r.now)
		require.False(t, ok, "an answer does not outlive the power")
		r.key.Wink(r.now)
		require.Equal(t, []string{u2f.Winked}, r.said())
	})
	t.Run("credentials of both kinds outlive it", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		here, there := r.make(resident("u")), r.make()
		require.NoError(t, r.key.PowerUp(r.now, bytes.Repeat([]byte{9}, 32)))
		requireSigned(t, here, r.get())
		requireSigned(t, there, r.get(allow(there.auth.CredentialID)))
	})
	t.Run("a request that is given up is not answered", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.manual()
		r.begin(resetCmd, nil)
		_, err := r.send(infoCmd, nil)
		require.NoError(t, err)
		require.False(t, r.key.Touch(r.now))
	})
}

// TestDeterminism plays the same twice: all chance comes from the entropy.
func TestDeterminism(t *testing.T) {
	play := func(entropy []byte) string {
		r := newRig(t, "ctap2.1", nil)
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		var all []byte
		for _, change := range []mc{resident("u"), params(eddsa), nil} {
			body, err := r.send(makeCmd, making(change))
			require.NoError(t, err)
			all = append(all, body...)
		}
		body, err := r.send(getCmd, asking(nil))
		require.NoError(t, err)
		return fmt.Sprint(append(all, body...), r.events)
	}
	require.Equal(t, play(entropy), play(entropy))
	require.NotEqual(t, play(entropy), play(bytes.Repeat([]byte{1}, 32)))
}

// TestCredentialID is what a credential id must not do: be good for another relying party, another key, or be altered.
func TestCredentialID(t *testing.T) {
	r := newRig(t, "ctap2.1", nil)
	m := r.make()
	for i := range m.auth.CredentialID {
		id := slices.Clone(m.auth.CredentialID)
		id[i] ^= 1
		_, err := r.send(getCmd, asking(allow(id)))
		require.Equal(t, ctap.ErrNoCredentials, err, "byte %d", i)
	}
	_, err := r.send(getCmd, asking(all(allow(m.auth.CredentialID), func(g *ctap.GetAssertionRequest) { g.RPID = "example.net" })))
	require.Equal(t, ctap.ErrNoCredentials, err)

	other := &rig{t: t, flash: &flash.Memory{}, now: epoch}
	other.key, err = u2f.New(u2f.Config{Profile: r.key.Profile(), Flash: other.flash})
	require.NoError(t, err)
	require.NoError(t, other.key.PowerUp(epoch, bytes.Repeat([]byte{1}, 32)))
	_, err = other.send(getCmd, asking(allow(m.auth.CredentialID)))
	require.Equal(t, ctap.ErrNoCredentials, err)

	for range 20 { // more than the prepared keys
		r.make()
	}
	requireSigned(t, m, r.get(allow(m.auth.CredentialID)))
}

// TestDamagedFlash changes what is in flash: the key says so and stays off.
func TestDamagedFlash(t *testing.T) {
	hash := func(b string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(b))) }
	record := "rk/" + hash(rpID) + "/" + hash("u1")
	for _, c := range []struct {
		name   string
		change func(f u2f.Flash) error
		want   string
	}{
		{"a counter that is too short", func(f u2f.Flash) error { return f.Put("counter", []byte{1}) }, `"counter" has 1 bytes instead of 4`},
		{"no master key", func(f u2f.Flash) error { return f.Delete("master") }, `"master" is missing`},
		{"a master key that is too long", func(f u2f.Flash) error { return f.Put("master", make([]byte, 33)) }, `"master" has 33 bytes`},
		{"a reset marker that is none", func(f u2f.Flash) error { return f.Put("reset", nil) }, `"reset" has 0 bytes`},
		{"a credential that is none", func(f u2f.Flash) error { return f.Put(record, []byte{0xa0}) }, "no credential of that name"},
		{"a credential under another's name", func(f u2f.Flash) error {
			value, err := f.Get(record)
			if err != nil {
				return err
			}
			return f.Put(strings.Replace(record, "rk/", "rk/0", 1), value)
		}, "no credential of that name"},
		{"a factory record that is none", func(f u2f.Flash) error { return f.Put("factory", []byte("x")) }, `"factory" is no factory's`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "ctap2.1", nil)
			r.make(resident("u1"))
			r.get()
			require.NoError(t, c.change(r.flash))
			before := r.contents()
			require.ErrorContains(t, r.key.PowerUp(r.now, entropy), c.want)
			require.Equal(t, before, r.contents())
			r.key.CBOR(r.now, channel, []byte{infoCmd})
			_, ok := r.key.Reply(r.now)
			require.False(t, ok)
		})
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	r := newRig(t, "ctap2.1", nil)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %x", r.key, r.key, r.key, r.key, r.key), slog.Any("key", r.key).String()} {
		require.Empty(t, strings.Trim(strings.ReplaceAll(text, "u2f.Key(ctap2.1)", ""), " key="), text)
	}
	require.Equal(t, byte(1), r.key.Status(epoch.Add(time.Second)))
}
