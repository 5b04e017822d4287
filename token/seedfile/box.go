package seedfile

import (
	"fmt"
	"slices"
)

// What is wrong with boxes that were delivered, made on purpose: how a server and those who run
// it find the fault is worth a test.

// Shift returns the records with every seed moved by that many rows, around the end: the
// serials stay. It is what a spreadsheet makes where one cell was deleted. By may be
// negative.
func Shift(records []Record, by int) []Record {
	shifted, n := slices.Clone(records), len(records)
	for i := range records {
		shifted[(i+by%n+n)%n].Seed = records[i].Seed
	}
	return shifted
}

// SwapSerials returns the records with the serials of two of them, counted from 0,
// exchanged: each token has the other's seed. It is an error where there are no such two.
func SwapSerials(records []Record, i, j int) ([]Record, error) {
	if err := within(records, i, j); err != nil {
		return nil, err
	}
	swapped := slices.Clone(records)
	swapped[i].Serial, swapped[j].Serial = records[j].Serial, records[i].Serial
	return swapped, nil
}

// DuplicateSeed returns the records with the seed of one, counted from 0, given to another
// too. It is an error where there are no such two.
func DuplicateSeed(records []Record, from, to int) ([]Record, error) {
	if err := within(records, from, to); err != nil {
		return nil, err
	}
	doubled := slices.Clone(records)
	doubled[to].Seed = slices.Clone(records[from].Seed)
	return doubled, nil
}

func within(records []Record, i, j int) error {
	if min(i, j) < 0 || max(i, j) >= len(records) || i == j {
		return fmt.Errorf("seedfile: there are no two records %d and %d among %d; count from 0", i, j, len(records))
	}
	return nil
}
