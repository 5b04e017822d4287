package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestThePoliciesInTheScriptsAreTheDocumented keeps the two copies of the policies that people really use alike: a script
// holds all that it needs.
func TestThePoliciesInTheScriptsAreTheDocumented(t *testing.T) {
	documented, err := filepath.Glob("../../docs/policies/*.json")
	require.NoError(t, err)
	require.Len(t, documented, 8)
	played := map[string]string{}
	for _, script := range []string{"policies", "trusted", "ec2", "gitpush"} {
		a, err := txtar.ParseFile(filepath.Join(scenarios, "clients", script+".txtar"))
		require.NoError(t, err)
		for _, f := range a.Files {
			played[f.Name] = string(f.Data)
		}
	}
	for _, path := range documented {
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), played[filepath.Base(path)], "%s is not as in the documentation: copy it", path)
	}
}
