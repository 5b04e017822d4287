package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// A number that is none is wrong usage, and never gets as far as a lab.
func TestNumbersThatAreNoneAreWrongUsage(t *testing.T) {
	dir := t.TempDir()
	status, out, _ := mfalab(t, dir, "fob", "new", "--dir", dir)
	require.Zero(t, status)
	serial := strings.TrimSpace(out)
	for _, number := range []string{"NaN", "Inf", "-Inf", "+inf"} {
		for _, args := range [][]string{
			{"fob", "new", "--ppm=" + number}, {"fob", "drift", serial, "--ppm=" + number}, {"clock", "rate", "--", number},
			{"fob", "heat", "--", serial, number}, {"fob", "drain", "--", serial, number},
		} {
			status, _, said := mfalab(t, dir, append([]string{"--dir", dir}, args...)...)
			require.Equal(t, 2, status, args)
			require.Contains(t, said, "no number", args)
			require.NotContains(t, said, "json", args)
		}
	}
}

func TestAShellCompletesSerials(t *testing.T) {
	dir := t.TempDir()
	_, out, _ := mfalab(t, dir, "fob", "new", "--dir", dir)
	serial := strings.TrimSpace(out)
	for _, verb := range []string{"drift", "press", "peek", "show", "leave", "kill"} {
		status, out, _ := mfalab(t, dir, "__complete", "--dir", dir, "fob", verb, "")
		require.Zero(t, status)
		require.Contains(t, out, serial+"\tezio\n", verb)
		_, out, _ = mfalab(t, dir, "__complete", "--dir", dir, "fob", verb, serial, "")
		require.NotContains(t, out, serial, verb)
	}
	_, out, _ = mfalab(t, dir, "__complete", "--dir", filepath.Join(dir, "nowhere"), "fob", "drift", "")
	require.Equal(t, ":4\n", out, "no lab, nothing to offer")
	require.NoDirExists(t, filepath.Join(dir, "nowhere"))
}

func TestAForecastInWords(t *testing.T) {
	now := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{"not in its life": {}, "already": now, "2026-01-02 08:00:00": now.Add(23 * time.Hour),
		"2026-02-10, in 40 days": now.Add(40 * 24 * time.Hour)} {
		require.Equal(t, want, when(at, now))
	}
	for want, n := range map[string]int64{"the lab's, too": 0, "2 ahead": 2, "3 behind": -3} {
		require.Equal(t, want, stepsOff(n))
	}
}

func TestABoxIsCountedOnOneLine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tick := make(chan time.Time)
	answers := []live.Arrival{{}, {Rows: 10, Made: 4}, {Rows: 10, Made: 4}, {Rows: 10, Made: 10}, {Rows: 10, Made: 10, Stored: 7}}
	asked := 0
	var b bytes.Buffer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		count(ctx, &b, tick, func() (live.Arrival, error) {
			if asked == len(answers) {
				return live.Arrival{}, errors.New("the lab is gone")
			}
			asked++
			return answers[asked-1], nil
		})
	}()
	for range len(answers) + 1 {
		tick <- time.Time{}
	}
	cancel()
	<-ended
	require.Equal(t, clearLine+"4 of 10 fobs made"+clearLine+"10 of 10 fobs made, telling the account"+clearLine+"7 of 10 fobs stored"+clearLine, b.String())
}

// Where no terminal is, nothing is counted, and a box with a wrong row leaves nothing behind.
func TestAnImportIsQuietForPrograms(t *testing.T) {
	dir := t.TempDir()
	var rows strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&rows, "GAHT9%07d, %040x, TOTP, 6, 30\n", i, i+1)
	}
	file := filepath.Join(dir, "box.csv")
	require.NoError(t, os.WriteFile(file, []byte(rows.String()+"GAHT90000005, 31, TOTP, 6, 30\n"), 0o600))
	status, _, said := mfalab(t, dir, "fob", "import", file, "--dir", dir)
	require.Equal(t, 1, status)
	require.Contains(t, said, "line 2001")
	_, out, _ := mfalab(t, dir, "fob", "list", "--dir", dir)
	require.NotContains(t, out, "GAHT")

	require.NoError(t, os.WriteFile(file, []byte(rows.String()), 0o600))
	status, out, said = mfalab(t, dir, "fob", "import", file, "--dir", dir)
	require.Zero(t, status, said)
	require.Equal(t, "2000 fobs from oath-csv\n", out)
	require.Empty(t, said)
}
