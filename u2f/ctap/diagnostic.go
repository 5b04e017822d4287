package ctap

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Our choice, so that one line of a watched cable stays a line whatever a peer sends.
const (
	diagnosticSize   = 64 << 10 // bytes of text; the longest message a cable carries needs half of it in hexadecimal
	diagnosticLevels = 16       // maps, arrays and tags inside one another: four times what a key accepts
)

// Diagnostic returns b, the CBOR of a message, in diagnostic notation (RFC 8949 Section 8) on one line of printable
// text. Encoding indicators (RFC 8949 Section 8.1) show each head that is longer than it needs to be and each
// indefinite length. Where b is not well-formed or goes on too long the line says so in a comment between slashes and
// shows the bytes that are left, as far as there is room: the line ends soon after 64 KiB.
func Diagnostic(b []byte) string {
	d := diagnoser{scanner: scanner{msg: b}}
	switch ok := d.item(diagnosticLevels); {
	case !ok:
		d.leftover(d.why)
	case d.pos < len(b):
		d.leftover("trailing bytes")
	}
	return string(d.out)
}

// A diagnoser writes down what a scanner walks over.
type diagnoser struct {
	scanner
	out []byte
	why string // what stopped it
}

// fail stops the walk at pos.
func (d *diagnoser) fail(pos int, why string) bool {
	if d.why == "" {
		d.why, d.pos = why, pos
	}
	return false
}

// leftover writes the bytes that no item explains.
func (d *diagnoser) leftover(why string) {
	if len(d.out) > 0 {
		d.out = append(d.out, ' ')
	}
	d.out = fmt.Appendf(d.out, "/ at byte %d: %s / ", d.pos, why)
	left, room := d.msg[d.pos:], max(0, diagnosticSize-len(d.out))/2
	if len(left) > room {
		d.bytes(left[:room])
		d.out = fmt.Appendf(d.out, " / and %d bytes more /", len(left)-room)
		return
	}
	d.bytes(left)
}

func (d *diagnoser) bytes(b []byte) {
	d.out = append(d.out, "h'"...)
	d.out = hex.AppendEncode(d.out, b)
	d.out = append(d.out, '\'')
}

// item writes one item that may open levels more.
func (d *diagnoser) item(levels int) bool {
	start := d.pos
	h, ok := d.head()
	switch {
	case !ok:
		return d.fail(start, "not well-formed")
	case levels == 0 && (h.major == majorArray || h.major == majorMap || h.major == majorTag):
		return d.fail(start, "nested too deep")
	case len(d.out) >= diagnosticSize:
		return d.fail(start, "too long to show")
	}
	switch h.major {
	case majorUnsigned, majorNegative:
		d.integer(h)
		d.indicator(h)
		return true
	case majorBytes, majorText:
		return d.str(h, start)
	case majorArray, majorMap:
		return d.items(h, levels-1)
	case majorTag:
		d.out = strconv.AppendUint(d.out, h.arg, 10)
		d.indicator(h)
		d.out = append(d.out, '(')
		ok := d.item(levels - 1)
		d.out = append(d.out, ')')
		return ok
	}
	return d.simple(h, start)
}

// indicator says how long the head h is where that is longer than need be. See RFC 8949 Section 8.1.
func (d *diagnoser) indicator(h head) {
	if !h.short {
		d.out = append(d.out, '_', '0'+h.info-argByte)
	}
}

func (d *diagnoser) integer(h head) {
	switch {
	case h.major == majorUnsigned:
		d.out = strconv.AppendUint(d.out, h.arg, 10)
	case h.arg == math.MaxUint64:
		d.out = append(d.out, "-18446744073709551616"...)
	default:
		d.out = append(d.out, '-')
		d.out = strconv.AppendUint(d.out, h.arg+1, 10)
	}
}

// str writes a string that starts at start, definite or in chunks.
func (d *diagnoser) str(h head, start int) bool {
	if !h.indefinite() {
		return d.chunk(h, start)
	}
	d.out = append(d.out, "(_"...)
	for n := 0; ; n++ {
		if d.atBreak() {
			d.out = append(d.out, ')')
			return true
		}
		start := d.pos
		c, ok := d.head()
		if !ok || c.major != h.major || c.indefinite() {
			return d.fail(start, "not well-formed")
		}
		d.separate(n, " ")
		if !d.chunk(c, start) {
			return false
		}
	}
}

// separate writes what stands before the n-th of several things: first before number 0.
func (d *diagnoser) separate(n int, first string) {
	if n > 0 {
		first = ", "
	}
	d.out = append(d.out, first...)
}

