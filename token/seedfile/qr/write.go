package qr

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/encoder"
)

// margin is the quiet zone in modules: ISO/IEC 18004, Section 9.1.
const margin = 4

// MaxScale is how many pixels wide a module may be. Our choice: the largest code, of 185
// modules with its quiet zone, then still has fewer than [MaxPixels].
const MaxScale = 40

// Write draws text as a QR code, with scale pixels for a module, 1 to [MaxScale], and the
// quiet zone around it. It corrects 15 % of errors (level M), or 7 % (L) where the text is so
// long; more than 2953 bytes fit in no code.
func Write(text string, scale int) (image.Image, error) {
	if scale < 1 || scale > MaxScale {
		return nil, fmt.Errorf("qr: %d pixels for a module are not possible; use 1 to %d", scale, MaxScale)
	}
	if text == "" || !utf8.ValidString(text) {
		return nil, errors.New("qr: there is no UTF-8 text to write")
	}
	code, err := encode(text)
	if err != nil {
		return nil, err
	}
	modules := code.GetMatrix()
	size := modules.GetWidth() + 2*margin
	picture := image.NewPaletted(image.Rect(0, 0, size*scale, size*scale), color.Palette{color.White, color.Black})
	for y := range size * scale {
		for x := range size * scale {
			column, row := x/scale-margin, y/scale-margin
			if min(column, row) >= 0 && max(column, row) < modules.GetWidth() && modules.Get(column, row) == 1 {
				picture.Pix[y*picture.Stride+x] = 1
			}
		}
	}
	return picture, nil
}

func encode(text string) (*encoder.QRCode, error) {
	for _, level := range []decoder.ErrorCorrectionLevel{decoder.ErrorCorrectionLevel_M, decoder.ErrorCorrectionLevel_L} {
		if code, err := encoder.Encoder_encode(text, level, hints(text)); err == nil {
			return code, nil
		}
	}
	return nil, fmt.Errorf("qr: a text of %d bytes fits in no QR code; at most 2953 do", len(text))
}
