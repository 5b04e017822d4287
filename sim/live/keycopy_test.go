package live

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// original makes a key with a credential, a PIN and a snapshot from before it has signed.
func original(t testing.TB, l *Lab) (serial string, id []byte) {
	t.Helper()
	serial = keyOf(t, l, KeySpec{Serial: "KEY001", Presence: always})
	id = registered(t, l, serial)
	_, err := l.SetKeyPIN(bg(), serial, "", "1234")
	require.NoError(t, err)
	_, err = l.SnapshotKey(bg(), serial)
	require.NoError(t, err)
	require.Equal(t, ctap.OK, asserted(t, l, serial, id))
	return serial, id
}

func TestACloneIsTheKeyItself(t *testing.T) {
	l := opened(t, still())
	serial, id := original(t, l)
	clone, err := l.CloneKey(bg(), serial, KeyCopy{Serial: "CLONE"})
	require.NoError(t, err)
	require.Equal(t, "CLONE", clone.Serial)
	require.True(t, clone.Plugged)
	require.True(t, clone.PIN)
	require.Equal(t, uint32(1), clone.Counter)
	for range 2 {
		require.Equal(t, ctap.OK, asserted(t, l, clone.Serial, id))
	}
	require.Equal(t, uint32(3), shownKey(t, l, clone.Serial).Counter, "each counts for itself")
	require.Equal(t, uint32(1), shownKey(t, l, serial).Counter)
	_, err = l.RollbackKey(bg(), clone.Serial)
	require.ErrorContains(t, err, "there is no earlier state")

	drawn, err := l.CloneKey(bg(), serial, KeyCopy{Unplugged: true})
	require.NoError(t, err)
	require.Regexp(t, "^[0-9]{8}$", drawn.Serial)
	require.False(t, drawn.Plugged)

	before := saved(t, l)
	for why, of := range map[string][2]string{"no such key": {"nobody", ""}, "lies on the bench already": {serial, serial}, "cannot have the serial": {serial, "../x"}} {
		_, err = l.CloneKey(bg(), of[0], KeyCopy{Serial: of[1]})
		require.ErrorContains(t, err, why)
	}
	require.Equal(t, before, saved(t, l))
}

// What a key was, it is again after a rollback, as often as one likes, and over the end of the lab.
func TestAKeyIsTakenBack(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	serial, id := original(t, l)
	_, err := l.RollbackKey(bg(), "nobody")
	require.ErrorIs(t, err, ErrNoKey)
	for range 2 {
		require.Equal(t, ctap.OK, asserted(t, l, serial, id))
		newer := registered(t, l, serial)
		shown, err := l.RollbackKey(bg(), serial)
		require.NoError(t, err)
		require.Zero(t, shown.Counter)
		require.True(t, shown.Plugged)
		require.Equal(t, ctap.OK, asserted(t, l, serial, id))
		require.Equal(t, ctap.OK, asserted(t, l, serial, newer), "a credential that is not discoverable lies outside")
		require.NoError(t, l.Close())
		l = opened(t, opt)
		require.Equal(t, uint32(2), shownKey(t, l, serial).Counter)
	}
	_, err = l.UnplugKey(bg(), serial)
	require.NoError(t, err)
	shown, err := l.RollbackKey(bg(), serial)
	require.NoError(t, err)
	require.False(t, shown.Plugged, "it stays where it was")
	require.NoError(t, l.Close())
}

