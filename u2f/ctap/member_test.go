package ctap_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
)

func TestInfoMembers(t *testing.T) {
	list, err := ctap.InfoMembers(canonical(t, fields{1: []any{"FIDO_2_3"}, 3: make([]byte, 16), 4: fields{"rk": true},
		6: []any{2, 1}, 10: []any{fields{"alg": -8, "type": "public-key"}}, 20: 3, 25: []byte{0xab}, 28: []byte("https://lab.example"), 99: 1}))
	require.NoError(t, err)
	text, err := json.Marshal(list)
	require.NoError(t, err)
	require.JSONEq(t, `[{"member": 1, "name": "versions", "value": ["FIDO_2_3"]},
		{"member": 3, "name": "aaguid", "value": "00000000-0000-0000-0000-000000000000"},
		{"member": 4, "name": "options", "value": {"rk": true}},
		{"member": 6, "name": "pinUvAuthProtocols", "value": [2, 1]},
		{"member": 10, "name": "algorithms", "value": [-8]},
		{"member": 20, "name": "remainingDiscoverableCredentials", "value": 3},
		{"member": 25, "name": "encIdentifier", "value": "ab"},
		{"member": 28, "name": "pinComplexityPolicyURL", "value": "https://lab.example"},
		{"member": 99, "name": "0x63", "value": 1}]`, string(text))
	for _, b := range [][]byte{nil, {0x80}, {0xa1, 0x01}, {0xa1, 0x0a, 0x01}, {0xa1, 0x03, 0x01}, {0xa0, 0x00}} {
		_, err := ctap.InfoMembers(b)
		require.Error(t, err, "%x", b)
	}
}
