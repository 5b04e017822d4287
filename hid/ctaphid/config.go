package ctaphid

import (
	"fmt"
	"strings"
	"time"
)

// Our choice.
const (
	// Timeout is how long the device waits for the next packet of a message. Section 11.2.5.2 leaves the value open;
	// what judges keys wants 0.4 to 1.0 s.
	Timeout = 500 * time.Millisecond
	// KeepaliveInterval is what lies between two keepalives. Section 11.2.9.1.7 wants one at least every 100 ms, also
	// from a machine whose timers are late.
	KeepaliveInterval = 80 * time.Millisecond
	// Channels is how many channels the device knows at once. A client opens one each time it starts, so that the table
	// fills up, and what is in use are a few.
	Channels = 64

	maxTimeoutMS = 60_000
	maxChannels  = 1024
)

// A Config says how a device behaves where products differ. Its zero value is the specification, with LOCK and without
// WINK. The JSON form is part of a profile file.
type Config struct {
	// Versions of the device, in the answer to INIT. See Section 11.2.9.1.3.
	Major byte `json:"major,omitempty"`
	Minor byte `json:"minor,omitempty"`
	Build byte `json:"build,omitempty"`

	Wink   bool `json:"wink,omitempty"`    // WINK is implemented
	NMSG   bool `json:"nmsg,omitempty"`    // MSG is not implemented
	NoCBOR bool `json:"no_cbor,omitempty"` // CBOR is not implemented: a key of U2F only
	NoLock bool `json:"no_lock,omitempty"` // LOCK is not implemented

	// CapsLockBit sets CapLock in the answer to INIT where LOCK is implemented, as U2FHID did.
	CapsLockBit bool `json:"caps_lock_bit,omitempty"`
	// LockBlocksInit answers INIT on the broadcast channel with ErrChannelBusy while a channel holds the lock.
	LockBlocksInit bool `json:"lock_blocks_init,omitempty"`
	// LockFollowsTraffic restarts the time of a lock with every packet on the channel that holds it, as U2FHID did; else
	// only LOCK does.
	LockFollowsTraffic bool `json:"lock_follows_traffic,omitempty"`

	// ChannelPolicy says what a channel that was never allocated may do.
	ChannelPolicy ChannelPolicy `json:"cid_policy,omitempty"`
	// BusyBeatsInvalidChannel answers such a channel with ErrChannelBusy while another one has the device.
	BusyBeatsInvalidChannel bool `json:"busy_beats_invalid_channel,omitempty"`
	// SameChannel says what becomes of a request on a channel whose last one is not answered yet.
	SameChannel SameChannelPolicy `json:"same_channel,omitempty"`
	// MaxChannels is how many channels the device knows at once, 1 to 1024; 0 is Channels.
	MaxChannels int `json:"max_channels,omitempty"`
	// TableFull says what INIT does when all of them are taken.
	TableFull TableFullPolicy `json:"table_full,omitempty"`
	// TimeoutMS is how long the device waits for the next packet of a message, in milliseconds, 1 to 60000; 0 is Timeout.
	TimeoutMS int `json:"hid_timeout_ms,omitempty"`
}

// Check returns an error that names the first number which is out of its range.
func (c Config) Check() error {
	switch {
	case c.MaxChannels < 0 || c.MaxChannels > maxChannels:
		return fmt.Errorf("ctaphid: max_channels is %d; use 1 to %d, or 0 for %d", c.MaxChannels, maxChannels, Channels)
	case c.TimeoutMS < 0 || c.TimeoutMS > maxTimeoutMS:
		return fmt.Errorf("ctaphid: hid_timeout_ms is %d; use 1 to %d, or 0 for %d",
			c.TimeoutMS, maxTimeoutMS, Timeout.Milliseconds())
	case int(c.ChannelPolicy) >= len(channelPolicies):
		return fmt.Errorf("ctaphid: cid_policy is %d; use Strict or Lenient", c.ChannelPolicy)
	case int(c.SameChannel) >= len(sameChannelPolicies):
		return fmt.Errorf("ctaphid: same_channel is %d; use SameBusy, SameIgnore or SameReplace", c.SameChannel)
	case int(c.TableFull) >= len(tableFullPolicies):
		return fmt.Errorf("ctaphid: table_full is %d; use FullEvict or FullBusy", c.TableFull)
	}
	return nil
}

