// Package docs_test keeps the documentation true: what a page says was measured is written by the test that measures it.
package docs_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "measure, which takes some minutes, and write performance.md anew")

// Our choice.
const (
	page = "performance.md"
	// rounds is how often a figure and its limit are measured in turn: an odd number has a median.
	rounds = 11
	// roundTime is how long each of the two is measured in one round. Long enough for a checkpoint of SQLite's to fall
	// into every round of its figure.
	roundTime = "250ms"
)

// A figure is one row of the table: what is to be reached, and how it is measured.
type figure struct {
	what    string
	against string // what it is compared with; empty where the bound is on the figure itself
	// absolute says that the bound is on the figure itself although it is compared with something.
	absolute bool
	bound    bound
	show     func(value float64) string
	how      string // one paragraph for the page
	measure  func(t *testing.T) measured
}

// A bound is what a figure has to reach: a value, or the ratio to what it is compared with.
type bound struct {
	text  string
	holds func(v float64) bool
}

// measured is what came of a figure.
type measured struct {
	samples []sample
	aside   string // what else was seen in the same run
}

// A sample is a figure and its limit, measured one right after the other. The limit is 0 where there is none.
type sample struct{ value, limit float64 }

// reading returns the medians of the values, of the limits and of the ratios. The last is taken round by round, because a
// machine is quick and slow by the minute.
func (m measured) reading() (value, limit, ratio float64) {
	median := func(of func(sample) float64) float64 {
		sorted := slices.SortedFunc(slices.Values(m.samples), func(a, b sample) int { return cmp.Compare(of(a), of(b)) })
		return of(sorted[len(sorted)/2])
	}
	return median(func(s sample) float64 { return s.value }), median(func(s sample) float64 { return s.limit }),
		median(func(s sample) float64 { return s.value / s.limit })
}

func (f figure) held(m measured) bool {
	value, _, ratio := m.reading()
	if f.against != "" && !f.absolute {
		return f.bound.holds(ratio)
	}
	return f.bound.holds(value)
}

func figures() []figure {
	return slices.Concat(codeFigures, fobFigures, keyFigures, beforeFigures, tpmFigures, ctapFigures, webauthnFigures, browserFigures,
		sessionFigures, policyFigures, consoleFigures, portalFigures, signInFigures, commandFigures,
		guestFigures) // last: who builds a guest leaves the disk busy
}

// TestPerformance measures with -update, writes the page and fails where a figure is not reached. Without it, it checks
// that the page has every figure, with the bound of today, and says how it is measured.
func TestPerformance(t *testing.T) {
	if *update {
		measureAll(t)
		return
	}
	b, err := os.ReadFile(page)
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "| ") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	require.Len(t, rows, len(figures())+1, "the head and a row for each figure")
	for i, f := range figures() {
		cells := strings.Split(strings.Trim(rows[i+1], "| "), " | ")
		require.Len(t, cells, 6, f.what)
		require.Equal(t, f.what, cells[0])
		require.Contains(t, cells[2], f.against)
		require.Equal(t, f.bound.text, cells[4], f.what)
		require.Contains(t, []string{"yes", "no"}, cells[5], f.what)
		require.Contains(t, string(b), f.how)
	}
}

func measureAll(t *testing.T) {
	require.NoError(t, flag.Set("test.benchtime", roundTime))
	var results []measured
	for _, f := range figures() {
		began := time.Now()
		m := f.measure(t)
		require.NotEmpty(t, m.samples, f.what)
		results = append(results, m)
		t.Logf("%s (in %s)\n%s", f.what, time.Since(began).Round(time.Second), f.row(m))
	}
	require.NoError(t, os.WriteFile(page, []byte(pageOf(t, results)), 0o644))
	for i, f := range figures() {
		if !f.held(results[i]) {
			t.Errorf("%s: not reached: %s", f.what, f.row(results[i]))
		}
	}
}

// alternately benchmarks a figure and its limit in turn; the values are nanoseconds an operation.
func alternately(t *testing.T, f, limit func(b *testing.B)) []sample {
	var samples []sample
	for range rounds {
		samples = append(samples, sample{perOp(benchmark(t, f)), perOp(benchmark(t, limit))})
	}
	return samples
}

// benchmark runs f as a benchmark, and fails with it: testing.Benchmark itself keeps quiet.
func benchmark(t *testing.T, f func(b *testing.B)) testing.BenchmarkResult {
	t.Helper()
	r := testing.Benchmark(f)
	require.NotZero(t, r.N, "the benchmark failed")
	return r
}

func perOp(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

// repeatedly takes a figure without a limit.
func repeatedly(t *testing.T, f func(t *testing.T) float64) measured {
	var m measured
	for range rounds {
		m.samples = append(m.samples, sample{value: f(t)})
	}
	return m
}

func atMost(limit float64, text string) bound {
	return bound{"≤ " + text, func(v float64) bool { return v <= limit }}
}

func below(limit float64, text string) bound {
	return bound{"< " + text, func(v float64) bool { return v < limit }}
}

func atLeast(limit float64, text string) bound {
	return bound{"≥ " + text, func(v float64) bool { return v >= limit }}
}

// span shows nanoseconds as people write them.
func span(ns float64) string {
	for _, unit := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= unit.ns {
			return number(ns/unit.ns) + " " + unit.name
		}
	}
	return number(ns) + " ns"
}

func mebibytes(bytes float64) string { return number(bytes/(1<<20)) + " MiB" }

func perSecond(n float64) string { return number(n) + "/s" }

// number shows three digits, or more where they stand before the point.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
