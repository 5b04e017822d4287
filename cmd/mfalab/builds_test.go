package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build compiles packages of the module for another machine and keeps only what the build cache keeps. It does not
// optimise: the question is whether they compile, and the answer comes a third sooner.
func build(t *testing.T, goos, goarch string, packages ...string) {
	t.Helper()
	if os.Getenv("MFALAB_CLIENTS") != "required" {
		t.Skipf("left out: building %s for %s/%s, a minute each the first time; `make test` does it", strings.Join(packages, " "), goos, goarch)
	}
	cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-gcflags=all=-N -l"}, packages...)...)
	cmd.Dir = house
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// One day the whole lab is a page.
func TestPurePackagesBuildForAPage(t *testing.T) {
	var packages []string
	for name, r := range rooms {
		if r.rule == pure {
			packages = append(packages, "./"+name)
		}
	}
	slices.Sort(packages)
	build(t, "js", "wasm", packages...)
}

// Each system and each architecture once: nothing in the module is for one pair of them alone.
func TestEverythingBuildsForOtherMachines(t *testing.T) {
	for goos, goarch := range map[string]string{"linux": "arm64", "darwin": "arm64", "windows": "amd64"} {
		t.Run(goos+"/"+goarch, func(t *testing.T) { build(t, goos, goarch, "./...") })
	}
}