func (c *Config) timeout() time.Duration {
	if c.TimeoutMS <= 0 {
		return Timeout
	}
	return time.Duration(min(c.TimeoutMS, maxTimeoutMS)) * time.Millisecond
}

func (c *Config) channels() int {
	if c.MaxChannels <= 0 {
		return Channels
	}
	return min(c.MaxChannels, maxChannels)
}

// capabilities returns the last byte of the answer to INIT.
func (c *Config) capabilities() byte {
	var caps byte
	for _, is := range []struct {
		set bool
		bit byte
	}{{c.Wink, CapWink}, {c.CapsLockBit && !c.NoLock, CapLock}, {!c.NoCBOR, CapCBOR}, {c.NMSG, CapNMSG}} {
		if is.set {
			caps |= is.bit
		}
	}
	return caps
}

// A ChannelPolicy says what a channel that was never allocated may do.
type ChannelPolicy uint8

// The channel policies.
const (
	Strict  ChannelPolicy = iota // nothing: ErrInvalidChannel. See Section 11.2.4.
	Lenient                      // what an allocated one may, as in the old U2FHID suite
)

// A SameChannelPolicy says what becomes of a request, other than CANCEL and INIT, on a channel whose last request is not
// answered yet. Section 11.2.5.1 does not define it.
type SameChannelPolicy uint8

// The same-channel policies.
const (
	SameBusy    SameChannelPolicy = iota // ErrChannelBusy, as most firmware says
	SameIgnore                           // nothing
	SameReplace                          // it takes the place of the one before, which is not answered
)

// A TableFullPolicy says what INIT does when the table of channels is full. Section 11.2.5 allows both.
type TableFullPolicy uint8

// The table-full policies.
const (
	FullEvict TableFullPolicy = iota // it takes the number away from the channel that was silent for longest
	FullBusy                         // ErrChannelBusy
)

var (
	channelPolicies     = []string{Strict: "strict", Lenient: "lenient"}
	sameChannelPolicies = []string{SameBusy: "busy", SameIgnore: "ignore", SameReplace: "replace"}
	tableFullPolicies   = []string{FullEvict: "evict", FullBusy: "busy"}
)

// MarshalText returns "strict" or "lenient".
func (p ChannelPolicy) MarshalText() ([]byte, error) { return word(channelPolicies, uint8(p)) }

// UnmarshalText reads what MarshalText wrote.
func (p *ChannelPolicy) UnmarshalText(text []byte) error {
	return readWord("cid_policy", channelPolicies, text, (*uint8)(p))
}

// MarshalText returns "busy", "ignore" or "replace".
func (p SameChannelPolicy) MarshalText() ([]byte, error) { return word(sameChannelPolicies, uint8(p)) }

// UnmarshalText reads what MarshalText wrote.
func (p *SameChannelPolicy) UnmarshalText(text []byte) error {
	return readWord("same_channel", sameChannelPolicies, text, (*uint8)(p))
}

// MarshalText returns "evict" or "busy".
func (p TableFullPolicy) MarshalText() ([]byte, error) { return word(tableFullPolicies, uint8(p)) }

// UnmarshalText reads what MarshalText wrote.
func (p *TableFullPolicy) UnmarshalText(text []byte) error {
	return readWord("table_full", tableFullPolicies, text, (*uint8)(p))
}

func word(words []string, i uint8) ([]byte, error) {
	if int(i) >= len(words) {
		return nil, fmt.Errorf("ctaphid: there is no policy %d; use 0 to %d", i, len(words)-1)
	}
	return []byte(words[i]), nil
}

func readWord(name string, words []string, text []byte, to *uint8) error {
	for i, word := range words {
		if word == string(text) {
			*to = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("ctaphid: %s is %.20q; use one of %s", name, text, strings.Join(words, ", "))
}
