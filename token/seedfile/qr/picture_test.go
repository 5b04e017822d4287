package qr

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A camera makes photographs, the same ones every time.
type camera struct {
	angle    float64 // of the code, in degrees
	tilt     float64 // how much narrower the far edge is, 0 to 1
	width    int     // of the picture in pixels
	fill     float64 // how much of the width the code takes, 0 to 1
	blur     int     // radius
	noise    float64 // standard deviation, in shades
	contrast float64 // 1: black to white
	shadow   float64 // how much darker one side is, 0 to 1
	jpeg     int     // quality; 0: none
}

// take photographs a picture that lies on a table.
func (c camera) take(t testing.TB, flat image.Image) image.Image {
	chance := rand.New(rand.NewPCG(18004, uint64(c.angle)))
	sin, cos := math.Sincos(c.angle * math.Pi / 180)
	table := luminance(flat)
	scale := float64(max(table.width, table.height)) / (c.fill * float64(c.width))
	lens := image.NewGray(image.Rect(0, 0, c.width, c.width))
	middle := float64(c.width) / 2
	for y := range c.width {
		for x := range c.width {
			v := 0.0
			const fine = 2 // the light of 4 points makes a pixel
			for s := range fine * fine {
				dx := float64(x) + (float64(s%fine)+0.5)/fine - middle
				dy := float64(y) + (float64(s/fine)+0.5)/fine - middle
				depth := 1 - c.tilt*dy/float64(c.width) // the far edge is at the bottom, and seen smaller
				u, w := dx/depth*scale, dy/depth*scale
				px, py := int(math.Floor(u*cos+w*sin+float64(table.width)/2)), int(math.Floor(w*cos-u*sin+float64(table.height)/2))
				shade := 230.0 // the table
				if min(px, py) >= 0 && px < table.width && py < table.height {
					shade = float64(table.pixels[py*table.width+px])
				}
				v += shade / fine / fine
			}
			lens.Pix[y*lens.Stride+x] = byte(v)
		}
	}
	seen := plane{c.width, c.width, lens.Pix}.blurred(c.blur)
	for i, v := range seen.pixels {
		light := 1 - c.shadow*float64(i%c.width)/float64(c.width)
		shade := (128+(float64(v)-128)*c.contrast)*light + chance.NormFloat64()*c.noise
		lens.Pix[i] = byte(min(max(shade, 0), 255))
	}
	if c.jpeg == 0 {
		return lens
	}
	var file bytes.Buffer
	require.NoError(t, jpeg.Encode(&file, lens, &jpeg.Options{Quality: c.jpeg}))
	picture, err := jpeg.Decode(&file)
	require.NoError(t, err)
	return picture
}

// sheet puts codes beside each other, two in a row.
func sheet(t testing.TB, scale int, texts ...string) image.Image {
	var codes []image.Image
	side := 0
	for _, text := range texts {
		code, err := Write(text, scale)
		require.NoError(t, err)
		codes = append(codes, code)
		side = max(side, code.Bounds().Dx())
	}
	all := image.NewRGBA(image.Rect(0, 0, 2*side, (len(codes)+1)/2*side))
	draw.Draw(all, all.Rect, image.White, image.Point{}, draw.Src)
	for i, code := range codes {
		draw.Draw(all, code.Bounds().Add(image.Pt(i%2*side, i/2*side)), code, image.Point{}, draw.Src)
	}
	return all
}
