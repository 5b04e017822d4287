package token

import (
	"fmt"
	"strconv"
	"time"
)

// A Case is what a fob looks like from outside.
type Case uint8

// The cases.
const (
	ButtonCase Case = iota // hangs on a key ring, with one button
	WatchCase              // hangs on a key ring, always lit, no button
	CardCase               // the size of a bank card, with one button
	KeypadCase             // the size of a bank card, with twelve keys
	PhoneCase
)

// A box is a rectangle in tenths of a millimetre.
type box struct{ x, y, width, height int }

// shapes is indexed by Case. Sizes are those of things on sale: key fobs of 6 by 3 cm, cards
// of ISO/IEC 7810 ID-1, a phone.
var shapes = [...]struct {
	width, height int
	shell         string // of both sides; %s is the part that only the front has
	window, label box    // where the LCD and, on the back, the label are
	print         string // the colour of what is printed on the shell
}{
	ButtonCase: {660, 320, buttonShell, box{166, 104, 312, 96}, box{152, 66, 400, 126}, "#5b646d"},
	WatchCase:  {760, 300, watchShell, box{196, 92, 356, 96}, box{150, 62, 410, 120}, "#c9d0d8"},
	CardCase:   {896, 580, cardShell, box{484, 150, 312, 92}, box{148, 170, 600, 170}, "#d7e3f0"},
	KeypadCase: {896, 580, keypadShell, box{74, 92, 340, 100}, box{148, 170, 600, 170}, "#d3d8de"},
	PhoneCase:  {420, 800, phoneShell, box{70, 300, 280, 90}, box{60, 420, 300, 110}, "#9aa3ad"},
}

// FrontSVG returns a picture of the fob as it lies on the table, with what is on its LCD as
// of the last event. It is drawn in tenths of a millimetre, shows no brand, and is the same
// bytes for the same state. A fob that was opened has a crack. The zero Fob is no picture
// and gives "".
func (f *Fob) FrontSVG() string {
	if f.profile == nil {
		return ""
	}
	d := f.Display()
	s := f.canvas("the front of " + f.serial + "; " + d.title())
	f.shell(s, f.face())
	if f.profile.Case == PhoneCase {
		f.screen(s, d)
	} else {
		f.window(s, d)
	}
	return f.finish(s)
}

// BackSVG returns a picture of the back: the serial number as text and as a bar code (Code
// 128), what kind of codes it makes and until when the battery was meant to last. See
// [Fob.FrontSVG].
func (f *Fob) BackSVG() string {
	if f.profile == nil {
		return ""
	}
	s := f.canvas("the back of " + f.serial)
	f.shell(s, "")
	f.label(s)
	return f.finish(s)
}

func (f *Fob) canvas(title string) *sketch {
	var s sketch
	shape := shapes[f.profile.Case]
	s.draw(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" `+
		`font-family="DejaVu Sans,Verdana,sans-serif">`, shape.width, shape.height)
	s.draw(`<title>%s</title>`, title)
	return &s
}

func (f *Fob) shell(s *sketch, face string) { s.draw(shapes[f.profile.Case].shell, face) }

// face returns what only the front has besides the window.
func (f *Fob) face() string {
	button := "#3d6cb0"
	if f.Held() {
		button = "#264a80"
	}
	switch f.profile.Case {
	case ButtonCase:
		return fmt.Sprintf(buttonFace, button)
	case CardCase:
		return fmt.Sprintf(cardFace, button)
	case KeypadCase:
		return keypad()
	case PhoneCase:
		return phoneFace
	}
	return watchFace
}

// window draws the LCD in its bezel.
func (f *Fob) window(s *sketch, d Display) {
	p, w := f.profile, shapes[f.profile.Case].window
	d.MaxBars = p.Bars
	s.draw(`<rect x="%d" y="%d" width="%d" height="%d" rx="16" fill="#20262c"/>`, w.x-14, w.y-14, w.width+28, w.height+28)
	s.draw(`<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="%s"/>`, w.x, w.y, w.width, w.height, glass)
	s.draw(`<svg x="%d" y="%d" width="%d" height="%d" viewBox="0 0 %d %d">`,
		w.x, w.y, w.width, w.height, d.lcdWidth(p.Digits), lcdHeight)
	d.ink(s, p.Digits)
	s.draw(`</svg>`)
	s.draw(`<path d="M%d %dh%dl-40 %dh-%dz" fill="#ffffff" opacity=".13"/>`, w.x+w.width/2, w.y, w.width/4, w.height, w.width/4)
}

