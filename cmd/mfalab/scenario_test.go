package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scenarios is where the project's own scripts are.
const scenarios = "../../sim/scenario/testdata"

// mfalab runs one command line of this program as a shell in dir would, and returns what it printed.
func mfalab(t *testing.T, dir string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) string {
		if name == "MFALAB_DIR" {
			return ""
		}
		return os.Getenv(name)
	}
	status = run(context.Background(), std{in: strings.NewReader(""), out: &out, err: &errs, dir: dir, env: env, environ: os.Environ}, args)
	return status, out.String(), errs.String()
}

// TestMain makes the test's own program answer as mfalab where a script or a test starts it under that name, or it starts
// itself: go test gives it flags alone.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "mfalab") && !strings.HasSuffix(os.Args[0], ".test") ||
		os.Getenv("MFALAB_TEST_MAIN") != "" || len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
	}
	os.Exit(m.Run())
}

func TestScenarios(t *testing.T) {
	runScenarios(t, scenarios)
}

func TestScenariosWithRealClients(t *testing.T) {
	for name, path := range realClients(t) {
		t.Log(name, path)
	}
	runScenarios(t, filepath.Join(scenarios, "clients"))
}

func runScenarios(t *testing.T, folder string) {
	dir, err := os.Getwd()
	require.NoError(t, err)
	args := []string{"run", folder}
	if os.Getenv("MFALAB_UPDATE") != "" {
		args = append(args, "--update")
	}
	status, stdout, stderr := mfalab(t, dir, args...)
	require.Zero(t, status, "%s%s", stdout, stderr)
	t.Log("\n" + stdout)
}

// clients are the programs that the tests drive, and the Debian package that each comes in.
var clients = map[string]string{"aws": "awscli", "oathtool": "oathtool", "zbarimg": "zbar-tools", "python3": "python3-minimal"}

// realClients returns the paths of the real clients and puts them first in PATH: a machine may have another program of
// the same name. Without them the test is skipped, or fails where they are required.
func realClients(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	bin := t.TempDir()
	for name := range clients {
		path := debians(name)
		if path == "" {
			const text = "%s of Debian's package %s is missing; `make packages` installs it"
			if os.Getenv("MFALAB_CLIENTS") == "required" {
				t.Fatalf(text, name, clients[name])
			}
			t.Skipf("left out: "+text, name, clients[name])
		}
		found[name] = path
		require.NoError(t, os.Symlink(path, filepath.Join(bin, name)))
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return found
}

// debians returns where the package that holds a program has put it, "" where it is not installed.
func debians(name string) string {
	list, err := exec.Command("dpkg", "-L", clients[name]).Output()
	if err != nil {
		return ""
	}
	for path := range strings.Lines(string(list)) {
		if path = strings.TrimSpace(path); strings.HasSuffix(path, "/bin/"+name) {
			return path
		}
	}
	return ""
}
