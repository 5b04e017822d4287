package seedfile

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

// letters returns serials and seeds, a character each.
func letters(records []Record) string {
	var s string
	for _, r := range records {
		s += r.Serial + string([]byte(r.Seed)) + " "
	}
	return s
}

func box() []Record {
	return []Record{{Serial: "A", Seed: token.Seed("1")}, {Serial: "B", Seed: token.Seed("2")}, {Serial: "C", Seed: token.Seed("3")}}
}

func TestWrongBoxes(t *testing.T) {
	records := box()
	for by, want := range map[int]string{0: "A1 B2 C3 ", 1: "A3 B1 C2 ", -1: "A2 B3 C1 ", 4: "A3 B1 C2 ", math.MinInt: letters(Shift(box(), -2)), math.MaxInt: letters(Shift(box(), 1))} {
		require.Equal(t, want, letters(Shift(records, by)), by)
	}
	require.Empty(t, Shift(nil, 1))
	swapped, err := SwapSerials(records, 2, 0)
	require.NoError(t, err)
	require.Equal(t, "C1 B2 A3 ", letters(swapped))
	doubled, err := DuplicateSeed(records, 0, 2)
	require.NoError(t, err)
	require.Equal(t, "A1 B2 C1 ", letters(doubled))
	doubled[2].Seed[0] = 'x'
	require.Equal(t, "A1 B2 C3 ", letters(records), "the box that is right stays so")
	for _, pair := range [][2]int{{-1, 0}, {0, 3}, {1, 1}} {
		_, err := SwapSerials(records, pair[0], pair[1])
		require.ErrorContains(t, err, "no two records")
		_, err = DuplicateSeed(records, pair[0], pair[1])
		require.ErrorContains(t, err, "no two records")
	}
}
