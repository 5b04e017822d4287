package u2f_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/flash"
)

// reordered is a flash that does other writes than it is told, or the same in another order: what firmware would do
// that has its writes in the wrong order.
type reordered struct {
	u2f.Flash
	put func(f u2f.Flash, name string, value []byte) error
}

func (r reordered) Put(name string, value []byte) error { return r.put(r.Flash, name, value) }

// instead is the order in which a Put to a record of that name, or name and more, is something else.
func instead(record string, put func(f u2f.Flash, name string, value []byte) error) order {
	return func(f u2f.Flash) u2f.Flash {
		return reordered{f, func(f u2f.Flash, name string, value []byte) error {
			if strings.HasPrefix(name, record) {
				return put(f, name, value)
			}
			return f.Put(name, value)
		}}
	}
}

// deleteFirst deletes records before the Put.
func deleteFirst(records ...string) func(f u2f.Flash, name string, value []byte) error {
	return func(f u2f.Flash, name string, value []byte) error {
		for _, r := range records {
			if r == "itself" {
				r = name
			}
			if err := f.Delete(r); err != nil {
				return err
			}
		}
		return f.Put(name, value)
	}
}

// putFirst puts the value under another name before the Put.
func putFirst(record string) func(f u2f.Flash, name string, value []byte) error {
	return func(f u2f.Flash, name string, value []byte) error {
		if err := f.Put(record, value); err != nil {
			return err
		}
		return f.Put(name, value)
	}
}

// late is the order in which a record of that name, or name and more, is written before the next Put, which may be never.
func late(record string) order {
	return func(f u2f.Flash) u2f.Flash {
		next := func() error { return nil }
		return reordered{f, func(f u2f.Flash, name string, value []byte) error {
			if err := next(); err != nil {
				return err
			}
			value = slices.Clone(value)
			if next = func() error { return nil }; strings.HasPrefix(name, record) {
				next = func() error { return f.Put(name, value) }
				return nil
			}
			return f.Put(name, value)
		}}
	}
}

// The replay finds each order of writes that is wrong: what it says then is in found.
func TestPowerCutsFindAWrongOrder(t *testing.T) {
	for _, c := range []struct {
		name           string
		order          order
		state, command string
		found          string
	}{
		{"attempts are stored after the comparison", late("retries"), "PIN", "getPinToken, wrong PIN",
			`the key is: PIN "1234", 8 attempts`},
		{"attempts are given back after the answer", late("retries"), "PIN, attempts spent", "getPinToken",
			`power lost after the answer: the key is: PIN "1234", 5 attempts`},
		{"a right PIN costs nothing first", instead("retries", func(f u2f.Flash, name string, value []byte) error {
			if value[0] < 8 {
				return nil
			}
			return f.Put(name, value)
		}), "PIN, attempts spent", "getPinToken", `cut after write 1 of the command: the key is: PIN "1234", 8 attempts`},
		{"the counter is stored after the signature", late("counter"), "one resident credential", "getAssertion, resident",
			"the counter fell"},
		{"the counter is stored after the signature, in U2F", late("counter"), "U2F, credentials", "U2F_AUTHENTICATE",
			"the counter fell"},
		{"a reset deletes the PIN and then begins", instead("reset", deleteFirst("pin", "retries")), "everything, full", "reset",
			`the key is: PIN ""`},
		{"a reset has a new master key and then begins", instead("reset", putFirst("master")), "everything, full", "reset",
			"signs wrongly"},
		{"a reset has ended before its last write", instead("master", deleteFirst("reset")), "everything, full", "reset",
			`cut after write 9 of the command: the key is: PIN "", 8 attempts, credentials [`},
		{"a reset says that it is done and then begins", late("reset"), "resident credentials", "reset", "the key is"},
		{"a credential gives up its place and then is written", instead("rk/", deleteFirst("itself")), "resident credentials",
			"makeCredential, resident, in the place of another", "the key is"},
		{"a credential is written in two parts", instead("rk/", func(f u2f.Flash, name string, value []byte) error {
			if err := f.Put(name, value[:len(value)/2]); err != nil {
				return err
			}
			return f.Put(name, value)
		}), "fresh", "makeCredential, resident", "the key does not start"},
		{"a credential is answered and then written", late("rk/"), "fresh", "makeCredential, resident",
			`power lost after the answer: the key is: PIN "", 8 attempts, credentials []`},
		{"a PIN is deleted and then written", instead("pin", deleteFirst("itself")), "PIN", "changePIN", `the key is: PIN ""`},
		{"a setting is answered and then written", late("settings"), "fresh", "toggleAlwaysUv", "power lost after the answer"},
		{"large blobs are written in two parts", instead("blobs", func(f u2f.Flash, name string, value []byte) error {
			if err := f.Put(name, value[:len(value)/2]); err != nil {
				return err
			}
			return f.Put(name, value)
		}), "fresh", "authenticatorLargeBlobs, the last fragment", "the key does not start"},
		{"a reset keeps settings to the end", instead("reset", deleteFirst("settings")), "settings, PIN, credentials", "reset", "the key is"},
		{"a PIN is answered and then written", late("pin"), "fresh", "setPIN", `the key is: PIN ""`},
		{"an attempt at the sensor is stored after the finger", late("uv"), "bio, a fingerprint",
			"getPinUvAuthTokenUsingUvWithPermissions, wrong finger", "3 attempts at the sensor"},
		{"a right finger costs nothing first", instead("uv", func(f u2f.Flash, name string, value []byte) error {
			if value[0] < maxUV {
				return nil
			}
			return f.Put(name, value)
		}), "bio, a fingerprint, attempts spent", "getAssertion, a finger",
			`cut after write 1 of the command: the key is: PIN "1234", 8 attempts`},
		{"a fingerprint is answered and then written", late("fp/"), "bio, PIN", "enrollCaptureNextSample, the last",
			"power lost after the answer: the key is"},
		{"a fingerprint is deleted to be renamed", instead("fp/", deleteFirst("itself")), "bio, a fingerprint", "setFriendlyName",
			"the key is"},
		{"a reset deletes the fingerprints and then begins", instead("reset", deleteFirst("uv")), "bio, full", "reset", "the key is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &replay{t: t, order: c.order, counts: map[string]*count{},
				medium: func(s *prepared) flash.Medium { return memory(t, s.records) }}
			all := states()
			s := all[slices.IndexFunc(all, func(s state) bool { return s.name == c.state })]
			do := commands()[slices.IndexFunc(commands(), func(do command) bool { return do.name == c.command })]
			r.every(prepare(t, s), do)
			require.True(t, slices.ContainsFunc(r.wrongs, func(w string) bool { return strings.Contains(w, c.found) }),
				"%q was not found, but: %s", c.found, strings.Join(r.wrongs, "\n"))
		})
	}
}
