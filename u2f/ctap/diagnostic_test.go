package ctap

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// lines calls do with the two halves of each line of a file of vectors.
func lines(t testing.TB, name string, do func(encoded []byte, rest string)) {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		digits, rest, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(digits)
		require.NoError(t, err, line)
		do(b, rest)
	}
}

// unhex is what the hexadecimal digits of s say; spaces are for the reader.
func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func TestDiagnosticOfTheRFC(t *testing.T) {
	n := 0
	lines(t, "testdata/rfc8949-a.txt", func(b []byte, want string) {
		n++
		require.Equal(t, want, Diagnostic(b), "%x", b)
	})
	require.Equal(t, 81, n)
}

func TestDiagnostic(t *testing.T) {
	for name, tt := range map[string]struct{ cbor, want string }{
		"a long integer shows its length":         {"1817 190018 1a00000001", "23_0 / at byte 2: trailing bytes / h'1900181a00000001'"},
		"a long negative integer likewise":        {"3900ff", "-256_1"},
		"a one-byte length of a short text":       {"7803616263", `"abc"_0`},
		"a long map":                              {"b900010102", "{_1 1: 2}"},
		"a tag in eight bytes":                    {"db000000000000002000", "32_3(0)"},
		"a double that would fit a half":          {"fb3ff8000000000000", "1.5_3"},
		"a single that would fit a half":          {"fa33800000", "5.960464477539063e-8_2"},
		"a single that would not":                 {"fa33000000", "2.9802322387695312e-8"},
		"bytes in pieces":                         {"5fff", "(_)"},
		"controls and direction marks are shown":  {"67 1b e280ae 7f 0a 41", `"\u001b\u202e\u007f\u000aA"`},
		"a rune beyond the plane is two escapes":  {"64 f3a08081", `"\udb40\udc01"`},
		"a text that is not UTF-8 is bytes":       {"62ff41", "/ a text that is not UTF-8 / h'ff41'"},
		"an empty message":                        {"", "/ at byte 0: not well-formed / h''"},
		"a text that is cut short":                {"a2 01 02 03 6461", "{1: 2, 3: } / at byte 4: cut short / h'6461'"},
		"a reserved head":                         {"82 01 1c", "[1, ] / at byte 2: not well-formed / h'1c'"},
		"a simple value in a byte too many":       {"f814", "/ at byte 0: not well-formed / h'f814'"},
		"a break where none is open":              {"ff", "/ at byte 0: not well-formed / h'ff'"},
		"a wrong piece of a text":                 {"7f 4161 ff", "(_ / at byte 1: not well-formed / h'4161ff'"},
		"sixteen levels and no more":              {strings.Repeat("81", 17), strings.Repeat("[", 16) + strings.Repeat("]", 16) + " / at byte 16: nested too deep / h'81'"},
		"a map of four billion entries ends soon": {"ba ffffffff 01", "{1: } / at byte 6: not well-formed / h''"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, Diagnostic(unhex(t, tt.cbor)))
		})
	}
}

func TestDiagnosticIsBounded(t *testing.T) {
	huge := append([]byte{0x5a, 0, 1, 0, 0}, make([]byte, 1<<16)...)
	nulls := append([]byte{0x9a, 0, 1, 0, 0}, make([]byte, 1<<16)...)
	escapes := append([]byte{0x7a, 0, 0, 0x7f, 0xff}, make([]byte, 0x7fff)...)
	for name, b := range map[string][]byte{"bytes": huge, "items": nulls, "escapes": escapes} {
		t.Run(name, func(t *testing.T) {
			got := Diagnostic(b)
			require.LessOrEqual(t, len(got), diagnosticSize+256)
			require.Greater(t, len(got), diagnosticSize/2, "as much as there is room for is shown")
		})
	}
}

// Whatever a peer sends is one line of printable text; what CheckCanonical accepts shows neither an indicator nor a
// comment, and is what another implementation writes.
func FuzzDiagnostic(f *testing.F) {
	lines(f, "testdata/rfc8949-a.txt", func(b []byte, _ string) { f.Add(b) })
	lines(f, "testdata/canonical.txt", func(b []byte, _ string) { f.Add(b) })
	f.Add([]byte("\x62\xff\xff\x81"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Diagnostic(b)
		require.LessOrEqual(t, len(got), diagnosticSize+256)
		for _, r := range got {
			require.True(t, unicode.IsPrint(r), "%q", got)
		}
		if CheckCanonical(b) != nil || !plain(b) {
			return
		}
		want, err := cbor.Diagnose(b)
		require.NoError(t, err)
		if !strings.ContainsAny(want+got, `"`) { // whose escapes are a matter of taste
			require.Equal(t, want, got)
		}
		require.NotContains(t, got, "/ at byte")
	})
}
