package iam_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func TestSettings(t *testing.T) {
	t.Run("every setting has a default that it takes, and says what it is", func(t *testing.T) {
		var names []string
		s := iam.Defaults()
		for _, x := range iam.AllSettings() {
			require.NoError(t, s.Set(x.Name+"="+x.Default), x.Name)
			require.NotEmpty(t, x.Doc)
			require.NotEmpty(t, x.Section)
			require.NotContains(t, names, x.Name)
			names = append(names, x.Name)
		}
		require.Equal(t, iam.Defaults(), s)
		require.Empty(t, s.Weakened())
		require.Subset(t, names, []string{"window", "sync-window", "devices-per-user", "replay", "count-per-session", "enrol-reuse"})
	})
	t.Run("values are set", func(t *testing.T) {
		s := iam.Defaults()
		for _, x := range []string{"window=20", " devices-per-user=1", "settle=0s", "lockout-time=90s", "late-resync=accept", "replay",
			"walk=on", "rewind=off", "forget=30s", "drift-ppm=0"} {
			require.NoError(t, s.Set(x), x)
		}
		want := iam.Defaults()
		want.Window, want.DevicesPerUser, want.Settle, want.LockoutTime = 20, 1, 0, 90*time.Second
		want.LateResync, want.Replay, want.Walk, want.Forget, want.DriftPPM = true, true, true, 30*time.Second, 0
		require.Equal(t, want, s)
		require.Equal(t, []string{"window=20", "late-resync=accept", "replay", "forget=30s", "walk"}, s.Weakened())
	})
	t.Run("bad values change nothing and say what is wrong", func(t *testing.T) {
		for bad, want := range map[string]string{
			"window":             `the setting "window" takes a number from 0 to 1000, not ""`,
			"window=-1":          `not "-1"`,
			"window=1001":        `not "1001"`,
			"window=1.5":         `not "1.5"`,
			"settle=5":           `the setting "settle" takes a time from 0s to 1h0m0s, such as 30s, not "5"`,
			"lockout-time=0s":    `not "0s"`,
			"replay=yes":         `the setting "replay" takes off or on, not "yes"`,
			"late-resync":        `the setting "late-resync" takes refuse or accept, not ""`,
			"Replay":             `there is no setting "Replay": known are window, sync-window,`,
			"":                   `there is no setting ""`,
			"devices-per-user=0": `from 1 to`,
		} {
			s := iam.Defaults()
			require.ErrorContains(t, s.Set(bad), want, bad)
			require.Equal(t, iam.Defaults(), s)
		}
	})
	t.Run("JSON keeps all of it", func(t *testing.T) {
		s := iam.Defaults()
		for _, x := range iam.AllSettings() {
			_ = s.Set(x.Name) // those that are on or off
		}
		b, err := json.Marshal(s)
		require.NoError(t, err)
		var back iam.Settings
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, s, back)
		require.Greater(t, len(s.Weakened()), 10)
	})
}

func TestWeaken(t *testing.T) {
	t.Run("a list is taken as a whole", func(t *testing.T) {
		s := iam.Defaults()
		require.NoError(t, s.Weaken("replay, window=20"))
		require.Equal(t, []string{"window=20", "replay"}, s.Weakened())
		before := s
		require.ErrorContains(t, s.Weaken("enrol-reuse,nonsense"), `there is no weakness "nonsense": known are window, sync-window, drift-ppm, late-resync, challenge-time, replay,`)
		require.ErrorContains(t, s.Weaken("enrol-reuse,window=x"), `not "x"`)
		require.Equal(t, before, s)
	})
	t.Run("what makes nothing weaker is no weakness", func(t *testing.T) {
		s := iam.Defaults()
		require.ErrorContains(t, s.Weaken("lockout=3"), `there is no weakness "lockout"`)
		require.ErrorContains(t, s.Weaken(""), `there is no weakness ""`)
	})
	t.Run("stronger is not weaker", func(t *testing.T) {
		s := iam.Defaults()
		require.NoError(t, s.Weaken("window=0,sync-window=1,drift-ppm=0"))
		require.Empty(t, s.Weakened())
	})
}

func FuzzSet(f *testing.F) {
	for _, x := range iam.AllSettings() {
		f.Add(x.Name + "=" + x.Default)
		f.Add(x.Name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := iam.Defaults()
		if s.Set(text) != nil {
			require.Equal(t, iam.Defaults(), s)
			return
		}
		again := iam.Defaults()
		for _, w := range s.Weakened() {
			require.NoError(t, again.Set(w))
		}
		require.True(t, slices.Equal(s.Weakened(), again.Weakened()))
	})
}

func TestSettingsOfSecurityKeys(t *testing.T) {
	s := iam.Defaults()
	for _, x := range []string{"rp-id=example.org", "rp-origin=https://signin.example.org:8443", "user-verification=required", "attestation=direct",
		"challenge-time=1m"} {
		require.NoError(t, s.Set(x), x)
	}
	require.Empty(t, s.Weakened(), "other is not weaker")
	for bad, want := range map[string]string{
		"rp-id":                              `the setting "rp-id" takes a domain, not ""`,
		"rp-id=https://example.org":          "takes a domain",
		"rp-id=127.0.0.1":                    "takes a domain",
		"rp-origin":                          `the setting "rp-origin" takes an origin such as https://signin.example.org, not ""`,
		"rp-origin=example.org":              "takes an origin",
		"rp-origin=https://example.org/page": "takes an origin",
		"rp-origin=ftp://example.org":        "takes an origin",
		"user-verification=yes":              `the setting "user-verification" takes one of discouraged, preferred, required, not "yes"`,
		"attestation=packed":                 `the setting "attestation" takes none or direct, not "packed"`,
	} {
		before := s
		require.ErrorContains(t, s.Set(bad), want, bad)
		require.Equal(t, before, s)
	}
}
