package live

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// said is what a key of a profile says of itself, by the names of the members.
func said(t *testing.T, profile string) map[string]any {
	l := running(t, Options{})
	shown, err := l.ShowKey(bg(), keyOf(t, l, KeySpec{Profile: profile}))
	require.NoError(t, err)
	all := map[string]any{}
	for _, m := range shown.Info {
		text, err := json.Marshal(m.Value) // as `mfalab key show --json` has it
		require.NoError(t, err)
		var v any
		require.NoError(t, json.Unmarshal(text, &v))
		all[m.Name] = v
	}
	return all
}

// What `mfalab key show` says of a key of the profile yubikey-5.8 is what such a key said, field by field.
func TestYubiKey58(t *testing.T) {
	text, err := os.ReadFile("testdata/yubikey-5.8.json")
	require.NoError(t, err)
	want := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &want))
	delete(want, "source")
	got := said(t, "yubikey-5.8")
	for name, value := range want {
		switch list, isList := value.([]any); {
		case value == "<present>":
			require.Len(t, got[name], 64, name)
		case isList:
			require.ElementsMatch(t, list, got[name], name)
		default:
			require.Equal(t, value, got[name], name)
		}
		delete(got, name)
	}
	require.Empty(t, got, "nothing more is said")
	p, err := KeyProfileNamed("yubikey-5.8")
	require.NoError(t, err)
	require.Equal(t, [3]uint16{0x1050, 0x0407, 0x0580}, [3]uint16{p.USB.Vendor, p.USB.Product, p.USB.Version})
	require.Equal(t, []uint64{2, 1}, p.Key.PINUVAuthProtocols, "the preferred one first")
}

func TestYubiKey54(t *testing.T) {
	got := said(t, "yubikey-5.4")
	require.Equal(t, "2fc0579f-8113-47ea-b116-bb5a8db9202a", got["aaguid"])
	require.Equal(t, float64(1200), got["maxMsgSize"])
	require.Equal(t, map[string]any{"rk": true, "up": true, "plat": false, "clientPin": false, "credentialMgmtPreview": true}, got["options"])
	p, err := KeyProfileNamed("yubikey-5.4")
	require.NoError(t, err)
	require.Equal(t, "5s", fmt.Sprint(mustText(t, p.Key.ResetWindow)))
	require.False(t, p.HID.NMSG)
}

func mustText(t *testing.T, d u2f.Duration) string {
	text, err := d.MarshalText()
	require.NoError(t, err)
	return string(text)
}

// docs/profiles.md is what the profiles say of themselves.
func TestProfilesInTheDocs(t *testing.T) {
	const page = "../../docs/profiles.md"
	var b strings.Builder
	b.WriteString("# What does a key of each profile say of itself?\n\nThis page is made of the answers to authenticatorGetInfo by a test " +
		"(`MFALAB_UPDATE=1 go test ./sim/live -run ProfilesInTheDocs`). `mfalab key profile show NAME` prints all\nof a profile, `mfalab key show` " +
		"this for a key.\n")
	for _, p := range KeyProfiles() {
		fmt.Fprintf(&b, "\n## %s\n\nUSB %04x:%04x, version %x.%02x, %q.\n", p.Key.Name, p.USB.Vendor, p.USB.Product, p.USB.Version>>8,
			p.USB.Version&0xff, p.USB.Name)
		l := running(t, Options{})
		shown, err := l.ShowKey(bg(), keyOf(t, l, KeySpec{Profile: p.Key.Name}))
		require.NoError(t, err)
		if len(shown.Info) == 0 {
			b.WriteString("It speaks U2F only.\n")
			continue
		}
		reference := map[string]any{} // TestYubiKey58 holds it beside the profile
		if text, err := os.ReadFile("testdata/" + p.Key.Name + ".json"); err == nil {
			require.NoError(t, json.Unmarshal(text, &reference))
			fmt.Fprintf(&b, "\nThe last column is what such a key said. It is from %s.\n", reference["source"])
			b.WriteString("\n| member | name | value | such a key |\n|---|---|---|---|\n")
		} else {
			b.WriteString("\n| member | name | value |\n|---|---|---|\n")
		}
		for _, m := range shown.Info {
			fmt.Fprintf(&b, "| 0x%02x | %s | %s |", m.Number, m.Name, cell(t, m))
			if len(reference) > 0 {
				require.Contains(t, reference, m.Name)
				fmt.Fprintf(&b, " %s |", strings.Trim(cell(t, ctap.Member{Name: m.Name, Value: reference[m.Name]}), "<>"))
			}
			b.WriteString("\n")
		}
	}
	strange, err := os.ReadFile("testdata/chromium.md")
	require.NoError(t, err)
	b.Write(strange)
	quirks, fields := u2f.Settable()
	for line := range strings.Lines(string(strange)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 2 || strings.Contains(cells[0], "there") {
			continue
		}
		ours := strings.TrimPrefix(cells[0], "| ")
		if _, named, ok := strings.Cut(cells[1], "`"); ok && !strings.HasPrefix(cells[1], "the quirk;") {
			ours, _, _ = strings.Cut(named, "`")
		}
		require.Contains(t, append(quirks, fields...), ours, line)
	}
	if os.Getenv("MFALAB_UPDATE") != "" {
		require.NoError(t, os.WriteFile(page, []byte(b.String()), 0o644))
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(text), "run this test with MFALAB_UPDATE=1")
}

func cell(t *testing.T, m ctap.Member) string {
	if strings.HasPrefix(m.Name, "enc") {
		return "there, and new each time"
	}
	text, err := json.Marshal(m.Value)
	require.NoError(t, err)
	return strings.NewReplacer(`"`, "", ",", ", ", "[", "", "]", "", "{", "", "}", "", ":", "=").Replace(string(text))
}

// Every profile that comes along is one that a user could write.
func TestProfilesAreFiles(t *testing.T) {
	for _, p := range KeyProfiles() {
		text, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := ParseKeyProfile(text)
		require.NoError(t, err, p.Key.Name)
		require.Equal(t, p, *again)
	}
	require.True(t, slices.ContainsFunc(KeyProfiles(), func(p KeyProfile) bool { return p.Key.Name == DefaultKeyProfile }))
}
