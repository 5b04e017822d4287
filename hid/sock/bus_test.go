package sock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// names returns what lies in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestPlug(t *testing.T) {
	b := newBus(t)
	first, second := plugKey(t, b), plugKey(t, b)
	require.Equal(t, "hidraw0", first.Name())
	require.Equal(t, "hidraw1", second.Name())
	require.Equal(t, []string{"dev", "hidraw0", "hidraw1"}, names(t, b.Dir()))

	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "closed twice")
	require.Equal(t, []string{"dev", "hidraw1"}, names(t, b.Dir()))
	require.Equal(t, []string{"hidraw1"}, names(t, filepath.Join(b.Dir(), "dev")))
	require.Equal(t, "hidraw0", plugKey(t, b).Name(), "the lowest free number")
	require.Equal(t, "hidraw2", plugKey(t, b).Name())

	require.NoError(t, b.Close())
	require.Empty(t, names(t, b.Dir()))
	_, err := b.Plug(labKey)
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestDescription(t *testing.T) {
	b := newBus(t)
	plugKey(t, b)
	for name, want := range map[string]string{
		"uevent":                   "MAJOR=4095\nMINOR=0\nDEVNAME=hidraw0\n",
		"dev":                      "4095:0\n",
		"device/uevent":            "DRIVER=hid-generic\nHID_ID=0003:00001209:0000F1D0\nHID_NAME=Acme Lab Key\nHID_PHYS=mfalab/hidraw0\nHID_UNIQ=00000007\n",
		"device/report_descriptor": string(hid.ReportDescriptor()),
		"device/usb/uevent":        "DEVTYPE=usb_device\nPRODUCT=1209/f1d0/100\n",
		"device/usb/bcdDevice":     "0100\n",
		"device/usb/manufacturer":  "Acme\n",
		"device/usb/product":       "Lab Key\n",
	} {
		got, err := os.ReadFile(filepath.Join(b.Dir(), "hidraw0", name))
		require.NoError(t, err)
		require.Equal(t, want, string(got), name)
	}
}

func TestPlugRefuses(t *testing.T) {
	b := newBus(t)
	for name, c := range map[string]struct {
		id   hid.Identity
		says string
	}{
		"a name of two lines":     {hid.Identity{Name: "a\nHID_UNIQ=b"}, `the name "a\nHID_UNIQ=b" holds control characters`},
		"a serial number with 0":  {hid.Identity{Serial: "1\x00"}, "the serial number"},
		"a name that is no UTF-8": {hid.Identity{Name: "\xff"}, "is not UTF-8"},
		"a name of 127 bytes":     {hid.Identity{Name: strings.Repeat("k", 127)}, "make it 126 at most"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Plug(c.id)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, []string{"dev"}, names(t, b.Dir()))
		})
	}
}

func TestOpen(t *testing.T) {
	t.Run("a folder with what a dead owner left", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "bus")
		for _, name := range []string{"dev/hidraw0.gone/device", "dev/hidraw1.new", "hidraw3/device/usb"} {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o700))
		}
		b, err := Open(dir)
		require.NoError(t, err)
		require.Equal(t, []string{"dev"}, names(t, dir))
		require.Empty(t, names(t, filepath.Join(dir, "dev")))
		require.NoError(t, b.Close())
	})
	t.Run("a folder that has an owner", func(t *testing.T) {
		b := newBus(t)
		plugKey(t, b)
		_, err := Open(b.Dir())
		require.ErrorContains(t, err, "belongs to another process")
		require.Equal(t, []string{"dev", "hidraw0"}, names(t, b.Dir()))
	})
	t.Run("a folder of something else is left alone", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o700))
		for _, name := range []string{"dev", "hidraw0", "zoo"} {
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		}
		_, err := Open(dir)
		require.ErrorContains(t, err, `holds "zoo", which is not of a bus`)
		require.Equal(t, []string{"dev", "hidraw0", "zoo"}, names(t, dir))
	})
	t.Run("a folder that others may enter", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o755))
		_, err := Open(dir)
		require.ErrorContains(t, err, "has mode 0755: make it 0700")
	})
	t.Run("a folder that is not there is made", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "b")
		b, err := Open(dir)
		require.NoError(t, err)
		require.NoError(t, b.Close())
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err := Open(file)
		require.Error(t, err)
	})
}

// A key in and out again.
func BenchmarkPlug(b *testing.B) {
	bus := newBus(b)
	b.ReportAllocs()
	for b.Loop() {
		s, err := bus.Plug(labKey)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
