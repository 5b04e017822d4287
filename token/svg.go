package token

import (
	"fmt"
	"strings"
)

// The LCD in units of a hundredth of a digit's height.
const (
	digitPitch = 80
	lcdMargin  = 26
	barsWidth  = 52 // of the column of time bars, where there are any
	signWidth  = 52 // of the column with the battery sign
	lcdHeight  = 100 + 2*lcdMargin
)

// The colours of a reflective LCD without light.
const (
	glass    = "#c2ccb2"
	ghost    = "#b5bfa5" // a segment that is off can be made out
	ink      = "#171c18"
	faintInk = "#909a83"
)

// outlines are the corners of the segments from a to g, in a digit of 60 by 100.
var outlines = [...]string{
	"M7 7L14 0H46L53 7L45 15H15Z",
	"M54 8L60 14V43L53 49L45 42V16Z",
	"M53 51L60 57V86L54 92L45 84V58Z",
	"M7 93L15 85H45L53 93L46 100H14Z",
	"M7 51L15 58V84L6 92L0 86V57Z",
	"M6 8L15 16V42L7 49L0 43V14Z",
	"M8 50L15 43H45L52 50L45 57H15Z",
}

// path draws the segments of s.
func (s Segments) path() string {
	var d strings.Builder
	for i, outline := range outlines {
		if s&(1<<i) != 0 {
			d.WriteString(outline)
		}
	}
	return d.String()
}

// A sketch is an SVG being drawn.
type sketch struct{ strings.Builder }

func (s *sketch) draw(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// SVG returns the LCD as a picture of its own: the glass, all segments that are on and,
// fainter, those that are off, the time bars and the battery sign. A dark LCD has room for
// six digits. The same display gives the same bytes.
func (d Display) SVG() string {
	var s sketch
	width := d.lcdWidth(d.places())
	s.draw(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img">`, width, lcdHeight)
	s.draw(`<title>%s</title>`, d.title())
	s.draw(`<rect width="%d" height="%d" rx="10" fill="%s"/>`, width, lcdHeight, glass)
	d.ink(&s, d.places())
	s.draw(`</svg>`)
	return s.String()
}

// title says in words what the LCD shows.
func (d Display) title() string {
	if !d.Lit {
		return "LCD: dark"
	}
	words := "LCD: " + d.Read()
	if d.MaxBars > 0 {
		words += fmt.Sprintf(", %d of %d time bars", d.Bars, d.MaxBars)
	}
	if d.LowBattery {
		words += ", battery low"
	}
	return words
}

func (d Display) lcdWidth(places int) int {
	width := 2*lcdMargin + places*digitPitch + signWidth
	if d.MaxBars > 0 {
		width += barsWidth
	}
	return width
}

// ink draws what is on the glass.
func (d Display) ink(s *sketch, places int) {
	black := ink
	if d.Dim {
		black = faintInk
	}
	x := lcdMargin
	if d.MaxBars > 0 {
		d.inkBars(s, black)
		x += barsWidth
	}
	for i := range places {
		on := d.digit(i)
		s.draw(`<g transform="translate(%d %d)skewX(-6)">`, x+i*digitPitch+12, lcdMargin)
		if off := glyphs[8] &^ on; off != 0 {
			s.draw(`<path d="%s" fill="%s"/>`, off.path(), ghost)
		}
		if on != 0 {
			s.draw(`<path d="%s" fill="%s"/>`, on.path(), black)
		}
		s.draw(`</g>`)
	}
	sign := ghost
	if d.LowBattery {
		sign = black
	}
	s.draw(`<path transform="translate(%d %d)" d="M6 0H18V6H24V44H0V6H6ZM5 11V39H19V11ZM7 31H17V37H7Z" fill="%s" fill-rule="evenodd"/>`,
		x+places*digitPitch+14, lcdMargin, sign)
}

// inkBars draws the time bars, which go out from the top.
func (d Display) inkBars(s *sketch, black string) {
	pitch := 100.0 / float64(d.MaxBars)
	for i := range d.MaxBars {
		fill := ghost
		if d.MaxBars-i <= d.Bars {
			fill = black
		}
		s.draw(`<rect x="%d" y="%.1f" width="32" height="%.1f" fill="%s"/>`, lcdMargin, float64(lcdMargin)+float64(i)*pitch, pitch*0.62, fill)
	}
}