// chunk writes the definite string whose head is h.
func (d *diagnoser) chunk(h head, start int) bool {
	at := d.pos
	if !d.text(h) {
		return d.fail(start, "cut short")
	}
	b := d.msg[at:d.pos]
	worst := 2 * len(b) // each byte in hexadecimal
	if h.major == majorText {
		worst = 6 * len(b) // each byte a control that is escaped
	}
	switch {
	case len(d.out)+worst > diagnosticSize:
		return d.fail(start, "too long to show")
	case h.major == majorBytes:
		d.bytes(b)
	case !utf8.Valid(b):
		d.out = append(d.out, "/ a text that is not UTF-8 / "...)
		d.bytes(b)
	default:
		d.quote(string(b))
	}
	d.indicator(h)
	return true
}

// quote writes s as JSON would, with every rune escaped that a terminal might act upon.
func (d *diagnoser) quote(s string) {
	d.out = append(d.out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			d.out = append(d.out, '\\', byte(r))
		case unicode.IsPrint(r):
			d.out = utf8.AppendRune(d.out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			d.out = fmt.Appendf(d.out, `\u%04x\u%04x`, hi, lo)
		default:
			d.out = fmt.Appendf(d.out, `\u%04x`, r)
		}
	}
	d.out = append(d.out, '"')
}

// items writes an array or a map.
func (d *diagnoser) items(h head, levels int) bool {
	brackets := "[]"
	if h.major == majorMap {
		brackets = "{}"
	}
	d.out = append(d.out, brackets[0])
	bare := len(d.out)
	if d.indicator(h); h.indefinite() {
		d.out = append(d.out, '_')
	}
	if len(d.out) > bare {
		d.out = append(d.out, ' ')
	}
	ok := d.members(h, levels)
	d.out = append(d.out, brackets[1])
	return ok
}

// members writes what stands between the brackets.
func (d *diagnoser) members(h head, levels int) bool {
	for n := 0; h.indefinite() || uint64(n) < h.arg; n++ {
		if h.indefinite() && d.atBreak() {
			break
		}
		d.separate(n, "")
		if !d.item(levels) {
			return false
		}
		if h.major == majorArray {
			continue
		}
		d.out = append(d.out, ": "...)
		if !d.item(levels) {
			return false
		}
	}
	return true
}

// simple writes a simple value or a floating-point number.
func (d *diagnoser) simple(h head, start int) bool {
	switch {
	case h.info == argIndefinite || h.info == argByte && h.arg < 32:
		return d.fail(start, "not well-formed")
	case h.info > argByte:
		d.float(h)
	case h.arg >= 20 && h.arg <= 23:
		d.out = append(d.out, [...]string{"false", "true", "null", "undefined"}[h.arg-20]...)
	default:
		d.out = fmt.Appendf(d.out, "simple(%d)", h.arg)
	}
	return true
}

// float writes a floating-point number: a decimal point always, an indicator where a shorter one is the same number.
func (d *diagnoser) float(h head) {
	f := float64Of(h)
	text := "NaN"
	switch {
	case math.IsInf(f, 1):
		text = "Infinity"
	case math.IsInf(f, -1):
		text = "-Infinity"
	case f == f:
		text = decimal(f)
	}
	d.out = append(d.out, text...)
	if w := floatWidth(f); h.info > w {
		d.out = append(d.out, '_', '0'+h.info-argByte)
	}
}

// decimal writes f with the fewest digits that are f, as RFC 8949 Appendix A does: 1.0e+300, 5.960464477539063e-8.
func decimal(f float64) string {
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	mantissa, exponent, scientific := strings.Cut(strconv.FormatFloat(f, format, -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if !scientific {
		return mantissa
	}
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}

// float64Of returns the number that h is. See RFC 8949 Appendix D for the half.
func float64Of(h head) float64 {
	switch h.info {
	case argDouble:
		return math.Float64frombits(h.arg)
	case argDouble - 1:
		return float64(math.Float32frombits(uint32(h.arg)))
	}
	exp, frac := int(h.arg>>10&0x1f), float64(h.arg&0x3ff)
	f := math.Ldexp(frac+1024, exp-25)
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		f = math.Inf(1)
		if frac != 0 {
			f = math.NaN()
		}
	}
	if h.arg>>15 != 0 {
		return -f
	}
	return f
}

// floatWidth returns the info of the narrowest float that holds f; for NaN the half.
func floatWidth(f float64) byte {
	if float64(float32(f)) != f && f == f {
		return argDouble
	}
	frac, exp := math.Frexp(math.Abs(f)) // f is frac * 2^exp, frac in [1/2, 1)
	bits := min(11, 24+exp)              // a half has eleven significant bits, fewer near zero
	special := f == 0 || math.IsInf(f, 0) || f != f
	if special || exp <= 16 && bits > 0 && math.Ldexp(frac, bits) == math.Trunc(math.Ldexp(frac, bits)) {
		return argDouble - 2
	}
	return argDouble - 1
}
