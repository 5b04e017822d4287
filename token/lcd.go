package token

import (
	"strings"
	"time"
)

// A phase is what the LCD of a fob is doing.
//
//	        ┌── LitFor is over ──┐
//	        ▼                    │
//	birth ▶ dark ── Press ────▶ lit ◀── birth, where it is always lit
//	        │                    │  └── Press: lit again, for LitFor
//	        └─ battery empty, Kill ─▶ dead, for ever
type phase uint8

const (
	dead phase = iota // also the zero Fob
	dark
	lit
)

// An lcd is the display and what it has shown.
type lcd struct {
	phase phase
	step  int64     // the step shown, while lit
	until time.Time // when it goes dark, while lit; zero: never
	last  int64     // the highest step ever shown; -1: none
}

// show puts a step on the LCD.
func (l *lcd) show(step int64) {
	l.phase, l.step = lit, step
	l.last = max(l.last, step)
}

// blank leaves nothing on the LCD, and remembers what was there.
func (l *lcd) blank(to phase) { *l = lcd{phase: to, last: l.last} }

// A Display is what the user sees on the LCD.
type Display struct {
	Lit        bool
	Code       string    // with leading zeros; "" when dark or dead
	Step       int64     // the step that Code belongs to
	LowBattery bool      // the low-battery sign; never when dark
	Until      time.Time // when the LCD goes dark; zero: never, or it is
}

// segments draws a digit in three columns and three rows, as a seven-segment LCD does.
var segments = [10][3]string{
	{" _ ", "| |", "|_|"},
	{"   ", "  |", "  |"},
	{" _ ", " _|", "|_ "},
	{" _ ", " _|", " _|"},
	{"   ", "|_|", "  |"},
	{" _ ", "|_ ", " _|"},
	{" _ ", "|_ ", "|_|"},
	{" _ ", "  |", "  |"},
	{" _ ", "|_|", "|_|"},
	{" _ ", "|_|", " _|"},
}

// Art returns the LCD as three lines of text, each in brackets and ended by a newline:
// the code in seven segments and, in the last columns, "batt" when the battery is low. A
// dark LCD has nothing between the brackets and the width of one that shows six digits.
func (d Display) Art() string {
	var art strings.Builder
	for row := range 3 {
		art.WriteByte('[')
		for i := range max(len(d.Code), minDigits) {
			digit := "   "
			if d.Lit && i < len(d.Code) && '0' <= d.Code[i] && d.Code[i] <= '9' {
				digit = segments[d.Code[i]-'0'][row]
			}
			art.WriteString(digit + " ")
		}
		sign := "    "
		if d.Lit && d.LowBattery && row == 2 {
			sign = "batt"
		}
		art.WriteString(sign + "]\n")
	}
	return art.String()
}
