package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const head = `# How fast is it, and compared with what?

Each figure is measured beside the limit that it is compared with, in one run, in turn, %d rounds of each; the table has
the medians, and of the ratios the median too. It is written by a command, not by hand (the last section says which one).

- **Machine:** %s
- **Date:** %s

| what | measured | compared with | ratio | reach | held |
|---|---|---|---|---|---|
`

const foot = `## How to run it

` + "`make bench`" + ` measures all of it again and writes this page; it takes some minutes, wants a machine that does nothing
else, and fails where a figure is not reached. It is this test:

    go test ./docs -run TestPerformance -count=1 -timeout 30m -update

The hot paths have benchmarks of their own beside them:

    go test -run '^$' -bench . ./token/... ./sim/...
`

// pageOf returns the page for results, which are in the order of figures.
func pageOf(t *testing.T, results []measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, rounds, machine(t), time.Now().UTC().Format(time.DateOnly))
	for i, f := range figures() {
		fmt.Fprintln(&b, f.row(results[i]))
	}
	fmt.Fprint(&b, "\n## How each is measured\n\n")
	for i, f := range figures() {
		fmt.Fprintf(&b, "**%s.**\n%s", strings.ToUpper(f.what[:1])+f.what[1:], f.how)
		if aside := results[i].aside; aside != "" {
			fmt.Fprint(&b, "\n"+aside)
		}
		fmt.Fprint(&b, "\n\n")
	}
	return b.String() + foot
}

// row is a figure's line of the table.
func (f figure) row(m measured) string {
	value, limit, ratio := m.reading()
	against, times := "—", "—"
	if f.against != "" {
		against, times = f.against+": "+f.show(limit), fmt.Sprintf("%.2fx", ratio)
	}
	held := "no"
	if f.held(m) {
		held = "yes"
	}
	return "| " + strings.Join([]string{f.what, f.show(value), against, times, f.bound.text, held}, " | ") + " |"
}

// machine describes what the figures were measured on, without saying whose it is.
func machine(t *testing.T) string {
	return fmt.Sprintf("%s, %d cores, Linux %s, the labs on %s; %s, %s/%s", processor(t), runtime.NumCPU(),
		kernel(t), fileSystem(t, os.TempDir()), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func processor(t *testing.T) string {
	b, err := os.ReadFile("/proc/cpuinfo")
	require.NoError(t, err, "measuring needs Linux")
	for line := range strings.Lines(string(b)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unnamed processor"
}

func kernel(t *testing.T) string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// fileSystem names the kind of file system that dir lies on: a durable commit costs nothing on one in memory.
func fileSystem(t *testing.T, dir string) string {
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	b, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	longest, kind := -1, "unknown"
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if at := strings.TrimSuffix(f[1], "/"); len(at) >= longest && strings.HasPrefix(dir+"/", at+"/") {
			longest, kind = len(at), f[2]
		}
	}
	return kind
}
