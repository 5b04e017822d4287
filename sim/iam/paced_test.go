package iam_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func TestLookupsArePacedWhereASettingSaysSo(t *testing.T) {
	look := func(c *counter, region string) string {
		_, err := c.service.Do(t.Context(), iam.Call{Service: "cloudtrail", Action: "LookupEvents", Caller: c.service.RootCaller(),
			Region: region, Now: c.now, Wall: c.now})
		if err != nil {
			return said(err.(*iam.Error))
		}
		return ""
	}
	const throttled = "400 ThrottlingException: Rate exceeded"
	c := newCounter(t, "lookup-rate=2")
	for _, step := range []struct {
		after        time.Duration
		region, want string
	}{
		{0, "us-east-1", ""},
		{600 * time.Millisecond, "us-east-1", ""},
		{0, "us-east-1", throttled},
		{0, "eu-west-1", ""},
		{399 * time.Millisecond, "us-east-1", throttled},
		{time.Millisecond, "us-east-1", ""}, // the first is a second ago
		{0, "us-east-1", throttled},
		{-time.Hour, "us-east-1", ""}, // the clock was set back
	} {
		c.wait(step.after)
		require.Equal(t, step.want, look(c, step.region), step)
	}
	c = newCounter(t)
	for range 10 {
		require.Empty(t, look(c, "us-east-1"), "as a lab is by itself")
	}
}
