package ctaphid

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigAsJSON(t *testing.T) {
	for text, cfg := range map[string]Config{
		`{}`: {},
		`{"major":5,"wink":true,"caps_lock_bit":true,"cid_policy":"lenient","busy_beats_invalid_channel":true,"hid_timeout_ms":700}`: {
			Major: 5, Wink: true, CapsLockBit: true, ChannelPolicy: Lenient, BusyBeatsInvalidChannel: true, TimeoutMS: 700},
		`{"nmsg":true,"no_lock":true,"lock_blocks_init":true,"same_channel":"ignore","max_channels":4,"table_full":"busy"}`: {
			NMSG: true, NoLock: true, LockBlocksInit: true, SameChannel: SameIgnore, MaxChannels: 4, TableFull: FullBusy},
	} {
		got, err := json.Marshal(cfg)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		var back Config
		require.NoError(t, json.Unmarshal([]byte(text), &back))
		require.Equal(t, cfg, back)
		require.NoError(t, back.Check())
	}
}

func TestConfigWithNonsense(t *testing.T) {
	for text, want := range map[string]string{
		`{"cid_policy":"loose"}`:    `cid_policy is "loose"; use one of strict, lenient`,
		`{"same_channel":"queue"}`:  `same_channel is "queue"; use one of busy, ignore, replace`,
		`{"table_full":"grow"}`:     `table_full is "grow"; use one of evict, busy`,
		`{"hid_timeout_ms":-1}`:     "hid_timeout_ms is -1; use 1 to 60000, or 0 for 500",
		`{"hid_timeout_ms":60001}`:  "hid_timeout_ms is 60001",
		`{"max_channels":-1}`:       "max_channels is -1; use 1 to 1024, or 0 for 64",
		`{"max_channels":10000000}`: "max_channels is 10000000",
	} {
		var cfg Config
		err := json.Unmarshal([]byte(text), &cfg)
		if err == nil {
			err = cfg.Check()
		}
		require.ErrorContains(t, err, want)
	}
	for _, cfg := range []Config{{ChannelPolicy: 9}, {SameChannel: 9}, {TableFull: 9}} {
		require.Error(t, cfg.Check())
		_, err := json.Marshal(cfg)
		require.Error(t, err)
	}
	d := NewDevice(&echo{}, Config{MaxChannels: -1, TimeoutMS: 1 << 40})
	require.Equal(t, Channels, d.channels.max)
	require.Equal(t, int64(60_000), d.config.timeout().Milliseconds())
}
