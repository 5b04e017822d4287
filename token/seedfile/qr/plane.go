package qr

import (
	"image"
	"image/color"
	"image/draw"

	"github.com/makiuchi-d/gozxing"
)

// A plane is a picture in shades of grey, 0 black to 255 white, row by row.
type plane struct {
	width, height int
	pixels        []byte
}

// luminance returns a picture in grey, on white where it is transparent.
func luminance(picture image.Image) plane {
	size := picture.Bounds().Size()
	grey := image.NewGray(image.Rect(0, 0, size.X, size.Y))
	draw.Draw(grey, grey.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(grey, grey.Rect, picture, picture.Bounds().Min, draw.Over)
	return plane{size.X, size.Y, grey.Pix}
}

// Our choice.
const (
	maxGrown = 3    // how many times as wide a small picture is made: beyond, no detail comes
	maxSide  = 2400 // of a picture whose pixels stay whole: a screen
	minSide  = 1200 // up to which those are doubled or trebled
)

// scaled returns the plane with a longer edge of that many pixels: the mean of those that
// come together, or between those that come apart.
func (p plane) scaled(side int) plane {
	long := max(p.width, p.height)
	if side = min(side, long*maxGrown); side == 0 {
		side = min(long*max(1, min(minSide/long, maxGrown)), maxSide)
	}
	if side == long {
		return p
	}
	q := plane{width: max(1, p.width*side/long), height: max(1, p.height*side/long)}
	q.pixels = make([]byte, q.width*q.height)
	if side > long {
		q.grow(p)
		return q
	}
	for y := range q.height {
		top, bottom := y*p.height/q.height, max((y+1)*p.height/q.height, y*p.height/q.height+1)
		for x := range q.width {
			from, to := x*p.width/q.width, max((x+1)*p.width/q.width, x*p.width/q.width+1)
			sum := 0
			for r := top; r < bottom; r++ {
				for _, v := range p.pixels[r*p.width+from : r*p.width+to] {
					sum += int(v)
				}
			}
			q.pixels[y*q.width+x] = byte(sum / ((bottom - top) * (to - from)))
		}
	}
	return q
}

// grow fills q from the smaller p, bilinearly.
func (q plane) grow(p plane) {
	const one = 1 << 8
	for y := range q.height {
		fy := min(max((2*y+1)*p.height*one/(2*q.height)-one/2, 0), (p.height-1)*one)
		y0, wy := fy/one, fy%one
		y1 := min(y0+1, p.height-1)
		for x := range q.width {
			fx := min(max((2*x+1)*p.width*one/(2*q.width)-one/2, 0), (p.width-1)*one)
			x0, wx := fx/one, fx%one
			x1 := min(x0+1, p.width-1)
			upper := int(p.pixels[y0*p.width+x0])*(one-wx) + int(p.pixels[y0*p.width+x1])*wx
			lower := int(p.pixels[y1*p.width+x0])*(one-wx) + int(p.pixels[y1*p.width+x1])*wx
			q.pixels[y*q.width+x] = byte((upper*(one-wy) + lower*wy) / (one * one))
		}
	}
}

// sums returns the sums of all pixels above and to the left: one more row and column.
func (p plane) sums() []int64 {
	s, w := make([]int64, (p.width+1)*(p.height+1)), p.width+1
	for y := range p.height {
		var line int64
		for x := range p.width {
			line += int64(p.pixels[y*p.width+x])
			s[(y+1)*w+x+1] = s[y*w+x+1] + line
		}
	}
	return s
}

// around calls f with every pixel's place and the mean of those up to radius away.
func (p plane) around(radius int, f func(i int, mean int)) {
	s, w := p.sums(), p.width+1
	for y := range p.height {
		top, bottom := max(0, y-radius), min(p.height, y+radius+1)
		for x := range p.width {
			left, right := max(0, x-radius), min(p.width, x+radius+1)
			sum := s[bottom*w+right] - s[top*w+right] - s[bottom*w+left] + s[top*w+left]
			f(y*p.width+x, int(sum/int64((bottom-top)*(right-left))))
		}
	}
}

// blurred returns the plane with every pixel the mean of those up to radius away.
func (p plane) blurred(radius int) plane {
	if radius == 0 {
		return p
	}
	q := plane{p.width, p.height, make([]byte, len(p.pixels))}
	p.around(radius, func(i, mean int) { q.pixels[i] = byte(mean) })
	return q
}

// matrix makes the plane black and white.
func (p plane) matrix(a attempt) matrix {
	bits, err := gozxing.NewBitMatrix(p.width, p.height)
	if err != nil {
		panic("qr: internal error: " + err.Error()) // for a plane without pixels only
	}
	set := func(i, threshold int) {
		if (int(p.pixels[i]) < threshold) != a.inverted {
			bits.Set(i%p.width, i/p.width)
		}
	}
	if a.window == 0 {
		threshold := p.threshold()
		for i := range p.pixels {
			set(i, threshold)
		}
		return matrix{bits}
	}
	p.around(max(2, max(p.width, p.height)/a.window/2), set)
	return matrix{bits}
}

// threshold returns what divides dark from light best: the greatest variance between the
// two (N. Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9, 1979).
func (p plane) threshold() int {
	var histogram [256]int
	total := 0
	for _, v := range p.pixels {
		histogram[v]++
		total += int(v)
	}
	best, at, dark, darkSum := 0.0, 128, 0, 0
	for v, n := range histogram {
		dark += n
		darkSum += v * n
		light := len(p.pixels) - dark
		if dark == 0 || light == 0 {
			continue
		}
		apart := float64(darkSum)/float64(dark) - float64(total-darkSum)/float64(light)
		if variance := float64(dark) * float64(light) * apart * apart; variance > best {
			best, at = variance, v+1
		}
	}
	return at
}
