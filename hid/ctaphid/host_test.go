package ctaphid

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// hear hands a message from a device to h.
func hear(h *Host, channel uint32, cmd Command, message ...byte) {
	var s splitter
	var r hid.Report
	for s.start(channel, cmd, message); s.open; {
		s.next(&r)
		h.Receive(&r)
	}
}

// said returns what h has to say.
func said(h *Host) (lines []string) {
	var r hid.Report
	for h.Transmit(&r) {
		lines = append(lines, line(&r))
	}
	return lines
}

// connected returns a host on channel 7.
func connected(t *testing.T) *Host {
	h := new(Host)
	h.Open([8]byte{1})
	said(h)
	hear(h, Broadcast, CmdInit, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 2, 5, 4, 3, 0x0d)
	_, err := h.Answer()
	require.NoError(t, err)
	require.Equal(t, uint32(7), h.Channel())
	require.Equal(t, Info{2, 5, 4, 3, CapWink | CapCBOR | CapNMSG}, h.Info())
	return h
}

func TestHostWaitsForItsOwnNonce(t *testing.T) {
	h := new(Host)
	h.Open([8]byte{1})
	require.Equal(t, []string{"ffffffff CTAPHID_INIT 8 0100000000000000"}, said(h))
	hear(h, Broadcast, CmdInit, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0)
	hear(h, 7, CmdInit, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0)
	hear(h, Broadcast, CmdPing, 1)
	require.False(t, h.Done())
	_, err := h.Answer()
	require.ErrorIs(t, err, ErrPending)
	hear(h, Broadcast, CmdInit, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0)
	require.True(t, h.Done())
	require.Equal(t, uint32(8), h.Channel())
}

func TestHostIgnoresWhatIsNotItsOwn(t *testing.T) {
	h := connected(t)
	require.NoError(t, h.Send(CmdPing, []byte{5}))
	said(h)
	hear(h, 8, CmdError, byte(ErrChannelBusy))
	hear(h, 8, CmdPing, 6)
	hear(h, Broadcast, CmdInit, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0)
	var r hid.Report
	putCont(&r, 7, 0, []byte{1}) // the rest of an answer from before
	h.Receive(&r)
	require.False(t, h.Done())
	hear(h, 7, CmdPing, 5)
	hear(h, 7, CmdPing, 6) // nobody asked
	answer, err := h.Answer()
	require.NoError(t, err)
	require.Equal(t, []byte{5}, answer)
}

func TestHostCountsKeepalivesAndCancels(t *testing.T) {
	h := connected(t)
	h.Cancel()
	require.Empty(t, said(h), "nothing to cancel")
	require.NoError(t, h.Send(CmdCBOR, make([]byte, 58)))
	h.Cancel()
	require.Equal(t, []string{"7 CTAPHID_CBOR 58 " + zeros(57), "7 #0", "7 CTAPHID_CANCEL 0 "}, said(h))
	hear(h, 7, CmdKeepalive, StatusProcessing)
	hear(h, 7, CmdKeepalive, StatusUPNeeded)
	n, status := h.Keepalives()
	require.Equal(t, 2, n)
	require.Equal(t, StatusUPNeeded, status)
	require.False(t, h.Done())
	h.Cancel()
	hear(h, 7, CmdCBOR, 0x2d)
	require.Empty(t, said(h), "it is over")
	answer, err := h.Answer()
	require.NoError(t, err)
	require.Equal(t, []byte{0x2d}, answer)
}

func TestHostStopsSendingAtAnError(t *testing.T) {
	h := connected(t)
	require.NoError(t, h.Send(CmdPing, make([]byte, 1000)))
	var r hid.Report
	require.True(t, h.Transmit(&r))
	hear(h, 7, CmdError, byte(ErrChannelBusy))
	require.Empty(t, said(h))
	_, err := h.Answer()
	require.Equal(t, ErrChannelBusy, err)
	require.EqualError(t, err, "ERR_CHANNEL_BUSY (0x06)")
}

func TestHostResyncsWhateverIsUnderway(t *testing.T) {
	h := connected(t)
	require.NoError(t, h.Send(CmdPing, make([]byte, 1000)))
	h.Resync([8]byte{9})
	require.Equal(t, []string{"7 CTAPHID_INIT 8 0900000000000000"}, said(h))
	hear(h, 7, CmdPing, 1, 2, 3)
	require.False(t, h.Done(), "the answer to what was given up")
	hear(h, 7, CmdInit, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0)
	require.True(t, h.Done())
}

func TestHostNamesWhatBreaksTheFraming(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(h *Host)
	}{
		{"another command", func(h *Host) { hear(h, 7, CmdMsg, 1) }},
		{"an error without a byte", func(h *Host) { hear(h, 7, CmdError) }},
		{"a packet too early", func(h *Host) {
			var r hid.Report
			putInit(&r, 7, CmdPing, make([]byte, 200))
			h.Receive(&r)
			putCont(&r, 7, 1, nil)
			h.Receive(&r)
		}},
		{"an answer that is too long", func(h *Host) {
			var r hid.Report
			putInit(&r, 7, CmdPing, nil)
			r[5], r[6] = 0xff, 0xff
			h.Receive(&r)
		}},
		{"INIT answered in short", func(h *Host) { h.Resync([8]byte{9}); hear(h, 7, CmdInit, 9) }},
		{"INIT answered with another nonce", func(h *Host) { h.Resync([8]byte{9}); hear(h, 7, CmdInit, make([]byte, 17)...) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := connected(t)
			require.NoError(t, h.Send(CmdPing, nil))
			c.do(h)
			_, err := h.Answer()
			require.ErrorIs(t, err, ErrFraming)
			require.NoError(t, h.Send(CmdPing, nil), "the host begins again")
		})
	}
}

func TestHostRefusesWhatCannotBeSent(t *testing.T) {
	require.ErrorContains(t, new(Host).Send(CmdPing, nil), "needs a channel")
	h := connected(t)
	require.ErrorContains(t, h.Send(CmdPing, make([]byte, MaxMessage+1)), "at most 7609")
	require.NoError(t, h.Send(CmdPing, nil))
	require.ErrorContains(t, h.Send(CmdCBOR, []byte{4}), "CTAPHID_PING waits")
}

func TestNamesAreThoseOfTheSpecification(t *testing.T) {
	require.Equal(t, "CTAPHID_KEEPALIVE", CmdKeepalive.String())
	require.Equal(t, "CTAPHID_0x3c", Command(0x3c).String())
	require.EqualError(t, Error(0x55), "unknown CTAPHID error (0x55)")
	require.ErrorIs(t, fmt.Errorf("ping: %w", ErrMsgTimeout), ErrMsgTimeout)
}
