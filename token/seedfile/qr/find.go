package qr

import (
	"cmp"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// Our choice: a picture that is full of patterns costs no more than this.
const (
	maxCandidates = 500 // and those of one row more
	maxPatterns   = 120 // of them all threes are weighed
	maxCorners    = 250 // are sampled and decoded
	rowSkip       = 2   // rows from one that is searched to the next; a pattern has 7 modules of 1 pixel and more
)

// patterns finds what has dark and light in the proportions 1:1:3:1:1 across, down and
// along the diagonal: ISO/IEC 18004, Section 13.
func (m matrix) patterns() []*detector.FinderPattern {
	all := slices.DeleteFunc(m.candidates(), func(p *detector.FinderPattern) bool { return p.GetCount() < 2 })
	slices.SortStableFunc(all, func(a, b *detector.FinderPattern) int { return b.GetCount() - a.GetCount() })
	return all[:min(len(all), maxPatterns)]
}

// candidates returns patterns that were seen once or more. Each is compared with all, so
// the search ends where there are too many.
func (m matrix) candidates() []*detector.FinderPattern {
	f := detector.NewFinderPatternFinder(m.BitMatrix, nil)
	runs := make([]int, 5)
	for y := rowSkip - 1; y < m.GetHeight() && len(f.GetPossibleCenters()) < maxCandidates; y += rowSkip {
		m.search(f, runs, y)
	}
	return f.GetPossibleCenters()
}

// search goes through one row with the lengths of its last five runs.
func (m matrix) search(f *detector.FinderPatternFinder, runs []int, y int) {
	clear(runs)
	at := 0 // the run that x is in: even are dark
	for x := 0; x <= m.GetWidth(); x++ {
		if end := x == m.GetWidth(); !end && m.Get(x, y) == (at%2 == 0) {
			runs[at]++
			continue
		} else if end && at < 4 {
			return
		}
		if at == 0 && runs[0] == 0 {
			continue // light before the first dark
		}
		if at < 4 {
			at++
			runs[at] = 1
			continue
		}
		if detector.FinderPatternFinder_foundPatternCross(runs) && f.HandlePossibleCenter(runs, y, x) {
			clear(runs)
			at = 0
			continue
		}
		copy(runs, runs[2:])
		runs[3], runs[4], at = 1, 0, 3
	}
}

// A corner is three patterns that may be those of one code.
type corner struct {
	topLeft, topRight, bottomLeft *detector.FinderPattern
	odd                           float64 // how far from a right angle with equal arms; 0: not at all
	sure                          bool    // it looks so much like a code that there should be one
}

// Our choice: how different the patterns of a code may be that is seen askew.
const (
	maxOddModule = 0.6  // of module sizes
	maxOdd       = 0.9  // arms and angle
	sureOdd      = 0.25 // of a code that is seen nearly from above
)

// corners returns the threes that may be codes, the best first.
func corners(patterns []*detector.FinderPattern) []corner {
	var all []corner
	for i, a := range patterns {
		for j, b := range patterns[:i] {
			if oddness(a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize()) > maxOddModule {
				continue
			}
			for _, c := range patterns[:j] {
				if k, ok := cornerOf(a, b, c); ok {
					all = append(all, k)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b corner) int { return cmp.Compare(a.odd, b.odd) })
	return all[:min(len(all), maxCorners)]
}

// oddness returns how far two lengths are apart, as a part of the smaller.
func oddness(a, b float64) float64 { return math.Abs(a-b) / min(a, b) }

func cornerOf(a, b, c *detector.FinderPattern) (corner, bool) {
	small := min(a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize())
	large := max(a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize())
	if oddness(small, large) > maxOddModule {
		return corner{}, false
	}
	p, q, r := gozxing.ResultPoint_OrderBestPatterns(a, b, c)
	k := corner{bottomLeft: p.(*detector.FinderPattern), topLeft: q.(*detector.FinderPattern), topRight: r.(*detector.FinderPattern)}
	down, across := gozxing.ResultPoint_Distance(q, p), gozxing.ResultPoint_Distance(q, r)
	diagonal := gozxing.ResultPoint_Distance(p, r)
	// From centre to centre a code has 14 to 170 modules; at an angle, the estimate is up to 1.41 too large.
	modules := (down + across) / 2 / ((small + large) / 2)
	if modules < 8 || modules > 190 {
		return corner{}, false
	}
	k.odd = oddness(down, across) + oddness(diagonal, math.Hypot(down, across)) + oddness(small, large)/4
	k.sure = k.odd < sureOdd && min(a.GetCount(), b.GetCount(), c.GetCount()) > 2
	return k, k.odd <= maxOdd
}
