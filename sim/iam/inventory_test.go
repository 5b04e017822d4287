package iam_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func TestInventory(t *testing.T) {
	c := newCounter(t)
	c.enable()
	ctx := t.Context()
	unchanged := func(name string, f func() error) {
		t.Run(name, func(t *testing.T) {
			before := c.dump()
			require.Error(t, f())
			require.Equal(t, before, c.dump())
		})
	}
	stock := func(devices ...iam.HardwareDevice) func() error {
		return func() error { return c.service.Stock(ctx, devices) }
	}
	good := iam.HardwareDevice{Serial: "GAHT10000000", Seed: fobSeed}
	unchanged("a serial number that is there stocks nothing", stock(good, iam.HardwareDevice{Serial: fob, Seed: fobSeed}))
	unchanged("a serial number twice stocks nothing", stock(good, good))
	unchanged("an ARN is no serial number", stock(good, iam.HardwareDevice{Serial: "arn:aws:iam::123456789012:mfa/x", Seed: fobSeed}))
	unchanged("eight characters are no serial number", stock(good, iam.HardwareDevice{Serial: "20899872", Seed: fobSeed}))
	unchanged("a device needs a seed", stock(good, iam.HardwareDevice{Serial: "GAHT10000001"}))
	unchanged("what is not there is not taken out", func() error { return c.service.Unstock(ctx, "GAHT00000002", "GAHT99999999") })
	unchanged("what a user has is not taken out", func() error { return c.service.Unstock(ctx, "GAHT00000002", fob) })
	phone := c.phone("bob")
	unchanged("what is virtual is not taken out", func() error { return c.service.Unstock(ctx, phone) })
	require.NoError(t, c.service.Stock(ctx, []iam.HardwareDevice{good}))
	require.NoError(t, c.service.Unstock(ctx, "GAHT00000002", "GAHT10000000"))
	require.Equal(t, "NoSuchEntity", c.refused("EnableMFADevice", append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", "GAHT10000000")...).Code)
}