// A key goes to another lab in a file, with its snapshot; so do its credentials, in the browsers' shape.
func TestAKeyTravelsInAFile(t *testing.T) {
	l := opened(t, still())
	serial, id := original(t, l)
	f, err := l.ExportKey(bg(), serial)
	require.NoError(t, err)
	text, err := json.Marshal(f)
	require.NoError(t, err)
	list, err := l.ExportCredentials(bg(), serial, "", nil)
	require.NoError(t, err)
	require.Empty(t, list, "it is not discoverable")
	list, err = l.ExportCredentials(bg(), serial, "example.org", id)
	require.NoError(t, err)
	shape, err := json.Marshal(list)
	require.NoError(t, err)

	opt := still()
	opt.Seed = "elsewhere"
	there := opened(t, opt)
	read, err := ParseKeyFile(text)
	require.NoError(t, err)
	shown, err := there.ImportKey(bg(), read, KeyCopy{})
	require.NoError(t, err)
	require.Equal(t, serial, shown.Serial)
	require.Equal(t, uint32(1), shown.Counter)
	require.True(t, shown.PIN)
	require.Equal(t, ctap.OK, asserted(t, there, serial, id))
	again, err := there.ExportKey(bg(), serial)
	require.NoError(t, err)
	require.Equal(t, f.Key.Profile, again.Key.Profile)
	require.Equal(t, f.Key.Earlier, again.Key.Earlier)
	require.Equal(t, slices.Sorted(maps.Keys(f.Key.Flash)), slices.Sorted(maps.Keys(again.Key.Flash)))
	shown, err = there.RollbackKey(bg(), serial)
	require.NoError(t, err)
	require.Zero(t, shown.Counter)
	_, err = there.ImportKey(bg(), read, KeyCopy{})
	require.ErrorContains(t, err, "lies on the bench already")
	second, err := there.ImportKey(bg(), read, KeyCopy{Serial: "SECOND", Unplugged: true})
	require.NoError(t, err)
	require.False(t, second.Plugged)

	credentials, err := u2f.ParseVirtualCredentials(shape)
	require.NoError(t, err)
	empty := keyOf(t, there, KeySpec{Presence: always})
	require.Equal(t, ctap.ErrNoCredentials, asserted(t, there, empty, id))
	_, err = there.ImportCredentials(bg(), empty, credentials)
	require.NoError(t, err)
	require.Equal(t, ctap.OK, asserted(t, there, empty, id))
	back, err := there.ExportCredentials(bg(), empty, "example.org", id)
	require.NoError(t, err)
	require.Equal(t, credentials[0].PrivateKey, back[0].PrivateKey)
	require.Greater(t, back[0].SignCount, credentials[0].SignCount, "it counts on")
	before := saved(t, there)
	for _, of := range []func() error{
		func() error { _, err := there.ImportCredentials(bg(), "nobody", credentials); return err },
		func() error {
			_, err := there.ImportCredentials(bg(), empty, append(credentials, u2f.VirtualCredential{}))
			return err
		},
		func() error { _, err := there.ExportCredentials(bg(), empty, "example.com", id); return err },
	} {
		require.Error(t, of())
	}
	require.Equal(t, before, saved(t, there), "all of a file, or nothing")
}

// keyFileHolds checks what must hold of any text that somebody calls an exported key: it is refused and nothing has
// changed, or it is the key that it says, starts, and can be taken back where it has a snapshot.
func keyFileHolds(t testing.TB, l *Lab, text []byte) (imported bool) {
	f, err := ParseKeyFile(text)
	if err != nil {
		return false
	}
	before := saved(t, l)
	shown, err := l.ImportKey(bg(), f, KeyCopy{Unplugged: true})
	if err != nil {
		require.Equal(t, before, saved(t, l), "%v", err)
		return false
	}
	require.Equal(t, f.Key.Serial, shown.Serial)
	got, err := l.ExportKey(bg(), shown.Serial)
	require.NoError(t, err)
	got.Key.Image, got.Key.Plugged, got.Key.Via = f.Key.Image, f.Key.Plugged, f.Key.Via
	want, err := json.Marshal(f)
	require.NoError(t, err)
	have, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(have), "what was in the file")
	_, err = l.PlugKey(bg(), shown.Serial, "")
	require.NoError(t, err)
	_, err = l.RollbackKey(bg(), shown.Serial)
	if f.Key.Earlier == nil {
		require.ErrorContains(t, err, "there is no earlier state")
	} else {
		require.NoError(t, err)
	}
	require.NoError(t, l.Do(bg(), func(*sim.World) error { return l.bench.drop(l.bench.keys[shown.Serial]) }))
	return true
}

// exported is the text of a key that has lived.
func exported(t testing.TB) []byte {
	l := opened(t, still())
	serial, _ := original(t, l)
	f, err := l.ExportKey(bg(), serial)
	require.NoError(t, err)
	text, err := json.Marshal(f)
	require.NoError(t, err)
	return text
}