// screen draws what an app shows instead of an LCD: plain figures.
func (f *Fob) screen(s *sketch, d Display) {
	w := shapes[PhoneCase].window
	code := "– – –"
	if half := len(d.Code) / 2; d.Lit {
		code = d.Code[:half] + " " + d.Code[half:]
	}
	s.draw(`<text x="%d" y="%d" font-size="%d" fill="#5b646d">%s</text>`, w.x, w.y, textSize(f.serial, w.width, 24), f.serial)
	s.draw(`<text x="%d" y="%d" font-size="62" fill="#1d4f91">%s</text>`, w.x, w.y+72, code)
}

// label draws the sticker on the back and the words under it.
func (f *Fob) label(s *sketch) {
	p, l := f.profile, shapes[f.profile.Case].label
	s.draw(`<rect x="%d" y="%d" width="%d" height="%d" rx="8" fill="#fff"/>`, l.x, l.y, l.width, l.height)
	widths, modules := barCode(f.serial), 20 // quiet zones of ten modules on each side
	for _, width := range widths {
		modules += width
	}
	s.draw(`<svg x="%d" y="%d" width="%d" height="%d" viewBox="0 0 %d 10" preserveAspectRatio="none" shape-rendering="crispEdges">`,
		l.x, l.y+12, l.width, l.height*3/5, modules)
	x, bars := 10, sketch{}
	for i, width := range widths {
		if i%2 == 0 {
			fmt.Fprintf(&bars, "M%d 0h%dv10h-%[2]dz", x, width)
		}
		x += width
	}
	s.draw(`<path d="%s"/></svg>`, bars.String())
	s.draw(`<text x="%d" y="%d" font-size="%d" font-family="DejaVu Sans Mono,monospace" text-anchor="middle">%s</text>`,
		l.x+l.width/2, l.y+l.height-12, textSize(f.serial, l.width-20, l.height*2/9), f.serial)
	size := l.width / 23
	for i, line := range f.smallPrint() {
		s.draw(`<text x="%d" y="%d" font-size="%d" fill="%s" text-anchor="middle">%s</text>`,
			l.x+l.width/2, l.y+l.height+size*3/2+i*size*3/2, size, shapes[p.Case].print, line)
	}
}

// textSize returns a size, at most the given one, at which text of one width per character
// fits.
func textSize(text string, width, size int) int {
	return max(1, min(size, width*100/(61*max(1, len(text)))))
}

func (f *Fob) smallPrint() []string {
	p := f.profile
	kind := strconv.Itoa(p.Digits) + " digits, "
	switch p.Factor {
	case EventBased:
		kind += "event-based"
	case ChallengeResponse:
		kind += "challenge-response"
	default:
		kind += p.Step.String()
		if p.Step%time.Second == 0 {
			kind = strconv.Itoa(p.Digits) + " digits, " + strconv.FormatInt(int64(p.Step/time.Second), 10) + " s"
		}
	}
	lines := []string{"one-time password, " + kind}
	if p.Life > 0 {
		lines = append(lines, "battery until "+f.battery.born.Add(p.Life).Format("2006-01")+" · do not open")
	}
	return lines
}

// finish draws the crack of a fob that was opened: a zigzag down and, a little to the right,
// up again.
func (f *Fob) finish(s *sketch) string {
	if f.opened {
		shape := shapes[f.profile.Case]
		zigzag := [...]int{0, -16, 14, -12, 2, -18, 6}
		var down, up string
		for i, x := range zigzag {
			y := shape.height * (10 + 13*i) / 100
			gap := min(i, len(zigzag)-1-i) * 5
			down += fmt.Sprintf(" %d %d", shape.width*5/9+x-gap/2, y)
			up = fmt.Sprintf(" %d %d", shape.width*5/9+x+gap, y+gap/3) + up
		}
		s.draw(`<path d="M%s%s" fill="#14181c"/>`, down, up)
	}
	s.draw(`</svg>`)
	return s.String()
}
