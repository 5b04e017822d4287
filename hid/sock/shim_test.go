package sock

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const python = "/usr/bin/python3"

// need skips the test where one of the programs is not there, or fails it where clients are required.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("MFALAB_CLIENTS") == "required" {
				t.Fatalf("%s is not installed", p)
			}
			t.Skipf("%s is not installed: run with MFALAB_CLIENTS=required to make that a failure", p)
		}
	}
}

// shim returns the library, made once for all tests.
func shim(t testing.TB) string {
	t.Helper()
	need(t, "cc")
	lib, err := Shim(context.Background())
	require.NoError(t, err)
	return lib
}

// command is a program that sees the bus.
func command(t testing.TB, b *Bus, name string, args ...string) *exec.Cmd {
	t.Helper()
	need(t, name)
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = Environ(os.Environ(), shim(t), b.Dir())
	return cmd
}

// run returns what a program that sees the bus said. It must end well.
func run(t testing.TB, b *Bus, name string, args ...string) string {
	t.Helper()
	out, err := command(t, b, name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestShimIsMadeOnce(t *testing.T) {
	need(t, "cc")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lib, err := Shim(t.Context())
	require.NoError(t, err)
	made, err := os.Stat(lib)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), made.Mode().Perm())
	again, err := Shim(t.Context())
	require.NoError(t, err)
	require.Equal(t, lib, again)
	found, err := os.Stat(again)
	require.NoError(t, err)
	require.Equal(t, made.ModTime(), found.ModTime())
	left, err := os.ReadDir(filepath.Dir(lib))
	require.NoError(t, err)
	require.Len(t, left, 1, "drafts are left")
}

func TestShimCompilesWithoutWarnings(t *testing.T) {
	need(t, "cc")
	t.Setenv("CC", "cc -Werror")
	require.NoError(t, Compile(t.Context(), filepath.Join(t.TempDir(), "shim.so")))
}

func TestShimAsksForNoNewLibc(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the versions are those of amd64")
	}
	lib, err := elf.Open(shim(t))
	require.NoError(t, err)
	defer lib.Close()
	needed, err := lib.DynString(elf.DT_SONAME)
	require.NoError(t, err)
	require.Equal(t, []string{"libudev.so.1"}, needed)
	imported, err := lib.ImportedSymbols()
	require.NoError(t, err)
	for _, s := range imported {
		switch s.Version {
		case "", "GLIBC_2.2.5", "GLIBC_2.3.2", "GLIBC_2.3.3", "GLIBC_2.3.4", "GLIBC_2.4", "GLIBC_2.7", "GLIBC_2.9", "GLIBC_2.14":
		default:
			t.Errorf("%s is asked for in version %s", s.Name, s.Version)
		}
	}
}

func TestShimHasAllOfLibudev(t *testing.T) {
	exported := func(path string) map[string]string {
		f, err := elf.Open(path)
		require.NoError(t, err)
		defer f.Close()
		symbols, err := f.DynamicSymbols()
		require.NoError(t, err)
		all := map[string]string{}
		for _, s := range symbols {
			if s.Section != elf.SHN_UNDEF && strings.HasPrefix(s.Name, "udev_") {
				all[s.Name] = s.Version
			}
		}
		return all
	}
	own, err := filepath.Glob("/usr/lib/*-linux-gnu/libudev.so.1")
	require.NoError(t, err)
	if len(own) != 1 {
		if os.Getenv("MFALAB_CLIENTS") == "required" {
			t.Fatal("libudev1 is not installed")
		}
		t.Skip("libudev1 is not installed: run with MFALAB_CLIENTS=required to make that a failure")
	}
	require.Equal(t, exported(own[0]), exported(shim(t)))
}

