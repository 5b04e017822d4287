package sock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

//go:generate go run generate.go

//go:embed shim
var source embed.FS

//go:embed prebuilt
var prebuilt embed.FS

// arguments are the compiler's, between which and the output stand the sources. Optimised, because the shim is in the
// way of each read and write; without _FORTIFY_SOURCE, which would make it define the functions that it replaces twice.
var arguments = []string{
	"-std=c11", "-O2", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-U_FORTIFY_SOURCE", "-shared",
	"-Wl,-soname,libudev.so.1", "-Wl,--version-script,libudev.map", "-Wl,-z,defs", "-Wl,-z,now",
}

// libraries follow the sources. Until glibc 2.34 dlopen lived in a library of its own; a shim that was linked where it
// no longer does must ask for it all the same, to run where it still does.
var libraries = []string{"-Wl,--no-as-needed", "-l:libdl.so.2"}

// ShimName is the file name of the shim as this program holds it, "GOARCH-HASH.so"; HASH is of its source and of how it
// is compiled.
func ShimName() string {
	h := sha256.New()
	fmt.Fprintln(h, arguments, libraries)
	for _, name := range sources("") {
		text, err := source.ReadFile(path.Join("shim", name))
		if err != nil {
			panic("sock: internal error: " + err.Error())
		}
		fmt.Fprintln(h, name, len(text))
		h.Write(text)
	}
	return runtime.GOARCH + "-" + hex.EncodeToString(h.Sum(nil)[:8]) + ".so"
}

// sources returns the names of the shim's files that end in suffix, in their order.
func sources(suffix string) []string {
	entries, err := source.ReadDir("shim")
	if err != nil {
		panic("sock: internal error: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// Shim returns the path of the library that shows a bus to a program; Environ says how. The first call of a version of
// this program makes it: from what was embedded by go generate, else with the C compiler $CC or cc. It is kept in the
// user's cache directory, for the user alone. The error where there is neither a compiler nor an embedded library names
// the alternatives.
func Shim(ctx context.Context) (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("sock: the shim is for Linux, and this is %s: use the browser extension or raw reports over TCP", runtime.GOOS)
	}
	dir, err := cache()
	if err != nil {
		return "", fmt.Errorf("sock: no folder for the shim: %w", err)
	}
	lib := filepath.Join(dir, ShimName())
	if info, err := os.Stat(lib); err == nil && info.Mode().IsRegular() {
		return lib, nil
	}
	ready, err := prebuilt.ReadFile("prebuilt/" + ShimName())
	if errors.Is(err, fs.ErrNotExist) {
		return lib, Compile(ctx, lib)
	}
	if err == nil {
		err = replace(lib, func(draft string) error { return os.WriteFile(draft, ready, 0o700) })
	}
	if err != nil {
		return "", fmt.Errorf("sock: the embedded shim: %w", err)
	}
	return lib, nil
}

// cache returns a folder that only the user may write to and whose path LD_PRELOAD can hold.
func cache() (string, error) {
	base, err := os.UserCacheDir()
	dir := filepath.Join(base, "mfalab")
	if err != nil || strings.ContainsAny(dir, separators) {
		// No home, or one whose name LD_PRELOAD would take apart.
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("mfalab-%d", os.Getuid()))
	}
	if strings.ContainsAny(dir, separators) {
		return "", fmt.Errorf("%q holds a space, a colon or a dollar sign, which LD_PRELOAD takes apart: set XDG_CACHE_HOME to another", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	uid, ok := owner(info)
	if !info.IsDir() || info.Mode().Perm()&0o022 != 0 || ok && uid != os.Getuid() {
		return "", fmt.Errorf("%q can be written to by others, and what lies there is loaded into programs: "+
			"make it yours alone (chmod 700), or set XDG_CACHE_HOME to another", dir)
	}
	return dir, nil
}

// separators end a path in LD_PRELOAD, or begin a variable of the loader's: ld.so(8).
const separators = " :$\t\n"

// Compile compiles the shim to the file dst with the C compiler $CC, or cc. The file appears at once or not at all.
func Compile(ctx context.Context, dst string) error {
	dst, err := filepath.Abs(dst)
	if err != nil {
		return fmt.Errorf("sock: compile the shim: %w", err)
	}
	compiler := strings.Fields(os.Getenv("CC"))
	if len(compiler) == 0 {
		compiler = []string{"cc"}
	}
	if _, err := exec.LookPath(compiler[0]); err != nil {
		return fmt.Errorf("sock: the shim is to be compiled and there is no C compiler %q: install one (apt-get install gcc libc6-dev), "+
			"set CC, use a program that was built where there is one ('make build' embeds the shim), or plug the key in another way "+
			"(uhid, the browser extension)", compiler[0])
	}
	dir, err := os.MkdirTemp("", "mfalab-shim-")
	if err != nil {
		return fmt.Errorf("sock: compile the shim: %w", err)
	}
	defer os.RemoveAll(dir)
	text, err := fs.Sub(source, "shim")
	if err == nil {
		err = os.CopyFS(dir, text)
	}
	if err != nil {
		return fmt.Errorf("sock: compile the shim: %w", err)
	}
	return replace(dst, func(draft string) error {
		args := slices.Concat(compiler[1:], arguments, sources(".c"), libraries, []string{"-o", draft})
		cmd := exec.CommandContext(ctx, compiler[0], args...)
		cmd.Dir = dir
		cmd.Env = Without(os.Environ())
		said, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("sock: compile the shim with %s: %w: %s", compiler[0], err, firstLines(said))
		}
		return os.Chmod(draft, 0o700)
	})
}

// firstLines returns the beginning of what a compiler said, on one line.
func firstLines(said []byte) string {
	lines := bytes.SplitN(bytes.TrimSpace(said), []byte("\n"), 4)
	return string(bytes.Join(lines[:min(3, len(lines))], []byte("; ")))
}

// replace puts the file that write makes at dst in one step, so that programs which run at once see one of the two.
func replace(dst string, write func(draft string) error) error {
	f, err := os.CreateTemp(filepath.Dir(dst), ".draft-*.so")
	if err != nil {
		return err
	}
	f.Close()
	defer os.Remove(f.Name())
	if err := write(f.Name()); err != nil {
		return err
	}
	return os.Rename(f.Name(), dst)
}
