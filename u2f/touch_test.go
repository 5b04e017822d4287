package u2f_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// TestTouch is how a wait for the user ends, for each command that waits.
func TestTouch(t *testing.T) {
	commands := []struct {
		name, section string
		cmd           byte
		params        []byte
		late          error // nobody touches
	}{
		{"authenticatorMakeCredential", "6.1.2 step 14", makeCmd, making(resident("u")), ctap.ErrUserActionTimeout},
		{"authenticatorGetAssertion", "6.2.2 step 9", getCmd, asking(nil), ctap.ErrUserActionTimeout},
		{"authenticatorReset", "6.6", resetCmd, nil, ctap.ErrUserActionTimeout},
		{"authenticatorSelection", "6.9", selectCmd, nil, ctap.ErrUserActionTimeout},
		{"authenticatorMakeCredential", "6.1.2 step 1.2", makeCmd, making(uvParam([]byte{}, nil)), ctap.ErrOperationDenied},
		{"authenticatorGetAssertion", "6.2.2 step 1.2", getCmd, asking(askParam([]byte{}, nil)), ctap.ErrOperationDenied},
	}
	for _, c := range commands {
		for _, end := range []struct {
			name string
			do   func(r *rig)
			want error
			said string
		}{
			{"denied", func(r *rig) { require.True(t, r.key.Deny(r.now)) }, ctap.ErrOperationDenied, u2f.Denied},
			{"cancelled", func(r *rig) { r.key.Cancel(r.now) }, ctap.ErrKeepaliveCancel, u2f.Cancelled},
			{"nobody touches", func(r *rig) { r.now = r.now.Add(30 * time.Second) }, c.late, u2f.TimedOut},
		} {
			t.Run(c.name+" "+end.name+", Section "+c.section, func(t *testing.T) {
				r := newRig(t, "ctap2.1", nil)
				r.make(resident("u0"))
				r.manual()
				before := r.contents()
				r.said()
				r.begin(c.cmd, c.params)
				what, waits := r.key.Waiting()
				require.True(t, waits)
				require.Equal(t, c.name, what.Command)
				require.Equal(t, []time.Time{r.now, r.now.Add(30 * time.Second)}, []time.Time{what.Since, what.Deadline})
				require.Equal(t, what.Deadline, r.key.Wake())
				end.do(r)
				_, err := r.reply()
				require.Equal(t, end.want, err)
				require.Equal(t, []string{u2f.Waiting, end.said}, r.said())
				require.Equal(t, before, r.contents(), "nothing happens before consent")
				_, waits = r.key.Waiting()
				require.False(t, waits)
				require.False(t, r.key.Touch(r.now))
				require.False(t, r.key.Deny(r.now))
				require.True(t, r.key.Wake().IsZero())
				r.key.Cancel(r.now)
				_, again := r.reply()
				require.Equal(t, err, again, "the answer stays until the next request")
			})
		}
	}
}

func TestTouchTimeoutOfOldKeys(t *testing.T) {
	r := newRig(t, "ctap2.0", nil)
	r.manual()
	r.begin(makeCmd, making(nil))
	r.now = r.now.Add(30*time.Second - 1)
	_, ok := r.key.Reply(r.now)
	require.False(t, ok)
	r.now = r.now.Add(1)
	_, err := r.reply()
	require.Equal(t, ctap.ErrOperationDenied, err, "2.0 Section 5.1, step 8")
}