// Every record of the flash and of the snapshot left out, cut short, made longer and altered here and there.
func TestADamagedKeyFileIsRefusedOrAKey(t *testing.T) {
	l := opened(t, still())
	text := exported(t)
	require.True(t, keyFileHolds(t, l, text))
	refused := 0
	for _, part := range []func(f *KeyFile) map[string][]byte{
		func(f *KeyFile) map[string][]byte { return f.Key.Flash }, func(f *KeyFile) map[string][]byte { return f.Key.Earlier },
	} {
		whole, err := ParseKeyFile(text)
		require.NoError(t, err)
		for name, value := range part(&whole) {
			var values [][]byte
			for i := 0; i < len(value); i += 1 + len(value)/8 {
				altered := bytes.Clone(value)
				altered[i] ^= 0x80
				values = append(values, altered)
			}
			values = append(values, value[:len(value)/2], append(bytes.Clone(value), 0), []byte{}, nil)
			for i, v := range values {
				f, err := ParseKeyFile(text)
				require.NoError(t, err)
				if part(&f)[name] = v; i == len(values)-1 {
					delete(part(&f), name)
				}
				damaged, err := json.Marshal(f)
				require.NoError(t, err)
				if !keyFileHolds(t, l, damaged) {
					refused++
				}
			}
		}
	}
	require.NotZero(t, refused)
	for old, bad := range map[string]string{`"mfalab_key":1`: `"mfalab_key":1,"more":1`, `"flash":{`: `"flush":{`, `"serial":"KEY001"`: `"serial":"../x"`} {
		require.False(t, keyFileHolds(t, l, []byte(strings.Replace(string(text), old, bad, 1))), bad)
	}
}

// A text that is read as an exported key is refused, or it is that key.
func FuzzKeyFile(f *testing.F) {
	text := exported(f)
	f.Add(text)
	f.Add([]byte(`{"mfalab_key":1,"key":{"serial":"1","flash":{}}}`))
	f.Add(bytes.Replace(text, []byte(`"earlier":{`), []byte(`"earlier":{"":"","master":"AA==",`), 1))
	f.Add(bytes.Replace(text, []byte(`"fingers"`), []byte(`"fingers":[{"name":""}],"f"`), 1))
	f.Add(bytes.Replace(text, []byte(`"touch_timeout"`), []byte(`"touch_timeout":"-1s","t"`), 1))
	l := opened(f, still())
	f.Fuzz(func(t *testing.T, text []byte) { keyFileHolds(t, l, text) })
}

// A text that is read as a profile is one that is written and read the same, and a key can be made of it; a change of a field
// is refused and changes nothing, or it is there afterwards.
func FuzzKeyProfile(f *testing.F) {
	for _, p := range KeyProfiles() {
		text, err := json.Marshal(p)
		require.NoError(f, err)
		f.Add(text, "resident_slots", "3")
	}
	f.Add([]byte(`{"base":"ctap2.1","key":{"name":"small","resident_slots":2,"quirks":{"force_cred_protect":2}}}`), "transports", "usb,nfc")
	f.Add([]byte(`{"base":"u2f","key":{"name":"mine"},"hid":{"lock":"off"},"usb":{"serial":"1"}}`), "reject_all_extensions", "true")
	f.Add([]byte(`{"key":{"versions":["FIDO_9"]}}`), "counter", "backwards")
	f.Add([]byte(`{"key":{"max_msg_size":1}}`), "", "")
	l := opened(f, still())
	f.Fuzz(func(t *testing.T, text []byte, name, value string) {
		p, err := ParseKeyProfile(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\n", "one line")
			return
		}
		written, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := ParseKeyProfile(written)
		require.NoError(t, err, "%s", written)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(written), string(rewritten))
		shown, err := l.NewKey(bg(), KeySpec{Custom: p, Presence: always})
		require.NoError(t, err)
		require.Equal(t, p.Key.CTAP2(), shownKey(t, l, shown.Serial).Info != nil)
		before, err := l.KeyProfileOf(bg(), shown.Serial)
		require.NoError(t, err)
		_, err = l.SetKeyQuirks(bg(), shown.Serial, map[string]string{name: value})
		after, e := l.KeyProfileOf(bg(), shown.Serial)
		require.NoError(t, e)
		if err != nil {
			require.Equal(t, before, after)
		} else {
			require.NoError(t, after.check())
			_, err = l.SetKeyQuirks(bg(), shown.Serial, map[string]string{name: value})
			require.NoError(t, err)
			same, err := l.KeyProfileOf(bg(), shown.Serial)
			require.NoError(t, err)
			require.Equal(t, after, same, "said twice it is the same")
		}
		require.NoError(t, l.Do(bg(), func(*sim.World) error { return l.bench.drop(l.bench.keys[shown.Serial]) }))
	})
}
