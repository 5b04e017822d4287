package qr

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// uri is what AWS shows: a secret of 64 characters and a name with the account.
const uri = "otpauth://totp/alice@123456789012?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

const short = "otpauth://totp/Example:alice@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Example"

func TestWhatIsWrittenIsRead(t *testing.T) {
	for name, text := range map[string]string{
		"a digit": "7", "digits": "0123456789", "capitals": "HTTPS://EXAMPLE.COM/$", "a URI": uri, "umlauts": "otpauth://totp/Jürgen",
		"Chinese": "漢字", "the longest": strings.Repeat("x", 2953), "what fits level M": strings.Repeat("x", 2331),
	} {
		for _, scale := range []int{1, 3, 8} {
			if scale > 3 && len(text) > 200 {
				continue // the same again, for a long time
			}
			t.Run(fmt.Sprintf("%s, %d pixels for a module", name, scale), func(t *testing.T) {
				picture, err := Write(text, scale)
				require.NoError(t, err)
				got, err := Read(picture)
				require.NoError(t, err)
				require.Equal(t, []string{text}, got)
			})
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, test := range []struct {
		text  string
		scale int
		want  string
	}{
		{"x", 0, "0 pixels for a module"},
		{"x", MaxScale + 1, "use 1 to 40"},
		{"", 1, "no UTF-8 text"},
		{"\xff", 1, "no UTF-8 text"},
		{strings.Repeat("x", 2954), MaxScale, "a text of 2954 bytes fits in no QR code"},
	} {
		_, err := Write(test.text, test.scale)
		require.ErrorContains(t, err, test.want)
	}
}

func TestEveryAngle(t *testing.T) {
	code, err := Write(uri, 6)
	require.NoError(t, err)
	for angle := 0.0; angle < 360; angle += 22.5 {
		got, err := Read(camera{angle: angle, width: 400, fill: 0.65, contrast: 1}.take(t, code))
		require.NoError(t, err, "%g degrees", angle)
		require.Equal(t, []string{uri}, got, "%g degrees", angle)
	}
}

// What it must read. Each condition is one that a phone on a desk makes.
func TestPhotographs(t *testing.T) {
	for name, c := range map[string]camera{
		"straight":             {width: 600, fill: 0.6, contrast: 1},
		"small in the picture": {width: 700, fill: 0.25, contrast: 1},
		"from the side":        {width: 600, fill: 0.55, contrast: 1, tilt: 0.35},
		"out of focus":         {width: 600, fill: 0.7, contrast: 1, blur: 3},
		"in the dark":          {width: 600, fill: 0.7, contrast: 0.7, noise: 30},
		"on a pale print":      {width: 600, fill: 0.7, contrast: 0.12, noise: 2},
		"half in the shadow":   {width: 600, fill: 0.7, contrast: 1, shadow: 0.85},
		"sent by a messenger":  {width: 500, fill: 0.7, contrast: 1, jpeg: 12},
		"all at once":          {width: 700, fill: 0.6, contrast: 0.6, tilt: 0.2, blur: 1, noise: 10, shadow: 0.5, jpeg: 50},
	} {
		for angle, text := range map[float64]string{8: short, 45: uri, 200: uri} {
			t.Run(fmt.Sprintf("%s, %d characters at %g degrees", name, len(text), angle), func(t *testing.T) {
				code, err := Write(text, 8)
				require.NoError(t, err)
				c.angle = angle
				got, err := Read(c.take(t, code))
				require.NoError(t, err)
				require.Equal(t, []string{text}, got)
			})
		}
	}
}

func TestSeveralInOnePicture(t *testing.T) {
	texts := []string{uri + "&n=1", short, uri + "&n=3", short + "&n=4", uri + "&n=5", "6"}
	flat := sheet(t, 5, texts...)
	got, err := Read(flat)
	require.NoError(t, err)
	require.Equal(t, texts, got, "from top to bottom and from left to right")
	for _, c := range []camera{
		{width: 900, fill: 0.65, contrast: 1, angle: 30},
		{width: 1200, fill: 0.65, contrast: 0.7, angle: 100, tilt: 0.1, noise: 8, shadow: 0.5, jpeg: 60},
	} {
		got, err := Read(c.take(t, flat))
		require.NoError(t, err)
		require.ElementsMatch(t, texts, got)
	}
	twice, err := Read(sheet(t, 4, uri, uri))
	require.NoError(t, err)
	require.Equal(t, []string{uri}, twice)
}

func TestLightOnDarkAndThrough(t *testing.T) {
	code, err := Write(uri, 4)
	require.NoError(t, err)
	light, clear := image.NewGray(code.Bounds()), image.NewNRGBA(code.Bounds().Add(image.Pt(-7, 11)))
	for i, v := range code.(*image.Paletted).Pix {
		light.Pix[i] = v * 255
		clear.Pix[4*i+3] = v * 255 // black, or nothing
	}
	for _, picture := range []image.Image{light, clear} {
		got, err := Read(picture)
		require.NoError(t, err)
		require.Equal(t, []string{uri}, got)
	}
}

// A huge picture that would be a surprise to unpack.
type huge struct{ *image.Uniform }

func (huge) Bounds() image.Rectangle { return image.Rect(0, 0, 1<<16, 1<<16) }

func TestReadRefuses(t *testing.T) {
	for name, picture := range map[string]image.Image{
		"an empty one": image.NewGray(image.Rect(3, 3, 3, 9)),
		"a huge one":   huge{image.White},
	} {
		_, err := Read(picture)
		require.ErrorContains(t, err, "pixels is not possible", name)
	}
	noise := camera{width: 400, fill: 0.5, contrast: 1, noise: 80}.take(t, patterns(1))
	for name, picture := range map[string]image.Image{
		"one pixel": image.NewGray(image.Rect(0, 0, 1, 1)),
		"a line":    image.NewGray(image.Rect(0, 0, 500, 1)),
		"nothing":   image.NewGray(image.Rect(0, 0, 300, 300)),
		"noise":     noise,
		"patterns":  patterns(300),
	} {
		got, err := Read(picture)
		require.ErrorIs(t, err, ErrNone, name)
		require.Empty(t, got)
	}
}

func TestAPictureFullOfPatternsIsGivenUp(t *testing.T) {
	const side, perRow = 630, 70
	m := luminance(patterns(side)).matrix(attempt{})
	require.Greater(t, len(m.candidates()), maxCandidates/2)
	require.LessOrEqual(t, len(m.candidates()), maxCandidates+perRow, "of %d", perRow*perRow)
	require.LessOrEqual(t, len(m.patterns()), maxPatterns)
	require.LessOrEqual(t, len(corners(m.patterns())), maxCorners)
}

// patterns is full of what the corners of a code look like.
func patterns(side int) image.Image {
	grey := image.NewGray(image.Rect(0, 0, side, side))
	for i := range grey.Pix {
		x, y := i%side%9, i/side%9
		ring := max(max(x, 8-x), max(y, 8-y)) // 4 in the middle, 8 at the edge
		if ring == 8 || ring == 6 {
			grey.Pix[i] = 255
		}
	}
	return grey
}

func FuzzRead(f *testing.F) {
	code, err := Write("otpauth://totp/a?secret=AA", 1)
	require.NoError(f, err)
	f.Add(code.(*image.Paletted).Pix, code.Bounds().Dx())
	f.Add([]byte{1}, 1)
	f.Fuzz(func(t *testing.T, pixels []byte, width int) {
		if width < 1 || len(pixels) < width || len(pixels) > 1<<16 {
			return
		}
		picture := image.NewPaletted(image.Rect(0, 0, width, len(pixels)/width), color.Palette{color.White, color.Black})
		for i := range picture.Pix {
			picture.Pix[i] = pixels[i] & 1
		}
		texts, err := Read(picture)
		require.Equal(t, err != nil, len(texts) == 0)
		for _, text := range texts {
			again, err := Write(text, 4)
			require.NoError(t, err)
			got, err := Read(again)
			require.NoError(t, err)
			require.Equal(t, []string{text}, got)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	code, err := Write(uri, 8)
	require.NoError(b, err)
	for name, picture := range map[string]image.Image{
		"screenshot": code,
		"photograph": camera{angle: 33, width: 1500, fill: 0.5, contrast: 0.6, tilt: 0.2, blur: 1, noise: 10, shadow: 0.5, jpeg: 50}.take(b, code),
		"nothing":    image.NewGray(image.Rect(0, 0, 1500, 1500)),
		"patterns":   patterns(1500),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Read(picture)
			}
		})
	}
}
