package iam_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// An attack is a way in which some server that checks codes has failed. It is tried against the default rules, where it
// must fail, and against the rules with one weakness, where it must succeed: otherwise it would show nothing.
type attack struct {
	name     string
	weakness string
	settings []string // in force in both
	succeeds func(c *counter) bool
}

// accepted reports whether a login with a code succeeds.
func (c *counter) accepted(code string) bool {
	_, e := c.login(fob, code)
	return e == nil
}

func (c *counter) mustLogin(code string) {
	c.t.Helper()
	_, e := c.login(fob, code)
	require.Nil(c.t, e)
}

// resynced reports whether a resync with two codes succeeds.
func (c *counter) resynced(code1, code2 string) bool {
	_, e := c.do("ResyncMFADevice", form(append(codes(code1, code2), "UserName", "bob", "SerialNumber", fob)...))
	return e == nil
}

var attacks = []attack{
	{"a code is sent twice", "replay", nil, func(c *counter) bool {
		c.mustLogin(c.code(0))
		return c.accepted(c.code(0))
	}},
	{"a code is sent after the next one was accepted", "replay", nil, func(c *counter) bool {
		c.mustLogin(c.code(1))
		return c.accepted(c.code(0))
	}},
	{"a code of the enrolment starts a session", "enrol-reuse", nil, func(c *counter) bool {
		return c.accepted(c.code(-1))
	}},
	{"a code of a resync starts a session, as in google-authenticator's skew path", "enrol-reuse", nil, func(c *counter) bool {
		require.True(c.t, c.resynced(c.code(0), c.code(1)))
		return c.accepted(c.code(1))
	}},
	{"a code of a resync resyncs again", "enrol-reuse", nil, func(c *counter) bool {
		require.True(c.t, c.resynced(c.code(0), c.code(1)))
		return c.resynced(c.code(0), c.code(1))
	}},
	{"FreeRADIUS forgets a used code that is still acceptable", "forget=30s", nil, func(c *counter) bool {
		c.wait(15 * time.Second) // the first second of a step
		code := c.code(0)
		c.mustLogin(code)
		require.False(c.t, c.accepted(code), "remembered for half a minute")
		c.wait(30 * time.Second)
		return c.accepted(code)
	}},
	{"Ceph accepts a used code again a step later", "absolute-distance", nil, func(c *counter) bool {
		code := c.code(0)
		c.mustLogin(code)
		c.wait(30 * time.Second)
		return c.accepted(code)
	}},
	{"Ceph refuses the current code after a late one", "absolute-distance", nil, func(c *counter) bool {
		c.wait(30 * time.Second)
		c.mustLogin(c.code(-1))
		return !c.accepted(c.code(0))
	}},
	{"a used code is good again when the server's clock has gone ahead and back", "rewind", nil, func(c *counter) bool {
		code := c.code(0)
		c.mustLogin(code)
		c.wait(time.Hour)
		c.mustLogin(c.code(0))
		c.wait(-time.Hour)
		return c.accepted(code)
	}},
	{"a clone with a fast clock leads the server away from the fob", "walk", nil, lead},
	{"a clone with a fast clock leads a server that expects bad crystals", "drift-ppm=1000000", nil, lead},
	{"an old code", "window=20", nil, func(c *counter) bool {
		c.wait(5 * time.Minute)
		return c.accepted(c.code(-10))
	}},
	{"two codes of a phishing catch, hours old", "sync-window=1000", nil, func(c *counter) bool {
		code1, code2 := c.code(0), c.code(1)
		c.wait(3 * time.Hour)
		return c.resynced(code1, code2)
	}},
	{"two codes of a phishing catch that have been used", "old-resync", nil, func(c *counter) bool {
		code1, code2 := c.code(0), c.code(1)
		c.mustLogin(code2)
		return c.resynced(code1, code2)
	}},
	{"two codes in the wrong order", "unordered-resync", nil, func(c *counter) bool { return c.resynced(c.code(1), c.code(0)) }},
	{"two codes with a gap", "unordered-resync", nil, func(c *counter) bool { return c.resynced(c.code(0), c.code(5)) }},
	{"a resync that comes too late looks as if it worked", "late-resync=accept", nil, func(c *counter) bool {
		code1, code2 := c.code(0), c.code(1)
		c.wait(30 * time.Minute)
		return c.resynced(code1, code2) && !c.accepted(c.code(0)) // and the device remains out of sync
	}},
	{"the next owner of a fob is enrolled with codes of the last one", "forget-on-deactivate", nil, func(c *counter) bool {
		code1, code2 := c.code(0), c.code(1)
		c.mustLogin(code2)
		c.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", fob)
		_, e := c.do("EnableMFADevice", form(append(codes(code1, code2), "UserName", "bob", "SerialNumber", fob)...))
		return e == nil
	}},
	{"AuthQuake: a second session has tries of its own", "count-per-session", []string{"lockout=3"}, func(c *counter) bool {
		guess := func(key, code string) bool {
			caller := c.as("bob").caller
			caller.AccessKeyID = key
			_, e := c.call(iam.Call{Service: "sts", Action: "GetSessionToken", Params: form("SerialNumber", fob, "TokenCode", code), Caller: caller})
			return e == nil
		}
		for range 3 {
			require.False(c.t, guess("AKIAONE", "000000"))
		}
		require.False(c.t, guess("AKIAONE", c.code(0)), "this one is locked")
		return guess("AKIATWO", c.code(0))
	}},
	{"Vikunja: the count of failures is rolled back with the refused call", "rollback-count", []string{"lockout=3"}, func(c *counter) bool {
		for range 10 {
			require.False(c.t, c.accepted("000000"))
		}
		return c.accepted(c.code(0))
	}},
	{"a user to whom nobody has given anything reads the account", "no-policies", nil, func(c *counter) bool {
		c.must("CreateUser", "UserName", "mallory")
		_, e := c.mere("mallory").do("ListUsers", nil)
		return e == nil
	}},
	{"Gitea: two callers check a code before either has burnt it", "split-check", nil, func(c *counter) bool {
		var both sync.WaitGroup
		both.Add(2)
		var one, other bool
		code, caller := c.code(0), c.as("bob").caller
		c.service = c.serviceOn(meetingStore{c.store, &both})
		try := func(ok *bool) func() {
			return func() {
				_, err := c.service.Do(c.t.Context(), iam.Call{Service: "sts", Action: "GetSessionToken", Caller: caller,
					Params: form("SerialNumber", fob, "TokenCode", code), Now: c.now, Wall: c.now})
				*ok = err == nil
			}
		}
		var all sync.WaitGroup
		all.Go(try(&one))
		all.Go(try(&other))
		all.Wait()
		require.True(c.t, one || other)
		return one && other
	}},
}

