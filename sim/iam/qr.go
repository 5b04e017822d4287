package iam

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"github.com/pquerna/otp"
)

// Our choices about the picture, in pixels: large enough for a phone to read from a screen, small enough to be drawn in
// some milliseconds, and the white around it four modules wide at least, as ISO/IEC 18004 wants it, for the 45 and more
// modules that such a text needs.
const (
	qrSize   = 300
	qrMargin = 28
)

// QRCode returns a PNG of the QR code that says an otpauth URI, for the pages of services beside IAM.
func QRCode(uri string) ([]byte, error) { return qrCode(uri) }

// qrCode returns a PNG of the QR code that says uri.
func qrCode(uri string) ([]byte, error) {
	key, err := otp.NewKeyFromURL(uri)
	if err != nil {
		return nil, err
	}
	code, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, err
	}
	const side = qrSize + 2*qrMargin
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range qrSize {
		for x := range qrSize {
			if gray, ok := code.At(x, y).(color.Gray16); ok && gray == color.Black {
				picture.SetColorIndex(x+qrMargin, y+qrMargin, 1)
			}
		}
	}
	var b bytes.Buffer
	err = png.Encode(&b, picture)
	return b.Bytes(), err
}