func TestShimWithoutCompiler(t *testing.T) {
	for name, c := range map[string]struct{ cc, says string }{
		"none":             {"no-such-cc", "no C compiler \"no-such-cc\": install one"},
		"one that refuses": {"false", "compile the shim with false: exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CC", c.cc)
			dir := t.TempDir()
			require.ErrorContains(t, Compile(t.Context(), filepath.Join(dir, "shim.so")), c.says)
			require.Empty(t, names(t, dir))
		})
	}
}

func TestShimFolder(t *testing.T) {
	t.Run("of a name that LD_PRELOAD takes apart", func(t *testing.T) {
		t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "a folder"))
		t.Setenv("TMPDIR", "/tmp")
		dir, err := cache()
		require.NoError(t, err)
		require.NotContains(t, dir, " ")
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "an:other"))
		_, err = cache()
		require.ErrorContains(t, err, "set XDG_CACHE_HOME")
	})
	t.Run("that others can write to", func(t *testing.T) {
		base := t.TempDir()
		t.Setenv("XDG_CACHE_HOME", base)
		require.NoError(t, os.Mkdir(filepath.Join(base, "mfalab"), 0o700))
		require.NoError(t, os.Chmod(filepath.Join(base, "mfalab"), 0o770))
		_, err := Shim(t.Context())
		require.ErrorContains(t, err, "can be written to by others")
	})
}

func TestHidraw(t *testing.T) {
	b := newBus(t)
	serveToy(t, plugKey(t, b))
	require.Empty(t, run(t, b, python, "testdata/hidraw.py"))
}

func TestLongFolder(t *testing.T) {
	b, err := Open(filepath.Join(t.TempDir(), strings.Repeat("long", 40)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	serveToy(t, plugKey(t, b))
	require.Empty(t, run(t, b, python, "testdata/hidraw.py"))
}

func TestUnplugWhileOpen(t *testing.T) {
	b := newBus(t)
	s := plugKey(t, b)
	cmd := command(t, b, python, "testdata/unplug.py")
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.NoError(t, s.Close())
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	require.NoError(t, cmd.Wait(), cmd.Stderr)
	require.Equal(t, []string{"read EIO", "write EIO", "write EIO", "open ENOENT"}, said)
}

func TestLibudev(t *testing.T) {
	b := newBus(t)
	plugKey(t, b)
	require.Equal(t, `hidraw None hidraw0 /dev/hidraw0 None
1 None
below hid None 0003:1209:F1D0.0001 None None
0003:00001209:0000F1D0|Acme Lab Key|00000007
below usb usb_device 1-1 None None
1209|f1d0|0100|Acme|Lab Key|00000007|None
with no filter: True and the system's own: True
another subsystem: set()
match_property b'ID_FIDO_TOKEN' b'1' 1
match_property b'ID_FIDO_TOKEN' b'0' 0
match_sysname b'hidraw0' 1
match_sysname b'event*' 0
match_sysattr b'dev' b'4095:*' 1
nomatch_subsystem b'hidraw' 0
match_tag b'uaccess' 0
`, run(t, b, python, "testdata/udev.py"))
}

func TestHotPlug(t *testing.T) {
	b := newBus(t)
	first := plugKey(t, b)
	cmd := command(t, b, python, "testdata/udev.py", "monitor")
	cmd.Stderr = new(bytes.Buffer)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, "ready", lines.Text())

	// All of it before the program looks: nothing may be lost between one look and the next.
	plugKey(t, b)
	require.NoError(t, first.Close())
	plugKey(t, b) // takes the number that became free
	plugKey(t, b)
	plugKey(t, b)
	_, err = io.WriteString(in, "\n")
	require.NoError(t, err)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	require.NoError(t, cmd.Wait(), cmd.Stderr)
	require.Equal(t, []string{
		"hidraw None hidraw1 /dev/hidraw1 add",
		"hidraw None hidraw0 /dev/hidraw0 remove",
		"hidraw None hidraw0 /dev/hidraw0 add",
		"hidraw None hidraw2 /dev/hidraw2 add",
		"hidraw None hidraw3 /dev/hidraw3 add",
	}, said)
}
