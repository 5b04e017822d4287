package qr

import (
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// By full path: others may come first in PATH.
const (
	zbarimg  = "/usr/bin/zbarimg"  // Debian's zbar-tools
	qrencode = "/usr/bin/qrencode" // Debian's qrencode
)

// client skips the test where a tool is not there, or fails where it must be.
func client(t *testing.T, path, debian string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("MFALAB_CLIENTS") == "required" {
			t.Fatalf("%s is required; install the package %s", path, debian)
		}
		t.Skipf("no %s; install the package %s", path, debian)
	}
}

// texts are what a code may hold.
var texts = []string{"7", "0123456789", "HTTPS://EXAMPLE.COM/$", short, uri, "otpauth://totp/Jürgen", "漢字", strings.Repeat("otpauth ", 250)}

func TestZbarimgReadsWhatIsWritten(t *testing.T) {
	client(t, zbarimg, "zbar-tools")
	for _, text := range texts {
		picture, err := Write(text, 3)
		require.NoError(t, err)
		require.Equal(t, text+"\n", zbar(t, picture))
	}
}

func zbar(t *testing.T, picture image.Image) string {
	name := filepath.Join(t.TempDir(), "code.png")
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, png.Encode(f, picture))
	out, err := exec.Command(zbarimg, "--quiet", "--raw", name).Output() // it complains on stderr where there is no D-Bus
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestWhatQrencodeWritesIsRead(t *testing.T) {
	client(t, qrencode, "qrencode")
	for _, text := range texts {
		for _, args := range [][]string{{"-l", "L"}, {"-l", "H"}, {"-s", "1"}, {"-m", "1", "-s", "5"}, {"-i"}, {"--foreground=336699"}, {"--background=00000000"}} {
			if args[1%len(args)] == "H" && len(text) > 1273 || args[0] == "-i" && strings.ToUpper(text) != text {
				continue // fits in no code of that level; -i makes capitals
			}
			name := filepath.Join(t.TempDir(), "code.png")
			out, err := exec.Command(qrencode, append(args, "-8", "-o", name, text)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			f, err := os.Open(name)
			require.NoError(t, err)
			picture, err := png.Decode(f)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			got, err := Read(picture)
			require.NoError(t, err, "%s %.40s", args, text)
			require.Equal(t, []string{text}, got, "%s", args)
		}
	}
}

// The same photograph: what zbar reads, and so do we.
func TestWithZbarimgOnPhotographs(t *testing.T) {
	client(t, zbarimg, "zbar-tools")
	code, err := Write(uri, 8)
	require.NoError(t, err)
	picture := camera{angle: 20, width: 600, fill: 0.6, contrast: 0.8, tilt: 0.15, blur: 1, noise: 5, shadow: 0.3}.take(t, code)
	require.Equal(t, uri+"\n", zbar(t, picture))
	got, err := Read(picture)
	require.NoError(t, err)
	require.Equal(t, []string{uri}, got)
}
