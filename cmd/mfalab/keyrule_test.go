package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid/uhid"
)

func TestWhoLacksRightsIsShownTheRule(t *testing.T) {
	status, out, errs := output(t, program(t, t.TempDir(), "key", "rule"))
	require.Zero(t, status, errs)
	require.Equal(t, uhid.Rule(), out)
	var h hinted
	require.ErrorAs(t, ruled(errors.New("be root, or install the rule in "+uhid.RulePath)), &h)
	require.Contains(t, h.hint, "mfalab key rule")
	other := errors.New("no such file")
	require.Equal(t, other, ruled(other))
}
