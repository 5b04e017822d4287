package qr

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// MaxPixels is how many pixels a picture may have. Our choice: more than the camera of a phone.
const MaxPixels = 64 << 20

// An attempt is one way of making a picture black and white.
type attempt struct {
	side     int // of the longer edge, in pixels; 0: as it is, or a whole number of times as large
	blur     int // radius
	window   int // of the local threshold, as a part of the longer edge; 0: one threshold for all
	inverted bool
}

// attempts are in the order of what they cost and how often they help. Our choice, by the pictures of
// the test: shadows need a small window, noise a blur, small
// modules more pixels, and a screenshot of a dense code none but its own.
var attempts = []attempt{
	{1200, 0, 12, false},
	{0, 0, 0, false},
	{700, 1, 8, false},
	{1200, 3, 8, false},
	{1200, 0, 12, true},
	{2400, 0, 24, false},
	{700, 1, 8, true},
	{2400, 1, 24, false},
}

// ErrNone is returned where no code can be read.
var ErrNone = errors.New("qr: no QR code can be read in the picture; give a sharper one, straight from above")

// A found code is a text, and where its middle is and how large it is, in widths of the
// picture.
type found struct {
	text       string
	x, y, size float64
}

// Read returns the texts of the QR codes in a picture, from top to bottom and, where two are
// at the same height, from left to right. A text that is there twice comes once. It returns
// [ErrNone] where there is none, and an error for a picture of more than [MaxPixels].
func Read(picture image.Image) ([]string, error) {
	size := picture.Bounds().Size()
	if size.X <= 0 || size.Y <= 0 || size.X > MaxPixels/size.Y {
		return nil, fmt.Errorf("qr: a picture of %d x %d pixels is not possible; use 1 to %d", size.X, size.Y, MaxPixels)
	}
	var codes []found
	whole := luminance(picture)
	planes := map[int]plane{}
	for _, a := range attempts {
		p, ok := planes[a.side]
		if !ok {
			p = whole.scaled(a.side)
			planes[a.side] = p
		}
		now, left := p.blurred(a.blur).matrix(a).codes()
		for _, c := range now {
			if !slices.ContainsFunc(codes, func(known found) bool { return known.text == c.text }) {
				codes = append(codes, c)
			}
		}
		if len(now) > 0 && !left {
			break
		}
	}
	if len(codes) == 0 {
		return nil, ErrNone
	}
	return inOrder(codes), nil
}

// inOrder sorts by rows. A code is in the row of the one above where their middles are
// less than half the size of the larger apart in height.
func inOrder(codes []found) []string {
	slices.SortFunc(codes, func(a, b found) int { return cmp.Compare(a.y, b.y) })
	var texts []string
	for len(codes) > 0 {
		row := 1
		for row < len(codes) && codes[row].y-codes[0].y < max(codes[0].size, codes[row].size)/2 {
			row++
		}
		slices.SortFunc(codes[:row], func(a, b found) int { return cmp.Compare(a.x, b.x) })
		for _, c := range codes[:row] {
			texts = append(texts, c.text)
		}
		codes = codes[row:]
	}
	return texts
}

// A matrix is a picture in black and white.
type matrix struct{ *gozxing.BitMatrix }

// codes decodes what it can, and reports whether something is left that looks like a code,
// or two patterns of one.
func (m matrix) codes() (codes []found, left bool) {
	d := detector.NewDetector(m.BitMatrix)
	used := map[*detector.FinderPattern]bool{}
	free := func(c corner) bool { return !used[c.topLeft] && !used[c.topRight] && !used[c.bottomLeft] }
	var failed []corner
	patterns := m.patterns()
	for _, c := range corners(patterns) {
		if !free(c) {
			continue
		}
		text, err := decode(d, c)
		if err != nil {
			if c.sure {
				failed = append(failed, c)
			}
			continue
		}
		used[c.topLeft], used[c.topRight], used[c.bottomLeft] = true, true, true
		width := float64(m.GetWidth())
		codes = append(codes, found{text, (c.topRight.GetX() + c.bottomLeft.GetX()) / 2 / width,
			(c.topRight.GetY() + c.bottomLeft.GetY()) / 2 / width, gozxing.ResultPoint_Distance(c.topLeft, c.bottomLeft) / width})
	}
	return codes, len(patterns)-len(used) > 1 || slices.ContainsFunc(failed, free)
}

var errText = errors.New("qr: internal error: a text that is empty or not UTF-8 was decoded")

func decode(d *detector.Detector, c corner) (string, error) {
	sampled, err := d.ProcessFinderPatternInfo(detector.NewFinderPatternInfo(c.bottomLeft, c.topLeft, c.topRight))
	if err != nil {
		return "", err
	}
	result, err := decoder.NewDecoder().Decode(sampled.GetBits(), nil)
	if err != nil {
		return "", err
	}
	if text := result.GetText(); text != "" && utf8.ValidString(text) && !result.HasStructuredAppend() {
		return text, nil
	}
	return "", errText
}

// hints ask for UTF-8 where ISO 8859-1, which readers take for granted, does not do.
func hints(text string) map[gozxing.EncodeHintType]any {
	for _, r := range text {
		if r >= utf8.RuneSelf {
			return map[gozxing.EncodeHintType]any{gozxing.EncodeHintType_CHARACTER_SET: "UTF-8"}
		}
	}
	return nil
}