func TestPresence(t *testing.T) {
	const delay = 700 * time.Millisecond
	t.Run("auto touches after its delay", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto, Delay: delay})
		r.begin(selectCmd, nil)
		require.Equal(t, r.now.Add(delay), r.key.Wake())
		_, err := r.reply()
		require.NoError(t, err)
		require.Equal(t, epoch.Add(delay), r.now)
	})
	t.Run("deny declines after its delay, and at once without", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Deny, Delay: delay})
		r.begin(selectCmd, nil)
		_, err := r.reply()
		require.Equal(t, ctap.ErrOperationDenied, err)
		require.Equal(t, epoch.Add(delay), r.now)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Deny})
		_, err = r.send(selectCmd, nil)
		require.Equal(t, ctap.ErrOperationDenied, err)
		require.Equal(t, epoch.Add(delay), r.now)
	})
	t.Run("never is a dead contact", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Never})
		r.begin(selectCmd, nil)
		require.False(t, r.key.Touch(r.now))
		_, err := r.reply()
		require.Equal(t, ctap.ErrUserActionTimeout, err)
	})
	t.Run("it changes while a client waits, and the delay counts from then", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.manual()
		r.begin(selectCmd, nil)
		r.now = r.now.Add(5 * time.Second)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto, Delay: delay})
		require.Equal(t, r.now.Add(delay), r.key.Wake())
		_, err := r.reply()
		require.NoError(t, err)

		r.manual()
		r.begin(selectCmd, nil)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto})
		_, ok := r.key.Reply(r.now)
		require.True(t, ok)
	})
	t.Run("a delay beyond the deadline is too late", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto, Delay: time.Hour})
		r.begin(selectCmd, nil)
		_, err := r.reply()
		require.Equal(t, ctap.ErrUserActionTimeout, err)
		require.Equal(t, epoch.Add(30*time.Second), r.now)
	})
	t.Run("as JSON", func(t *testing.T) {
		for mode, text := range map[u2f.Mode]string{u2f.Manual: "manual", u2f.Auto: "auto", u2f.Never: "never", u2f.Deny: "deny"} {
			b, err := json.Marshal(mode)
			require.NoError(t, err)
			require.Equal(t, `"`+text+`"`, string(b))
			require.Equal(t, text, mode.String())
			var back u2f.Mode
			require.NoError(t, json.Unmarshal(b, &back))
			require.Equal(t, mode, back)
		}
		require.ErrorContains(t, new(u2f.Mode).UnmarshalText([]byte("often")), `"often"; use manual, auto, never or deny`)
		_, err := u2f.Mode(9).MarshalText()
		require.Error(t, err)
		require.Equal(t, "Mode(9)", u2f.Mode(9).String())
	})
}

// TestPolling is CTAP1's way to wait: the host asks again.
func TestPolling(t *testing.T) {
	register := append([]byte{0, 1, 0, 0, 0, 0, 64}, make([]byte, 66)...)
	poll := func(r *rig) string {
		r.t.Helper()
		r.key.APDU(r.now, channel, register)
		reply, ok := r.key.Reply(r.now)
		require.True(t, ok, "a U2F message is answered at once")
		return string(reply[len(reply)-2:])
	}
	const done, wait = "\x90\x00", "\x69\x85"
	start := func(t *testing.T) *rig {
		r := newRig(t, "ctap2.1", nil)
		r.manual()
		require.Equal(t, wait, poll(r))
		return r
	}
	t.Run("a touch is good for one answer", func(t *testing.T) {
		r := start(t)
		require.True(t, r.key.Touch(r.now))
		_, waits := r.key.Waiting()
		require.False(t, waits)
		require.False(t, r.key.Touch(r.now))
		require.Equal(t, done, poll(r))
		require.Equal(t, wait, poll(r))
	})
	t.Run("a touch lasts for 10 seconds", func(t *testing.T) {
		r := start(t)
		require.True(t, r.key.Touch(r.now))
		r.now = r.now.Add(10*time.Second - 1)
		require.Equal(t, done, poll(r))
		require.Equal(t, wait, poll(r))
		require.True(t, r.key.Touch(r.now))
		r.now = r.now.Add(10 * time.Second)
		require.Equal(t, wait, poll(r))
	})
	t.Run("a host that is gone leaves a key that stops blinking", func(t *testing.T) {
		r := start(t)
		r.said()
		r.now = r.key.Wake()
		r.key.Step(r.now)
		require.Equal(t, []string{u2f.TimedOut}, r.said())
		_, waits := r.key.Waiting()
		require.False(t, waits)
	})
	t.Run("a touch for one request is none for another", func(t *testing.T) {
		r := start(t)
		require.True(t, r.key.Touch(r.now))
		register[10] ^= 0x20 // in the challenge: the same request for the user
		require.Equal(t, done, poll(r))
		require.Equal(t, wait, poll(r))
		require.True(t, r.key.Touch(r.now))
		register[60] ^= 0x20 // in the application parameter
		require.Equal(t, wait, poll(r))
	})
	t.Run("a CTAP2 request, denial and cancel", func(t *testing.T) {
		r := start(t)
		r.key.Cancel(r.now)
		require.True(t, r.key.Deny(r.now), "cancel does not end a U2F message")
		require.Equal(t, wait, poll(r))
		require.True(t, r.key.Touch(r.now))
		_, err := r.send(infoCmd, nil)
		require.NoError(t, err)
		require.Equal(t, wait, poll(r))
	})
	t.Run("the policies", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		require.Equal(t, done, poll(r))
		r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Auto, Delay: time.Second})
		require.Equal(t, wait, poll(r))
		r.now = r.now.Add(time.Second)
		require.Equal(t, done, poll(r))
		for _, mode := range []u2f.Mode{u2f.Deny, u2f.Never} {
			r.key.SetPresence(r.now, u2f.Presence{Mode: mode})
			require.Equal(t, wait, poll(r))
			require.Equal(t, wait, poll(r))
		}
	})
}
