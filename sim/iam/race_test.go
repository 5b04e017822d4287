package iam_test

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// racers is how many clients send one code at once.
const racers = 64

// rounds is how often they do: MFALAB_ROUNDS, or a hundred times.
func rounds(t testing.TB) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("MFALAB_ROUNDS"), "100"))
	require.NoError(t, err, "MFALAB_ROUNDS is a number")
	return n
}

// race sends call i of each client at once and returns how many succeeded.
func (c *counter) race(call func(i int) iam.Call) int {
	var won atomic.Int64
	var ready, all sync.WaitGroup
	start := make(chan struct{})
	ready.Add(racers)
	for i := range racers {
		x := call(i)
		x.Now, x.Wall = c.now, c.now
		all.Go(func() {
			ready.Done()
			<-start
			if _, err := c.service.Do(c.t.Context(), x); err == nil {
				won.Add(1)
			}
		})
	}
	ready.Wait()
	close(start)
	all.Wait()
	return int(won.Load())
}

// TestOneCodeIsGoodOnceForManyClients has sixty-four clients send one code at once, to start a session, to resynchronise
// the fob, and to enrol it for bob and for eve.
func TestOneCodeIsGoodOnceForManyClients(t *testing.T) {
	c := newCounter(t, "devices-per-user=1000")
	c.must("CreateUser", "UserName", "eve")
	bob := c.as("bob").caller
	calls := func(serial string) func(i int) iam.Call {
		before, code, after := c.code(-1), c.code(0), c.code(1)
		pair := func(action, user, code1, code2 string) iam.Call {
			return iam.Call{Service: "iam", Action: action, Caller: c.caller,
				Params: form(append(codes(code1, code2), "UserName", user, "SerialNumber", serial)...)}
		}
		return func(i int) iam.Call {
			switch i % 6 {
			case 0:
				return pair("ResyncMFADevice", "bob", code, after)
			case 1:
				return pair("ResyncMFADevice", "bob", before, code)
			case 2:
				return pair("EnableMFADevice", "bob", code, after)
			case 3:
				return pair("EnableMFADevice", "eve", before, code)
			}
			return iam.Call{Service: "sts", Action: "GetSessionToken", Caller: bob, Params: form("SerialNumber", serial, "TokenCode", code)}
		}
	}
	for round := range rounds(t) {
		serial := fmt.Sprintf("RACE%08d", round)
		require.NoError(t, c.service.Stock(t.Context(), []iam.HardwareDevice{{Serial: serial, Seed: fobSeed}}))
		require.Equal(t, 1, c.race(calls(serial)), "round %d: in the factory, it can be enrolled once", round)
		_, e := c.login(serial, c.code(0))
		require.NotNil(t, e, "round %d: a code that enrolled is burnt", round)
		c.wait(time.Minute)
		for _, user := range []string{"bob", "eve"} { // whose it is now
			_, _ = c.do("DeactivateMFADevice", form("UserName", user, "SerialNumber", serial))
		}
		c.must("EnableMFADevice", append(codes(c.code(0), c.code(1)), "UserName", "bob", "SerialNumber", serial)...)
		c.wait(90 * time.Second)
		require.Equal(t, 1, c.race(calls(serial)), "round %d: enabled", round)
		_, e = c.login(serial, c.code(0))
		require.NotNil(t, e, "round %d: the code is burnt", round)
		c.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", serial)
		c.wait(time.Minute)
		require.NoError(t, c.service.Unstock(t.Context(), serial))
	}
}

// TestFailuresOfManyClientsAreAllCounted: guesses in parallel share the tries of the device.
func TestFailuresOfManyClientsAreAllCounted(t *testing.T) {
	c := newCounter(t, "lockout=10")
	c.enable()
	bob := c.as("bob").caller
	c.race(func(i int) iam.Call {
		caller := bob
		caller.AccessKeyID = fmt.Sprintf("AKIA%016d", i)
		return iam.Call{Service: "sts", Action: "GetSessionToken", Caller: caller,
			Params: form("SerialNumber", fob, "TokenCode", fmt.Sprintf("%06d", i))}
	})
	require.EqualValues(t, 10, c.failures(fob))
	_, e := c.login(fob, c.code(0))
	require.Equal(t, "lockout", e.Rule)
}

// FuzzDeviceOperations: whatever the parameters, a refusal leaves the store as it was but for the count of failures, and
// no operation panics.
func FuzzDeviceOperations(f *testing.F) {
	actions := []string{"CreateVirtualMFADevice", "EnableMFADevice", "ResyncMFADevice", "DeactivateMFADevice", "DeleteVirtualMFADevice",
		"ListMFADevices", "ListVirtualMFADevices", "GetMFADevice", "TagMFADevice", "UntagMFADevice", "ListMFADeviceTags", "GetSessionToken"}
	for i := range actions {
		f.Add(uint8(i), "bob", fob, "123456", "654321", "/", "phone", "marker", "7", "Any")
		f.Add(uint8(i), "", "arn:aws:iam::123456789012:mfa/phone", "１２３４５６", "", "/a", "two words", "\x00", "-1", "")
		f.Add(uint8(i), "nobody", "20899872", "00012", "0001522", "//", "", "", "1001", "\xff")
	}
	books := newCounter(f)
	books.enable()
	books.phone("bob")
	f.Fuzz(func(t *testing.T, which uint8, user, serial, code1, code2, path, name, marker, number, word string) {
		c := &counter{clerk: books.copy(t), rules: iam.Defaults()}
		action := actions[int(which)%len(actions)]
		call := iam.Call{Service: "iam", Action: action, Caller: c.as("bob").caller, Params: form("UserName", user, "SerialNumber", serial,
			"AuthenticationCode1", code1, "AuthenticationCode2", code2, "TokenCode", code1, "Path", path, "VirtualMFADeviceName", name,
			"Marker", marker, "MaxItems", number, "DurationSeconds", number, "AssignmentStatus", word,
			"Tags.member.1.Key", word, "Tags.member.1.Value", name, "TagKeys.member.1", word)}
		if action == "GetSessionToken" {
			call.Service = "sts"
		}
		if user == "" {
			call.Params.Del("UserName")
		}
		before := c.uncounted()
		if _, e := c.call(call); e != nil {
			require.NotEmpty(t, e.Code)
			require.NotEmpty(t, e.Rule)
			require.NotEqual(t, "ServiceFailure", e.Code)
			require.Equal(t, before, c.uncounted())
		}
	})
}