// lead is the walk of an attacker who has a copy of the seed: each code is a step further ahead of the true time.
func lead(c *counter) bool {
	for i := range int64(10) {
		c.wait(time.Minute)
		c.login(fob, c.code(i+1))
	}
	return !c.accepted(c.code(0)) && !c.accepted(c.code(1)) // the fob's own
}

// A meetingStore lets two transactions that read a fob, and nothing else, end together. It does nothing for those that write:
// they are alone by themselves.
type meetingStore struct {
	iam.Store
	both *sync.WaitGroup
}

func (s meetingStore) View(ctx context.Context, f func(iam.Tx) error) error {
	err := s.Store.View(ctx, f)
	s.both.Done()
	s.both.Wait()
	return err
}

func TestAttacks(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			sound := newCounter(t, a.settings...)
			sound.enable()
			require.False(t, a.succeeds(sound), "the default rules let it through")
			weak := newCounter(t, append(a.settings, a.weakness)...)
			weak.enable()
			require.True(t, a.succeeds(weak), "the weakness %q makes no difference", a.weakness)
		})
	}
}

func TestEveryWeaknessHasAnAttack(t *testing.T) {
	shown := iam.Defaults()
	for _, a := range attacks {
		require.NoError(t, shown.Weaken(a.weakness))
	}
	for _, a := range keyAttacks {
		require.NoError(t, shown.Weaken(a.weakness))
	}
	weak := 0
	for _, s := range iam.AllSettings() {
		if s.Weak {
			weak++
		}
	}
	require.Len(t, shown.Weakened(), weak)
}

// What Ceph's cls_otp does, recorded with liboath 2.6.7 and its default window.
func TestCephSequence(t *testing.T) {
	const n = 59_000_000
	run := func(settings ...string) string {
		s := iam.Defaults()
		require.NoError(t, s.Set("window=2"))
		for _, x := range settings {
			require.NoError(t, s.Set(x))
		}
		v := verifier(t, rfcSeed)
		got := ""
		for _, step := range []struct{ code, now int64 }{{n - 1, n}, {n - 1, n}, {n, n}, {n - 1, n + 1}} {
			v.Offset = 0 // Ceph learns no drift
			if v.Login(codeOf(rfcSeed, step.code), during(step.now), &s).Accepted {
				got += "+"
			} else {
				got += "-"
			}
		}
		return got
	}
	require.Equal(t, "+--+", run("absolute-distance"))
	require.Equal(t, "+-+-", run())
}
