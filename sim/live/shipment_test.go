package live

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

func profiles() []token.Profile { return token.Profiles() }

func timeBased(p token.Profile) bool { return p.Factor == token.TimeBased }

// refusal asks the relying party as root and returns how it refuses.
func refusal(l *Lab, action string, params ...string) error {
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	_, err := l.As(context.Background(), l.IAM().RootCaller(), "iam", action, form)
	return err
}

// box is the records of n fobs.
func box(n int) []seedfile.Record {
	records := make([]seedfile.Record, n)
	for i := range records {
		records[i] = seedfile.Record{Serial: fmt.Sprintf("BOXX%08d", i), Type: seedfile.TOTP, Seed: token.Seed(fmt.Sprintf("a seed of 20 bytes%02d", i%100)),
			Algorithm: token.SHA1, Digits: 6, Step: 30 * time.Second}
	}
	return records
}

func TestABoxIsTakenInWholeOrNotAtAll(t *testing.T) {
	l := opened(t, still())
	made, err := l.Import(t.Context(), Shipment{Fobs: box(3)})
	require.NoError(t, err)
	require.Len(t, made, 3)
	spoil := func(change func([]seedfile.Record)) []seedfile.Record {
		records := box(6)[3:]
		change(records)
		return records
	}
	for want, s := range map[string]Shipment{
		"record 2: a fob with the serial":         {Fobs: spoil(func(r []seedfile.Record) { r[1].Serial = r[0].Serial })},
		"record 3: a fob with the serial":         {Fobs: spoil(func(r []seedfile.Record) { r[2].Serial = "BOXX00000000" })},
		"record 2 has no serial":                  {Fobs: spoil(func(r []seedfile.Record) { r[1].Serial = "" })},
		"record 3 has no seed":                    {Fobs: spoil(func(r []seedfile.Record) { r[2].Seed = nil })},
		"record 1, serial \"BOXX00000003\"":       {Profile: "ocra-card", Fobs: box(6)[3:]},
		"record 3: token: profile \"ezio\" has 9": {Fobs: spoil(func(r []seedfile.Record) { r[2].Digits = 9 })},
		"profile \"abacus\" is not known":         {Profile: "abacus", Fobs: box(6)[3:]},
		"\"BOXX 3\" is no serial number of a":     {Fobs: box(6)[3:], File: spoil(func(r []seedfile.Record) { r[0].Serial = "BOXX 3" })},
	} {
		_, err := l.Import(t.Context(), s)
		require.ErrorContains(t, err, want)
		list, err := l.List(t.Context(), Fobs)
		require.NoError(t, err)
		require.Len(t, list, 3, want)
	}
}

// The crystal of each fob comes from its number. A box that is refused while it is unpacked uses up none, so that what the
// factory makes next is the same as if it had never come.
func TestABoxThatIsRefusedUsesUpNoNumbers(t *testing.T) {
	tried, plain := opened(t, still()), opened(t, still())
	broken := box(50)
	broken[49].Serial = broken[0].Serial
	_, err := tried.Import(t.Context(), Shipment{Fobs: broken})
	require.ErrorContains(t, err, "record 50")
	for range 3 {
		want, err := plain.NewFob(t.Context(), FobSpec{})
		require.NoError(t, err)
		got, err := tried.NewFob(t.Context(), FobSpec{})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, plain.state.Made, tried.state.Made)
}

func TestABoxIsCountedWhileItComes(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	var l *Lab
	var seen []Arrival
	opt.before = func(string) error {
		if l != nil {
			seen = append(seen, l.Arrival())
		}
		return nil
	}
	l = opened(t, opt)
	require.Zero(t, l.Arrival())
	const rows = 100
	_, err := l.Import(t.Context(), Shipment{Fobs: box(rows)})
	require.NoError(t, err)
	require.Zero(t, l.Arrival(), "it has arrived")
	stored := int64(-1)
	for _, a := range seen {
		require.EqualValues(t, rows, a.Rows)
		require.EqualValues(t, rows, a.Made)
		require.GreaterOrEqual(t, a.Stored, max(stored, 0))
		stored = a.Stored
	}
	require.EqualValues(t, rows, stored)
	fobOf(t, l, FobSpec{})
	require.Zero(t, l.Arrival(), "a fob that is made is no box")
}

// A seed that is in a file stays as it is; one that somebody makes up must be as long as RFC 4226 says.
func TestShortSeedsAreForImportsOnly(t *testing.T) {
	l := opened(t, still())
	for _, n := range []int{1, 15} {
		_, err := l.NewFob(t.Context(), FobSpec{Seed: make(Seed, n)})
		require.ErrorContains(t, err, "asks for 16 or more")
	}
	fobOf(t, l, FobSpec{Seed: make(Seed, 16)})
	records := box(1)
	records[0].Seed = token.Seed("x")
	_, err := l.Import(t.Context(), Shipment{Fobs: records})
	require.NoError(t, err)
}
