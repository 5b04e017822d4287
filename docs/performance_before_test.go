package docs_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// beforeCTAP23 is the last commit whose default key was one of CTAP 2.1, with credProtect and hmac-secret alone.
const beforeCTAP23 = "b08f317caa6f9a2a91c860fc6d08f9c215bf763b"

var beforeFigures = []figure{
	comparedWithBefore("getAssertion with ES256 of the default key, which is of CTAP 2.3", "GetAssertion$/getAssertion$",
		"The benchmark `GetAssertion` of package u2f: the command handed to the key itself. Against the same benchmark of the last\n"+
			"commit whose default key was of CTAP 2.1, built from the history and run in turn. Our reach: no slower, but for 5 %."),
	comparedWithBefore("makeCredential with ES256 of that key", "MakeCredential$/makeCredential$",
		"Likewise, the benchmark `MakeCredential`."),
}

func comparedWithBefore(what, benchmark, how string) figure {
	return figure{what: what, against: "of the key before CTAP 2.3", bound: atMost(1.05, "1.05x"), show: span, how: how,
		measure: func(t *testing.T) measured {
			now, before := benchmarks(t, ""), benchmarks(t, beforeCTAP23)
			var m measured
			for range rounds {
				m.samples = append(m.samples, sample{now(benchmark), before(benchmark)})
			}
			return m
		}}
}

// benchmarks builds those of package u2f as they are, or as they were at a commit, and returns what runs one of them: the
// answer is nanoseconds an operation.
func benchmarks(t *testing.T, commit string) func(name string) float64 {
	t.Helper()
	dir, program := "..", filepath.Join(t.TempDir(), "u2f.test")
	if commit != "" {
		dir = t.TempDir()
		extract(t, commit, dir)
	}
	build := exec.Command("go", "test", "-c", "-o", program, "./u2f")
	build.Dir = dir
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return func(name string) float64 {
		cmd := exec.CommandContext(t.Context(), program, "-test.run", "^$", "-test.bench", name, "-test.benchtime", roundTime)
		cmd.Dir = filepath.Join(dir, "u2f")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		for line := range strings.Lines(string(out)) {
			if fields := strings.Fields(line); len(fields) > 3 && fields[3] == "ns/op" {
				took, err := strconv.ParseFloat(fields[2], 64)
				require.NoError(t, err)
				return took
			}
		}
		require.Failf(t, "there is no benchmark", "%s: %s", name, out)
		return 0
	}
}

// extract writes package u2f of a commit, and the module's files, into dir.
func extract(t *testing.T, commit, dir string) {
	t.Helper()
	archive := exec.Command("git", "archive", commit, "go.mod", "go.sum", "u2f")
	archive.Dir, archive.Stderr = "..", os.Stderr
	tar := exec.Command("tar", "-x", "-C", dir)
	from, to := io.Pipe()
	archive.Stdout, tar.Stdin = to, from
	require.NoError(t, tar.Start())
	require.NoError(t, archive.Run(), "the figure needs git and the history of the repository")
	require.NoError(t, to.Close())
	require.NoError(t, tar.Wait())
}

// The history has what the figure is compared with, wherever there is a history.
func TestTheKeyBeforeCTAP23IsInTheHistory(t *testing.T) {
	if exec.Command("git", "cat-file", "-e", beforeCTAP23).Run() != nil {
		t.Skip("left out: no git, or a history that is cut short")
	}
	dir := t.TempDir()
	extract(t, beforeCTAP23, dir)
	text, err := os.ReadFile(filepath.Join(dir, "u2f", "bench_test.go"))
	require.NoError(t, err)
	now, err := os.ReadFile("../u2f/bench_test.go")
	require.NoError(t, err)
	for _, name := range []string{"func BenchmarkGetAssertion(", "func BenchmarkMakeCredential(", `b.Run("getAssertion"`, `b.Run("makeCredential"`} {
		require.Contains(t, string(text), name)
		require.Contains(t, string(now), name)
	}
}
