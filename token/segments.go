package token

import (
	"fmt"
	"strings"
)

// Segments is a set of the seven bars that a digit is made of, named as data sheets do:
//
//	 aaa
//	f   b
//	 ggg
//	e   c
//	 ddd
type Segments uint8

// The segments of a digit.
const (
	SegmentA Segments = 1 << iota
	SegmentB
	SegmentC
	SegmentD
	SegmentE
	SegmentF
	SegmentG
)

const segmentNames = "abcdefg"

// glyphs are the digits as LCDs of fobs show them: 6 and 9 with a tail, 7 without one.
var glyphs = [10]Segments{
	0b0111111, 0b0000110, 0b1011011, 0b1001111, 0b1100110, 0b1101101, 0b1111101, 0b0000111, 0b1111111, 0b1101111,
}

// String returns the letters of the segments, from a to g.
func (s Segments) String() string {
	var names strings.Builder
	for i := range len(segmentNames) {
		if s&(1<<i) != 0 {
			names.WriteByte(segmentNames[i])
		}
	}
	return names.String()
}

// ParseSegments reads letters from a to g, in any order.
func ParseSegments(letters string) (Segments, error) {
	var s Segments
	for _, c := range letters {
		i := strings.IndexRune(segmentNames, c)
		if i < 0 {
			return 0, fmt.Errorf("token: a digit has no segment %q; use a to g", c)
		}
		s |= 1 << i
	}
	return s, nil
}

// digit returns the segments that are on in the ith place from the left.
func (d Display) digit(i int) Segments {
	if !d.Lit || i >= len(d.Code) || d.Code[i] < '0' || d.Code[i] > '9' {
		return 0
	}
	on := glyphs[d.Code[i]-'0']
	if i < len(d.Missing) {
		on &^= d.Missing[i]
	}
	return on
}

// Read returns the code as somebody reads it who does not know that segments are missing:
// an 8 without its middle bar is a 0, and what resembles no digit is a question mark.
func (d Display) Read() string {
	read := []byte(d.Code)
	for i := range read {
		on := d.digit(i)
		read[i] = '?'
		for digit, glyph := range glyphs {
			if on == glyph {
				read[i] = byte('0' + digit)
			}
		}
	}
	return string(read)
}

// places returns how many digits the LCD has room for.
func (d Display) places() int { return max(len(d.Code), minDigits) }

// Art returns the LCD as three lines of text, each in brackets and ended by a newline:
// the code in seven segments and, in the last columns, the time bars, "dim" where the
// segments are hard to see, and "batt" when the battery is low. A dark LCD has nothing
// between the brackets and the width of one that shows six digits.
func (d Display) Art() string {
	var art strings.Builder
	for row := range 3 {
		art.WriteByte('[')
		for i := range d.places() {
			art.WriteString(d.digit(i).row(row) + " ")
		}
		fmt.Fprintf(&art, "%-*s]\n", max(4, d.MaxBars), d.sign(row))
	}
	return art.String()
}

// row draws a third of a digit in three columns.
func (s Segments) row(row int) string {
	bars := [3][3]Segments{{0, SegmentA, 0}, {SegmentF, SegmentG, SegmentB}, {SegmentE, SegmentD, SegmentC}}[row]
	drawn := []byte("   ")
	for i, bar := range bars {
		if s&bar != 0 {
			drawn[i] = "|_|"[i]
		}
	}
	return string(drawn)
}

func (d Display) sign(row int) string {
	switch {
	case row == 0:
		return strings.Repeat("|", d.Bars)
	case row == 1 && d.Dim:
		return "dim"
	case row == 2 && d.LowBattery:
		return "batt"
	}
	return ""
}
