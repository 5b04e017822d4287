package hid

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// H-24, Section 11.2.8.2: usage page 0xf1d0, usage 1, 64 bytes each way, no report ID. These are the bytes that Linux,
// libfido2, Chromium and Firefox were seen to accept.
func TestReportDescriptor(t *testing.T) {
	require.Equal(t, "06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0", hex.EncodeToString(ReportDescriptor()))
	ReportDescriptor()[0] = 0
	require.Equal(t, byte(6), ReportDescriptor()[0], "the caller's copy is its own")
}

// parrot is a device that says what it heard last, once.
type parrot struct {
	heard Report
	full  bool
}

func (p *parrot) Receive(_ time.Time, r *Report) { p.heard, p.full = *r, true }
func (p *parrot) Wake() time.Time                { return time.Unix(7, 0) }

func (p *parrot) Transmit(_ time.Time, r *Report) bool {
	was := p.full
	*r, p.full = p.heard, false
	return was
}

func TestTapSeesWhatPasses(t *testing.T) {
	var seen []string
	d := Tap(&parrot{}, func(now time.Time, toHost bool, r *Report) {
		seen = append(seen, fmt.Sprintf("%d %t %d", now.Unix(), toHost, r[0]))
	})
	r := Report{9}
	require.False(t, d.Transmit(time.Unix(1, 0), &r))
	r[0] = 9
	d.Receive(time.Unix(2, 0), &r)
	require.True(t, d.Transmit(time.Unix(3, 0), &r))
	require.False(t, d.Transmit(time.Unix(4, 0), &r))
	require.Equal(t, []string{"2 false 9", "3 true 9"}, seen)
	require.Equal(t, time.Unix(7, 0), d.Wake())
}
