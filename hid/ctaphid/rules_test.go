package ctaphid

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rule is what the framing wants, and what becomes of who breaks it.
type rule struct {
	id      string // H-1 to H-24, as the rules are numbered for this project
	section string
	name    string
	config  Config
	run     func(b *bench)
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range slices.Concat(messageRules, transactionRules, commandRules, lockRules, channelRules) {
		seen[r.id] = true
		t.Run(fmt.Sprintf("%s Section %s: %s", r.id, r.section, r.name), func(t *testing.T) { r.run(newBench(t, r.config)) })
	}
	require.Len(t, seen, 23, "H-24 is the report descriptor, in package hid")
}
